//! How much load one replica carries.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// Loads per ready replica with the latency beside each, and what they come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CapacityRecord {
    /// Oldest first.
    pub pairs: VecDeque<LoadLatency>,
    /// A fleet size, and since when the fleet has been about that large.
    pub steady: Option<(f64, Timestamp)>,
    /// What the pairs come to; `None` while that is nothing better than the threshold.
    pub known: Option<Capacity>,
    /// The largest capacity of about the last day, against which a drop is seen, and since when it is that.
    pub usual: Option<(f64, Timestamp)>,
}

/// When, the load per ready replica in the metric's unit, and the latency in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadLatency(pub Timestamp, pub f32, pub f32);

/// Load that one replica carries within the latency objective, learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// In the metric's unit.
    pub per_replica: f64,
    /// How closely it is known.
    pub bound: CapacityBound,
    /// Pairs of load and latency that it rests on.
    pub pairs: u32,
    /// That it has dropped, if it has.
    pub dropped: Option<CapacityDrop>,
}

/// How closely a capacity is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityBound {
    /// The objective was seen to be kept below it and missed above.
    Within,
    /// The objective was kept at every load that was seen.
    AtLeast,
    /// The objective was missed at every load that was seen.
    AtMost,
}

/// A capacity that has become much smaller.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapacityDrop {
    /// What it was.
    pub from: f64,
    /// Since when it is smaller.
    pub since: Timestamp,
}
