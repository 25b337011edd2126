//! A metric's history in little memory: about two bytes a step, and a tenth of that for what is older than two weeks.
//!
//! Two weeks of minutes are 20,160 values; as `f64` they would be 158 KiB for each workload. Here they lie in blocks of
//! 256 steps on the absolute grid. The newest block is plain `f64`, and the one before it until 64 steps of the newest
//! have passed, so that whatever a decision rests on right now is exact. Older blocks are sealed: each value becomes a
//! 16-bit code between the block's lowest and highest value ([`codec`]).
//!
//! A late sample for a sealed block opens it; it is sealed again when a sample for another block comes, so that reading
//! back weeks of history seals each block once. Blocks without any sample are not kept, so a clock that jumps by years
//! costs nothing, and memory follows the data rather than the capacity.
//!
//! A history of more than [`History::fine_steps`] has two resolutions: that many of its newest steps are kept as they
//! are, what is older as means over bins of about ten minutes ([`older`]). A typical day is made of such means anyway,
//! and nothing that looks at single steps looks back that far. A block moves over when it has become older than the
//! fine part reaches, a sample that arrives for the older part goes there at once, and what is read is one series at the
//! fine step that tells from where on it is fine ([`Series::fine_from`]).

mod block;
mod codec;
mod older;
mod ring;
mod snapshot;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) use self::block::BlockRecord;
use self::block::{BLOCK_STEPS, place};
use self::older::Older;
use self::ring::Ring;
pub(super) use self::snapshot::{OlderRecord, Part};
use crate::domain::{Sample, Series, Timestamp};

/// The block before the newest is sealed once the newest reaches this far.
const EXACT_AT_LEAST: usize = 64;

/// The fine part has so many steps, two weeks of minutes, and is no shorter than a week: models are tried on four days
/// and must have learned from some before, and compare the present with the same time a week ago.
const FINE_STEPS: u64 = 20_160;
const FINE_AT_LEAST: Duration = Duration::from_hours(7 * 24);

/// Two histories never share a number, so that a snapshot store can tell whether it has seen this one.
static NEXT_LINEAGE: AtomicU64 = AtomicU64::new(1);

/// The last `capacity` steps of a metric, packed.
#[derive(Clone, Debug)]
pub struct History {
    step_millis: i64,
    capacity: i64,
    /// Steps of the fine part.
    fine_capacity: i64,
    /// By step.
    fine: Ring,
    /// What is older than the fine part; only where the capacity reaches further.
    older: Option<Box<Older>>,
    lineage: u64,
    edits: u32,
}

// === impl History ===

impl History {
    /// An empty history that keeps `capacity` steps of `step`; both are at least one (step: one second).
    pub fn new(step: Duration, capacity: usize) -> Self {
        Self::with_fine(step, capacity, Self::fine_steps(step))
    }

    /// The same with so many steps in the fine part.
    pub(super) fn with_fine(step: Duration, capacity: usize, fine: usize) -> Self {
        let step_millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let mut history = Self {
            step_millis: step_millis.max(1000),
            capacity: 1,
            fine_capacity: i64::try_from(fine).unwrap_or(i64::MAX),
            fine: Ring::default(),
            older: None,
            lineage: NEXT_LINEAGE.fetch_add(1, Ordering::Relaxed),
            edits: 0,
        };
        history.resize(capacity);
        history
    }

    /// How many of the newest steps of `step` are kept as they are, at least: two weeks of minutes, and a week.
    pub fn fine_steps(step: Duration) -> usize {
        let week = FINE_AT_LEAST.as_millis() / step.as_millis().max(1000);
        let week = u64::try_from(week).unwrap_or(u64::MAX);
        usize::try_from(week.max(FINE_STEPS)).unwrap_or(usize::MAX)
    }

    /// Distance between two steps.
    pub fn step(&self) -> Duration {
        Duration::from_millis(self.step_millis.unsigned_abs())
    }

    /// Number of steps that are kept.
    pub fn capacity(&self) -> usize {
        usize::try_from(self.capacity).unwrap_or(usize::MAX)
    }

    /// Stores a value at the grid point that holds `at`; a later call for the same point replaces it; a value that is
    /// not finite, or older than the capacity reaches, is left out.
    pub fn record(&mut self, at: Timestamp, value: f64) {
        let index = self.index_of(at);
        let newest = self.newest_index();
        if !value.is_finite() || newest.is_some_and(|newest| index < self.oldest_kept(newest)) {
            return;
        }
        self.edits = self.edits.saturating_add(1);
        let edit = self.edits;
        if let Some(older) = self.older.as_mut().filter(|o| index < o.fine_from()) {
            older.add(index, value, edit);
        } else if newest.is_none_or(|newest| index > newest) {
            self.fine.set(index, value, edit);
            self.drop_outdated(index);
            self.fine.seal_before(exact_from(index), edit);
            if let Some(older) = &mut self.older {
                // What a back-fill has left open would stay so for hours.
                older.seal(edit);
            }
        } else if newest.is_some_and(|newest| place(index).0 < exact_from(newest)) {
            self.fine.set_late(index, value, edit);
        } else {
            self.fine.set(index, value, edit);
        }
    }

