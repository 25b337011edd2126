#![expect(clippy::needless_pass_by_value, reason = "`json!` makes a value")]

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::*;
use crate::domain::{Clock as _, ResourceAdvice, SystemClock};
use crate::execute::kubernetes;
use crate::execute::operator::tests::kubeconfig;
use crate::execute::operator::{self, Config};
use crate::knowledge::samples;

#[test]
fn waits_double_up_to_six_hours() {
    let minutes = |failures| wait_after(failures).as_secs() / 60;
    assert_eq!([1, 2, 3, 6, 100].map(minutes), [10, 20, 40, 320, 360]);
}

#[test]
fn a_failure_waits_and_a_success_forgets_it() {
    let spec: VerticalSpec =
        serde_json::from_value(serde_json::json!({"mode": "resize", "cpuQuery": "cpu"})).unwrap();
    let at = |minutes: i64| jiff::Timestamp::from_second(minutes * 60).unwrap();
    let mut told = VerticalStatus::default();
    note(
        &mut told,
        Outcome::Failed("no room".to_owned()),
        &spec,
        at(0),
    );
    note(
        &mut told,
        Outcome::Failed("no room".to_owned()),
        &spec,
        at(10),
    );
    assert_eq!(
        (told.failures, told.not_before.clone()),
        (2, Some(Time(at(30))))
    );
    note(
        &mut told,
        Outcome::Changed("done".to_owned()),
        &spec,
        at(30),
    );
    assert_eq!(
        (told.failures, told.not_before.clone()),
        (0, Some(Time(at(40))))
    );
    assert_eq!(told.changed_at, Some(Time(at(30))));
    note(
        &mut told,
        Outcome::Settled("as it should be".to_owned()),
        &spec,
        at(40),
    );
    assert_eq!(told.not_before, None);
    assert_eq!(
        told.changed_at,
        Some(Time(at(30))),
        "the last change stays told"
    );
}

#[test]
fn between_two_steps_of_a_change_there_is_a_wait() {
    let spec: VerticalSpec =
        serde_json::from_value(serde_json::json!({"mode": "resize", "cpuQuery": "cpu"})).unwrap();
    let at = |seconds: i64| jiff::Timestamp::from_second(seconds).unwrap();
    let mut told = VerticalStatus::default();
    let going = Outcome::Going("two of them".to_owned());
    note(&mut told, going, &spec, at(0));
    assert_eq!(told.not_before, Some(Time(at(15))));
    let waiting = Outcome::Waiting("not Ready".to_owned());
    note(&mut told, waiting, &spec, at(15));
    assert_eq!(told.not_before, Some(Time(at(30))));
    assert_eq!(
        told.changed_at,
        Some(Time(at(0))),
        "who waits changes nothing"
    );
}

const MI: f64 = 1024.0 * 1024.0;

async fn context() -> Option<Context> {
    let client = kubernetes::client(Some(&kubeconfig()?)).await.unwrap();
    let again = Duration::from_secs(15);
    Some(operator::tests::context(client, Config::default(), again).0)
}

/// A namespace of its own with a Deployment of twelve pods that run.
async fn deployment(context: &Context, namespace: &str) -> Api<Pod> {
    operator::tests::namespace(&context.client, namespace).await;
    let deployments: Api<Deployment> = Api::namespaced(context.client.clone(), namespace);
    let resources =
        json!({"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}});
    let params = PatchParams::apply("deployer");
    deployments
        .patch("web", &params, &Patch::Apply(manifest(&resources)))
        .await
        .unwrap();
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), namespace);
    loop {
        let all = pods.list(&ListParams::default()).await.unwrap();
        let running = all.iter().filter(|pod| {
            pod.status.as_ref().and_then(|it| it.phase.as_deref()) == Some("Running")
        });
        if running.count() == 12 {
            return pods;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// The Deployment as a tool applies it.
fn manifest(resources: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 12,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"nodeName": "kwok-node", "containers": [
                    {"name": "app", "image": "app", "resources": resources},
                    {"name": "side", "image": "side"},
                ]},
            },
        },
    })
}

fn owner(namespace: &str, vertical: Value) -> PredictiveAutoscaler {
    serde_json::from_value(json!({
        "apiVersion": "forescale.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": "web", "namespace": namespace, "uid": "1"},
        "spec": {
            "targetRef": {"name": "web"},
            "metric": {"query": "load", "target": 100},
            "maxReplicas": 20,
            "vertical": vertical,
        },
    }))
    .unwrap()
}

