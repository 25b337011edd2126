//! A recording of the live loop: every reading with its answer and every decision, a line of JSON each, so that the same
//! decisions can be made again ([`super::rerun`]).
//!
//! Recording must not hurt the loop: lines go to a thread of their own through a bounded queue, what does not fit is
//! counted and left out, and a file that can't be written any more (a full disk) ends the recording and nothing else.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{ClusterFacts, Sample, Timestamp, WorkloadId, WorkloadKey};
use crate::knowledge::SideQuery;
use crate::monitor::{FetchError, FetchErrorKind, Fetched};
use crate::{analyze, plan};

/// Lines that may wait to be written.
const WAITING: usize = 8192;

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// The loop has started; all workloads begin anew.
    Began {
        /// When.
        at: Timestamp,
        /// Version of Forescale.
        forescale: String,
        /// Settings of the planner.
        plan: plan::Config,
        /// Settings of the analyze room.
        analyze: analyze::Config,
    },
    /// A workload has come.
    Workload {
        /// Which.
        id: WorkloadId,
        /// When.
        at: Timestamp,
        /// Its key.
        key: WorkloadKey,
        /// Whether it knows nothing yet; one from a snapshot can't be replayed.
        fresh: bool,
    },
    /// A query was answered.
    Read {
        /// For which workload.
        id: WorkloadId,
        /// When it was asked.
        at: Timestamp,
        /// Which of its queries.
        query: Asked,
        /// What came back.
        answer: Answer,
    },
    /// What the cluster says, from this refresh on.
    Cluster {
        /// Of which workload.
        id: WorkloadId,
        /// When.
        at: Timestamp,
        /// What it says; `None` where it says nothing any more.
        facts: Option<ClusterFacts>,
    },
    /// The history was looked at for a forecast.
    Looked {
        /// Whose.
        id: WorkloadId,
        /// When.
        at: Timestamp,
        /// Whether a fit was due and was put off.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        put_off: bool,
    },
    /// A refresh has ended with this plan, or with none where nothing has ever been measured.
    Decided {
        /// For which workload.
        id: WorkloadId,
        /// When.
        at: Timestamp,
        /// The plan as JSON.
        plan: Option<Value>,
    },
    /// So many lines are missing here.
    Lost {
        /// How many.
        lines: u64,
    },
}

/// A query of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// The newest load.
    Load,
    /// Load of the past.
    History,
    /// `replicasQuery`.
    Replicas,
    /// `latencyQuery`.
    Latency,
    /// `cpuQuery`.
    Cpu,
    /// `memoryQuery`.
    Memory,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Answer {
    /// Time and value; the value as text, so that reading it back gives the same float.
    pub samples: Vec<(Timestamp, String)>,
    /// Samples that were no finite numbers.
    pub not_finite: usize,
    /// Series in the result.
    pub series: usize,
    /// Warnings of the server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether part of the storage did not answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Kind and text of the error that came instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<(String, String)>,
}

/// Writes a recording.
#[derive(Debug)]
pub struct Recorder {
    lines: Mutex<Option<SyncSender<String>>>,
    lost: AtomicU64,
    writer: Mutex<Option<JoinHandle<()>>>,
}

// === impl Answer ===

impl Answer {
    /// What was read, or why it could not be.
    pub fn of(read: Result<&Fetched, &FetchError>) -> Self {
        match read {
            Ok(fetched) => Self {
                samples: (fetched.samples.iter())
                    .map(|sample| (sample.at, sample.value.to_string()))
                    .collect(),
                not_finite: fetched.not_finite,
                series: fetched.series,
                warnings: fetched.warnings.clone(),
                partial: fetched.partial,
                fault: None,
            },
            Err(error) => Self {
                fault: Some((error.kind.as_str().to_owned(), error.text.clone())),
                ..Self::default()
            },
        }
    }

    /// The same as the loop had it.
    ///
    /// # Errors
    /// The error that came instead.
    pub fn to_read(&self) -> Result<Fetched, FetchError> {
        if let Some((kind, text)) = &self.fault {
            let known = FetchErrorKind::ALL;
            let kind = known.into_iter().find(|it| it.as_str() == kind);
            return Err(FetchError::new(kind.unwrap_or(FetchErrorKind::Body), text));
        }
        let samples = self.samples.iter().filter_map(|(at, value)| {
            let value = value.parse().ok()?;
            Some(Sample { at: *at, value })
        });
        Ok(Fetched {
            samples: samples.collect(),
            not_finite: self.not_finite,
            series: self.series,
            warnings: self.warnings.clone(),
            partial: self.partial,
        })
    }
}

impl From<SideQuery> for Asked {
    fn from(query: SideQuery) -> Self {
        match query {
            SideQuery::Replicas => Self::Replicas,
            SideQuery::Latency => Self::Latency,
            SideQuery::Cpu => Self::Cpu,
            SideQuery::Memory => Self::Memory,
        }
    }
}

// === impl Recorder ===

impl Recorder {
    /// Appends to the file at `path`, beginning with `began`.
    ///
    /// # Errors
    /// When the file can't be opened for writing.
    pub fn append(path: &Path, began: &Event) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Self::to(file, began)
    }

    /// Writes to `target`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn to(target: impl Write + Send + 'static, began: &Event) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        let writer = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write(BufWriter::new(target), &waiting))?;
        let recorder = Self {
            lines: Mutex::new(Some(lines)),
            lost: AtomicU64::new(0),
            writer: Mutex::new(Some(writer)),
        };
        recorder.note(began);
        Ok(recorder)
    }

    /// Notes an event, or that it was lost. Never waits for the file.
    pub fn note(&self, event: &Event) {
        let guard = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lines) = guard.as_ref() else { return };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && !send(lines, &Event::Lost { lines: lost }) {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
            return;
        }
        if !send(lines, event) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let lines = self.lines.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Without a sender the thread writes what waits and ends.
        drop(lines.take());
        let writer = self.writer.get_mut();
        if let Some(writer) = writer.unwrap_or_else(PoisonError::into_inner).take() {
            // A panic there has been printed already.
            let _ = writer.join();
        }
    }
}

fn send(lines: &SyncSender<String>, event: &Event) -> bool {
    // Events are plain data: what can't be written as JSON does not exist in them.
    let line = serde_json::to_string(event).unwrap_or_default();
    lines.try_send(line).is_ok()
}

/// Writes lines until nobody sends any more. After an error they are thrown away.
fn write(mut file: BufWriter<impl Write>, waiting: &Receiver<String>) {
    let mut broken = false;
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        while let Some(line) = next.take() {
            if !broken {
                broken = complained(&writeln!(file, "{line}"));
            }
            next = waiting.try_recv().ok();
        }
        if !broken {
            broken = complained(&file.flush());
        }
    }
}

fn complained(outcome: &io::Result<()>) -> bool {
    if let Err(error) = outcome {
        tracing::error!(%error, "the recording can't be written and ends here; nothing else does");
    }
    outcome.is_err()
}

#[cfg(test)]
mod tests;