    /// Forgets everything later than `at`. After a clock that ran ahead has been put right, samples of the present would
    /// otherwise count as older than the capacity reaches.
    pub fn forget_after(&mut self, at: Timestamp) {
        let last_kept = self.index_of(at);
        self.edits = self.edits.saturating_add(1);
        self.fine.truncate_after(last_kept, self.edits);
        if let Some(older) = &mut self.older {
            // What became coarse meanwhile stays so; what comes from here on is fine again.
            older.forget_after(last_kept, self.edits);
            if self.fine.is_empty() && older.newest().is_none() {
                **older = Older::new(self.step_millis);
            }
        }
    }

    /// Keeps `capacity` steps from here on; what is older is forgotten.
    pub fn resize(&mut self, capacity: usize) {
        self.capacity = i64::try_from(capacity).unwrap_or(i64::MAX).max(1);
        if self.capacity <= self.fine_capacity {
            self.older = None;
        } else if self.older.is_none() {
            self.older = Some(Box::new(Older::new(self.step_millis)));
        }
        if let Some(newest) = self.newest_index() {
            self.drop_outdated(newest);
        }
    }

    /// The whole history, from its first sample to its last, missing steps as `NaN`.
    pub fn series(&self) -> Series {
        match (self.first_index(), self.newest_index()) {
            (Some(first), Some(last)) => self.cut(first, last),
            _ => Series::new(Timestamp::default(), self.step(), Vec::new()),
        }
    }

    /// The last `steps` steps, or all of them if there are fewer.
    pub fn tail(&self, steps: usize) -> Series {
        let (Some(first), Some(last)) = (self.first_index(), self.newest_index()) else {
            return self.series();
        };
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        let from = last.saturating_sub(steps).saturating_add(1).max(first);
        self.cut(from, last)
    }

    /// The newest sample.
    pub fn last(&self) -> Option<Sample> {
        let index = self.newest_index()?;
        let older = || self.older.as_ref()?.get(index);
        Some(Sample {
            at: self.time_of(index),
            value: self.fine.get(index).or_else(older)?,
        })
    }

    /// Time of the oldest sample.
    pub fn first(&self) -> Option<Timestamp> {
        self.first_index().map(|index| self.time_of(index))
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        let Some(newest) = self.newest_index() else {
            return 0;
        };
        let oldest = self.oldest_kept(newest);
        let older = self.older.as_ref().map_or(0, |o| o.count_from(oldest));
        older + self.fine.count_from(oldest)
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.newest_index().is_none()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let older = self.older.as_ref().map_or(0, |older| older.heap_bytes());
        older + self.fine.heap_bytes()
    }

    fn index_of(&self, at: Timestamp) -> i64 {
        at.as_millis().div_euclid(self.step_millis)
    }

    fn time_of(&self, index: i64) -> Timestamp {
        Timestamp::from_millis(index.saturating_mul(self.step_millis))
    }

    fn oldest_kept(&self, newest: i64) -> i64 {
        newest.saturating_sub(self.capacity).saturating_add(1)
    }

    fn newest_index(&self) -> Option<i64> {
        let older = || self.older.as_ref()?.newest();
        self.fine.newest().or_else(older)
    }

    fn first_index(&self) -> Option<i64> {
        let oldest = self.oldest_kept(self.newest_index()?);
        let older = self.older.as_ref().and_then(|o| o.first_from(oldest));
        older.or_else(|| self.fine.first_from(oldest))
    }

    /// Drops what is older than the capacity reaches, and makes means of what is older than the fine part reaches, now
    /// that `newest` is the newest step.
    fn drop_outdated(&mut self, newest: i64) {
        let oldest = self.oldest_kept(newest);
        let fine = self.fine_capacity;
        let Some(older) = &mut self.older else {
            self.fine.drop_before(place(oldest).0);
            return;
        };
        let (first_fine, _) = place(newest.saturating_sub(fine).saturating_add(1));
        let fine_from = first_fine.saturating_mul(BLOCK_STEPS);
        if fine_from > older.fine_from() {
            // The oldest bin is the mean of all its steps, also where the capacity ends within it.
            let oldest = older.bin_start(oldest);
            while let Some(block) = self.fine.pop_before(first_fine) {
                // A change like any other, also where nothing was recorded: a snapshot must hold it.
                self.edits = self.edits.saturating_add(1);
                for (offset, value) in block.values().into_iter().enumerate() {
                    let index = block.index_at(offset);
                    if index >= oldest && !value.is_nan() {
                        older.add(index, value, self.edits);
                    }
                }
            }
            older.set_fine_from(fine_from);
            older.seal(self.edits);
        }
        older.drop_before(oldest);
    }

    fn cut(&self, from: i64, until: i64) -> Series {
        let len = usize::try_from(until - from + 1).unwrap_or(0);
        let mut values = vec![f64::NAN; len];
        let mut fine_from = 0;
        if let Some(older) = &self.older {
            let steps = older.fine_from().saturating_sub(from);
            fine_from = usize::try_from(steps).unwrap_or(0).min(len);
            older.copy_into(from, &mut values[..fine_from]);
        }
        self.fine.copy_into(from, &mut values);
        Series::new(self.time_of(from), self.step(), values).with_fine_from(fine_from)
    }
}

/// The first block that is kept exact while `newest` is the newest step.
fn exact_from(newest: i64) -> i64 {
    let (number, offset) = place(newest);
    if offset + 1 >= EXACT_AT_LEAST {
        number
    } else {
        number.saturating_sub(1)
    }
}
