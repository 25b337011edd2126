//! Where a report goes, and in which form, for the commands that end in one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

use crate::dataset::{Atomic, LeftOut};

/// How the result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
    /// One page with charts.
    Html,
}

/// What names standard output itself: not to be replaced by a file where it is redirected to one.
const STDOUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Standard output, or a file that is whole or not there at all.
#[derive(Debug)]
pub(super) struct Output(Option<PathBuf>);

// === impl Format ===

impl Format {
    /// `report` in this form.
    ///
    /// # Errors
    /// When it can't be put into JSON.
    pub(super) fn render<T: Serialize>(
        self,
        report: &T,
        table: fn(&T) -> String,
        html: fn(&T) -> String,
    ) -> anyhow::Result<String> {
        Ok(match self {
            Self::Table => table(report),
            Self::Html => html(report),
            Self::Json => {
                let mut text = serde_json::to_string_pretty(report)?;
                text.push('\n');
                text
            }
        })
    }
}

// === impl Output ===

impl Output {
    /// Tried before the work, so that a path that can't be written fails at once.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = path.filter(|path| STDOUT.iter().all(|name| *path != Path::new(name)));
        if let Some(path) = path {
            Atomic::probe(path).with_context(|| failed(path))?;
        }
        Ok(Self(path.map(Path::to_owned)))
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// When the file or the terminal can't be written.
    pub(super) fn write(self, text: &str) -> anyhow::Result<()> {
        match self.0 {
            None => super::print(text),
            Some(path) => save(&path, text),
        }
    }
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// When it can't be written.
pub(super) fn save(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut file = Atomic::create(path).with_context(|| failed(path))?;
    file.write_all(content.as_ref())
        .and_then(|()| file.commit())
        .with_context(|| failed(path))
}

/// Names on stderr what a report lacks, and says how the process ends for it.
pub(super) fn tell_left_out(left_out: &[LeftOut]) -> ExitCode {
    for LeftOut { name, why } in left_out {
        // Nobody needs to know that stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "left out: `{name}`: {why}");
    }
    if left_out.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is wrong where nothing could be used.
pub(super) fn nothing_but(left_out: &[LeftOut]) -> anyhow::Error {
    let whys = left_out.iter();
    let whys = whys.map(|it| format!("`{}`: {}", it.name, it.why));
    anyhow::anyhow!(whys.collect::<Vec<_>>().join("\n       "))
}

fn failed(path: &Path) -> String {
    format!("failed to write `{}`", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_by_name_is_no_file() {
        for name in STDOUT {
            assert!(Output::open(Some(Path::new(name))).unwrap().0.is_none());
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        assert_eq!(Output::open(Some(&file)).unwrap().0, Some(file));
    }
}
