//! What can be wrong with a file of history.

use std::io;
use std::path::{Path, PathBuf};

/// A file that can't be used; its text names file and place, and says what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file can't be opened, read or written.
    #[error("failed to {what} `{}`: {source}", path.display())]
    Io {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file as a whole can't be used.
    #[error("`{}`: {text}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong and what is allowed.
        text: String,
    },
    /// One row can't be used.
    #[error("`{}`, {word} {place}: {text}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// What `place` counts: `line` or `row`.
        word: &'static str,
        /// From 1.
        place: u64,
        /// What is wrong and what is allowed.
        text: String,
    },
}

// === impl DatasetError ===

impl DatasetError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn file(path: &Path, text: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            text: text.into(),
        }
    }

    pub(super) fn row(path: &Path, word: &'static str, place: u64, text: String) -> Self {
        Self::Row {
            path: path.to_owned(),
            word,
            place,
            text,
        }
    }
}
