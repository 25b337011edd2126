//! The custom resource `PredictiveAutoscaler`, as Rust types. Its schema, validation rules and columns are generated from
//! them ([`crd_yaml`]); `keda/crd/predictiveautoscalers.yaml` is that text, and a test keeps it so.

mod spec;
mod status;
mod vertical;

pub use spec::{
    DeletionPolicy, Fallback, MetricSource, Mode, PredictiveAutoscaler, PredictiveAutoscalerSpec,
    Slo, TargetRef,
};
pub use status::{
    ForecastPoint, ModelWeight, OwnedObject, PlanStatus, PredictiveAutoscalerStatus, Savings,
    VerticalStatus, Yielded,
};
pub use vertical::{Resources, VerticalMode, VerticalSpec};

use kube::CustomResourceExt as _;

/// API group of the resource.
pub const GROUP: &str = "forescale.dev";

/// The CustomResourceDefinition as YAML.
pub fn crd_yaml() -> String {
    let crd = PredictiveAutoscaler::crd();
    // A value without floats or map keys that YAML could not hold.
    let text = serde_yaml::to_string(&crd).unwrap_or_default();
    format!(
        "# Written by `forescale crd` from the Rust types in src/execute/operator/resource; don't edit.\n{text}"
    )
}

#[cfg(test)]
mod tests;
