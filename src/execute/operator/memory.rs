//! What was last done for each PredictiveAutoscaler, so that nothing is written twice. It is lost with the process, and then
//! everything is written once more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::ResourceExt as _;
use tokio::time::Instant;

use super::resource::{PredictiveAutoscaler, Yielded};
use crate::knowledge::Workload;

/// What was last done for each PredictiveAutoscaler.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// By namespace and name.
    notes: Mutex<HashMap<(String, String), Note>>,
}

#[derive(Debug, Default)]
struct Note {
    applied: Option<Applied>,
    /// When the status was written.
    told: Option<Instant>,
    /// The workload that nobody but the operator asks about.
    kept: Option<Arc<Workload>>,
}

/// The last apply of an object, so that an unchanged one is not written again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Applied {
    pub(super) desired: serde_json::Value,
    /// Of the object, after that.
    pub(super) uid: Option<String>,
    pub(super) generation: Option<i64>,
    pub(super) spec_hash: Option<u64>,
    pub(super) yielded: Vec<Yielded>,
}

impl Memory {
    pub(super) fn applied(&self, owner: &PredictiveAutoscaler) -> Option<Applied> {
        self.notes().get(&key(owner))?.applied.clone()
    }

    pub(super) fn apply(&self, owner: &PredictiveAutoscaler, applied: Applied) {
        self.notes().entry(key(owner)).or_default().applied = Some(applied);
    }

    /// How long ago the status was written; `None` before this process has written it.
    pub(super) fn told(&self, owner: &PredictiveAutoscaler) -> Option<Duration> {
        Some(self.notes().get(&key(owner))?.told?.elapsed())
    }

    pub(super) fn tell(&self, owner: &PredictiveAutoscaler) {
        self.notes().entry(key(owner)).or_default().told = Some(Instant::now());
    }

    /// Remembers the workload that nobody but the operator asks about, if there is one, and lets go of the one before it: the
    /// object was edited, and whoever reads its numbers must not find two.
    pub(super) fn keep(&self, namespace: &str, name: &str, workload: Option<&Arc<Workload>>) {
        let mut notes = self.notes();
        let note = notes.entry((namespace.to_owned(), name.to_owned()));
        let before = std::mem::replace(&mut note.or_default().kept, workload.cloned());
        let same = |before: &Arc<Workload>| workload.is_some_and(|it| Arc::ptr_eq(it, before));
        if let Some(before) = before.filter(|before| !same(before)) {
            before.let_go();
        }
    }

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        let note = self
            .notes()
            .remove(&(namespace.to_owned(), name.to_owned()));
        if let Some(kept) = note.and_then(|note| note.kept) {
            kept.let_go();
        }
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn notes(&self) -> MutexGuard<'_, HashMap<(String, String), Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(owner: &PredictiveAutoscaler) -> (String, String) {
    (owner.namespace().unwrap_or_default(), owner.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Metadata, Timestamp, WorkloadKey};
    use crate::execute::keda::metadata::keys;
    use crate::knowledge::Board;

    #[test]
    fn an_edited_or_deleted_object_lets_go_of_the_workload_it_had() {
        let board = Board::new(9);
        let now = Timestamp::from_secs(1_700_000_000);
        let workload = |query: &str| {
            let metadata = Metadata::from([("query".to_owned(), query.to_owned())]);
            let key = WorkloadKey::new("shop", "web", metadata);
            board
                .register(key, keys::defaults(), Vec::new(), now)
                .unwrap()
        };
        let asked = |workload: &Workload| workload.last_asked() == now;
        let (old, new) = (workload("a"), workload("b"));
        let memory = Memory::default();
        memory.keep("shop", "web", Some(&old));
        memory.keep("shop", "web", Some(&old));
        memory.keep("shop", "api", Some(&new));
        assert!(asked(&old) && asked(&new));
        memory.keep("shop", "web", Some(&new));
        assert!(!asked(&old) && asked(&new));
        memory.keep("shop", "api", None);
        assert!(!asked(&new));
        new.touch(now);
        memory.forget("shop", "web");
        assert!(!asked(&new));
    }
}
