//! What a user asks for.

#![expect(
    unreachable_pub,
    reason = "KubeSchema repeats each struct inside a function"
)]
#![expect(clippy::duplicated_attributes, reason = "each column has a type")]

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PredictiveAutoscalerStatus, VerticalSpec};

/// Durations as the trigger metadata has them: `90s`, `10m`, `1h30m`, `14d`.
const DURATION: &str = r"^([0-9]+(ms|s|m|h|d))+$";

/// Scales a workload ahead of its load. Forescale makes and keeps a KEDA ScaledObject for it, or an HPA where there is no
/// KEDA, and tells here what it plans and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "forescale.dev",
    version = "v1alpha1",
    kind = "PredictiveAutoscaler",
    plural = "predictiveautoscalers",
    shortname = "pa",
    category = "all",
    namespaced,
    status = "PredictiveAutoscalerStatus",
    derive = "PartialEq",
    doc = "Scales a workload ahead of its load, through a KEDA ScaledObject or an HPA that Forescale makes and keeps.",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRef.name"),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Basis", type_ = "string", json_path = ".status.plan.basis"),
    printcolumn(name = "Load", type_ = "string", json_path = ".status.load"),
    printcolumn(
        name = "Planned",
        type_ = "integer",
        json_path = ".status.plan.planned"
    ),
    printcolumn(name = "Told", type_ = "integer", json_path = ".status.plan.replicas"),
    printcolumn(
        name = "Current",
        type_ = "integer",
        json_path = ".status.currentReplicas"
    ),
    printcolumn(
        name = "Min",
        type_ = "integer",
        json_path = ".spec.minReplicas",
        priority = 1
    ),
    printcolumn(
        name = "Max",
        type_ = "integer",
        json_path = ".spec.maxReplicas",
        priority = 1
    ),
    printcolumn(
        name = "Cost",
        type_ = "string",
        json_path = ".status.savings.text",
        priority = 1
    ),
    printcolumn(
        name = "Why",
        type_ = "string",
        json_path = ".status.why",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = ("self.maxReplicas >= self.minReplicas", "maxReplicas must be at least minReplicas"),
    validation = (
        "self.minReplicas > 0 || !has(self.externalPush) || self.externalPush",
        "minReplicas 0 needs externalPush, or a workload at zero would be woken late"
    ),
    validation = (
        "!has(self.vertical) || self.vertical.mode == 'off' || has(self.vertical.cpuQuery) || has(self.vertical.memoryQuery)",
        "vertical needs cpuQuery or memoryQuery"
    )
)]
pub struct PredictiveAutoscalerSpec {
    /// The workload: anything with a `scale` subresource.
    pub target_ref: TargetRef,
    /// The load, and what one replica carries of it.
    pub metric: MetricSource,
    /// Fewest replicas. 0 lets the workload sleep while there is no load, and wakes it before the load comes.
    #[serde(default = "one")]
    #[schemars(range(max = 100_000))]
    pub min_replicas: u32,
    /// Most replicas.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_replicas: u32,
    /// Who decides: the plan; the larger of the plan and what the measured load asks for; as much of the plan as its own
    /// grades have earned; the measured load, with the plan only published; the measured load, without forecasts.
    #[serde(default)]
    pub mode: Mode,
    /// Who forecasts: `auto`, a model by its name, or `onnx:NAME`.
    #[serde(default = "auto")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9:_.-]+$"))]
    pub model: String,
    /// How far ahead the forecast looks.
    #[serde(default = "half_an_hour")]
    #[schemars(regex(pattern = DURATION))]
    pub prediction_horizon: String,
    /// From the decision to scale until new pods are Ready: `auto`, or a duration.
    #[serde(default = "auto")]
    #[schemars(regex(pattern = r"^(auto|([0-9]+(ms|s|m|h|d))+)$"))]
    pub lead_time: String,
    /// What being short may come to; `maxOverload: 0.5%` when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<Slo>,
    /// The HPA's behavior. When nothing is said: no stabilisation window and no tolerance in `predictive` mode without
    /// `additionalTriggers`, for the plan has both; Kubernetes' defaults otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
    /// Known events and times to learn nothing from, as in the trigger's `events`: `2026-11-27T08:00/6h sale`,
    /// `holidays:DE`, `exclude:2026-11-20T10:00/2h load test`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 1024)))]
    pub events: Vec<String>,
    /// Bounds by time, as in the trigger's `bounds`: `Mon-Fri 08:00-18:00 min=10 max=50`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub bounds: Vec<String>,
    /// Time zone in which days and weeks begin, a name of the IANA database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub timezone: Option<String>,
    /// Anything else that a trigger's metadata may say (docs/metadata.md), such as `rampDown: "10%/1m"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub trigger_metadata: BTreeMap<String, String>,
    /// KEDA triggers beside ours, such as `cpu` or `cron`: the highest of all wins. Not without KEDA.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "triggers")]
    pub additional_triggers: Vec<serde_json::Value>,
    /// Whether Forescale tells KEDA at once that the workload must wake; `true` unless said otherwise. With it a
    /// ScaledObject also survives that no Forescale can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_push: Option<bool>,
    /// Seconds without load before the last replica goes, where `minReplicas` is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 86_400))]
    pub cooldown_period: Option<u32>,
    /// What holds while no Forescale can be reached. Not without KEDA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// CPU and memory of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vertical: Option<VerticalSpec>,
    /// What becomes of the replicas when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl PredictiveAutoscalerSpec {
    /// Whether the HPA hears of nothing but the plan. In every other mode it may be told the measured load, which has waited
    /// for no window and keeps clear of no dead band, and so is what triggers beside ours say.
    pub(in crate::execute::operator) fn plan_alone_decides(&self) -> bool {
        self.mode == Mode::Predictive && self.additional_triggers.is_empty()
    }
}

