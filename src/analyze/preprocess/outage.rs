//! Outages: a busy workload that suddenly falls to nothing. That is no dip in demand, and a forecast that learned
//! from it would scale a service down just before its users come back.
//!
//! Decided step by step from the past alone. A workload that falls to nothing as a habit, at the same time on earlier
//! days or again and again, is not down; and after [`LONGEST`] of silence the silence is believed.

use std::time::Duration;

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
    /// Newest last.
    recent: Vec<f64>,
    falls: Vec<usize>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Up,
    /// Since this step, with this load before.
    Down(usize, f64),
}

impl<'a> Detector<'a> {
    pub(super) fn new(raw: &'a [f64], step: Duration) -> Self {
        let steps = |span: Duration| (span.as_millis() / step.as_millis().max(1)) as usize;
        Self {
            raw,
            day: steps(Duration::from_hours(24)).max(1),
            around: steps(AROUND),
            longest: steps(LONGEST).max(3),
            recent: Vec::with_capacity(raw.len()),
            falls: Vec::new(),
            state: State::Up,
        }
    }

    /// Whether the workload is down at `index`; to be asked for each step in turn.
    pub(super) fn is_down(&mut self, index: usize) -> bool {
        let value = self.raw[index];
        if let State::Down(since, before) = self.state {
            let still = value.is_nan() || value <= RETURNED * before;
            if still && index - since < self.longest {
                return true;
            }
            self.state = State::Up;
        } else if let Some(before) = self.fallen(value) {
            let habit = self.is_habit(index, before);
            self.falls.push(index);
            if !habit {
                self.state = State::Down(index, before);
                return true;
            }
        }
        if !value.is_nan() {
            self.recent.push(value);
        }
        false
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
