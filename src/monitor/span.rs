//! Stretches of time on an evaluation grid, and how they are cut into windows that a server accepts.

use std::time::Duration;

use crate::domain::{Sample, Timestamp};

/// What to read: samples at `from`, `from + step`, … up to and including `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First evaluation time; a multiple of `step`.
    pub from: Timestamp,
    /// Last evaluation time.
    pub until: Timestamp,
    /// Grid; whole seconds.
    pub step: Duration,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Finite samples, oldest first, each evaluation time at most once.
    pub samples: Vec<Sample>,
    /// Samples that were NaN or infinite and were left out.
    pub not_finite: usize,
    /// Number of series in the result: 0 for an empty one, otherwise 1.
    pub series: usize,
    /// Warnings and infos that Prometheus sent along.
    pub warnings: Vec<String>,
    /// Part of the storage did not answer: every sum may be too low.
    pub partial: bool,
}

/// Warnings kept of one read, so that a chatty server can't fill memory.
pub(super) const MAX_WARNINGS: usize = 8;

/// Whether a warning is one of the query language itself: those are marked as such (Prometheus, `util/annotations`), and are
/// about the query and not about the storage.
pub fn is_of_the_language(warning: &str) -> bool {
    warning.starts_with("PromQL ")
}

// === impl Span ===

impl Span {
    /// Number of evaluation times; 0 when `until` lies before `from`.
    pub fn points(&self) -> u64 {
        if self.until < self.from {
            return 0;
        }
        (self.until.since(self.from).as_millis() as u64) / self.step_millis() + 1
    }

    /// Time from the first to the last evaluation.
    pub fn length(&self) -> Duration {
        self.until.since(self.from)
    }

    /// Cuts the span into windows of at most `max_points` evaluation times, newest first. Together they hold every
    /// evaluation time of the span once.
    pub fn windows(&self, max_points: u64) -> Vec<Self> {
        let max_points = max_points.max(1);
        let mut left = self.points();
        let mut windows = Vec::with_capacity(left.div_ceil(max_points) as usize);
        while left > 0 {
            let first = left.saturating_sub(max_points);
            windows.push(Self {
                from: self.time_of(first),
                until: self.time_of(left - 1),
                step: self.step,
            });
            left = first;
        }
        windows
    }

    /// Its newest evaluation times, so many at most.
    #[must_use]
    pub fn newest(&self, points: u64) -> Self {
        let first = self.points().saturating_sub(points.max(1));
        Self {
            from: self.time_of(first),
            ..*self
        }
    }

    fn time_of(&self, index: u64) -> Timestamp {
        self.from + Duration::from_millis(self.step_millis().saturating_mul(index))
    }

    /// A zero step would mean endless points; it is taken as one second.
    fn step_millis(&self) -> u64 {
        match self.step.as_millis() as u64 {
            0 => 1000,
            millis => millis,
        }
    }
}

// === impl Fetched ===

impl Fetched {
    /// Adds what a later window held.
    pub(super) fn absorb(&mut self, later: Self) {
        self.samples.extend(later.samples);
        self.not_finite += later.not_finite;
        self.series = self.series.max(later.series);
        self.partial |= later.partial;
        for warning in later.warnings {
            if self.warnings.len() < MAX_WARNINGS && !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(span: &Span) -> Vec<i64> {
        (0..span.points())
            .map(|index| span.time_of(index).as_millis())
            .collect()
    }

    proptest! {
        #[test]
        fn windows_hold_every_evaluation_time_once_and_none_is_over_the_limit(
            start in -1_000_000_i64..2_000_000_000,
            points in 1_u64..30_000,
            extra_millis in 0_u64..1000,
            step in 1_u64..4000,
            max_points in 1_u64..12_000,
        ) {
            let from = Timestamp::from_secs(start);
            let step = Duration::from_secs(step);
            // The end may lie between two grid points.
            let until = from + step * (points - 1) as u32 + Duration::from_millis(extra_millis);
            let span = Span { from, until, step };
            let windows = span.windows(max_points);

            prop_assert!(windows.iter().all(|w| (1..=max_points).contains(&w.points())));
            prop_assert!(windows.windows(2).all(|pair| pair[0].from > pair[1].until), "newest first");
            let read: Vec<i64> = windows.iter().rev().flat_map(times).collect();
            prop_assert_eq!(read, times(&span));
            prop_assert_eq!(windows.len() as u64, points.div_ceil(max_points), "no more requests than needed");
        }
    }

    #[test]
    fn a_span_that_ends_before_it_starts_has_no_window() {
        let span = Span {
            from: Timestamp::from_secs(60),
            until: Timestamp::from_secs(0),
            step: Duration::from_mins(1),
        };
        assert_eq!(span.points(), 0);
        assert!(span.windows(10).is_empty());
    }

    #[test]
    fn the_newest_of_a_span_end_with_it() {
        let span = Span {
            from: Timestamp::from_secs(60),
            until: Timestamp::from_secs(600),
            step: Duration::from_mins(1),
        };
        assert_eq!(times(&span.newest(2)), [540_000, 600_000]);
        assert_eq!(span.newest(100), span);
        assert_eq!(span.newest(0).points(), 1);
    }

    #[test]
    fn a_zero_step_does_not_divide_by_zero() {
        let span = Span {
            from: Timestamp::from_secs(0),
            until: Timestamp::from_secs(9),
            step: Duration::ZERO,
        };
        assert_eq!(span.points(), 10);
    }
}
