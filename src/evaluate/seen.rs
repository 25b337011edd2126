//! History as it was known at one moment.

use std::time::Duration;

use crate::domain::{Series, Timestamp};

/// A series up to and including one step. What came later can't be reached through it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    series: &'a Series,
    origin: usize,
}

impl<'a> Seen<'a> {
    /// What was known of `series` when step `origin` had just been measured.
    pub fn new(series: &'a Series, origin: usize) -> Self {
        Self { series, origin }
    }

    /// Time of the newest step.
    pub fn now(&self) -> Timestamp {
        self.series.time_of(self.origin)
    }

    /// The newest steps, as many as lie within `length`; all there are if there are fewer.
    pub fn tail(&self, length: Duration) -> Series {
        let step = self.series.step();
        let steps = length.as_millis().div_ceil(step.as_millis().max(1));
        let steps = usize::try_from(steps).unwrap_or(usize::MAX).max(1);
        let until = (self.origin + 1).min(self.series.len());
        let from = until.saturating_sub(steps);
        let values = self.series.values()[from..until].to_vec();
        Series::new(self.series.time_of(from), step, values)
    }
}
