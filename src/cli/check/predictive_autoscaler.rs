//! PredictiveAutoscalers: read as the operator reads them, and judged by the metadata of the trigger that it would make.

use serde_json::Value as Json;

use super::query;
use super::scaled_object::{Finding, NO_NAME, Object, Trigger};
use super::settings;
use super::yaml::{Node, Value};
use crate::execute::keda::metadata::{self, Env};
use crate::execute::operator::{self, Misread};

/// The kind's name.
pub(super) const KIND: &str = "PredictiveAutoscaler";

/// Judges one; its trigger is shown as that of the ScaledObject which the operator makes.
pub(super) fn check(document: &Node, findings: &mut Vec<Finding>) -> Object {
    let meta = document.get("metadata");
    let named = |key: &str| meta.and_then(|meta| meta.text_of(key));
    let spec = document.entry("spec").map_or(document.place, |it| it.place);
    let mut settings = None;
    match operator::trigger_metadata(json(document)) {
        Err(Misread { path, why }) => {
            findings.push(Finding::error(
                document.deepest(&path),
                format!("`{path}`: {why}"),
            ));
        }
        Ok(metadata) => {
            let reading = metadata::read(&metadata, Env::Resolved);
            let place = |key: &str| document.deepest(&field(key));
            for mistake in &reading.mistakes {
                let text = in_its_words(&mistake.key, &mistake.text);
                findings.push(Finding::error(place(&mistake.key), text));
            }
            for warning in &reading.warnings {
                let text = in_its_words(&warning.key, &warning.text);
                findings.push(Finding::warning(place(&warning.key), text));
            }
            for (key, text) in query::doubts(&metadata) {
                findings.push(Finding::warning(place(key), in_its_words(key, &text)));
            }
            settings = reading
                .mistakes
                .is_empty()
                .then(|| settings::effective(&reading));
        }
    }
    Object {
        kind: KIND,
        namespace: named("namespace").unwrap_or("default").to_owned(),
        name: named("name").unwrap_or(NO_NAME).to_owned(),
        place: document.place,
        target: None,
        triggers: vec![Trigger {
            index: 0,
            kind: KIND.to_owned(),
            place: spec,
            settings,
            ours: true,
        }],
    }
}

/// Where each key of the metadata that the operator makes comes from, below `spec`. Any other one stands in
/// `triggerMetadata`.
const FIELDS: [(&str, &str); 24] = [
    ("query", "metric.query"),
    ("threshold", "metric.target"),
    ("activationThreshold", "metric.activation"),
    ("source", "metric.source"),
    ("serverAddress", "metric.serverAddress"),
    ("replicasQuery", "metric.replicasQuery"),
    ("mode", "mode"),
    ("model", "model"),
    ("horizon", "predictionHorizon"),
    ("leadTime", "leadTime"),
    ("minReplicas", "minReplicas"),
    ("maxReplicas", "maxReplicas"),
    ("hpaTolerance", "behavior.scaleUp.tolerance"),
    ("timezone", "timezone"),
    ("events", "events"),
    ("bounds", "bounds"),
    ("maxOverload", "slo.maxOverload"),
    ("shortageCost", "slo.shortageCost"),
    ("quantile", "slo.quantile"),
    ("latencySlo", "slo.latency"),
    ("latencyQuery", "slo.latencyQuery"),
    ("cpuQuery", "vertical.cpuQuery"),
    ("memoryQuery", "vertical.memoryQuery"),
    ("metadata", "triggerMetadata"),
];

/// The field that says what a key of the metadata says.
fn field(key: &str) -> String {
    let known = FIELDS.iter().find(|(known, _)| *known == key);
    known.map_or_else(
        || format!("spec.triggerMetadata.{key}"),
        |(_, field)| format!("spec.{field}"),
    )
}