/// A workload whose newest plan advises 800m of CPU and 300 Mi of memory.
fn advised() -> Arc<Workload> {
    let workload = samples::workload("web");
    let mut published = samples::published(SystemClock.now());
    let plan = Arc::make_mut(&mut published.plan);
    let advice = |request, limit| {
        Some(ResourceAdvice {
            request,
            limit,
            expected: None,
            readings: 500,
        })
    };
    plan.basis = Basis::Forecast;
    plan.vertical = Some(Vertical {
        cpu: advice(0.8, 1.6),
        memory: advice(300.0 * MI, 600.0 * MI),
    });
    workload.publish(published);
    workload
}

fn resources(pods: &[Pod]) -> Vec<Value> {
    let of = |pod: &Pod| {
        let containers = &pod.spec.as_ref().unwrap().containers;
        json!(
            containers
                .iter()
                .find(|it| it.name == "app")
                .unwrap()
                .resources
        )
    };
    pods.iter().map(of).collect()
}

#[tokio::test]
async fn running_pods_are_resized_in_place_a_few_at_a_time() {
    let Some(context) = context().await else {
        return;
    };
    let pods = deployment(&context, "resized").await;
    let before: Vec<String> = names(&pods).await;
    let owner = owner(
        "resized",
        json!({"mode": "resize", "cpuQuery": "c", "container": "app"}),
    );
    let mut status = PredictiveAutoscalerStatus::default();
    let wanted =
        json!({"requests": {"cpu": "800m", "memory": "300Mi"}, "limits": {"memory": "600Mi"}});
    let mut done = Vec::new();
    for _ in 0..6 {
        // The wait of the step before is over.
        if let Some(told) = &mut status.vertical {
            assert!(told.not_before.take().is_some(), "{told:?}");
        }
        look(&owner, &context, Some(&advised()), &mut status).await;
        let now = resources(&pods.list(&ListParams::default()).await.unwrap().items);
        done.push(now.iter().filter(|it| **it == wanted).count());
    }
    let told = status.vertical.unwrap();
    assert_eq!(done, [2, 4, 6, 8, 10, 12], "{told:?}");
    assert_eq!(told.failures, 0, "{told:?}");
    assert!(
        told.not_before.is_some(),
        "all are resized: the next change waits"
    );
    assert_eq!(names(&pods).await, before, "no pod was made anew");
}

#[tokio::test]
async fn a_refused_resize_is_told_and_waited_for() {
    let Some(context) = context().await else {
        return;
    };
    let _pods = deployment(&context, "refused").await;
    let owner = owner(
        "refused",
        json!({"mode": "resize", "cpuQuery": "c", "container": "side"}),
    );
    let mut status = PredictiveAutoscalerStatus::default();
    look(&owner, &context, Some(&advised()), &mut status).await;
    let told = status.vertical.unwrap();
    assert_eq!(told.failures, 1, "{told:?}");
    assert!(told.state.unwrap().contains("quality of service"));
}

#[tokio::test]
async fn a_pod_template_that_somebody_else_has_set_is_left_to_them() {
    let Some(context) = context().await else {
        return;
    };
    deployment(&context, "templated").await;
    let owner = owner(
        "templated",
        json!({"mode": "template", "cpuQuery": "c", "container": "app"}),
    );
    let mut status = PredictiveAutoscalerStatus::default();
    look(&owner, &context, Some(&advised()), &mut status).await;
    let told = status.vertical.clone().unwrap();
    assert_eq!(told.failures, 1, "{told:?}");
    assert!(
        told.state
            .unwrap()
            .contains("somebody else sets the resources")
    );
    // Once the manifest leaves them out, they are Forescale's.
    let deployments: Api<Deployment> = Api::namespaced(context.client.clone(), "templated");
    let params = PatchParams::apply("deployer").force();
    deployments
        .patch("web", &params, &Patch::Apply(manifest(&json!({}))))
        .await
        .unwrap();
    status.vertical = None;
    look(&owner, &context, Some(&advised()), &mut status).await;
    let web = deployments.get("web").await.unwrap();
    let app = &web.spec.template.spec.unwrap().containers[0];
    let wanted =
        json!({"requests": {"cpu": "800m", "memory": "300Mi"}, "limits": {"memory": "600Mi"}});
    assert_eq!(json!(app.resources), wanted, "{:?}", status.vertical);
    assert!(status.vertical.unwrap().not_before.is_some());
}

async fn names(pods: &Api<Pod>) -> Vec<String> {
    let all = pods.list(&ListParams::default()).await.unwrap();
    let mut names: Vec<String> = all.iter().map(kube::ResourceExt::name_any).collect();
    names.sort();
    names
}
