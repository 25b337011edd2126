//! Raw history made fit for models.
//!
//! Everything here is causal: what a step becomes depends on that step and earlier ones, so that a forecast replayed
//! from the past sees what it would have seen then. There is one exception, and it is bounded: an isolated outlier is
//! replaced once [`CONFIRM_STEPS`] later steps have shown that it was isolated. Hence the rule that the tests hold
//! to: preparing a longer history changes none of the earlier steps but the last [`CONFIRM_STEPS`].
//! [`Prepared::seen`] gives the values without that replacement, strictly causal; the models take their level there.

mod hampel;
mod outage;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::domain::{Series, Timestamp};

/// So many later steps can still turn a value into an outlier.
pub const CONFIRM_STEPS: usize = hampel::LONGEST_OUTLIER;

/// So many steps of a gap are filled by holding the last value.
pub const LONGEST_FILL: usize = 3;

/// No metric that anybody scales on is larger; beyond it, sums of squares would overflow.
const LARGEST: f64 = 1e30;

/// Smaller values count as 0: divided by them, others would overflow.
const SMALLEST: f64 = 1e-30;

/// What was done with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// Measured, taken as it is.
    Observed,
    /// Not measured; the value before is held.
    Filled,
    /// Measured, but an isolated outlier; replaced.
    Outlier,
    /// Measured, but the workload was down; made missing.
    Outage,
    /// Not measured.
    Missing,
}

/// An isolated outlier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// Its step.
    pub index: usize,
    /// What was measured.
    pub original: f64,
}

/// A stretch of time without demand to learn from: the workload was down, or nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// History made fit for models.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Short gaps filled, isolated outliers replaced (never the newest steps), long gaps and outages missing.
    pub series: Series,
    /// What was done with each step.
    pub marks: Vec<Mark>,
    /// The outliers that were replaced, oldest first.
    pub outliers: Vec<Outlier>,
    /// The outages, oldest first; the last one may still go on.
    pub outages: Vec<Outage>,
    /// Since when an outage has been going on at the end of the history: whoever plans should hold.
    pub outage_at_end: Option<Timestamp>,
}

/// Prepares raw history. Infinite values count as missing.
pub fn prepare(raw: &Series) -> Prepared {
    let raw_values: Vec<f64> = raw.values().iter().map(|v| tame(*v)).collect();
    let mut detector = outage::Detector::new(&raw_values, raw.step());
    let mut values = Vec::with_capacity(raw_values.len());
    let mut marks = Vec::with_capacity(raw_values.len());
    let mut held: Option<f64> = None;
    let mut gap = 0;
    for (index, value) in raw_values.iter().copied().enumerate() {
        let down = detector.is_down(index);
        let (prepared, mark) = if down && !value.is_nan() {
            (f64::NAN, Mark::Outage)
        } else if !value.is_nan() {
            (value, Mark::Observed)
        } else if let Some(last) = held.filter(|_| !down && gap < LONGEST_FILL) {
            (last, Mark::Filled)
        } else {
            (f64::NAN, Mark::Missing)
        };
        match mark {
            Mark::Observed => (held, gap) = (Some(value), 0),
            // After an outage there is nothing to hold: the value before it speaks of another time.
            Mark::Outage => held = None,
            _ => gap += 1,
        }
        values.push(prepared);
        marks.push(mark);
    }
    let outliers = hampel::replace(&mut values, &mut marks);
    let (outages, outage_at_end) = outages(raw, &marks);
    Prepared {
        series: Series::new(raw.start(), raw.step(), values),
        marks,
        outliers,
        outages,
        outage_at_end,
    }
}

// === impl Prepared ===

impl Prepared {
    /// The values with the outliers put back: strictly causal.
    pub fn seen(&self) -> Cow<'_, [f64]> {
        let mut values = Cow::Borrowed(self.series.values());
        for outlier in &self.outliers {
            values.to_mut()[outlier.index] = outlier.original;
        }
        values
    }

    /// How many steps carry `mark`.
    pub fn count(&self, mark: Mark) -> usize {
        self.marks.iter().filter(|m| **m == mark).count()
    }

    /// The share of steps without a value after preparation; 1 when there is no step at all.
    pub fn share_missing(&self) -> f64 {
        if self.marks.is_empty() {
            return 1.0;
        }
        (self.count(Mark::Missing) + self.count(Mark::Outage)) as f64 / self.marks.len() as f64
    }
}

/// The value as models can bear it: a number of sane size, or missing.
fn tame(value: f64) -> f64 {
    if !value.is_finite() {
        f64::NAN
    } else if value.abs() < SMALLEST {
        0.0
    } else {
        value.clamp(-LARGEST, LARGEST)
    }
}

/// Stretches of outage, and of missing values that were too long to fill.
fn outages(raw: &Series, marks: &[Mark]) -> (Vec<Outage>, Option<Timestamp>) {
    let gone = |mark: &Mark| matches!(mark, Mark::Outage | Mark::Missing | Mark::Filled);
    let first = marks.iter().position(|m| !gone(m)).unwrap_or(marks.len());
    let mut found = Vec::new();
    let mut at_end = None;
    for stretch in stretches(marks, first, gone) {
        let marks_there = &marks[stretch.clone()];
        let down = marks_there.contains(&Mark::Outage);
        if !down && stretch.len() <= LONGEST_FILL {
            continue;
        }
        found.push(Outage {
            from: raw.time_of(stretch.start),
            until: raw.time_of(stretch.end),
        });
        if stretch.end == marks.len() {
            at_end = Some(raw.time_of(stretch.start));
        }
    }
    (found, at_end)
}

/// The maximal runs from `first` on whose marks all satisfy `inside`.
fn stretches(marks: &[Mark], first: usize, inside: impl Fn(&Mark) -> bool) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (index, mark) in marks.iter().enumerate().skip(first) {
        match (inside(mark), start) {
            (true, None) => start = Some(index),
            (false, Some(from)) => {
                runs.push(from..index);
                start = None;
            }
            _ => {}
        }
    }
    runs.extend(start.map(|from| from..marks.len()));
    runs
}
