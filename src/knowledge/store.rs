//! Snapshots of the board on disk.
//!
//! One redb file, `forescale.redb`: copy-on-write B-trees with a checksum on every page, so that a kill at any moment leaves
//! the last completed save. Each save is one transaction and writes little: the sealed blocks of a history once, the fit
//! when there is a new one, and a small head for each workload whose state has changed ([`records`]).
//!
//! What can go wrong and what happens then: a damaged or foreign file is moved aside and a fresh one is started; another
//! process that holds the file is an error at start; a folder that can't be used fails each save until it can; a file that somebody
//! removes while it is open fails one save, and the next one begins a file of its own; a full disk
//! fails the save, keeps the previous snapshot whole and the next save opens the file anew; a record in an unknown format is left out and counted in the log.

mod file;
mod index;
mod records;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition};
use tracing::warn;

use self::index::{Entry, Index};
use self::records::RecordError;
use self::write::Tables;
use super::history::{BlockRecord, Part};
use super::{Board, Learned, Published, Workload};
use crate::domain::{Fit, Timestamp, WorkloadId, WorkloadKey};

/// A workload's place in the file: its fingerprint, and a number that tells apart keys with the same fingerprint.
type Place = (u64, u32);

const HEADS: TableDefinition<'_, Place, &[u8]> = TableDefinition::new("heads");
const FITS: TableDefinition<'_, Place, &[u8]> = TableDefinition::new("fits");
/// Sealed history blocks: a workload's place and the block's number.
const BLOCKS: TableDefinition<'_, (u64, u32, i64), &[u8]> = TableDefinition::new("blocks");
/// Sealed blocks of the older part of long histories: a workload's place, which of its parts, the block's number.
const OLDER: TableDefinition<'_, (u64, u32, u8, i64), &[u8]> = TableDefinition::new("older");

/// The snapshot store. Its functions block on the disk: call them where that is allowed.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    state: Mutex<State>,
    /// Gives the fingerprint of a key; tests put keys with equal ones together.
    id_of: fn(&WorkloadKey) -> WorkloadId,
}

struct State {
    /// `None` before it was opened and after the disk said no: the next call opens the file anew.
    database: Option<Database>,
    /// Which file that is, as long as it has not been opened anew.
    identity: Option<file::Identity>,
    index: Index,
    /// What is in the file could not be read, and is not to be written over.
    unread: bool,
}

/// A workload as it was when it was last saved.
#[derive(Debug)]
pub struct Restored {
    /// KEDA's three words.
    pub key: WorkloadKey,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// When KEDA first asked about it.
    pub registered_at: Timestamp,
    /// What had been learned.
    pub learned: Learned,
    /// What readers saw.
    pub published: Option<Published>,
    /// When KEDA had last asked.
    pub last_asked: Timestamp,
}

/// What a save has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaveReport {
    /// Workloads written: those whose state differs from what is on disk.
    pub workloads: usize,
    /// Bytes written, without what the file format adds.
    pub bytes: usize,
}

/// A snapshot that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error(
        "failed to open `{path}`: {source}; `knowledge.dataDir` must be a folder that this process may write to, or unset"
    )]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "`{path}` is held by another process: each forescale needs a `knowledge.dataDir` of its own, and a pod that is \
         replaced must have ended first"
    )]
    Locked {
        /// The file.
        path: String,
    },
    /// Somebody has removed or replaced the file while it was open.
    #[error(
        "`{path}` is not the file any more that was opened: it was removed or replaced, and what was saved since is lost; the \
         next save begins anew with what is there"
    )]
    Gone {
        /// The file.
        path: String,
    },
    /// A transaction failed; nothing of it is on disk.
    #[error(
        "failed to {action} `{path}`: {source}; the previous snapshot is whole, is there space left on the disk?"
    )]
    Transaction {
        /// What was tried: `write` or `read`.
        action: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: Box<redb::Error>,
    },
}

// === impl Store ===

