//! The loop on the machine's clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engine::Engine;
use crate::admin::{Heartbeat, Latch};
use crate::domain::Timestamp;

/// How often the loop looks for workloads that are due.
const TICK: Duration = Duration::from_millis(100);

impl Engine {
    /// Runs until `shutdown`, then lets work in progress end within the grace period and writes a last snapshot.
    /// `started` is released after the first turn.
    pub async fn run(
        self: Arc<Self>,
        shutdown: CancellationToken,
        heartbeat: Heartbeat,
        mut started: Option<Latch>,
    ) {
        let work = TaskTracker::new();
        let snapshots = tokio::spawn(Arc::clone(&self).keep_snapshots(shutdown.clone()));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.parts.board.arrival() => {}
                _ = tick.tick() => {}
            }
            self.start_due(&work);
            heartbeat.beat();
            drop(started.take());
        }
        work.close();
        if tokio::time::timeout(self.parts.control.grace.get(), work.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = work.len(), "some refreshes did not end in time");
        }
        if let Err(error) = snapshots.await {
            tracing::error!(%error, "the snapshot task died");
        }
        self.parts.monitor.close().await;
        self.save().await;
    }

    /// Starts what is due and returns at once.
    fn start_due(self: &Arc<Self>, work: &TaskTracker) {
        let now = self.now();
        self.welcome(now);
        let (due, lag) = {
            let mut schedule = self.schedule();
            let lag = schedule.lag(now);
            (schedule.take_due(now), lag)
        };
        self.parts.metrics.lag_seconds.set(lag.as_secs_f64());
        if !due.is_empty() {
            let engine = Arc::clone(self);
            work.spawn(async move { engine.refresh(due).await });
        }
        self.start_backfills(now, work);
        if self.sweep_due(now) {
            let engine = Arc::clone(self);
            work.spawn(async move { engine.sweep(now).await });
        }
    }

    fn start_backfills(self: &Arc<Self>, now: Timestamp, work: &TaskTracker) {
        while let Some(slot) = self.backfill_slot() {
            let Some((workload, missing)) = self.schedule().take_backfill(now) else {
                return;
            };
            let engine = Arc::clone(self);
            work.spawn(async move {
                let _slot = slot;
                engine.backfill(workload, missing).await;
            });
        }
    }

    async fn keep_snapshots(self: Arc<Self>, shutdown: CancellationToken) {
        let every = self.snapshot_every();
        let mut next = Instant::now() + every;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep_until(next) => {}
            }
            self.save().await;
            next = Instant::now() + every;
        }
    }
}
