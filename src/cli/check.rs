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
mod query;
mod report;
mod scaled_object;
mod server;
mod settings;
pub(super) mod spec;
mod twice;
pub(super) mod yaml;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::scaled_object::{Checker, Finding, Object, Severity};
use self::yaml::Node;

/// A manifest is at most this large.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Kinds or keys of a file without anything of ours that are named.
const SHOWN: usize = 5;

const AFTER_HELP: &str = "\
Checked are ScaledObjects and PredictiveAutoscalers, those in a `List` too, and files of the server's own settings (as `serve --config` \
takes them) with the workloads in them. Other objects, and triggers of other scalers, are left alone; a file in which nothing can be \
checked gets a warning.

Exit codes: 0 nothing is wrong (there may be warnings and hints), 1 a mistake was found, 2 a file can't be read or is not YAML, or wrong usage.";

/// Validate ScaledObjects, PredictiveAutoscalers and the server's settings offline and print the effective settings of each trigger.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
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
    /// Whether it holds settings of the server.
    settings: bool,
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

impl Checked {
    /// Findings in the order of their places.
    fn sort(&mut self) {
        let place = |finding: &Finding| finding.place.map(|place| (place.line, place.column));
        self.findings.sort_by_key(place);
    }
}

/// Checks every file and writes the result to `out`.
///
/// # Errors
/// When `out` can't be written to. What is wrong with the files is no error here but the [`Outcome`].
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let checker = Checker::new(args.scaler_address.clone());
    let mut files: Vec<_> = args
        .files
        .iter()
        .map(|file| check_file(&checker, file))
        .collect();
    twice::check(&mut files);
    match args.format {
        Format::Text => report::text(&files, out)?,
        Format::Json => report::json(&files, out)?,
    }
    let worst = files.iter().map(|file| file.outcome).max();
    Ok(worst.unwrap_or(Outcome::Fine))
}

fn check_file(checker: &Checker, file: &Path) -> Checked {
    let name = name_of(file);
    match read(file) {
        Ok(text) => check_text(checker, name, text),
        Err(error) => Checked {
            findings: vec![Finding::nowhere(format!(
                "failed to read `{name}`: {error}"
            ))],
            file: name,
            text: String::new(),
            settings: false,
            objects: Vec::new(),
            outcome: Outcome::Unreadable,
        },
    }
}

fn check_text(checker: &Checker, file: String, text: String) -> Checked {
    let (documents, broken) = yaml::parse(&text);
    let (mut objects, mut findings) = checker.check(&documents);
    let settings = match documents.as_slice() {
        [document] if server::is_settings(document) => {
            server::check(&file, &text, document, &mut objects, &mut findings);
            true
        }
        _ => false,
    };
    if objects.is_empty() && findings.is_empty() && !settings && broken.is_none() {
        findings.push(nothing(&file, &documents));
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
    let mut found = Checked {
        file,
        text,
        settings,
        objects,
        findings,
        outcome,
    };
    found.sort();
    found
}

/// That a file was not what it was taken for, with what it has instead.
fn nothing(file: &str, documents: &[Node]) -> Finding {
    let objects = yaml::objects(documents);
    let kinds: BTreeSet<&str> = objects.iter().filter_map(|it| it.text_of("kind")).collect();
    let keys = documents.iter().flat_map(Node::entries);
    let keys: BTreeSet<&str> = keys.map(|entry| entry.key.as_str()).collect();
    let (found, known) = if kinds.is_empty() {
        (keys, server::KEYS.as_slice())
    } else {
        (kinds, scaled_object::KINDS.as_slice())
    };
    let listed = |names: &mut dyn Iterator<Item = &str>| {
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    // KEDA's other kind is no misspelling.
    let near = (found.iter())
        .filter(|name| **name != scaled_object::SCALED_JOB)
        .map(|name| scaled_object::nearest(name, known.iter().copied()))
        .find(|near| !near.is_empty());
    let near = near.unwrap_or_default();
    let found = match listed(&mut found.into_iter().take(SHOWN)) {
        found if found.is_empty() => String::new(),
        found => format!("; it has {found}{near}"),
    };
    Finding::about(
        documents.first().map(|document| document.place),
        format!(
            "nothing in `{file}` can be checked: that takes an object of the kind {}, or settings of the server, which have one of {}{found}",
            listed(&mut scaled_object::KINDS.into_iter()),
            listed(&mut server::KEYS.into_iter()),
        ),
    )
}

/// The file as messages call it; `-` is standard input.
pub(super) fn name_of(file: &Path) -> String {
    if file == Path::new("-") {
        "<stdin>".to_owned()
    } else {
        file.display().to_string()
    }
}

/// The text of a manifest; `-` is standard input.
///
/// # Errors
/// When it can't be read, is no text, or is too large.
pub(super) fn read(file: &Path) -> std::io::Result<String> {
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
