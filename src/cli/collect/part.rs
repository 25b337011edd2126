//! What has been read so far: `OUTPUT.part`.
//!
//! Its first line says what was asked, as JSON. Each window then adds its rows and one line `#` that says how far it
//! reaches. Rows behind the last such line come from a write that was cut off; they are dropped, and their window is read
//! again.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use super::Args;
use crate::cli::Failure;
use crate::domain::{Sample, Timestamp};
use crate::monitor::{Fetched, Span};

/// What was asked, as far as it must be the same for going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    source: String,
    query: String,
    step_seconds: u64,
    since: String,
    until: Option<String>,
}

/// First line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    asked: Asked,
    /// Fixed by the first run, in milliseconds: on a later one the present is another.
    from_millis: i64,
    until_millis: i64,
}

/// Line behind each window.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// The window's last evaluation, in milliseconds.
    until: i64,
    not_finite: usize,
    warnings: Vec<String>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) samples: Vec<Sample>,
    pub(super) not_finite: usize,
    pub(super) warnings: Vec<String>,
    /// Whether an earlier run had read a part of it.
    pub(super) resumed: bool,
}

/// A part file; it is there once a window is in it.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    /// What the file begins with.
    head: String,
    file: Option<File>,
    span: Span,
    /// The last evaluation that has been read.
    reached: Option<Timestamp>,
    read: Read,
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(args: &Args, source: String) -> Self {
        let words = |moment| match moment {
            super::Moment::Before(length) => length.to_string(),
            super::Moment::At(at) => at.to_string(),
        };
        Self {
            source,
            query: args.query.clone(),
            step_seconds: args.step.get().as_secs(),
            since: words(args.since),
            until: args.until.map(words),
        }
    }
}

// === impl Part ===

impl Part {
    /// Goes on with the part file beside `output`, or begins one: instead of one that was begun with other flags where nothing
    /// has been read into that, or by `force`.
    pub(super) fn open(
        output: &Path,
        asked: &Asked,
        span: Span,
        force: bool,
    ) -> Result<Self, Failure> {
        let path = path_of(output);
        let failed = || format!("failed to use `{}`", path.display());
        if path.exists()
            && let Some(part) = Self::resume(&path, asked, span, force)?
        {
            return Ok(part);
        }
        let head = Head {
            asked: asked.clone(),
            from_millis: span.from.as_millis(),
            until_millis: span.until.as_millis(),
        };
        Ok(Self {
            head: serde_json::to_string(&head).with_context(failed)?,
            path,
            file: None,
            span,
            reached: None,
            read: Read::default(),
        })
    }

