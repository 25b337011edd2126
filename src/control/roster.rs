//! Workloads that stand in the server's settings: planned although nobody calls, for whoever reads the plan from elsewhere
//! than KEDA's external scaler (an HPA through prometheus-adapter, say). See docs/doors.md.
//!
//! They are ordinary workloads with the metadata of an ordinary trigger, read by the same code and refused with the same
//! words; only that they are never forgotten while they stand there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::engine::{Engine, SWEEP_EVERY};
use crate::domain::{Metadata, Timestamp, WorkloadKey};
use crate::execute::keda::metadata::{MetadataError, Parsed, limits, parse_metadata};
use crate::knowledge::{BoardFull, Workload};
use crate::monitor;

/// Where nobody asks about any workload, silence counts from here on at the earliest: what was learned of all of them is worth
/// more than to be lost with an upgrade of KEDA that went wrong.
const KEDA_AWAY: Duration = Duration::from_hours(6);

/// A trigger that KEDA has asked about for so long is one of its ScaledObject, and those that it has not asked about meanwhile
/// are none any more.
const SETTLED: Duration = Duration::from_mins(10);

/// One workload of the settings, under `workloads:`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// Namespace of what is scaled.
    pub namespace: String,
    /// Its name, or any other that tells it apart.
    pub name: String,
    /// As in a trigger of a ScaledObject, `scalerAddress` apart.
    pub metadata: Metadata,
}

/// An entry that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Enrolled {
    /// Under which it is registered.
    pub key: WorkloadKey,
    /// What its metadata says.
    pub parsed: Parsed,
}

// === impl Entry ===

impl Entry {
    /// The entry with its metadata typed.
    ///
    /// # Errors
    /// Every mistake, by the key under the entry: `namespace`, `name`, or `metadata.KEY`.
    pub fn read(&self, sources: &monitor::Config) -> Result<Enrolled, Vec<MetadataError>> {
        let mistake = |key: &str, text: String| MetadataError {
            key: key.to_owned(),
            text,
        };
        let mut mistakes = Vec::new();
        for (field, value) in [("namespace", &self.namespace), ("name", &self.name)] {
            let named = limits::object_name(field, value);
            mistakes.extend(named.err().map(|text| mistake(field, text)));
        }
        let parsed = match parse_metadata(&self.metadata) {
            Ok(parsed) => {
                // In the same file stands which sources there are.
                let unreadable = sources.check(&parsed.spec).err();
                mistakes.extend(unreadable.map(|error| mistake("metadata.source", error.text)));
                Some(parsed)
            }
            Err(errors) => {
                let under = |it: MetadataError| mistake(&format!("metadata.{}", it.key), it.text);
                mistakes.extend(errors.into_iter().map(under));
                None
            }
        };
        match parsed {
            Some(parsed) if mistakes.is_empty() => Ok(Enrolled {
                key: WorkloadKey::new(&self.namespace, &self.name, self.metadata.clone()),
                parsed,
            }),
            _ => Err(mistakes),
        }
    }
}

/// Reads every entry.
///
/// # Errors
/// Every mistake of all of them, each under its whole key, such as `workloads[0].metadata.threshold`.
pub fn read(entries: &[Entry], sources: &monitor::Config) -> Result<Vec<Enrolled>, Vec<String>> {
    let (mut enrolled, mut mistakes) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (index, entry) in entries.iter().enumerate() {
        match entry.read(sources) {
            Ok(read) => enrolled.push(read),
            Err(errors) => mistakes.extend(
                (errors.iter()).map(|it| format!("`workloads[{index}].{}`: {}", it.key, it.text)),
            ),
        }
        if !seen.insert((&entry.namespace, &entry.name, &entry.metadata)) {
            mistakes.push(format!(
                "`workloads[{index}]`: `{}/{}` stands here a second time with the same metadata",
                entry.namespace, entry.name
            ));
        }
    }
    if mistakes.is_empty() {
        Ok(enrolled)
    } else {
        Err(mistakes)
    }
}

impl Engine {
    /// Registers the workloads of the settings, those of the snapshot included.
    ///
    /// # Errors
    /// When the board has no room for them.
    pub fn enroll(&self) -> Result<(), BoardFull> {
        let now = self.now();
        for enrolled in &self.parts.enrolled {
            let Parsed { spec, warnings } = enrolled.parsed.clone();
            let key = enrolled.key.clone();
            for warning in &warnings {
                tracing::warn!(workload = %key, %warning, "workload of the settings accepted with a warning");
            }
            let workload = self.parts.board.register(key, spec, warnings, now)?;
            workload.enroll();
        }
        Ok(())
    }

