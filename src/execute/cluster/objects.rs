//! The few fields that are kept of objects. What is missing or of another shape than expected counts as not said: one odd
//! object must not stop a watch.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Selector};
use serde_json::Value;

use super::rights::{DEPLOYMENTS, HPAS, PODS, Right, SCALED_OBJECTS, STATEFUL_SETS};
use crate::domain::{HumanDuration, Ramp, RampStep, ScalingRules, SelectPolicy, Timestamp};
use crate::execute::quantity;

/// KEDA's `maxReplicaCount` when none is given.
const KEDA_MAX: u32 = 100;
/// KEDA labels the HPA with the name of its ScaledObject.
const OF_SCALED_OBJECT: &str = "scaledobject.keda.sh/name";
/// KEDA's annotations that pause a ScaledObject.
const PAUSED: [&str; 2] = [
    "autoscaling.keda.sh/paused",
    "autoscaling.keda.sh/paused-replicas",
];

/// What is kept of an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A ScaledObject.
    ScaledObject(ScaledObject),
    /// An HPA.
    Hpa(Hpa),
    /// A Deployment, a StatefulSet or a `/scale`.
    Target(Target),
    /// A pod.
    Pod(Pod),
}

/// What is scaled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetRef {
    /// Group and version, such as `apps/v1`.
    pub api_version: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The resource in the plural, where KEDA has found it out.
    pub plural: Option<String>,
}

/// Rules for both directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Behavior {
    /// Growing.
    pub up: ScalingRules,
    /// Shrinking.
    pub down: ScalingRules,
}

/// A ScaledObject.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledObject {
    /// What it scales.
    pub target: Option<TargetRef>,
    /// `minReplicaCount`.
    pub min: u32,
    /// `maxReplicaCount`.
    pub max: u32,
    /// The behavior of the HPA to be.
    pub behavior: Behavior,
    /// Whether an annotation has paused it.
    pub paused: bool,
    /// The HPA's name, where it is not the usual one.
    pub hpa: Option<String>,
}

/// An HPA.
#[derive(Clone, Debug, PartialEq)]
pub struct Hpa {
    /// The ScaledObject that it belongs to, by KEDA's label.
    pub scaled_object: Option<String>,
    /// The PredictiveAutoscaler that owns it.
    pub predictive_autoscaler: Option<String>,
    /// The workload whose plan it reads as an external metric.
    pub plan_of: Option<String>,
    /// What it scales.
    pub target: Option<TargetRef>,
    /// `minReplicas`.
    pub min: u32,
    /// `maxReplicas`.
    pub max: Option<u32>,
    /// Its behavior.
    pub behavior: Behavior,
    /// Replicas that it saw when it last looked.
    pub current: Option<u32>,
}

/// What is scaled, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Replicas that exist.
    pub replicas: u32,
    /// Those that are Ready; `None` where only the `/scale` can be read.
    pub ready: Option<u32>,
    /// Whether pods of an older template are being replaced.
    pub rollout: bool,
    /// The pods that belong to it, as a label selector.
    pub selector: Option<Arc<str>>,
}

/// A pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// When it was created.
    pub created: Timestamp,
    /// Since when it is Ready, if it is.
    pub ready: Option<Timestamp>,
}

/// What is kept of an object of this kind, with its name; `None` where it says too little.
pub fn read(right: Right, object: &DynamicObject) -> Option<(String, Object)> {
    let name = object.metadata.name.clone()?;
    let data = &object.data;
    let read = match right {
        SCALED_OBJECTS => Object::ScaledObject(scaled_object(object)),
        HPAS => Object::Hpa(hpa(object)),
        DEPLOYMENTS => Object::Target(deployment(object)),
        STATEFUL_SETS => Object::Target(stateful_set(data)),
        PODS => Object::Pod(pod(object)?),
        _ => return None,
    };
    Some((name, read))
}

