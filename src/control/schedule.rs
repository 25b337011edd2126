//! Who is due when. Pure: time comes in, nothing sleeps here.
//!
//! A newcomer is due at once. After that each workload has its own phase within its interval, taken from its
//! fingerprint, so that refreshes spread evenly over the interval and every replica of Forescale refreshes a workload at
//! the same moment. A workload that is being refreshed is not due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::knowledge::Workload;

/// All workloads with the time of their next refresh.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// By the address of the workload's place on the board.
    entries: HashMap<usize, Entry>,
    /// When a back-fill was last asked for.
    looked: Timestamp,
}

#[derive(Debug)]
struct Entry {
    workload: Arc<Workload>,
    due: Timestamp,
    in_flight: bool,
    backfill: Backfill,
    /// What a back-fill that is running or waiting does not cover.
    gap: Option<Missing>,
    /// The gap that was asked for last.
    asked: Option<Missing>,
}

/// How far a workload's history has been read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backfill {
    /// `missing` is still to be read, not earlier than `not_before`.
    Pending {
        missing: Missing,
        not_before: Timestamp,
    },
    /// Being read.
    Running(Missing),
    /// As far back as it goes.
    Done,
}

/// A stretch of history that has not been read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// Moments that are asked for at once, at most, since more of them failed.
    pub(super) most: Option<u64>,
    /// Since when its newest part has been answered in part only.
    pub(super) in_part_since: Option<Timestamp>,
}

impl Missing {
    pub(super) fn new(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            until,
            most: None,
            in_part_since: None,
        }
    }

    /// What is left without one moment that can't be had.
    pub(super) fn without(self, moment: Timestamp, step: Duration) -> Self {
        Self {
            until: moment - step,
            ..self
        }
    }

    /// What is left once everything from `read` on has been read. What went well in small pieces may in larger ones again.
    pub(super) fn before(self, read: Timestamp, step: Duration) -> Self {
        Self {
            until: read - step,
            most: self.most.map(|most| most.saturating_mul(2)),
            in_part_since: None,
            ..self
        }
    }

    fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }

    /// Both, and what lies between.
    fn with(self, other: Self) -> Self {
        Self::new(self.from.min(other.from), self.until.max(other.until))
    }
}

impl Schedule {
    /// Adds a newcomer: due at once. `complete` when its history needs no back-fill (it came from a snapshot).
    pub(super) fn add(&mut self, workload: Arc<Workload>, now: Timestamp, complete: bool) {
        let backfill = if complete {
            Backfill::Done
        } else {
            let from = now - workload.spec.history.get();
            Backfill::Pending {
                missing: Missing::new(from, now),
                not_before: now,
            }
        };
        let place = place(&workload);
        self.entries.insert(
            place,
            Entry {
                workload,
                due: now,
                in_flight: false,
                backfill,
                gap: None,
                asked: None,
            },
        );
    }

    /// Takes the workloads that are due; they are in flight until [`Schedule::done`].
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Arc<Workload>> {
        let mut due = Vec::new();
        for entry in self.entries.values_mut() {
            // A due time further away than two intervals means that the clock was set back.
            let interval = interval_of(&entry.workload);
            let is_due = entry.due <= now || entry.due > now + 2 * interval;
            if is_due && !entry.in_flight {
                entry.in_flight = true;
                due.push(Arc::clone(&entry.workload));
            }
        }
        // The same order in every run, whatever the addresses are.
        due.sort_by_cached_key(|workload| workload.key.id());
        due
    }

    /// A refresh has ended: the next one is at the workload's next phase.
    pub(super) fn done(&mut self, workload: &Arc<Workload>, now: Timestamp) {
        if let Some(entry) = self.find(workload) {
            entry.in_flight = false;
            entry.due = next_phase(workload, now);
        }
    }

    /// Takes a workload whose back-fill may go on, with what is missing.
    pub(super) fn take_backfill(&mut self, now: Timestamp) -> Option<(Arc<Workload>, Missing)> {
        if now < self.looked {
            // The clock was set back: waiting for a moment of before would take as long as the jump.
            for entry in self.entries.values_mut() {
                if let Backfill::Pending { not_before, .. } = &mut entry.backfill {
                    *not_before = now.min(*not_before);
                }
            }
        }
        self.looked = now;
        let waiting = self.entries.values_mut();
        let waiting = waiting.filter_map(|entry| match entry.backfill {
            Backfill::Pending {
                missing,
                not_before,
            } if not_before <= now => Some((not_before, missing, entry)),
            _ => None,
        });
        // Those that fail again and again must not keep the others from their turn.
        let (_, missing, entry) = waiting.min_by_key(|(not_before, ..)| *not_before)?;
        entry.backfill = Backfill::Running(missing);
        Some((Arc::clone(&entry.workload), missing))
    }

    /// Notes how far a back-fill has come.
    pub(super) fn backfilled(&mut self, workload: &Arc<Workload>, state: Backfill) {
        if let Some(entry) = self.find(workload) {
            let next = entry.gap.take_if(|_| state == Backfill::Done);
            entry.backfill = next.map_or(state, |missing| Backfill::Pending {
                missing,
                not_before: Timestamp::default(),
            });
        }
    }

    /// Has a gap read back that opened while the source was away, after the back-fill that is running or waiting unless that
    /// covers it. One that stays open, since there is nothing in it, is asked for once.
    pub(super) fn gap(&mut self, workload: &Arc<Workload>, missing: Missing, now: Timestamp) {
        let Some(entry) = self.find(workload) else {
            return;
        };
        if entry.asked.replace(missing) == Some(missing) {
            return;
        }
        match entry.backfill {
            Backfill::Done => {
                entry.backfill = Backfill::Pending {
                    missing,
                    not_before: now,
                };
            }
            Backfill::Pending { missing: known, .. } | Backfill::Running(known) => {
                if !known.covers(&missing) {
                    entry.gap = Some(entry.gap.map_or(missing, |gap| gap.with(missing)));
                }
            }
        }
    }

    /// Drops a workload; a refresh in flight ends without being scheduled again.
    pub(super) fn remove(&mut self, workload: &Arc<Workload>) {
        self.entries.remove(&place(workload));
    }

    /// How late the most overdue workload is; one that is being refreshed is due until that has ended.
    pub(super) fn lag(&self, now: Timestamp) -> Duration {
        let entries = self.entries.values();
        entries
            .map(|entry| now.since(entry.due))
            .max()
            .unwrap_or_default()
    }

    fn find(&mut self, workload: &Arc<Workload>) -> Option<&mut Entry> {
        self.entries.get_mut(&place(workload))
    }
}

/// What tells a workload that is being looked after from all others.
pub(super) fn place(workload: &Arc<Workload>) -> usize {
    Arc::as_ptr(workload).addr()
}

fn interval_of(workload: &Workload) -> Duration {
    workload.spec.interval.get().max(Duration::from_secs(1))
}

/// The first moment after `now` that is the workload's own.
fn next_phase(workload: &Workload, now: Timestamp) -> Timestamp {
    let interval = interval_of(workload);
    phase_start(workload, interval, now) + interval
}

/// The last moment up to `now` that is the workload's own among those that come `every` so often.
pub(super) fn phase_start(workload: &Workload, every: Duration, now: Timestamp) -> Timestamp {
    let every = i64::try_from(every.as_millis()).map_or(i64::MAX, |every| every.max(1));
    let phase = (workload.key.id().0 % every.unsigned_abs()).cast_signed();
    let into = (now.as_millis() - phase).rem_euclid(every);
    Timestamp::from_millis(now.as_millis() - into)
}

#[cfg(test)]
mod tests;
