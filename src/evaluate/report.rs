//! What comes out of an evaluation, as it is written in JSON.
//!
//! A number that can't be given (a share of nothing, a MASE without a day before) is `null`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::numbers::{finite, ratio, relative};
use super::summary::{Summary, summarize};
use super::tally::{Covered, Tally};
use super::walk::{Cut, Sums};
use super::{COVERAGE_LEVELS, LOSS_LEVELS, Protocol};
use crate::dataset::{Dataset, LeftOut};
use crate::domain::{Series, Timestamp};

/// The result of an evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the program.
    pub forescale: &'static str,
    /// How it was done.
    pub protocol: Protocol,
    /// One for each input.
    pub traces: Vec<Trace>,
    /// Over all traces, and over those of a minute or finer where there are both.
    pub summary: Vec<Summary>,
    /// Inputs that could not be scored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// One trace.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// Its name.
    pub name: String,
    /// Its step.
    pub step_seconds: u64,
    /// One for each model and horizon.
    pub models: Vec<Entry>,
    /// Steps of the whole series, the missing ones included.
    pub steps: usize,
    /// Steps without a measured value.
    pub missing: usize,
    /// Time of the first origin, RFC 3339.
    pub test_from: String,
    /// Origins that were forecast from.
    pub origins: u64,
    /// Origins at which nothing was measured, so that there was no new forecast.
    pub origins_skipped: u64,
    /// How often models were fitted.
    pub fits: u64,
    /// The most bytes that one fit kept.
    pub fit_bytes: usize,
    /// Mean milliseconds that preparing the history took at one origin, once for all models.
    pub prepare_ms: f64,
    /// What had to be said about reading and scoring it.
    pub notes: Vec<String>,
    /// What the first model said at the middle horizon, for drawing.
    #[serde(skip)]
    pub samples: Vec<Sample>,
}

/// One model at one horizon of one trace.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The model.
    pub model: String,
    /// The horizon that was asked for.
    pub horizon_seconds: u64,
    /// Pairs of forecast and measured value; the same for every model.
    pub n: u64,
    /// Mean absolute error of the median.
    pub mae: Option<f64>,
    /// Root of the mean squared error of the median.
    pub rmse: Option<f64>,
    /// MAE over the mean absolute change since the day before in the training part (Hyndman & Koehler 2006, with the
    /// season of a day).
    pub mase: Option<f64>,
    /// MAE over that of the naive model on the same pairs.
    pub rel_mae_vs_naive: Option<f64>,
    /// Symmetric mean absolute percentage error, 0 to 200.
    pub smape: Option<f64>,
    /// Weighted quantile loss over the levels 0.1, 0.5, 0.9 and 0.95.
    pub wql: Option<f64>,
    /// The same for the highest value between origin and horizon.
    pub peak_wql: Option<f64>,
    /// Observed share at or below each upper level.
    pub coverage: Option<Coverage>,
    /// Mean milliseconds of one fit, which serves all models of a trace.
    pub fit_ms: f64,
    /// Mean milliseconds of one forecast, preparing left out.
    pub predict_ms: f64,
    /// The horizon that was scored: whole steps.
    pub scored_seconds: u64,
    /// Sum of the errors over the sum of the sizes: above 0 is too high.
    pub bias: Option<f64>,
    /// WQL over that of the naive model with the bands of its fit, on the same pairs.
    pub rel_wql_vs_naive: Option<f64>,
    /// Peak WQL over that of the naive model with the bands of its fit, on the same peaks.
    pub rel_peak_wql_vs_naive: Option<f64>,
    /// Peaks that were scored.
    pub peaks: u64,
    /// Observed share of peaks at or below each upper level.
    pub peak_coverage: Option<Coverage>,
    /// Coverage without the origins of the first day.
    pub coverage_after_first_day: Option<Coverage>,
    /// Pairs that were scored with a stand-in, because the model could not answer.
    pub unanswered: u64,
}

/// Level to observed share.
pub type Coverage = BTreeMap<String, f64>;

/// A forecast beside what came.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The time that was forecast.
    pub at: Timestamp,
    /// What came; `NaN` when it was not measured.
    pub came: f64,
    /// The quantiles 0.1, 0.5, 0.9, 0.95 and 0.99.
    pub quantiles: [f64; 5],
}

// === impl Report ===

impl Report {
    pub(super) fn new(protocol: Protocol, traces: Vec<Trace>, left_out: Vec<LeftOut>) -> Self {
        Self {
            forescale: crate::telemetry::VERSION,
            summary: summarize(&protocol, &traces),
            protocol,
            traces,
            left_out,
        }
    }
}

// === impl Trace ===

