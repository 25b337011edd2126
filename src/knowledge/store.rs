//! Snapshots of the board on disk.
//! STUB: to be written by the knowledge room.

use std::path::Path;
use std::sync::Arc;

use super::{Learned, Published, Workload};
use crate::domain::{Timestamp, WorkloadKey};

/// The snapshot store.
#[derive(Debug)]
pub struct Store {}

/// A workload as it was when it was last saved.
#[derive(Debug)]
pub struct Restored {
    /// KEDA's three words.
    pub key: WorkloadKey,
    /// When it was saved.
    pub saved_at: Timestamp,
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
    /// Workloads written.
    pub workloads: usize,
    /// Bytes written.
    pub bytes: usize,
}

/// A snapshot that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system said no.
    #[error("failed to open `{path}`: {source}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Store {
    /// Opens or creates the store in folder `dir`. A damaged file is moved aside, never trusted, never deleted.
    ///
    /// # Errors
    /// When the folder can't be written, or another process holds the store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let _ = dir;
        Ok(Self {})
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
        let _ = (workloads, now);
        Ok(SaveReport::default())
    }

    /// Removes workloads that have been forgotten.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn remove(&self, keys: &[WorkloadKey]) -> Result<(), StoreError> {
        let _ = keys;
        Ok(())
    }

    /// Every workload in the store; one that can't be read (an older format) is left out and counted in the log.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn load(&self) -> Result<Vec<Restored>, StoreError> {
        Ok(vec![])
    }
}
