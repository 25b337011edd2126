//! What the store knows of its own file, so that a save writes only what has changed.

use std::collections::HashMap;
use std::hash::BuildHasher;

use super::Restored;
use crate::domain::{Timestamp, WorkloadId, WorkloadKey};
use crate::knowledge::History;
use crate::knowledge::history::Part;

/// Every workload in the file.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: HashMap<WorkloadId, Vec<Entry>, foldhash::fast::FixedState>,
}

/// What of one workload is in the file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: WorkloadKey,
    /// Tells apart keys with the same fingerprint.
    pub(super) slot: u32,
    /// Which history its blocks come from; `None` when that is unknown.
    pub(super) lineage: Option<u64>,
    /// The last edit of that history that is in the file.
    pub(super) saved_edit: Option<u32>,
    /// Its sealed blocks, by [`Part::ALL`].
    pub(super) sealed: [Sealed; Part::ALL.len()],
    /// When the fit in the file was made.
    pub(super) fit_at: Option<Timestamp>,
    /// Hash of the head.
    pub(super) head: Option<u64>,
}

/// Which sealed blocks a part of a history has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Of their numbers in order; `None` when nothing is known.
    hash: Option<u64>,
    last: i64,
}

impl Index {
    /// Whether no workload is in the file.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The workload's entry, if it is in the file.
    pub(super) fn get(&self, id: WorkloadId, key: &WorkloadKey) -> Option<&Entry> {
        self.entries
            .get(&id)?
            .iter()
            .find(|entry| entry.key == *key)
    }

    /// A copy of the workload's entry, or a new one in a free slot, which is taken from then on.
    pub(super) fn entry(&mut self, id: WorkloadId, key: &WorkloadKey) -> Entry {
        let same_id = self.entries.entry(id).or_default();
        if let Some(entry) = same_id.iter().find(|entry| entry.key == *key) {
            return entry.clone();
        }
        // One slot more than there are entries: one of them is free.
        let mut slots = 0..=u32::try_from(same_id.len()).unwrap_or(u32::MAX);
        let free = slots.find(|slot| same_id.iter().all(|entry| entry.slot != *slot));
        let entry = Entry::new(key.clone(), free.unwrap_or(u32::MAX));
        same_id.push(entry.clone());
        entry
    }

    /// Replaces the workload's entry.
    pub(super) fn put(&mut self, id: WorkloadId, entry: Entry) {
        let same_id = self.entries.entry(id).or_default();
        same_id.retain(|other| other.key != entry.key);
        same_id.push(entry);
    }

    /// Removes the workload's entry.
    pub(super) fn remove(&mut self, id: WorkloadId, key: &WorkloadKey) {
        if let Some(same_id) = self.entries.get_mut(&id) {
            same_id.retain(|entry| entry.key != *key);
            if same_id.is_empty() {
                self.entries.remove(&id);
            }
        }
    }
}

impl Entry {
    /// A workload of whose contents in the file nothing is known.
    pub(super) fn new(key: WorkloadKey, slot: u32) -> Self {
        Self {
            key,
            slot,
            lineage: None,
            saved_edit: None,
            sealed: Default::default(),
            fit_at: None,
            head: None,
        }
    }

    /// A workload that has just been read. Where some of its history has become older by that, it is not as in the file.
    pub(super) fn restored(slot: u32, restored: &Restored) -> Self {
        let history = &restored.learned.history;
        let sealed = if history.edits() == 0 {
            Sealed::all_of(history)
        } else {
            Default::default()
        };
        Self {
            lineage: Some(history.lineage()),
            saved_edit: Some(0),
            sealed,
            fit_at: restored.learned.fit.as_ref().map(|fit| fit.at),
            ..Self::new(restored.key.clone(), slot)
        }
    }

    /// Another history has taken the place of the one in the file: everything is written anew.
    pub(super) fn forget_contents(&mut self) {
        *self = Self::new(self.key.clone(), self.slot);
    }
}

impl Sealed {
    /// By [`Part::ALL`].
    pub(super) fn all_of(history: &History) -> [Self; Part::ALL.len()] {
        Part::ALL.map(|part| Self::of(history.sealed_numbers(part)))
    }

    /// Of a part's rising `numbers`.
    pub(super) fn of(numbers: impl Iterator<Item = i64>) -> Self {
        let (mut bytes, mut last) = (Vec::new(), i64::MIN);
        for number in numbers {
            bytes.extend(number.to_le_bytes());
            last = number;
        }
        Self {
            hash: Some(hash(&bytes)),
            last,
        }
    }

    /// Whether the part's blocks are those of `self`, all of them, and later ones: then none has to be removed from the
    /// file. Neither may one have gone from the middle while others came: it would be back after the next start.
    pub(super) fn only_grew_into(self, numbers: impl Iterator<Item = i64>) -> bool {
        self.hash.is_some() && Self::of(numbers.take_while(|number| *number <= self.last)) == self
    }
}

/// Tells two heads apart; never leaves the process.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    foldhash::fast::FixedState::default().hash_one(bytes)
}
