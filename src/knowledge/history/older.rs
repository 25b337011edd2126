//! The older part of a long history: means over bins of about ten minutes.
//!
//! Beside each mean stands which steps of its bin it has taken in, a bit for each. So a bin may fill in any order, a
//! sample that is read twice counts once, and a step that was never measured stays missing. Where nothing is missing,
//! as almost everywhere, the bits of a block are all alike and take no memory.

use super::block::place;
use super::ring::Ring;

/// What a bin is near to.
const BIN_MILLIS: i64 = 600_000;

/// Steps in a bin: at least two, or nothing would be saved; at most as many as a code of a sealed block has bits.
const WIDTHS: std::ops::RangeInclusive<i64> = 2..=16;

/// Means of bins, and which steps they are made of.
#[derive(Clone, Debug)]
pub(super) struct Older {
    /// Steps per bin.
    width: i64,
    /// The first step that is not kept here.
    fine_from: i64,
    /// By number of the bin; a bin has an entry in both or in none.
    pub(super) means: Ring,
    pub(super) seen: Ring,
}

// === impl Older ===

impl Older {
    /// Nothing yet, for steps of so many milliseconds.
    pub(super) fn new(step_millis: i64) -> Self {
        let nearest = (BIN_MILLIS + step_millis / 2) / step_millis.max(1);
        Self {
            width: nearest.clamp(*WIDTHS.start(), *WIDTHS.end()),
            fine_from: i64::MIN,
            means: Ring::default(),
            seen: Ring::default(),
        }
    }

    /// Puts it together from its rings; `None` when they are of bins of another width.
    pub(super) fn from_rings(
        step_millis: i64,
        width: u32,
        fine_from: i64,
        means: Ring,
        seen: Ring,
    ) -> Option<Self> {
        let empty = Self::new(step_millis);
        (empty.width == i64::from(width)).then_some(Self {
            fine_from,
            means,
            seen,
            ..empty
        })
    }

    pub(super) fn width(&self) -> u32 {
        self.width as u32
    }

    pub(super) fn fine_from(&self) -> i64 {
        self.fine_from
    }

    pub(super) fn set_fine_from(&mut self, step: i64) {
        self.fine_from = step;
    }

    /// Takes in the value of a step, unless it has one already.
    pub(super) fn add(&mut self, step: i64, value: f64, edit: u32) {
        let (bin, bit) = self.bin(step);
        let seen = self.seen_in(bin);
        if seen & bit != 0 {
            return;
        }
        let mean = self.means.get(bin).filter(|_| seen != 0);
        let count = f64::from(seen.count_ones());
        let mean = mean.map_or(value, |mean| moved(mean, count, value));
        self.means.set_late(bin, mean, edit);
        self.seen.set_late(bin, f64::from(seen | bit), edit);
    }

    /// Seals what [`Older::add`] has opened.
    pub(super) fn seal(&mut self, edit: u32) {
        self.means.seal_reopened(edit);
        self.seen.seal_reopened(edit);
    }

    /// Forgets the steps after `step`. The mean of the bin that it lies in stays as it is.
    pub(super) fn forget_after(&mut self, step: i64, edit: u32) {
        let (bin, bit) = self.bin(step);
        let kept = self.seen_in(bin) & (bit | (bit - 1));
        let last = if kept == 0 {
            bin.saturating_sub(1)
        } else {
            bin
        };
        self.means.truncate_after(last, edit);
        self.seen.truncate_after(last, edit);
        if kept != 0 {
            self.seen.set_late(bin, f64::from(kept), edit);
        }
        self.means.seal_all(edit);
        self.seen.seal_all(edit);
        self.fine_from = self.fine_from.min(step.saturating_add(1));
    }

    /// The first step of the bin that `step` lies in.
    pub(super) fn bin_start(&self, step: i64) -> i64 {
        self.step(step.div_euclid(self.width), 0)
    }

    /// Drops the blocks that end before step `oldest`.
    pub(super) fn drop_before(&mut self, oldest: i64) {
        let (number, _) = place(oldest.div_euclid(self.width));
        self.means.drop_before(number);
        self.seen.drop_before(number);
    }

    /// The first step with a value at `oldest` or later.
    pub(super) fn first_from(&self, oldest: i64) -> Option<i64> {
        let (bin, bit) = self.bin(oldest);
        let own = self.seen_in(bin) & !(bit - 1);
        if own != 0 {
            return Some(self.step(bin, own.trailing_zeros()));
        }
        let bin = self.seen.first_from(bin.saturating_add(1))?;
        Some(self.step(bin, self.seen_in(bin).trailing_zeros()))
    }

    /// The newest step with a value.
    pub(super) fn newest(&self) -> Option<i64> {
        let bin = self.seen.newest()?;
        Some(self.step(bin, self.seen_in(bin).checked_ilog2()?))
    }

    /// What is known of a step: the mean of its bin, if it is part of it.
    pub(super) fn get(&self, step: i64) -> Option<f64> {
        let (bin, bit) = self.bin(step);
        self.means.get(bin).filter(|_| self.seen_in(bin) & bit != 0)
    }

    /// How many steps at `oldest` or later have a value.
    pub(super) fn count_from(&self, oldest: i64) -> usize {
        let mut count = 0;
        self.each_from(oldest, |_, _| count += 1);
        count
    }

    /// Writes what is known of the steps from `from` on over `out`: of each step that was measured the mean of its bin.
    pub(super) fn copy_into(&self, from: i64, out: &mut [f64]) {
        self.each_from(from, |step, mean| {
            let place = usize::try_from(step - from).ok();
            if let Some(value) = place.and_then(|place| out.get_mut(place)) {
                *value = mean;
            }
        });
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.means.heap_bytes() + self.seen.heap_bytes()
    }

    /// Every step at `from` or later that has a value, with its bin's mean, in order.
    fn each_from(&self, from: i64, mut act: impl FnMut(i64, f64)) {
        let (number, _) = place(from.div_euclid(self.width));
        let mut means = self.means.range_from(number).peekable();
        for block in self.seen.range_from(number) {
            while means.next_if(|own| own.number < block.number).is_some() {}
            let Some(own) = means.peek().filter(|own| own.number == block.number) else {
                continue;
            };
            let pairs = block.values().into_iter().zip(own.values());
            for (offset, (seen, mean)) in pairs.enumerate().filter(|(_, (_, mean))| !mean.is_nan())
            {
                let first = self.step(block.index_at(offset), 0);
                let mut left = seen as u16;
                while left != 0 {
                    let step = first.saturating_add(i64::from(left.trailing_zeros()));
                    if step >= from {
                        act(step, mean);
                    }
                    left &= left - 1;
                }
            }
        }
    }

    /// The bin that holds a step, and the step's bit in it.
    fn bin(&self, step: i64) -> (i64, u16) {
        (
            step.div_euclid(self.width),
            1 << step.rem_euclid(self.width),
        )
    }

    /// The bits of a bin.
    fn seen_in(&self, bin: i64) -> u16 {
        self.seen.get(bin).map_or(0, |seen| seen as u16)
    }

    fn step(&self, bin: i64, bit: u32) -> i64 {
        bin.saturating_mul(self.width)
            .saturating_add(i64::from(bit))
    }
}

/// The mean of `count` values once `value` has joined them.
fn moved(mean: f64, count: f64, value: f64) -> f64 {
    // Written as a move, a mean of equal values is exactly that value; it can overflow where the plain way can't.
    let near = mean + (value - mean) / (count + 1.0);
    if near.is_finite() {
        near
    } else {
        mean * (count / (count + 1.0)) + value / (count + 1.0)
    }
}
