//! CPU and memory of the pods: what a user allows.

#![expect(
    unreachable_pub,
    reason = "KubeSchema repeats each struct inside a function"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Advice on CPU and memory of the pods, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerticalSpec {
    /// What becomes of the advice.
    #[serde(default)]
    pub mode: VerticalMode,
    /// CPU use in cores of all pods together, as a PromQL expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub cpu_query: Option<String>,
    /// Memory use in bytes of all pods together, as a PromQL expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub memory_query: Option<String>,
    /// The container that it is about; not needed where a pod has only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// Requests are never set below this.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub min_allowed: Resources,
    /// Limits are never set above this.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub max_allowed: Resources,
    /// A change smaller than this percentage is not made.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub min_change_percent: u32,
    /// One change moves a value by no more than this percentage of what it is.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_change_percent: u32,
    /// Seconds between two changes; 600 for `resize` and 86400 for `template` when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 2_592_000))]
    pub cooldown_seconds: Option<u32>,
    /// Whether memory may be made less; a container that needs it again is killed.
    #[serde(default)]
    pub allow_memory_decrease: bool,
}

/// What becomes of advice on CPU and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VerticalMode {
    /// Nothing is read.
    Off,
    /// It stands in the status.
    #[default]
    Advice,
    /// Running pods are resized in place (Kubernetes 1.35, or 1.33 with its feature gate), a tenth of them at a time.
    Resize,
    /// The workload's pod template is changed, which rolls the pods.
    Template,
}

/// Amounts of CPU and memory as Kubernetes writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Such as `250m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?m?$"))]
    pub cpu: Option<String>,
    /// Such as `256Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$"))]
    pub memory: Option<String>,
}

impl Resources {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn ten() -> u32 {
    10
}

fn hundred() -> u32 {
    100
}
