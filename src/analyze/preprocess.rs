//! Raw history made fit for models.
//!
//! Everything here is causal: what a step becomes depends on that step and earlier ones, so that a forecast replayed
//! from the past sees what it would have seen then. There is one exception, and it is bounded: an isolated outlier is
//! replaced once [`CONFIRM_STEPS`] later steps have shown that it was isolated. Hence the rule that the tests hold
//! to: preparing a longer history changes none of the earlier steps but the last [`CONFIRM_STEPS`].
//! [`Prepared::seen`] gives the values without that replacement, strictly causal; the models take their level there.

mod anomaly;
mod hampel;
mod outage;
#[cfg(test)]
mod tests;
mod window;

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

pub use self::anomaly::Anomalies;
pub use self::window::Window;
pub use crate::domain::{Anomaly, AnomalyKind};
use crate::domain::{Events, Series, Timestamp};

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
    /// Measured, but a step as a counter's restart leaves it (next to nothing, below 0, or absurdly much); replaced.
    Reset,
    /// Measured, but the workload was down; made missing.
    Outage,
    /// Not measured.
    Missing,
    /// Measured, a burst right after an outage: clients that try again. Kept, but nothing is learned from it.
    Storm,
    /// Measured within a [`Window`] that the user has marked. Kept, but nothing is learned from it.
    Excluded,
}

impl Mark {
    /// Whether there was a value; what was replaced counts, an outage does not.
    pub fn has_value(self) -> bool {
        self.is_usual() || matches!(self, Self::Storm | Self::Excluded)
    }

    /// Whether the value that was measured says what the workload usually does: only such steps are learned from and
    /// scored.
    pub fn is_usual(self) -> bool {
        matches!(self, Self::Observed | Self::Outlier | Self::Reset)
    }
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
    /// What is known to happen besides, past and future; nothing unless it is set.
    pub events: Events,
}

/// Prepares raw history. Infinite values count as missing.
pub fn prepare(raw: &Series) -> Prepared {
    prepare_with(raw, &[])
}

/// Prepares raw history of which the user has marked some windows: what was measured there stays, for it is the load
/// that has to be served, but nothing is learned from it.
pub fn prepare_with(raw: &Series, windows: &[Window]) -> Prepared {
    // Room for weeks of values is not asked for lightly: at each refresh it costs more than a look at all of them.
    let tamed = if raw.values().iter().all(|v| is_tame(*v)) {
        Cow::Borrowed(raw.values())
    } else {
        Cow::Owned(raw.values().iter().map(|v| tame(*v)).collect())
    };
    let mut cleaner = Cleaner::new(&tamed, raw.step());
    for (from, until) in window::ranges(windows, raw) {
        cleaner.run(from);
        cleaner.exclude(until);
    }
    cleaner.run(tamed.len());
    let Cleaner {
        mut values,
        mut marks,
        ..
    } = cleaner;
    // A single step can't be told from its neighbours where they are all one mean.
    let fine = raw.fine_from();
    let outliers = hampel::replace(&mut values, &mut marks, fine);
    let (outages, outage_at_end) = outages(raw, &marks);
    Prepared {
        series: Series::new(raw.start(), raw.step(), values).with_fine_from(fine),
        marks,
        outliers,
        outages,
        outage_at_end,
        events: Events::default(),
    }
}

/// Prepares raw history of a workload whose trigger names `events`, in its time zone: what it excludes is not learned
/// from, and what it announces is known. The server and whoever replays it prepare in this way.
pub fn prepare_for(raw: &Series, events: &Events, timezone: &str) -> Prepared {
    let mut prepared = prepare_with(raw, &windows_of(events, timezone));
    prepared.events = events.clone();
    prepared
}

/// What was measured without what `events` exclude: all that forecasts may be compared with.
pub fn without_excluded<'a>(raw: &'a Series, events: &Events, timezone: &str) -> Cow<'a, Series> {
    let ranges = window::ranges(&windows_of(events, timezone), raw);
    if ranges.is_empty() {
        return Cow::Borrowed(raw);
    }
    let mut values = raw.values().to_vec();
    for (from, until) in ranges {
        values[from..until].fill(f64::NAN);
    }
    Cow::Owned(Series::new(raw.start(), raw.step(), values))
}

fn windows_of(events: &Events, timezone: &str) -> Vec<Window> {
    let excluded = events.excluded().iter();
    excluded.map(|it| Window::of(it, timezone)).collect()
}

/// What goes on at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Usual,
    Down,
    Storm,
    Excluded,
}