fn scaled_object(object: &DynamicObject) -> ScaledObject {
    let data = &object.data;
    let annotations = object.metadata.annotations.as_ref();
    let annotated = PAUSED.iter().any(|key| {
        let value = annotations.and_then(|all| all.get(*key));
        value.is_some_and(|value| value != "false")
    });
    let advanced = &data["spec"]["advanced"]["horizontalPodAutoscalerConfig"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut target = target_ref(&data["spec"]["scaleTargetRef"]);
    if let Some(target) = &mut target {
        target.plural = text(&data["status"]["scaleTargetGVKR"]["resource"]);
    }
    ScaledObject {
        target,
        min: count(&data["spec"]["minReplicaCount"]).unwrap_or(0),
        max: count(&data["spec"]["maxReplicaCount"]).unwrap_or(KEDA_MAX),
        behavior: behavior(&advanced["behavior"]),
        paused: annotated || condition(data, "Paused").is_some(),
        hpa: text(&data["status"]["hpaName"]).or_else(|| text(&advanced["name"])),
    }
}

fn hpa(object: &DynamicObject) -> Hpa {
    let data = &object.data;
    let labels = object.metadata.labels.as_ref();
    Hpa {
        scaled_object: labels
            .and_then(|labels| labels.get(OF_SCALED_OBJECT))
            .cloned(),
        predictive_autoscaler: predictive_autoscaler(object),
        plan_of: plan_of(&data["spec"]["metrics"]),
        target: target_ref(&data["spec"]["scaleTargetRef"]),
        min: count(&data["spec"]["minReplicas"]).unwrap_or(1),
        max: count(&data["spec"]["maxReplicas"]),
        behavior: behavior(&data["spec"]["behavior"]),
        current: count(&data["status"]["currentReplicas"]),
    }
}

fn predictive_autoscaler(object: &DynamicObject) -> Option<String> {
    let mut owners = object.metadata.owner_references.iter().flatten();
    let owner = owners.find(|it| {
        it.kind == "PredictiveAutoscaler" && it.api_version.starts_with("forescale.dev/")
    })?;
    Some(owner.name.clone())
}

/// What the selector of a metric of Forescale's names, as in `keda/doors/prometheus-adapter/hpa.yaml`. Other external metrics
/// may well have a label of this name too.
fn plan_of(metrics: &Value) -> Option<String> {
    let mut metrics = metrics
        .as_array()?
        .iter()
        .map(|it| &it["external"]["metric"]);
    metrics.find_map(|metric| {
        let is_ours = metric["name"].as_str()?.contains("forescale");
        let name = metric["selector"]["matchLabels"]["name"].as_str();
        name.filter(|_| is_ours).map(str::to_owned)
    })
}

/// A rollout goes on while there are pods that are not of the newest template. One that is paused or has failed goes on for
/// who knows how long, and counts as none.
fn deployment(object: &DynamicObject) -> Target {
    let data = &object.data;
    let status = &data["status"];
    let replicas = count(&status["replicas"]).unwrap_or(0);
    let updated = count(&status["updatedReplicas"]).unwrap_or(0);
    let paused = data["spec"]["paused"].as_bool().unwrap_or(false);
    let given_up = data["status"]["conditions"].as_array().is_some_and(|all| {
        all.iter()
            .any(|it| it["type"] == "Progressing" && it["status"] == "False")
    });
    Target {
        replicas,
        ready: Some(count(&status["readyReplicas"]).unwrap_or(0)),
        rollout: replicas > updated && !paused && !given_up,
        selector: selector(&data["spec"]["selector"]),
    }
}

/// The same; a partition keeps older pods on purpose.
fn stateful_set(data: &Value) -> Target {
    let status = &data["status"];
    let replicas = count(&status["replicas"]).unwrap_or(0);
    let updated = count(&status["updatedReplicas"]).unwrap_or(0);
    let kept = count(&data["spec"]["updateStrategy"]["rollingUpdate"]["partition"]).unwrap_or(0);
    let differs = status["currentRevision"] != status["updateRevision"];
    Target {
        replicas,
        ready: Some(count(&status["readyReplicas"]).unwrap_or(0)),
        rollout: differs && updated < replicas.saturating_sub(kept),
        selector: selector(&data["spec"]["selector"]),
    }
}

fn pod(object: &DynamicObject) -> Option<Pod> {
    let created = object.metadata.creation_timestamp.as_ref()?;
    let ready = condition(&object.data, "Ready");
    Some(Pod {
        created: Timestamp::from_millis(created.0.as_millisecond()),
        ready: ready.and_then(|it| moment(&it["lastTransitionTime"])),
    })
}

/// The condition of this type, if it is true.
fn condition<'a>(data: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = data["status"]["conditions"].as_array()?;
    all.iter()
        .find(|it| it["type"] == kind && it["status"] == "True")
}

