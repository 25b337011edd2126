use std::sync::{Arc, Mutex};

use k8s_openapi::api::apps::v1::Deployment;
use kube::core::ApiResource;

use super::*;
use crate::domain::ResourceAdvice;
use crate::execute::operator::tests::scripted::Scripted;

/// A container's resources before and after.
fn resources(cpu: &str) -> Value {
    json!({"requests": {"cpu": cpu}})
}

/// A pod whose container should have, and says that it has, so much CPU.
fn pod(name: &str, wanted: &str, has: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "resources": resources(wanted)}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{
                "name": "app", "image": "app", "imageID": "", "ready": true, "restartCount": 0,
                "resources": resources(has),
            }],
        },
    })
}

/// A workload `web` in a cluster that takes up a resize when it is told to.
#[derive(Clone)]
struct Cluster {
    pods: Arc<Mutex<Vec<Value>>>,
}

impl Cluster {
    fn of(count: usize) -> Self {
        let pods = (0..count).map(|index| pod(&format!("web-{index:02}"), "500m", "500m"));
        Self {
            pods: Arc::new(Mutex::new(pods.collect())),
        }
    }

    fn answer(&self, request: &str) -> (u16, Value) {
        let mut pods = self.pods.lock().unwrap();
        if request.ends_with("/scale") {
            let scale = json!({
                "metadata": {"name": "web"}, "spec": {"replicas": 20}, "status": {"replicas": 20, "selector": "app=web"},
            });
            return (200, scale);
        }
        if let Some(path) = request.strip_prefix("PATCH ") {
            let name = path.rsplit('/').nth(1).unwrap();
            let resized = pods.iter_mut().find(|it| it["metadata"]["name"] == name);
            let resized = resized.unwrap();
            resized["spec"]["containers"][0]["resources"] = resources("800m");
            return (200, resized.clone());
        }
        let list = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": *pods});
        (200, list)
    }

    /// Brings the pods a step on.
    async fn step(&self) -> Outcome {
        let cluster = self.clone();
        let client = Scripted::default().client(move |request| cluster.answer(request));
        let deployments = ApiResource::erase::<Deployment>(&());
        let objects = Api::namespaced_with(client.clone(), "shop", &deployments);
        let pods = Api::namespaced(client, "shop");
        let spec = json!({"mode": "resize", "cpuQuery": "cpu"});
        let spec: VerticalSpec = serde_json::from_value(spec).unwrap();
        let advice = Vertical {
            cpu: Some(ResourceAdvice {
                request: 0.8,
                limit: 1.6,
                expected: None,
                readings: 500,
            }),
            memory: None,
        };
        resize(&objects, "web", &pods, &spec, advice).await.unwrap()
    }

    fn resized(&self) -> Vec<String> {
        let pods = self.pods.lock().unwrap();
        let all = pods
            .iter()
            .filter(|it| it["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "800m");
        all.map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn edit(&self, edit: impl Fn(&mut Value)) {
        self.pods.lock().unwrap().iter_mut().for_each(edit);
    }

    /// The nodes have done what was wished.
    fn carry_out(&self) {
        self.edit(|pod| {
            let wanted = pod["spec"]["containers"][0]["resources"].clone();
            pod["status"]["containerStatuses"][0]["resources"] = wanted;
        });
    }
}

#[tokio::test]
async fn the_next_pods_wait_until_the_last_ones_run_with_what_they_were_given() {
    let cluster = Cluster::of(20);
    assert!(matches!(cluster.step().await, Outcome::Going(_)));
    assert_eq!(cluster.resized(), ["web-00", "web-01"]);
    let Outcome::Waiting(why) = cluster.step().await else {
        panic!("their containers still run with 500m");
    };
    assert_eq!(
        why,
        "pod `web-00` is being resized; 18 of 20 pods are still to follow"
    );
    assert_eq!(cluster.resized().len(), 2);
    cluster.carry_out();
    assert!(matches!(cluster.step().await, Outcome::Going(_)));
    assert_eq!(cluster.resized().len(), 4);
}

#[tokio::test]
async fn a_resize_in_progress_and_a_pod_that_did_not_become_ready_hold_up_the_others() {
    let cluster = Cluster::of(20);
    cluster.step().await;
    cluster.carry_out();
    let say = |kind: &'static str, status: &'static str| {
        cluster.edit(move |pod| {
            if pod["metadata"]["name"] == "web-01" {
                let conditions = pod["status"]["conditions"].as_array_mut().unwrap();
                conditions.retain(|it| it["type"] != kind);
                conditions.push(json!({"type": kind, "status": status}));
            }
        });
    };
    say("PodResizeInProgress", "True");
    assert!(matches!(cluster.step().await, Outcome::Waiting(_)));
    say("PodResizeInProgress", "False");
    say("Ready", "False");
    let Outcome::Waiting(why) = cluster.step().await else {
        panic!("a pod that was changed is not Ready");
    };
    assert!(why.contains("`web-01`") && why.contains("Ready"), "{why}");
    assert_eq!(cluster.resized().len(), 2);
    say("Ready", "True");
    assert!(matches!(cluster.step().await, Outcome::Going(_)));
}

#[tokio::test]
async fn a_pod_that_is_down_for_want_of_resources_holds_up_nobody() {
    let cluster = Cluster::of(20);
    cluster.edit(|pod| pod["status"]["conditions"] = json!([]));
    assert!(matches!(cluster.step().await, Outcome::Going(_)));
    assert_eq!(cluster.resized().len(), 2);
}

#[test]
fn what_a_container_does_not_say_and_what_is_rounded_is_no_difference() {
    let wanted =
        json!({"requests": {"cpu": "800m", "memory": "300Mi"}, "limits": {"memory": "600Mi"}});
    assert!(!differ(&Value::Null, &wanted));
    assert!(!differ(&json!({"requests": {"cpu": "795m"}}), &wanted));
    assert!(!differ(
        &json!({"limits": {"memory": "629145600"}}),
        &wanted
    ));
    assert!(differ(&json!({"requests": {"cpu": "500m"}}), &wanted));
    assert!(differ(&json!({"limits": {"memory": "512Mi"}}), &wanted));
}