    /// Those that nobody asks about any more. KEDA asks nothing about a ScaledObject that is paused, and comes back: silence
    /// counts from the last word that it is. Where nobody asks about any of them, it is KEDA that is away. A trigger that was
    /// edited has another workload in its place, and goes sooner.
    pub(super) fn unasked(&self, now: Timestamp) -> Vec<Arc<Workload>> {
        let forget_after = self.parts.knowledge.forget_after.get();
        let listening = self.listens_since();
        let mut all = self.parts.board.all();
        let asks = |workload: &Arc<Workload>| {
            now.since(workload.last_asked().max(listening)) <= forget_after
        };
        let patience = if all.iter().any(asks) {
            forget_after
        } else {
            forget_after.max(KEDA_AWAY)
        };
        let silent = |workload: &Workload| {
            if workload.is_let_go() {
                return true;
            }
            let asked = workload.last_asked();
            if asked > now + SWEEP_EVERY {
                // Asked while the clock ran ahead.
                workload.touch(now);
            }
            let paused = paused_at(workload).map_or(asked, |at| at.min(now));
            now.since(asked.max(paused).max(listening)) > patience
        };
        let edited = edited_at(&all, now);
        all.retain(|workload| {
            let edited = edited.get(&scaled_object(workload));
            let replaced = edited.is_some_and(|at| workload.last_asked() < *at);
            let kept = workload.followed() || workload.enrolled();
            (replaced || silent(workload)) && !kept
        });
        all
    }
}

fn scaled_object(workload: &Workload) -> (Arc<str>, Arc<str>) {
    let key = &workload.key;
    (Arc::clone(&key.namespace), Arc::clone(&key.name))
}

/// When the triggers of each ScaledObject were last edited: the newest that has settled came then. KEDA asks about all
/// triggers of one in a pass, so those that it has not asked about since are gone. A restart changes nothing in this, for
/// only what is saved counts.
fn edited_at(all: &[Arc<Workload>], now: Timestamp) -> HashMap<(Arc<str>, Arc<str>), Timestamp> {
    let mut edited = HashMap::new();
    for workload in all {
        let (came, asked) = (workload.registered_at, workload.last_asked());
        // What was asked while the clock ran ahead says nothing of what came first.
        if came + SETTLED <= asked && asked <= now {
            let at = edited.entry(scaled_object(workload)).or_insert(came);
            *at = came.max(*at);
        }
    }
    edited
}

/// When the cluster last said that the ScaledObject is paused, if that is the last that it said.
fn paused_at(workload: &Workload) -> Option<Timestamp> {
    let facts = workload.cluster();
    let scaling = facts.as_deref().and_then(|facts| facts.scaling.as_ref());
    scaling.filter(|scaling| scaling.paused).map(|it| it.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{SourceConfig, SourceKind};

    fn sources() -> monitor::Config {
        let keda = SourceConfig {
            kind: SourceKind::Keda,
            ..SourceConfig::at("https://keda-operator.keda.svc:9666")
        };
        monitor::Config {
            sources: [
                ("default".to_owned(), SourceConfig::at("http://prometheus")),
                ("keda".to_owned(), keda),
            ]
            .into(),
            ..monitor::Config::default()
        }
    }

    fn entry(name: &str, metadata: &[(&str, &str)]) -> Entry {
        let pairs = metadata.iter();
        Entry {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            metadata: pairs
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn an_entry_is_a_trigger_with_namespace_and_name() {
        let entries = [
            entry("web", &[("query", "sum(load)"), ("threshold", "50")]),
            entry(
                "worker",
                &[
                    ("triggerName", "orders"),
                    ("threshold", "5"),
                    ("source", "keda"),
                ],
            ),
        ];
        let read = read(&entries, &sources()).unwrap();
        assert_eq!(read[0].parsed.spec.query, "sum(load)");
        assert_eq!(read[1].key.to_string(), "shop/worker");
        assert!(read[1].parsed.spec.follows.is_some());
    }

    #[test]
    fn every_mistake_names_its_whole_key() {
        let good = [("query", "up"), ("threshold", "5")];
        let entries = [
            entry("Web", &good),
            entry("web", &[("query", "up"), ("treshold", "5")]),
            entry(
                "web",
                &[("query", "up"), ("threshold", "5"), ("source", "keda")],
            ),
            entry("web", &good),
            entry("web", &good),
        ];
        let mistakes = read(&entries, &sources()).unwrap_err();
        let expected = [
            "`workloads[0].name`: `name` of the ScaledObject is `Web`, which is no Kubernetes name",
            "`workloads[1].metadata.treshold`: `treshold` is not a known key: did you mean `threshold`?",
            "`workloads[1].metadata.threshold`: `threshold` is missing",
            "`workloads[2].metadata.source`: source `keda` is a KEDA, which answers no queries",
            "`workloads[4]`: `shop/web` stands here a second time",
        ];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
        for (said, start) in mistakes.iter().zip(expected) {
            assert!(said.starts_with(start), "{said}");
        }
    }
}
