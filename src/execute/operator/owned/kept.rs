//! What is kept of a ScaledObject or HPA, and read from it: an HPA's metrics change with every look that is taken at it, and
//! all the rest of it is not asked for.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use kube::api::DynamicObject;
use kube::core::ObjectMeta;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use crate::execute::kubernetes::keda_hpa;
use crate::execute::operator::desired::Kind;
use crate::execute::operator::resource::{GROUP, PredictiveAutoscaler};

/// What KEDA's annotations that pause a ScaledObject begin with.
const PAUSED: &str = "autoscaling.keda.sh/paused";

/// The parts of `object` that looks read.
pub(in super::super) fn trim(object: DynamicObject) -> DynamicObject {
    let data = &object.data;
    let conditions = data.pointer("/status/conditions").and_then(Value::as_array);
    let conditions: Vec<Value> = (conditions.into_iter().flatten())
        .map(|it| {
            json!({
                "type": it["type"],
                "status": it["status"],
                "reason": it["reason"],
                "message": it["message"],
            })
        })
        .collect();
    let mut hasher = DefaultHasher::new();
    data["spec"].hash(&mut hasher);
    let data = json!({
        "specHash": hasher.finish(),
        "spec": {
            "scaleTargetRef": data["spec"]["scaleTargetRef"],
            "minReplicaCount": data["spec"]["minReplicaCount"],
            "idleReplicaCount": data["spec"]["idleReplicaCount"],
        },
        "status": {
            "conditions": conditions,
            "currentReplicas": data["status"]["currentReplicas"],
            "hpaName": data["status"]["hpaName"],
        },
    });
    let metadata = object.metadata;
    let annotations = metadata.annotations.into_iter().flatten();
    let annotations = annotations.filter(|(key, _)| key.starts_with(PAUSED));
    DynamicObject {
        types: object.types,
        metadata: ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            generation: metadata.generation,
            annotations: Some(annotations.collect()),
            owner_references: metadata.owner_references,
            deletion_timestamp: metadata.deletion_timestamp,
            ..ObjectMeta::default()
        },
        data,
    }
}

/// What tells one `spec` from another where the API server does not count its generations: those of HPAs only the newest
/// Kubernetes counts (kubernetes/kubernetes#138228). Of what was trimmed.
pub(in super::super) fn spec_hash(kept: &DynamicObject) -> Option<u64> {
    kept.data["specHash"].as_u64()
}

/// Whether KEDA lets the ScaledObject scale one way while it calls it paused. Of what was trimmed.
pub(in super::super) fn is_paused_one_way(scaled_object: &DynamicObject) -> bool {
    let is_there = |suffix: &str| {
        let key = format!("{PAUSED}{suffix}");
        let value = scaled_object.annotations().get(&key);
        value.is_some_and(|it| it != "false")
    };
    let one_way = is_there("-scale-in") || is_there("-scale-out");
    one_way && !is_there("") && !is_there("-replicas")
}

/// Whether what scales may leave its workload at zero: only KEDA does, and a ScaledObject that says nothing lets it. Of what was
/// trimmed.
pub(in super::super) fn may_sleep(kind: Kind, object: &DynamicObject) -> bool {
    let replicas = |key: &str| object.data["spec"][key].as_i64();
    let fewest = replicas("idleReplicaCount").or_else(|| replicas("minReplicaCount"));
    kind == Kind::ScaledObject && fewest.unwrap_or(0) == 0
}

/// The name of the PredictiveAutoscaler that owns `object`.
pub(super) fn owner(object: &DynamicObject) -> Option<&str> {
    owned_by(object, &PredictiveAutoscaler::kind(&()), GROUP)
}

/// The name of the ScaledObject that KEDA has made an HPA for.
pub(super) fn scaled_object(hpa: &DynamicObject) -> Option<&str> {
    let kind = Kind::ScaledObject;
    let (group, _) = kind.api_version().split_once('/').unwrap_or_default();
    owned_by(hpa, kind.name(), group)
}

fn owned_by<'a>(object: &'a DynamicObject, kind: &str, group: &str) -> Option<&'a str> {
    let is_meant = |version: &str| version.split_once('/').is_some_and(|(it, _)| it == group);
    let mut owners = object.owner_references().iter();
    let owner = owners.find(|it| it.kind == kind && is_meant(&it.api_version))?;
    Some(&owner.name)
}

/// The name of a ScaledObject's HPA.
pub(super) fn hpa_of(scaled_object: &DynamicObject) -> String {
    let said = scaled_object.data["status"]["hpaName"].as_str();
    let said = said.filter(|name| !name.is_empty()).map(str::to_owned);
    said.unwrap_or_else(|| keda_hpa(&scaled_object.name_any()))
}

/// Replicas that an HPA saw, if it can see its workload. None at all are left out of its status.
pub(in super::super) fn replicas(hpa: &DynamicObject) -> Option<i32> {
    let status = &hpa.data["status"];
    let mut conditions = status["conditions"].as_array()?.iter();
    conditions.find(|it| it["type"] == "AbleToScale" && it["status"] == "True")?;
    match &status["currentReplicas"] {
        Value::Null => Some(0),
        count => i32::try_from(count.as_i64()?).ok(),
    }
}
