//! What a refresh teaches beside its plan, from the readings beside the load.

use std::sync::Arc;

use super::lead_time;
use crate::domain::{Experience, Plan, PlanMemory, Sample, Timestamp, TriggerSpec};

/// The newest readings beside the load, however old.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// Ready replicas.
    pub ready: Option<Sample>,
    /// Latency in seconds.
    pub latency: Option<Sample>,
    /// CPU use in cores, all pods together.
    pub cpu: Option<Sample>,
    /// Memory use in bytes, all pods together.
    pub memory: Option<Sample>,
}

/// Learns from a refresh: from `plan`, which was just made, and from the readings. The memory that comes back replaces the
/// one that went in; a trigger without queries beside the load keeps it as it is.
pub fn learn(
    spec: &TriggerSpec,
    now: Timestamp,
    plan: &Plan,
    readings: &Readings,
    mut memory: PlanMemory,
) -> PlanMemory {
    if spec.replicas_query.is_none() {
        return memory;
    }
    let known = memory.experience.take().unwrap_or_default();
    let Experience { lead } = Arc::unwrap_or_clone(known);
    let lead = lead_time::observe(lead, now, plan.replicas, readings.ready);
    memory.experience = Some(Arc::new(Experience { lead }));
    memory
}
