//! All workloads, found by KEDA's three words: namespace, name, metadata.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;

use super::{Restored, Workload};
use crate::domain::{Timestamp, TriggerSpec, WorkloadId, WorkloadKey};

/// Keys with the same fingerprint lie on one shelf; equality is decided on the whole key.
type ById = HashMap<WorkloadId, Vec<Arc<Workload>>, foldhash::fast::FixedState>;

#[derive(Debug, Default)]
struct Shelves {
    by_id: ById,
    len: usize,
}

/// All workloads.
#[derive(Debug)]
pub struct Board {
    shelves: RwLock<Shelves>,
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
            shelves: RwLock::default(),
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
        let shelves = self.read();
        let found = shelves.by_id.get(&id)?.iter().find(|workload| {
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
        self.insert(key, |key| Workload::new(key, spec, warnings, now))
    }

    /// Registers a workload as it was when it was last saved; one that is there already stays as it is.
    ///
    /// # Errors
    /// When the board is full.
    pub fn restore(
        &self,
        restored: Restored,
        spec: TriggerSpec,
        warnings: Vec<String>,
    ) -> Result<Arc<Workload>, BoardFull> {
        self.insert(restored.key.clone(), |_| {
            Workload::restored(restored, spec, warnings)
        })
    }

    fn insert(
        &self,
        key: WorkloadKey,
        make: impl FnOnce(WorkloadKey) -> Workload,
    ) -> Result<Arc<Workload>, BoardFull> {
        let id = key.id();
        let mut shelves = self.write();
        if let Some(same) = shelves.by_id.get(&id)
            && let Some(there) = same.iter().find(|workload| workload.key == key)
        {
            return Ok(Arc::clone(there));
        }
        if shelves.len >= self.max_workloads {
            return Err(BoardFull {
                max: self.max_workloads,
            });
        }
        let workload = Arc::new(make(key));
        shelves
            .by_id
            .entry(id)
            .or_default()
            .push(Arc::clone(&workload));
        shelves.len += 1;
        drop(shelves);
        self.newcomers().push(Arc::clone(&workload));
        self.arrival.notify_one();
        Ok(workload)
    }

    /// Removes a workload.
    pub fn forget(&self, key: &WorkloadKey) {
        let id = key.id();
        let mut shelves = self.write();
        let Some(same) = shelves.by_id.get_mut(&id) else {
            return;
        };
        let before = same.len();
        same.retain(|workload| workload.key != *key);
        let removed = before - same.len();
        if same.is_empty() {
            shelves.by_id.remove(&id);
        }
        shelves.len -= removed;
    }

    /// Every workload, in no particular order.
    pub fn all(&self) -> Vec<Arc<Workload>> {
        self.read().by_id.values().flatten().cloned().collect()
    }

    /// The workloads of one ScaledObject: one for each trigger of ours, and for each metadata it had lately.
    pub fn of_scaled_object(&self, namespace: &str, name: &str) -> Vec<Arc<Workload>> {
        let of_it = |w: &&Arc<Workload>| *w.key.namespace == *namespace && *w.key.name == *name;
        self.read()
            .by_id
            .values()
            .flatten()
            .filter(of_it)
            .cloned()
            .collect()
    }

    /// Number of workloads.
    pub fn len(&self) -> usize {
        self.read().len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.read().len == 0
    }

    /// Waits until a workload arrives, so that the loop need not poll for newcomers.
    pub async fn arrival(&self) {
        self.arrival.notified().await;
    }

    /// The workloads that have arrived since the last call.
    pub fn take_arrivals(&self) -> Vec<Arc<Workload>> {
        std::mem::take(&mut self.newcomers())
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, Shelves> {
        self.shelves.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn newcomers(&self) -> MutexGuard<'_, Vec<Arc<Workload>>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelves> {
        self.shelves.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::samples;

    #[test]
    fn a_workload_is_found_by_its_three_words_and_by_nothing_less() {
        let board = Board::new(10);
        let key = samples::key("web", &[("query", "up"), ("threshold", "5")]);
        let spec = samples::spec();
        let made = board
            .register(key.clone(), spec.clone(), vec![], Timestamp::default())
            .unwrap();
        let again = board
            .register(key.clone(), spec, vec![], Timestamp::from_secs(9))
            .unwrap();
        assert!(Arc::ptr_eq(&made, &again) && board.len() == 1);
        let mut asked: HashMap<String, String> = key
            .metadata
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        assert!(Arc::ptr_eq(
            &board.find("shop", "web", &asked).unwrap(),
            &made
        ));
        assert!(board.find("shop", "api", &asked).is_none());
        asked.remove("threshold");
        assert!(board.find("shop", "web", &asked).is_none());
    }

    #[test]
    fn a_full_board_names_the_setting_and_has_room_again_after_forgetting() {
        let board = Board::new(1);
        let register = |name| {
            let key = samples::key(name, &[]);
            board.register(key, samples::spec(), vec![], Timestamp::default())
        };
        register("one").unwrap();
        assert!(
            register("two")
                .unwrap_err()
                .to_string()
                .contains("`knowledge.maxWorkloads`")
        );
        board.forget(&samples::key("one", &[]));
        board.forget(&samples::key("never there", &[]));
        assert!(board.is_empty());
        register("two").unwrap();
        assert_eq!(board.of_scaled_object("shop", "two").len(), 1);
        assert_eq!(board.all().len(), 1);
    }

    #[tokio::test]
    async fn an_arrival_before_the_wait_is_not_missed() {
        let board = Board::new(1);
        board
            .register(
                samples::key("web", &[]),
                samples::spec(),
                vec![],
                Timestamp::default(),
            )
            .unwrap();
        board.arrival().await;
    }
}
