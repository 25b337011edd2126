//! How long pods took to start, from the moments that the pods themselves carry: creation, and since when Ready.
//!
//! A pod counts once, when it is Ready for the first time. One that was Ready already when it was first seen counts only if
//! it became so soon after its creation: the condition's time is that of its last change, and a probe that failed in
//! between would make hours of seconds. Pods that are created or become Ready during a rollout don't count, for the
//! rollout makes them wait for one another.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::objects::Pod;
use crate::domain::{PodBatch, Timestamp};

/// Pods that are created within this of one another are one batch.
const TOGETHER: Duration = Duration::from_secs(5);
/// A pod that was Ready at first sight counts if it took no longer.
const SOON: Duration = Duration::from_mins(10);
/// A pod that is not Ready by then no longer holds up the others of its batch.
const STUCK: Duration = Duration::from_mins(10);
/// Starts that are remembered.
const KEPT: usize = 256;
/// Batches that are told.
const TOLD: usize = 16;

/// The starts of one selector's pods.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts {
    pods: HashMap<String, Seen>,
    ended: VecDeque<Start>,
    /// Whether a rollout is under way.
    pub(super) rollout: bool,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    created: Timestamp,
    done: bool,
    rollout: bool,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    created: Timestamp,
    ready: Timestamp,
}

impl Starts {
    /// A pod as it is now.
    pub(super) fn saw(&mut self, name: &str, pod: Pod) {
        let known = self
            .pods
            .get(name)
            .filter(|seen| seen.created == pod.created);
        let first = known.is_none();
        let mut seen = known.copied().unwrap_or(Seen {
            created: pod.created,
            done: false,
            rollout: self.rollout,
        });
        if let Some(ready) = pod.ready.filter(|_| !seen.done) {
            seen.done = true;
            let took = ready.since(pod.created);
            let is_start = !first || took <= SOON;
            if is_start && !seen.rollout && !self.rollout {
                self.ended.push_back(Start {
                    created: pod.created,
                    ready,
                });
            }
        }
        self.pods.insert(name.to_owned(), seen);
        let surplus = self.ended.len().saturating_sub(KEPT);
        self.ended.drain(..surplus);
    }

    /// A pod that is gone.
    pub(super) fn lost(&mut self, name: &str) {
        self.pods.remove(name);
    }

    /// The newest batches of which every pod is Ready, by the moment when they were.
    pub(super) fn batches(&self, now: Timestamp) -> Vec<PodBatch> {
        let mut starts: Vec<Start> = self.ended.iter().copied().collect();
        starts.sort_by_key(|start| (start.created, start.ready));
        let mut batches: Vec<(PodBatch, Timestamp)> = Vec::new();
        for start in starts {
            match batches.last_mut() {
                Some((batch, last)) if start.created.since(*last) <= TOGETHER => {
                    batch.pods += 1;
                    batch.ready = batch.ready.max(start.ready);
                    *last = start.created;
                }
                _ => {
                    let batch = PodBatch {
                        created: start.created,
                        ready: start.ready,
                        pods: 1,
                    };
                    batches.push((batch, start.created));
                }
            }
        }
        let waiting = (self.pods.values())
            .filter(|seen| !seen.done && now.since(seen.created) < STUCK)
            .map(|seen| seen.created);
        let waiting: Vec<Timestamp> = waiting.collect();
        let is_whole = |(batch, last): &(PodBatch, Timestamp)| {
            let within =
                |at: &Timestamp| *at + TOGETHER >= batch.created && *at <= *last + TOGETHER;
            !waiting.iter().any(within)
        };
        batches.retain(is_whole);
        let mut batches: Vec<PodBatch> = batches.into_iter().map(|(batch, _)| batch).collect();
        batches.sort_by_key(|batch| (batch.ready, batch.created));
        let surplus = batches.len().saturating_sub(TOLD);
        batches.drain(..surplus);
        batches
    }
}

#[cfg(test)]
mod tests;
