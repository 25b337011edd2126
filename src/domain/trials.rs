//! Plans on trial: what each of a family of plans would have cost and missed on one workload.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{HumanDuration, Timestamp};

/// What each plan of a family would have cost and missed so far, and what it takes to go on counting. About 11 KB for
/// 188 plans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanTrials {
    /// When it was last brought up to date.
    pub at: Option<Timestamp>,
    /// Minutes of evidence; they fade.
    pub minutes: f64,
    /// Minutes for which the forecast said how likely each plan was to be short; they do not fade.
    pub foreseen: f64,
    /// The highest load measured, by minute.
    pub loads: Slots,
    /// For each rule that weighs the risk: the most replicas that it asked for, by minute.
    pub wishes: Slots,
    /// For each rule and window: the least that it asked for, over the lead time.
    pub asked: Slots,
    /// For each plan: replica-minutes.
    #[serde(with = "super::numbers")]
    pub cost: Vec<f64>,
    /// For each plan: minutes, or replica-minutes, that it would have been short.
    #[serde(with = "super::numbers")]
    pub short: Vec<f32>,
    /// For each plan: how much of that was to be expected by the forecasts.
    #[serde(with = "super::numbers")]
    pub expected: Vec<f32>,
    /// For each plan that weighs the risk: what it asked for last, with what keeps it from flapping.
    #[serde(with = "super::numbers")]
    pub held: Vec<f32>,
    /// The plan that was chosen last.
    pub chosen: Option<u16>,
    /// What of the evidence was rehearsed on history, and not lived through.
    pub rehearsed: Option<Rehearsed>,
    /// Minutes that were lived through, whatever was rehearsed since; they fade as those of evidence do. `None` where they were
    /// not counted yet ([`PlanTrials::lived_through`]).
    pub lived: Option<f64>,
}

/// A rehearsal of plans on trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rehearsed {
    /// The lead time that it reckoned with.
    pub lead: HumanDuration,
    /// Minutes of evidence that it gave; they do not fade.
    pub minutes: f64,
}

/// A row of values for each slot of time, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slots {
    /// Length of a slot in milliseconds.
    pub width: i64,
    /// Values in a row.
    pub columns: usize,
    /// Number of the newest slot since the epoch.
    pub newest: i64,
    /// Row after row; not a number where nothing was said.
    #[serde(with = "super::numbers")]
    pub values: Vec<f32>,
}

impl PlanTrials {
    /// Minutes that were lived through. Of what was remembered from before they were counted it is what was not rehearsed, or a
    /// little less, because that fades and what a rehearsal gave does not.
    pub fn lived_through(&self) -> f64 {
        let rehearsed = self.rehearsed.map_or(0.0, |rehearsed| rehearsed.minutes);
        self.lived.unwrap_or((self.minutes - rehearsed).max(0.0))
    }
}

// === impl Slots ===

impl Slots {
    /// No slots yet, each of this length (a second at least), with so many values (one at least).
    pub fn new(width: Duration, columns: usize) -> Self {
        Self {
            width: i64::try_from(width.as_millis())
                .unwrap_or(i64::MAX)
                .max(1000),
            columns: columns.max(1),
            ..Self::default()
        }
    }

    /// How many whole slots there are in `span`.
    pub fn many(&self, span: Duration) -> usize {
        let width = u128::try_from(self.width).unwrap_or(1).max(1);
        usize::try_from(span.as_millis() / width).unwrap_or(usize::MAX)
    }

    /// Puts a row into the slot of `at`, each value joined by `join` with what is there; keeps the newest `most` slots. A
    /// time before the newest slot counts as in it. A row that is too short leaves the rest as it is.
    pub fn put(&mut self, at: Timestamp, row: &[f32], most: usize, join: fn(f32, f32) -> f32) {
        let columns = self.columns.max(1);
        let slot = at.as_millis().div_euclid(self.width.max(1));
        let most = most.max(1);
        let ahead = slot.saturating_sub(self.newest);
        if self.values.is_empty() || ahead > i64::try_from(most).unwrap_or(i64::MAX) {
            self.values.clear();
            self.newest = slot - 1;
        }
        while self.newest < slot {
            if self.values.len() >= most * columns {
                self.values.drain(..columns);
            }
            self.values.resize(self.values.len() + columns, f32::NAN);
            self.newest += 1;
        }
        let newest = self.values.len().saturating_sub(columns);
        for (there, new) in self.values[newest..].iter_mut().zip(row) {
            // What is not a number gives way to what is.
            *there = join(*there, *new);
        }
    }