/// A message about a key of the metadata, in the words of whoever wrote the PredictiveAutoscaler.
fn in_its_words(key: &str, text: &str) -> String {
    let field = field(key);
    match text.strip_prefix(&format!("`{key}`")) {
        Some(rest) => format!("`{field}`{rest}"),
        None => format!("`{field}`: {text}"),
    }
}

/// The document as Kubernetes takes it: plain scalars have types.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let pairs = entries.iter().map(|it| (it.key.clone(), json(&it.value)));
            Json::Object(pairs.collect())
        }
        Value::Scalar { text, .. } => match node.not_a_string() {
            None => Json::String(text.clone()),
            Some("null") => Json::Null,
            Some("a boolean") => Json::Bool(matches!(
                text.to_ascii_lowercase().as_str(),
                "y" | "yes" | "on" | "true"
            )),
            // What JSON has no number for stays text, and is told as such.
            Some(_) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::yaml;

    fn checked(spec: &str) -> (Object, Vec<String>) {
        let text = format!(
            "apiVersion: forescale.dev/v1alpha1\nkind: PredictiveAutoscaler\nmetadata: {{name: web}}\nspec:\n{spec}"
        );
        let (documents, broken) = yaml::parse(&text);
        assert!(broken.is_none());
        let mut findings = Vec::new();
        let object = check(&documents[0], &mut findings);
        let line = |it: &Finding| format!("{}: {}", it.place.map_or(0, |it| it.line), it.message);
        (object, findings.iter().map(line).collect())
    }

    const GOOD: &str =
        "  targetRef: {name: web}\n  maxReplicas: 20\n  metric: {query: load, target: 100}\n";

    #[test]
    fn a_good_one_shows_its_effective_settings() {
        let (object, findings) = checked(GOOD);
        assert_eq!(findings, Vec::<String>::new());
        let settings = object.triggers[0].settings.as_ref().unwrap();
        let threshold = settings.iter().find(|it| it.key == "threshold").unwrap();
        assert_eq!(threshold.value.as_deref(), Some("100"));
    }

    #[test]
    fn a_mistake_is_told_where_it_stands() {
        let (_, findings) = checked(&GOOD.replace("target: 100", "target: lots"));
        assert!(
            findings[0].starts_with("7: `spec.metric.target`"),
            "{findings:?}"
        );
        let (_, findings) = checked(&format!("{GOOD}  modle: auto\n"));
        assert!(
            findings[0].contains("modle") && findings[0].starts_with("8:"),
            "{findings:?}"
        );
        let (_, findings) = checked("  maxReplicas: 20\n");
        assert!(findings[0].contains("targetRef"), "{findings:?}");
    }

    #[test]
    fn what_the_metadata_is_wrong_about_is_told_of_the_field_that_says_it() {
        for (spec, expected) in [
            (
                GOOD.replace("target: 100", "target: 0"),
                "7: `spec.metric.target` is `0`: this is below 0.001",
            ),
            (
                GOOD.replace("query: load", "query: avg(load)"),
                "7: `spec.metric.query` is `avg(…)`",
            ),
            (
                format!("{GOOD}  predictionHorizon: soon\n"),
                "8: `spec.predictionHorizon` is `soon`",
            ),
            (
                format!("{GOOD}  triggerMetadata:\n    rampDown: fast\n"),
                "9: `spec.triggerMetadata.rampDown` is `fast`",
            ),
            (
                format!("{GOOD}  triggerMetadata:\n    rampdwn: fast\n"),
                "9: `spec.triggerMetadata.rampdwn` is not a known key",
            ),
        ] {
            let (_, findings) = checked(&spec);
            assert!(
                findings.len() == 1 && findings[0].starts_with(expected),
                "{expected}: {findings:?}"
            );
        }
    }

    #[test]
    fn mistakes_of_the_metadata_are_told_all_at_once() {
        let (object, findings) = checked(&format!(
            "{GOOD}  model: crystal-ball\n  timezone: Europe/Atlantis\n"
        ));
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(object.triggers[0].settings.is_none());
    }
}
