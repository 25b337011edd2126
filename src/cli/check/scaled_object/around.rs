//! The ScaledObject around a trigger of ours.

use super::{Finding, Object, Trigger, followed, setting};
use crate::cli::check::yaml::{Entry, Node, Place};
use crate::domain::USUAL_TOLERANCE;

/// KEDA's `maxReplicaCount` when none is given.
const DEFAULT_MAX: u64 = 100;

/// The HPA's default `stabilizationWindowSeconds` before it scales down.
const DEFAULT_WINDOW: u64 = 300;

pub(super) fn check(document: &Node, object: &Object, findings: &mut Vec<Finding>) {
    let Some(spec) = document.entry("spec") else {
        return;
    };
    if spec.value.get("fallback").is_none() {
        let text = "there is no `fallback`: when Forescale itself can't be reached, the HPA keeps the replicas it has; a \
                    `fallback` sets how many there should be";
        findings.push(Finding::hint(spec.place, text));
    }
    from_zero(&spec.value, object, findings);
    followed::check(spec, object, findings);
    for trigger in object.triggers.iter().filter(|trigger| trigger.ours) {
        bounds(spec, trigger, findings);
        tolerance(spec, trigger, findings);
        window(&spec.value, trigger, findings);
    }
}

/// The HPA's dead band beside the one that the plan reckons with.
fn tolerance(spec: &Entry, trigger: &Trigger, findings: &mut Vec<Finding>) {
    // Without a value the plan may still learn it from the cluster; here nobody knows whether it may.
    let own =
        setting(trigger, "hpaTolerance").map_or(Some(USUAL_TOLERANCE), |own| own.parse().ok());
    let behavior = ["advanced", "horizontalPodAutoscalerConfig", "behavior"]
        .into_iter()
        .try_fold(&spec.value, |node, key| node.get(key));
    let Some(own) = own else { return };
    let mut given = false;
    for direction in ["scaleUp", "scaleDown"] {
        let rules = behavior.and_then(|behavior| behavior.get(direction));
        let Some(entry) = rules.and_then(|rules| rules.entry("tolerance")) else {
            continue;
        };
        given = true;
        let text = entry.value.text().unwrap_or_default();
        if text
            .parse::<f64>()
            .is_ok_and(|there| (there - own).abs() > 1e-9)
        {
            let text = format!(
                "`{direction}.tolerance` is {text} and the trigger's `hpaTolerance` is {own}: the plan reckons with the \
                 latter, so that replicas are too many, or plans go unheard; write `hpaTolerance: \"{text}\"`"
            );
            findings.push(Finding::warning(entry.place, text));
        }
    }
    if !given && (own - USUAL_TOLERANCE).abs() > 1e-9 {
        let text = format!(
            "`hpaTolerance` is {own} and the ScaledObject's `behavior` says nothing of `tolerance`: the HPA's own is \
             {USUAL_TOLERANCE} unless the cluster says otherwise"
        );
        findings.push(Finding::hint(trigger.place, text));
    }
}

fn from_zero(spec: &Node, object: &Object, findings: &mut Vec<Finding>) {
    let min = spec.entry("minReplicaCount");
    let zero = min.is_none_or(|min| min.value.text() == Some("0"));
    let pushed = |trigger: &&Trigger| trigger.ours && trigger.kind == "external-push";
    let pulled = |trigger: &&Trigger| trigger.ours && trigger.kind == "external";
    let Some(trigger) = object.triggers.iter().find(pulled) else {
        return;
    };
    if zero && !object.triggers.iter().any(|trigger| pushed(&trigger)) {
        let place = min.map_or(trigger.place, |min| min.place);
        let text = "the workload may sleep at 0 replicas, and KEDA asks an `external` trigger only every \
                    `pollingInterval` whether to wake it: `external-push` is told at once (or set `minReplicaCount: 1`)";
        findings.push(Finding::hint(place, text));
    }
}

/// Where scale-in is left to the HPA, its window is what keeps replicas through a dip of the load.
fn window(spec: &Node, trigger: &Trigger, findings: &mut Vec<Finding>) {
    let Some(mode @ ("scale-out" | "auto" | "shadow")) = setting(trigger, "mode") else {
        return;
    };
    let path = [
        "advanced",
        "horizontalPodAutoscalerConfig",
        "behavior",
        "scaleDown",
    ];
    let Some(down) = path.iter().try_fold(spec, |node, key| node.get(key)) else {
        return;
    };
    let key = "stabilizationWindowSeconds";
    let Some(entry) = down.entry(key) else { return };
    let seconds = entry.value.text().and_then(|text| text.parse::<u64>().ok());
    if let Some(seconds) = seconds.filter(|seconds| *seconds < DEFAULT_WINDOW) {
        let text = format!(
            "`{key}` is {seconds}, and `mode: {mode}` leaves scale-in to the HPA: replicas go as soon as the load dips; its \
             default is {DEFAULT_WINDOW}"
        );
        findings.push(Finding::warning(entry.place, text));
    }
}

/// The plan's own bounds beside those of the ScaledObject.
fn bounds(spec: &Entry, trigger: &Trigger, findings: &mut Vec<Finding>) {
    let own = |key: &str| -> Option<u64> { setting(trigger, key)?.parse().ok() };
    let count = |key: &str| -> (Option<u64>, Place) {
        let entry = spec.value.entry(key);
        let value = entry.and_then(|entry| entry.value.text()?.parse().ok());
        (value, entry.map_or(trigger.place, |entry| entry.place))
    };
    let (max_count, max_place) = count("maxReplicaCount");
    let max_count = max_count.unwrap_or(DEFAULT_MAX);
    if let Some(max) = own("maxReplicas").filter(|max| *max != max_count) {
        let text = format!(
            "`maxReplicaCount` is {max_count} and the trigger's `maxReplicas` is {max}: the lower one bounds the \
             replicas, and the plan knows of its own only"
        );
        findings.push(Finding::warning(max_place, text));
    }
    if let Some(min) = own("minReplicas").filter(|min| *min > max_count) {
        let text = format!(
            "`maxReplicaCount` is {max_count}, less than the trigger's `minReplicas`, which is {min}"
        );
        findings.push(Finding::error(max_place, text));
    }
}
