//! What the planner remembers of bursts, of outages, and of its own changes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What stands in the way of a scale-down. At most 700 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    /// What the newest forecast says of its next step.
    #[serde(default)]
    pub band: Option<Band>,
    /// A load above the band.
    #[serde(default)]
    pub burst: Option<Burst>,
    /// An outage of the data.
    #[serde(default)]
    pub blind: Option<Blind>,
    /// A load that has fallen far below the band.
    #[serde(default)]
    pub collapse: Option<Collapse>,
    /// Changes of the plan within the past hour, oldest first; empty where they are not bounded.
    #[serde(default)]
    pub changes: VecDeque<Timestamp>,
}

/// What is expected of the loads of one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The step is later than this …
    pub after: Timestamp,
    /// … and reaches to this.
    pub until: Timestamp,
    /// The path of the lowest level.
    pub low: f64,
    /// The path of the highest level.
    pub high: f64,
}

/// A load above the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burst {
    /// When it began.
    pub since: Timestamp,
    /// When the load was above the band last.
    pub last: Timestamp,
}

/// An outage of the data that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// When it had ended.
    pub ended: Timestamp,
    /// Until when the fleet is not shrunk for it.
    pub until: Timestamp,
    /// The plan before it.
    pub replicas: u32,
    /// Whether the workload was active before it.
    pub active: bool,
}

/// A load that has fallen far below the band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Collapse {
    /// When it fell.
    pub since: Timestamp,
    /// The least that was expected then.
    pub expected: f64,
    /// The plan before.
    pub replicas: u32,
    /// Whether the workload was active before.
    pub active: bool,
}
