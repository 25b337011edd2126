//! The tail read: one small query a refresh, on a fixed grid, that brings the live value and mends late samples.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::recording::{Answer, Asked, Event};
use super::schedule::Missing;
use crate::domain::{Sample, Timestamp, TriggerSpec};
use crate::knowledge::{Fault, FaultKind, Learned, Workload};
use crate::monitor::{FetchError, FetchErrorKind, Fetched, Span, is_of_the_language};

/// Steps that every tail read covers again, so that samples which arrived late are mended.
const OVERLAP_STEPS: u32 = 5;

/// No tail read reaches further back for that: samples are late by minutes, however long a step is, and a long one would be
/// read again and again on the grid of the live value. A step that no tail read has seen is a gap, which is read by itself.
const LONGEST_OVERLAP: Duration = Duration::from_mins(10);

/// How far behind the newest sample may be before the answer counts as a fault: sources that ingest late leave the last
/// evaluations out.
pub(super) const LATENESS: Duration = Duration::from_secs(45);

/// A tail read covers at least this long.
const MIN_TAIL: Duration = Duration::from_mins(2);

/// After so long without a whole answer, one in part is taken for the load.
const WHOLE_WITHIN: Duration = Duration::from_hours(1);

/// Moments that are asked for alone.
const ALONE: u64 = 4;

/// A workload whose tail has been read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) workload: Arc<Workload>,
    pub(super) started: tokio::time::Instant,
    pub(super) outcome: Result<Fetched, Fault>,
    /// The newest sample of an answer that came in part.
    pub(super) part: Option<Sample>,
}

impl Engine {
    /// Reads the tail of one workload.
    pub(super) async fn read(self: Arc<Self>, workload: Arc<Workload>) -> Reading {
        let started = tokio::time::Instant::now();
        let now = self.now();
        let span = tail_span(&workload.spec, now);
        let ((fetched, span), ()) = tokio::join!(
            self.read_load(&workload.spec, span),
            self.read_side(&workload, now),
        );
        let mut part = None;
        let outcome = match fetched {
            Err(error) => {
                // Of what is not answered at all nobody knows whether it would be whole.
                workload.learned().in_part_since = None;
                self.note_read(&workload, Asked::Load, now, Err(&error));
                Err(fault_of(&error, now))
            }
            Ok(fetched)
                if fetched.partial
                    && waits_for_the_whole(&mut workload.learned().in_part_since, now) =>
            {
                self.note_read(&workload, Asked::Load, now, Ok(&fetched));
                part = fetched.samples.last().copied();
                Err(partial(&workload.spec, &fetched, now))
            }
            Ok(fetched) => {
                if !fetched.partial {
                    self.read_again_in_whole(&workload, span, now);
                }
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
            part,
        }
    }

    /// The storage is whole again. What was taken in part meanwhile is read once more.
    fn read_again_in_whole(&self, workload: &Arc<Workload>, span: Span, now: Timestamp) {
        let mut learned = workload.learned();
        let since = learned.in_part_since.take();
        let since = since.filter(|since| now.since(*since) > WHOLE_WITHIN);
        if since.is_some() {
            learned.live = None;
        }
        drop(learned);
        if let Some(since) = since.filter(|since| *since < span.from) {
            let missing = Missing::new(since, span.from);
            self.schedule().gap(workload, missing, now);
        }
    }

    /// The tail, and the span that was read of it. A query that fails while it runs may fail at one moment of many (labels that
    /// match twice while a pod is replaced, say): then the newest moments are asked for alone, so that one that has passed does not
    /// hide the present for as long as the tail reaches back.
    async fn read_load(
        &self,
        spec: &TriggerSpec,
        span: Span,
    ) -> (Result<Fetched, FetchError>, Span) {
        match self.parts.monitor.fetch(spec, span).await {
            Err(error) if error.while_running => {
                let newest = span.newest(ALONE);
                (self.parts.monitor.fetch(spec, newest).await, newest)
            }
            fetched => (fetched, span),
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
        let whole = now - workload.spec.history.get();
        let registered = workload.registered_at;
        // A registration in the future was made while the clock ran ahead: nothing is known to be read back then.
        let met = if registered <= now { registered } else { whole };
        let known = before.map_or(met, |before| before.at);
        let from = known.max(whole).floor_to(workload.spec.step());
        if let Some(until) = last_unread(&workload.spec, from, span)
            && !fetched.samples.is_empty()
        {
            let missing = Missing::new(from, until);
            self.schedule().gap(workload, missing, now);
        }
    }
}

/// Whether an answer in part is no answer yet. Where the storage has not been whole for so long, it is taken for what it is:
/// a server that warns of something for ever must not keep a workload at its replicas for ever.
///
/// `since` is when that began, and is set where it begins now.
pub(super) fn waits_for_the_whole(since: &mut Option<Timestamp>, now: Timestamp) -> bool {
    // A moment that has not come means that the clock was set back.
    let began = since.filter(|since| *since <= now).unwrap_or(now);
    *since = Some(began);
    now.since(began) <= WHOLE_WITHIN
}

fn partial(spec: &TriggerSpec, fetched: &Fetched, now: Timestamp) -> Fault {
    let said = fetched
        .warnings
        .iter()
        .find(|text| !is_of_the_language(text));
    let said = said.map_or_else(String::new, |text| format!(" ({text})"));
    Fault {
        at: now,
        kind: FaultKind::Partial,
        text: format!(
            "{} was answered in part{said}: the load is what was read, or more",
            spec.reads()
        ),
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

/// What the tail read asks for: the last few steps, or of long ones the last few minutes, on the live grid.
fn tail_span(spec: &TriggerSpec, now: Timestamp) -> Span {
    let step = spec.live_step();
    let until = now.floor_to(step);
    let overlap = spec.step() * OVERLAP_STEPS;
    let reach = overlap
        .min(LONGEST_OVERLAP)
        .max(2 * spec.interval.get())
        .max(MIN_TAIL);
    // The live grid holds every step, wherever a read begins on it.
    let grid = if overlap <= LONGEST_OVERLAP {
        spec.step()
    } else {
        step
    };
    Span {
        from: (until - reach).floor_to(grid),
        until,
        step,
    }
}

/// The last step before a tail read of `span` that nobody has read, where everything up to `known` is.
fn last_unread(spec: &TriggerSpec, known: Timestamp, span: Span) -> Option<Timestamp> {
    let step = spec.step();
    let last = (span.from - Duration::from_millis(1)).floor_to(step);
    (known < last).then_some(last)
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

#[cfg(test)]
mod tests;
