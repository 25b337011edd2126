use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::execute::operator::Config;
use crate::execute::operator::tests::context;
use crate::execute::operator::tests::scripted::{Scripted, refusal};

const SCALE: &str = "/apis/apps/v1/namespaces/shop/deployments/old/scale";
const STATUS: &str =
    "/apis/forescale.dev/v1alpha1/namespaces/shop/predictiveautoscalers/batch/status";
const EVENTS: &str = "POST /apis/events.k8s.io/v1/namespaces/shop/events";

fn workload(name: &str) -> TargetRef {
    serde_json::from_value(json!({"name": name})).unwrap()
}

/// A PredictiveAutoscaler of `new`.
fn owner() -> PredictiveAutoscaler {
    serde_json::from_value(json!({
        "apiVersion": "forescale.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": "batch", "namespace": "shop", "uid": "1"},
        "spec": {
            "targetRef": {"name": "new"},
            "metric": {"query": "load", "target": 100},
            "minReplicas": 0,
            "maxReplicas": 20,
        },
    }))
    .unwrap()
}

/// Deployments, each with so many replicas.
fn cluster(request: &str, replicas: u32) -> (u16, Value) {
    match request {
        "GET /apis/apps/v1" => {
            let group = json!({"groupVersion": "apps/v1", "resources": [{
                "name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": ["get"],
            }]});
            (200, group)
        }
        _ if request.ends_with("/scale") => {
            let scale = json!({
                "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "old", "namespace": "shop"},
                "spec": {"replicas": replicas}, "status": {"replicas": replicas},
            });
            (200, scale)
        }
        _ if request.ends_with("/status") => (200, json!(owner())),
        _ => (201, json!({})),
    }
}

fn on(
    scripted: &Scripted,
    replicas: u32,
    other: impl Fn(&str) -> Option<(u16, Value)> + Clone + Send + 'static,
) -> Context {
    let client = scripted
        .client(move |request| other(request).unwrap_or_else(|| cluster(request, replicas)));
    context(client, Config::default(), Duration::from_secs(15)).0
}

/// Leaves `old` for `scaled`, on a cluster with some answers of its own; what is still to be left then, and what was asked.
async fn left(
    scaled: &str,
    replicas: u32,
    other: impl Fn(&str) -> Option<(u16, Value)> + Clone + Send + 'static,
) -> (Vec<TargetRef>, Scripted) {
    let scripted = Scripted::default();
    let context = on(&scripted, replicas, other);
    let offers = Offers {
        kind: Kind::ScaledObject,
        keda: true,
        exact: true,
    };
    let mut leaving = vec![workload("old")];
    leave(&owner(), &workload(scaled), offers, &context, &mut leaving).await;
    (leaving, scripted)
}

fn woke(scripted: &Scripted) -> bool {
    scripted.was_asked(&format!("PATCH {SCALE}"))
}

#[tokio::test]
async fn a_workload_that_was_left_asleep_is_woken_once() {
    let (leaving, scripted) = left("new", 0, |_| None).await;
    assert_eq!(leaving, []);
    assert!(woke(&scripted) && scripted.was_asked(EVENTS));
    let (leaving, scripted) = left("new", 2, |_| None).await;
    assert_eq!(leaving, []);
    assert!(!woke(&scripted) && !scripted.was_asked(EVENTS), "it runs");
    let (leaving, scripted) = left("old", 0, |_| None).await;
    assert_eq!(leaving, []);
    assert!(!woke(&scripted), "it is scaled again");
}

#[tokio::test]
async fn what_can_not_be_woken_is_told_and_let_go_and_what_may_pass_is_kept() {
    for (code, reason, kept, told) in [
        (403, "Forbidden", false, true),
        (400, "BadRequest", false, true),
        (404, "NotFound", false, false),
        (429, "TooManyRequests", true, true),
        (500, "InternalError", true, true),
    ] {
        let answer = move |it: &str| it.ends_with(SCALE).then(|| refusal(code, reason));
        let (leaving, scripted) = left("new", 0, answer).await;
        assert_eq!(!leaving.is_empty(), kept, "{code}");
        assert_eq!(scripted.was_asked(EVENTS), told, "{code}");
    }
}

/// What is noted when `there` is given the workload `new`, and whether the status was written.
async fn noted(kind: Kind, there: Value, status: &mut PredictiveAutoscalerStatus) -> bool {
    let scripted = Scripted::default();
    let context = on(&scripted, 0, |_| None);
    let there: DynamicObject = serde_json::from_value(there).unwrap();
    note(&owner(), kind, Some(&there), &context, status)
        .await
        .unwrap();
    scripted.was_asked(&format!("PATCH {STATUS}"))
}

fn scaled_object(target: &str, least: u32) -> Value {
    json!({
        "metadata": {"name": "batch", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"name": target}, "minReplicaCount": least},
    })
}

#[tokio::test]
async fn a_workload_that_may_sleep_is_in_the_status_before_it_is_left() {
    let mut status = PredictiveAutoscalerStatus::default();
    let kind = Kind::ScaledObject;
    assert!(!noted(kind, scaled_object("new", 0), &mut status).await);
    assert!(!noted(kind, scaled_object("old", 1), &mut status).await);
    assert!(!noted(Kind::Hpa, scaled_object("old", 0), &mut status).await);
    assert_eq!(status.leaving, []);
    assert!(noted(kind, scaled_object("old", 0), &mut status).await);
    assert_eq!(status.leaving, [workload("old")]);
    assert!(
        !noted(kind, scaled_object("old", 0), &mut status).await,
        "the apply failed and is tried again"
    );
}

#[tokio::test]
async fn of_many_that_are_left_the_newest_are_remembered() {
    let mut status = PredictiveAutoscalerStatus::default();
    for index in 0..=MOST {
        let there = scaled_object(&format!("old-{index}"), 0);
        assert!(noted(Kind::ScaledObject, there, &mut status).await);
    }
    assert_eq!(status.leaving.len(), MOST);
    assert_eq!(status.leaving[0], workload("old-1"));
}
