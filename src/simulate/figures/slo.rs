//! Minutes in which the latency objective was missed.

use std::time::Duration;

use crate::domain::Timestamp;

const MINUTE: Duration = Duration::from_mins(1);

/// Counts minutes whose share of late requests was above the allowed one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Minutes {
    allowed: f64,
    violated: u64,
    open: Option<Open>,
}

/// The minute that is not over yet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Open {
    start: Timestamp,
    requests: f64,
    late: f64,
}

impl Minutes {
    pub(super) fn allowing(allowed: f64) -> Self {
        Self {
            allowed,
            ..Self::default()
        }
    }

    /// Adds so many requests from `at` on, of which this share was late.
    pub(super) fn add(&mut self, at: Timestamp, requests: f64, late: f64) {
        let start = at.floor_to(MINUTE);
        if self.open.is_some_and(|open| open.start != start) {
            self.violated += u64::from(self.open_violates());
            self.open = None;
        }
        let open = self.open.get_or_insert(Open {
            start,
            requests: 0.0,
            late: 0.0,
        });
        open.requests += requests;
        open.late += requests * late;
    }

    /// Minutes so far, the present one included; `None` when nothing was added.
    pub(super) fn violated(&self) -> Option<f64> {
        self.open?;
        Some((self.violated + u64::from(self.open_violates())) as f64)
    }

    fn open_violates(&self) -> bool {
        // At exactly the allowed share nothing is missed, and float noise is not a miss.
        let missed = |open: Open| open.late > open.requests * self.allowed * (1.0 + 1e-9);
        self.open.is_some_and(missed)
    }
}
