//! One trigger of ours: its metadata, and its own fields.

use std::collections::BTreeSet;

use super::Finding;
use crate::cli::check::settings::{self, Setting};
use crate::cli::check::yaml::{Entry, Node, Value};
use crate::domain::Metadata;
use crate::execute::keda::metadata::{self, Env, FROM_ENV, Group, KEYS};

/// A trigger's metadata as Kubernetes stores it.
pub(in crate::cli::check) type Strings = Metadata;

/// Whether a key of an external trigger's metadata gives it away as ours.
pub(super) fn speaks_for_us(entry: &Entry) -> bool {
    let plain = entry.key.strip_suffix(FROM_ENV).unwrap_or(&entry.key);
    plain == "query"
        || KEYS
            .iter()
            .any(|key| key.group == Group::Forescale && key.name == plain)
}

/// Judges a trigger; gives its settings when nothing in its metadata is wrong.
pub(super) fn check(
    node: &Node,
    seen: &mut Vec<Strings>,
    findings: &mut Vec<Finding>,
) -> Option<Vec<Setting>> {
    fields(node, findings);
    let entry = node.entry("metadata")?;
    let settings = metadata(entry, seen, findings);
    address(entry, findings);
    settings
}

/// Judges metadata; gives its settings when nothing in it is wrong.
pub(in crate::cli::check) fn metadata(
    entry: &Entry,
    seen: &mut Vec<Strings>,
    findings: &mut Vec<Finding>,
) -> Option<Vec<Setting>> {
    if !matches!(entry.value.value, Value::Map(_)) {
        findings.push(Finding::error(entry.place, "`metadata` is no mapping"));
        return None;
    }
    let (strings, unusable) = strings(&entry.value, findings);
    let reading = metadata::read(&strings, Env::Names);
    let at = |key: &str| {
        entry
            .value
            .entry(key)
            .map_or(entry.place, |found| found.place)
    };
    let judged = |found: &&metadata::MetadataError| !unusable.contains(&found.key);
    let mistakes = || reading.mistakes.iter().filter(judged);
    for mistake in mistakes() {
        findings.push(Finding::error(at(&mistake.key), &mistake.text));
    }
    for warning in reading.warnings.iter().filter(judged) {
        findings.push(Finding::warning(at(&warning.key), &warning.text));
    }
    if seen.contains(&strings) {
        let text = "this trigger has the same metadata as an earlier one of this ScaledObject: it adds nothing";
        findings.push(Finding::warning(entry.place, text));
    }
    seen.push(strings);
    (mistakes().next().is_none() && unusable.is_empty()).then(|| settings::effective(&reading))
}

/// The metadata as strings, and the keys whose values can't be used at all.
fn strings(node: &Node, findings: &mut Vec<Finding>) -> (Strings, BTreeSet<String>) {
    let (mut strings, mut unusable) = (Strings::new(), BTreeSet::new());
    for entry in node.entries() {
        let text = entry.value.text().unwrap_or_default();
        if let Some(kind) = entry.value.not_a_string() {
            let message = match kind {
                "a number" | "a boolean" => format!(
                    "`{}` is {kind}, and Kubernetes takes strings only: write `\"{text}\"`",
                    entry.key
                ),
                _ => format!(
                    "`{}` is {kind}, and Kubernetes takes strings only",
                    entry.key
                ),
            };
            findings.push(Finding::error(entry.place, message));
            if !matches!(kind, "a number" | "a boolean") {
                unusable.insert(entry.key.clone());
            }
        }
        strings.insert(entry.key.clone(), text.to_owned());
    }
    (strings, unusable)
}

fn fields(node: &Node, findings: &mut Vec<Finding>) {
    if let Some(kind) = node.entry("metricType")
        && kind.value.text() != Some("AverageValue")
    {
        let text = format!(
            "`metricType` is `{}`, which must be `AverageValue` (the default): the value is planned replicas x \
             threshold, and only that type divides it by the threshold alone",
            kind.value.text().unwrap_or_default()
        );
        findings.push(Finding::error(kind.place, text));
    }
    if let Some(cached) = node.entry("useCachedMetrics")
        && cached.value.text() == Some("true")
    {
        let text = "with `useCachedMetrics` the HPA sees numbers up to a `pollingInterval` old; Forescale answers from \
                    memory, so nothing is saved by it";
        findings.push(Finding::hint(cached.place, text));
    }
    if let Some(auth) = node.entry("authenticationRef") {
        let text = "of a TriggerAuthentication only the TLS parameters reach Forescale's connection; credentials for \
                    Prometheus live in the server's named sources (`source`)";
        findings.push(Finding::hint(auth.place, text));
    }
}

/// KEDA itself insists on the address.
fn address(metadata: &Entry, findings: &mut Vec<Finding>) {
    let Some(address) = metadata.value.entry("scalerAddress") else {
        let text = "`scalerAddress` is missing: KEDA needs `host:port` of Forescale's gRPC port";
        findings.push(Finding::error(metadata.place, text));
        return;
    };
    let text = address.value.text().unwrap_or_default();
    let port = text.rsplit_once(':').map(|(_, port)| port);
    if text.is_empty() {
        findings.push(Finding::error(address.place, "`scalerAddress` is empty"));
    } else if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        let text =
            "`scalerAddress` has no port: KEDA would call 443, and Forescale listens on 6000";
        findings.push(Finding::warning(address.place, text));
    }
}
