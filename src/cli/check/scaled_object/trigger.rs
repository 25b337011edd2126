//! One trigger of ours: its metadata, and its own fields.

use std::collections::BTreeSet;

use super::{Finding, shape};
use crate::cli::check::query;
use crate::cli::check::settings::{self, Setting};
use crate::cli::check::yaml::{Entry, Node, Value};
use crate::domain::Metadata;
use crate::execute::keda::metadata::{self, Env, FROM_ENV, Group, KEYS, Reading, excerpt};

/// What may stand behind a number; the first that is allowed is shown.
const UNITS: [&str; 5] = ["s", "m", "h", "d", "%"];

/// Schemes that gRPC has a resolver for; what begins with another one is no address to it.
const RESOLVERS: [&str; 4] = ["dns", "passthrough", "unix", "xds"];

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
    shape::trigger(node, findings);
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
    let strings = strings(&entry.value);
    let reading = metadata::read(&strings, Env::Names);
    let unusable = untyped(&entry.value, &strings, &reading, findings);
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
    for (key, text) in query::doubts(&strings) {
        findings.push(Finding::warning(at(key), text));
    }
    if seen.contains(&strings) {
        let text = "this trigger has the same metadata as an earlier one of this ScaledObject: it adds nothing";
        findings.push(Finding::warning(entry.place, text));
    }
    seen.push(strings);
    (mistakes().next().is_none() && unusable.is_empty()).then(|| settings::effective(&reading))
}

fn strings(node: &Node) -> Strings {
    let text = |entry: &Entry| entry.value.text().unwrap_or_default().to_owned();
    let each = node.entries().iter();
    each.map(|entry| (entry.key.clone(), text(entry))).collect()
}

/// Tells of values that are no strings; gives the keys about which nothing more is to be said.
fn untyped(
    node: &Node,
    strings: &Strings,
    reading: &Reading,
    findings: &mut Vec<Finding>,
) -> BTreeSet<String> {
    let mut unusable = BTreeSet::new();
    for entry in node.entries() {
        let Some(kind) = entry.value.not_a_string() else {
            continue;
        };
        let key = &entry.key;
        let told = format!("`{key}` is {kind}, and Kubernetes takes strings only");
        let text = entry.value.text().unwrap_or_default();
        let message = if !matches!(kind, "a number" | "a boolean") {
            unusable.insert(key.clone());
            told
        } else if !is_wrong(reading, key) {
            format!("{told}: write `\"{text}\"`")
        } else if let Some(unit) = missing_unit(strings, key, text) {
            unusable.insert(key.clone());
            format!("{told}: write it with a unit, such as `\"{text}{unit}\"`")
        } else {
            told
        };
        findings.push(Finding::error(entry.place, message));
    }
    unusable
}

fn is_wrong(reading: &Reading, key: &str) -> bool {
    reading.mistakes.iter().any(|mistake| mistake.key == key)
}

/// What would have to stand behind a number for it to be allowed.
fn missing_unit(strings: &Strings, key: &str, text: &str) -> Option<&'static str> {
    UNITS.into_iter().find(|unit| {
        let mut tried = strings.clone();
        tried.insert(key.to_owned(), format!("{text}{unit}"));
        !is_wrong(&metadata::read(&tried, Env::Names), key)
    })
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

/// KEDA itself insists on the address, and hands it to gRPC as it is.
fn address(metadata: &Entry, findings: &mut Vec<Finding>) {
    let Some(address) = metadata.value.entry("scalerAddress") else {
        let text = "`scalerAddress` is missing: KEDA needs `host:port` of Forescale's gRPC port";
        findings.push(Finding::error(metadata.place, text));
        return;
    };
    let text = address.value.text().unwrap_or_default();
    if text.is_empty() {
        findings.push(Finding::error(address.place, "`scalerAddress` is empty"));
        return;
    }
    let scheme = text
        .split_once("://")
        .map(|(scheme, rest)| (scheme, rest.trim_end_matches('/')));
    if let Some((scheme, rest)) = scheme.filter(|(scheme, _)| !RESOLVERS.contains(scheme)) {
        let shown = excerpt(rest);
        let text = format!(
            "`scalerAddress` begins with `{}://`: allowed is `host:port` alone, here `{shown}`; TLS comes of a TriggerAuthentication",
            excerpt(scheme)
        );
        findings.push(Finding::error(address.place, text));
        return;
    }
    let port = text.rsplit_once(':').map_or("", |(_, port)| port);
    if port.is_empty() || port.contains(['/', ']']) {
        let text =
            "`scalerAddress` has no port: KEDA would call 443, and Forescale listens on 6000";
        findings.push(Finding::warning(address.place, text));
    } else if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        let text = format!(
            "the port of `scalerAddress` is `{}`: allowed are 1 to 65535, and Forescale listens on 6000",
            excerpt(port)
        );
        findings.push(Finding::error(address.place, text));
    }
}