impl Store {
    /// Opens or creates the store in folder `dir`. A damaged file is moved aside, never trusted, never deleted.
    ///
    /// # Errors
    /// When the folder can't be written, or another process holds the store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, WorkloadKey::id)
    }

    /// The store in folder `dir`, which each call tries to open until one can.
    pub fn at(dir: &Path) -> Self {
        Self::closed(dir, WorkloadKey::id)
    }

    /// What the file holds could not be read, and learning begins anew: the next save begins a file of its own, and moves that
    /// one aside.
    pub fn begin_anew(&self) {
        self.lock().unread = true;
    }

    fn open_with(dir: &Path, id_of: fn(&WorkloadKey) -> WorkloadId) -> Result<Self, StoreError> {
        let store = Self::closed(dir, id_of);
        store.ensure_open(&mut store.lock())?;
        Ok(store)
    }

    fn closed(dir: &Path, id_of: fn(&WorkloadKey) -> WorkloadId) -> Self {
        Self {
            path: file::path_in(dir),
            state: Mutex::new(State {
                database: None,
                identity: None,
                index: Index::default(),
                unread: false,
            }),
            id_of,
        }
    }

    /// Writes these workloads in one atomic, durable transaction, only what has changed since their last save.
    ///
    /// # Errors
    /// When the disk says no; the previous snapshot stays whole.
    pub fn save(
        &self,
        workloads: &[Arc<Workload>],
        now: Timestamp,
    ) -> Result<SaveReport, StoreError> {
        self.save_those(|| workloads.to_vec(), now)
    }

    /// Writes every workload on `board` in the same way.
    ///
    /// # Errors
    /// As [`Store::save`].
    pub fn save_board(&self, board: &Board, now: Timestamp) -> Result<SaveReport, StoreError> {
        self.save_those(|| board.all(), now)
    }

    /// `workloads` is asked once the file is held: one that was forgotten and removed while this waited is not written again.
    fn save_those(
        &self,
        workloads: impl FnOnce() -> Vec<Arc<Workload>>,
        now: Timestamp,
    ) -> Result<SaveReport, StoreError> {
        self.with_database("write", |database, index| {
            let workloads = workloads();
            // In the order of the file, so that neighbours are written together.
            let mut places: Vec<_> = workloads
                .iter()
                .map(|w| ((self.id_of)(&w.key), w))
                .collect();
            places.sort_by_key(|(id, _)| *id);
            let transaction = database.begin_write()?;
            let mut report = SaveReport::default();
            let mut saved = Vec::with_capacity(places.len());
            {
                let mut tables = Tables::open(&transaction)?;
                for (id, workload) in places {
                    let entry = index.entry(id, &workload.key);
                    let (entry, bytes) = tables.save(id, entry, workload, now)?;
                    report.bytes += bytes;
                    report.workloads += usize::from(bytes > 0);
                    saved.push((id, entry));
                }
            }
            transaction.commit()?;
            // Only now is it true: after a failed commit everything counts as unsaved.
            for (id, entry) in saved {
                index.put(id, entry);
            }
            Ok(report)
        })
    }

    /// Removes workloads that have been forgotten.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove(&self, keys: &[WorkloadKey]) -> Result<(), StoreError> {
        self.with_database("write", |database, index| {
            let known: Vec<_> = keys
                .iter()
                .filter_map(|key| {
                    let id = (self.id_of)(key);
                    Some((id, index.get(id, key)?.slot, key))
                })
                .collect();
            if known.is_empty() {
                return Ok(());
            }
            let transaction = database.begin_write()?;
            {
                let mut tables = Tables::open(&transaction)?;
                for (id, slot, _) in &known {
                    tables.remove((id.0, *slot))?;
                }
            }
            transaction.commit()?;
            for (id, _, key) in &known {
                index.remove(*id, key);
            }
            Ok(())
        })
    }

    /// Every workload in the store; one that can't be read (an older format) is left out and counted in the log.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn load(&self) -> Result<Vec<Restored>, StoreError> {
        self.with_database("read", |database, index| {
            let transaction = database.begin_read()?;
            let blocks = transaction.open_table(BLOCKS)?;
            let older_blocks = transaction.open_table(OLDER)?;
            let fits = transaction.open_table(FITS)?;
            let mut all = Vec::new();
            let mut unreadable = Unreadable::default();
            for item in transaction.open_table(HEADS)?.iter()? {
                let (place, bytes) = item?;
                let (id, slot) = place.value();
                let Some(head) = unreadable.note("head", records::decode_head(bytes.value()))
                else {
                    continue;
                };
                let mut sealed = Vec::new();
                for block in blocks.range((id, slot, i64::MIN)..=(id, slot, i64::MAX))? {
                    let (_, bytes) = block?;
                    sealed.extend(unreadable.note("history block", records::decode(bytes.value())));
                }
                let older = read_older(&older_blocks, (id, slot), &mut unreadable)?;
                let fit = match fits.get((id, slot))? {
                    Some(bytes) => {
                        unreadable.note("fit", records::decode::<Arc<Fit>>(bytes.value()))
                    }
                    None => None,
                };
                let restored = head.restore(sealed, older, fit);
                index.put(WorkloadId(id), Entry::restored(slot, &restored));
                all.push(restored);
            }
            unreadable.log(&self.path);
            Ok(all)
        })
    }

    /// Runs `work` on the open file; after a failure the file is opened anew next time, for redb refuses to go on after
    /// an input or output error.
    fn with_database<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database, &mut Index) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let mut state = self.lock();
        self.ensure_there(&mut state)?;
        self.ensure_open(&mut state)?;
        if state.unread {
            self.spare(&mut state)?;
        }
        let State {
            database, index, ..
        } = &mut *state;
        let Some(open) = database else {
            return Err(StoreError::Locked {
                path: self.path.display().to_string(),
            });
        };
        work(open, index).map_err(|source| {
            *database = None;
            StoreError::Transaction {
                action,
                path: self.path.display().to_string(),
                source: Box::new(source),
            }
        })
    }

    /// Lets go of a file that its path no longer leads to: what is written to it nobody will ever read.
    fn ensure_there(&self, state: &mut State) -> Result<(), StoreError> {
        if state.database.is_none() || file::identity(&self.path) == state.identity {
            return Ok(());
        }
        state.database = None;
        Err(StoreError::Gone {
            path: self.path.display().to_string(),
        })
    }

    fn ensure_open(&self, state: &mut State) -> Result<(), StoreError> {
        if state.database.is_some() {
            return Ok(());
        }
        let database = file::open(&self.path)?;
        // The file may be another one than before, so what is known of it is read from it.
        state.index = self.read_index(&database)?;
        state.identity = file::identity(&self.path);
        state.database = Some(database);
        Ok(())
    }

    /// Moves a file aside whose workloads nobody knows.
    fn spare(&self, state: &mut State) -> Result<(), StoreError> {
        if !state.index.is_empty() {
            state.database = None;
            let why = "it could not be read when learning began";
            file::move_aside(&self.path, "unread", why)?;
            self.ensure_open(state)?;
        }
        state.unread = false;
        Ok(())
    }

    fn read_index(&self, database: &Database) -> Result<Index, StoreError> {
        let read = || -> Result<Index, redb::Error> {
            let mut index = Index::default();
            for item in database.begin_read()?.open_table(HEADS)?.iter()? {
                let (place, bytes) = item?;
                let (id, slot) = place.value();
                // A head that can't be read is no entry: its place is free for the workload's next save.
                if let Ok(key) = records::decode_key(bytes.value()) {
                    index.put(WorkloadId(id), Entry::new(key, slot));
                }
            }
            Ok(index)
        };
        read().map_err(|source| StoreError::Transaction {
            action: "read",
            path: self.path.display().to_string(),
            source: Box::new(source),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sealed blocks of the older part of one workload's history.
fn read_older(
    table: &ReadOnlyTable<(u64, u32, u8, i64), &[u8]>,
    (id, slot): Place,
    unreadable: &mut Unreadable,
) -> Result<Vec<(Part, Vec<BlockRecord>)>, redb::Error> {
    let read = |part: Part| {
        let own = part.code();
        let mut sealed = Vec::new();
        for block in table.range((id, slot, own, i64::MIN)..=(id, slot, own, i64::MAX))? {
            let (_, bytes) = block?;
            sealed.extend(unreadable.note("history block", records::decode(bytes.value())));
        }
        Ok((part, sealed))
    };
    Part::OLDER.into_iter().map(read).collect()
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("open", &self.database.is_some())
            .finish_non_exhaustive()
    }
}

/// Records that could not be read, for one line in the log.
#[derive(Default)]
struct Unreadable {
    count: usize,
    last: String,
}

impl Unreadable {
    fn note<T>(&mut self, what: &str, read: Result<T, RecordError>) -> Option<T> {
        read.map_err(|error| {
            self.count += 1;
            self.last = format!("{what}: {error}");
        })
        .ok()
    }

    fn log(&self, path: &Path) {
        if self.count > 0 {
            warn!(path = %path.display(), count = self.count, last = self.last, "left out snapshot records that can't be read");
        }
    }
}
