//! A file of the server's settings: its keys and values, and the workloads that stand in it, judged as triggers are.

use std::path::Path;

use super::scaled_object::{Finding, Object, Trigger, metadata};
use super::yaml::{Entry, Node, Place};
use crate::settings::{Settings, SettingsError};

/// Top-level keys by which such a file is known; Kubernetes' objects have none of them. `operator` and `cluster` are left out:
/// other files, such as values of the chart, have these too.
pub(super) const KEYS: [&str; 9] = [
    "keda",
    "admin",
    "monitor",
    "analyze",
    "plan",
    "knowledge",
    "control",
    "workloads",
    "log",
];

/// What a workload in such a file is called.
pub(super) const KIND: &str = "workload";

/// Whether a document holds settings of the server.
pub(super) fn is_settings(document: &Node) -> bool {
    document.entry("kind").is_none()
        && document.entry("apiVersion").is_none()
        && (document.entries().iter()).any(|entry| KEYS.contains(&entry.key.as_str()))
}

/// Judges the settings in `text`, whose one document is `document`. Reads no file that they name.
pub(super) fn check(
    file: &str,
    text: &str,
    document: &Node,
    objects: &mut Vec<Object>,
    findings: &mut Vec<Finding>,
) {
    let settings = match Settings::parse(text, Path::new(file)) {
        Ok(settings) => settings,
        Err(error) => {
            let place = match error {
                SettingsError::Parse {
                    place: Some((line, column)),
                    ..
                } => word(text, line, column),
                _ => document.place,
            };
            findings.push(Finding::error(place, error.to_string()));
            return;
        }
    };
    for mistake in settings.mistakes() {
        findings.push(Finding::error(blamed(document, &mistake), mistake));
    }
    let nodes = document.get("workloads").map_or(&[][..], Node::items);
    // Both come from the same list, so that they are as long as one another.
    for (index, (node, entry)) in nodes.iter().zip(&settings.workloads).enumerate() {
        let Some(written) = node.written("metadata") else {
            continue;
        };
        let mut seen = Vec::new();
        let shown = metadata(written, &mut seen, findings);
        // The metadata has been judged with its places; what is left concerns the entry around it.
        let around = |key: &str| !key.starts_with("metadata.") || key == "metadata.source";
        for mistake in entry.read(&settings.monitor).err().into_iter().flatten() {
            if around(&mistake.key) {
                let place = entry_at(node, written, &mistake.key).unwrap_or(node.place);
                findings.push(Finding::error(place, mistake.text));
            }
        }
        objects.push(Object {
            kind: KIND,
            namespace: entry.namespace.clone(),
            name: entry.name.clone(),
            place: node.place,
            target: None,
            triggers: vec![Trigger {
                index,
                kind: "workload of the settings".to_owned(),
                place: node.place,
                settings: shown,
                ours: true,
            }],
        });
    }
}

/// The word that begins there.
fn word(text: &str, line: usize, column: usize) -> Place {
    let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let rest = rest.chars().skip(column.saturating_sub(1));
    let width = rest.take_while(|c| c.is_alphanumeric()).count().max(1);
    Place {
        line,
        column: column.max(1),
        width,
    }
}

fn entry_at(node: &Node, metadata: &Entry, key: &str) -> Option<Place> {
    let entry = match key.strip_prefix("metadata.") {
        Some(key) => metadata.value.entry(key),
        None => node.entry(key),
    };
    entry.map(|entry| entry.place)
}

/// The place of the key that a message begins with, such as `monitor.sources.default.url`, as far as it is written.
fn blamed(document: &Node, mistake: &str) -> Place {
    let key = mistake
        .strip_prefix('`')
        .and_then(|rest| rest.split('`').next());
    document.deepest(key.unwrap_or_default())
}
