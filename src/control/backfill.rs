//! Reads history back, newest window first, so that the forecast gets better while the rest is still being read.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::engine::Engine;
use super::fetch::{record, waits_for_the_whole};
use super::recording::Asked;
use super::schedule::{Backfill, Missing};
use crate::domain::TriggerSpec;
use crate::knowledge::Workload;
use crate::monitor::{FetchError, FetchErrorKind, Span};

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
        let mut left = missing;
        while let Some(window) = self.newest_window(workload, left) {
            let step = window.step;
            left = match self.parts.monitor.fetch(&workload.spec, window).await {
                Ok(fetched)
                    if fetched.partial
                        && waits_for_the_whole(&mut left.in_part_since, self.now()) =>
                {
                    let why = "part of the storage did not answer";
                    return self.go_on_later(workload, left, &why);
                }
                Ok(fetched) => {
                    let read = fetched.samples.len() as u64;
                    self.parts.metrics.backfill_samples.inc_by(read);
                    let mut learned = workload.learned();
                    record(&mut learned, &workload.spec, &fetched.samples);
                    self.note_read(workload, Asked::History, self.now(), Ok(&fetched));
                    left.before(window.from, step)
                }
                Err(error) => {
                    let present = workload.published();
                    let is_well = present.is_some_and(|known| known.health.fault.is_none());
                    let left = smaller(left, window, &error, is_well);
                    return self.go_on_later(workload, left, &error);
                }
            };
        }
        let samples = workload.learned().history.series().observed();
        tracing::info!(workload = %workload.key, samples, "history read back");
        Backfill::Done
    }

    /// The newest part of what is missing that is asked for at once; `None` once nothing is missing.
    fn newest_window(&self, workload: &Workload, missing: Missing) -> Option<Span> {
        let span = grid_span(&workload.spec, missing);
        // They come newest first.
        let windows = self.parts.monitor.windows(&workload.spec, span);
        let newest = windows.into_iter().next()?;
        Some(missing.most.map_or(newest, |most| newest.newest(most))).filter(|it| it.points() > 0)
    }

    fn go_on_later(&self, workload: &Workload, missing: Missing, why: &dyn Display) -> Backfill {
        tracing::warn!(
            workload = %workload.key,
            until = %missing.until,
            error = %why,
            retry_in = %self.parts.control.backfill_retry,
            "back-fill stopped"
        );
        Backfill::Pending {
            missing,
            not_before: self.now() + self.parts.control.backfill_retry.get(),
        }
    }
}

/// What is still missing after a window has failed. One that may have failed for its length, or for some moments in it, is
/// halved. A moment that fails by itself stays unknown, where the present `is_well`, and so the server is.
fn smaller(missing: Missing, window: Span, error: &FetchError, is_well: bool) -> Missing {
    let of_a_moment = error.while_running || error.kind == FetchErrorKind::ManySeries;
    let of_its_length =
        of_a_moment || matches!(error.kind, FetchErrorKind::Timeout | FetchErrorKind::Body);
    let points = window.points();
    if points > 1 && of_its_length {
        Missing {
            most: Some(points / 2),
            ..missing
        }
    } else if of_a_moment && is_well {
        missing.without(window.from, window.step)
    } else {
        missing
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;

    const STEP: Duration = Duration::from_mins(1);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(60 * minute)
    }

    /// What is left of the minutes from 0 to `until` once the window of the newest `points` of them has failed so.
    fn left(
        until: i64,
        points: i64,
        error: &FetchError,
        is_well: bool,
    ) -> (Timestamp, Option<u64>) {
        let window = Span {
            from: at(until - points + 1),
            until: at(until),
            step: STEP,
        };
        let left = smaller(Missing::new(at(0), at(until)), window, error, is_well);
        (left.until, left.most)
    }

    #[test]
    fn a_window_is_halved_for_what_a_shorter_one_may_mend_and_a_bad_moment_is_passed_over() {
        let of = |kind| FetchError::new(kind, "for a test");
        let conflict = FetchError {
            while_running: true,
            ..of(FetchErrorKind::Status)
        };
        for (error, many, one) in [
            (of(FetchErrorKind::Timeout), Some(50), at(200)),
            (of(FetchErrorKind::ManySeries), Some(50), at(199)),
            (of(FetchErrorKind::Body), Some(50), at(200)),
            (conflict, Some(50), at(199)),
            (of(FetchErrorKind::Status), None, at(200)),
            (of(FetchErrorKind::Unreachable), None, at(200)),
            (of(FetchErrorKind::RateLimited), None, at(200)),
            (of(FetchErrorKind::CircuitOpen), None, at(200)),
        ] {
            assert_eq!(left(200, 100, &error, true), (at(200), many), "{error:?}");
            assert_eq!(left(200, 1, &error, true).0, one, "{error:?}");
            // A server that is ill fails at every moment.
            assert_eq!(left(200, 1, &error, false).0, at(200), "{error:?}");
        }
    }

    #[test]
    fn what_went_well_in_small_pieces_is_tried_in_larger_ones() {
        let missing = Missing {
            most: Some(50),
            in_part_since: Some(at(190)),
            ..Missing::new(at(0), at(200))
        };
        let waits = |now| waits_for_the_whole(&mut missing.in_part_since.clone(), now);
        assert!(waits(at(250)) && !waits(at(251)));
        let left = missing.before(at(151), STEP);
        assert_eq!(
            (left.until, left.most, left.in_part_since),
            (at(150), Some(100), None)
        );
    }
}
