//! All workloads, found by KEDA's three words: namespace, name, metadata.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;

use super::Workload;
use crate::domain::{Timestamp, TriggerSpec, WorkloadId, WorkloadKey};

type Shelf = HashMap<WorkloadId, Vec<Arc<Workload>>, foldhash::fast::FixedState>;

/// All workloads.
#[derive(Debug)]
pub struct Board {
    shelf: RwLock<Shelf>,
    max_workloads: usize,
    arrivals: Mutex<Vec<Arc<Workload>>>,
    arrival: Notify,
}

/// No room for another workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{max} workloads are registered already, the limit set by `knowledge.maxWorkloads`")]
pub struct BoardFull {
    /// The limit.
    pub max: usize,
}

impl Board {
    /// An empty board with room for `max_workloads`.
    pub fn new(max_workloads: usize) -> Self {
        Self {
            shelf: RwLock::default(),
            max_workloads,
            arrivals: Mutex::default(),
            arrival: Notify::new(),
        }
    }

    /// The workload of these three words, if it is registered. Costs one hash of the metadata and one comparison.
    pub fn find(
        &self,
        namespace: &str,
        name: &str,
        metadata: &HashMap<String, String>,
    ) -> Option<Arc<Workload>> {
        let id = WorkloadId::of(namespace, name, metadata);
        let shelf = self.read();
        let found = shelf.get(&id)?.iter().find(|workload| {
            let key = &workload.key;
            *key.namespace == *namespace
                && *key.name == *name
                && key.metadata.len() == metadata.len()
                && key.metadata.iter().all(|(k, v)| metadata.get(k) == Some(v))
        });
        found.cloned()
    }

    /// Registers a workload, or gives back the one that is there already.
    ///
    /// # Errors
    /// When the board is full.
    pub fn register(
        &self,
        key: WorkloadKey,
        spec: TriggerSpec,
        warnings: Vec<String>,
        now: Timestamp,
    ) -> Result<Arc<Workload>, BoardFull> {
        let id = key.id();
        let mut shelf = self.write();
        if let Some(there) = shelf
            .get(&id)
            .and_then(|same| same.iter().find(|workload| workload.key == key))
        {
            return Ok(Arc::clone(there));
        }
        if shelf.values().map(Vec::len).sum::<usize>() >= self.max_workloads {
            return Err(BoardFull {
                max: self.max_workloads,
            });
        }
        let workload = Arc::new(Workload::new(key, spec, warnings, now));
        shelf.entry(id).or_default().push(Arc::clone(&workload));
        drop(shelf);
        self.newcomers().push(Arc::clone(&workload));
        self.arrival.notify_one();
        Ok(workload)
    }

    /// Removes a workload.
    pub fn forget(&self, key: &WorkloadKey) {
        let id = key.id();
        let mut shelf = self.write();
        if let Some(same) = shelf.get_mut(&id) {
            same.retain(|workload| workload.key != *key);
            if same.is_empty() {
                shelf.remove(&id);
            }
        }
    }

    /// Every workload, in no particular order.
    pub fn all(&self) -> Vec<Arc<Workload>> {
        self.read().values().flatten().cloned().collect()
    }

    /// The workloads of one ScaledObject: one for each trigger of ours, and for each metadata it had lately.
    pub fn of_scaled_object(&self, namespace: &str, name: &str) -> Vec<Arc<Workload>> {
        let of_it = |w: &&Arc<Workload>| *w.key.namespace == *namespace && *w.key.name == *name;
        self.read()
            .values()
            .flatten()
            .filter(of_it)
            .cloned()
            .collect()
    }

    /// Number of workloads.
    pub fn len(&self) -> usize {
        self.read().values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Waits until a workload arrives, so that the loop need not poll for newcomers.
    pub async fn arrival(&self) {
        self.arrival.notified().await;
    }

    /// The workloads that have arrived since the last call.
    pub fn take_arrivals(&self) -> Vec<Arc<Workload>> {
        std::mem::take(&mut self.newcomers())
    }

    // A panic while the lock is held cannot leave the map half-changed, so a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn newcomers(&self) -> MutexGuard<'_, Vec<Arc<Workload>>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }
}