    /// What is there already; `None` when nothing of it is whole, or is wanted any more.
    fn resume(
        path: &Path,
        asked: &Asked,
        span: Span,
        force: bool,
    ) -> Result<Option<Self>, Failure> {
        let failed = || format!("failed to use `{}`", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .with_context(failed)?;
        let mut lines = Lines {
            reader: BufReader::new(&file),
            at: 0,
        };
        let Some(begin) = lines.next().with_context(failed)? else {
            return Ok(None);
        };
        let head: Head = serde_json::from_str(&begin).map_err(|_| {
            Failure::usage(anyhow!(
                "`{}` is no part file of `collect`: move it away",
                path.display()
            ))
        })?;
        let other = (head.asked != *asked).then(|| difference(&head.asked, asked));
        if other.is_some() && force {
            return Ok(None);
        }
        let span = Span {
            from: Timestamp::from_millis(head.from_millis),
            until: Timestamp::from_millis(head.until_millis),
            step: span.step,
        };
        let mut read = Read {
            resumed: true,
            ..Read::default()
        };
        let (mut reached, mut whole) = (None, (lines.at, 0));
        while let Some(line) = lines.next().with_context(failed)? {
            if let Some(mark) = line.strip_prefix('#') {
                let Ok(mark) = serde_json::from_str::<Mark>(mark) else {
                    break;
                };
                read.not_finite += mark.not_finite;
                add_warnings(&mut read.warnings, mark.warnings);
                reached = Some(Timestamp::from_millis(mark.until));
                whole = (lines.at, read.samples.len());
            } else if let Some(sample) = sample_of(&line) {
                read.samples.push(sample);
            } else {
                break;
            }
        }
        if reached.is_none() {
            return Ok(None);
        }
        if let Some(other) = other {
            return Err(Failure::usage(anyhow!(
                "`{}` was begun with other flags ({other}): give the same ones, or `--force` to begin anew",
                path.display()
            )));
        }
        read.samples.truncate(whole.1);
        file.set_len(whole.0).with_context(failed)?;
        file.seek(SeekFrom::End(0)).with_context(failed)?;
        Ok(Some(Self {
            path: path.to_owned(),
            head: begin,
            file: Some(file),
            span,
            reached,
            read,
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything has been read, by this run or an earlier one.
    pub(super) fn is_begun(&self) -> bool {
        self.reached.is_some()
    }

    /// The whole range.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// What has not been read yet.
    pub(super) fn left(&self) -> Option<Span> {
        let from = self
            .reached
            .map_or(self.span.from, |at| at + self.span.step);
        (from <= self.span.until).then_some(Span { from, ..self.span })
    }

    /// Adds a window.
    pub(super) fn add(&mut self, window: Span, fetched: &Fetched) -> anyhow::Result<()> {
        let path = &self.path;
        let failed = || format!("failed to write `{}`", path.display());
        let mut out = Vec::new();
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                writeln!(out, "{}", self.head).with_context(failed)?;
                empty.insert(File::create(path).with_context(failed)?)
            }
        };
        for sample in &fetched.samples {
            writeln!(out, "{},{}", sample.at.as_millis(), sample.value).with_context(failed)?;
        }
        let mark = Mark {
            until: window.until.as_millis(),
            not_finite: fetched.not_finite,
            warnings: fetched.warnings.clone(),
        };
        let mark = serde_json::to_string(&mark).with_context(failed)?;
        writeln!(out, "#{mark}").with_context(failed)?;
        file.write_all(&out).with_context(failed)?;
        file.sync_data().with_context(failed)?;
        self.read.samples.extend_from_slice(&fetched.samples);
        self.read.not_finite += fetched.not_finite;
        add_warnings(&mut self.read.warnings, fetched.warnings.clone());
        self.reached = Some(window.until);
        Ok(())
    }

    /// Everything that was read, over which range.
    pub(super) fn finish(self) -> anyhow::Result<(Span, Read)> {
        if let Some(left) = self.left() {
            return Err(anyhow!("nothing was read from {} on", left.from));
        }
        Ok((self.span, self.read))
    }

    /// Removes the part file of `output`, which is whole now, or of which there is nothing to keep.
    pub(super) fn remove(output: &Path) -> anyhow::Result<()> {
        let path = path_of(output);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("failed to remove `{}`", path.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Lines that end, and how many bytes they take.
struct Lines<R> {
    reader: R,
    at: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line that has an end; one without comes from a write that was cut off.
    fn next(&mut self) -> std::io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let count = self.reader.read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            return Ok(None);
        }
        self.at += count as u64;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn path_of(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn sample_of(line: &str) -> Option<Sample> {
    let (at, value) = line.split_once(',')?;
    Some(Sample {
        at: Timestamp::from_millis(at.parse().ok()?),
        value: value.parse().ok()?,
    })
}

fn add_warnings(known: &mut Vec<String>, new: Vec<String>) {
    for warning in new {
        if !known.contains(&warning) {
            known.push(warning);
        }
    }
}

/// The first thing that differs, in words.
fn difference(then: &Asked, now: &Asked) -> String {
    let pairs = [
        ("source", &then.source, &now.source),
        ("--query", &then.query, &now.query),
        ("--since", &then.since, &now.since),
    ];
    if let Some((what, then, now)) = pairs.into_iter().find(|(_, then, now)| then != now) {
        return format!("{what} was `{then}` and is `{now}`");
    }
    if then.step_seconds != now.step_seconds {
        let (then, now) = (then.step_seconds, now.step_seconds);
        return format!("--step was {then} s and is {now} s");
    }
    let words = |until: &Option<String>| until.clone().unwrap_or_else(|| "the present".to_owned());
    let (then, now) = (words(&then.until), words(&now.until));
    format!("--until was {then} and is {now}")
}
