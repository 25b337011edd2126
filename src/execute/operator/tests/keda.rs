//! With the definition of KEDA's ScaledObjects, and nobody who works with them: what KEDA does is done by the tests.

use k8s_openapi::api::events::v1::Event;

use super::*;

/// One test at a time decides whether there is KEDA.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// KEDA's definition of ScaledObjects.
fn definition() -> Value {
    let definitions = std::env::var_os("FORESCALE_TEST_KEDA_CRDS").expect("where KEDA's CRDs are");
    let file = PathBuf::from(definitions).join("keda.sh_scaledobjects.yaml");
    serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

async fn admin() -> Option<Client> {
    let path = kubeconfig()?;
    let admin = crate::execute::kubernetes::client(Some(&path)).await;
    Some(admin.unwrap())
}

/// Takes KEDA's definition away, where another test has left it.
async fn undefine(admin: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(admin.clone());
    let name = definition()["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let _ = api.delete(&name, &DeleteParams::default()).await;
    eventually("the definition to go", async || {
        let gone = api.get_opt(&name).await.ok()?.is_none();
        let groups = admin.list_api_groups().await.ok()?.groups;
        (gone && groups.iter().all(|it| it.name != "keda.sh")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn keda_that_comes_later_takes_over_and_its_scaled_objects_are_watched() {
    let _alone = ALONE.lock().await;
    let Some(admin) = admin().await else {
        return;
    };
    undefine(&admin).await;
    let Some(operator) = Operator::start("keda-later", Scaler::Auto, NEVER, &[]).await else {
        return;
    };
    operator.workload().await;
    operator.made(Kind::Hpa, "").await;
    define(&operator.admin, definition()).await;
    operator.made(Kind::ScaledObject, "").await;
    let hpas = operator.scalers(Kind::Hpa);
    eventually("the HPA to go", async || {
        hpas.get_opt("web").await.unwrap().is_none().then_some(())
    })
    .await;
    operator
        .is_watched(Kind::ScaledObject, "maxReplicaCount")
        .await;
}

/// An operator of a namespace with two workloads at zero, `old` and `new`, and a PredictiveAutoscaler `web` that scales `old`
/// and may let it sleep.
async fn asleep_on_old(namespace: &'static str, spare: &[(&str, &str)]) -> Option<Operator> {
    define(&admin().await?, definition()).await;
    let operator = Operator::start(namespace, Scaler::Keda, NEVER, spare).await?;
    operator.create(asleep("old")).await;
    operator.create(asleep("new")).await;
    let owner = json!({
        "apiVersion": "forescale.dev/v1alpha1", "kind": "PredictiveAutoscaler", "metadata": {"name": "web"},
        "spec": {
            "targetRef": {"kind": "ReplicaSet", "name": "old"},
            "metric": {"query": "load", "target": 100},
            "minReplicas": 0,
            "maxReplicas": 20,
        },
    });
    operator.create(owner).await;
    operator.scales("old").await;
    Some(operator)
}

impl Operator {
    /// Waits until the ScaledObject `web` scales this workload.
    async fn scales(&self, workload: &str) {
        let objects = self.scalers(Kind::ScaledObject);
        eventually(workload, async || {
            let object = objects.get_opt("web").await.ok()??;
            (object.data["spec"]["scaleTargetRef"]["name"] == workload).then_some(())
        })
        .await;
    }

    /// Waits until its status names no workload that was left asleep.
    async fn has_nothing_left_to_wake(&self) {
        self.told("nothing left to wake", |status| {
            status.leaving.is_empty().then_some(())
        })
        .await;
    }

    /// Has the PredictiveAutoscaler `web` scale this workload, as a user does.
    async fn retarget(&self, workload: &str) {
        let owners: Api<PredictiveAutoscaler> = Api::namespaced(self.admin.clone(), self.namespace);
        let edit = json!({"spec": {"targetRef": {"name": workload}}});
        let params = PatchParams::default();
        owners
            .patch("web", &params, &Patch::Merge(&edit))
            .await
            .unwrap();
    }

    /// Waits for an event, and gives its text.
    async fn event(&self, reason: &str) -> String {
        let events: Api<Event> = Api::namespaced(self.admin.clone(), self.namespace);
        eventually(reason, async || {
            let events = events.list(&ListParams::default()).await.ok()?;
            let mut events = events.items.into_iter();
            events.find(|it| it.reason.as_deref() == Some(reason))?.note
        })
        .await
    }

    async fn replicas(&self, workload: &str) -> i64 {
        let sets = self.api(&asleep(workload));
        let set = sets.get(workload).await.unwrap();
        set.data["spec"]["replicas"].as_i64().unwrap()
    }
}

#[tokio::test]
async fn a_workload_that_sleeps_is_woken_when_another_one_is_scaled_in_its_place() {
    let _alone = ALONE.lock().await;
    let Some(operator) = asleep_on_old("retargeted", &[]).await else {
        return;
    };
    operator.retarget("new").await;
    operator.scales("new").await;
    let told = operator.event("LeftRunning").await;
    assert!(told.contains("`old`") && told.contains("`new`"), "{told}");
    assert_eq!(operator.replicas("old").await, 1);
    assert_eq!(operator.replicas("new").await, 0, "it may sleep");
    operator.has_nothing_left_to_wake().await;
}

#[tokio::test]
async fn a_workload_that_can_not_be_woken_holds_up_no_edit_of_the_target() {
    let _alone = ALONE.lock().await;
    let Some(operator) = asleep_on_old("retargeted-blind", &[("apps", "patch")]).await else {
        return;
    };
    operator.retarget("new").await;
    operator.scales("new").await;
    let told = operator.event("NotWoken").await;
    assert!(
        told.contains("`old`") && told.contains("forbidden"),
        "{told}"
    );
    assert_eq!(operator.replicas("old").await, 0);
    operator.has_nothing_left_to_wake().await;
}

#[tokio::test]
async fn a_workload_that_an_operator_left_before_it_died_is_woken_by_the_next_one() {
    let _alone = ALONE.lock().await;
    let Some(operator) = asleep_on_old("retargeted-late", &[]).await else {
        return;
    };
    operator.create(asleep("older")).await;
    let owners: Api<PredictiveAutoscaler> =
        Api::namespaced(operator.admin.clone(), operator.namespace);
    let older = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "older"});
    let died = json!({"status": {"leaving": [older]}});
    let params = PatchParams::default();
    owners
        .patch_status("web", &params, &Patch::Merge(&died))
        .await
        .unwrap();
    let told = operator.event("LeftRunning").await;
    assert!(told.contains("`older`"), "{told}");
    assert_eq!(operator.replicas("older").await, 1);
    assert_eq!(operator.replicas("old").await, 0, "it is scaled");
}
