//! The running sums of one model at one horizon of one trace.

use super::{COVERAGE_LEVELS, LOSS_LEVELS};
use crate::domain::{Forecast, Quantile};

/// Forecasts hold 32-bit numbers, so that a value met exactly may differ in the seventh digit.
const ROUNDING: f64 = 1e-6;

/// How often values lay at or below each of [`COVERAGE_LEVELS`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Covered {
    pub(super) n: u64,
    at_or_below: [u64; COVERAGE_LEVELS.len()],
}

/// Sums for one model at one horizon.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) n: u64,
    pub(super) absolute: f64,
    pub(super) squared: f64,
    pub(super) signed: f64,
    pub(super) size: f64,
    pub(super) symmetric: f64,
    pub(super) pinball: f64,
    pub(super) covered: Covered,
    pub(super) covered_later: Covered,
    pub(super) peaks: u64,
    pub(super) peak_size: f64,
    pub(super) peak_pinball: f64,
    pub(super) peak_covered: Covered,
    pub(super) unanswered: u64,
}

/// What came, at one origin and horizon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    /// The value at the horizon.
    pub(super) value: f64,
    /// The highest value from the origin to the horizon, where enough was measured.
    pub(super) peak: Option<f64>,
    /// The horizon in steps.
    pub(super) steps: usize,
    /// Whether the first day of the test part is over.
    pub(super) later: bool,
}

// === impl Covered ===

impl Covered {
    fn add(&mut self, value: f64, quantile: impl Fn(Quantile) -> f64) {
        self.n += 1;
        for (place, level) in levels(&COVERAGE_LEVELS).enumerate() {
            let bound = quantile(level);
            self.at_or_below[place] += u64::from(value <= bound + ROUNDING * bound.abs());
        }
    }

    /// The observed share at each of [`COVERAGE_LEVELS`]; `None` when nothing was counted.
    pub(super) fn shares(&self) -> Option<[f64; COVERAGE_LEVELS.len()]> {
        (self.n > 0).then(|| self.at_or_below.map(|count| count as f64 / self.n as f64))
    }
}

// === impl Tally ===

impl Tally {
    /// Counts one pair.
    pub(super) fn add(&mut self, forecast: &Forecast, came: Came, answered: bool) {
        let at = |level: Quantile| forecast.quantile(level, came.steps - 1);
        let said = at(Quantile::MEDIAN);
        let error = said - came.value;
        self.n += 1;
        self.absolute += error.abs();
        self.squared += error * error;
        self.signed += error;
        self.size += came.value.abs();
        let both = said.abs() + came.value.abs();
        self.symmetric += if both > 0.0 { error.abs() / both } else { 0.0 };
        self.pinball += loss(came.value, at);
        self.covered.add(came.value, at);
        if came.later {
            self.covered_later.add(came.value, at);
        }
        self.unanswered += u64::from(!answered);
        if let Some(peak) = came.peak {
            let at = |level: Quantile| forecast.peak(level, came.steps);
            self.peaks += 1;
            self.peak_size += peak.abs();
            self.peak_pinball += loss(peak, at);
            self.peak_covered.add(peak, at);
        }
    }
}

/// The pinball loss over [`LOSS_LEVELS`], added up.
fn loss(value: f64, quantile: impl Fn(Quantile) -> f64) -> f64 {
    levels(&LOSS_LEVELS)
        .map(|level| {
            let over = value - quantile(level);
            (level.get() * over).max((level.get() - 1.0) * over)
        })
        .sum()
}

/// All of them lie between 0 and 1.
fn levels(levels: &[f64]) -> impl Iterator<Item = Quantile> {
    levels.iter().filter_map(|level| Quantile::new(*level).ok())
}
