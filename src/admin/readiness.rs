//! Ready means: everything that the start waits for has happened. Each part holds a latch and drops it when it is done, so
//! that a part that fails or is forgotten can't leave the process ready by mistake.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the start still waits for; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    pending: Arc<Mutex<Vec<&'static str>>>,
}

/// One thing that the start waits for: done when it is released or dropped.
#[derive(Debug)]
#[must_use = "a latch that is dropped at once holds nothing back"]
pub struct Latch {
    name: &'static str,
    readiness: Readiness,
}

impl Readiness {
    /// Not ready until this latch is gone. `name` completes "waiting for …", such as `the first turn of the refresh loop`.
    pub fn latch(&self, name: &'static str) -> Latch {
        self.lock().push(name);
        Latch {
            name,
            readiness: self.clone(),
        }
    }

    /// Whether nothing is waited for.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    /// What is waited for, in the order in which it was announced.
    pub fn pending(&self) -> Vec<&'static str> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latch {
    /// Done.
    pub fn release(self) {}
}

impl Drop for Latch {
    fn drop(&mut self) {
        let mut pending = self.readiness.lock();
        if let Some(at) = pending.iter().position(|name| *name == self.name) {
            pending.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_latch_is_gone() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        let (snapshot, turn) = (
            readiness.latch("the snapshot"),
            readiness.latch("the first turn"),
        );
        assert_eq!(readiness.pending(), ["the snapshot", "the first turn"]);
        snapshot.release();
        assert!(!readiness.is_ready());
        drop(turn);
        assert!(readiness.is_ready());
    }
}