    /// The rows of the slots that lie wholly or partly after `since`, the oldest first.
    pub fn after(&self, since: Timestamp) -> impl Iterator<Item = &[f32]> {
        let columns = self.columns.max(1);
        let first = since.as_millis().div_euclid(self.width.max(1));
        let many = usize::try_from(self.newest.saturating_sub(first).saturating_add(1));
        let rows = self.values.len() / columns;
        let skip = rows.saturating_sub(many.unwrap_or(0));
        self.values.chunks_exact(columns).skip(skip)
    }

    /// The rows that say what was in force at `since` and after it: those of [`Slots::after`], and where nothing was said in
    /// the slot of `since`, what was said last before it. `None` where that is not known.
    pub fn in_force(&self, since: Timestamp) -> Option<impl Iterator<Item = &[f32]>> {
        let columns = self.columns.max(1);
        let rows = i64::try_from(self.values.len() / columns).unwrap_or(i64::MAX);
        let slot = since.as_millis().div_euclid(self.width.max(1));
        // A row's place, counted back from the newest, which may lie before `since` itself.
        let place = rows - 1 - self.newest.saturating_sub(slot);
        let known = usize::try_from(place.min(rows - 1)).ok()?;
        let said = |row: &[f32]| row.iter().any(|value| !value.is_nan());
        let first = (self.values.chunks_exact(columns).take(known + 1)).rposition(said)?;
        Some(self.values.chunks_exact(columns).skip(first))
    }

    /// The newest row.
    pub fn last(&self) -> Option<&[f32]> {
        self.values.chunks_exact(self.columns.max(1)).last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn what_was_remembered_before_life_was_counted_is_what_was_not_rehearsed() {
        let lived = |minutes: f64, rehearsed: Option<f64>| {
            let before = PlanTrials {
                minutes,
                rehearsed: rehearsed.map(|minutes| Rehearsed {
                    minutes,
                    ..Rehearsed::default()
                }),
                ..PlanTrials::default()
            };
            let mut written = serde_json::to_value(before).unwrap();
            written.as_object_mut().unwrap().remove("lived").unwrap();
            let read: PlanTrials = serde_json::from_value(written).unwrap();
            assert_eq!(read.lived, None);
            read.lived_through() as i64
        };
        assert_eq!(lived(5000.0, None), 5000);
        assert_eq!(lived(5000.0, Some(3000.0)), 2000);
        assert_eq!(lived(2900.0, Some(3000.0)), 0);
    }

    fn column(slots: &Slots, since: i64, column: usize) -> Vec<f32> {
        let rows = slots.after(at(since)).map(|row| row[column]);
        rows.filter(|value| !value.is_nan()).collect()
    }

    #[test]
    fn slots_hold_the_newest_stretch_of_time_and_say_how_far_it_reaches() {
        let mut slots = Slots::new(Duration::from_mins(1), 2);
        for (secs, value) in [(0, 5.0), (30, 3.0), (70, 8.0), (200, 1.0)] {
            slots.put(at(secs), &[value, 2.0 * value], 3, f32::max);
        }
        assert_eq!(slots.values.len(), 6);
        assert!(slots.in_force(at(60)).is_some() && slots.in_force(at(59)).is_none());
        assert_eq!(column(&slots, 61, 0), [8.0, 1.0]);
        assert_eq!(column(&slots, 61, 1), [16.0, 2.0]);
        assert_eq!(column(&slots, 180, 0), [1.0]);
        assert_eq!(slots.last(), Some(&[1.0, 2.0][..]));
        slots.put(at(10_000), &[2.0, 2.0], 3, f32::max);
        assert_eq!(slots.values.len(), 2, "a long silence is forgotten");
        slots.put(at(9_000), &[7.0, 1.0], 3, f32::max);
        assert_eq!(
            (column(&slots, 0, 0), column(&slots, 0, 1)),
            (vec![7.0], vec![2.0]),
            "a clock that jumps back moves nothing"
        );
    }

    #[test]
    fn what_was_said_before_a_gap_is_in_force_until_something_else_is_said() {
        let mut slots = Slots::new(Duration::from_secs(10), 1);
        assert!(slots.in_force(at(0)).is_none(), "nothing was said yet");
        for (secs, value) in [(0, 5.0), (60, 3.0), (120, 8.0)] {
            slots.put(at(secs), &[value], 20, f32::min);
        }
        let in_force = |since| -> Option<Vec<f32>> {
            let values = slots.in_force(at(since))?.flatten().copied();
            Some(values.filter(|value| !value.is_nan()).collect())
        };
        assert_eq!(in_force(-1), None);
        assert_eq!(in_force(30), Some(vec![5.0, 3.0, 8.0]));
        assert_eq!(in_force(65), Some(vec![3.0, 8.0]));
        assert_eq!(in_force(119), Some(vec![3.0, 8.0]));
        assert_eq!(in_force(125), Some(vec![8.0]));
        assert_eq!(in_force(500), Some(vec![8.0]));
    }
}
