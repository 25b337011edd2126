//! Outages: a busy workload that suddenly falls to nothing. That is no dip in demand, and a forecast that learned
//! from it would scale a service down just before its users come back.
//!
//! Decided step by step from the past alone. A workload that falls to nothing as a habit, at the same time on earlier
//! days or again and again, is not down; and after [`LONGEST`] of silence the silence is believed.
//!
//! What comes back after an outage, or after a gap in the measurements that was hardly shorter, may be more than usual
//! for a while: clients that try again. Such a storm lasts until the load is back near what it was before, and is
//! believed to be the new load after [`LONGEST_STORM`].

use std::time::Duration;

use super::{LONGEST_FILL, State as Verdict};
use crate::analyze::stats::median_of;

/// Silence that is believed at last.
const LONGEST: Duration = Duration::from_hours(2);

/// Points before a step that say how busy the workload is.
const WINDOW: usize = 30;

/// Share of the usual load at or below which nothing is going on.
const NOTHING: f64 = 0.02;

/// A workload is busy if all of its recent values lie above this share of their median.
const BUSY: f64 = 0.2;

/// Share of the load before the outage above which it is over.
const RETURNED: f64 = 0.1;

/// Share of the load before the outage above which the load after it is a storm.
const STORM: f64 = 1.5;

/// A storm begins within this time after the return, and is believed after this time.
const CALM_BEFORE_STORM: Duration = Duration::from_mins(10);
const LONGEST_STORM: Duration = Duration::from_mins(30);

/// A gap in the measurements no longer than this may be followed by a storm; after a longer one the load may have
/// grown in the meantime.
const LONGEST_GAP: Duration = Duration::from_mins(30);

/// Days looked back for the same silence, and how far around the same time of day.
const DAYS: usize = 7;
const AROUND: Duration = Duration::from_mins(30);

/// So many falls within two days are a habit.
const HABIT: usize = 3;

/// Follows a raw series and says for each step whether the workload is down.
pub(super) struct Detector<'a> {
    raw: &'a [f64],
    day: usize,
    around: usize,
    longest: usize,
    spans: Spans,
    /// Missing steps since the last value.
    silent: usize,
    /// Newest last; trimmed now and then.
    recent: Vec<f64>,
    falls: Vec<usize>,
    state: State,
}

/// Spans of time in steps.
#[derive(Clone, Copy)]
struct Spans {
    calm: usize,
    storm: usize,
    gap: usize,
}

#[derive(Clone, Copy)]
enum State {
    Up,
    /// Since this step, with this load before.
    Down(usize, f64),
    /// Back since this step, with this load before the outage; no storm so far.
    Back(usize, f64),
    /// A storm since this step, with this load before the outage.
    Storm(usize, f64),
}

impl<'a> Detector<'a> {
    pub(super) fn new(raw: &'a [f64], step: Duration) -> Self {
        let steps = |span: Duration| (span.as_millis() / step.as_millis().max(1)) as usize;
        Self {
            raw,
            day: steps(Duration::from_hours(24)).max(1),
            around: steps(AROUND),
            longest: steps(LONGEST).max(3),
            spans: Spans {
                calm: steps(CALM_BEFORE_STORM).max(1),
                storm: steps(LONGEST_STORM).max(1),
                gap: steps(LONGEST_GAP),
            },
            silent: 0,
            recent: Vec::with_capacity(2 * WINDOW),
            falls: Vec::new(),
            state: State::Up,
        }
    }

    /// The first step from `from` on, and before `end`, at which something may happen: a gap, a fall, anything while the
    /// workload is not simply up.
    pub(super) fn plain_until(&self, from: usize, end: usize) -> usize {
        let Some(mut before) = self.recent.last().copied() else {
            return from;
        };
        if !matches!(self.state, State::Up) || self.silent > 0 {
            return from;
        }
        let fell = |value: f64, before: f64| before > 0.0 && value <= NOTHING / BUSY * before;
        let happens = self.raw[from..end].iter().position(|value| {
            let happens = value.is_nan() || fell(*value, before);
            before = *value;
            happens
        });
        happens.map_or(end, |after| from + after)
    }

