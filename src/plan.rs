//! From forecast to replicas. Pure: same values in, same values out; no clock, no await, no globals.
//! STUB: to be written by the plan room; these signatures are what `control/` relies on.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Forecast, HumanDuration, Plan, PlanMemory, Sample, Served, Timestamp, TriggerSpec,
};

/// Settings of the planner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Lead time of workloads that give none, before one has been learned.
    pub default_lead_time: HumanDuration,
    /// No plan ever asks for more replicas than this, whatever Prometheus says.
    pub max_replicas: u32,
    /// A sample older than this (or than three steps, whichever is longer) is no present load.
    pub stale_after: HumanDuration,
}

impl Config {
    /// How old a sample of this workload may be and still count as the present load.
    pub fn stale_after(&self, spec: &TriggerSpec) -> std::time::Duration {
        self.stale_after.get().max(spec.step() * 3)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_lead_time: HumanDuration::from_secs(180),
            max_replicas: 10_000,
            stale_after: HumanDuration::from_secs(120),
        }
    }
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The present moment.
    pub now: Timestamp,
    /// What the trigger asks for.
    pub spec: &'a TriggerSpec,
    /// The newest measured load, however old.
    pub observed: Option<Sample>,
    /// The newest forecast, however old.
    pub forecast: Option<&'a Forecast>,
    /// What the planner remembers.
    pub memory: &'a PlanMemory,
}

/// Decides. `None` only when nothing has ever been known: no sample, no last good plan.
pub fn decide(config: &Config, inputs: &Inputs<'_>) -> Option<(Plan, PlanMemory)> {
    let _ = (config, inputs);
    None
}

/// The numbers on the wire for `replicas` at `threshold`.
pub fn serve(replicas: u32, threshold: f64) -> Served {
    let _ = (replicas, threshold);
    Served {
        value: 0.0,
        target: 0.0,
        value_int: 0,
        target_int: 1,
    }
}
