//! Pods that take time to start: what a Deployment with slow pods makes of a replica count.
//!
//! Rules and where they were read: a pod counts for the HPA from its creation and serves only when Ready; which pod goes
//! first is `ReplicaSet`'s order (`pkg/controller/controller_utils.go`, `ActivePodsWithRanks`): not ready before ready,
//! ready for a short time before ready for long, younger before older. A deleted pod leaves the replica count and the
//! ready endpoints at once (it finishes what it has, `pkg/proxy` sends it nothing new), and its node when its grace
//! period ends. A pod without room waits for its node first ([`NodePool`]).
//!
//! Ready pods are kept as runs of equal age, so that a large fleet costs no more than a small one.

mod nodes;
mod start_up;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

pub use nodes::NodePool;
use nodes::Nodes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
pub use start_up::StartUp;

use crate::domain::Timestamp;

/// The pods of one Deployment.
#[derive(Clone, Debug)]
pub struct Pods {
    start_up: StartUp,
    chance: ChaCha8Rng,
    grace: Duration,
    nodes: Option<Nodes>,
    /// Ready pods, those that have been ready for longest first.
    ready: Vec<Run>,
    /// How many they are.
    ready_count: u32,
    /// When each starting pod will be ready, in order of creation.
    starting: Vec<Timestamp>,
    /// When deleted pods are gone, and how many, in order.
    leaving: VecDeque<(Timestamp, u32)>,
}

/// Pods that became ready at the same moment.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    ready_at: Timestamp,
    count: u32,
}

impl Pods {
    /// No pods yet.
    pub fn new(start_up: StartUp, seed: u64) -> Self {
        Self {
            start_up,
            chance: ChaCha8Rng::seed_from_u64(seed),
            grace: Duration::ZERO,
            nodes: None,
            ready: Vec::new(),
            ready_count: 0,
            starting: Vec::new(),
            leaving: VecDeque::new(),
        }
    }

    /// Pods that stay on their node for `grace` after their deletion (they no longer serve, but they cost).
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Pods that wait for a node where there is no room. To be set before the fleet.
    #[must_use]
    pub fn with_nodes(mut self, pool: NodePool) -> Self {
        self.nodes = Some(Nodes::new(pool));
        self
    }

    /// `count` more pods that have been ready since `now`: a fleet that was there before.
    #[must_use]
    pub fn with_ready(mut self, count: u32, now: Timestamp) -> Self {
        self.become_ready(count, now);
        if let Some(nodes) = &mut self.nodes {
            nodes.warm(self.ready_count, now);
        }
        self
    }

    /// Creates or deletes pods until there are `count`.
    pub fn scale_to(&mut self, count: u32, now: Timestamp) {
        self.advance(now);
        for slot in self.total()..count {
            let occupied = slot + self.terminating(now);
            let placed = self.nodes.as_mut().map(|nodes| nodes.place(occupied, now));
            let ready_at = placed.unwrap_or(now) + self.start_up.draw(&mut self.chance);
            self.starting.push(ready_at);
        }
        let surplus = self.total().saturating_sub(count);
        if surplus > 0 {
            self.delete(surplus, now);
            self.settle(now);
        }
    }

    /// Lets time pass up to `now`: pods become ready, deleted ones go, nodes that nobody needs are given back.
    pub fn advance(&mut self, now: Timestamp) {
        while self.leaving.front().is_some_and(|(gone, _)| *gone <= now) {
            self.leaving.pop_front();
        }
        if self.starting.iter().any(|ready_at| *ready_at <= now) {
            self.start(now);
        }
        self.settle(now);
    }

    /// Pods that serve.
    pub fn ready(&self, now: Timestamp) -> u32 {
        let started = self.starting.iter().filter(|ready_at| **ready_at <= now);
        self.ready_count + started.count() as u32
    }

    /// Pods that have been ready for less than `age`, of those that were ready when time was last let pass.
    pub fn ready_for_less_than(&self, age: Duration, now: Timestamp) -> u32 {
        let young = |run: &&Run| run.ready_at > now - age;
        self.ready
            .iter()
            .rev()
            .take_while(young)
            .map(|run| run.count)
            .sum()
    }

    /// Pods that exist and are not being deleted: `status.replicas`.
    pub fn total(&self) -> u32 {
        self.ready_count + self.starting.len() as u32
    }

    /// Pods that have been deleted and still occupy their node.
    pub fn terminating(&self, now: Timestamp) -> u32 {
        let there = self.leaving.iter().filter(|(gone, _)| *gone > now);
        there.map(|(_, count)| *count).sum()
    }

    fn settle(&mut self, now: Timestamp) {
        if self.nodes.is_none() {
            return;
        }
        let occupied = self.total() + self.terminating(now);
        if let Some(nodes) = &mut self.nodes {
            nodes.settle(occupied, now);
        }
    }

    /// Moves those that have become ready from the starting ones, in the order in which they did.
    fn start(&mut self, now: Timestamp) {
        while let Some(next) = self.starting.iter().copied().min() {
            if next > now {
                break;
            }
            let before = self.starting.len();
            self.starting.retain(|ready_at| *ready_at != next);
            self.become_ready((before - self.starting.len()) as u32, next);
        }
    }

    fn become_ready(&mut self, count: u32, ready_at: Timestamp) {
        self.ready_count += count;
        match self.ready.last_mut() {
            Some(run) if run.ready_at == ready_at => run.count += count,
            _ => self.ready.push(Run { ready_at, count }),
        }
    }

    /// Not ready before ready and the younger of these first, then those that became ready last.
    fn delete(&mut self, count: u32, now: Timestamp) {
        let unready = (count as usize).min(self.starting.len());
        self.starting.truncate(self.starting.len() - unready);
        let mut left = count - unready as u32;
        self.ready_count -= left;
        while left > 0
            && let Some(run) = self.ready.last_mut()
        {
            let gone = run.count.min(left);
            run.count -= gone;
            left -= gone;
            if run.count == 0 {
                self.ready.pop();
            }
        }
        if !self.grace.is_zero() {
            self.leaving.push_back((now + self.grace, count));
        }
    }
}
