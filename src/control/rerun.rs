//! A recording of the live loop, lived through again: the same answers at the same moments, and whether the same plans come
//! of them. Nothing here decides anything: it is the engine of `serve`, as in a backtest ([`super::replay`]).

mod life;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::recording::Event;
use crate::analyze::models::Registry;
use crate::domain::{Timestamp, WorkloadId, WorkloadKey};
use crate::{analyze, plan};
use life::Life;

/// Differences that are kept for each workload.
const SHOWN: usize = 5;

/// What came of a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Each workload, in the order in which they came. One that came again counts anew.
    pub workloads: Vec<WorkloadReport>,
    /// What keeps the recording from being whole: a line that can't be read, lines that were lost.
    pub gaps: Vec<String>,
}

/// What came of one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReport {
    /// `namespace/name`.
    pub workload: String,
    /// When it came.
    pub since: Timestamp,
    /// Why it was left out, if it was.
    pub left_out: Option<String>,
    /// Decisions that were made again.
    pub decisions: usize,
    /// Those that came out equal: replicas, numbers on the wire, reasons and all.
    pub equal: usize,
    /// The first ones that did not.
    pub differences: Vec<Difference>,
}

/// A decision that came out differently.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// When it was made.
    pub at: Timestamp,
    /// As it was.
    pub recorded: Option<Value>,
    /// As it came out now.
    pub replayed: Option<Value>,
}

/// A recording that can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RerunError {
    /// It can't be read.
    #[error("line {line} can't be read: {source}")]
    Read {
        /// Where.
        line: usize,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error(
        "line {line} is no event of a recording ({text}); a recording is written by `forescale serve --record FILE`"
    )]
    NoRecording {
        /// Where.
        line: usize,
        /// Why.
        text: String,
    },
    /// A workload's trigger or the models can't be used by this version.
    #[error("line {line}: {text}")]
    Unusable {
        /// Where.
        line: usize,
        /// Why.
        text: String,
    },
}

/// The state between two lines.
#[derive(Default)]
struct Rerun {
    settings: Option<Settings>,
    lives: BTreeMap<WorkloadId, (Life, usize)>,
    report: Report,
}

struct Settings {
    plan: plan::Config,
    analyze: analyze::Config,
    models: Arc<Registry>,
}

/// Lives through a recording.
///
/// # Errors
/// When a line is no event, or a workload's trigger is not valid any more. A last line that was cut off, as by a
/// `kill -9`, is none.
pub async fn rerun(recording: impl BufRead) -> Result<Report, RerunError> {
    let mut rerun = Rerun::default();
    let mut broken: Option<RerunError> = None;
    for (index, text) in recording.lines().enumerate() {
        let line = index + 1;
        let text = text.map_err(|source| RerunError::Read { line, source })?;
        if let Some(broken) = broken.take() {
            // Only the last line may be cut off.
            return Err(broken);
        }
        match serde_json::from_str(&text) {
            Ok(event) => rerun.event(line, event).await?,
            Err(error) => {
                let text = error.to_string();
                broken = Some(RerunError::NoRecording { line, text });
            }
        }
    }
    if let Some(cut) = broken {
        if rerun.settings.is_none() {
            return Err(cut);
        }
        rerun
            .report
            .gaps
            .push(format!("the last line is cut off: {cut}"));
    }
    Ok(rerun.report)
}

impl Report {
    /// Decisions that were made again.
    pub fn decisions(&self) -> usize {
        self.workloads.iter().map(|it| it.decisions).sum()
    }

    /// Whether there were decisions, and every one came out equal.
    pub fn is_equal(&self) -> bool {
        self.decisions() > 0 && self.workloads.iter().all(|it| it.equal == it.decisions)
    }
}

impl Rerun {
    async fn event(&mut self, line: usize, event: Event) -> Result<(), RerunError> {
        let unusable = |text: String| RerunError::Unusable { line, text };
        match event {
            Event::Began { plan, analyze, .. } => {
                let models =
                    Registry::new(&analyze).map_err(|error| unusable(error.to_string()))?;
                self.lives.clear();
                self.settings = Some(Settings {
                    plan,
                    analyze,
                    models: Arc::new(models),
                });
            }
            Event::Workload { id, at, key, fresh } => {
                self.workload(id, at, &key, fresh).map_err(unusable)?;
            }
            Event::Read {
                id,
                at,
                query,
                answer,
            } => {
                if let Some((life, _)) = self.lives.get_mut(&id) {
                    life.read(at, query, &answer);
                }
            }
            Event::Cluster { id, facts, .. } => {
                if let Some((life, _)) = self.lives.get_mut(&id) {
                    life.told_by_cluster(facts);
                }
            }
            Event::Looked { id, put_off, .. } => {
                if let Some((life, _)) = self.lives.get_mut(&id) {
                    life.looked(put_off);
                }
            }
            Event::Decided { id, at, plan } => self.decided(id, at, plan).await,
            Event::Lost { lines } => {
                // Whose lines they were is not known: from here on nothing is comparable.
                let gap = format!(
                    "{lines} lines are missing before line {line}; what follows was left out"
                );
                self.report.gaps.push(gap);
                self.lives.clear();
            }
        }
        Ok(())
    }

    fn workload(
        &mut self,
        id: WorkloadId,
        at: Timestamp,
        key: &WorkloadKey,
        fresh: bool,
    ) -> Result<(), String> {
        let settings = (self.settings.as_ref()).ok_or("the recording has no beginning")?;
        let mut report = WorkloadReport {
            workload: key.to_string(),
            since: at,
            left_out: None,
            decisions: 0,
            equal: 0,
            differences: Vec::new(),
        };
        if fresh {
            let life = Life::new(key, at, settings)?;
            self.lives.insert(id, (life, self.report.workloads.len()));
        } else {
            self.lives.remove(&id);
            let why = "it came from a snapshot, of which the recording knows nothing";
            report.left_out = Some(why.to_owned());
        }
        self.report.workloads.push(report);
        Ok(())
    }

    async fn decided(&mut self, id: WorkloadId, at: Timestamp, recorded: Option<Value>) {
        let Some((life, place)) = self.lives.get_mut(&id) else {
            return;
        };
        let Some(replayed) = life.decide(at).await else {
            return;
        };
        let report = &mut self.report.workloads[*place];
        report.decisions += 1;
        if replayed == recorded {
            report.equal += 1;
        } else if report.differences.len() < SHOWN {
            report.differences.push(Difference {
                at,
                recorded,
                replayed,
            });
        }
    }
}

#[cfg(test)]
mod tests;
