//! The operator on a real API server, with the rights that it ships with.
//!
//! `scripts/test-operator.sh` brings up an API server, its controllers and KWOK, and says where they are.

mod counted;
mod keda;
pub(super) mod scripted;

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, CustomResourceExt as _, ResourceExt as _};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio_util::sync::DropGuard;

use self::counted::Counted;
use super::desired::Kind;
use super::*;
use crate::domain::SystemClock;

const ROLES: &str = include_str!("../../../keda/components/operator/rbac.yaml");

/// No look is due again within a test: what happens was brought on by a watch.
const NEVER: Duration = Duration::from_hours(1);

/// What scales can't be watched.
const UNWATCHED: &[(&str, &str)] = &[("keda.sh", "watch"), ("autoscaling", "watch")];

const PATIENCE: Duration = Duration::from_mins(3);

/// The kubeconfig of the test's API server.
pub(super) fn kubeconfig() -> Option<PathBuf> {
    std::env::var_os("FORESCALE_TEST_KUBECONFIG").map(PathBuf::from)
}

/// A namespace of its own.
pub(super) async fn namespace(client: &Client, name: &str) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let made: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    let _ = namespaces.delete(name, &DeleteParams::default()).await;
    eventually("the namespace", async || {
        let made = namespaces.create(&PostParams::default(), &made).await;
        made.ok()
    })
    .await;
}

/// A context on `client` that looks after nothing yet.
pub(super) fn context(client: Client, config: Config, again: Duration) -> (Context, Vec<Scope>) {
    let metrics = Metrics::default();
    let (owned, scopes) = Owned::new(&client, &config.namespaces, &metrics);
    let parts = Parts {
        config,
        board: Arc::new(Board::new(10)),
        clock: Arc::new(SystemClock),
        forget_after: HumanDuration::from_secs(3600),
        metrics: metrics.clone(),
    };
    let leadership = Leadership::new(metrics);
    leadership.set(true);
    let mut context = Context::new(client, parts, leadership, owned, "test".to_owned());
    context.again = again;
    (context, scopes)
}

async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// An operator that leads and looks after one namespace.
struct Operator {
    admin: Client,
    namespace: &'static str,
    counted: Counted,
    context: Arc<Context>,
    _running: DropGuard,
}

impl Operator {
    /// With the shipped rights, less the verbs of the API groups in `spare`.
    async fn start(
        namespace: &'static str,
        scaler: Scaler,
        again: Duration,
        spare: &[(&str, &str)],
    ) -> Option<Self> {
        let path = kubeconfig()?;
        let admin = crate::execute::kubernetes::client(Some(&path))
            .await
            .unwrap();
        define(
            &admin,
            serde_json::to_value(PredictiveAutoscaler::crd()).unwrap(),
        )
        .await;
        self::namespace(&admin, namespace).await;
        grant(&admin, namespace, spare).await;
        let counted = Counted::default();
        let config = Config {
            namespaces: vec![namespace.to_owned()],
            scaler,
            ..Config::default()
        };
        let client = counted.client(&path, namespace).await;
        let (context, scopes) = self::context(client, config, again);
        let context = Arc::new(context);
        let stop = CancellationToken::new();
        for scope in scopes {
            tokio::spawn(look_after(scope, Arc::clone(&context), stop.clone()));
        }
        Some(Self {
            admin,
            namespace,
            counted,
            context,
            _running: stop.drop_guard(),
        })
    }

    /// A workload without pods and its PredictiveAutoscaler, both called `web`.
    async fn workload(&self) {
        self.workload_of(&["web"]).await;
    }

    /// A workload `web` and PredictiveAutoscalers of these names for it, made at the same time.
    async fn workload_of(&self, names: &[&str]) {
        let owner = |name: &str| {
            json!({
                "apiVersion": "forescale.dev/v1alpha1", "kind": "PredictiveAutoscaler", "metadata": {"name": name},
                "spec": {
                    "targetRef": {"kind": "ReplicaSet", "name": "web"},
                    "metric": {"query": "load", "target": 100},
                    "maxReplicas": 20,
                },
            })
        };
        self.create(asleep("web")).await;
        futures::future::join_all(names.iter().map(|name| self.create(owner(name)))).await;
    }

    async fn create(&self, object: Value) {
        let api = self.api(&object);
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let version = object["apiVersion"].as_str().unwrap();
        let (group, version) = version.split_once('/').unwrap();
        let kind = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
        let resource = ApiResource::from_gvk(&kind);
        Api::namespaced_with(self.admin.clone(), self.namespace, &resource)
    }

    fn scalers(&self, kind: Kind) -> Api<DynamicObject> {
        self.api(&json!({"apiVersion": kind.api_version(), "kind": kind.name()}))
    }

    /// Waits for an object of this kind other than the one of this `uid`, and gives its own.
    async fn made(&self, kind: Kind, other_than: &str) -> String {
        let api = self.scalers(kind);
        eventually(kind.name(), async || {
            let found = api.get_opt("web").await.ok()??;
            found.uid().filter(|uid| uid != other_than)
        })
        .await
    }

