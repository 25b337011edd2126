//! What the flags of several commands have in common: files that are read and written, models that are named, numbers.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::Failure;
use crate::analyze::models::Registry;
use crate::dataset::STDIN;
use crate::domain::ModelChoice;

/// Files that a command reads, each with the flag that names it.
#[derive(Debug, Default)]
pub(super) struct Files<'a>(Vec<(&'a str, &'a Path)>);

// === impl Files ===

impl<'a> Files<'a> {
    /// The same with these too.
    pub(super) fn with<P: AsRef<Path> + ?Sized + 'a>(
        mut self,
        flag: &'a str,
        files: impl IntoIterator<Item = &'a P>,
    ) -> Self {
        self.0
            .extend(files.into_iter().map(|file| (flag, file.as_ref())));
        self
    }

    /// That standard input is asked for once at most: the second reader would find it empty.
    ///
    /// # Errors
    /// When it is asked for twice; names both flags.
    pub(super) fn stdin_once(&self) -> Result<(), Failure> {
        let mut asked = self.0.iter().filter(|(_, file)| *file == Path::new(STDIN));
        match (asked.next(), asked.next()) {
            (Some((one, _)), Some((other, _))) => Err(Failure::usage(anyhow!(
                "`{one} -` and `{other} -` both read standard input, which can be read once: give one of them a file"
            ))),
            _ => Ok(()),
        }
    }

    /// That writing to `output` of this flag replaces none of them.
    ///
    /// # Errors
    /// When it is one of them, by whatever path; names both flags.
    pub(super) fn spared_by(&self, flag: &str, output: Option<&Path>) -> Result<(), Failure> {
        let Some((output, place)) = output.and_then(|it| Some((it, place(it)?))) else {
            return Ok(());
        };
        let same = |(_, file): &&(&str, &Path)| self::place(file).as_ref() == Some(&place);
        match self.0.iter().find(same) {
            Some((other, _)) => Err(Failure::usage(anyhow!(
                "`{flag}` and `{other}` are the same file, `{}`, which would be replaced: give another name to `{flag}`",
                output.display()
            ))),
            None => Ok(()),
        }
    }
}

/// Where a file is, or will be, whatever path leads there; `None` for what is no regular file and is not replaced.
fn place(path: &Path) -> Option<PathBuf> {
    if let Ok(there) = fs::canonicalize(path) {
        return there.is_file().then_some(there);
    }
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
    Some(folder.join(path.file_name()?))
}

/// That there is the model that `flag` names: a stand-in would make its figures otherwise.
///
/// # Errors
/// When there is none, or it fails to load; says where it was looked for.
pub(super) fn known_model(
    flag: &str,
    models: &Registry,
    choice: &ModelChoice,
) -> Result<(), Failure> {
    let found = models.get(choice, None).map(drop);
    found.map_err(|error| Failure::usage(anyhow!("{flag}: {error}")))
}

/// That these are folders.
///
/// # Errors
/// The first one that is none.
pub(super) fn model_dirs(folders: &[PathBuf]) -> Result<(), Failure> {
    match folders.iter().find(|folder| !folder.is_dir()) {
        Some(folder) => Err(Failure::usage(anyhow!(
            "`--model-dir`: there is no folder `{}`",
            folder.display()
        ))),
        None => Ok(()),
    }
}

/// Whether a trigger in this mode tells KEDA the reactive number, whatever is planned.
pub(super) fn tells_no_plan(mode: &str) -> bool {
    matches!(mode, "shadow" | "reactive")
}

/// `--jobs`
pub(super) fn jobs(text: &str) -> Result<NonZero<usize>, String> {
    let read = text.trim().parse::<usize>().ok().and_then(NonZero::new);
    read.ok_or_else(|| "allowed: a whole number from 1 on".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_not_written_to_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("own.csv");
        fs::write(&input, "0,1\n60,2\n").unwrap();
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink(&input, &link).unwrap();
        let around = folder.path().join(".").join("own.csv");
        let read = Files::default()
            .with("--config", None::<&PathBuf>)
            .with("--input", [&input]);
        for output in [&input, &link, &around] {
            let error = read.spared_by("--output", Some(output)).unwrap_err();
            assert_eq!(error.code, 2);
            let text = error.error.to_string();
            assert!(
                text.contains("`--output` and `--input`")
                    && text.contains(&output.display().to_string()),
                "{text}"
            );
        }
        let fresh = folder.path().join("report.html");
        for output in [Some(fresh.as_path()), Some(Path::new("/dev/null")), None] {
            assert!(read.spared_by("--output", output).is_ok(), "{output:?}");
        }
        // Neither of two that are written is there yet.
        let written = Files::default().with("--output", [&fresh]);
        assert!(written.spared_by("--card", Some(&fresh)).is_err());
    }

    #[test]
    fn standard_input_is_read_once() {
        let once = Files::default().with("--input", ["-", "web.csv"]);
        assert!(once.stdin_once().is_ok());
        let twice = once.with("--scaled-object", ["-"]);
        let text = twice.stdin_once().unwrap_err().error.to_string();
        assert!(
            text.starts_with("`--input -` and `--scaled-object -`"),
            "{text}"
        );
    }

    #[test]
    fn no_job_at_all_is_refused_with_what_is_allowed() {
        assert_eq!(jobs("3").unwrap().get(), 3);
        for wrong in ["0", "-1", "many"] {
            assert!(jobs(wrong).unwrap_err().contains("from 1 on"), "{wrong}");
        }
    }
}
