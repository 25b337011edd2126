use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::execute::operator::Config;
use crate::execute::operator::tests::context;
use crate::execute::operator::tests::scripted::{Scripted, refusal};

const SCALE: &str = "/apis/apps/v1/namespaces/shop/deployments/batch/scale";
const OBJECT: &str = "/apis/forescale.dev/v1alpha1/namespaces/shop/predictiveautoscalers/batch";

/// A PredictiveAutoscaler of a workload that may sleep, being deleted.
fn deleted() -> PredictiveAutoscaler {
    serde_json::from_value(json!({
        "apiVersion": "forescale.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {
            "name": "batch", "namespace": "shop", "uid": "1", "resourceVersion": "7",
            "deletionTimestamp": "2026-11-28T10:00:00Z", "finalizers": [FINALIZER],
        },
        "spec": {
            "targetRef": {"name": "batch"},
            "metric": {"query": "load", "target": 100},
            "minReplicas": 0,
            "maxReplicas": 20,
        },
    }))
    .unwrap()
}

/// A cluster without KEDA that serves Deployments, where `batch` sleeps.
fn asleep(request: &str) -> (u16, Value) {
    let group = json!({"groupVersion": "apps/v1", "resources": [{
        "name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment", "verbs": ["get"],
    }]});
    let scale = json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "batch", "namespace": "shop"},
        "spec": {"replicas": 0}, "status": {"replicas": 0},
    });
    match request {
        "GET /apis" => (200, json!({"kind": "APIGroupList", "groups": []})),
        "GET /version" => {
            let version = json!({
                "major": "1", "minor": "37", "gitVersion": "v1.37.2", "gitCommit": "", "gitTreeState": "",
                "buildDate": "", "goVersion": "", "compiler": "", "platform": "",
            });
            (200, version)
        }
        "GET /apis/apps/v1" => (200, group),
        _ if request.ends_with(SCALE) => (200, scale),
        _ if request.ends_with(OBJECT) => (200, json!(deleted())),
        _ => (201, json!({})),
    }
}

/// Finishes on that cluster, but for some answers, and says what was asked.
async fn finished(
    other: impl Fn(&str) -> Option<(u16, Value)> + Clone + Send + 'static,
) -> (Result<(), Error>, Scripted) {
    let scripted = Scripted::default();
    let client = scripted.client(move |request| other(request).unwrap_or_else(|| asleep(request)));
    let (context, _scopes) = context(client, Config::default(), Duration::from_secs(15));
    let done = finish(&deleted(), &context).await;
    (done, scripted)
}

fn let_go(scripted: &Scripted) -> bool {
    scripted.was_asked(&format!("PATCH {OBJECT}"))
}

#[tokio::test]
async fn a_workload_that_sleeps_is_woken() {
    let (done, scripted) = finished(|_| None).await;
    done.unwrap();
    assert!(scripted.was_asked(&format!("PATCH {SCALE}")));
    assert!(let_go(&scripted));
}

#[tokio::test]
async fn a_missing_right_keeps_nobody_from_deleting() {
    for verb in ["GET", "PATCH"] {
        let request = format!("{verb} {SCALE}");
        let (done, scripted) =
            finished(move |it| (*it == request).then(|| refusal(403, "Forbidden"))).await;
        done.unwrap();
        assert!(let_go(&scripted), "{verb}");
        let events = "POST /apis/events.k8s.io/v1/namespaces/shop/events";
        assert!(scripted.was_asked(events), "{verb}: it is told");
    }
}

#[tokio::test]
async fn what_an_admission_webhook_is_against_is_told_and_let_go() {
    let request = format!("PATCH {SCALE}");
    let (done, scripted) =
        finished(move |it| (*it == request).then(|| refusal(400, "BadRequest"))).await;
    done.unwrap();
    assert!(let_go(&scripted));
    assert!(scripted.was_asked("POST /apis/events.k8s.io/v1/namespaces/shop/events"));
}

#[tokio::test]
async fn what_was_scaled_to_the_end_is_woken_where_the_edited_target_was_never_scaled() {
    const SCALED_OBJECT: &str = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/batch";
    let old = SCALE.replace("batch", "old");
    let scaled_object = || {
        json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": "batch", "namespace": "shop", "uid": "2", "ownerReferences": [{
                "apiVersion": "forescale.dev/v1alpha1", "kind": "PredictiveAutoscaler", "name": "batch", "uid": "1",
            }]},
            "spec": {"scaleTargetRef": {"name": "old"}, "minReplicaCount": 0},
        })
    };
    let version = json!({"groupVersion": "keda.sh/v1alpha1", "version": "v1alpha1"});
    let group = json!({"name": "keda.sh", "versions": [version], "preferredVersion": version});
    let groups = json!({"kind": "APIGroupList", "groups": [group]});
    let scale = old.clone();
    let (done, scripted) = finished(move |it| match it {
        "GET /apis" => Some((200, groups.clone())),
        _ if it.ends_with(SCALED_OBJECT) => Some((200, scaled_object())),
        _ if it.ends_with(&scale) => Some(asleep(&format!("GET {SCALE}"))),
        _ => None,
    })
    .await;
    done.unwrap();
    assert!(scripted.was_asked(&format!("DELETE {SCALED_OBJECT}")));
    assert!(scripted.was_asked(&format!("PATCH {old}")));
    assert!(!scripted.was_asked(&format!("PATCH {SCALE}")));
    assert!(let_go(&scripted));
}

#[tokio::test]
async fn what_is_not_there_needs_no_waking() {
    let nothing = || refusal(404, "NotFound");
    let (done, scripted) = finished(move |it| it.ends_with(SCALE).then(nothing)).await;
    done.unwrap();
    assert!(let_go(&scripted), "no such workload");
    let (done, scripted) = finished(move |it| (it == "GET /apis/apps/v1").then(nothing)).await;
    done.unwrap();
    assert!(let_go(&scripted), "its API group is gone");
    let other = || (200, json!({"groupVersion": "apps/v1", "resources": []}));
    let (done, scripted) = finished(move |it| (it == "GET /apis/apps/v1").then(other)).await;
    done.unwrap();
    assert!(let_go(&scripted), "a kind that does not exist");
}

#[tokio::test]
async fn an_api_server_that_fails_is_asked_again() {
    let fault = || refusal(500, "InternalError");
    let (done, scripted) = finished(move |it| it.ends_with(SCALE).then(fault)).await;
    assert!(done.is_err());
    assert!(!let_go(&scripted));
}
