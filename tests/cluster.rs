//! What the cluster knows, read from a real API server with the shipped roles: a Deployment whose pods KWOK makes Ready, a
//! ScaledObject with an HPA as KEDA makes it, a rollout, a pause, rights that are missing, and an API server that goes away.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use forescale::domain::{
    BoundBy, ClusterFacts, HumanDuration, Metadata, ScalingBound, SystemClock, WorkloadKey,
};
use forescale::execute::cluster::{Cluster, Config, Metrics};
use forescale::execute::keda::parse_metadata;
use forescale::knowledge::{Board, Workload};
use support::control_plane::ControlPlane;
use support::{eventually, now};
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_mins(3);

const ROLES: &str = include_str!("../keda/components/cluster-knowledge/rbac.yaml");

/// KWOK makes a pod Ready after its annotation's time; there is no scheduler, so pods name their node.
const WORKLOAD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {e2e.forescale/start-up: 4s}}
    spec:
      nodeName: kwok-node
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: app}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {name: web}
  minReplicaCount: 3
  maxReplicaCount: 40
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp: {tolerance: "0", stabilizationWindowSeconds: 15}
        scaleDown: {stabilizationWindowSeconds: 60}
  triggers:
    - {type: external, metadata: {scalerAddress: "forescale.forescale.svc:6000", query: up, threshold: "10"}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: keda-hpa-web, namespace: shop, labels: {scaledobject.keda.sh/name: web}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 40
  behavior:
    scaleUp: {tolerance: "0", stabilizationWindowSeconds: 15}
    scaleDown: {stabilizationWindowSeconds: 60}
  metrics:
    - type: External
      external:
        metric: {name: s0-forescale, selector: {matchLabels: {scaledobject.keda.sh/name: web}}}
        target: {type: AverageValue, averageValue: "10"}
"#;

const ACCOUNTS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: forescale}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: forescale, namespace: forescale}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: fewer, namespace: forescale}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: none, namespace: forescale}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: fewer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: forescale-cluster-scaling}
subjects: [{kind: ServiceAccount, name: fewer, namespace: forescale}]
";

/// What asks the cluster, with one workload on its board.
struct Asked {
    workload: Arc<Workload>,
    _running: DropGuard,
}

impl Asked {
    async fn with(kubeconfig: &Path) -> Self {
        let board = Arc::new(Board::new(10));
        let metadata = [("query", "up"), ("threshold", "10")];
        let metadata: Metadata = (metadata.into_iter())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let spec = parse_metadata(&metadata).unwrap().spec;
        let key = WorkloadKey::new("shop", "web", metadata);
        let workload = board.register(key, spec, vec![], now()).unwrap();
        let config = Config {
            enabled: true,
            kubeconfig: Some(kubeconfig.to_owned()),
            ..Config::default()
        };
        let cluster = Cluster::find(&config, Metrics::default()).await.unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(cluster.run(board, Arc::new(SystemClock), stop.clone()));
        Self {
            workload,
            _running: stop.drop_guard(),
        }
    }

    /// Waits for facts of which `probe` makes something.
    async fn until<T>(&self, what: &str, mut probe: impl FnMut(&ClusterFacts) -> Option<T>) -> T {
        eventually(what, PATIENCE, async || probe(&*self.workload.cluster()?)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_knows_is_learned_as_far_as_rights_allow() {
    let Some(plane) = ControlPlane::start() else {
        return;
    };
    plane.apply(ACCOUNTS);
    plane.apply(ROLES);
    let kubeconfig = |account| plane.kubeconfig_of("forescale", account);
    // It watches before there is anything, as when KEDA asks the moment that a ScaledObject is created.
    let full = Asked::with(&kubeconfig("forescale")).await;
    plane.apply(WORKLOAD);
    everything_is_known(&full).await;
    a_rollout_and_a_pause_are_seen(&plane, &full).await;

    let fewer = Asked::with(&kubeconfig("fewer")).await;
    only_that_feature_is_left_out(&fewer).await;
    let none = Asked::with(&kubeconfig("none")).await;
    let rules = none
        .until("two rules that are missing", |facts| {
            (facts.missing.len() == 2).then(|| facts.clone())
        })
        .await;
    assert_eq!(
        (rules.scaling, rules.fleet, rules.starts),
        (None, None, None)
    );

    plane.stop();
    let before = full.workload.cluster().unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = full.workload.cluster().unwrap();
    assert_eq!(
        after.scaling.as_ref().unwrap().max,
        before.scaling.as_ref().unwrap().max
    );
}

async fn everything_is_known(full: &Asked) {
    let facts = full
        .until(
            "three Ready replicas, and that their start was seen",
            |facts| {
                let ready = facts.fleet?.ready == Some(3);
                let batches = &facts.starts.as_ref()?.batches;
                let started = batches.iter().map(|batch| batch.pods).sum::<u32>() == 3;
                (ready && started && facts.scaling.is_some()).then(|| facts.clone())
            },
        )
        .await;
    assert_eq!(
        facts.missing,
        [],
        "the shipped roles are all that is needed"
    );
    let fleet = facts.fleet.unwrap();
    assert_eq!((fleet.replicas, fleet.rollout), (3, false));
    let scaling = facts.scaling.unwrap();
    let bound = |replicas| {
        let by = BoundBy::ScaledObject;
        Some(ScalingBound { replicas, by })
    };
    assert_eq!((scaling.min, scaling.max), (bound(3), bound(40)));
    assert_eq!(
        (scaling.up.tolerance, scaling.down.tolerance),
        (Some(0.0), None)
    );
    assert_eq!(scaling.up.stabilization, HumanDuration::from_secs(15));
    assert_eq!(scaling.down.stabilization, HumanDuration::from_secs(60));
    assert!(!scaling.paused);
    let starts = facts.starts.unwrap();
    for batch in starts.batches {
        let took = batch.ready.since(batch.created);
        assert!(
            took >= Duration::from_secs(3),
            "its own start-up time is 4 s: {took:?}"
        );
    }
}

async fn a_rollout_and_a_pause_are_seen(plane: &ControlPlane, full: &Asked) {
    plane.kubectl(&["rollout", "restart", "deployment/web", "-n", "shop"]);
    let rolls = |wanted| move |facts: &ClusterFacts| (facts.fleet?.rollout == wanted).then_some(());
    full.until("a rollout", rolls(true)).await;
    full.until("the rollout's end", rolls(false)).await;
    let object = ["annotate", "scaledobject/web", "-n", "shop"];
    plane.kubectl(&[&object[..], &["autoscaling.keda.sh/paused=true"]].concat());
    full.until("the pause", |facts| {
        facts.scaling.as_ref()?.paused.then_some(())
    })
    .await;
}

async fn only_that_feature_is_left_out(fewer: &Asked) {
    let facts = fewer
        .until("the rule that is missing", |facts| {
            (!facts.missing.is_empty() && facts.scaling.is_some()).then(|| facts.clone())
        })
        .await;
    let rules: Vec<_> = facts.missing.iter().map(|it| it.rule.as_str()).collect();
    assert_eq!(
        rules,
        [
            "{apiGroups: [\"apps\"], resources: [\"deployments\"], verbs: [\"list\", \"watch\"]} in the namespace `shop`"
        ]
    );
    assert_eq!(facts.scaling.unwrap().max.unwrap().replicas, 40);
    assert_eq!(facts.starts, None);
}
