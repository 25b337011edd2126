use serde_json::json;

use super::*;
use crate::execute::operator::trigger::trigger;

fn owner(more: &Value) -> PredictiveAutoscaler {
    let mut spec = json!({
        "targetRef": {"name": "web"},
        "metric": {"query": "load", "target": 100},
        "maxReplicas": 20,
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "forescale.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": "shop", "namespace": "store", "uid": "1234"},
        "spec": spec,
    }))
    .unwrap()
}

fn made(kind: Kind, more: &Value, exact: bool) -> Value {
    let (owner, config) = (owner(more), Config::default());
    let trigger = trigger(&owner.spec, &config, exact).unwrap();
    object(kind, &owner, &trigger, &config, exact)
}

#[test]
fn a_scaled_object_carries_the_trigger_and_survives_without_us() {
    let made = made(Kind::ScaledObject, &json!({"minReplicas": 3}), true);
    assert_eq!(made["metadata"]["name"], "shop");
    let owner = &made["metadata"]["ownerReferences"][0];
    assert_eq!(
        (&owner["uid"], &owner["controller"]),
        (&json!("1234"), &json!(true))
    );
    let spec = &made["spec"];
    assert_eq!(spec["scaleTargetRef"]["name"], "web");
    assert_eq!(
        (&spec["minReplicaCount"], &spec["maxReplicaCount"]),
        (&json!(3), &json!(20))
    );
    assert_eq!(
        spec["fallback"],
        json!({"failureThreshold": 0, "replicas": 3, "behavior": "currentReplicasIfHigher"})
    );
    let trigger = &spec["triggers"][0];
    assert_eq!(trigger["type"], "external-push");
    assert_eq!(trigger["metadata"]["query"], "load");
    let down = &spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"];
    assert_eq!(
        (&down["tolerance"], &down["stabilizationWindowSeconds"]),
        (&json!("0"), &json!(0))
    );
}

#[test]
fn where_not_the_plan_alone_decides_the_hpa_keeps_its_defaults() {
    let beside = json!({"additionalTriggers": [{"type": "cpu", "metadata": {"value": "80"}}]});
    let modes = ["shadow", "reactive", "scale-out", "auto"].map(|mode| json!({"mode": mode}));
    for more in modes.into_iter().chain([beside]) {
        let made = made(Kind::ScaledObject, &more, true);
        let behavior = &made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
        let down = &behavior["scaleDown"];
        assert_eq!(down["stabilizationWindowSeconds"], 300, "{more}");
        assert_eq!(behavior["scaleUp"]["stabilizationWindowSeconds"], 0);
        for rules in [down, &behavior["scaleUp"]] {
            assert_eq!(rules.get("tolerance"), None, "{more}");
        }
        let metadata = &made["spec"]["triggers"][0]["metadata"];
        assert_eq!(metadata.get("hpaTolerance"), None, "{more}");
    }
    let hpa = made(Kind::Hpa, &json!({"mode": "shadow"}), true);
    let down = &hpa["spec"]["behavior"]["scaleDown"];
    assert_eq!(down["stabilizationWindowSeconds"], 300);
}

#[test]
fn what_the_user_says_of_behavior_and_triggers_is_taken_over() {
    let more = json!({
        "behavior": {"scaleUp": {"stabilizationWindowSeconds": 30}},
        "additionalTriggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}}],
        "fallback": {"replicas": 7},
        "externalPush": false,
        "deletionPolicy": "restore-original",
    });
    let made = made(Kind::ScaledObject, &more, true);
    let advanced = &made["spec"]["advanced"];
    assert_eq!(
        advanced["horizontalPodAutoscalerConfig"]["behavior"],
        json!({"scaleUp": {"stabilizationWindowSeconds": 30}})
    );
    assert_eq!(advanced["restoreToOriginalReplicaCount"], true);
    let triggers = made["spec"]["triggers"].as_array().unwrap();
    assert_eq!(triggers[0]["type"], "external");
    assert_eq!(triggers[1]["metadata"]["value"], "80");
    assert_eq!(made["spec"]["fallback"]["replicas"], 7);
    assert_eq!(
        made["spec"]["fallback"]["failureThreshold"], 3,
        "only a stream is kept through a failure"
    );
}

#[test]
fn a_cluster_that_knows_no_tolerance_is_not_sent_one() {
    let made = made(Kind::ScaledObject, &json!({}), false);
    let behavior = &made["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"];
    assert_eq!(behavior["scaleUp"].get("tolerance"), None);
}

#[test]
fn an_hpa_asks_for_one_replica_for_each_that_is_asked_for() {
    let made = made(Kind::Hpa, &json!({"minReplicas": 2}), true);
    assert_eq!(made["apiVersion"], "autoscaling/v2");
    let external = &made["spec"]["metrics"][0]["external"];
    assert_eq!(
        external["target"],
        json!({"type": "AverageValue", "averageValue": "1"})
    );
    assert_eq!(
        external["metric"]["selector"]["matchLabels"]["name"],
        "shop"
    );
    assert_eq!(made["spec"]["minReplicas"], 2);
}

#[test]
fn certificates_are_named_by_the_server() {
    let owner = owner(&json!({}));
    let config = Config {
        authentication: serde_json::from_value(json!({"name": "forescale-client"})).unwrap(),
        ..Config::default()
    };
    let trigger = trigger(&owner.spec, &config, true).unwrap();
    let made = object(Kind::ScaledObject, &owner, &trigger, &config, true);
    assert_eq!(
        made["spec"]["triggers"][0]["authenticationRef"],
        json!({"name": "forescale-client", "kind": "ClusterTriggerAuthentication"})
    );
}
