//! A Rust file, read just well enough to know what it refers to.

/// One file under `src/`.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path under `src/`.
    pub(crate) name: String,
    /// Number of lines, test code not counted.
    pub(crate) lines: usize,
    /// Whether all of it is test code.
    pub(crate) is_test: bool,
    /// Every path, as segments, `crate` first where it is ours, and its line.
    pub(crate) paths: Vec<(Vec<String>, usize)>,
    /// Every identifier and keyword, and its line.
    pub(crate) words: Vec<(String, usize)>,
    /// Every string literal, and its line.
    pub(crate) strings: Vec<(String, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Word,
    Text,
    Mark,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    text: String,
    line: usize,
}

impl Token {
    fn is(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

impl Source {
    /// Reads `text`, the content of `src/{name}`.
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        let (tokens, test_lines) = without_tests(&tokens(text));
        let tokens = if is_test { Vec::new() } else { tokens };
        let place = module_of(name);
        let paths = paths(&tokens)
            .into_iter()
            .map(|(path, line)| (resolve(&place, path), line))
            .collect();
        let of_kind = |kind: Kind| {
            let wanted = tokens.iter().filter(move |token| token.kind == kind);
            wanted
                .map(|token| (token.text.clone(), token.line))
                .collect()
        };
        Self {
            name: name.to_owned(),
            lines: text.lines().count() - test_lines,
            is_test,
            paths,
            words: of_kind(Kind::Word),
            strings: of_kind(Kind::Text),
        }
    }

    /// The room: the first folder or the file's own name.
    pub(crate) fn room(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

/// `monitor/window.rs` is module `monitor`, `window`; `lib.rs` and `main.rs` are the root.
fn module_of(name: &str) -> Vec<String> {
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    if stem == "lib" || stem == "main" {
        return Vec::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

/// Makes `super::` and `self::` start at `crate`.
fn resolve(place: &[String], path: Vec<String>) -> Vec<String> {
    let mut base = place.to_vec();
    let mut rest = path.as_slice();
    match rest.first().map(String::as_str) {
        Some("self") => rest = &rest[1..],
        Some("super") => {}
        _ => return path,
    }
    while rest.first().is_some_and(|segment| segment == "super") {
        base.pop();
        rest = &rest[1..];
    }
    let root = std::iter::once("crate".to_owned());
    root.chain(base).chain(rest.iter().cloned()).collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let (end, kind, text) = next_token(&chars, at);
        if let Some(kind) = kind {
            tokens.push(Token { kind, text, line });
        }
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// End, kind (`None` for what is skipped) and text of the token at `at`.
fn next_token(chars: &[char], at: usize) -> (usize, Option<Kind>, String) {
    let rest = &chars[at..];
    let starts = |text: &str| {
        text.chars().zip(rest).filter(|(a, b)| a == *b).count() == text.chars().count()
    };
    let first = rest[0];
    if first.is_whitespace() {
        return (at + 1, None, String::new());
    }
    if starts("//") {
        let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
        return (at + length, None, String::new());
    }
    if starts("/*") {
        return (at + comment_length(rest), None, String::new());
    }
    if let Some((length, text)) = string(rest) {
        return (at + length, Some(Kind::Text), text);
    }
    if first == '\'' {
        return (at + quote_length(rest), None, String::new());
    }
    if first.is_alphanumeric() || first == '_' {
        let length = rest.iter().position(|c| !c.is_alphanumeric() && *c != '_');
        let length = length.unwrap_or(rest.len());
        let kind = if first.is_ascii_digit() {
            None
        } else {
            Some(Kind::Word)
        };
        return (at + length, kind, rest[..length].iter().collect());
    }
    let mark = if starts("::") {
        "::".to_owned()
    } else {
        first.to_string()
    };
    (at + mark.len(), Some(Kind::Mark), mark)
}

/// Length of a block comment; they nest.
fn comment_length(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// A string literal of any kind at the start of `rest`: its length and content.
fn string(rest: &[char]) -> Option<(usize, String)> {
    let prefix = rest
        .iter()
        .take_while(|c| matches!(c, 'b' | 'c' | 'r'))
        .count();
    let raw = rest[..prefix].contains(&'r');
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if prefix > 2 || rest.get(open) != Some(&'"') || (hashes > 0 && !raw) {
        return None;
    }
    let mut at = open + 1;
    while at < rest.len() {
        if rest[at] == '\\' && !raw {
            at += 2;
            continue;
        }
        let closed = rest[at] == '"'
            && rest[at + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes;
        if closed {
            break;
        }
        at += 1;
    }
    let end = at.min(rest.len());
    Some((
        (at + 1 + hashes).min(rest.len()),
        rest[open + 1..end].iter().collect(),
    ))
}

/// Length of a character literal, or of a lifetime's quote and name.
fn quote_length(rest: &[char]) -> usize {
    match (rest.get(1), rest.get(2)) {
        (Some('\\'), _) => rest[3..]
            .iter()
            .position(|c| *c == '\'')
            .map_or(rest.len(), |end| end + 4),
        (Some(_), Some('\'')) => 3,
        _ => {
            let name = rest[1..]
                .iter()
                .take_while(|c| c.is_alphanumeric() || **c == '_');
            1 + name.count()
        }
    }
}

/// Leaves out items under `#[cfg(test)]`; also how many lines they take.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, usize) {
    let mut kept = Vec::with_capacity(tokens.len());
    let (mut at, mut lines) = (0, 0);
    while at < tokens.len() {
        if !is_test_attribute(&tokens[at..]) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = item_end(tokens, at);
        let last = tokens
            .get(end.saturating_sub(1))
            .map_or(0, |token| token.line);
        lines += last + 1 - tokens[at].line;
        at = end;
    }
    (kept, lines)
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    let head: Vec<&str> = tokens
        .iter()
        .take(7)
        .map(|token| token.text.as_str())
        .collect();
    head == ["#", "[", "cfg", "(", "test", ")", "]"]
}

/// The token after the item that begins at `start`: after its semicolon, or its outermost closing brace.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let (mut depth, mut in_brackets) = (0_usize, 0_usize);
    for (at, token) in tokens.iter().enumerate().skip(start) {
        if token.kind != Kind::Mark {
            continue;
        }
        match token.text.as_str() {
            "[" | "(" => in_brackets += 1,
            "]" | ")" => in_brackets = in_brackets.saturating_sub(1),
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 && in_brackets == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Every path of at least one segment that stands at the start of a `use` or has a `::` in it.
fn paths(tokens: &[Token]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let follows = at > 0 && (tokens[at - 1].is("::") || tokens[at - 1].is("."));
        if token.is_word("use") {
            at = tree(tokens, at + 1, &[], &mut found);
        } else if token.kind == Kind::Word
            && !follows
            && tokens.get(at + 1).is_some_and(|t| t.is("::"))
        {
            at = tree(tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads a path with the tree at its end, if it has one; the token after it.
fn tree(
    tokens: &[Token],
    start: usize,
    prefix: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut at = start;
    let line = tokens.get(start).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        if token.kind == Kind::Word && !(token.is_word("as") && path.len() > prefix.len()) {
            // `{self}` in a tree means the prefix itself.
            if !token.is_word("self") || prefix.is_empty() {
                path.push(token.text.clone());
            }
            at += 1;
        } else if token.is("::") {
            at += 1;
            continue;
        } else if token.is("{")
            && at > 0
            && (tokens[at - 1].is("::") || tokens[at - 1].is_word("use"))
        {
            return branches(tokens, at + 1, &path, found);
        } else {
            break;
        }
        if !tokens.get(at).is_some_and(|next| next.is("::")) {
            break;
        }
    }
    if !path.is_empty() {
        found.push((path, line));
    }
    at.max(start + 1)
}

/// The branches between braces; the token after the closing one.
fn branches(
    tokens: &[Token],
    start: usize,
    prefix: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        if token.is("}") {
            return at + 1;
        }
        if token.is("{") {
            at = branches(tokens, at + 1, prefix, found);
        } else if token.is(",") {
            at += 1;
        } else if token.is_word("as") {
            // The new name is no path.
            at += 2;
        } else {
            at = tree(tokens, at, prefix, found);
        }
    }
    at
}
