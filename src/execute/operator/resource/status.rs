//! What Forescale tells of a workload.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Resources, TargetRef};

/// What Forescale plans, on what grounds, and what has become of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PredictiveAutoscalerStatus {
    /// Generation of the spec that this speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the object that scales is in place and was accepted. `DataFresh`: the load is known. `Forecasting`: the plan
    /// rests on a forecast. `Yielded`: somebody else has set a part of what is owned, and keeps it.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The object that scales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned: Option<OwnedObject>,
    /// Workloads that it scaled before and that may sleep at zero: each is given a replica as soon as that can be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<TargetRef>,
    /// Fields of it that somebody else has set, which Forescale leaves to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub yielded: Vec<Yielded>,
    /// Replicas that there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,
    /// Measured load, in the query's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// The plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// Why the plan is what it is, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The forecast at a few moments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forecast: Vec<ForecastPoint>,
    /// The models that carry it, the heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<ModelWeight>,
    /// Why the plan does not rest on a forecast now, where it should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// What the plan costs and misses beside a plain HPA, over the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savings: Option<Savings>,
    /// CPU and memory of a pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical: Option<VerticalStatus>,
}

/// The object that scales the workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnedObject {
    /// `ScaledObject` or `HorizontalPodAutoscaler`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A field that somebody else has set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Yielded {
    /// Such as `.spec.maxReplicaCount`.
    pub field: String,
    /// Who, as the API server names its field managers.
    pub manager: String,
}

/// The plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanStatus {
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Replicas that the HPA is told.
    pub replicas: u32,
    /// Replicas that the plan asks for; differs in `shadow` mode.
    pub planned: u32,
    /// Replicas that the measured load asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reactive: Option<u32>,
    /// `forecast`, `reactive`, `held` or `restored`.
    pub basis: String,
    /// Who forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How far ahead it looks.
    pub lead_time: String,
    /// Limits that changed the number, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// How much of the plan counts in `auto` mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// The forecast at one moment, in the query's unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ForecastPoint {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// One time in twenty the load is below this.
    pub low: String,
    /// As often above as below.
    pub median: String,
    /// One time in twenty the load is above this.
    pub high: String,
}

/// A model and its share of the forecast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelWeight {
    /// The model.
    pub model: String,
    /// Its share in percent.
    pub percent: u32,
}

/// What the plan costs and misses beside a plain HPA on the same metric, over the last day; what is older fades.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Savings {
    /// Minutes that were scored.
    pub minutes: u32,
    /// Replica hours of the plan, of a plain HPA, and of what happened where that is read.
    pub plan_replica_hours: String,
    /// Of a plain HPA.
    pub reactive_replica_hours: String,
    /// Minutes in which the plan would have been short.
    pub plan_overload_minutes: String,
    /// Minutes in which a plain HPA would have been short.
    pub reactive_overload_minutes: String,
    /// In a few words: `-12%, 0.4 of 7.0 min short`.
    pub text: String,
}

/// Advice on CPU and memory of a pod, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VerticalStatus {
    /// What a pod should request.
    #[serde(skip_serializing_if = "Resources::is_empty")]
    pub requests: Resources,
    /// What it should be limited to.
    #[serde(skip_serializing_if = "Resources::is_empty")]
    pub limits: Resources,
    /// What was last done, or why nothing is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// When resources were last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,
    /// Attempts in a row that the cluster could not carry out; the next one waits longer each time.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// No change before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
