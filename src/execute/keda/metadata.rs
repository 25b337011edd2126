//! A trigger's metadata, from KEDA's strings to a validated [`TriggerSpec`].
//!
//! One table, [`keys::KEYS`], says everything about every key: its values, its default, how it is set and shown. Parsing,
//! the output of `forescale check` and `docs/metadata.md` all come from it.
//!
//! - KEDA's prometheus trigger keeps its keys and their meanings, so that a trigger moves over by its `type` and one
//!   address. Keys that KEDA itself reads for the connection (`scalerAddress`, TLS) are left to it.
//! - KEDA resolves a `*FromEnv` key from the workload's environment and hands the value over under the key with its
//!   suffix. It stands in for the plain key where that is absent.
//! - A value of nothing but white space is absent, as it is to KEDA: templates write `namespace: ""`. Only what must not be
//!   there is refused even so.
//! - Every mistake is reported, not only the first one.

mod cross;
pub mod keys;
pub mod limits;
mod unknown;
mod values;

use std::collections::BTreeMap;

pub use keys::{Group, KEYS, Key};
pub use values::excerpt;

use self::keys::Role;
use crate::domain::{Metadata, TriggerSpec, metric_lag};

/// What KEDA puts behind a key whose value comes from the workload's environment.
pub const FROM_ENV: &str = "FromEnv";

/// Stands in a message in the place of a value.
const HIDDEN: &str = "(not shown, it may hold a secret)";

/// A trigger's metadata, typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What it asks for.
    pub spec: TriggerSpec,
    /// What a person should know of, though it is no mistake.
    pub warnings: Vec<String>,
}

/// A mistake in a trigger's metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct MetadataError {
    /// The key.
    pub key: String,
    /// The whole message.
    pub text: String,
}

/// Whether `*FromEnv` keys hold values or the names of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Env {
    /// Values: KEDA has resolved them.
    Resolved,
    /// Names of variables, as in a manifest: their values are unknown and not judged.
    Names,
}

/// Everything that reading metadata brings to light.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What it asks for; where there are mistakes, with the defaults in their place.
    pub spec: TriggerSpec,
    /// Keys that were given, by the plain name.
    pub given: BTreeMap<&'static str, Given>,
    /// Mistakes, each naming the key, the value and what is allowed.
    pub mistakes: Vec<MetadataError>,
    /// What a person should know of, though it is no mistake.
    pub warnings: Vec<MetadataError>,
}

/// Where a key's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// From the metadata.
    Here,
    /// From an environment variable whose value is not known.
    Elsewhere,
}

/// Parses and validates a trigger's metadata.
///
/// # Errors
/// Every mistake found, each naming the key, the value and what is allowed.
pub fn parse_metadata(metadata: &Metadata) -> Result<Parsed, Vec<MetadataError>> {
    let reading = read(metadata, Env::Resolved);
    if !reading.mistakes.is_empty() {
        return Err(reading.mistakes);
    }
    Ok(Parsed {
        spec: reading.spec,
        warnings: reading.warnings.into_iter().map(|w| w.text).collect(),
    })
}

/// Reads a trigger's metadata as far as it can be read.
pub fn read(metadata: &Metadata, env: Env) -> Reading {
    let mut reading = Reading {
        spec: keys::defaults(),
        given: BTreeMap::new(),
        mistakes: Vec::new(),
        warnings: Vec::new(),
    };
    if let Err(text) = limits::sizes(metadata) {
        reading.mistake("metadata", text);
        return reading;
    }
    for (name, value) in metadata {
        reading.entry(metadata, name, value, env);
    }
    let given = |name: &str| says(metadata, name) || says(metadata, &format!("{name}{FROM_ENV}"));
    for key in KEYS.iter().filter(|key| key.required()) {
        let replaced = key.name == "query" && given("triggerName");
        if !given(key.name) && !replaced {
            reading.mistake(
                key.name,
                format!("`{}` is missing: {}", key.name, key.allowed),
            );
        }
    }
    cross::check(&mut reading);
    if reading.spec.metric_lag.is_none() && reading.known(&["query"]) {
        reading.spec.metric_lag = Some(metric_lag(&reading.spec.query).into());
    }
    reading
}

