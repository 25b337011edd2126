//! What a workload's replicas have taught the planner: how long they take to become ready, how much load one carries, what
//! a pod uses. It grows out of readings
//! beside the load, is kept with the planner's memory and survives a restart. `plan` alone reads and writes what is in it.

mod capacity;
mod usage;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use self::capacity::{Capacity, CapacityBound, CapacityDrop, CapacityRecord, LoadLatency};
pub use self::usage::{PodUsage, ResourceAdvice, UsageRecord, Vertical};
use super::Timestamp;

/// Everything that has been learned from the replicas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Experience {
    /// From decision to Ready.
    pub lead: LeadRecord,
    /// Load that one replica carries.
    pub capacity: CapacityRecord,
    /// What a pod uses.
    pub usage: UsageRecord,
    /// How the fleet has kept to `maxOverload`.
    pub aim: AimRecord,
}

/// How the fleet has kept to `maxOverload`, and what the plans aim at because of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AimRecord {
    /// Natural logarithm of the factor by which `maxOverload` is multiplied.
    pub log_factor: f64,
    /// The last look at the fleet that counted.
    pub at: Option<Timestamp>,
    /// When a bound last cut a plan.
    pub cut_at: Option<Timestamp>,
}

/// Scale-ups that were watched from the decision until the replicas were ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeadRecord {
    /// Replicas that KEDA was last told, and since when.
    pub served: Option<ServedSince>,
    /// Time of the newest reading of ready replicas.
    pub read_at: Option<Timestamp>,
    /// Scale-ups whose replicas are not all ready yet, oldest first.
    pub pending: VecDeque<PendingScaleUp>,
    /// When the newest pods became Ready that were learned from; `None` where pods can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods_until: Option<Timestamp>,
    /// Scale-ups that have ended, oldest first.
    pub scale_ups: VecDeque<ScaleUp>,
    /// What they come to; `None` while there are too few.
    pub line: Option<LeadLine>,
}

/// A number of replicas that KEDA is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedSince {
    /// How many.
    pub replicas: u32,
    /// Since when.
    pub since: Timestamp,
}

/// A scale-up under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingScaleUp {
    /// When it was decided.
    pub at: Timestamp,
    /// Ready replicas that it leads to.
    pub target: u32,
    /// Replicas that were missing when it was decided.
    pub batch: u32,
}

/// A scale-up that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleUp {
    /// Replicas that were missing.
    pub batch: u32,
    /// Seconds from the decision until they were seen ready.
    pub seconds: f32,
}

/// A high quantile of the seconds to Ready as a line over the batch, never falling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadLine {
    /// Seconds of a batch of 0.
    pub intercept: f64,
    /// Seconds more for each replica.
    pub slope: f64,
    /// The largest batch that was seen.
    pub largest: u32,
}

// === impl Experience ===

impl Experience {
    /// Bytes it owns on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.lead.pending.capacity() * size_of::<PendingScaleUp>()
            + self.lead.scale_ups.capacity() * size_of::<ScaleUp>()
            + self.capacity.pairs.capacity() * size_of::<LoadLatency>()
            + (self.usage.cpu.weights.capacity() + self.usage.memory.weights.capacity())
                * size_of::<f32>()
    }
}
