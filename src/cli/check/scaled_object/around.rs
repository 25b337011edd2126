//! The ScaledObject around a trigger of ours.

use super::{Finding, Object, Trigger, followed, setting};
use crate::cli::check::spec;
use crate::cli::check::yaml::{Entry, Node, Place};
use crate::domain::{Bounds, Calendar, Demand, USUAL_TOLERANCE};
use crate::execute::keda::metadata::excerpt;
use crate::execute::quantity;

/// KEDA's `maxReplicaCount` when none is given.
const DEFAULT_MAX: u64 = 100;

/// The HPA's default `stabilizationWindowSeconds` before it scales down.
const DEFAULT_WINDOW: u64 = 300;

pub(super) fn check(document: &Node, object: &Object, findings: &mut Vec<Finding>) {
    let Some(spec) = document.entry("spec") else {
        return;
    };
    fallback(spec, object, findings);
    for mistake in spec::read(&spec.value).mistakes {
        findings.push(Finding::error(mistake.place, mistake.text));
    }
    formula(spec, findings);
    from_zero(&spec.value, object, findings);
    followed::check(spec, object, findings);
    for trigger in object.triggers.iter().filter(|trigger| trigger.ours) {
        bounds(spec, trigger, findings);
        tolerance(spec, trigger, findings);
        window(&spec.value, trigger, findings);
    }
}

/// What a `fallback` is worth when Forescale itself can't be reached: KEDA counts that failure only on `external-push`, and
/// never beyond 1 (docs/debugging.md).
fn fallback(spec: &Entry, object: &Object, findings: &mut Vec<Finding>) {
    let Some(fallback) = spec.value.entry("fallback") else {
        let text = "there is no `fallback`: when Forescale itself can't be reached, the HPA keeps the replicas it has; with \
                    an `external-push` trigger, a `fallback` with `failureThreshold: 0` sets how many there should be";
        findings.push(Finding::hint(spec.place, text));
        return;
    };
    let of_kind = |kind: &str| {
        let mut all = object.triggers.iter();
        all.any(|trigger| trigger.ours && trigger.kind == kind)
    };
    let threshold = fallback.value.entry("failureThreshold");
    let count = threshold.and_then(|entry| entry.value.text()?.parse::<u64>().ok());
    if let Some((entry, count)) = threshold.zip(count.filter(|count| *count > 0))
        && of_kind("external-push")
    {
        let text = format!(
            "with `failureThreshold: {count}` the `fallback` never comes when Forescale itself can't be reached, for KEDA's count \
             of those failures stays at 1: write `failureThreshold: 0`"
        );
        findings.push(Finding::warning(entry.place, text));
    }
    // Beside another trigger it may be meant for that one.
    if of_kind("external") && object.triggers.iter().all(|trigger| trigger.ours) {
        let text = "the `fallback` never comes when Forescale itself can't be reached: with `external` KEDA does not count that \
                    failure; `external-push` with `failureThreshold: 0` has one";
        findings.push(Finding::hint(fallback.place, text));
    }
}

/// With a formula KEDA makes one metric of all triggers.
fn formula(spec: &Entry, findings: &mut Vec<Finding>) {
    let modifiers = ["advanced", "scalingModifiers"]
        .into_iter()
        .try_fold(&spec.value, |node, key| node.get(key));
    let Some(formula) = modifiers.and_then(|modifiers| modifiers.entry("formula")) else {
        return;
    };
    if formula
        .value
        .text()
        .is_some_and(|text| !text.trim().is_empty())
    {
        let text = "with a `formula` the HPA gets what it makes of all triggers, and no longer the number of the plan: what \
                    Forescale tells as planned need not come about";
        findings.push(Finding::warning(formula.place, text));
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
        let Some(there) = quantity::parse(text).filter(|there| *there >= 0.0) else {
            continue;
        };
        if (there - own).abs() > 1e-9 {
            let text = format!(
                "`{direction}.tolerance` is {text} and the trigger's `hpaTolerance` is {own}: the plan reckons with the \
                 latter, so that replicas are too many, or plans go unheard; write `hpaTolerance: \"{there}\"`"
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
    for (key, least, name) in windows(trigger) {
        if least > max_count {
            let text = format!(
                "`maxReplicaCount` is {max_count} and a window of the trigger's `{key}`, `{}`, asks for {least}: the lower one \
                 bounds the replicas, and the plan knows of its own only",
                excerpt(&name)
            );
            findings.push(Finding::warning(max_place, text));
        }
    }
}

/// What windows of time ask for at least, each with its key and its words. A calendar of the server's is not known here.
fn windows(trigger: &Trigger) -> Vec<(&'static str, u64, String)> {
    let bounds = setting(trigger, "bounds").and_then(|text| Bounds::parse(text).ok());
    let calendar = setting(trigger, "calendar").filter(|text| text.contains(':'));
    let calendar = calendar.and_then(|text| Calendar::parse(text).ok());
    let least =
        |key, (demand, name): (Demand, &str)| Some((key, u64::from(demand.min?), name.to_owned()));
    let windows = bounds.iter().flat_map(Bounds::demands);
    let windows = windows.filter_map(|demand| least("bounds", demand));
    let events = calendar.iter().flat_map(Calendar::demands);
    let events = events.filter_map(|demand| least("calendar", demand));
    windows.chain(events).collect()
}
