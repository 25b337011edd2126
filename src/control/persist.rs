//! Snapshots: what has been learned survives a restart.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::metrics::Outcome;
use super::publish::restored;
use crate::domain::{Timestamp, WorkloadKey};
use crate::execute::keda::parse_metadata;
use crate::knowledge::{Published, Restored, StoreError, Workload};

/// What a restore has brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Workloads that are on the board again.
    pub restored: usize,
    /// Workloads left out: their metadata is no longer valid, or the board has no room.
    pub left_out: usize,
}

/// A plan from a snapshot stands for so long after it was made, until there is fresh data.
const STANDS: Duration = Duration::from_mins(30);

impl Engine {
    /// Puts the workloads of the snapshot back on the board. Their first answer is the last plan, marked by its age. However
    /// long nobody has asked about one: while the server was away nobody could. From now on silence counts. A snapshot that
    /// can't be read is counted as one that failed, and brings nothing back.
    ///
    /// # Errors
    /// When another process holds the snapshot.
    pub fn restore(&self) -> Result<RestoreReport, StoreError> {
        let Some(store) = &self.parts.store else {
            return Ok(RestoreReport::default());
        };
        let now = self.now();
        let mut report = RestoreReport::default();
        let saved = match store.load() {
            Ok(saved) => saved,
            Err(held @ StoreError::Locked { .. }) => return Err(held),
            Err(error) => {
                // What the past has taught is worth less than an answer.
                tracing::error!(%error, "no snapshot can be read, learning starts anew");
                store.begin_anew();
                self.count_snapshot("failed");
                return Ok(report);
            }
        };
        for restored in saved {
            let key = restored.key.clone();
            match self.put_back(restored, now) {
                Ok(()) => report.restored += 1,
                Err(why) => {
                    tracing::warn!(workload = %key, why, "not restored from the snapshot");
                    report.left_out += 1;
                }
            }
        }
        self.welcome(now);
        Ok(report)
    }

    fn put_back(&self, mut from: Restored, now: Timestamp) -> Result<(), String> {
        let parsed = parse_metadata(&from.key.metadata).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        })?;
        let made = from.published.as_ref().map(|published| published.plan.at);
        if made.is_some_and(|at| at.apart(now) > STANDS) {
            // Nobody knows what has become of the workload since, and to say nothing is safer than to say what was right
            // then: KEDA keeps the replicas, or goes by its `fallback`.
            from.published = None;
            from.learned.live = None;
            let memory = &mut from.learned.memory;
            (memory.last_good, memory.landed) = (None, None);
            memory.recent.clear();
        }
        from.published = from.published.map(|published| {
            let plan = Arc::new(restored(&published.plan, now));
            Published { plan, ..published }
        });
        self.parts
            .board
            .restore(from, parsed.spec, parsed.warnings)
            .map_err(|full| full.to_string())?;
        Ok(())
    }

    /// Writes a snapshot of the whole board: what has changed since the last one. [`Engine::run`] does so by itself.
    pub async fn save(&self) {
        let Some(store) = self.parts.store.clone() else {
            return;
        };
        let (board, now) = (Arc::clone(&self.parts.board), self.now());
        let started = tokio::time::Instant::now();
        let saved = tokio::task::spawn_blocking(move || store.save_board(&board, now)).await;
        let metrics = &self.parts.metrics;
        metrics
            .snapshot_seconds
            .observe(started.elapsed().as_secs_f64());
        let outcome = match saved {
            Ok(Ok(report)) => {
                metrics.snapshot_bytes.inc_by(report.bytes as u64);
                "ok"
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "snapshot failed, the previous one stays");
                "failed"
            }
            Err(error) => {
                tracing::error!(%error, "snapshot failed, the previous one stays");
                "failed"
            }
        };
        self.count_snapshot(outcome);
    }

    fn count_snapshot(&self, outcome: &'static str) {
        let snapshots = &self.parts.metrics.snapshots;
        snapshots.get_or_create(&Outcome { outcome }).inc();
    }

    /// Takes forgotten workloads out of the snapshot.
    pub(super) async fn erase(&self, workloads: Vec<Arc<Workload>>) {
        let Some(store) = self.parts.store.clone() else {
            return;
        };
        let keys: Vec<WorkloadKey> = workloads.iter().map(|w| w.key.clone()).collect();
        let removed = tokio::task::spawn_blocking(move || store.remove(&keys)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "forgotten workloads stay in the snapshot for now");
        }
    }

    /// How often snapshots are written.
    pub(super) fn snapshot_every(&self) -> Duration {
        self.parts
            .control
            .snapshot_every
            .get()
            .max(Duration::from_secs(1))
    }
}
