//! Paper for the answer: a column of labels, a column of text that is broken at words.

/// Characters in a line.
const WIDTH: usize = 100;
/// Characters of the first column, its indent included.
const LABEL: usize = 13;

/// Lines as they are written.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: String,
}

impl Sheet {
    /// A line of its own, with nothing before it.
    pub(super) fn heading(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A paragraph below the heading.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.broken("  ", "  ", text);
    }

    /// Lines that belong to one label, each beginning on a line of its own.
    pub(super) fn rows(&mut self, label: &str, texts: impl IntoIterator<Item = String>) {
        let mut label = format!("  {label}");
        for text in texts {
            self.broken(&format!("{label:<LABEL$}"), &" ".repeat(LABEL), &text);
            label.clear();
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn broken(&mut self, first: &str, others: &str, text: &str) {
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.heading(line.trim_end());
                others.clone_into(&mut line);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.heading(line.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_hang_below_their_own_beginning() {
        let mut sheet = Sheet::default();
        sheet.rows("Why", ["one".to_owned(), "word ".repeat(30)]);
        let text = sheet.finish();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "  Why        one");
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[2].starts_with("             word"), "{text}");
    }

    #[test]
    fn a_word_longer_than_the_line_stays_whole() {
        let mut sheet = Sheet::default();
        let word = "x".repeat(2 * WIDTH);
        sheet.paragraph(&format!("a {word} b"));
        assert!(sheet.finish().contains(&format!("  {word}\n  b")));
    }
}