    /// Passes over steps in which nothing happens ([`Detector::plain_until`]).
    pub(super) fn pass(&mut self, from: usize, until: usize) {
        for value in &self.raw[from.max(until.saturating_sub(WINDOW))..until] {
            self.remember(*value);
        }
    }

    /// The workload counts as simply up again, whatever it was.
    pub(super) fn forget_state(&mut self) {
        (self.state, self.silent) = (State::Up, 0);
    }

    /// What goes on at `index`; to be asked for each step in turn that is not passed over.
    pub(super) fn state_at(&mut self, index: usize) -> Verdict {
        let value = self.raw[index];
        if self.is_down(index, value) {
            self.silent = 0;
            return Verdict::Down;
        }
        if value.is_nan() {
            self.silent += 1;
            return Verdict::Usual;
        }
        let storms = self.storms(index, value);
        self.silent = 0;
        self.remember(value);
        if storms {
            Verdict::Storm
        } else {
            Verdict::Usual
        }
    }

    fn is_down(&mut self, index: usize, value: f64) -> bool {
        if let State::Down(since, before) = self.state {
            let still = value.is_nan() || value <= RETURNED * before;
            if still && index - since < self.longest {
                return true;
            }
            // Silence that is believed at last is followed by no storm: what comes then is simply the load.
            self.state = if still {
                State::Up
            } else {
                State::Back(index, before)
            };
        } else if let Some(before) = self.fallen(value) {
            let habit = self.is_habit(index, before);
            self.falls.push(index);
            if !habit {
                self.state = State::Down(index, before);
                return true;
            }
        }
        false
    }

    /// Whether a value is part of a storm.
    fn storms(&mut self, index: usize, value: f64) -> bool {
        if (LONGEST_FILL + 1..=self.spans.gap).contains(&self.silent)
            && matches!(self.state, State::Up)
            && let Some(before) = self.usual().filter(|usual| *usual > 0.0)
        {
            self.state = State::Back(index, before);
        }
        let (since, before, longest) = match self.state {
            State::Back(since, before) => (since, before, self.spans.calm),
            State::Storm(since, before) => (since, before, self.spans.storm),
            State::Up | State::Down(..) => return false,
        };
        let high = value > STORM * before;
        self.state = match self.state {
            _ if index - since >= longest => State::Up,
            State::Back(..) if high => State::Storm(index, before),
            State::Storm(..) if !high => State::Up,
            state => state,
        };
        matches!(self.state, State::Storm(..))
    }

    /// The median of the newest values, when there are enough.
    fn usual(&self) -> Option<f64> {
        let recent = &self.recent[self.recent.len().checked_sub(WINDOW)?..];
        median_of(&mut recent.to_vec())
    }

    fn remember(&mut self, value: f64) {
        if self.recent.len() == 2 * WINDOW {
            self.recent.drain(..WINDOW);
        }
        self.recent.push(value);
    }

    /// The load before, if `value` is a sudden fall of a busy workload to nothing.
    fn fallen(&self, value: f64) -> Option<f64> {
        let recent = &self.recent[self.recent.len().checked_sub(WINDOW)?..];
        // Recent values all lie above a fifth of their median, so a fall to a fiftieth is one to a tenth of the last.
        let last = recent[WINDOW - 1];
        if value.is_nan() || last <= 0.0 || value > NOTHING / BUSY * last {
            return None;
        }
        if recent.iter().any(|v| *v <= 0.0) {
            return None;
        }
        let usual = median_of(&mut recent.to_vec())?;
        let busy = recent.iter().all(|v| *v >= BUSY * usual);
        (busy && value <= NOTHING * usual).then_some(usual)
    }

    fn is_habit(&self, index: usize, before: f64) -> bool {
        let lately = self.falls.iter().rev();
        if lately
            .take_while(|fall| index - **fall <= 2 * self.day)
            .count()
            >= HABIT
        {
            return true;
        }
        (1..=DAYS).any(|days| {
            let Some(same_time) = index.checked_sub(days * self.day) else {
                return false;
            };
            let from = same_time.saturating_sub(self.around);
            let until = (same_time + self.around).min(index.saturating_sub(1));
            self.raw[from..=until.max(from)]
                .iter()
                .any(|v| *v <= NOTHING * before)
        })
    }
}
