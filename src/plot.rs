//! Reports that are one HTML file: tables and SVG charts, light and dark, nothing loaded from anywhere.
//!
//! A [`Page`] takes sections of HTML; a [`Chart`] draws lines, bands and dots over two axes. All text from outside goes
//! through [`escape`].

mod axis;
mod chart;
mod page;
mod table;

pub use axis::Axis;
pub use chart::{Chart, Point};
pub use page::Page;
pub use table::{Cell, Grid};

/// Colours that a chart can tell apart; the next ones repeat.
pub const COLOURS: usize = 10;

/// `text` as it may stand in HTML and in attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A list of plain texts as HTML; nothing when there are none.
pub fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items: Vec<String> = items.iter().map(|item| escape(item)).collect();
    format!("<ul><li>{}</li></ul>", items.join("</li><li>"))
}

/// A number in three or four digits, as people read it.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".to_owned();
    }
    if size >= 1e7 || (size > 0.0 && size < 1e-3) {
        return format!("{value:.2e}");
    }
    let decimals = match size {
        s if s >= 100.0 || s == 0.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests;
