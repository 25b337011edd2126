//! Reads history back, newest window first, so that the forecast gets better while the rest is still being read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::engine::Engine;
use super::fetch::record;
use super::recording::Asked;
use super::schedule::{Backfill, Missing};
use crate::domain::TriggerSpec;
use crate::knowledge::Workload;
use crate::monitor::Span;

impl Engine {
    /// Reads what is missing. Stops at the first failure and goes on from there after a while.
    pub(super) async fn backfill(self: &Arc<Self>, workload: Arc<Workload>, missing: Missing) {
        let state = self.read_back(&workload, missing).await;
        if state == Backfill::Done {
            // The schedule remembers it; readers and the snapshot learn it with the next plan.
            workload.learned().backfilled = true;
        }
        self.backfilled(&workload, state);
    }

    /// Takes one of the few slots for a back-fill, if one is free.
    pub(super) fn backfill_slot(self: &Arc<Self>) -> Option<BackfillSlot> {
        let most = self.parts.control.backfill_concurrency.max(1);
        let running = self.backfills_running.fetch_add(1, Ordering::SeqCst);
        let slot = BackfillSlot(Arc::clone(self));
        (running < most).then_some(slot)
    }

    async fn read_back(&self, workload: &Workload, missing: Missing) -> Backfill {
        let span = grid_span(&workload.spec, missing);
        let mut windows = self.parts.monitor.windows(&workload.spec, span);
        windows.sort_by_key(|window| std::cmp::Reverse(window.until));
        for window in windows {
            match self.parts.monitor.fetch(&workload.spec, window).await {
                Ok(fetched) => {
                    self.parts
                        .metrics
                        .backfill_samples
                        .inc_by(fetched.samples.len() as u64);
                    let mut learned = workload.learned();
                    record(&mut learned, &workload.spec, &fetched.samples);
                    self.note_read(workload, Asked::History, self.now(), Ok(&fetched));
                }
                Err(error) => {
                    tracing::warn!(
                        workload = %workload.key,
                        until = %window.until,
                        %error,
                        retry_in = %self.parts.control.backfill_retry,
                        "back-fill stopped"
                    );
                    let not_before = self.now() + self.parts.control.backfill_retry.get();
                    let missing = Missing {
                        from: missing.from,
                        until: window.until,
                    };
                    return Backfill::Pending {
                        missing,
                        not_before,
                    };
                }
            }
        }
        let samples = workload.learned().history.series().observed();
        tracing::info!(workload = %workload.key, samples, "history read back");
        Backfill::Done
    }
}

/// The right to run one back-fill; given back when dropped.
#[derive(Debug)]
pub(super) struct BackfillSlot(Arc<Engine>);

impl Drop for BackfillSlot {
    fn drop(&mut self) {
        self.0.backfills_running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn grid_span(spec: &TriggerSpec, missing: Missing) -> Span {
    let step = spec.step();
    Span {
        from: missing.from.floor_to(step) + step,
        until: missing.until.floor_to(step),
        step,
    }
}
