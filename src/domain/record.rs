//! A plan with everything that it was made from: enough to make it again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ClusterFacts, Forecast, Plan, PlanMemory, Sample, Timestamp, TriggerSpec};

/// What a plan was made from, besides the trigger and the planner's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanInputs {
    /// The moment.
    pub now: Timestamp,
    /// The newest measured load.
    pub observed: Option<Sample>,
    /// The newest reading of the Ready replicas.
    #[serde(default)]
    pub ready: Option<Sample>,
    /// What the cluster said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Arc<ClusterFacts>>,
    /// Why the last read of the metric had failed.
    pub fault: Option<String>,
    /// The newest forecast.
    pub forecast: Option<Arc<Forecast>>,
    /// Why the forecast was not to be relied on.
    pub distrust: Option<String>,
    /// What the planner remembered.
    pub memory: PlanMemory,
}

/// A plan and all that led to it. `S` are the planner's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRecord<S> {
    /// The planner's settings.
    pub settings: S,
    /// What the trigger asks for, without what may be secret; nothing of that has a part in a plan.
    pub spec: TriggerSpec,
    /// Everything else.
    pub inputs: PlanInputs,
    /// What was made of it.
    pub plan: Arc<Plan>,
}