/// Whether `metadata` has a value for `name`.
fn says(metadata: &Metadata, name: &str) -> bool {
    metadata.get(name).is_some_and(|value| !is_blank(value))
}

fn is_blank(value: &str) -> bool {
    value.trim().is_empty()
}

// === impl Reading ===

impl Reading {
    fn entry(&mut self, metadata: &Metadata, name: &str, value: &str, env: Env) {
        let plain = keys::find(name);
        let from_env = || name.strip_suffix(FROM_ENV).and_then(keys::find);
        let Some(key) = plain.or_else(from_env) else {
            self.mistake(name, unknown::text(name));
            return;
        };
        if is_blank(value) && !key.is_refused() {
            // What KEDA reads for itself it also judges itself.
            if key.group != Group::Connection {
                self.warning(name, format!("`{name}` is empty and counts as not given"));
            }
        } else if plain.is_some() {
            self.value(key, name, value);
        } else if says(metadata, key.name) {
            let text = format!(
                "`{name}` has no effect, because `{}` is given too",
                key.name
            );
            self.warning(name, text);
        } else if env == Env::Resolved || key.is_refused() {
            self.value(key, name, value);
        } else {
            self.given.insert(key.name, Given::Elsewhere);
        }
    }

    fn value(&mut self, key: &'static Key, name: &str, value: &str) {
        match key.role {
            Role::Acted { set, .. } => self.set(key, name, value, set),
            Role::Connection => {}
            Role::Legacy { why } => self.warning(name, format!("`{name}` {why}")),
            // The value is a secret: it must not appear in a message.
            Role::Refused { why } => self.mistake(name, format!("`{name}` {why}")),
        }
        if let Some(warn) = key.warn {
            let warning = warn(value);
            if let Some(text) = warning {
                self.warning(name, format!("`{name}` is `{}`: {text}", excerpt(value)));
            }
        }
    }

    fn set(&mut self, key: &'static Key, name: &str, value: &str, set: keys::Set) {
        let before = self.spec.clone();
        match set(&mut self.spec, value) {
            Ok(()) => {
                self.given.insert(key.name, Given::Here);
            }
            Err(why) => {
                self.spec = before;
                // What comes from the environment may come from a Secret, and the reason may repeat a part of it.
                let text = if name.ends_with(FROM_ENV) {
                    format!("`{name}` is {HIDDEN}; allowed: {}", key.allowed)
                } else if key.conceals(value) {
                    format!("`{name}` is {HIDDEN}: {why}; allowed: {}", key.allowed)
                } else {
                    let value = excerpt(value);
                    format!("`{name}` is `{value}`: {why}; allowed: {}", key.allowed)
                };
                self.mistake(name, text);
                // A key with a bad value was given all the same: nothing is said about its absence.
                self.given.insert(key.name, Given::Elsewhere);
            }
        }
    }

    fn mistake(&mut self, key: &str, text: String) {
        self.mistakes.push(MetadataError {
            key: key.to_owned(),
            text,
        });
    }

    fn warning(&mut self, key: &str, text: String) {
        self.warnings.push(MetadataError {
            key: key.to_owned(),
            text,
        });
    }

    /// Whether `name` has a value that is known.
    fn has(&self, name: &str) -> bool {
        self.given.get(name) == Some(&Given::Here)
    }

    /// Whether `name` was given at all.
    fn mentions(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Whether the values of all of `names` are known, the defaults included.
    fn known(&self, names: &[&str]) -> bool {
        names
            .iter()
            .all(|name| self.given.get(name) != Some(&Given::Elsewhere))
    }
}

#[cfg(test)]
mod tests;
