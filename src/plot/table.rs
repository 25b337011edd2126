//! Tables of numbers, the better ones tinted.

use std::fmt::Write as _;

use super::escape;

/// One cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// From -1 (bad) over 0 (plain) to 1 (good).
    pub tint: f64,
    /// Whether it stands out.
    pub strong: bool,
}

/// A table whose first column names the rows.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    head: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
}

// === impl Cell ===

impl Cell {
    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

// === impl Grid ===

impl Grid {
    /// A table with these columns, the first of which names the rows.
    pub fn new(head: impl IntoIterator<Item = String>) -> Self {
        Self {
            head: head.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, name: &str, cells: Vec<Cell>) {
        self.rows.push((name.to_owned(), cells));
    }

    /// The table as HTML.
    pub fn render(&self) -> String {
        let mut head = String::new();
        for name in &self.head {
            let _ = write!(head, "<th>{}</th>", escape(name));
        }
        let mut body = String::new();
        for (name, cells) in &self.rows {
            let _ = write!(body, "<tr><th>{}</th>", escape(name));
            for cell in cells {
                let strength = 22.0 * cell.tint.abs().min(1.0);
                let colour = if cell.tint < 0.0 { "bad" } else { "good" };
                let strong = if cell.strong { " class=\"best\"" } else { "" };
                let _ = write!(
                    body,
                    "<td{strong} style=\"background:color-mix(in srgb,var(--{colour}) {strength:.0}%,transparent)\">{}</td>",
                    escape(&cell.text)
                );
            }
            body.push_str("</tr>");
        }
        format!(
            "<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
    }
}
