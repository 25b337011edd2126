//! How good forecasts are: replays recorded history as the server would have lived it, and compares what each model said
//! with what came.
//!
//! The protocol is a rolling origin over the last part of the calendar span. At each origin a model sees the history up
//! to it and nothing else ([`Seen`] does not give out more); it is fitted anew now and then, as the server fits; it
//! forecasts the longest horizon once and is scored at all of them. Errors are paired: at an origin and horizon either
//! every model is scored or none is. A model that can't answer is scored with its stand-in, as the server would use it,
//! and the report counts how often that was so.
//!
//! Seen in this order: [`evaluate`] walks the origins of one trace (`walk.rs`), a [`Replay`] plays the server
//! (`replay.rs`), a tally keeps the sums of one model at one horizon (`tally.rs`), [`report`] is what comes out.

pub mod html;
mod numbers;
mod replay;
pub mod report;
mod seen;
mod summary;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod walk;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;

pub use self::replay::{Answer, Fitting, Moment, Replay, ServerReplay, choice_of};
pub use self::report::Report;
pub use self::seen::Seen;
pub use self::table::table;
pub use self::walk::{evaluate, origins};

use crate::analyze::models::Registry;
use crate::dataset::{Dataset, LeftOut};
use crate::domain::{Events, HumanDuration};

/// The model that others are compared with: the last value, held.
pub const REFERENCE: &str = "naive";

/// Levels at which coverage is reported.
pub const COVERAGE_LEVELS: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];

/// Levels of the weighted quantile loss.
pub const LOSS_LEVELS: [f64; 4] = [0.1, 0.5, 0.9, 0.95];

/// A peak counts only when at least this share of its steps was measured.
pub const PEAK_MEASURED: f64 = 0.9;

/// How an evaluation is done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Protocol {
    /// Models in the order of the report.
    pub models: Vec<String>,
    /// How far ahead forecasts are scored.
    pub horizons: Vec<HumanDuration>,
    /// The last share of the calendar span that is forecast, between 0 and 1.
    pub test_fraction: f64,
    /// Distance of two origins.
    pub stride: HumanDuration,
    /// How much history before its origin a model sees.
    pub history: HumanDuration,
    /// How often models are fitted anew.
    pub refit: HumanDuration,
    /// IANA time zone in which days begin.
    pub timezone: String,
    /// Known events, and times that are neither learned from nor scored.
    #[serde(skip_serializing_if = "Events::is_empty")]
    pub events: Events,
}

/// A trace that can't be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("trace `{trace}`: {text}")]
pub struct EvaluateError {
    /// Its name.
    pub trace: String,
    /// What is wrong and what is needed.
    pub text: String,
}

impl From<EvaluateError> for LeftOut {
    fn from(error: EvaluateError) -> Self {
        Self {
            name: error.trace,
            why: error.text,
        }
    }
}

// === impl Protocol ===

impl Protocol {
    /// What is wrong with the settings, in words that name the flag; `Ok` when nothing is.
    ///
    /// # Errors
    /// The first mistake.
    pub fn validate(&self) -> Result<(), String> {
        let second = Duration::from_secs(1);
        let day = Duration::from_hours(24);
        if self.models.is_empty() {
            return Err("`--models` names no model".to_owned());
        }
        if self.horizons.is_empty() {
            return Err("`--horizons` names no horizon".to_owned());
        }
        if let Some(horizon) =
            (self.horizons.iter()).find(|h| h.get() < second || h.get() > 7 * day)
        {
            return Err(format!(
                "`--horizons` {horizon} is out of range: allowed are 1s to 7d"
            ));
        }
        if !(self.test_fraction > 0.0 && self.test_fraction < 1.0) {
            return Err(format!(
                "`--test-fraction` {} is out of range: allowed is a share above 0 and below 1, such as 0.3",
                self.test_fraction
            ));
        }
        for (flag, value, least) in [
            ("--stride", self.stride, second),
            ("--history", self.history, Duration::from_hours(1)),
            ("--refit", self.refit, Duration::from_mins(1)),
        ] {
            if value.get() < least {
                return Err(format!(
                    "`{flag}` {value} is too short: at least {}",
                    HumanDuration(least)
                ));
            }
        }
        Ok(())
    }
}

/// Evaluates every dataset, `jobs` of them at a time, and sums up; those that can't be evaluated are named in the report.
/// `progress` is told how many origins were done since it was last told.
pub fn run(
    datasets: &[Dataset],
    protocol: &Protocol,
    registry: &Arc<Registry>,
    jobs: NonZero<usize>,
    progress: &(dyn Fn(u64) + Sync),
) -> Report {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(dataset) = datasets.get(index) else {
                return done;
            };
            let mut replay = ServerReplay::new(Arc::clone(registry), protocol, &dataset.series);
            done.push((index, evaluate(dataset, protocol, &mut replay, progress)));
        }
    };
    let threads = jobs.get().min(datasets.len().max(1));
    let mut all = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_by_key(|(index, _)| *index);
    let (mut traces, mut left_out) = (Vec::new(), Vec::new());
    for (_, outcome) in all {
        match outcome {
            Ok(trace) => traces.push(trace),
            Err(error) => left_out.push(LeftOut::from(error)),
        }
    }
    Report::new(protocol.clone(), traces, left_out)
}
