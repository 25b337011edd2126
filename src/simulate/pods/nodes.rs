//! Nodes: pods that find no room wait until a new node is there, and nodes that nobody needs go after a while.
//!
//! Read in the cluster autoscaler's FAQ: it adds a node for pods that cannot be scheduled, and takes one away that has
//! been unneeded for `--scale-down-unneeded-time` (10 minutes).

use std::time::Duration;

use crate::domain::Timestamp;

/// `--scale-down-unneeded-time`.
const UNNEEDED: Duration = Duration::from_mins(10);

/// What new nodes cost in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodePool {
    /// Pods of this workload that one node takes.
    pub pods_per_node: u32,
    /// From an unschedulable pod to a node that can run it.
    pub provisioning: Duration,
    /// Nodes that stay though nobody needs them, the room for a burst.
    pub spare: u32,
}

/// The nodes that this workload's pods lie on.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    pool: NodePool,
    /// Since when each node is there, or until when it is not yet; in the order in which they fill.
    ready_at: Vec<Timestamp>,
    /// Since when fewer nodes are needed than are there, and the most that were needed since.
    unneeded: Option<(Timestamp, u32)>,
}

impl Nodes {
    pub(super) fn new(pool: NodePool) -> Self {
        let pool = NodePool {
            pods_per_node: pool.pods_per_node.max(1),
            ..pool
        };
        Self {
            pool,
            ready_at: Vec::new(),
            unneeded: None,
        }
    }

    /// Room for a fleet of `pods` that was there before, and the spare nodes.
    pub(super) fn warm(&mut self, pods: u32, now: Timestamp) {
        let count = self.needed(pods) as usize;
        self.ready_at.resize(count.max(self.ready_at.len()), now);
    }

    /// When the pod in `slot` (how many were there before it) finds its node up; orders one if there is none.
    pub(super) fn place(&mut self, slot: u32, now: Timestamp) -> Timestamp {
        let node = (slot / self.pool.pods_per_node) as usize;
        while self.ready_at.len() <= node {
            self.ready_at.push(now + self.pool.provisioning);
        }
        self.ready_at[node].max(now)
    }

    /// Gives nodes back that have been unneeded long enough, where `pods` are there now.
    pub(super) fn settle(&mut self, pods: u32, now: Timestamp) {
        let needed = self.needed(pods);
        if needed as usize >= self.ready_at.len() {
            self.unneeded = None;
            return;
        }
        let (since, most) = self.unneeded.unwrap_or((now, needed));
        let most = most.max(needed);
        if now.since(since) >= UNNEEDED {
            self.ready_at.truncate(most as usize);
            self.unneeded = None;
        } else {
            self.unneeded = Some((since, most));
        }
    }

    fn needed(&self, pods: u32) -> u32 {
        pods.div_ceil(self.pool.pods_per_node) + self.pool.spare
    }
}