    /// Waits for a status that has something.
    async fn told<T>(
        &self,
        what: &str,
        mut probe: impl FnMut(&resource::PredictiveAutoscalerStatus) -> Option<T>,
    ) -> T {
        let api: Api<PredictiveAutoscaler> = Api::namespaced(self.admin.clone(), self.namespace);
        eventually(what, async || {
            let owner = api.get("web").await.ok()?;
            probe(owner.status.as_ref()?)
        })
        .await
    }

    /// Deletes what is owned, waits until it is there again, and edits that as a user does.
    async fn is_watched(&self, kind: Kind, most: &str) {
        let first = self.made(kind, "").await;
        self.told("what is owned", |status| {
            (status.owned.as_ref()?.kind == kind.name()).then_some(())
        })
        .await;
        let api = self.scalers(kind);
        let woken = self.context.metrics.wakes(kind.name());
        api.delete("web", &DeleteParams::default()).await.unwrap();
        self.made(kind, &first).await;
        assert!(self.context.metrics.wakes(kind.name()) > woken);
        let params = PatchParams {
            field_manager: Some("kubectl-edit".to_owned()),
            ..PatchParams::default()
        };
        let edit = json!({"spec": {most: 5}});
        api.patch("web", &params, &Patch::Merge(&edit))
            .await
            .unwrap();
        let yielded = self.told("the user's field", |status| status.yielded.first().cloned());
        let yielded = yielded.await;
        assert_eq!(yielded.field, format!(".spec.{most}"));
        assert_eq!(yielded.manager, "kubectl-edit");
        let kept = api.get("web").await.unwrap();
        assert_eq!(kept.data["spec"][most], 5);
    }

    /// Makes another HPA for the workload, and takes it away again when that was told.
    async fn tells_a_later_rival(&self) {
        self.made(Kind::Hpa, "").await;
        let reason = |status: &resource::PredictiveAutoscalerStatus| {
            let mut conditions = status.conditions.iter();
            let ready = conditions.find(|it| it.type_ == conditions::READY)?;
            Some(ready.reason.clone())
        };
        self.told("what is owned", |status| status.owned.clone())
            .await;
        let other = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "other"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web"},
                "maxReplicas": 3,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
            },
        });
        self.create(other).await;
        let taken = |status: &resource::PredictiveAutoscalerStatus| {
            reason(status).filter(|it| it == "TargetTaken")
        };
        self.told("the other HPA", taken).await;
        let hpas = self.scalers(Kind::Hpa);
        hpas.get("web").await.expect("ours stays");
        hpas.delete("other", &DeleteParams::default())
            .await
            .unwrap();
        let free = |status: &resource::PredictiveAutoscalerStatus| {
            reason(status).filter(|it| it != "TargetTaken")
        };
        self.told("the other HPA to go", free).await;
    }
}

/// A workload of this name that has no replicas.
fn asleep(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "app", "image": "app"}]},
            },
        },
    })
}

/// Makes a kind of object known to the API server.
async fn define(admin: &Client, definition: Value) {
    let api: Api<CustomResourceDefinition> = Api::all(admin.clone());
    let name = definition["metadata"]["name"].as_str().unwrap().to_owned();
    let params = PatchParams::apply("test").force();
    api.patch(&name, &params, &Patch::Apply(&definition))
        .await
        .unwrap();
    eventually("the definition", async || {
        let definition = api.get(&name).await.ok()?;
        let mut conditions = definition.status?.conditions?.into_iter();
        conditions.find(|it| it.type_ == "Established" && it.status == "True")
    })
    .await;
}

/// Gives the user called like the namespace the shipped rights in all namespaces; `spare` are API groups and verbs that it
/// does without.
async fn grant(admin: &Client, user: &str, spare: &[(&str, &str)]) {
    let shipped = serde_yaml::Deserializer::from_str(ROLES)
        .map(|document| Value::deserialize(document).unwrap())
        .find(|document| document["kind"] == "ClusterRole");
    let mut role: ClusterRole = serde_json::from_value(shipped.unwrap()).unwrap();
    role.metadata.name = Some(user.to_owned());
    for rule in role.rules.iter_mut().flatten() {
        let groups = rule.api_groups.iter().flatten();
        let groups: Vec<&str> = groups.map(String::as_str).collect();
        let is_spared = |verb: &str| {
            spare
                .iter()
                .any(|it| groups.contains(&it.0) && it.1 == verb)
        };
        rule.verbs.retain(|verb| !is_spared(verb));
    }
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }))
    .unwrap();
    let params = PatchParams::apply("test").force();
    let roles: Api<ClusterRole> = Api::all(admin.clone());
    let bindings: Api<ClusterRoleBinding> = Api::all(admin.clone());
    roles
        .patch(user, &params, &Patch::Apply(&role))
        .await
        .unwrap();
    bindings
        .patch(user, &params, &Patch::Apply(&binding))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_deleted_hpa_is_back_and_an_edited_one_yields_before_any_look_is_due() {
    let Some(operator) = Operator::start("hpa-watched", Scaler::Hpa, NEVER, &[]).await else {
        return;
    };
    operator.workload().await;
    operator.is_watched(Kind::Hpa, "maxReplicas").await;
}

