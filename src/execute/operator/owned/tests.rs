use serde_json::{Value, json};

use super::kept::{
    hpa_of, is_paused_one_way, may_sleep, owner, replicas, scaled_object, spec_hash, trim,
};
use super::*;

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

/// An HPA as KEDA makes it, with what a look at it leaves in its status.
fn hpa(load: &str) -> DynamicObject {
    object(json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "keda-hpa-web", "namespace": "shop", "uid": "1", "resourceVersion": load, "generation": 3,
            "managedFields": [{"manager": "keda"}],
            "ownerReferences": [
                {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "web", "uid": "2", "controller": true},
            ],
        },
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9},
        "status": {
            "currentReplicas": 4,
            "currentMetrics": [{"type": "External", "external": {"current": {"averageValue": load}}}],
            "conditions": [{
                "type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale", "message": "ready",
                "lastTransitionTime": "2026-11-28T10:00:00Z",
            }],
        },
    }))
}

#[test]
fn a_new_reading_of_an_hpa_is_no_news_and_new_replicas_are() {
    assert_eq!(trim(hpa("17")), trim(hpa("18")));
    let mut grown = hpa("17");
    grown.data["status"]["currentReplicas"] = json!(5);
    assert_ne!(trim(hpa("17")), trim(grown));
    let mut edited = hpa("17");
    edited.metadata.generation = Some(4);
    assert_ne!(trim(hpa("17")), trim(edited));
}

#[test]
fn an_edit_is_news_also_where_hpas_have_no_generation() {
    let without = |most: u32| {
        let mut hpa = hpa("17");
        hpa.metadata.generation = None;
        hpa.data["spec"]["maxReplicas"] = json!(most);
        trim(hpa)
    };
    assert_eq!(without(9), without(9));
    assert_ne!(without(9), without(5));
    assert_ne!(spec_hash(&without(9)), spec_hash(&without(5)));
    assert!(spec_hash(&without(9)).is_some());
}

#[test]
fn a_pause_of_one_direction_is_no_full_stop() {
    let paused = |annotations: Value| {
        is_paused_one_way(&trim(object(
            json!({"metadata": {"name": "web", "annotations": annotations}}),
        )))
    };
    assert!(paused(
        json!({"autoscaling.keda.sh/paused-scale-in": "true"})
    ));
    assert!(paused(
        json!({"autoscaling.keda.sh/paused-scale-out": "true", "autoscaling.keda.sh/paused": "false"})
    ));
    assert!(!paused(json!({"autoscaling.keda.sh/paused": "true"})));
    assert!(!paused(
        json!({"autoscaling.keda.sh/paused-replicas": "2", "autoscaling.keda.sh/paused-scale-in": "true"})
    ));
    assert!(!paused(json!({"note": "x"})));
}

#[test]
fn what_is_kept_says_whose_it_is_and_how_many_replicas_there_are() {
    let kept = trim(hpa("17"));
    assert_eq!(owner(&kept), None);
    assert_eq!(scaled_object(&kept), Some("web"));
    assert_eq!(replicas(&kept), Some(4));
    let made = object(json!({
        "metadata": {"name": "web", "ownerReferences": [
            {"apiVersion": "forescale.dev/v1alpha1", "kind": "PredictiveAutoscaler", "name": "web", "uid": "3"},
        ]},
    }));
    assert_eq!(owner(&made), Some("web"));
    assert_eq!(scaled_object(&made), None);
}

#[test]
fn an_hpa_that_does_not_see_its_workload_says_nothing_of_its_replicas() {
    let mut lost = hpa("17");
    lost.data["status"]["conditions"][0]["status"] = json!("False");
    assert_eq!(replicas(&lost), None);
    let mut young = hpa("17");
    young.data["status"] = json!({});
    assert_eq!(replicas(&trim(young)), None);
    let mut asleep = hpa("17");
    asleep.data["status"]
        .as_object_mut()
        .unwrap()
        .remove("currentReplicas");
    assert_eq!(replicas(&trim(asleep)), Some(0), "zero is left out");
}

#[test]
fn a_scaled_object_names_its_hpa_or_keda_does() {
    let usual = object(json!({"metadata": {"name": "web"}}));
    assert_eq!(hpa_of(&usual), "keda-hpa-web");
    let said = object(json!({"metadata": {"name": "web"}, "status": {"hpaName": "mine"}}));
    assert_eq!(hpa_of(&trim(said)), "mine");
}

#[test]
fn only_a_scaled_object_whose_least_is_zero_lets_its_workload_sleep() {
    let of = |kind, spec: Value| {
        let object = object(json!({"metadata": {"name": "web"}, "spec": spec}));
        may_sleep(kind, &trim(object))
    };
    assert!(of(Kind::ScaledObject, json!({"minReplicaCount": 0})));
    assert!(of(Kind::ScaledObject, json!({})), "KEDA's default");
    assert!(of(
        Kind::ScaledObject,
        json!({"minReplicaCount": 2, "idleReplicaCount": 0})
    ));
    assert!(!of(Kind::ScaledObject, json!({"minReplicaCount": 2})));
    assert!(!of(Kind::Hpa, json!({})));
}
