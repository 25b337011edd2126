//! What the API server looks at first: the version, what is scaled, and keys that it knows.

use super::{Finding, followed::nearest};
use crate::cli::check::yaml::Node;

/// The `apiVersion` of a ScaledObject.
const VERSION: &str = "keda.sh/v1alpha1";

/// Keys of each direction of the HPA's behavior.
const RULES: [&str; 4] = [
    "stabilizationWindowSeconds",
    "selectPolicy",
    "policies",
    "tolerance",
];

/// Which keys there are at a place.
const KNOWN: [(&str, &[&str]); 9] = [
    (
        "spec",
        &[
            "scaleTargetRef",
            "pollingInterval",
            "initialCooldownPeriod",
            "cooldownPeriod",
            "idleReplicaCount",
            "minReplicaCount",
            "maxReplicaCount",
            "advanced",
            "triggers",
            "fallback",
        ],
    ),
    (
        "spec.scaleTargetRef",
        &["name", "apiVersion", "kind", "envSourceContainerName"],
    ),
    (
        "spec.fallback",
        &["failureThreshold", "replicas", "behavior"],
    ),
    (
        "spec.advanced",
        &[
            "horizontalPodAutoscalerConfig",
            "restoreToOriginalReplicaCount",
            "scalingModifiers",
        ],
    ),
    (
        "spec.advanced.scalingModifiers",
        &["formula", "target", "activationTarget", "metricType"],
    ),
    (
        "spec.advanced.horizontalPodAutoscalerConfig",
        &["behavior", "name"],
    ),
    (
        "spec.advanced.horizontalPodAutoscalerConfig.behavior",
        &["scaleUp", "scaleDown"],
    ),
    (
        "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp",
        &RULES,
    ),
    (
        "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown",
        &RULES,
    ),
];

/// Keys of a trigger.
const OF_A_TRIGGER: [&str; 6] = [
    "type",
    "name",
    "useCachedMetrics",
    "metadata",
    "authenticationRef",
    "metricType",
];

pub(super) fn check(document: &Node, findings: &mut Vec<Finding>) {
    version(document, findings);
    target(document, findings);
    for (path, keys) in KNOWN {
        let node = path
            .split('.')
            .try_fold(document, |node, key| node.get(key));
        if let Some(node) = node {
            unknown(node, path, keys, findings);
        }
    }
}

/// A key of a trigger that there is none of.
pub(super) fn trigger(node: &Node, findings: &mut Vec<Finding>) {
    unknown(node, "the trigger", &OF_A_TRIGGER, findings);
}

fn version(document: &Node, findings: &mut Vec<Finding>) {
    let entry = document.entry("apiVersion");
    let (place, found) = match entry {
        Some(entry) => (entry.place, entry.value.text().unwrap_or_default()),
        None => (document.place, ""),
    };
    if found != VERSION {
        let text = match entry {
            Some(_) => {
                format!("`apiVersion` is `{found}`: allowed for a ScaledObject is `{VERSION}`")
            }
            None => format!("`apiVersion` is missing: for a ScaledObject it is `{VERSION}`"),
        };
        findings.push(Finding::error(place, text));
    }
}

fn target(document: &Node, findings: &mut Vec<Finding>) {
    let Some(spec) = document.entry("spec") else {
        return;
    };
    let Some(target) = spec.value.entry("scaleTargetRef") else {
        let text = "`scaleTargetRef` is missing: it says what is scaled, such as `scaleTargetRef: {name: web}` for a Deployment";
        findings.push(Finding::error(spec.place, text));
        return;
    };
    let name = target.value.text_of("name").unwrap_or_default();
    if name.is_empty() {
        let text = "`scaleTargetRef` has no `name`: that of the workload which is scaled";
        findings.push(Finding::error(target.place, text));
    }
}

fn unknown(node: &Node, path: &str, keys: &[&str], findings: &mut Vec<Finding>) {
    let unknown = |key: &str| !keys.contains(&key);
    for entry in node.entries().iter().filter(|entry| unknown(&entry.key)) {
        let near = nearest(&entry.key, keys.iter().copied());
        let place = if path.starts_with("spec") {
            format!("`{path}`")
        } else {
            path.to_owned()
        };
        let text = format!(
            "`{}` is no key of {place}, and what it says has no effect{near}",
            entry.key
        );
        findings.push(Finding::warning(entry.place, text));
    }
}
