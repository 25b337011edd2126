//! The engine: what the loop holds, and one turn of it.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::calls::Calls;
use super::fits::Fits;
use super::recording::{Event, Recorder};
use super::roster::Enrolled;
use super::schedule::{Backfill, Schedule};
use super::{Config, Metrics};
use crate::analyze::models::Registry;
use crate::domain::{Clock, Timestamp};
use crate::knowledge::{Board, Store, Workload};
use crate::monitor::Monitor;
use crate::{analyze, knowledge, plan};

/// What an [`Engine`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// The shared board.
    pub board: Arc<Board>,
    /// The sources.
    pub monitor: Monitor,
    /// The models.
    pub models: Arc<Registry>,
    /// Snapshots, when there is a place for them.
    pub store: Option<Arc<Store>>,
    /// Settings of the loop.
    pub control: Config,
    /// Settings of the analyze room.
    pub analyze: analyze::Config,
    /// Settings of the planner.
    pub plan: plan::Config,
    /// Settings of the board.
    pub knowledge: knowledge::Config,
    /// What the loop counts.
    pub metrics: Metrics,
    /// Where readings and decisions are recorded, if they are.
    pub recorder: Option<Recorder>,
    /// Workloads that are planned although nobody asks.
    pub enrolled: Vec<Enrolled>,
}

/// The refresh loop of all workloads.
#[derive(Debug)]
pub struct Engine {
    pub(super) parts: Parts,
    pub(super) calls: Calls,
    pub(super) fits: Fits,
    pub(super) backfills_running: AtomicUsize,
    schedule: Mutex<Schedule>,
    vigil: Mutex<Vigil>,
}

/// Workloads to forget are looked for so often.
pub(super) const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// After so long without a look nobody could have asked in between: the process stood still, or the clock was set.
const LONGEST_NAP: Duration = Duration::from_mins(5);

/// Since when questions could have come, and when workloads that get none were last looked for.
#[derive(Clone, Copy, Debug)]
struct Vigil {
    since: Timestamp,
    swept_at: Option<Timestamp>,
}

impl Engine {
    /// An engine at rest.
    pub fn new(parts: Parts) -> Arc<Self> {
        let vigil = Vigil {
            since: parts.clock.now(),
            swept_at: None,
        };
        Arc::new(Self {
            parts,
            calls: Calls::default(),
            fits: Fits::default(),
            backfills_running: AtomicUsize::new(0),
            schedule: Mutex::default(),
            vigil: Mutex::new(vigil),
        })
    }

    /// The board that readers look at.
    pub fn board(&self) -> &Arc<Board> {
        &self.parts.board
    }

    /// The models, for reports.
    pub fn models(&self) -> &Arc<Registry> {
        &self.parts.models
    }

    /// The engine's clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.parts.clock)
    }

    /// The present moment on the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Refreshes every workload that is due and returns when all of their answers are published and all histories
    /// that could be read back have been: one turn on a virtual clock.
    pub async fn turn(self: &Arc<Self>) {
        let now = self.now();
        self.welcome(now);
        let due = self.schedule().take_due(now);
        self.refresh(due).await;
        let mut running = FuturesUnordered::new();
        while let Some((workload, missing)) = self.schedule().take_backfill(now) {
            running.push(self.backfill(workload, missing));
        }
        while running.next().await.is_some() {}
        drop(running);
        if self.sweep_due(now) {
            self.sweep(now).await;
        }
    }

    /// Puts newcomers on the schedule.
    pub(super) fn welcome(&self, now: Timestamp) {
        let arrivals = self.parts.board.take_arrivals();
        if arrivals.is_empty() {
            return;
        }
        let mut schedule = self.schedule();
        for workload in arrivals {
            let complete = workload.learned().backfilled;
            if !complete {
                tracing::info!(workload = %workload.key, id = %workload.key.id(), "new workload");
            }
            self.record(|| Event::Workload {
                id: workload.key.id(),
                at: now,
                key: workload.key.clone(),
                fresh: workload.published().is_none()
                    && workload.learned().history.last().is_none(),
            });
            schedule.add(workload, now, complete);
        }
        self.count_workloads();
    }

    fn count_workloads(&self) {
        let workloads = i64::try_from(self.parts.board.len()).unwrap_or(i64::MAX);
        self.parts.metrics.workloads.set(workloads);
    }

    /// Whether it is time to look for workloads to forget; if so, the next time is a minute away.
    pub(super) fn sweep_due(&self, now: Timestamp) -> bool {
        let mut vigil = self.vigil();
        let last = vigil.swept_at;
        if last.is_some_and(|at| now < at || now.since(at) > LONGEST_NAP) {
            vigil.since = now;
        } else if last.is_some_and(|at| now.since(at) < SWEEP_EVERY) {
            return false;
        }
        vigil.swept_at = Some(now);
        true
    }

    /// Since when questions could have come: before, silence says nothing.
    pub(super) fn listens_since(&self) -> Timestamp {
        self.vigil().since
    }

    /// Forgets workloads that nobody asks about any more, and that networks failed to load.
    pub(super) async fn sweep(&self, now: Timestamp) {
        self.parts.models.forget_failures();
        let unasked = self.unasked(now);
        for workload in &unasked {
            tracing::info!(workload = %workload.key, id = %workload.key.id(), "forgotten: nobody asks about it any more");
            self.parts.board.forget(&workload.key);
            self.schedule().remove(workload);
            self.parts.metrics.forgotten.inc();
        }
        if !unasked.is_empty() {
            self.count_workloads();
            self.erase(unasked).await;
        }
    }

    /// Records what happened, where it is recorded.
    pub(super) fn record(&self, event: impl FnOnce() -> Event) {
        if let Some(recorder) = &self.parts.recorder {
            recorder.note(&event());
        }
    }

    /// Notes the end of a refresh.
    pub(super) fn done(&self, workload: &Arc<Workload>) {
        let now = self.now();
        self.schedule().done(workload, now);
    }

    /// Notes how far a back-fill has come.
    pub(super) fn backfilled(&self, workload: &Arc<Workload>, state: Backfill) {
        self.schedule().backfilled(workload, state);
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn vigil(&self) -> MutexGuard<'_, Vigil> {
        self.vigil.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A panic while the lock is held can't leave the schedule half-changed, so a poisoned lock is still good.
    pub(super) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