impl Trace {
    pub(super) fn new(dataset: &Dataset, protocol: &Protocol, cut: &Cut, sums: Sums) -> Self {
        let series = &dataset.series;
        let scale = daily_scale(series, cut);
        let mut models = Vec::new();
        for (model, name) in protocol.models.iter().enumerate() {
            for (horizon, asked) in protocol.horizons.iter().enumerate() {
                let mut entry = Entry::new(
                    &sums.tallies[model][horizon],
                    &sums.reference[horizon],
                    scale,
                );
                entry.model.clone_from(name);
                entry.horizon_seconds = asked.get().as_secs();
                entry.scored_seconds = cut.horizons[horizon] as u64 * series.step().as_secs();
                entry.fit_ms = millis(sums.fit.as_secs_f64(), sums.fits);
                entry.predict_ms = millis(sums.predict[model].as_secs_f64(), sums.origins);
                models.push(entry);
            }
        }
        Self {
            name: dataset.name.clone(),
            step_seconds: series.step().as_secs(),
            steps: series.len(),
            missing: series.len() - series.observed(),
            test_from: series.time_of(cut.from).to_rfc3339(),
            origins: sums.origins,
            origins_skipped: sums.skipped,
            fits: sums.fits,
            fit_bytes: sums.fit_bytes,
            prepare_ms: millis(sums.prepare.as_secs_f64(), sums.origins),
            notes: notes(dataset, &models, protocol, &sums),
            samples: sums.samples,
            models,
        }
    }

    /// The entry of one model and horizon.
    pub fn entry(&self, model: &str, horizon_seconds: u64) -> Option<&Entry> {
        (self.models.iter())
            .find(|entry| entry.model == model && entry.horizon_seconds == horizon_seconds)
    }
}

// === impl Entry ===

impl Entry {
    fn new(tally: &Tally, naive: &Tally, scale: Option<f64>) -> Self {
        let n = tally.n as f64;
        let mean = |sum: f64| ratio(sum, n);
        let wql = |pinball: f64, size: f64| ratio(2.0 * pinball, LOSS_LEVELS.len() as f64 * size);
        let scored = |share: Option<f64>| share.filter(|_| tally.n > 0);
        let peaks = |share: Option<f64>| share.filter(|_| tally.peaks > 0);
        Self {
            model: String::new(),
            horizon_seconds: 0,
            n: tally.n,
            mae: mean(tally.absolute),
            rmse: mean(tally.squared).map(f64::sqrt),
            mase: mean(tally.absolute)
                .zip(scale)
                .and_then(|(mae, scale)| ratio(mae, scale)),
            rel_mae_vs_naive: scored(relative(tally.absolute, naive.absolute)),
            smape: mean(200.0 * tally.symmetric),
            wql: wql(tally.pinball, tally.size),
            peak_wql: wql(tally.peak_pinball, tally.peak_size),
            coverage: coverage(&tally.covered),
            fit_ms: 0.0,
            predict_ms: 0.0,
            scored_seconds: 0,
            bias: ratio(tally.signed, tally.size),
            rel_wql_vs_naive: scored(relative(tally.pinball, naive.pinball)),
            rel_peak_wql_vs_naive: peaks(relative(tally.peak_pinball, naive.peak_pinball)),
            peaks: tally.peaks,
            peak_coverage: coverage(&tally.peak_covered),
            coverage_after_first_day: coverage(&tally.covered_later),
            unanswered: tally.unanswered,
        }
    }
}

fn coverage(covered: &Covered) -> Option<Coverage> {
    let shares = covered.shares()?;
    let named = COVERAGE_LEVELS.iter().zip(shares);
    Some(
        named
            .map(|(level, share)| (level.to_string(), share))
            .collect(),
    )
}

/// The mean absolute change since the day before in the training part: the unit of MASE. `None` when that part has no
/// two values a day apart, or never changes.
fn daily_scale(series: &Series, cut: &Cut) -> Option<f64> {
    let train = &series.values()[..cut.from.min(series.len())];
    let pairs = train.iter().zip(train.get(cut.day..)?);
    let changes = pairs.map(|(before, now)| (now - before).abs());
    super::numbers::mean(changes.filter(|change| !change.is_nan()))
        .and_then(finite)
        .filter(|scale| *scale > 0.0)
}

fn notes(dataset: &Dataset, models: &[Entry], protocol: &Protocol, sums: &Sums) -> Vec<String> {
    let mut notes = dataset.notes.clone();
    for horizon in &protocol.horizons {
        let asked = horizon.get().as_secs();
        let entry = models.iter().find(|entry| entry.horizon_seconds == asked);
        if let Some(entry) = entry.filter(|entry| entry.scored_seconds != asked) {
            notes.push(format!(
                "a horizon of {horizon} is no whole number of steps: scored at {} s",
                entry.scored_seconds
            ));
        }
    }
    for (name, reason) in protocol.models.iter().zip(&sums.reasons) {
        if let Some(reason) = reason {
            notes.push(format!("`{name}` could not answer everywhere: {reason}"));
        }
    }
    notes
}

fn millis(seconds: f64, count: u64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    1e3 * seconds / count as f64
}
