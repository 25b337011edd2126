//! Objects as the API server gives them (Kubernetes 1.35, KEDA 2.20), shortened.

use std::time::Duration;

use serde_json::json;

use super::*;

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

fn secs(secs: u64) -> HumanDuration {
    HumanDuration::from_secs(secs)
}

#[test]
fn a_scaled_object_says_its_bounds_its_target_and_the_behavior_of_its_hpa() {
    let given = object(json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": "checkout", "namespace": "shop", "annotations": {"note": "x"}},
        "spec": {
            "minReplicaCount": 3, "maxReplicaCount": 60,
            "scaleTargetRef": {"name": "checkout"},
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {
                "scaleUp": {"tolerance": "0", "stabilizationWindowSeconds": 30,
                    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]},
                "scaleDown": {"tolerance": "50m", "selectPolicy": "Disabled"}
            }}},
            "triggers": [{"type": "external", "metadata": {"scalerAddress": "forescale:6000"}}]
        },
        "status": {"hpaName": "keda-hpa-checkout",
            "scaleTargetGVKR": {"group": "apps", "version": "v1", "kind": "Deployment", "resource": "deployments"},
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Paused", "status": "Unknown"}]}
    }));
    let (name, Object::ScaledObject(read)) = read(SCALED_OBJECTS, &given).unwrap() else {
        panic!()
    };
    assert_eq!((name.as_str(), read.min, read.max), ("checkout", 3, 60));
    let target = read.target.unwrap();
    assert_eq!(
        (target.group(), target.kind.as_str()),
        ("apps", "Deployment")
    );
    assert_eq!(read.behavior.up.tolerance, Some(0.0));
    assert_eq!(read.behavior.up.stabilization, secs(30));
    let four = Ramp {
        by: RampStep::Replicas(4),
        per: secs(60),
    };
    assert_eq!(read.behavior.up.policies, [four]);
    assert_eq!(read.behavior.down.tolerance, Some(0.05));
    assert_eq!(read.behavior.down.select, SelectPolicy::Disabled);
    // What is left out is as the HPA has it.
    assert_eq!(read.behavior.down.stabilization, secs(300));
    assert_eq!(
        read.behavior.down.policies,
        ScalingRules::usual_down().policies
    );
    assert!(!read.paused && read.hpa.as_deref() == Some("keda-hpa-checkout"));
}

#[test]
fn keda_s_defaults_and_its_ways_to_pause_are_known() {
    let with = |annotations: Value| {
        let given = json!({"metadata": {"name": "a", "annotations": annotations}, "spec": {}});
        match read(SCALED_OBJECTS, &object(given)) {
            Some((_, Object::ScaledObject(read))) => read,
            other => panic!("{other:?}"),
        }
    };
    let plain = with(json!({}));
    assert_eq!((plain.min, plain.max, plain.target), (0, 100, None));
    assert!(!plain.paused);
    assert!(with(json!({"autoscaling.keda.sh/paused": "true"})).paused);
    assert!(with(json!({"autoscaling.keda.sh/paused-replicas": "2"})).paused);
    assert!(!with(json!({"autoscaling.keda.sh/paused": "false"})).paused);
}

#[test]
fn an_hpa_says_whose_it_is_what_it_saw_and_how_it_behaves() {
    let given = object(json!({
        "metadata": {"name": "keda-hpa-web", "labels": {"scaledobject.keda.sh/name": "web"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"},
            "minReplicas": 2, "maxReplicas": 9,
            "behavior": {"scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Min",
                "policies": [{"type": "Percent", "value": 50, "periodSeconds": 30}]}}
        },
        "status": {"currentReplicas": 4, "desiredReplicas": 6}
    }));
    let Some((_, Object::Hpa(read))) = read(HPAS, &given) else {
        panic!()
    };
    assert_eq!(read.scaled_object.as_deref(), Some("web"));
    assert_eq!((read.min, read.max, read.current), (2, Some(9), Some(4)));
    assert_eq!(read.behavior.up.select, SelectPolicy::Min);
    assert_eq!(read.behavior.up.tolerance, None);
    assert_eq!(read.behavior.down, ScalingRules::usual_down());
    let api = read.target.unwrap().api_resource();
    assert_eq!(
        (api.group.as_str(), api.plural.as_str()),
        ("argoproj.io", "rollouts")
    );
}

