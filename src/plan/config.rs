//! Settings of the planner.

use serde::{Deserialize, Serialize};

use crate::domain::HumanDuration;

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
        }
    }
}

impl Config {
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
