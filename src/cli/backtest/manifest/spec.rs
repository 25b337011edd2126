//! What the `spec` of a ScaledObject says: bounds, times, fallback and the HPA's behavior. What is written wrongly is refused
//! with its line and with what is allowed, as the API server refuses it.

use std::ops::RangeBounds;
use std::str::FromStr;
use std::time::Duration;

use crate::cli::check::yaml::Node;
use crate::execute::quantity;
use crate::simulate::hpa::{Behavior, Change, Policy, Rules, Select};
use crate::simulate::keda::{Fallback, FallbackBehavior, ScaledObject};

/// Bounds and times, and whether the HPA reads what KEDA read last; what is left out is KEDA's default.
pub(super) fn object(spec: &Node, trigger: &Node) -> Result<ScaledObject, String> {
    let usual = ScaledObject::default();
    let count = |key, usual| number(spec, key, COUNT, ..).map(|found| found.unwrap_or(usual));
    let span = |key, usual| -> Result<Duration, String> {
        let secs = number(spec, key, SECONDS, ..)?;
        Ok(secs.map_or(usual, Duration::from_secs))
    };
    let object = ScaledObject {
        min_replicas: count("minReplicaCount", usual.min_replicas)?,
        max_replicas: count("maxReplicaCount", usual.max_replicas)?,
        polling_interval: span("pollingInterval", usual.polling_interval)?,
        cooldown_period: span("cooldownPeriod", usual.cooldown_period)?,
        initial_cooldown_period: span("initialCooldownPeriod", usual.initial_cooldown_period)?,
        use_cached_metrics: trigger.text_of("useCachedMetrics") == Some("true"),
        fallback: fallback(spec)?,
    };
    if object.min_replicas > object.max_replicas {
        return Err(format!(
            "line {}: `minReplicaCount` {} is above `maxReplicaCount` {}",
            spec.deepest("minReplicaCount").line,
            object.min_replicas,
            object.max_replicas
        ));
    }
    Ok(object)
}

fn fallback(spec: &Node) -> Result<Option<Fallback>, String> {
    let Some(fallback) = spec.get("fallback") else {
        return Ok(None);
    };
    let behaviors = [
        ("static", FallbackBehavior::Static),
        ("currentReplicas", FallbackBehavior::CurrentReplicas),
        (
            "currentReplicasIfHigher",
            FallbackBehavior::CurrentReplicasIfHigher,
        ),
        (
            "currentReplicasIfLower",
            FallbackBehavior::CurrentReplicasIfLower,
        ),
    ];
    Ok(Some(Fallback {
        failure_threshold: number(fallback, "failureThreshold", COUNT, ..)?.unwrap_or(0),
        replicas: number(fallback, "replicas", COUNT, ..)?.unwrap_or(0),
        behavior: one_of(fallback, "behavior", &behaviors)?.unwrap_or(FallbackBehavior::Static),
    }))
}

/// The HPA's behavior, if the manifest has one.
pub(super) fn behavior(spec: &Node) -> Result<Option<Behavior>, String> {
    let advanced = spec.get("advanced");
    let hpa = advanced.and_then(|advanced| advanced.get("horizontalPodAutoscalerConfig"));
    let Some(behavior) = hpa.and_then(|hpa| hpa.get("behavior")) else {
        return Ok(None);
    };
    let usual = Behavior::default();
    Ok(Some(Behavior {
        scale_up: rules(behavior.get("scaleUp"), usual.scale_up)?,
        scale_down: rules(behavior.get("scaleDown"), usual.scale_down)?,
    }))
}

/// Rules of one direction; what they leave out is `usual`.
fn rules(given: Option<&Node>, usual: Rules) -> Result<Rules, String> {
    let Some(given) = given else {
        return Ok(usual);
    };
    let allowed = "whole seconds, 0 to 3600";
    let window = number(given, "stabilizationWindowSeconds", allowed, ..=3600)?;
    let selects = [
        ("Max", Select::Max),
        ("Min", Select::Min),
        ("Disabled", Select::Disabled),
    ];
    let policies = given.get("policies").map_or(&[][..], Node::items);
    let policies = policies.iter().map(policy).collect::<Result<Vec<_>, _>>()?;
    Ok(Rules {
        tolerance: share(given, "tolerance")?.or(usual.tolerance),
        stabilization: window.map_or(usual.stabilization, Duration::from_secs),
        policies: if policies.is_empty() {
            usual.policies
        } else {
            policies
        },
        select: one_of(given, "selectPolicy", &selects)?.unwrap_or(Select::Max),
    })
}

fn policy(node: &Node) -> Result<Policy, String> {
    let value = number(node, "value", "whole numbers, 1 and above", 1..)?.unwrap_or(0);
    let changes = [
        ("Pods", Change::Pods(value)),
        ("Percent", Change::Percent(value)),
    ];
    let period = number(node, "periodSeconds", "whole seconds, 1 to 1800", 1..=1800)?;
    Ok(Policy {
        change: one_of(node, "type", &changes)?.unwrap_or(Change::Pods(value)),
        period: Duration::from_secs(period.unwrap_or(15)),
    })
}

const COUNT: &str = "whole numbers, 0 and above";
const SECONDS: &str = "whole seconds without a unit, 0 and above";

/// A number that may be left out.
fn number<T: FromStr + PartialOrd>(
    node: &Node,
    key: &str,
    allowed: &str,
    range: impl RangeBounds<T>,
) -> Result<Option<T>, String> {
    read_as(node, key, allowed, |text| {
        text.parse().ok().filter(|number| range.contains(number))
    })
}

/// One of a few words, which may be left out.
fn one_of<T: Copy>(node: &Node, key: &str, words: &[(&str, T)]) -> Result<Option<T>, String> {
    let allowed: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    read_as(node, key, &allowed.join(", "), |text| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meant)| *meant)
    })
}

/// A share as Kubernetes writes quantities: `0.05` or `50m`.
fn share(node: &Node, key: &str) -> Result<Option<f64>, String> {
    read_as(node, key, "0 and above, such as 0.05 or 50m", |text| {
        quantity::parse(text).filter(|share| *share >= 0.0)
    })
}

fn read_as<T>(
    node: &Node,
    key: &str,
    allowed: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(text) = node.text_of(key) else {
        return Ok(None);
    };
    let line = node.deepest(key).line;
    let wrong = || format!("line {line}: `{key}` is `{text}`: allowed are {allowed}");
    read(text).map(Some).ok_or_else(wrong)
}
