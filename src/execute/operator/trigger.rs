//! From a PredictiveAutoscaler to the trigger metadata that KEDA hands to Forescale: the same text that a user would have
//! written into a ScaledObject by hand, and judged by the same rules.

use std::collections::BTreeMap;

use super::config::Config;
use super::resource::{PredictiveAutoscalerSpec, VerticalMode};
use crate::domain::{Metadata, TriggerSpec};
use crate::execute::keda::parse_metadata;
use crate::execute::quantity;

/// The trigger of one PredictiveAutoscaler.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trigger {
    /// As KEDA will hand it over.
    pub metadata: Metadata,
    /// What it asks for.
    pub spec: TriggerSpec,
    /// What a person should know of, though it is no mistake.
    pub warnings: Vec<String>,
}

/// The trigger of `spec`; `exact` when the HPA is told to follow every change.
///
/// # Errors
/// All mistakes, in the words of the trigger's metadata, each in a line of its own.
pub(super) fn trigger(
    spec: &PredictiveAutoscalerSpec,
    config: &Config,
    exact: bool,
) -> Result<Trigger, String> {
    let metadata = metadata(spec, config, exact)?;
    match parse_metadata(&metadata) {
        Ok(parsed) => Ok(Trigger {
            metadata,
            spec: parsed.spec,
            warnings: parsed.warnings,
        }),
        Err(mistakes) => {
            let lines: Vec<String> = mistakes.into_iter().map(|it| it.text).collect();
            Err(lines.join("\n"))
        }
    }
}

/// What the trigger says, unjudged.
///
/// # Errors
/// When `triggerMetadata` repeats what has a field of its own.
pub(super) fn metadata(
    spec: &PredictiveAutoscalerSpec,
    config: &Config,
    exact: bool,
) -> Result<Metadata, String> {
    let mut said: BTreeMap<&str, String> = BTreeMap::new();
    let mut say = |key: &'static str, value: Option<String>| {
        if let Some(value) = value {
            said.insert(key, value);
        }
    };
    let metric = &spec.metric;
    say("scalerAddress", Some(config.scaler_address.clone()));
    say("query", Some(metric.query.clone()));
    say("threshold", Some(metric.target.to_string()));
    say("activationThreshold", number(metric.activation));
    say("source", metric.source.clone());
    say("serverAddress", metric.server_address.clone());
    say("replicasQuery", metric.replicas_query.clone());
    say("mode", word(spec.mode));
    say("model", Some(spec.model.clone()));
    say("horizon", Some(spec.prediction_horizon.clone()));
    say("leadTime", Some(spec.lead_time.clone()));
    say("minReplicas", Some(spec.min_replicas.to_string()));
    say("maxReplicas", Some(spec.max_replicas.to_string()));
    say("hpaTolerance", tolerance(spec, exact));
    say("timezone", spec.timezone.clone());
    say("events", joined(&spec.events));
    say("bounds", joined(&spec.bounds));
    if let Some(slo) = &spec.slo {
        say("maxOverload", slo.max_overload.clone());
        say("shortageCost", number(slo.shortage_cost));
        say("quantile", number(slo.quantile));
        say("latencySlo", slo.latency.clone());
        say("latencyQuery", slo.latency_query.clone());
    }
    if let Some(vertical) = (spec.vertical.as_ref()).filter(|it| it.mode != VerticalMode::Off) {
        say("cpuQuery", vertical.cpu_query.clone());
        say("memoryQuery", vertical.memory_query.clone());
    }
    let mut metadata: Metadata = (said.into_iter())
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let twice: Vec<&str> = (spec.trigger_metadata.keys())
        .filter(|key| metadata.contains_key(*key))
        .map(String::as_str)
        .collect();
    if !twice.is_empty() {
        return Err(format!(
            "triggerMetadata says what has a field of its own: {}",
            twice.join(", ")
        ));
    }
    for (key, value) in spec.trigger_metadata.iter().chain(&config.trigger_metadata) {
        metadata.entry(key.clone()).or_insert_with(|| value.clone());
    }
    Ok(metadata)
}

/// What the HPA will ignore: what its behavior says upwards, else nothing if the plan alone decides and the HPA is `exact`,
/// else the cluster's default.
fn tolerance(spec: &PredictiveAutoscalerSpec, exact: bool) -> Option<String> {
    match &spec.behavior {
        None => (exact && spec.plan_alone_decides()).then(|| "0".to_owned()),
        Some(behavior) => {
            let said = behavior.scale_up.as_ref()?.tolerance.as_ref()?;
            let share = quantity::parse(&said.0)?;
            Some(share.to_string())
        }
    }
}

fn number(value: Option<f64>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn joined(entries: &[String]) -> Option<String> {
    (!entries.is_empty()).then(|| entries.join("; "))
}

/// The word that a value has in YAML.
fn word(value: impl serde::Serialize) -> Option<String> {
    let value = serde_json::to_value(value).ok()?;
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