#[test]
fn a_rollout_is_told_from_a_scale_up() {
    let deployment = |spec: Value, status: Value| {
        let given = json!({"metadata": {"name": "web"}, "spec": spec, "status": status});
        match read(DEPLOYMENTS, &object(given)) {
            Some((_, Object::Target(target))) => target,
            other => panic!("{other:?}"),
        }
    };
    let selector = json!({"selector": {"matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}});
    let up = deployment(
        selector.clone(),
        json!({"replicas": 10, "updatedReplicas": 10, "readyReplicas": 4}),
    );
    assert_eq!((up.replicas, up.ready, up.rollout), (10, Some(4), false));
    let text = up.selector.unwrap();
    assert!(
        text.contains("app=web") && text.contains("tier in (a,b)"),
        "{text}"
    );
    let new = json!({"replicas": 12, "updatedReplicas": 3, "readyReplicas": 9});
    assert!(deployment(selector.clone(), new.clone()).rollout);
    assert!(!deployment(json!({"paused": true}), new.clone()).rollout);
    let mut stuck = new;
    stuck["conditions"] =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    assert!(!deployment(selector, stuck).rollout);
    assert_eq!(
        deployment(json!({}), json!({})).selector,
        None,
        "never every pod"
    );
}

#[test]
fn a_stateful_set_may_keep_older_pods_on_purpose() {
    let set = |partition: u32, updated: u32| {
        let given = json!({"metadata": {"name": "db"},
            "spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}},
            "status": {"replicas": 5, "updatedReplicas": updated,
                "currentRevision": "db-1", "updateRevision": "db-2"}});
        match read(STATEFUL_SETS, &object(given)) {
            Some((_, Object::Target(target))) => target.rollout,
            other => panic!("{other:?}"),
        }
    };
    assert!(set(0, 1));
    assert!(!set(4, 1), "one of five is all that it may");
}

#[test]
fn a_pod_says_when_it_was_created_and_since_when_it_is_ready() {
    let pod = |status: &str| {
        let given = json!({"metadata": {"name": "web-1", "creationTimestamp": "2026-11-28T12:00:00Z"},
            "status": {"conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-28T12:00:01Z"},
                {"type": "Ready", "status": status, "lastTransitionTime": "2026-11-28T12:00:41Z"}]}});
        match read(PODS, &object(given)) {
            Some((_, Object::Pod(pod))) => pod,
            other => panic!("{other:?}"),
        }
    };
    let ready = pod("True");
    assert_eq!(ready.ready, Some(ready.created + Duration::from_secs(41)));
    assert_eq!(pod("False").ready, None);
}

#[test]
fn odd_values_count_as_not_said() {
    for (written, read) in [
        (json!("0.1"), Some(0.1)),
        (json!("100m"), Some(0.1)),
        (json!(0), Some(0.0)),
        (json!("-1"), None),
        (json!("much"), None),
        (json!(["0"]), None),
        (json!(null), None),
    ] {
        assert_eq!(share(&written), read, "{written}");
    }
    let odd = object(json!({"metadata": {"name": "odd"},
        "spec": {"minReplicaCount": "many", "maxReplicaCount": -4, "advanced": 7}, "status": []}));
    let Some((_, Object::ScaledObject(read))) = read(SCALED_OBJECTS, &odd) else {
        panic!()
    };
    assert_eq!((read.min, read.max), (0, 100));
    assert_eq!(read.behavior.up, ScalingRules::usual_up());
}
