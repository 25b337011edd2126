//! A trigger of ours that follows another one: whether that one is there and hands something on.

use super::{Finding, Object, Trigger, setting};
use crate::cli::check::yaml::{Entry, Node, Place};

/// Triggers that the HPA reads by itself, so that KEDA has no metric of theirs.
const OF_THE_HPA: [&str; 2] = ["cpu", "memory"];

pub(super) fn check(spec: &Entry, object: &Object, findings: &mut Vec<Finding>) {
    let nodes = spec.value.get("triggers").map_or(&[][..], Node::items);
    for trigger in object.triggers.iter().filter(|trigger| trigger.ours) {
        let Some(followed) = setting(trigger, "triggerName") else {
            continue;
        };
        // One of another ScaledObject is not in sight.
        let elsewhere = setting(trigger, "scaledObject").is_some_and(|name| name != object.name);
        if !elsewhere {
            judge(followed, trigger, nodes, findings);
        }
    }
}

fn judge(followed: &str, trigger: &Trigger, nodes: &[Node], findings: &mut Vec<Finding>) {
    let place = place_of(trigger, nodes);
    let named = nodes
        .iter()
        .filter_map(|node| Some((node.text_of("name")?, node)));
    let named: Vec<(&str, &Node)> = named.collect();
    let Some((_, found)) = named.iter().find(|(name, _)| *name == followed) else {
        // Without a name a trigger goes by its type in KEDA's code.
        if !followed.ends_with("Scaler") {
            let near = nearest(followed, named.iter().map(|(name, _)| *name));
            let text = format!(
                "`triggerName` is `{followed}`, and no trigger of this ScaledObject has that `name`{near}"
            );
            findings.push(Finding::error(place, text));
        }
        return;
    };
    let kind = found.text_of("type").unwrap_or_default();
    if OF_THE_HPA.contains(&kind) {
        let text = format!(
            "`{followed}` is a `{kind}` trigger: the HPA reads that by itself, and KEDA has nothing to hand on"
        );
        findings.push(Finding::error(place, text));
    }
    if found.place == trigger.place {
        let text = format!(
            "`triggerName` is `{followed}`, which is this trigger itself: name the one to follow"
        );
        findings.push(Finding::error(place, text));
    }
    if let Some(metric) = found.entry("metricType")
        && metric.value.text() == Some("Value")
    {
        let text = "the trigger that is followed has `metricType: Value`: Forescale divides the metric by `threshold`, as \
                    `AverageValue` does";
        findings.push(Finding::warning(metric.place, text));
    }
}

fn place_of(trigger: &Trigger, nodes: &[Node]) -> Place {
    let metadata = nodes
        .get(trigger.index)
        .and_then(|node| node.get("metadata"));
    let entry = metadata.and_then(|metadata| metadata.entry("triggerName"));
    entry.map_or(trigger.place, |entry| entry.place)
}

/// What may have been meant by `wanted`, as the end of a sentence; empty where nothing is near.
pub(in crate::cli::check) fn nearest<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
) -> String {
    let scored = names.map(|name| (name, strsim::jaro_winkler(wanted, name)));
    let near = scored.filter(|(_, score)| *score >= 0.8);
    near.max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or_else(String::new, |(name, _)| format!(": did you mean `{name}`?"))
}
