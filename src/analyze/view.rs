//! A history as models look at it: any step may be the origin, and only what lies at or before the origin counts.

use std::borrow::Cow;

use super::Prepared;
use super::calendar::Calendar;
use super::preprocess::Mark;
use super::stats::median_of;
use crate::domain::EventTimes;

/// A share of a peak's steps that must have been measured.
const MEASURED: f64 = 0.9;

/// A history with what models need at every origin.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// As measured, gaps filled, outages missing: what a level is taken from.
    pub(crate) seen: Cow<'a, [f64]>,
    /// The same without what the user has marked; `None` when nothing is.
    unmarked: Option<Vec<f64>>,
    /// With isolated outliers replaced and what nothing is learned from missing: what a typical day is made of.
    pub(crate) clean: Cow<'a, [f64]>,
    marks: &'a [Mark],
    /// From here on each value is that of its own step; before, values are means over several steps.
    pub(crate) fine_from: usize,
    /// Local time.
    pub(crate) calendar: Calendar,
    /// The known events of the history and of the steps after it.
    pub(crate) events: Vec<EventTimes>,
    /// Length of a step in seconds.
    pub(crate) step_secs: f64,
    /// Median size of the values: the metric's order of magnitude; above 0 unless all is 0.
    pub(crate) magnitude: f64,
    /// Values beyond it are cut when means are taken.
    cap: f64,
    /// Sums for means at many origins; without them each mean adds up its own values.
    tables: Option<Tables>,
    /// Steps of five minutes; at least one.
    pub(crate) five: usize,
}

/// Sums and counts before each step.
#[derive(Debug)]
struct Tables {
    values: Vec<(f64, u32)>,
    /// Of the absolute changes over five minutes.
    changes: Vec<(f64, u32)>,
}

impl<'a> View<'a> {
    /// Looks at `history` from many origins, and at local time until `ahead` steps after it.
    pub(crate) fn new(history: &'a Prepared, ahead: usize, timezone: &str) -> Self {
        let mut view = Self::from_few(history, ahead, timezone);
        let values = view.past();
        view.tables = Some(Tables {
            values: running((0..view.len()).map(|index| view.capped(values, index))),
            changes: running((0..view.len()).map(|index| view.change(values, index))),
        });
        view
    }

    /// Looks at `history` from one origin or a few: no sums are made in advance, which would cost more than a forecast.
    pub(crate) fn from_few(history: &'a Prepared, ahead: usize, timezone: &str) -> Self {
        let seen = history.seen();
        let unmarked = unmarked(&seen, &history.marks);
        let step_secs = history.series.step().as_secs_f64();
        let usual = unmarked.as_deref().map_or(0.0, magnitude);
        let magnitude = if usual > 0.0 { usual } else { magnitude(&seen) };
        let calendar = Calendar::new(&history.series, ahead, timezone);
        let events = &history.events;
        let events = events.times(calendar.local(0), calendar.local(seen.len() + ahead + 1));
        Self {
            clean: learnable(history),
            marks: &history.marks,
            fine_from: history.series.fine_from(),
            calendar,
            events,
            step_secs,
            magnitude,
            // Sums over a window are differences of running sums; one absurd value must not eat the digits of all others.
            cap: 1000.0 * magnitude,
            tables: None,
            five: ((300.0 / step_secs).round() as usize).max(1),
            seen,
            unmarked,
        }
    }

    /// The values without what the user has marked: all that may be compared with, a day ago or a week ago.
    pub(crate) fn past(&self) -> &[f64] {
        self.unmarked.as_deref().unwrap_or(&self.seen)
    }

    /// The newest values as a forecast from `origin` may see them: what the user has marked counts only while it goes on,
    /// for then it is the load there is.
    pub(crate) fn recent(&self, origin: usize) -> &[f64] {
        if self.marked(origin) {
            &self.seen
        } else {
            self.past()
        }
    }

    /// Whether the user has marked the step at `index`.
    pub(crate) fn marked(&self, index: usize) -> bool {
        self.unmarked.is_some() && self.marks.get(index) == Some(&Mark::Excluded)
    }

    /// The first of the marked steps that end with `origin`; the step after it when it is not marked.
    pub(crate) fn marked_since(&self, origin: usize) -> usize {
        let marked = (0..=origin).rev().take_while(|index| self.marked(*index));
        origin + 1 - marked.count()
    }

    /// Number of steps.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// The first step that single steps are learned from: the first one with a value that is no mean of many.
    pub(crate) fn first_fine(&self) -> usize {
        let fine = self.fine_from.min(self.len());
        let first = self.seen[fine..].iter().position(|v| !v.is_nan());
        first.map_or(self.len(), |first| fine + first)
    }

    /// Steps of `minutes`, rounded; at least one.
    pub(crate) fn steps(&self, minutes: f64) -> usize {
        ((minutes * 60.0 / self.step_secs).round() as usize).max(1)
    }

    /// Steps of a day; at least one.
    pub(crate) fn day(&self) -> usize {
        self.steps(1440.0)
    }

    /// Whether the value at `index` was measured and can be learned from and scored against.
    pub(crate) fn measured(&self, index: usize) -> bool {
        self.marks.get(index).is_some_and(|mark| mark.is_usual())
    }

