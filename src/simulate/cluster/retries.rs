//! The closed loop: a share of what was not served comes again.

use std::collections::VecDeque;
use std::time::Duration;

use super::TICK;

/// What users and clients do when they are not served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Share of them, 0 to 1, that tries again.
    pub share: f64,
    /// After how long.
    pub after: Duration,
}

/// Load that is on its way back.
#[derive(Clone, Debug)]
pub(super) struct Retries {
    share: f64,
    /// One entry a tick, the next one first.
    coming: VecDeque<f64>,
}

impl Retries {
    pub(super) fn new(retry: Retry) -> Self {
        let ticks = retry.after.as_secs_f64() / TICK.as_secs_f64();
        let ticks = ticks.ceil().clamp(1.0, 1_000.0) as usize;
        Self {
            share: if retry.share.is_finite() {
                retry.share.clamp(0.0, 1.0)
            } else {
                0.0
            },
            coming: std::iter::repeat_n(0.0, ticks).collect(),
        }
    }

    /// Load that comes back in this tick.
    pub(super) fn returning(&self) -> f64 {
        self.coming.front().copied().unwrap_or(0.0)
    }

    /// Ends a tick in which this much load was not served.
    pub(super) fn unserved(&mut self, load: f64) {
        self.coming.pop_front();
        self.coming.push_back(self.share * load);
    }
}
