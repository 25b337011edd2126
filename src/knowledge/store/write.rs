//! Writing one workload: what differs from the file, and nothing else.

use std::sync::Arc;

use redb::{Table, WriteTransaction};

use super::index::{self, Entry, Sealed};
use super::records::{self, Head};
use super::{BLOCKS, FITS, HEADS, OLDER, Place};
use crate::domain::{Fit, Timestamp, WorkloadId};
use crate::knowledge::Workload;
use crate::knowledge::history::Part;

/// The tables of one transaction.
pub(super) struct Tables<'t> {
    heads: Table<'t, Place, &'static [u8]>,
    fits: Table<'t, Place, &'static [u8]>,
    blocks: Table<'t, (u64, u32, i64), &'static [u8]>,
    older: Table<'t, (u64, u32, u8, i64), &'static [u8]>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            heads: transaction.open_table(HEADS)?,
            fits: transaction.open_table(FITS)?,
            blocks: transaction.open_table(BLOCKS)?,
            older: transaction.open_table(OLDER)?,
        })
    }

    /// Writes what differs from `entry`; gives back the entry as it is after a successful commit, and the bytes written.
    pub(super) fn save(
        &mut self,
        id: WorkloadId,
        entry: Entry,
        workload: &Workload,
        now: Timestamp,
    ) -> Result<(Entry, usize), redb::Error> {
        let changes = Changes::of(entry, workload);
        let Entry { slot, .. } = changes.entry;
        let place = (id.0, slot);
        let mut bytes = 0;
        for (part, number, record) in &changes.blocks {
            self.insert_block(place, *part, *number, record)?;
            bytes += record.len();
        }
        for (part, kept) in &changes.only_keep {
            self.remove_blocks(place, *part, |number| kept.binary_search(&number).is_err())?;
        }
        match &changes.fit {
            FitChange::None => {}
            FitChange::Gone => {
                self.fits.remove(place)?;
            }
            FitChange::New(fit) => {
                let record = records::encode(fit);
                self.fits.insert(place, record.as_slice())?;
                bytes += record.len();
            }
        }
        if let Some(body) = &changes.head {
            let record = records::stamp(now, body);
            self.heads.insert(place, record.as_slice())?;
            bytes += record.len();
        }
        Ok((changes.entry, bytes))
    }

    fn insert_block(
        &mut self,
        (id, slot): Place,
        part: Part,
        number: i64,
        record: &[u8],
    ) -> Result<(), redb::Error> {
        if part == Part::Fine {
            self.blocks.insert((id, slot, number), record)?;
        } else {
            let key = (id, slot, part.code(), number);
            self.older.insert(key, record)?;
        }
        Ok(())
    }

    fn remove_blocks(
        &mut self,
        (id, slot): Place,
        part: Part,
        outdated: impl Fn(i64) -> bool,
    ) -> Result<(), redb::Error> {
        if part == Part::Fine {
            let whole = (id, slot, i64::MIN)..=(id, slot, i64::MAX);
            self.blocks
                .retain_in(whole, |(_, _, number), _| !outdated(number))?;
        } else {
            let own = part.code();
            let whole = (id, slot, own, i64::MIN)..=(id, slot, own, i64::MAX);
            self.older
                .retain_in(whole, |(_, _, _, number), _| !outdated(number))?;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, place: Place) -> Result<(), redb::Error> {
        self.heads.remove(place)?;
        self.fits.remove(place)?;
        for part in Part::ALL {
            self.remove_blocks(place, part, |_| true)?;
        }
        Ok(())
    }
}

/// What a workload has that its entry in the file has not. Taken out of the workload before anything is written, so that
/// the refresh loop never waits for the disk.
struct Changes {
    /// Sealed blocks by number.
    blocks: Vec<(Part, i64, Vec<u8>)>,
    /// The parts of which blocks have to leave the file, with the numbers that stay, rising.
    only_keep: Vec<(Part, Vec<i64>)>,
    fit: FitChange,
    head: Option<Vec<u8>>,
    /// The entry once all this is written.
    entry: Entry,
}

enum FitChange {
    None,
    Gone,
    New(Arc<Fit>),
}

impl Changes {
    fn of(mut entry: Entry, workload: &Workload) -> Self {
        let learned = workload.learned();
        let history = &learned.history;
        if entry.lineage != Some(history.lineage()) {
            entry.forget_contents();
        }
        let blocks = Part::ALL.into_iter().flat_map(|part| {
            let sealed = history.sealed_since(part, entry.saved_edit);
            sealed.map(move |(number, record)| (part, number, records::encode(&record)))
        });
        let blocks = blocks.collect();
        let shrunk = Part::ALL.into_iter().zip(entry.sealed);
        let shrunk = shrunk.filter(|(part, sealed)| {
            let now = history.sealed_numbers(*part);
            !sealed.only_grew_into(now)
        });
        let only_keep = shrunk.map(|(part, _)| (part, history.sealed_numbers(part).collect()));
        let only_keep = only_keep.collect();
        let fit = match &learned.fit {
            Some(fit) if entry.fit_at != Some(fit.at) => FitChange::New(Arc::clone(fit)),
            None if entry.lineage.is_none() || entry.fit_at.is_some() => FitChange::Gone,
            _ => FitChange::None,
        };
        let body = records::encode(&Head::of(workload, &learned));
        let hash = index::hash(&body);
        let head_changed = entry.head != Some(hash);
        Self {
            blocks,
            only_keep,
            fit,
            head: head_changed.then_some(body),
            entry: Entry {
                lineage: Some(history.lineage()),
                saved_edit: Some(history.edits()),
                sealed: Sealed::all_of(history),
                fit_at: learned.fit.as_ref().map(|fit| fit.at),
                head: Some(hash),
                ..entry
            },
        }
    }
}
