//! Plans on trial: what each of a family of plans would have cost and missed on one workload.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What each plan of a family would have cost and missed so far, and what it takes to go on counting. About 5 KB for
/// 260 plans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanTrials {
    /// When it was last brought up to date.
    pub at: Option<Timestamp>,
    /// Minutes of evidence; they fade.
    pub minutes: f64,
    /// For each base: the highest load that it expected, by minute.
    pub bases: Vec<Slots>,
    /// For each kind of plan: the lowest load that it held capacity for, over the lead time.
    pub asked: Vec<Slots>,
    /// For each plan: replica-minutes.
    #[serde(with = "super::numbers")]
    pub cost: Vec<f64>,
    /// For each plan: minutes, or replica-minutes, that it would have been short.
    #[serde(with = "super::numbers")]
    pub short: Vec<f32>,
    /// The plan that was chosen last.
    pub chosen: Option<u16>,
}

/// One value for each slot of time, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slots {
    /// Length of a slot in milliseconds.
    pub width: i64,
    /// Number of the newest slot since the epoch.
    pub newest: i64,
    /// The values; not a number where nothing was said.
    #[serde(with = "super::numbers")]
    pub values: VecDeque<f32>,
}

// === impl Slots ===

impl Slots {
    /// No slots yet, each of this length (a second at least).
    pub fn new(width: Duration) -> Self {
        Self {
            width: i64::try_from(width.as_millis())
                .unwrap_or(i64::MAX)
                .max(1000),
            ..Self::default()
        }
    }

    /// Puts a value into the slot of `at`, joined by `join` with what is there; keeps the newest `most` slots. A time
    /// before the newest slot counts as in it.
    pub fn put(&mut self, at: Timestamp, value: f64, most: usize, join: fn(f32, f32) -> f32) {
        let slot = at.as_millis().div_euclid(self.width.max(1));
        let most = most.max(1);
        if self.values.is_empty()
            || slot.saturating_sub(self.newest) > i64::try_from(most).unwrap_or(i64::MAX)
        {
            self.values.clear();
            self.newest = slot - 1;
        }
        while self.newest < slot {
            self.values.push_back(f32::NAN);
            self.newest += 1;
        }
        while self.values.len() > most {
            self.values.pop_front();
        }
        if let Some(newest) = self.values.back_mut() {
            // What is not a number gives way to what is.
            *newest = join(*newest, value as f32);
        }
    }

    /// The values of the slots that lie wholly or partly after `since`.
    pub fn after(&self, since: Timestamp) -> impl Iterator<Item = f32> {
        let first = since.as_millis().div_euclid(self.width.max(1));
        let many = usize::try_from(self.newest.saturating_sub(first).saturating_add(1));
        let skip = self.values.len().saturating_sub(many.unwrap_or(0));
        self.values.iter().skip(skip).copied()
    }

    /// Whether there is a slot that began at or before `at`.
    pub fn reach(&self, at: Timestamp) -> bool {
        let oldest = self.newest - i64::try_from(self.values.len()).unwrap_or(i64::MAX) + 1;
        !self.values.is_empty() && oldest.saturating_mul(self.width) <= at.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_hold_the_newest_stretch_of_time_and_say_how_far_it_reaches() {
        let mut slots = Slots::new(Duration::from_mins(1));
        let at = Timestamp::from_secs;
        for (secs, value) in [(0, 5.0), (30, 3.0), (70, 8.0), (200, 1.0)] {
            slots.put(at(secs), value, 3, f32::max);
        }
        assert_eq!(slots.values.len(), 3);
        assert!(slots.reach(at(60)) && !slots.reach(at(59)));
        let newest: Vec<f32> = slots.after(at(61)).filter(|v| !v.is_nan()).collect();
        assert_eq!(newest, [8.0, 1.0]);
        assert_eq!(slots.after(at(180)).collect::<Vec<_>>(), [1.0]);
        slots.put(at(10_000), 2.0, 3, f32::max);
        assert_eq!(slots.values.len(), 1, "a long silence is forgotten");
        slots.put(at(9_000), 7.0, 3, f32::max);
        assert_eq!(
            slots.after(at(0)).collect::<Vec<_>>(),
            [7.0],
            "a clock that jumps back moves nothing"
        );
    }
}
