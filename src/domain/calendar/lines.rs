//! Content lines (RFC 5545, 3.1): unfolded, and split into name, parameters and value.

use crate::domain::bounds::short;

/// One content line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Of its first physical line, from 1.
    pub(super) number: usize,
    /// In upper case.
    pub(super) name: String,
    /// Names in upper case; values without their quotes.
    pub(super) parameters: Vec<(String, String)>,
    pub(super) value: String,
}

/// All content lines.
///
/// # Errors
/// Names the line.
pub(super) fn all(text: &str) -> Result<Vec<Line>, String> {
    let mut logical: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix([' ', '\t']), logical.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => logical.push((index + 1, line.to_owned())),
        }
    }
    let each = logical.into_iter();
    each.map(|(number, line)| Line::parse(number, &line))
        .collect()
}

// === impl Line ===

impl Line {
    fn parse(number: usize, line: &str) -> Result<Self, String> {
        let colon = outside_quotes(line, ':').next();
        let colon = colon.ok_or_else(|| {
            format!(
                "line {number}: `{}` has no `:` between a name and a value",
                short(line)
            )
        })?;
        let (head, value) = (&line[..colon], &line[colon + 1..]);
        let mut parts = split_outside_quotes(head, ';');
        let name = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(format!(
                "line {number}: `{}` is no name of a property",
                short(&name)
            ));
        }
        let parameters = parts
            .map(|part| {
                let (name, value) = part.split_once('=').ok_or_else(|| {
                    format!("line {number}: the parameter `{}` has no `=`", short(part))
                })?;
                Ok((name.trim().to_ascii_uppercase(), value.replace('"', "")))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            number,
            name,
            parameters,
            value: value.trim().to_owned(),
        })
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.parameters.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A mistake in it.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) -> String {
        format!(
            "line {}: `{}` is `{}`: {what}",
            self.number,
            self.name,
            short(&self.value)
        )
    }

    /// The value of a text, without its escapes.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut characters = self.value.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some('n' | 'N') => text.push('\n'),
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                plain => text.push(plain),
            }
        }
        text
    }
}

/// Where `separator` stands outside of quotes.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = usize> {
    let mut quoted = false;
    text.char_indices().filter_map(move |(at, character)| {
        quoted ^= character == '"';
        (character == separator && !quoted).then_some(at)
    })
}

fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut begin = 0;
    let ends = outside_quotes(text, separator).chain([text.len()]);
    ends.map(move |end| {
        let part = &text[begin..end];
        begin = end + separator.len_utf8();
        part
    })
}
