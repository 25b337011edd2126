//! What a ScaledObject says that is not simulated: each such key is told, so that nobody takes its effect for granted.

use crate::backtest::MOST_REPLICAS;
use crate::cli::check::yaml::Node;

/// One note for each key of the object and of the trigger that moves a real fleet and not the simulated one.
pub(super) fn of(spec: &Node, trigger: &Node) -> Vec<String> {
    let kind = metric_type(trigger);
    let found = kind.into_iter().chain(most(spec)).chain(idle(spec));
    let found = found.chain(modifiers(spec));
    found.chain(beside(spec, trigger)).collect()
}

fn most(spec: &Node) -> Option<String> {
    let most: u32 = spec.text_of("maxReplicaCount")?.parse().ok()?;
    (most > MOST_REPLICAS).then(|| {
        format!(
            "line {}: `maxReplicaCount` {most} was taken for {MOST_REPLICAS}, the most that is simulated",
            spec.deepest("maxReplicaCount").line
        )
    })
}

fn metric_type(trigger: &Node) -> Option<String> {
    let kind = trigger.text_of("metricType")?;
    (kind != "AverageValue").then(|| {
        format!(
            "line {}: `metricType: {kind}` of the trigger was left out, every policy is run with `AverageValue`: the query is \
             taken for the load of the whole workload; where it is a mean over its replicas, give one that sums, for these \
             figures say nothing then",
            trigger.deepest("metricType").line
        )
    })
}

fn idle(spec: &Node) -> Option<String> {
    spec.get("idleReplicaCount").map(|_| {
        format!(
            "line {}: `idleReplicaCount` was left out: without load the fleet stays at `minReplicaCount`",
            spec.deepest("idleReplicaCount").line
        )
    })
}

fn modifiers(spec: &Node) -> Option<String> {
    spec.get("advanced")?.get("scalingModifiers").map(|_| {
        format!(
            "line {}: `scalingModifiers` was left out: the trigger's own value counts, not what the formula makes of it",
            spec.deepest("advanced.scalingModifiers").line
        )
    })
}

/// The HPA takes the largest of all triggers' wishes, so that each of the others may hold the real fleet up.
fn beside(spec: &Node, trigger: &Node) -> Option<String> {
    let all = spec.get("triggers").map_or(&[][..], Node::items);
    let others = all.iter().filter(|other| !std::ptr::eq(*other, trigger));
    let names: Vec<String> = others
        .map(|other| format!("`{}`", other.text_of("type").unwrap_or("?")))
        .collect();
    let (last, before) = names.split_last()?;
    let subject = if before.is_empty() {
        format!("the trigger {last} beside it was")
    } else {
        format!(
            "the triggers {} and {last} beside it were",
            before.join(", ")
        )
    };
    Some(format!(
        "{subject} left out: the HPA takes the largest of all, so that the real fleet may be larger than any here"
    ))
}
