//! Mistakes of tenants, logged once. KEDA repeats a refused call every few seconds; the log needs to hear of it once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::domain::WorkloadId;

/// How many are remembered; when there are more, all are forgotten and may be logged again.
const REMEMBERED: usize = 1024;

/// What has been logged already.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<HashSet<WorkloadId>>);

impl Complaints {
    /// Whether this one has not been logged yet; marks it as logged.
    pub(super) fn is_new(&self, id: WorkloadId) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.len() >= REMEMBERED {
            logged.clear();
        }
        logged.insert(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_new_once_and_memory_stays_bounded() {
        let complaints = Complaints::default();
        assert!(complaints.is_new(WorkloadId(1)));
        assert!(!complaints.is_new(WorkloadId(1)));
        for id in 2..5000 {
            complaints.is_new(WorkloadId(id));
        }
        assert!(complaints.0.lock().unwrap().len() <= REMEMBERED);
    }
}
