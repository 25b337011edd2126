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
use serde_json::Value;

/// API group of the resource.
pub const GROUP: &str = "forescale.dev";

/// The CustomResourceDefinition as YAML.
pub fn crd_yaml() -> String {
    // A value without floats or map keys that JSON and YAML could not hold.
    let mut crd = serde_json::to_value(PredictiveAutoscaler::crd()).unwrap_or_default();
    drop_foreign_formats(&mut crd);
    let text = serde_yaml::to_string(&crd).unwrap_or_default();
    format!(
        "# Written by `forescale crd` from the Rust types in src/execute/operator/resource; don't edit.\n{text}"
    )
}

/// OpenAPI v3 knows no `uint32`, and the API server warns of it; that it is not negative is said by `minimum`.
fn drop_foreign_formats(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("format").is_some_and(|format| format == "uint32") {
                map.remove("format");
            }
            map.values_mut().for_each(drop_foreign_formats);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_foreign_formats),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
