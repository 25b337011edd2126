//! A metric on a fixed time grid.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was true.
    pub at: Timestamp,
    /// In the metric's own unit; finite.
    pub value: f64,
}

/// Values on the grid of multiples of `step` since the epoch; `NaN` marks a missing step.
///
/// The first part of a long series may be coarse: known only as means over several steps, each held over its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    start: Timestamp,
    step: Duration,
    values: Vec<f64>,
    fine_from: usize,
}

impl Series {
    /// A series whose first value stands at `start`, which is rounded down to the grid.
    ///
    /// A zero `step` is taken as one second.
    pub fn new(start: Timestamp, step: Duration, values: Vec<f64>) -> Self {
        let step = step.max(Duration::from_secs(1));
        Self {
            start: start.floor_to(step),
            step,
            values,
            fine_from: 0,
        }
    }

    /// From samples in any order: each goes to its grid point (rounded down), the last one given wins, steps without
    /// a sample are missing.
    pub fn from_samples(step: Duration, samples: &[Sample]) -> Self {
        let step = step.max(Duration::from_secs(1));
        let Some(first) = samples.iter().map(|s| s.at.floor_to(step)).min() else {
            return Self::new(Timestamp::default(), step, Vec::new());
        };
        let last = samples
            .iter()
            .map(|s| s.at.floor_to(step))
            .max()
            .unwrap_or(first);
        let len = steps_between(first, last, step) + 1;
        let mut values = vec![f64::NAN; len];
        for sample in samples {
            values[steps_between(first, sample.at.floor_to(step), step)] = sample.value;
        }
        Self {
            start: first,
            step,
            values,
            fine_from: 0,
        }
    }

    /// Time of the first value.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Distance between two values.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// Time of the step after the last value.
    pub fn end(&self) -> Timestamp {
        self.time_of(self.values.len())
    }

    /// The values, oldest first; `NaN` where missing.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The same, known only as means over several steps before step `index`.
    #[must_use]
    pub fn with_fine_from(mut self, index: usize) -> Self {
        self.fine_from = index.min(self.values.len());
        self
    }

    /// The first step from which on each value is that of its own step; 0 unless the older part is coarse. Whoever
    /// learns from single steps, their noise or the way from one to the next, begins here.
    pub fn fine_from(&self) -> usize {
        self.fine_from
    }

    /// Number of steps, the missing ones included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no step at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Time of step `index` (which may lie past the end).
    pub fn time_of(&self, index: usize) -> Timestamp {
        self.start + self.step * u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The step that holds `at`, if it lies within the series.
    pub fn index_of(&self, at: Timestamp) -> Option<usize> {
        if at < self.start {
            return None;
        }
        let index = steps_between(self.start, at.floor_to(self.step), self.step);
        (index < self.values.len()).then_some(index)
    }

    /// The value at `at`, if present and not missing.
    pub fn get(&self, at: Timestamp) -> Option<f64> {
        self.index_of(at)
            .map(|i| self.values[i])
            .filter(|v| !v.is_nan())
    }

    /// The newest value that is not missing.
    pub fn last_observed(&self) -> Option<Sample> {
        let index = self.values.iter().rposition(|v| !v.is_nan())?;
        Some(Sample {
            at: self.time_of(index),
            value: self.values[index],
        })
    }

    /// How many steps are not missing.
    pub fn observed(&self) -> usize {
        self.values.iter().filter(|v| !v.is_nan()).count()
    }

    /// The last `steps` steps (all of them if there are fewer).
    #[must_use]
    pub fn tail(&self, steps: usize) -> Self {
        let from = self.values.len().saturating_sub(steps);
        Self {
            start: self.time_of(from),
            step: self.step,
            values: self.values[from..].to_vec(),
            fine_from: self.fine_from.saturating_sub(from),
        }
    }
}

/// Whole steps from `from` to `to`; 0 when `to` is earlier.
fn steps_between(from: Timestamp, to: Timestamp, step: Duration) -> usize {
    usize::try_from(to.since(from).as_millis() / step.as_millis().max(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn sample(secs: i64, value: f64) -> Sample {
        Sample {
            at: Timestamp::from_secs(secs),
            value,
        }
    }

    #[test]
    fn samples_in_any_order_land_on_the_grid_and_gaps_are_missing() {
        let series = Series::from_samples(
            MINUTE,
            &[sample(245, 4.0), sample(60, 1.0), sample(61, 2.0)],
        );
        assert_eq!(series.start(), Timestamp::from_secs(60));
        assert_eq!(series.len(), 4);
        assert!(
            (series.values()[0] - 2.0).abs() < f64::EPSILON,
            "the last one given wins"
        );
        assert!(series.values()[1].is_nan() && series.values()[2].is_nan());
        assert_eq!(series.last_observed(), Some(sample(240, 4.0)));
    }

    #[test]
    fn a_time_outside_has_no_index() {
        let series = Series::new(Timestamp::from_secs(120), MINUTE, vec![1.0, f64::NAN]);
        assert_eq!(series.index_of(Timestamp::from_secs(119)), None);
        assert_eq!(series.index_of(Timestamp::from_secs(239)), Some(1));
        assert_eq!(series.index_of(Timestamp::from_secs(240)), None);
        assert_eq!(series.get(Timestamp::from_secs(185)), None, "missing");
    }

    #[test]
    fn the_tail_keeps_its_place_in_time() {
        let series = Series::new(Timestamp::from_secs(0), MINUTE, vec![1.0, 2.0, 3.0]);
        let tail = series.tail(2);
        assert_eq!(tail.start(), Timestamp::from_secs(60));
        assert_eq!(tail.end(), series.end());
    }

    #[test]
    fn a_tail_knows_from_where_on_it_is_fine() {
        let series = Series::new(Timestamp::from_secs(0), MINUTE, vec![1.0; 5]);
        assert_eq!(series.fine_from(), 0);
        let coarse = series.with_fine_from(3);
        let fine_from = |steps| coarse.tail(steps).fine_from();
        assert_eq!([5, 4, 2, 1].map(fine_from), [3, 2, 0, 0]);
        assert_eq!(
            coarse.with_fine_from(9).fine_from(),
            5,
            "no further than its end"
        );
    }
}
