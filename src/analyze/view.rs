//! A history as models look at it: any step may be the origin, and only what lies at or before the origin counts.

use super::Prepared;
use super::calendar::Calendar;
use super::preprocess::Mark;
use super::stats::median_of;
use crate::domain::EventTimes;

/// A history with what models need at every origin.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// As measured, gaps filled, outages missing: what a level is taken from.
    pub(crate) seen: Vec<f64>,
    /// With isolated outliers replaced: what a typical day is made of.
    pub(crate) clean: &'a [f64],
    marks: &'a [Mark],
    /// Local time.
    pub(crate) calendar: Calendar,
    /// The known events of the history and of the steps after it.
    pub(crate) events: Vec<EventTimes>,
    /// Length of a step in seconds.
    pub(crate) step_secs: f64,
    /// Median size of the values: the metric's order of magnitude; above 0 unless all is 0.
    pub(crate) magnitude: f64,
    /// Sums and counts of the values before each step.
    sums: Vec<(f64, u32)>,
    /// Sums and counts of the absolute changes over five minutes.
    changes: Vec<(f64, u32)>,
    /// Steps of five minutes; at least one.
    pub(crate) five: usize,
}

impl<'a> View<'a> {
    /// Looks at `history`, and at local time until `ahead` steps after it.
    pub(crate) fn new(history: &'a Prepared, ahead: usize, timezone: &str) -> Self {
        let seen = history.seen();
        let step_secs = history.series.step().as_secs_f64();
        let magnitude = magnitude(&seen);
        // Sums over a window are differences of running sums; one absurd value must not eat the digits of all others.
        let cap = 1000.0 * magnitude;
        let five = ((300.0 / step_secs).round() as usize).max(1);
        let sums = running(seen.iter().map(|v| v.clamp(-cap, cap)));
        let calendar = Calendar::new(&history.series, ahead, timezone);
        let events = &history.events;
        let events = events.times(calendar.local(0), calendar.local(seen.len() + ahead + 1));
        let changes = running((0..seen.len()).map(|i| {
            let before = i.checked_sub(five).map_or(f64::NAN, |b| seen[b]);
            (seen[i].clamp(-cap, cap) - before.clamp(-cap, cap)).abs()
        }));
        Self {
            clean: history.series.values(),
            marks: &history.marks,
            calendar,
            events,
            step_secs,
            magnitude,
            sums,
            changes,
            five,
            seen,
        }
    }

    /// Number of steps.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Steps of `minutes`, rounded; at least one.
    pub(crate) fn steps(&self, minutes: f64) -> usize {
        ((minutes * 60.0 / self.step_secs).round() as usize).max(1)
    }

    /// Steps of a day; at least one.
    pub(crate) fn day(&self) -> usize {
        self.steps(1440.0)
    }

    /// Whether the value at `index` was measured and can be scored against.
    pub(crate) fn measured(&self, index: usize) -> bool {
        matches!(self.marks.get(index), Some(Mark::Observed | Mark::Outlier))
    }

    /// The newest value at or before `origin`, looking back a day at most.
    pub(crate) fn last(&self, origin: usize) -> Option<f64> {
        let from = origin.saturating_sub(self.day());
        let until = (origin + 1).min(self.len());
        self.seen
            .get(from..until)?
            .iter()
            .rev()
            .find(|v| !v.is_nan())
            .copied()
    }

    /// The mean of the values among the `len` steps that end with `end`.
    pub(crate) fn mean(&self, end: usize, len: usize) -> Option<f64> {
        window_mean(&self.sums, end, len)
    }

    /// The local level at `origin`: the mean of five minutes, or the newest value.
    pub(crate) fn level(&self, origin: usize) -> Option<f64> {
        self.mean(origin, self.five).or_else(|| self.last(origin))
    }

    /// The local restlessness at `origin`: the mean change over five minutes within the last hour.
    pub(crate) fn spread(&self, origin: usize) -> Option<f64> {
        window_mean(&self.changes, origin, self.steps(60.0).max(4))
    }
}

/// Running sums and counts before each index, leaving out what is missing.
fn running(values: impl Iterator<Item = f64>) -> Vec<(f64, u32)> {
    let mut total = (0.0, 0);
    let mut sums = vec![total];
    for value in values {
        if !value.is_nan() {
            total = (total.0 + value, total.1 + 1);
        }
        sums.push(total);
    }
    sums
}

fn window_mean(sums: &[(f64, u32)], end: usize, len: usize) -> Option<f64> {
    let until = sums.get(end + 1)?;
    let from = sums.get((end + 1).saturating_sub(len))?;
    let count = until.1 - from.1;
    (count > 0).then(|| (until.0 - from.0) / f64::from(count))
}

/// The median of the sizes of up to about a thousand values; of those that are not 0 when most are.
fn magnitude(seen: &[f64]) -> f64 {
    let every = (seen.len() / 1000).max(1);
    let sizes = seen.iter().filter(|v| !v.is_nan()).map(|v| v.abs());
    let mut some: Vec<f64> = sizes.clone().step_by(every).collect();
    match median_of(&mut some) {
        Some(median) if median > 0.0 => median,
        _ => median_of(&mut sizes.filter(|v| *v > 0.0).collect::<Vec<_>>()).unwrap_or(0.0),
    }
}
