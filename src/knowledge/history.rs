//! A metric's history in little memory: about two bytes a step.
//!
//! Two weeks of minutes are 20,160 values; as `f64` they would be 158 KiB for each workload. Here they lie in blocks of
//! 256 steps on the absolute grid. The newest block is plain `f64`, and the one before it until 64 steps of the newest
//! have passed, so that whatever a decision rests on right now is exact. Older blocks are sealed: each value becomes a
//! 16-bit code between the block's lowest and highest value ([`codec`]).
//!
//! A late sample for a sealed block opens it; it is sealed again when a sample for another block comes, so that reading
//! back weeks of history seals each block once. Blocks without any sample are not kept, so a clock that jumps by years
//! costs nothing, and memory follows the data rather than the capacity.

mod block;
mod codec;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) use self::block::BlockRecord;
use self::block::{Block, Body, place};
use crate::domain::{Sample, Series, Timestamp};

/// The block before the newest is sealed once the newest reaches this far.
const EXACT_AT_LEAST: usize = 64;

/// Room is made for this many more blocks at a time: doubling would waste kilobytes on each workload.
const GROW: usize = 4;

/// Two histories never share a number, so that a snapshot store can tell whether it has seen this one.
static NEXT_LINEAGE: AtomicU64 = AtomicU64::new(1);

/// The last `capacity` steps of a metric, packed.
#[derive(Clone, Debug)]
pub struct History {
    step_millis: i64,
    capacity: i64,
    /// By rising number; numbers without a sample are left out.
    blocks: VecDeque<Block>,
    /// The old block that is open for late samples.
    reopened: Option<i64>,
    lineage: u64,
    edits: u32,
}

// === impl History ===

impl History {
    /// An empty history that keeps `capacity` steps of `step`; both are at least one (step: one second).
    pub fn new(step: Duration, capacity: usize) -> Self {
        let step_millis = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        Self {
            step_millis: step_millis.max(1000),
            capacity: i64::try_from(capacity).unwrap_or(i64::MAX).max(1),
            blocks: VecDeque::new(),
            reopened: None,
            lineage: NEXT_LINEAGE.fetch_add(1, Ordering::Relaxed),
            edits: 0,
        }
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
        let (number, offset) = place(index);
        self.edits = self.edits.saturating_add(1);
        if self.reopened.is_some_and(|reopened| reopened != number) {
            self.seal_reopened();
        }
        let edit = self.edits;
        self.block(number).set(offset, value, edit);
        if newest.is_none_or(|newest| index > newest) {
            self.drop_outdated(index);
            self.seal(index);
        } else if newest.is_some_and(|newest| number < exact_from(newest)) {
            self.reopened = Some(number);
        }
    }

    /// Forgets everything later than `at`. After a clock that ran ahead has been put right, samples of the present would
    /// otherwise count as older than the capacity reaches.
    pub fn forget_after(&mut self, at: Timestamp) {
        let last_kept = self.index_of(at);
        let (number, offset) = place(last_kept);
        self.edits = self.edits.saturating_add(1);
        self.seal_reopened();
        while self
            .blocks
            .back()
            .is_some_and(|block| block.number > number)
        {
            self.blocks.pop_back();
        }
        let Some(block) = self
            .blocks
            .back_mut()
            .filter(|block| block.number == number)
        else {
            return;
        };
        let mut values = block.values();
        values.truncate(offset + 1);
        while values.last().is_some_and(|value| value.is_nan()) {
            values.pop();
        }
        if values.is_empty() {
            self.blocks.pop_back();
        } else {
            block.edit = self.edits;
            block.body = Body::Raw(values);
        }
    }

