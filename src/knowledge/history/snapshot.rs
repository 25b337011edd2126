//! A history in pieces, as snapshots keep it: sealed blocks that are written once, and what changes with each sample.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::History;
use super::block::{BlockRecord, place};
use super::older::Older;
use super::ring::Ring;

/// The parts of a history that have blocks of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::knowledge) enum Part {
    /// Steps.
    Fine,
    /// Means of bins.
    Means,
    /// Which steps of the bins they are made of.
    Seen,
}

/// What is written of the older part besides its sealed blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::knowledge) struct OlderRecord {
    /// Steps per bin; a reader with another width leaves the older part out.
    width: u32,
    /// The first step, counted from the epoch, that is not part of it.
    fine_from: i64,
    /// Blocks of means that are still plain.
    means: Vec<BlockRecord>,
    /// Blocks of steps seen that are still plain.
    seen: Vec<BlockRecord>,
}

impl History {
    /// A number that no other history of this process has, save its own clones.
    pub(in crate::knowledge) fn lineage(&self) -> u64 {
        self.lineage
    }

    /// Rises with each change.
    pub(in crate::knowledge) fn edits(&self) -> u32 {
        self.edits
    }

    /// The sealed blocks of a part that were changed after `edit`, with their numbers.
    pub(in crate::knowledge) fn sealed_since(
        &self,
        part: Part,
        edit: Option<u32>,
    ) -> impl Iterator<Item = (i64, BlockRecord)> {
        let ring = self.ring(part).into_iter();
        ring.flat_map(move |ring| ring.sealed_since(edit))
    }

    /// Numbers of all sealed blocks of a part, rising.
    pub(in crate::knowledge) fn sealed_numbers(&self, part: Part) -> impl Iterator<Item = i64> {
        self.ring(part).into_iter().flat_map(Ring::sealed_numbers)
    }

    /// The blocks of steps that are still plain.
    pub(in crate::knowledge) fn open_blocks(&self) -> Vec<BlockRecord> {
        self.fine.open_blocks()
    }

    /// What of the older part is not in sealed blocks; `None` when there is no such part.
    pub(in crate::knowledge) fn older_record(&self) -> Option<OlderRecord> {
        let older = self.older.as_ref()?;
        Some(OlderRecord {
            width: older.width(),
            fine_from: older.fine_from(),
            means: older.means.open_blocks(),
            seen: older.seen.open_blocks(),
        })
    }

    /// Puts a history together from its blocks, and from what was written of its older part with that part's sealed
    /// blocks, if there is one. Blocks that make no sense are left out; of two with one number the later one counts.
    pub(in crate::knowledge) fn from_blocks(
        step: Duration,
        capacity: usize,
        records: impl IntoIterator<Item = BlockRecord>,
        older: Option<OlderRecord>,
    ) -> Self {
        Self::new(step, capacity).with_blocks(records, older)
    }

    pub(super) fn with_blocks(
        mut self,
        records: impl IntoIterator<Item = BlockRecord>,
        older: Option<OlderRecord>,
    ) -> Self {
        self.fine = Ring::from_records(records);
        let step_millis = self.step_millis;
        let restored = older.and_then(|record| {
            let OlderRecord { means, seen, .. } = record;
            let (means, seen) = (Ring::from_records(means), Ring::from_records(seen));
            Older::from_rings(step_millis, record.width, record.fine_from, means, seen)
        });
        if let (Some(older), Some(restored)) = (&mut self.older, restored) {
            self.fine.drop_before(place(restored.fine_from()).0);
            **older = restored;
        }
        let newest = self.newest_index();
        if let Some(older) = &mut self.older {
            // A boundary that lies ahead of all samples would make what comes coarse.
            let after = newest.map_or(i64::MIN, |newest| newest.saturating_add(1));
            older.set_fine_from(older.fine_from().min(after));
        }
        if let Some(newest) = newest {
            self.drop_outdated(newest);
        }
        // A long history of an earlier version came in many more blocks than are left of it.
        self.fine.shrink();
        self
    }

    fn ring(&self, part: Part) -> Option<&Ring> {
        match part {
            Part::Fine => Some(&self.fine),
            Part::Means => self.older.as_ref().map(|older| &older.means),
            Part::Seen => self.older.as_ref().map(|older| &older.seen),
        }
    }
}

impl OlderRecord {
    /// Adds the sealed blocks. Those that were plain are the newer version of a block, and stay the last ones.
    pub(in crate::knowledge) fn add_sealed(&mut self, part: Part, mut sealed: Vec<BlockRecord>) {
        let own = match part {
            Part::Fine => return,
            Part::Means => &mut self.means,
            Part::Seen => &mut self.seen,
        };
        sealed.append(own);
        *own = sealed;
    }
}

impl Part {
    /// All of them.
    pub(in crate::knowledge) const ALL: [Self; 3] = [Self::Fine, Self::Means, Self::Seen];

    /// The parts that only long histories have.
    pub(in crate::knowledge) const OLDER: [Self; 2] = [Self::Means, Self::Seen];

    /// Its number in the snapshot.
    pub(in crate::knowledge) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Means => 1,
            Self::Seen => 2,
        }
    }
}