fn moment(value: &Value) -> Option<Timestamp> {
    let time: jiff::Timestamp = value.as_str()?.parse().ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

fn count(value: &Value) -> Option<u32> {
    u32::try_from(value.as_i64()?).ok()
}

fn target_ref(value: &Value) -> Option<TargetRef> {
    let text = |key: &str| {
        let text = value[key].as_str();
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(TargetRef {
        api_version: text("apiVersion").unwrap_or_else(|| "apps/v1".to_owned()),
        kind: text("kind").unwrap_or_else(|| "Deployment".to_owned()),
        name: text("name")?,
        plural: None,
    })
}

fn selector(value: &Value) -> Option<Arc<str>> {
    let selector: LabelSelector = serde_json::from_value(value.clone()).ok()?;
    let text = Selector::try_from(selector).ok()?.to_string();
    // Without any expression it would mean every pod of the namespace.
    (!text.is_empty()).then(|| text.into())
}

fn behavior(value: &Value) -> Behavior {
    Behavior {
        up: rules(&value["scaleUp"], ScalingRules::usual_up()),
        down: rules(&value["scaleDown"], ScalingRules::usual_down()),
    }
}

/// Rules of one direction; what they leave out is `usual`.
fn rules(value: &Value, usual: ScalingRules) -> ScalingRules {
    let policies: Option<Vec<Ramp>> = (value["policies"].as_array())
        .map(|all| all.iter().filter_map(policy).collect())
        .filter(|all: &Vec<Ramp>| !all.is_empty());
    let window = count(&value["stabilizationWindowSeconds"]);
    ScalingRules {
        tolerance: share(&value["tolerance"]),
        stabilization: window.map_or(usual.stabilization, |secs| {
            HumanDuration::from_secs(u64::from(secs))
        }),
        policies: policies.unwrap_or(usual.policies),
        select: match value["selectPolicy"].as_str() {
            Some("Min") => SelectPolicy::Min,
            Some("Disabled") => SelectPolicy::Disabled,
            _ => SelectPolicy::Max,
        },
    }
}

fn policy(value: &Value) -> Option<Ramp> {
    let amount = count(&value["value"])?;
    let by = match value["type"].as_str()? {
        "Pods" => RampStep::Replicas(amount),
        "Percent" => RampStep::Percent(f64::from(amount)),
        _ => return None,
    };
    let per = HumanDuration::from_secs(u64::from(count(&value["periodSeconds"])?));
    Some(Ramp { by, per })
}

/// A Kubernetes quantity that is a share: `0.1`, `100m`, `0`.
fn share(value: &Value) -> Option<f64> {
    quantity::of(value).filter(|share| *share >= 0.0)
}

impl TargetRef {
    /// The API group.
    pub fn group(&self) -> &str {
        self.api_version
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
    }

    /// The resource; its plural is guessed as English does where KEDA has not found it out.
    pub(super) fn api_resource(&self) -> ApiResource {
        let version = self.api_version.rsplit('/').next().unwrap_or_default();
        let kind = GroupVersionKind::gvk(self.group(), version, &self.kind);
        match &self.plural {
            Some(plural) => ApiResource::from_gvk_with_plural(&kind, plural),
            None => ApiResource::from_gvk(&kind),
        }
    }
}

#[cfg(test)]
mod tests;