    /// Keeps `capacity` steps from here on; what is older is forgotten.
    pub fn resize(&mut self, capacity: usize) {
        self.capacity = i64::try_from(capacity).unwrap_or(i64::MAX).max(1);
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
        let block = self.blocks.back()?;
        let values = block.values();
        let offset = values.iter().rposition(|value| !value.is_nan())?;
        Some(Sample {
            at: self.time_of(block.index_at(offset)),
            value: values[offset],
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
        self.blocks
            .iter()
            .map(|block| block.count_from(oldest))
            .sum()
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let bodies: usize = self
            .blocks
            .iter()
            .map(|block| block.body.heap_bytes())
            .sum();
        self.blocks.capacity() * size_of::<Block>() + bodies
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
        let block = self.blocks.back()?;
        block.last_index()
    }

    fn first_index(&self) -> Option<i64> {
        let oldest = self.oldest_kept(self.newest_index()?);
        self.blocks
            .iter()
            .find_map(|block| block.first_sample_from(oldest))
    }

    /// The block of this number, made if there is none.
    fn block(&mut self, number: i64) -> &mut Block {
        let at = match self
            .blocks
            .binary_search_by_key(&number, |block| block.number)
        {
            Ok(at) => at,
            Err(at) => {
                if self.blocks.len() == self.blocks.capacity() {
                    self.blocks.reserve_exact(GROW);
                }
                let body = Body::Raw(Vec::new());
                self.blocks.insert(
                    at,
                    Block {
                        number,
                        edit: 0,
                        body,
                    },
                );
                at
            }
        };
        &mut self.blocks[at]
    }

    /// Drops the blocks that end before the oldest step that is kept.
    fn drop_outdated(&mut self, newest: i64) {
        let (oldest, _) = place(self.oldest_kept(newest));
        while self
            .blocks
            .front()
            .is_some_and(|block| block.number < oldest)
        {
            self.blocks.pop_front();
        }
    }

    /// Seals what has become old now that `newest` is the newest step.
    fn seal(&mut self, newest: i64) {
        let (exact_from, edit) = (exact_from(newest), self.edits);
        let old = self
            .blocks
            .iter_mut()
            .rev()
            .skip_while(|block| block.number >= exact_from);
        for block in old.take_while(|block| !block.is_sealed()) {
            block.seal(edit);
        }
    }

    fn seal_reopened(&mut self) {
        let Some(number) = self.reopened.take() else {
            return;
        };
        let edit = self.edits;
        if let Ok(at) = self
            .blocks
            .binary_search_by_key(&number, |block| block.number)
        {
            self.blocks[at].seal(edit);
        }
    }

    fn cut(&self, from: i64, until: i64) -> Series {
        let len = usize::try_from(until - from + 1).unwrap_or(0);
        let mut values = vec![f64::NAN; len];
        let (first_number, _) = place(from);
        let begin = self
            .blocks
            .partition_point(|block| block.number < first_number);
        for block in self.blocks.range(begin..) {
            let offset = block.offset_from(from);
            let place = usize::try_from(block.first_index().saturating_sub(from)).unwrap_or(0);
            if let Some(out) = values.get_mut(place..) {
                block.copy_into(offset, out);
            }
        }
        Series::new(self.time_of(from), self.step(), values)
    }
}

// === snapshots ===

impl History {
    /// A number that no other history of this process has, save its own clones.
    pub(super) fn lineage(&self) -> u64 {
        self.lineage
    }

    /// Rises with each change.
    pub(super) fn edits(&self) -> u32 {
        self.edits
    }

    /// The sealed blocks that were changed after `edit`, with their numbers.
    pub(super) fn sealed_since(
        &self,
        edit: Option<u32>,
    ) -> impl Iterator<Item = (i64, BlockRecord)> {
        self.blocks
            .iter()
            .filter(move |block| block.is_sealed() && edit.is_none_or(|edit| block.edit > edit))
            .map(|block| (block.number, block.record()))
    }

    /// Numbers of all sealed blocks.
    pub(super) fn sealed_numbers(&self) -> impl Iterator<Item = i64> {
        self.blocks
            .iter()
            .filter(|block| block.is_sealed())
            .map(|block| block.number)
    }

    /// The blocks that are still plain.
    pub(super) fn open_blocks(&self) -> Vec<BlockRecord> {
        self.blocks
            .iter()
            .filter(|block| !block.is_sealed())
            .map(Block::record)
            .collect()
    }

    /// Puts a history together from its blocks. Blocks that make no sense are left out; of two with one number the
    /// later one counts.
    pub(super) fn from_blocks(
        step: Duration,
        capacity: usize,
        records: impl IntoIterator<Item = BlockRecord>,
    ) -> Self {
        let mut history = Self::new(step, capacity);
        let mut blocks: Vec<Block> = records.into_iter().filter_map(Block::from_record).collect();
        blocks.reverse();
        blocks.sort_by_key(|block| block.number);
        blocks.dedup_by_key(|block| block.number);
        history.blocks = blocks.into();
        if let Some(newest) = history.newest_index() {
            history.drop_outdated(newest);
        }
        history
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
