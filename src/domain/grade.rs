//! The score that is kept of a plan: what it would have cost and missed, beside what scaling by the measured load alone
//! would have, and beside what happened.

use serde::{Deserialize, Serialize};

use super::{Slots, Timestamp};

/// How many times what the measured load asks for an HPA with spare replicas asks for, so that the plan can be compared with
/// one that costs as much as it does. The first one has none.
pub const SPARE: [f64; 8] = [1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5];

/// The score of one workload. About a kibibyte.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grade {
    /// When it began.
    pub since: Option<Timestamp>,
    /// When it was last brought up to date.
    pub at: Option<Timestamp>,
    /// The plan, followed in full.
    pub plan: Score,
    /// A plain HPA on the measured load, with its default window of five minutes before it scales down.
    pub reactive: Score,
    /// An HPA that scales down at once, with each of [`SPARE`].
    pub spare: [Score; SPARE.len()],
    /// What happened: the replicas that were really ready. Without minutes where they are not read.
    pub actual: Score,
    /// When `actual` was last brought up to date.
    pub actual_at: Option<Timestamp>,
    /// The fewest replicas that the plan asked for, over the lead time.
    pub planned: Slots,
    /// The lowest load that the plain HPA scaled on, over the lead time.
    pub scaled_on: Slots,
    /// The lowest load, over the lead time.
    pub measured: Slots,
    /// The highest load, over the plain HPA's window.
    pub loads: Slots,
}

/// The score of one way to scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Score {
    /// Replicas that it asked for last.
    pub asked: Option<f64>,
    /// The last day: what is older fades with a time constant of 24 hours, so that the figures read as those of one day.
    pub day: Tally,
    /// Everything since the score began.
    pub all: Tally,
}

/// What came together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 4]", into = "[f64; 4]")]
pub struct Tally {
    /// Minutes that were scored.
    pub minutes: f64,
    /// Replicas asked for times minutes.
    pub replica_minutes: f64,
    /// Minutes in which the load was above what the ready replicas carry.
    pub overload_minutes: f64,
    /// How often the number of replicas changed.
    pub changes: f64,
}

/// A [`Score`] in a few bytes.
type Written = (Option<f64>, Tally, Tally);

/// Time constant of [`Score::day`].
const DAY_MINUTES: f64 = 1440.0;

// === impl Score ===

impl Score {
    /// Adds `minutes` with what was asked for in them.
    pub fn add(&mut self, minutes: f64, overloaded: bool) {
        let Some(asked) = self.asked else { return };
        let keep = (-minutes / DAY_MINUTES).exp();
        for (tally, keep) in [(&mut self.day, keep), (&mut self.all, 1.0)] {
            tally.minutes = tally.minutes * keep + minutes;
            tally.replica_minutes = tally.replica_minutes * keep + asked * minutes;
            let short = if overloaded { minutes } else { 0.0 };
            tally.overload_minutes = tally.overload_minutes * keep + short;
            tally.changes *= keep;
        }
    }

    /// Asks for so many replicas from now on.
    pub fn ask(&mut self, replicas: f64) {
        let before = self.asked.replace(replicas);
        if before.is_some_and(|before| before.to_bits() != replicas.to_bits()) {
            self.day.changes += 1.0;
            self.all.changes += 1.0;
        }
    }
}

impl From<Written> for Score {
    fn from((asked, day, all): Written) -> Self {
        Self { asked, day, all }
    }
}

impl From<Score> for Written {
    fn from(score: Score) -> Self {
        (score.asked, score.day, score.all)
    }
}

// === impl Tally ===

impl Tally {
    /// The share of time in overload.
    pub fn overload(&self) -> f64 {
        self.overload_minutes / self.minutes.max(f64::MIN_POSITIVE)
    }

    /// Replicas on average.
    pub fn replicas(&self) -> f64 {
        self.replica_minutes / self.minutes.max(f64::MIN_POSITIVE)
    }
}

impl From<[f64; 4]> for Tally {
    fn from([minutes, replica_minutes, overload_minutes, changes]: [f64; 4]) -> Self {
        Self {
            minutes,
            replica_minutes,
            overload_minutes,
            changes,
        }
    }
}

impl From<Tally> for [f64; 4] {
    fn from(tally: Tally) -> Self {
        [
            tally.minutes,
            tally.replica_minutes,
            tally.overload_minutes,
            tally.changes,
        ]
    }
}

// === impl Grade ===

impl Grade {
    /// Bytes it owns on the heap.
    pub fn heap_bytes(&self) -> usize {
        let slots = [&self.planned, &self.scaled_on, &self.measured, &self.loads];
        let values = slots.map(|slots| slots.values.capacity());
        values.iter().sum::<usize>() * size_of::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_minutes_reads_as_one_day_however_long_it_goes_on() {
        let mut score = Score::default();
        for minute in 0..20 * 1440_u32 {
            score.ask(if minute.is_multiple_of(2) { 4.0 } else { 6.0 });
            score.add(1.0, minute.is_multiple_of(100));
        }
        let (day, all) = (score.day, score.all);
        assert!((day.minutes - 1440.0).abs() < 2.0, "{day:?}");
        assert!((day.changes - 1440.0).abs() < 2.0, "{day:?}");
        assert!((all.minutes - 28_800.0).abs() < 1e-6, "{all:?}");
        assert!((all.overload() - 0.01).abs() < 1e-9 && (day.overload() - 0.01).abs() < 1e-3);
        assert!((all.replicas() - 5.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_scored_before_anything_was_asked_for() {
        let mut score = Score::default();
        score.add(5.0, true);
        assert_eq!(score, Score::default());
        assert!(score.all.overload().abs() < 1e-12);
    }
}
