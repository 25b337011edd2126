//! What was last done for each PredictiveAutoscaler, so that nothing is written twice. It is lost with the process, and then
//! everything is written once more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::ResourceExt as _;
use tokio::time::Instant;

use super::resource::{PredictiveAutoscaler, Yielded};

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
}

/// The last apply of an object, so that an unchanged one is not written again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Applied {
    pub(super) desired: serde_json::Value,
    /// Of the object, after that.
    pub(super) uid: Option<String>,
    pub(super) generation: Option<i64>,
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

    pub(super) fn forget(&self, namespace: &str, name: &str) {
        self.notes()
            .remove(&(namespace.to_owned(), name.to_owned()));
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn notes(&self) -> MutexGuard<'_, HashMap<(String, String), Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(owner: &PredictiveAutoscaler) -> (String, String) {
    (owner.namespace().unwrap_or_default(), owner.name_any())
}
