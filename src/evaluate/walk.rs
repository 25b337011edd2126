//! One trace, from the first origin to the last.

use std::time::Duration;

use super::report::{Sample, Trace};
use super::tally::{Came, Tally};
use super::{EvaluateError, Moment, PEAK_MEASURED, Protocol, Replay, Seen, numbers};
use crate::analyze::preprocess::without_excluded;
use crate::dataset::Dataset;
use crate::domain::{Quantile, Series};

/// Levels of the bands that a report draws.
const DRAWN: [f64; 5] = [0.1, 0.5, 0.9, 0.95, 0.99];

/// Sums over a trace.
#[derive(Debug)]
pub(super) struct Sums {
    /// For each model, for each horizon.
    pub(super) tallies: Vec<Vec<Tally>>,
    /// The reference's, for each horizon.
    pub(super) reference: Vec<Tally>,
    pub(super) origins: u64,
    pub(super) skipped: u64,
    pub(super) fits: u64,
    pub(super) fit: Duration,
    /// The most that one fit had learned.
    pub(super) fit_bytes: usize,
    pub(super) prepare: Duration,
    /// For each model.
    pub(super) predict: Vec<Duration>,
    /// The first reason why a model could not answer, for each model.
    pub(super) reasons: Vec<Option<String>>,
    pub(super) samples: Vec<Sample>,
}

/// Where a trace is cut.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// The first step that is forecast from.
    pub(super) from: usize,
    /// Steps between two origins.
    pub(super) stride: usize,
    /// Each horizon in steps.
    pub(super) horizons: Vec<usize>,
    /// Steps of a day.
    pub(super) day: usize,
}

