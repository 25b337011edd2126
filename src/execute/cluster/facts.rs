//! What is kept of the cluster, put together for one ScaledObject.

use std::collections::HashMap;
use std::sync::Arc;

use super::objects::{Hpa, Object, ScaledObject, Target, TargetRef};
use super::rights::{HPAS, SCALED_OBJECTS};
use super::scope::Scope;
use super::shelf::Kept;
use crate::domain::{
    BoundBy, ClusterFacts, Fleet, MissingRight, PodStarts, Scaling, ScalingBound, Timestamp,
};
use crate::execute::kubernetes::keda_hpa;
use crate::execute::kubernetes::watch::State;

/// What there is about a ScaledObject.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) facts: ClusterFacts,
    /// What has to be watched for it, as far as it is known by now.
    pub(super) scopes: Vec<Scope>,
    /// Its pods, and whether a rollout replaces them.
    pub(super) pods: Option<(Scope, bool)>,
}

/// What there is about the ScaledObject `name`.
pub(super) fn gather(
    kept: &HashMap<Scope, Kept>,
    namespace: &Arc<str>,
    name: &str,
    now: Timestamp,
) -> Gathered {
    let mut scopes = vec![
        Scope::all(SCALED_OBJECTS, namespace),
        Scope::all(HPAS, namespace),
    ];
    let object = scaled_object(kept, &scopes[0], name);
    let hpa = hpa(kept, &scopes[1], name, object.map(|(object, _)| object));
    let reference = (object.and_then(|(object, _)| object.target.as_ref()))
        .or(hpa.and_then(|(hpa, _)| hpa.target.as_ref()));
    let target = reference.and_then(|reference| {
        scopes.push(Scope::of_target(namespace, reference));
        target(kept, scopes.last()?, reference)
    });
    let selector = target.and_then(|(target, _)| target.selector.as_ref());
    let pods = selector.map(|selector| Scope::pods(namespace, selector));
    scopes.extend(pods.clone());
    let of_pods = pods.as_ref().and_then(|scope| kept.get(scope));
    let facts = ClusterFacts {
        scaling: scaling(object, hpa),
        fleet: fleet(target, of_pods, hpa),
        starts: of_pods.and_then(|kept| {
            let (_, at) = kept.known()?;
            let batches = kept.starts.batches(now);
            Some(PodStarts { at, batches })
        }),
        missing: missing(kept, &scopes),
    };
    let rollout = target.is_some_and(|(target, _)| target.rollout);
    Gathered {
        facts,
        scopes,
        pods: pods.map(|scope| (scope, rollout)),
    }
}

fn scaled_object<'a>(
    kept: &'a HashMap<Scope, Kept>,
    scope: &Scope,
    name: &str,
) -> Option<(&'a ScaledObject, Timestamp)> {
    let (objects, at) = kept.get(scope)?.known()?;
    match objects.get(name)? {
        Object::ScaledObject(object) => Some((object, at)),
        _ => None,
    }
}

/// The HPA by the name that the ScaledObject says, by KEDA's usual name, or by KEDA's label. Where there is no ScaledObject it
/// may be a PredictiveAutoscaler's own, or else one that follows the plan by itself.
fn hpa<'a>(
    kept: &'a HashMap<Scope, Kept>,
    scope: &Scope,
    name: &str,
    object: Option<&ScaledObject>,
) -> Option<(&'a Hpa, Timestamp)> {
    let (objects, at) = kept.get(scope)?.known()?;
    let said = object.and_then(|object| object.hpa.as_deref());
    let usual = keda_hpa(name);
    let hpas = || {
        objects.values().filter_map(|object| match object {
            Object::Hpa(hpa) => Some(hpa),
            _ => None,
        })
    };
    let is = |said: &Option<String>| said.as_deref() == Some(name);
    let found = match objects.get(said.unwrap_or(&usual)) {
        Some(Object::Hpa(hpa)) => Some(hpa),
        _ => hpas().find(|hpa| is(&hpa.scaled_object)),
    };
    let found = found.or_else(|| {
        let alone = || hpas().filter(|_| object.is_none());
        let own = alone().find(|hpa| is(&hpa.predictive_autoscaler));
        own.or_else(|| alone().find(|hpa| is(&hpa.plan_of)))
    });
    found.map(|hpa| (hpa, at))
}

fn target<'a>(
    kept: &'a HashMap<Scope, Kept>,
    scope: &Scope,
    reference: &TargetRef,
) -> Option<(&'a Target, Timestamp)> {
    let (objects, at) = kept.get(scope)?.known()?;
    match objects.get(&reference.name)? {
        Object::Target(target) => Some((target, at)),
        _ => None,
    }
}

/// Bounds as the ScaledObject has them, or else as its HPA has; rules as the HPA has them, or else as it will. An HPA can't
/// have a minimum of 0, so that of a minimum of 1 nobody knows whether KEDA may scale to 0 beside it: it bounds nothing.
fn scaling(
    object: Option<(&ScaledObject, Timestamp)>,
    hpa: Option<(&Hpa, Timestamp)>,
) -> Option<Scaling> {
    let by = |by| move |replicas| ScalingBound { replicas, by };
    let theirs = hpa.map(|(hpa, _)| hpa);
    let (min, max) = match object {
        Some((object, _)) => (Some(object.min), Some(object.max)),
        None => (
            theirs.map(|hpa| hpa.min).filter(|min| *min > 1),
            theirs.and_then(|hpa| hpa.max),
        ),
    };
    let whose = match object {
        Some(_) => BoundBy::ScaledObject,
        None => BoundBy::Hpa,
    };
    let behavior = (theirs.map(|hpa| &hpa.behavior))
        .or(object.map(|(object, _)| &object.behavior))?
        .clone();
    let moments = [object.map(|(_, at)| at), hpa.map(|(_, at)| at)];
    Some(Scaling {
        at: moments.into_iter().flatten().min()?,
        min: min.map(by(whose)),
        max: max.map(by(whose)),
        up: behavior.up,
        down: behavior.down,
        paused: object.is_some_and(|(object, _)| object.paused),
    })
}

/// The target's own count, with its pods where it does not say which are Ready; or what the HPA saw.
fn fleet(
    target: Option<(&Target, Timestamp)>,
    pods: Option<&Kept>,
    hpa: Option<(&Hpa, Timestamp)>,
) -> Option<Fleet> {
    let Some((target, at)) = target else {
        let (hpa, at) = hpa?;
        return Some(Fleet {
            at,
            replicas: hpa.current?,
            ready: None,
            rollout: false,
        });
    };
    let counted = pods.and_then(Kept::known).map(|(pods, _)| {
        let ready = |object: &&Object| matches!(object, Object::Pod(pod) if pod.ready.is_some());
        pods.values().filter(ready).count() as u32
    });
    Some(Fleet {
        at,
        replicas: target.replicas,
        ready: target.ready.or(counted),
        rollout: target.rollout,
    })
}

fn missing(kept: &HashMap<Scope, Kept>, scopes: &[Scope]) -> Vec<MissingRight> {
    let refused = |scope: &&Scope| {
        kept.get(*scope)
            .is_some_and(|kept| kept.state == State::Refused)
    };
    let right = |scope: &Scope| MissingRight {
        feature: scope.feature().to_string(),
        rule: scope.rule(),
    };
    scopes.iter().filter(refused).map(right).collect()
}

#[cfg(test)]
mod tests;