/// Decides about one step after the other, from it and those before it.
struct Cleaner<'a> {
    raw: &'a [f64],
    detector: outage::Detector<'a>,
    values: Vec<f64>,
    marks: Vec<Mark>,
    /// The last value that a gap may be filled with.
    held: Option<f64>,
    /// Steps since the last value.
    gap: usize,
}

impl<'a> Cleaner<'a> {
    fn new(raw: &'a [f64], step: Duration) -> Self {
        Self {
            raw,
            detector: outage::Detector::new(raw, step),
            values: Vec::with_capacity(raw.len()),
            marks: Vec::with_capacity(raw.len()),
            held: None,
            gap: 0,
        }
    }

    /// Goes on until before step `end`.
    fn run(&mut self, end: usize) {
        while self.values.len() < end {
            let from = self.values.len();
            let until = self.detector.plain_until(from, end);
            if until > from {
                self.take(from, until);
            } else {
                self.step(from);
            }
        }
    }

    /// Takes steps as they are: nothing happens in them.
    fn take(&mut self, from: usize, until: usize) {
        self.detector.pass(from, until);
        self.values.extend_from_slice(&self.raw[from..until]);
        self.marks.resize(until, Mark::Observed);
        (self.held, self.gap) = (Some(self.raw[until - 1]), 0);
    }

    /// Goes on until before step `end`, all of which the user has marked. The detector sees none of it: the end of a
    /// load test is no outage. Nor is any of its values held beyond it.
    fn exclude(&mut self, end: usize) {
        self.detector.forget_state();
        for index in self.values.len()..end {
            self.decide(index, State::Excluded);
        }
        self.held = None;
    }

    fn step(&mut self, index: usize) {
        let state = self.detector.state_at(index);
        self.decide(index, state);
    }

    fn decide(&mut self, index: usize, state: State) {
        let value = self.raw[index];
        let down = state == State::Down;
        let (prepared, mark) = if down && !value.is_nan() {
            (f64::NAN, Mark::Outage)
        } else if !value.is_nan() {
            let mark = match state {
                State::Storm => Mark::Storm,
                State::Excluded => Mark::Excluded,
                _ => Mark::Observed,
            };
            (value, mark)
        } else if let Some(last) = self.fill(state) {
            (last, Mark::Filled)
        } else {
            (f64::NAN, Mark::Missing)
        };
        match mark {
            mark if mark.has_value() => (self.held, self.gap) = (Some(value), 0),
            // After an outage there is nothing to hold: the value before it speaks of another time.
            Mark::Outage => self.held = None,
            _ => self.gap += 1,
        }
        self.values.push(prepared);
        self.marks.push(mark);
    }

    /// What a gap is filled with, if it is: a value that is held is learned from, so there is none where nothing is.
    fn fill(&self, state: State) -> Option<f64> {
        let fills = !matches!(state, State::Down | State::Excluded) && self.gap < LONGEST_FILL;
        self.held.filter(|_| fills)
    }
}

// === impl Prepared ===

impl Prepared {
    /// What was unusual, oldest first.
    pub fn anomalies(&self) -> Vec<Anomaly> {
        anomaly::list(self)
    }

    /// The values with the outliers put back: strictly causal.
    pub fn seen(&self) -> Cow<'_, [f64]> {
        let mut values = Cow::Borrowed(self.series.values());
        for outlier in &self.outliers {
            values.to_mut()[outlier.index] = outlier.original;
        }
        values
    }

    /// The series without what the user has marked, which no forecast from its end may see. As long as the marked time
    /// goes on at the end, it is the load there is, and is shown.
    pub fn shown(&self) -> Cow<'_, Series> {
        let marked = |mark: &&Mark| **mark == Mark::Excluded;
        let past = self.marks.len() - self.marks.iter().rev().take_while(marked).count();
        if !self.marks[..past].contains(&Mark::Excluded) {
            return Cow::Borrowed(&self.series);
        }
        let mut values = self.series.values().to_vec();
        for (value, mark) in values[..past].iter_mut().zip(&self.marks) {
            if *mark == Mark::Excluded {
                *value = f64::NAN;
            }
        }
        Cow::Owned(Series::new(self.series.start(), self.series.step(), values))
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

/// Whether models can bear the value as it is.
fn is_tame(value: f64) -> bool {
    (SMALLEST..=LARGEST).contains(&value.abs()) || value.to_bits() == 0 || value.is_nan()
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
    if !marks[first..].iter().any(gone) {
        return (found, None);
    }
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