/// Replays one trace and scores every model of the protocol on it.
///
/// # Errors
/// When the trace is too short for a single pair of forecast and measured value.
pub fn evaluate(
    dataset: &Dataset,
    protocol: &Protocol,
    replay: &mut dyn Replay,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Trace, EvaluateError> {
    let series = &dataset.series;
    let cut = Cut::of(series, protocol);
    let mut sums = Sums::new(protocol);
    // A server has lived through the days before: what its online part has learned by then is not yet scored.
    for origin in cut.warm_up() {
        if !series.values()[origin].is_nan() {
            replay.live(Seen::new(series, origin));
        }
    }
    // What is not learned from is not scored either; the server lives through it.
    let scored = without_excluded(series, &protocol.events, &protocol.timezone);
    for origin in cut.origins(series) {
        progress(1);
        // Without a new sample a server makes no new forecast.
        if series.values()[origin].is_nan() {
            sums.skipped += 1;
            continue;
        }
        let moment = replay.at(Seen::new(series, origin));
        if scored.values()[origin].is_nan() {
            sums.skipped += 1;
            continue;
        }
        sums.add(&scored, &cut, origin, &moment);
    }
    let trace = Trace::new(dataset, protocol, &cut, sums);
    if trace.models.iter().all(|entry| entry.n == 0) {
        return Err(EvaluateError {
            trace: dataset.name.clone(),
            text: format!(
                "no forecast could be compared with a measured value: it has {} measured steps of {} s over {}",
                series.observed(),
                series.step().as_secs(),
                numbers::span(series.step() * u32::try_from(series.len()).unwrap_or(u32::MAX)),
            ),
        });
    }
    Ok(trace)
}

/// So many origins a trace has.
pub fn origins(series: &Series, protocol: &Protocol) -> u64 {
    Cut::of(series, protocol).origins(series).count() as u64
}

/// A length of time in steps: the nearest number of them, at least one.
pub(super) fn steps_of(length: Duration, step: Duration) -> usize {
    let steps = (length.as_secs_f64() / step.as_secs_f64().max(1e-3)).round();
    (steps as usize).max(1)
}

// === impl Cut ===

impl Cut {
    fn of(series: &Series, protocol: &Protocol) -> Self {
        let step = series.step();
        let steps = |length: Duration| steps_of(length, step);
        let train = series.len() as f64 * (1.0 - protocol.test_fraction);
        Self {
            from: train.floor() as usize,
            stride: steps(protocol.stride.get()),
            horizons: (protocol.horizons.iter()).map(|h| steps(h.get())).collect(),
            day: steps(Duration::from_hours(24)),
        }
    }

    /// The origins of the day before the first one that is scored.
    fn warm_up(&self) -> impl Iterator<Item = usize> + use<> {
        let before = self.from.min(self.day) / self.stride * self.stride;
        (self.from - before..self.from).step_by(self.stride)
    }

    /// Every origin that has a target within the series.
    fn origins(&self, series: &Series) -> impl Iterator<Item = usize> + use<> {
        let shortest = self.horizons.iter().min().copied().unwrap_or(1);
        let until = series.len().saturating_sub(shortest);
        (self.from.min(until)..until).step_by(self.stride)
    }
}

// === impl Sums ===

impl Sums {
    fn new(protocol: &Protocol) -> Self {
        let (models, horizons) = (protocol.models.len(), protocol.horizons.len());
        Self {
            tallies: vec![vec![Tally::default(); horizons]; models],
            reference: vec![Tally::default(); horizons],
            origins: 0,
            skipped: 0,
            fits: 0,
            fit: Duration::ZERO,
            fit_bytes: 0,
            prepare: Duration::ZERO,
            predict: vec![Duration::ZERO; models],
            reasons: vec![None; models],
            samples: Vec::new(),
        }
    }

    fn add(&mut self, series: &Series, cut: &Cut, origin: usize, moment: &Moment) {
        self.origins += 1;
        self.prepare += moment.prepare;
        if let Some(fitting) = moment.fit {
            self.fits += 1;
            self.fit += fitting.took;
            self.fit_bytes = self.fit_bytes.max(fitting.bytes);
        }
        for (model, answer) in moment.answers.iter().enumerate() {
            self.predict[model] += answer.took;
            if self.reasons[model].is_none() {
                self.reasons[model].clone_from(&answer.unanswered);
            }
        }
        let all = moment.answers.iter().chain([&moment.reference]);
        // A pair counts for every model or for none.
        if all.clone().any(|answer| answer.forecast.is_none()) {
            return;
        }
        for (horizon, steps) in cut.horizons.iter().enumerate() {
            let Some(came) = came(series, cut, origin, *steps) else {
                continue;
            };
            let tallies = (self.tallies.iter_mut()).map(|tallies| &mut tallies[horizon]);
            let tallies = tallies.chain([&mut self.reference[horizon]]);
            for (tally, answer) in tallies.zip(all.clone()) {
                if let Some(forecast) = &answer.forecast {
                    tally.add(forecast, came, answer.unanswered.is_none());
                }
            }
        }
        self.keep(series, cut, origin, moment);
    }

    /// Keeps what the first model said at the middle horizon, for drawing.
    fn keep(&mut self, series: &Series, cut: &Cut, origin: usize, moment: &Moment) {
        let steps = cut.horizons[cut.horizons.len() / 2];
        let forecast = moment.answers.first().and_then(|a| a.forecast.as_ref());
        let Some(forecast) = forecast else { return };
        let target = origin + steps;
        let quantiles = DRAWN.map(|level| {
            Quantile::new(level).map_or(f64::NAN, |level| forecast.quantile(level, steps - 1))
        });
        self.samples.push(Sample {
            at: series.time_of(target),
            came: series.values().get(target).copied().unwrap_or(f64::NAN),
            quantiles,
        });
    }
}

/// What came `steps` after `origin`, if it was measured.
fn came(series: &Series, cut: &Cut, origin: usize, steps: usize) -> Option<Came> {
    let value = *series.values().get(origin + steps)?;
    if value.is_nan() {
        return None;
    }
    let window = &series.values()[origin + 1..=origin + steps];
    let measured = window.iter().filter(|v| !v.is_nan());
    let enough = measured.clone().count() as f64 >= PEAK_MEASURED * steps as f64;
    let peak = measured.copied().fold(f64::NEG_INFINITY, f64::max);
    Some(Came {
        value,
        peak: enough.then_some(peak),
        steps,
        later: origin >= cut.from + cut.day,
    })
}
