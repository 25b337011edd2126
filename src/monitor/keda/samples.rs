//! What KEDA has said of one trigger, and how it is read on a grid.
//!
//! Values come when KEDA asks its scaler: each `pollingInterval`, and for the HPA every 15 s besides. On the grid each
//! counts until the next one, and no longer than the source's `lookback`, as a sample does in Prometheus. So a trigger that
//! has fallen silent has no value, and never zero.

use std::collections::VecDeque;
use std::time::Duration;

use crate::domain::{Sample, Timestamp};
use crate::monitor::span::{Fetched, Span};

/// Values kept of one trigger at most: 64 KiB.
const MAX_VALUES: usize = 4096;

/// How far back reads may reach. What lies before has been taken over into the workload's history.
const MAX_REACH: Duration = Duration::from_hours(6);

/// The newest values of one trigger, oldest first.
#[derive(Debug, Default)]
pub(super) struct Values {
    kept: VecDeque<Sample>,
    /// How far before the newest value reads have reached.
    reach: Duration,
}

// === impl Values ===

impl Values {
    /// Notes a value. One of a time that is there already takes its place: KEDA sends what the HPA was told once more at
    /// the next poll. Values may come out of order, but none is from a time after `now`: what is known of one was said
    /// before the clock was set back, and goes.
    pub(super) fn record(&mut self, sample: Sample, lookback: Duration, now: Timestamp) {
        while self.kept.back().is_some_and(|newest| newest.at > now) {
            self.kept.pop_back();
        }
        let place = self.kept.partition_point(|kept| kept.at < sample.at);
        match self.kept.get_mut(place) {
            Some(same) if same.at == sample.at => *same = sample,
            _ => self.kept.insert(place, sample),
        }
        let Some(newest) = self.kept.back().map(|newest| newest.at) else {
            return;
        };
        let needed = self.reach + lookback;
        while self.kept.len() > MAX_VALUES
            || (self.kept.front()).is_some_and(|oldest| newest.since(oldest.at) > needed)
        {
            self.kept.pop_front();
        }
    }

    /// The values on the grid of `span`, and what lies before the span no longer than asked for from now on.
    pub(super) fn over(&mut self, span: Span, lookback: Duration) -> Fetched {
        if span.length() <= MAX_REACH {
            self.reach = self.reach.max(span.length() + span.step);
        }
        let mut fetched = Fetched::default();
        let Some(oldest) = self.kept.front().map(|oldest| oldest.at) else {
            return fetched;
        };
        fetched.series = 1;
        let step = span.step.max(Duration::from_secs(1));
        let mut at = span.from;
        if oldest > at {
            // The first evaluation that can have a value.
            let steps = (oldest.since(at).as_millis()).div_ceil(step.as_millis());
            at = at + Duration::from_millis((steps * step.as_millis()) as u64);
        }
        let mut next = 0;
        let mut current = None;
        while at <= span.until {
            while let Some(sample) = self.kept.get(next).filter(|sample| sample.at <= at) {
                current = Some(*sample);
                next += 1;
            }
            match current {
                Some(sample) if at.since(sample.at) > lookback => {}
                Some(sample) if sample.value.is_finite() => fetched.samples.push(Sample {
                    at,
                    value: sample.value,
                }),
                Some(_) => fetched.not_finite += 1,
                None => {}
            }
            at = at + step;
        }
        fetched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKBACK: Duration = Duration::from_secs(90);
    const LATER: Timestamp = Timestamp::from_secs(2_000_000_000);

    fn values(all: &[(i64, f64)]) -> Values {
        let mut values = Values {
            reach: Duration::from_mins(10),
            ..Values::default()
        };
        for (secs, value) in all {
            let at = Timestamp::from_secs(*secs);
            values.record(Sample { at, value: *value }, LOOKBACK, LATER);
        }
        values
    }

    fn read(values: &mut Values, from: i64, until: i64) -> Vec<(i64, f64)> {
        let span = Span {
            from: Timestamp::from_secs(from),
            until: Timestamp::from_secs(until),
            step: Duration::from_mins(1),
        };
        let samples = values.over(span, LOOKBACK).samples.into_iter();
        samples
            .map(|sample| (sample.at.as_millis() / 1000, sample.value))
            .collect()
    }

    #[test]
    fn each_value_counts_until_the_next_one_and_not_longer_than_the_lookback() {
        let mut values = values(&[(70, 1.0), (100, 2.0), (130, 3.0)]);
        let read = read(&mut values, 0, 360);
        assert_eq!(
            read,
            [(120, 2.0), (180, 3.0)],
            "nothing before, a gap after"
        );
    }

    #[test]
    fn a_value_sent_twice_or_late_takes_its_own_place() {
        let mut values = values(&[(110, 2.0), (50, 1.0), (110, 5.0), (170, 7.0)]);
        assert_eq!(
            read(&mut values, 60, 180),
            [(60, 1.0), (120, 5.0), (180, 7.0)]
        );
    }

    #[test]
    fn what_is_no_number_is_counted_and_never_a_sample() {
        let mut values = values(&[(60, f64::NAN)]);
        let span = Span {
            from: Timestamp::from_secs(60),
            until: Timestamp::from_secs(60),
            step: Duration::from_mins(1),
        };
        let fetched = values.over(span, LOOKBACK);
        assert_eq!((fetched.samples.len(), fetched.not_finite), (0, 1));
    }

    #[test]
    fn memory_is_bounded_by_what_is_read_and_by_a_number() {
        let mut few = Values::default();
        for second in 0..10_000 {
            let at = Timestamp::from_secs(second);
            few.record(Sample { at, value: 1.0 }, LOOKBACK, LATER);
        }
        assert_eq!(few.kept.len(), 91, "nobody has read further back");
        read(&mut few, 9_000, 10_000);
        for second in 10_000..40_000 {
            let at = Timestamp::from_secs(second);
            few.record(Sample { at, value: 1.0 }, LOOKBACK, LATER);
        }
        assert_eq!(few.kept.len(), 1000 + 60 + 90 + 1);
        for millis in 0..20_000 {
            let at = Timestamp::from_millis(40_000_000 + millis);
            few.record(Sample { at, value: 1.0 }, LOOKBACK, LATER);
        }
        assert_eq!(few.kept.len(), MAX_VALUES);
    }

    #[test]
    fn what_was_said_while_the_clock_ran_ahead_goes_once_it_was_set_back() {
        let mut values = values(&[(10_800, 500.0)]);
        let at = Timestamp::from_secs(600);
        values.record(Sample { at, value: 7.0 }, LOOKBACK, at);
        assert_eq!(read(&mut values, 600, 660), [(600, 7.0), (660, 7.0)]);
        assert!(read(&mut values, 10_800, 10_860).is_empty());
    }

    #[test]
    fn history_that_was_never_seen_is_empty_at_once() {
        let mut values = values(&[(1_000_000, 1.0)]);
        assert!(read(&mut values, 0, 999_960).is_empty());
        assert_eq!(values.reach, Duration::from_mins(10), "and is not kept for");
    }
}
