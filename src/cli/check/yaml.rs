//! YAML with places: where each key and value stands, how a scalar was written, and which keys are repeated. Types are
//! left as written, because Kubernetes' own rules for them are what matters here.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

/// Deeper documents are refused.
const MAX_DEPTH: usize = 128;
/// Documents with more nodes are refused, aliases counted as often as they are used.
const MAX_NODES: usize = 500_000;

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Place {
    /// From 1.
    pub(in crate::cli) line: usize,
    /// In characters, from 1.
    pub(in crate::cli) column: usize,
    /// In characters, on that line.
    pub(in crate::cli) width: usize,
}

/// A value.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Node {
    pub(in crate::cli) place: Place,
    pub(in crate::cli) value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(in crate::cli) enum Value {
    /// A scalar; a plain one (without quotes or a string tag) may be a number, a boolean or null.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping, repeated keys included.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) key: String,
    pub(in crate::cli) place: Place,
    pub(in crate::cli) value: Node,
}

/// Where and why a text is no YAML.
#[derive(Debug)]
pub(in crate::cli) struct Broken {
    pub(in crate::cli) place: Place,
    pub(in crate::cli) text: String,
}

/// The documents of `text`, as far as they can be read.
pub(in crate::cli) fn parse(text: &str) -> (Vec<Node>, Option<Broken>) {
    let mut builder = Builder {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut documents = Vec::new();
    loop {
        match builder.next() {
            Ok(None) => return (documents, None),
            Ok(Some((Event::DocumentStart(..), _))) => builder.anchors.clear(),
            Ok(Some((event, span))) if event.is_node() => match builder.node(event, span, 0) {
                Ok(node) => documents.push(node),
                Err(broken) => return (documents, Some(broken)),
            },
            Ok(Some(_)) => {}
            Err(broken) => return (documents, Some(broken)),
        }
    }
}

/// The objects in `documents`, those in a `List` (or one of a kind, `ScaledObjectList`) included and such lists themselves not.
pub(in crate::cli) fn objects(documents: &[Node]) -> Vec<&Node> {
    let mut found = Vec::new();
    for document in documents {
        let kind = document.text_of("kind").unwrap_or_default();
        match document.get("items") {
            Some(items) if kind.ends_with("List") => found.extend(objects(items.items())),
            _ => found.push(document),
        }
    }
    found
}

struct Builder<'a, I: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> {
    events: I,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a, I: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Builder<'a, I> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Broken> {
        self.events.next().transpose().map_err(|error| Broken {
            place: Place {
                line: error.marker().line(),
                column: error.marker().col() + 1,
                width: 1,
            },
            text: error.info(),
        })
    }

    /// The next event that is no comment or the like; a text that ends here is broken.
    fn inside(&mut self, place: Place) -> Result<(Event<'a>, Span), Broken> {
        loop {
            let Some((event, span)) = self.next()? else {
                return Err(broken(place, "the document ends within this"));
            };
            let ends = matches!(event, Event::SequenceEnd | Event::MappingEnd);
            if ends || event.is_node() {
                return Ok((event, span));
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Broken> {
        let place = place(span);
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(broken(place, "the document is too deep or too large"));
        }
        let anchor = event.anchor_id().unwrap_or(0);
        let value = match event {
            Event::Scalar(text, style, _, tag) => Value::Scalar {
                text: text.into_owned(),
                plain: style == ScalarStyle::Plain && !tag.is_some_and(|tag| is_string(&tag)),
            },
            Event::SequenceStart(..) => Value::List(self.list(place, depth)?),
            Event::MappingStart(..) => Value::Map(self.map(place, depth)?),
            Event::Alias(id) => return self.alias(id, place),
            _ => return Err(broken(place, "this can't stand here")),
        };
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, place: Place) -> Result<Node, Broken> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(broken(place, "this refers to nothing"));
        };
        // Counted before it is copied, so that a few aliases of aliases can't fill the memory.
        self.nodes += count(node);
        if self.nodes > MAX_NODES {
            return Err(broken(place, "the document is too large"));
        }
        Ok(Node {
            place,
            value: node.value.clone(),
        })
    }

    fn list(&mut self, place: Place, depth: usize) -> Result<Vec<Node>, Broken> {
        let mut items = Vec::new();
        loop {
            match self.inside(place)? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, place: Place, depth: usize) -> Result<Vec<Entry>, Broken> {
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.inside(place)?;
            if event == Event::MappingEnd {
                return Ok(merged(entries));
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.inside(key.place)?;
            let value = self.node(event, span, depth + 1)?;
            let Value::Scalar { text, .. } = key.value else {
                return Err(broken(key.place, "a key must be a word"));
            };
            entries.push(Entry {
                key: text,
                place: key.place,
                value,
            });
        }
    }
}

/// Takes over what `<<` merges in; keys that are there already win.
fn merged(mut entries: Vec<Entry>) -> Vec<Entry> {
    while let Some(at) = entries.iter().position(|entry| entry.key == "<<") {
        let sources = match entries.remove(at).value.value {
            Value::List(sources) => sources,
            value @ Value::Map(_) => vec![Node {
                place: Place {
                    line: 0,
                    column: 0,
                    width: 0,
                },
                value,
            }],
            Value::Scalar { .. } => continue,
        };
        for source in sources {
            if let Value::Map(more) = source.value {
                for entry in more {
                    if entries.iter().all(|known| known.key != entry.key) {
                        entries.push(entry);
                    }
                }
            }
        }
    }
    entries
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| 1 + count(&entry.value)).sum(),
    }
}

