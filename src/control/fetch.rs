//! The tail read: one small query a refresh, on a fixed grid, that brings the live value and mends late samples.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::recording::{Answer, Asked, Event};
use super::schedule::Missing;
use crate::domain::{Sample, Timestamp, TriggerSpec};
use crate::knowledge::{Fault, FaultKind, Learned, Workload};
use crate::monitor::{FetchError, FetchErrorKind, Fetched, Span};

/// Steps that every tail read covers again, so that samples which arrived late are mended.
const OVERLAP_STEPS: u32 = 5;

/// How far behind the newest sample may be before the answer counts as a fault: sources that ingest late leave the last
/// evaluations out.
pub(super) const LATENESS: Duration = Duration::from_secs(45);

/// A tail read covers at least this long.
const MIN_TAIL: Duration = Duration::from_mins(2);

/// A workload whose tail has been read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) workload: Arc<Workload>,
    pub(super) started: tokio::time::Instant,
    pub(super) outcome: Result<Fetched, Fault>,
}

impl Engine {
    /// Reads the tail of one workload.
    pub(super) async fn read(self: Arc<Self>, workload: Arc<Workload>) -> Reading {
        let started = tokio::time::Instant::now();
        let now = self.now();
        let span = tail_span(&workload.spec, now);
        let (fetched, ()) = tokio::join!(
            self.parts.monitor.fetch(&workload.spec, span),
            self.read_side(&workload, now),
        );
        let outcome = match fetched {
            Err(error) => {
                self.note_read(&workload, Asked::Load, now, Err(&error));
                Err(fault_of(&error, now))
            }
            Ok(fetched) => {
                self.store_tail(&workload, &fetched, span, now);
                match unusable(&workload.spec, &fetched, span, now) {
                    Some(fault) => Err(fault),
                    None => Ok(fetched),
                }
            }
        };
        Reading {
            workload,
            started,
            outcome,
        }
    }

    /// Records an answer.
    pub(super) fn note_read(
        &self,
        workload: &Workload,
        query: Asked,
        at: Timestamp,
        read: Result<&Fetched, &FetchError>,
    ) {
        self.record(|| Event::Read {
            id: workload.key.id(),
            at,
            query,
            answer: Answer::of(read),
        });
    }

    fn store_tail(&self, workload: &Arc<Workload>, fetched: &Fetched, span: Span, now: Timestamp) {
        let mut learned = workload.learned();
        // Samples from a time that has not come were recorded while the clock ran ahead; they would make every present
        // one look outdated.
        if learned
            .history
            .last()
            .is_some_and(|last| last.at > now + workload.spec.step())
        {
            learned.history.forget_after(now);
            learned.live = None;
        }
        // So would a present load of then.
        learned.live = learned.live.filter(|live| live.at <= span.until);
        let before = learned.history.last();
        record(&mut learned, &workload.spec, &fetched.samples);
        // Under the lock, so that the recording has it in the order in which it was stored.
        self.note_read(workload, Asked::Load, now, Ok(fetched));
        drop(learned);
        // Before the first sample a back-fill knows of nothing later than the registration.
        let known = before.map_or(workload.registered_at, |before| before.at);
        let from = known.max(now - workload.spec.history.get());
        if from < span.from && !fetched.samples.is_empty() {
            let until = span.from;
            self.schedule().gap(workload, Missing { from, until }, now);
        }
    }
}

/// Stores samples: those on the history's grid in the history, the newest as the live value.
pub(super) fn record(learned: &mut Learned, spec: &TriggerSpec, samples: &[Sample]) {
    for sample in samples {
        if sample.at.floor_to(spec.step()) == sample.at {
            learned.history.record(sample.at, sample.value);
        }
    }
    if let Some(newest) = samples.last()
        && learned.live.is_none_or(|live| newest.at >= live.at)
    {
        learned.live = Some(*newest);
    }
}

/// What the tail read asks for: the last few steps, on the live grid.
fn tail_span(spec: &TriggerSpec, now: Timestamp) -> Span {
    let step = spec.live_step();
    let until = now.floor_to(step);
    let reach = (spec.step() * OVERLAP_STEPS)
        .max(2 * spec.interval.get())
        .max(MIN_TAIL);
    Span {
        from: (until - reach).floor_to(spec.step()),
        until,
        step,
    }
}

/// An answer that is no error and yet says nothing about the present: it never counts as zero.
fn unusable(spec: &TriggerSpec, fetched: &Fetched, span: Span, now: Timestamp) -> Option<Fault> {
    let late = LATENESS.max(2 * span.step);
    let newest = fetched.samples.last().map(|sample| sample.at);
    if newest.is_some_and(|newest| newest + late >= span.until) {
        return None;
    }
    let reads = spec.reads();
    let hint = if spec.follows.is_some() && newest.is_none() {
        "; KEDA hands it on only with `RAW_METRICS_GRPC_PROTOCOL: enabled`, and only while a trigger of this name answers"
    } else {
        ""
    };
    let (kind, text) = match newest {
        _ if fetched.not_finite > 0 => (
            FaultKind::NotFinite,
            format!("{reads} returns NaN or infinity; a division by zero in it, perhaps"),
        ),
        None => (
            FaultKind::Empty,
            format!("{reads} returned no data; no data is not zero{hint}"),
        ),
        Some(newest) => (
            FaultKind::Empty,
            format!("{reads} has returned no data since {newest}; no data is not zero"),
        ),
    };
    Some(Fault {
        at: now,
        kind,
        text,
    })
}

/// A failed read as a fault on the board.
pub(super) fn fault_of(error: &FetchError, now: Timestamp) -> Fault {
    let kind = match error.kind {
        FetchErrorKind::Unreachable => FaultKind::Unreachable,
        FetchErrorKind::Timeout => FaultKind::Timeout,
        FetchErrorKind::Status => FaultKind::Status,
        FetchErrorKind::RateLimited => FaultKind::RateLimited,
        FetchErrorKind::Body => FaultKind::Body,
        FetchErrorKind::Query => FaultKind::Query,
        FetchErrorKind::ManySeries => FaultKind::ManySeries,
        FetchErrorKind::CircuitOpen => FaultKind::CircuitOpen,
        FetchErrorKind::Config => FaultKind::Config,
    };
    Fault {
        at: now,
        kind,
        text: error.text.clone(),
    }
}