/// The workload that is scaled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetRef {
    /// API group and version.
    #[serde(default = "apps_v1")]
    #[schemars(length(min = 1, max = 253))]
    pub api_version: String,
    /// Kind.
    #[serde(default = "deployment")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name, in this object's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

impl TargetRef {
    /// Whether both are the same workload. Versions of an API are.
    pub fn is(&self, other: &Self) -> bool {
        let group = |it: &Self| {
            let group = it.api_version.split_once('/');
            group.map_or_else(String::new, |(group, _)| group.to_owned())
        };
        self.name == other.name && self.kind == other.kind && group(self) == group(other)
    }
}

impl std::fmt::Display for TargetRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}

/// The load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = ("!(has(self.source) && has(self.serverAddress))", "give source or serverAddress, not both"))]
pub struct MetricSource {
    /// A PromQL expression that gives one series.
    #[schemars(length(min = 1, max = 8192))]
    pub query: String,
    /// Load that one replica carries, in the query's unit (the trigger's `threshold`).
    #[schemars(range(min = 0.001, max = 1_000_000_000.0))]
    pub target: f64,
    /// The workload is active while the load is above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<f64>,
    /// A named source of the server's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub source: Option<String>,
    /// A Prometheus on the server's allow-list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub server_address: Option<String>,
    /// Ready replicas as a PromQL expression, from which the lead time is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub replicas_query: Option<String>,
}

/// What being short may come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = (
        "(has(self.maxOverload) ? 1 : 0) + (has(self.shortageCost) ? 1 : 0) + (has(self.quantile) ? 1 : 0) <= 1",
        "give one of maxOverload, shortageCost and quantile"
    ),
    validation = ("has(self.latency) == has(self.latencyQuery)", "latency and latencyQuery belong together")
)]
pub struct Slo {
    /// Share of the time in which the load may be above what the Ready replicas carry, such as `0.5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?%$"))]
    pub max_overload: Option<String>,
    /// What a replica-minute short costs against one spare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 10_000.0))]
    pub shortage_cost: Option<f64>,
    /// Level of the forecast that the plan covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub quantile: Option<f64>,
    /// The latency to keep, such as `250ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION))]
    pub latency: Option<String>,
    /// Latency in seconds as a PromQL expression, such as a `histogram_quantile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub latency_query: Option<String>,
}

/// What holds while no Forescale can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// At least so many replicas, and never fewer than there are; `minReplicas`, or 1, when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100_000))]
    pub replicas: Option<u32>,
}

/// Who decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The plan.
    #[default]
    Predictive,
    /// The larger of the plan and what the measured load asks for.
    ScaleOut,
    /// As much of the plan as its own grades have earned.
    Auto,
    /// The measured load; the plan is only published.
    Shadow,
    /// The measured load; nothing is forecast.
    Reactive,
}

/// What becomes of the replicas when the resource is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeletionPolicy {
    /// They stay as they are; a workload that sleeps at zero gets one replica, for nothing would wake it any more.
    #[default]
    KeepReplicas,
    /// As many as before the ScaledObject was made (KEDA's `restoreToOriginalReplicaCount`).
    RestoreOriginal,
}

fn one() -> u32 {
    1
}

fn auto() -> String {
    "auto".to_owned()
}

fn half_an_hour() -> String {
    "30m".to_owned()
}

fn apps_v1() -> String {
    "apps/v1".to_owned()
}

fn deployment() -> String {
    "Deployment".to_owned()
}

/// KEDA checks its own triggers; what is in them is its affair.
fn triggers(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 16,
        "items": {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"type": "string", "minLength": 1}},
            "x-kubernetes-preserve-unknown-fields": true,
        },
    })
}
