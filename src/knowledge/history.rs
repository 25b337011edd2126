//! A metric's history in little memory.
//! STUB: to be written by the knowledge room.

use std::time::Duration;

use crate::domain::{Sample, Series, Timestamp};

/// The last `capacity` steps of a metric, packed.
#[derive(Clone, Debug)]
pub struct History {
    step: Duration,
    capacity: usize,
}

impl History {
    /// An empty history that keeps `capacity` steps of `step`.
    pub fn new(step: Duration, capacity: usize) -> Self {
        Self { step, capacity }
    }

    /// Distance between two steps.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// Stores a value at the grid point that holds `at`; a later call for the same point replaces it; a value that is
    /// not finite, or older than the capacity reaches, is left out.
    pub fn record(&mut self, at: Timestamp, value: f64) {
        let _ = (at, value, self.step, self.capacity);
    }

    /// The whole history, oldest first, missing steps as `NaN`.
    pub fn series(&self) -> Series {
        Series::new(Timestamp::default(), self.step, vec![])
    }

    /// The last `steps` steps.
    pub fn tail(&self, steps: usize) -> Series {
        self.series().tail(steps)
    }

    /// The newest sample.
    pub fn last(&self) -> Option<Sample> {
        None
    }

    /// Time of the oldest sample.
    pub fn first(&self) -> Option<Timestamp> {
        None
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        0
    }
}