    /// Whether there was a value at `index`, be it one that nothing is learned from: a forecast may start there.
    pub(crate) fn present(&self, index: usize) -> bool {
        self.marks.get(index).is_some_and(|mark| mark.has_value())
    }

    /// The highest value after `origin` up to `target`, when enough of it was measured.
    pub(crate) fn highest(&self, origin: usize, target: usize) -> Option<f64> {
        let window = self.past().get(origin + 1..=target)?;
        let known = window.iter().filter(|v| !v.is_nan());
        let enough = known.clone().count() as f64 >= MEASURED * window.len() as f64;
        enough.then(|| known.fold(f64::NEG_INFINITY, |a, b| a.max(*b)))
    }

    /// The newest value at or before `origin`, looking back a day at most.
    pub(crate) fn last(&self, origin: usize) -> Option<f64> {
        let from = origin.saturating_sub(self.day());
        let until = (origin + 1).min(self.len());
        self.recent(origin)
            .get(from..until)?
            .iter()
            .rev()
            .find(|v| !v.is_nan())
            .copied()
    }

    /// The mean of the values among the `len` steps that end with `origin`, as a forecast from there may see them.
    pub(crate) fn mean(&self, origin: usize, len: usize) -> Option<f64> {
        if self.marked(origin) {
            return self.mean_of(&self.seen, origin, len, Self::capped);
        }
        self.past_mean(origin, len)
    }

    /// The mean of the values among the `len` steps that end with `end`, as a forecast from a later time may see them.
    pub(crate) fn past_mean(&self, end: usize, len: usize) -> Option<f64> {
        match &self.tables {
            Some(tables) => window_mean(&tables.values, end, len),
            None => self.mean_of(self.past(), end, len, Self::capped),
        }
    }

    /// The local level at `origin`: the mean of five minutes, or the newest value.
    pub(crate) fn level(&self, origin: usize) -> Option<f64> {
        self.mean(origin, self.five).or_else(|| self.last(origin))
    }

    /// The local restlessness at `origin`: the mean change over five minutes within the last hour.
    pub(crate) fn spread(&self, origin: usize) -> Option<f64> {
        let len = self.steps(60.0).max(4);
        match &self.tables {
            _ if self.marked(origin) => self.mean_of(&self.seen, origin, len, Self::change),
            Some(tables) => window_mean(&tables.changes, origin, len),
            None => self.mean_of(self.past(), origin, len, Self::change),
        }
    }

    fn capped(&self, values: &[f64], index: usize) -> f64 {
        values[index].clamp(-self.cap, self.cap)
    }

    /// The absolute change over the five minutes before.
    fn change(&self, values: &[f64], index: usize) -> f64 {
        let before = index
            .checked_sub(self.five)
            .map_or(f64::NAN, |before| self.capped(values, before));
        (self.capped(values, index) - before).abs()
    }

    fn mean_of(
        &self,
        values: &[f64],
        end: usize,
        len: usize,
        of: impl Fn(&Self, &[f64], usize) -> f64,
    ) -> Option<f64> {
        if end >= self.len() {
            return None;
        }
        let (mut sum, mut count) = (0.0, 0_u32);
        for index in (end + 1).saturating_sub(len)..=end {
            let value = of(self, values, index);
            if !value.is_nan() {
                sum += value;
                count += 1;
            }
        }
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// The cleaned values without those of steps that nothing is learned from.
fn learnable(history: &Prepared) -> Cow<'_, [f64]> {
    let mut values = Cow::Borrowed(history.series.values());
    for (index, mark) in history.marks.iter().enumerate() {
        if mark.has_value() && !mark.is_usual() {
            values.to_mut()[index] = f64::NAN;
        }
    }
    values
}

/// The values without those that the user has marked, if there are any.
fn unmarked(seen: &[f64], marks: &[Mark]) -> Option<Vec<f64>> {
    if !marks.contains(&Mark::Excluded) {
        return None;
    }
    let each = seen.iter().zip(marks);
    let hidden = each.map(|(value, mark)| match mark {
        Mark::Excluded => f64::NAN,
        _ => *value,
    });
    Some(hidden.collect())
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::analyze::prepare;
    use crate::domain::{Series, Timestamp};

    proptest! {
        #[test]
        fn a_view_from_few_origins_sees_what_one_from_many_sees(
            values in prop::collection::vec(
                prop_oneof![8 => 0.0..100.0_f64, 1 => Just(f64::NAN), 1 => 1e3..1e9_f64],
                1..300,
            ),
            step in prop_oneof![Just(60_u64), Just(300), Just(3600)],
        ) {
            let series = Series::new(Timestamp::from_secs(0), Duration::from_secs(step), values);
            let prepared = prepare(&series);
            let (many, few) = (View::new(&prepared, 5, "UTC"), View::from_few(&prepared, 5, "UTC"));
            let scale = 1e-9 * many.cap.max(1.0);
            for end in 0..series.len() + 2 {
                let pairs = [
                    (many.mean(end, 7), few.mean(end, 7)),
                    (many.level(end), few.level(end)),
                    (many.spread(end), few.spread(end)),
                ];
                for (one, two) in pairs {
                    prop_assert_eq!(one.is_some(), two.is_some());
                    let apart = one.zip(two).map_or(0.0, |(one, two)| (one - two).abs());
                    prop_assert!(apart <= scale, "{} at {}", apart, end);
                }
            }
        }
    }
}
