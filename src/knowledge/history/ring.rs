//! Values by index, in blocks of 256: the newest plain, older ones sealed, blocks without any value left out.

use std::collections::VecDeque;

use super::block::{Block, BlockRecord, Body, place};

/// Room is made for this many more blocks at a time: doubling would waste kilobytes on each workload.
const GROW: usize = 4;

/// Blocks by rising number.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    blocks: VecDeque<Block>,
    /// The old block that is open for late samples.
    reopened: Option<i64>,
}

// === impl Ring ===

impl Ring {
    /// Records that make no sense are left out; of two with one number the later one counts.
    pub(super) fn from_records(records: impl IntoIterator<Item = BlockRecord>) -> Self {
        let mut blocks: Vec<Block> = records.into_iter().filter_map(Block::from_record).collect();
        blocks.reverse();
        blocks.sort_by_key(|block| block.number);
        blocks.dedup_by_key(|block| block.number);
        Self {
            blocks: blocks.into(),
            reopened: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The value at `index`, if there is one.
    pub(super) fn get(&self, index: i64) -> Option<f64> {
        let (number, offset) = place(index);
        let at = self.find(number).ok()?;
        self.blocks[at].get(offset)
    }

    pub(super) fn set(&mut self, index: i64, value: f64, edit: u32) {
        let (number, offset) = place(index);
        if self.reopened.is_some_and(|reopened| reopened != number) {
            self.seal_reopened(edit);
        }
        self.block(number).set(offset, value, edit);
    }

    /// As [`Ring::set`] for an old block, which is sealed again when a value for another one comes.
    pub(super) fn set_late(&mut self, index: i64, value: f64, edit: u32) {
        self.set(index, value, edit);
        self.reopened = Some(place(index).0);
    }

    pub(super) fn seal_reopened(&mut self, edit: u32) {
        let reopened = self.reopened.take();
        if let Some(at) = reopened.and_then(|number| self.find(number).ok()) {
            self.blocks[at].seal(edit);
        }
    }

    /// Seals the blocks before `number` that have become old.
    pub(super) fn seal_before(&mut self, number: i64, edit: u32) {
        let old = self
            .blocks
            .iter_mut()
            .rev()
            .skip_while(|block| block.number >= number);
        for block in old.take_while(|block| !block.is_sealed()) {
            block.seal(edit);
        }
    }

    /// Seals every block that is still plain.
    pub(super) fn seal_all(&mut self, edit: u32) {
        self.reopened = None;
        for block in self.blocks.iter_mut().filter(|block| !block.is_sealed()) {
            block.seal(edit);
        }
    }

    /// Forgets everything after `index`.
    pub(super) fn truncate_after(&mut self, index: i64, edit: u32) {
        let (number, offset) = place(index);
        self.seal_reopened(edit);
        while self.blocks.back().is_some_and(|b| b.number > number) {
            self.blocks.pop_back();
        }
        let Some(block) = self.blocks.back_mut().filter(|b| b.number == number) else {
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
            block.edit = edit;
            block.body = Body::Raw(values);
        }
    }

    /// Takes out the oldest block, if its number lies before `number`.
    pub(super) fn pop_before(&mut self, number: i64) -> Option<Block> {
        self.blocks.front().filter(|b| b.number < number)?;
        self.blocks.pop_front()
    }

    /// Drops the blocks before `number`.
    pub(super) fn drop_before(&mut self, number: i64) {
        while self.pop_before(number).is_some() {}
    }

    /// Gives room back that is not needed.
    pub(super) fn shrink(&mut self) {
        self.blocks.shrink_to_fit();
    }

    pub(super) fn newest(&self) -> Option<i64> {
        self.blocks.back()?.last_index()
    }

    /// The first value at `oldest` or later.
    pub(super) fn first_from(&self, oldest: i64) -> Option<i64> {
        self.blocks
            .iter()
            .find_map(|block| block.first_sample_from(oldest))
    }

    /// How many values there are at `oldest` or later.
    pub(super) fn count_from(&self, oldest: i64) -> usize {
        self.blocks
            .iter()
            .map(|block| block.count_from(oldest))
            .sum()
    }

    /// Writes the values from `from` on over `out`, as many as there are and fit.
    pub(super) fn copy_into(&self, from: i64, out: &mut [f64]) {
        let (first, _) = place(from);
        for block in self.range_from(first) {
            let offset = block.offset_from(from);
            let place = usize::try_from(block.first_index().saturating_sub(from)).unwrap_or(0);
            match out.get_mut(place..) {
                Some(out) => block.copy_into(offset, out),
                None => return,
            }
        }
    }

    /// The blocks from `number` on.
    pub(super) fn range_from(&self, number: i64) -> impl Iterator<Item = &Block> {
        let begin = self.blocks.partition_point(|block| block.number < number);
        self.blocks.range(begin..)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let bodies = self.blocks.iter().map(|block| block.body.heap_bytes());
        self.blocks.capacity() * size_of::<Block>() + bodies.sum::<usize>()
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

    /// Numbers of all sealed blocks, rising.
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

    fn find(&self, number: i64) -> Result<usize, usize> {
        self.blocks
            .binary_search_by_key(&number, |block| block.number)
    }

    /// The block of this number, made if there is none.
    fn block(&mut self, number: i64) -> &mut Block {
        let at = match self.find(number) {
            Ok(at) => at,
            Err(at) => {
                if self.blocks.len() == self.blocks.capacity() {
                    self.blocks.reserve_exact(GROW);
                }
                self.blocks.insert(at, Block::empty(number));
                at
            }
        };
        &mut self.blocks[at]
    }
}
