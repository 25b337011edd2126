//! Which sources there are, by name and kind: who may be asked what, and what to say where somebody else is meant.

use std::collections::BTreeMap;

use super::DEFAULT_SOURCE;
use super::config::{Config, SourceKind};
use super::error::{FetchError, shorten};
use crate::domain::{SourceRef, TriggerSpec};

/// Sources by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory(BTreeMap<String, SourceKind>);

// === impl Config ===

impl Config {
    /// Whether the named source that `spec` asks exists and is of the right kind. Builds and reads nothing; an address is
    /// judged by [`super::Monitor::check`] only.
    ///
    /// # Errors
    /// Of the kind [`super::FetchErrorKind::Config`], naming the key, the value and what is allowed.
    pub fn check(&self, spec: &TriggerSpec) -> Result<(), FetchError> {
        let directory = Directory::of(self);
        if spec.follows.is_some() {
            return directory.keda(&spec.source).map(drop);
        }
        match &spec.source {
            SourceRef::Default => directory.prometheus(DEFAULT_SOURCE),
            SourceRef::Named(name) => directory.prometheus(name),
            SourceRef::Address(_) => Ok(()),
        }
    }
}

// === impl Directory ===

impl Directory {
    pub(super) fn of(config: &Config) -> Self {
        let all = config.sources.iter();
        Self(
            all.map(|(name, source)| (name.clone(), source.kind))
                .collect(),
        )
    }

    /// Whether `name` answers queries.
    pub(super) fn prometheus(&self, name: &str) -> Result<(), FetchError> {
        match self.0.get(name) {
            Some(SourceKind::Prometheus) => Ok(()),
            Some(SourceKind::Keda) => Err(FetchError::config(format!(
                "source `{name}` is a KEDA, which answers no queries: name one of its triggers in `triggerName`, or \
                 another source"
            ))),
            None => Err(self.missing(name)),
        }
    }

    /// The name of the KEDA that `source` means.
    pub(super) fn keda<'a>(&self, source: &'a SourceRef) -> Result<&'a str, FetchError> {
        let name = match source {
            SourceRef::Default => DEFAULT_SOURCE,
            SourceRef::Named(name) => name,
            SourceRef::Address(address) => {
                return Err(FetchError::config(format!(
                    "`serverAddress` `{}` is no KEDA: `triggerName` needs a named source of the kind `keda`",
                    shorten(address, 200)
                )));
            }
        };
        match self.0.get(name) {
            Some(SourceKind::Keda) => Ok(name),
            Some(SourceKind::Prometheus) => Err(FetchError::config(format!(
                "source `{name}` is a Prometheus: `triggerName` needs a source of the kind `keda`{}",
                self.kedas()
            ))),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> FetchError {
        FetchError::config(if name == DEFAULT_SOURCE {
            format!(
                "no source is named `{DEFAULT_SOURCE}`: set `monitor.sources.{DEFAULT_SOURCE}.url`, or name a source \
                 with `source` (there {})",
                self.known()
            )
        } else {
            format!(
                "`source`: no source is named `{}` (there {}){}",
                shorten(name, 64),
                self.known(),
                self.nearest(name)
            )
        })
    }

    /// All of them, in words.
    pub(super) fn known(&self) -> String {
        if self.0.is_empty() {
            return "are none".to_owned();
        }
        format!("are {}", quoted(self.0.keys()))
    }

    fn kedas(&self) -> String {
        let kedas = self.0.iter().filter(|(_, kind)| **kind == SourceKind::Keda);
        let names: Vec<&String> = kedas.map(|(name, _)| name).collect();
        if names.is_empty() {
            return ", and there is none".to_owned();
        }
        format!(", such as {}", quoted(names))
    }

    fn nearest(&self, name: &str) -> String {
        let scored = self
            .0
            .keys()
            .map(|known| (known, strsim::jaro_winkler(name, known)));
        let near = scored.filter(|(_, score)| *score >= 0.84);
        near.max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or_else(String::new, |(known, _)| {
                format!(": did you mean `{known}`?")
            })
    }
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = (names.into_iter())
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}
