use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::*;

fn schema() -> Value {
    let crd = serde_json::to_value(PredictiveAutoscaler::crd()).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

/// `UPDATE_CRD=1 cargo test crd_file` writes the file anew.
#[test]
fn the_crd_file_is_what_the_types_say() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/keda/crd/predictiveautoscalers.yaml"
    );
    let text = crd_yaml();
    if std::env::var_os("UPDATE_CRD").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == text,
        "{path} is not what the types in src/execute/operator/resource say: run `cargo run -- crd > keda/crd/predictiveautoscalers.yaml`"
    );
}

#[test]
fn the_smallest_object_has_defaults_for_everything_else() {
    let spec: PredictiveAutoscalerSpec = serde_json::from_value(json!({
        "targetRef": {"name": "web"},
        "metric": {"query": "sum(rate(http_requests_total[2m]))", "target": 100},
        "maxReplicas": 20,
    }))
    .unwrap();
    assert_eq!(spec.target_ref.kind, "Deployment");
    assert_eq!(spec.target_ref.api_version, "apps/v1");
    assert_eq!((spec.min_replicas, spec.mode), (1, Mode::Predictive));
    assert_eq!(spec.deletion_policy, DeletionPolicy::KeepReplicas);
    let spec = schema()["properties"]["spec"].clone();
    assert_eq!(
        spec["required"],
        json!(["maxReplicas", "metric", "targetRef"])
    );
    assert_eq!(spec["properties"]["mode"]["default"], "predictive");
    assert_eq!(spec["properties"]["predictionHorizon"]["default"], "30m");
}

#[test]
fn rules_that_span_fields_are_in_the_schema() {
    let schema = schema();
    let rules = |pointer: &str| -> Vec<String> {
        let rules = schema.pointer(pointer).unwrap()["x-kubernetes-validations"].clone();
        let rules = rules.as_array().unwrap().clone();
        rules
            .iter()
            .map(|it| it["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = rules("/properties/spec");
    assert!(all.iter().any(|it| it.contains("maxReplicas")), "{all:?}");
    assert_eq!(rules("/properties/spec/properties/slo").len(), 2);
    assert_eq!(rules("/properties/spec/properties/metric").len(), 1);
}

#[test]
fn a_misspelt_field_is_refused_when_it_is_read() {
    let spec = serde_json::from_value::<PredictiveAutoscalerSpec>(json!({
        "targetRef": {"name": "web"},
        "metric": {"query": "up", "target": 1},
        "maxReplica": 20,
    }));
    assert!(spec.unwrap_err().to_string().contains("maxReplica"));
}
