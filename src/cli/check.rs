//! `forescale check FILE…`: validates ScaledObject and PredictiveAutoscaler manifests offline, with the very code that
//! judges their metadata when KEDA calls, and prints the settings that come out of each trigger. A file of the server's own settings is validated as
//! the server does at its start, the workloads that stand in it as triggers are.
//!
//! A trigger counts as Forescale's when its type is `external` or `external-push` and one of these holds: its
//! `scalerAddress` contains `forescale`, it contains an address given by `--scaler-address`, or its metadata has a `query`
//! or one of Forescale's own keys. Triggers of other types, and external ones of other scalers, are left alone.
//!
//! Exit code 0: nothing wrong; 1: a mistake was found; 2: a file could not be read, or is not YAML.

mod predictive_autoscaler;
mod report;
mod scaled_object;
mod server;
mod settings;
pub(super) mod yaml;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::scaled_object::{Checker, Finding, Object, Severity};

/// A manifest is at most this large.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Validate ScaledObject manifests offline and print the effective settings of each trigger.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// YAML files, each with one or more documents; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Part of the `scalerAddress` of Forescale, where that does not contain `forescale` (may be given several times)
    #[arg(long, value_name = "TEXT")]
    pub scaler_address: Vec<String>,
}

/// How the result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing is wrong.
    Fine,
    /// A mistake was found.
    Mistake,
    /// A file could not be read, or is not YAML.
    Unreadable,
}

/// What was found in one file.
#[derive(Debug)]
struct Checked {
    /// Its name, as it was given.
    file: String,
    /// Its text, for pointing into.
    text: String,
    objects: Vec<Object>,
    findings: Vec<Finding>,
    outcome: Outcome,
}

impl Outcome {
    /// The code that the process ends with.
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Fine => 0,
            Self::Mistake => 1,
            Self::Unreadable => 2,
        })
    }
}

/// Checks every file and writes the result to `out`.
///
/// # Errors
/// When `out` can't be written to. What is wrong with the files is no error here but the [`Outcome`].
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let checker = Checker::new(args.scaler_address.clone());
    let files: Vec<_> = args
        .files
        .iter()
        .map(|file| check_file(&checker, file))
        .collect();
    match args.format {
        Format::Text => report::text(&files, out)?,
        Format::Json => report::json(&files, out)?,
    }
    let worst = files.iter().map(|file| file.outcome).max();
    Ok(worst.unwrap_or(Outcome::Fine))
}

fn check_file(checker: &Checker, file: &Path) -> Checked {
    let name = if file == Path::new("-") {
        "<stdin>".to_owned()
    } else {
        file.display().to_string()
    };
    match read(file) {
        Ok(text) => check_text(checker, name, text),
        Err(error) => Checked {
            findings: vec![Finding::nowhere(format!(
                "failed to read `{name}`: {error}"
            ))],
            file: name,
            text: String::new(),
            objects: Vec::new(),
            outcome: Outcome::Unreadable,
        },
    }
}

fn check_text(checker: &Checker, file: String, text: String) -> Checked {
    let (documents, broken) = yaml::parse(&text);
    let (mut objects, mut findings) = checker.check(&documents);
    if let [document] = documents.as_slice()
        && server::is_settings(document)
    {
        server::check(&file, &text, document, &mut objects, &mut findings);
    }
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    let mut outcome = if findings.iter().any(is_error) {
        Outcome::Mistake
    } else {
        Outcome::Fine
    };
    if let Some(broken) = broken {
        findings.push(Finding::error(
            broken.place,
            format!("this is not YAML: {}", broken.text),
        ));
        outcome = Outcome::Unreadable;
    }
    findings.sort_by_key(|finding| finding.place.map(|place| (place.line, place.column)));
    Checked {
        file,
        text,
        objects,
        findings,
        outcome,
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let size = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(MAX_FILE + 1)
            .read_to_string(&mut text)?
    } else {
        std::fs::File::open(file)?
            .take(MAX_FILE + 1)
            .read_to_string(&mut text)?
    };
    if size as u64 > MAX_FILE {
        return Err(std::io::Error::other("it is larger than 16 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
