use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::domain::{HumanDuration, PodBatch, ScalingRules};
use crate::execute::cluster::objects;
use crate::execute::cluster::rights::{DEPLOYMENTS, PODS, Right};
use crate::execute::cluster::shelf::Change;

const T0: Timestamp = Timestamp::from_secs(1_795_867_200);

fn at(secs: u64) -> Timestamp {
    T0 + Duration::from_secs(secs)
}

/// A cluster as the watches have brought it.
#[derive(Default)]
struct Seen(HashMap<Scope, Kept>);

impl Seen {
    fn namespace() -> Arc<str> {
        "shop".into()
    }

    fn list(mut self, right: Right, objects: Vec<Value>) -> Self {
        self.note(Scope::all(right, &Self::namespace()), right, objects, 0);
        self
    }

    fn pods(mut self, secs: u64, pods: Vec<Value>) -> Self {
        let scope = Scope::pods(&Self::namespace(), &"app=web".into());
        self.note(scope, PODS, pods, secs);
        self
    }

    fn note(&mut self, scope: Scope, right: Right, objects: Vec<Value>, secs: u64) {
        let kept = self.0.entry(scope).or_default();
        kept.apply(Change::Listing, at(secs));
        for object in objects {
            let object = serde_json::from_value(object).unwrap();
            let (name, object) = objects::read(right, &object).unwrap();
            kept.apply(Change::Listed(name, object), at(secs));
        }
        kept.apply(Change::ListEnded, at(secs));
    }

    fn refuse(mut self, right: Right) -> Self {
        let kept = self
            .0
            .entry(Scope::all(right, &Self::namespace()))
            .or_default();
        kept.state = State::Refused;
        self
    }

    fn gather(&self) -> Gathered {
        gather(&self.0, &Self::namespace(), "web", at(100))
    }
}

fn scaled_object() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {
        "scaleTargetRef": {"name": "web"}, "minReplicaCount": 3, "maxReplicaCount": 40,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"tolerance": "0"}}}}}})
}

fn hpa() -> Value {
    json!({"metadata": {"name": "keda-hpa-web", "labels": {"scaledobject.keda.sh/name": "web"}},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3, "maxReplicas": 40,
            "behavior": {"scaleUp": {"tolerance": "0"}, "scaleDown": {"stabilizationWindowSeconds": 60}}},
        "status": {"currentReplicas": 6}})
}

fn deployment() -> Value {
    json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}},
        "status": {"replicas": 7, "updatedReplicas": 7, "readyReplicas": 6}})
}

fn pod(name: &str, ready: Option<&str>) -> Value {
    let conditions =
        ready.map(|at| json!({"type": "Ready", "status": "True", "lastTransitionTime": at}));
    json!({"metadata": {"name": name, "creationTimestamp": "2026-11-28T12:00:00Z"},
        "status": {"conditions": conditions.into_iter().collect::<Vec<_>>()}})
}

#[test]
fn all_parts_come_together() {
    let seen = Seen::default()
        .list(SCALED_OBJECTS, vec![scaled_object()])
        .list(HPAS, vec![hpa()])
        .list(DEPLOYMENTS, vec![deployment()])
        .pods(10, vec![pod("web-1", None)])
        .pods(50, vec![pod("web-1", Some("2026-11-28T12:00:40Z"))]);
    let Gathered {
        facts,
        scopes,
        pods,
    } = seen.gather();
    let scaling = facts.scaling.unwrap();
    let bound = |replicas| {
        let by = BoundBy::ScaledObject;
        Some(ScalingBound { replicas, by })
    };
    assert_eq!((scaling.min, scaling.max), (bound(3), bound(40)));
    assert_eq!(scaling.up.tolerance, Some(0.0));
    assert_eq!(scaling.down.stabilization, HumanDuration::from_secs(60));
    let fleet = Fleet {
        at: T0,
        replicas: 7,
        ready: Some(6),
        rollout: false,
    };
    assert_eq!(facts.fleet, Some(fleet));
    let started = PodBatch {
        created: T0,
        ready: at(40),
        pods: 1,
    };
    let starts = facts.starts.unwrap();
    assert_eq!((starts.at, starts.batches), (at(50), vec![started]));
    assert_eq!(facts.missing, []);
    assert_eq!(scopes.len(), 4);
    assert!(pods.is_some_and(|(_, rollout)| !rollout));
}

