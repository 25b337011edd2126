//! The page around charts and tables.

use std::fmt::Write as _;

use super::escape;

/// A page that is being put together.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    lede: String,
    body: String,
}

pub(super) const STYLE: &str = include_str!("page.css");

// === impl Page ===

impl Page {
    /// An empty page.
    pub fn new(title: &str, lede: &str) -> Self {
        Self {
            title: title.to_owned(),
            lede: lede.to_owned(),
            body: String::new(),
        }
    }

    /// Adds a card with a heading, a text (both plain) and HTML.
    pub fn section(&mut self, heading: &str, text: &str, html: &str) {
        let text = match text {
            "" => String::new(),
            text => format!("<p>{}</p>", escape(text)),
        };
        let heading = escape(heading);
        let _ = writeln!(
            self.body,
            "<section><h2>{heading}</h2>{text}{html}</section>"
        );
    }

    /// The whole file.
    pub fn render(&self) -> String {
        let (title, lede) = (escape(&self.title), escape(&self.lede));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             </head>\n<body>\n<header><h1>{title}</h1><p>{lede}</p></header>\n<main>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }
}