#[tokio::test]
async fn of_two_that_want_one_workload_at_the_same_time_one_gets_it() {
    let Some(operator) = Operator::start("wanted-twice", Scaler::Hpa, NEVER, &[]).await else {
        return;
    };
    operator.workload_of(&["one", "two"]).await;
    let owners: Api<PredictiveAutoscaler> =
        Api::namespaced(operator.admin.clone(), operator.namespace);
    let mut said = eventually("both to be told", async || {
        let mut said = Vec::new();
        for owner in owners.list(&ListParams::default()).await.ok()? {
            let status = owner.status?;
            let mut conditions = status.conditions.into_iter();
            let ready = conditions.find(|it| it.type_ == conditions::READY)?;
            said.push(ready.reason == "TargetTaken");
        }
        (said.len() == 2).then_some(said)
    })
    .await;
    said.sort_unstable();
    assert_eq!(said, [false, true]);
    let hpas = operator.scalers(Kind::Hpa);
    let hpas = hpas.list(&ListParams::default()).await.unwrap();
    assert_eq!(hpas.items.len(), 1);
}

#[tokio::test]
async fn an_hpa_that_comes_later_for_the_same_workload_is_told_before_any_look_is_due() {
    let Some(operator) = Operator::start("taken-later", Scaler::Hpa, NEVER, &[]).await else {
        return;
    };
    operator.workload().await;
    operator.tells_a_later_rival().await;
}

#[tokio::test]
async fn without_the_right_to_watch_every_look_reads() {
    let again = Duration::from_millis(500);
    let start = Operator::start("unwatched", Scaler::Hpa, again, UNWATCHED);
    let Some(operator) = start.await else {
        return;
    };
    operator.workload().await;
    let first = operator.made(Kind::Hpa, "").await;
    let hpas = operator.scalers(Kind::Hpa);
    hpas.delete("web", &DeleteParams::default()).await.unwrap();
    operator.made(Kind::Hpa, &first).await;
    assert_eq!(operator.context.metrics.wakes(Kind::Hpa.name()), 0);
    assert!(operator.counted.reads() > 0);
}

#[tokio::test]
async fn without_the_right_to_watch_an_hpa_that_comes_later_is_told_some_looks_later() {
    let again = Duration::from_millis(500);
    let start = Operator::start("unwatched-rival", Scaler::Hpa, again, UNWATCHED);
    let Some(operator) = start.await else {
        return;
    };
    operator.workload().await;
    operator.tells_a_later_rival().await;
}

#[tokio::test]
async fn where_what_scales_may_be_neither_watched_nor_listed_the_status_says_so() {
    let again = Duration::from_millis(500);
    let start = Operator::start("unlisted", Scaler::Hpa, again, UNWATCHED);
    let Some(operator) = start.await else {
        return;
    };
    operator.workload().await;
    operator.made(Kind::Hpa, "").await;
    let message = |status: &resource::PredictiveAutoscalerStatus| {
        conditions::message(&status.conditions, conditions::READY).to_owned()
    };
    let told = |status: &_| Some(message(status)).filter(|it| it.contains("can't be seen"));
    let seen = operator.told("what is owned", |status| {
        status.owned.clone().map(|_| message(status))
    });
    assert!(!seen.await.contains("can't be seen"));
    let spare = [UNWATCHED, &[("autoscaling", "list")]].concat();
    grant(&operator.admin, operator.namespace, &spare).await;
    let told = operator.told("what can't be seen", told).await;
    assert!(told.contains("cannot list resource"), "{told}");
}

#[tokio::test]
async fn where_nothing_happens_looks_cost_no_read() {
    let again = Duration::from_millis(100);
    let Some(operator) = Operator::start("quiet", Scaler::Hpa, again, &[]).await else {
        return;
    };
    operator.workload().await;
    operator.made(Kind::Hpa, "").await;
    // Once the HPA controller has looked at it, the HPA tells the replicas.
    eventually("the HPA's view of its workload", async || {
        let hpa = operator.context.owned.hpa(Kind::Hpa, "quiet", "web")?;
        owned::kept::replicas(&hpa)
    })
    .await;
    let looks = || operator.context.metrics.looks();
    let settled = looks() + 3;
    eventually("looks", async || (looks() >= settled).then_some(())).await;
    operator.counted.begin();
    let enough = looks() + 20;
    eventually("more looks", async || (looks() >= enough).then_some(())).await;
    assert_eq!(operator.counted.read(), Vec::<String>::new());
}