#[test]
fn either_of_scaled_object_and_hpa_is_enough() {
    let object = Seen::default()
        .list(SCALED_OBJECTS, vec![scaled_object()])
        .refuse(HPAS);
    let facts = object.gather().facts;
    let scaling = facts.scaling.unwrap();
    assert_eq!(scaling.up.tolerance, Some(0.0));
    assert_eq!(scaling.down, ScalingRules::usual_down());
    assert_eq!(facts.fleet, None);
    assert_eq!(
        facts.missing[0].rule,
        "{apiGroups: [\"autoscaling\"], resources: [\"horizontalpodautoscalers\"], verbs: [\"list\", \"watch\"]} in the \
         namespace `shop`"
    );

    let alone = Seen::default()
        .refuse(SCALED_OBJECTS)
        .list(HPAS, vec![hpa()]);
    let facts = alone.gather().facts;
    let scaling = facts.scaling.unwrap();
    let by = BoundBy::Hpa;
    assert_eq!(scaling.min, Some(ScalingBound { replicas: 3, by }));
    let fleet = facts.fleet.unwrap();
    assert_eq!((fleet.replicas, fleet.ready), (6, None), "what the HPA saw");
}

/// An HPA that follows the plan of a workload without KEDA, called and owned as it is said.
fn hpa_without_keda(name: &str, plan_of: &str, owner_references: &Value) -> Value {
    let mut hpa = hpa();
    hpa["metadata"] = json!({"name": name, "ownerReferences": owner_references});
    hpa["spec"]["metrics"] = json!([
        {"type": "Resource", "resource": {"name": "cpu"}},
        {"type": "External", "external": {
            "metric": {"name": "forescale_plan", "selector": {"matchLabels": {"name": plan_of}}},
            "target": {"type": "AverageValue", "averageValue": "1"},
        }},
    ]);
    hpa
}

#[test]
fn without_keda_the_hpa_is_the_predictive_autoscaler_s_own() {
    let owner = json!([{"apiVersion": "forescale.dev/v1alpha1", "kind": "PredictiveAutoscaler", "name": "web", "uid": "1"}]);
    let mut others = hpa_without_keda("another", "web", &json!([]));
    others["spec"]["maxReplicas"] = json!(7);
    let own = hpa_without_keda("web", "web", &owner);
    let facts = Seen::default()
        .list(HPAS, vec![others, own])
        .list(DEPLOYMENTS, vec![deployment()])
        .gather()
        .facts;
    let scaling = facts.scaling.unwrap();
    let by = BoundBy::Hpa;
    assert_eq!(scaling.max, Some(ScalingBound { replicas: 40, by }));
    assert_eq!(scaling.up.tolerance, Some(0.0));
    assert_eq!(facts.fleet.unwrap().replicas, 7, "of its target");
}

#[test]
fn without_keda_an_hpa_may_follow_the_plan_by_itself() {
    let max = |hpa: Value, objects: Vec<Value>| {
        let seen = Seen::default()
            .list(HPAS, vec![hpa])
            .list(SCALED_OBJECTS, objects);
        let scaling = seen.gather().facts.scaling;
        scaling.and_then(|it| it.max).map(|it| (it.replicas, it.by))
    };
    let follows = || hpa_without_keda("any", "web", &json!([]));
    assert_eq!(max(follows(), vec![]), Some((40, BoundBy::Hpa)));
    assert_eq!(
        max(hpa_without_keda("any", "api", &json!([])), vec![]),
        None
    );
    let mut other = follows();
    other["spec"]["metrics"][1]["external"]["metric"]["name"] = json!("queue_length");
    assert_eq!(max(other, vec![]), None, "somebody else's label");
    let mut wide = follows();
    wide["spec"]["behavior"]["scaleUp"]["tolerance"] = json!("0.5");
    let seen = Seen::default()
        .list(HPAS, vec![wide])
        .list(SCALED_OBJECTS, vec![scaled_object()]);
    let up = seen.gather().facts.scaling.unwrap().up;
    assert_eq!(
        up.tolerance,
        Some(0.0),
        "where there is a ScaledObject its HPA counts"
    );
}

#[test]
fn an_hpa_s_minimum_of_one_says_nothing_of_zero() {
    let mut hpa = hpa();
    hpa["spec"]["minReplicas"] = json!(1);
    hpa["metadata"]["name"] = json!("named-otherwise");
    let seen = Seen::default().list(HPAS, vec![hpa]);
    let scaling = seen.gather().facts.scaling.unwrap();
    assert_eq!(scaling.min, None);
    assert_eq!(scaling.max.unwrap().replicas, 40, "found by KEDA's label");
}

#[test]
fn another_scaled_object_s_hpa_and_what_was_never_read_say_nothing() {
    let gathered = gather(
        &Seen::default().list(HPAS, vec![hpa()]).0,
        &Seen::namespace(),
        "api",
        T0,
    );
    assert_eq!(gathered.facts, ClusterFacts::default());
    assert_eq!(gathered.scopes.len(), 2);
}

#[test]
fn a_list_that_was_read_anew_forgets_what_is_gone() {
    let seen = Seen::default()
        .list(SCALED_OBJECTS, vec![scaled_object()])
        .list(SCALED_OBJECTS, vec![]);
    assert_eq!(seen.gather().facts.scaling, None);
}
