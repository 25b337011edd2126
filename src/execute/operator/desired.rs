//! What is made for a PredictiveAutoscaler: a ScaledObject, or an HPA where there is no KEDA.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource as _, ResourceExt as _};
use serde_json::{Value, json};

use super::config::Config;
use super::resource::{DeletionPolicy, PredictiveAutoscaler};
use super::trigger::Trigger;

/// Says whose an object is.
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "forescale");

/// KEDA looks whether a sleeping workload must wake this often, and so do HPAs.
const POLLING_SECONDS: u32 = 15;

/// What KEDA waits by default before the last replica goes.
const COOLDOWN_SECONDS: u32 = 300;

/// What an HPA waits by default before it scales down. It is written out: most versions of KEDA leave an HPA's window and
/// tolerance as they are when nothing is said of them any more, as after a change of `mode`.
const WINDOW_SECONDS: u32 = 300;

/// What scales the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    ScaledObject,
    Hpa,
}

impl Kind {
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::ScaledObject => "keda.sh/v1alpha1",
            Self::Hpa => "autoscaling/v2",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ScaledObject => "ScaledObject",
            Self::Hpa => "HorizontalPodAutoscaler",
        }
    }

    /// What scales in a cluster, by whether KEDA is installed.
    pub(super) fn found(keda: bool) -> Self {
        if keda { Self::ScaledObject } else { Self::Hpa }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::ScaledObject => Self::Hpa,
            Self::Hpa => Self::ScaledObject,
        }
    }
}

/// The object that scales `owner`'s workload.
pub(super) fn object(
    kind: Kind,
    owner: &PredictiveAutoscaler,
    trigger: &Trigger,
    config: &Config,
    exact: bool,
) -> Value {
    let spec = match kind {
        Kind::ScaledObject => scaled_object(owner, trigger, config, exact),
        Kind::Hpa => hpa(owner, config, exact),
    };
    json!({
        "apiVersion": kind.api_version(),
        "kind": kind.name(),
        "metadata": {
            "name": owner.name_any(),
            "namespace": owner.namespace(),
            "labels": {MANAGED_BY.0: MANAGED_BY.1},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": spec,
    })
}

fn scaled_object(
    owner: &PredictiveAutoscaler,
    trigger: &Trigger,
    config: &Config,
    exact: bool,
) -> Value {
    let spec = &owner.spec;
    let push = spec.external_push.unwrap_or(true);
    let mut ours = json!({
        "type": if push { "external-push" } else { "external" },
        "metadata": trigger.metadata,
    });
    if let Some(authentication) = &config.authentication {
        ours["authenticationRef"] =
            json!({"name": authentication.name, "kind": authentication.kind});
    }
    let mut triggers = vec![ours];
    triggers.extend(spec.additional_triggers.iter().cloned());
    let fallback = spec.fallback.as_ref().and_then(|it| it.replicas);
    json!({
        "scaleTargetRef": {
            "apiVersion": spec.target_ref.api_version,
            "kind": spec.target_ref.kind,
            "name": spec.target_ref.name,
        },
        "pollingInterval": POLLING_SECONDS,
        "cooldownPeriod": spec.cooldown_period.unwrap_or(COOLDOWN_SECONDS),
        "minReplicaCount": spec.min_replicas,
        "maxReplicaCount": spec.max_replicas,
        // From the first failure on: only so do the triggers beside ours go on when no Forescale can be reached
        // (docs/e2e.md), and the replicas never become fewer by it.
        "fallback": {
            "failureThreshold": if push { 0 } else { 3 },
            "replicas": fallback.unwrap_or(spec.min_replicas.max(1)),
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {
            "restoreToOriginalReplicaCount": spec.deletion_policy == DeletionPolicy::RestoreOriginal,
            "horizontalPodAutoscalerConfig": {"behavior": behavior(owner, exact)},
        },
        "triggers": triggers,
    })
}

/// An HPA on the replicas that Forescale asks for: one replica for each of them.
fn hpa(owner: &PredictiveAutoscaler, config: &Config, exact: bool) -> Value {
    let spec = &owner.spec;
    json!({
        "scaleTargetRef": {
            "apiVersion": spec.target_ref.api_version,
            "kind": spec.target_ref.kind,
            "name": spec.target_ref.name,
        },
        // An HPA does not scale to zero (without an alpha feature).
        "minReplicas": spec.min_replicas.max(1),
        "maxReplicas": spec.max_replicas,
        "behavior": behavior(owner, exact),
        "metrics": [{
            "type": "External",
            "external": {
                "metric": {
                    "name": config.external_metric,
                    "selector": {"matchLabels": {"name": owner.name_any()}},
                },
                "target": {"type": "AverageValue", "averageValue": "1"},
            },
        }],
    })
}

/// What the user says; or an HPA that follows the plan at once, for the plan has waited for its own window; or, where not the
/// plan alone decides, the HPA's own defaults.
fn behavior(owner: &PredictiveAutoscaler, exact: bool) -> Value {
    if let Some(behavior) = &owner.spec.behavior {
        return json!(behavior);
    }
    let alone = owner.spec.plan_alone_decides();
    let mut up = json!({
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 15},
            {"type": "Pods", "value": 4, "periodSeconds": 15},
        ],
    });
    let mut down = json!({
        "stabilizationWindowSeconds": if alone { 0 } else { WINDOW_SECONDS },
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    });
    if alone && exact {
        up["tolerance"] = json!("0");
        down["tolerance"] = json!("0");
    }
    json!({"scaleUp": up, "scaleDown": down})
}

/// The cluster's garbage collector removes what is owned after its owner.
fn owner_reference(owner: &PredictiveAutoscaler) -> Option<OwnerReference> {
    owner.controller_owner_ref(&())
}

#[cfg(test)]
mod tests;
