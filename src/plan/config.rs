//! Settings of the planner.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Calendar, HumanDuration, TriggerSpec};

/// Settings of the planner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Lead time of workloads that give none, before one has been learned.
    pub default_lead_time: HumanDuration,
    /// No plan ever asks for more replicas than this, whatever Prometheus says.
    pub max_replicas: u32,
    /// A sample older than this (or than three steps, whichever is longer) is no present load.
    pub stale_after: HumanDuration,
    /// Calendars that triggers may name, each by the path of its file.
    pub calendars: BTreeMap<String, CalendarFile>,
}

/// A calendar in a file. Settings hold the path; the file is read when they are loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct CalendarFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds, once it has been read.
    pub calendar: Option<Calendar>,
}

/// Settings that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A bound of 0 would scale everything to nothing.
    #[error("`plan.maxReplicas` is `0`, it must be at least 1: it bounds every plan")]
    NoReplicas,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_lead_time: HumanDuration::from_secs(180),
            max_replicas: 10_000,
            stale_after: HumanDuration::from_secs(120),
            calendars: BTreeMap::new(),
        }
    }
}

impl Config {
    /// How old a sample may be and still be the present load of a trigger.
    pub fn stale_after(&self, spec: &TriggerSpec) -> Duration {
        self.stale_after.get().max(spec.step() * 3)
    }

    /// The calendar of that name, if there is one and it has been read.
    pub fn calendar(&self, name: &str) -> Option<&Calendar> {
        self.calendars.get(name)?.calendar.as_ref()
    }

    /// Checks what the types don't.
    ///
    /// # Errors
    /// Names the key, the value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.max_replicas == 0 {
            return Err(ConfigError::NoReplicas);
        }
        Ok(())
    }
}

// === impl CalendarFile ===

/// A calendar's file as it is written: its path in settings, with what it held in the record of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Path(PathBuf),
    Read { path: PathBuf, calendar: Calendar },
}

impl From<Written> for CalendarFile {
    fn from(written: Written) -> Self {
        match written {
            Written::Path(path) => Self {
                path,
                calendar: None,
            },
            Written::Read { path, calendar } => Self {
                path,
                calendar: Some(calendar),
            },
        }
    }
}

impl From<CalendarFile> for Written {
    fn from(CalendarFile { path, calendar }: CalendarFile) -> Self {
        match calendar {
            None => Self::Path(path),
            Some(calendar) => Self::Read { path, calendar },
        }
    }
}
