//! The settings that come out of a trigger's metadata.

use serde::Serialize;

use crate::execute::keda::metadata::{Given, KEYS, Reading, keys};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setting {
    pub(super) key: &'static str,
    /// As it would be written; `None` when it is not set, or not known before KEDA has resolved it.
    pub(super) value: Option<String>,
    pub(super) from: From,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum From {
    Metadata,
    Environment,
    Default,
    /// From another key, as the quantile from `shortageCost`.
    Derived,
}

/// Every setting of a reading that has no mistakes, in the order of the table.
pub(super) fn effective(reading: &Reading) -> Vec<Setting> {
    let defaults = keys::defaults();
    KEYS.iter()
        .filter(|key| key.shown(&reading.spec).is_some() || reading.given.contains_key(key.name))
        .map(|key| {
            let shown = key.shown(&reading.spec);
            let (value, from) = match reading.given.get(key.name) {
                Some(Given::Here) => (shown, From::Metadata),
                Some(Given::Elsewhere) => (None, From::Environment),
                None if shown == key.shown(&defaults) => (shown, From::Default),
                None => (shown, From::Derived),
            };
            Setting {
                key: key.name,
                value,
                from,
            }
        })
        .collect()
}

impl Setting {
    /// The value and where it comes from, for people.
    pub(super) fn text(&self) -> String {
        let value = self.value.as_deref().unwrap_or("");
        let mut lines = value.trim().lines();
        let first = lines.next().unwrap_or("");
        let more = match lines.count() {
            0 => String::new(),
            1 => " … (one more line)".to_owned(),
            more => format!(" … ({more} more lines)"),
        };
        let value = format!("{first}{more}");
        match self.from {
            From::Metadata => value,
            From::Environment => "(from the workload's environment)".to_owned(),
            From::Default => format!("{value} (default)"),
            From::Derived => format!("{value} (from another key)"),
        }
    }
}