fn is_string(tag: &Tag) -> bool {
    tag.is_yaml_core_schema_tag("str")
}

fn place(span: Span) -> Place {
    let one_line = span.start.line() == span.end.line();
    let width = if one_line {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
        width: width.max(1),
    }
}

fn broken(place: Place, text: &str) -> Broken {
    Broken {
        place,
        text: text.to_owned(),
    }
}

// === impl Node ===

impl Node {
    /// The value under `key`, as [`Node::entry`] finds it.
    pub(in crate::cli) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key with its place; the last one where it is repeated, and none where it is null, which Kubernetes takes for absent.
    pub(in crate::cli) fn entry(&self, key: &str) -> Option<&Entry> {
        let written = self.written(key);
        written.filter(|entry| entry.value.not_a_string() != Some("null"))
    }

    /// The key with its place, whatever its value.
    pub(in crate::cli) fn written(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().rev().find(|entry| entry.key == key)
    }

    /// The keys and values of a mapping; none of anything else.
    pub(in crate::cli) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(in crate::cli) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The place of the deepest part of a path such as `spec.metric.target` or `spec.events[2]` that is written.
    pub(in crate::cli) fn deepest(&self, path: &str) -> Place {
        let (mut node, mut place) = (self, self.place);
        for part in path.split(['.', '[']) {
            let item = part.strip_suffix(']').map(str::parse::<usize>);
            let next = match item {
                Some(index) => index
                    .ok()
                    .and_then(|index| node.items().get(index))
                    .map(|it| (it, it.place)),
                None => node.written(part).map(|it| (&it.value, it.place)),
            };
            let Some(next) = next else { break };
            (node, place) = next;
        }
        place
    }

    /// The text of a scalar.
    pub(in crate::cli) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of the scalar under `key`.
    pub(in crate::cli) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// What Kubernetes takes the value for, when that is no string.
    pub(in crate::cli) fn not_a_string(&self) -> Option<&'static str> {
        match &self.value {
            Value::List(_) => Some("a list"),
            Value::Map(_) => Some("a mapping"),
            Value::Scalar { plain: false, .. } => None,
            Value::Scalar { text, plain: true } => plain_type(text),
        }
    }
}

/// The type of a plain scalar by the rules of YAML 1.1, which Kubernetes goes by.
fn plain_type(text: &str) -> Option<&'static str> {
    const BOOLEANS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "" | "~" | "null") {
        return Some("null");
    }
    if BOOLEANS.contains(&lower.as_str()) {
        return Some("a boolean");
    }
    let digits = lower.replace('_', "");
    let unsigned = digits.trim_start_matches(['+', '-']);
    let starts = |prefix, radix| {
        let rest = unsigned.strip_prefix(prefix);
        rest.is_some_and(|rest: &str| u64::from_str_radix(rest, radix).is_ok())
    };
    let decimal = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned
            .chars()
            .all(|c| c.is_ascii_digit() || "e.+-".contains(c))
        && digits.parse::<f64>().is_ok();
    let special = matches!(unsigned, ".inf" | ".nan");
    (decimal || special || starts("0x", 16) || starts("0o", 8) || starts("0b", 2))
        .then_some("a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_typed_as_kubernetes_types_them() {
        for (text, kind) in [
            ("100", Some("a number")),
            ("-1.5e3", Some("a number")),
            ("0x1F", Some("a number")),
            ("1_000", Some("a number")),
            ("yes", Some("a boolean")),
            ("~", Some("null")),
            ("10m", None),
            ("100%/1m", None),
            ("sum(up)", None),
            ("infinity", None),
        ] {
            assert_eq!(plain_type(text), kind, "{text}");
        }
    }

    #[test]
    fn aliases_and_merges_are_resolved_where_they_stand() {
        let text = "a: &base\n  x: one\nb:\n  <<: *base\n  y: two\nc: *base\n";
        let (documents, broken) = parse(text);
        assert!(broken.is_none());
        let root = &documents[0];
        assert_eq!(root.get("b").unwrap().text_of("x"), Some("one"));
        assert_eq!(root.get("c").unwrap().place.line, 6);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let line = |n: usize| {
            let item = if n == 0 {
                "x".to_owned()
            } else {
                format!("*a{}", n - 1)
            };
            format!("a{n}: &a{n} [{}]", vec![item; 10].join(", "))
        };
        let text: Vec<_> = (0..10).map(line).collect();
        let (_, broken) = parse(&text.join("\n"));
        assert!(broken.unwrap().text.contains("too large"));
    }

    #[test]
    fn a_syntax_error_has_a_place_and_keeps_the_documents_before_it() {
        let (documents, broken) = parse("a: 1\n---\nb: [1, 2\nc: 3\n");
        assert_eq!(documents.len(), 1);
        assert!(broken.unwrap().place.line >= 3);
    }
}
