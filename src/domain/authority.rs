//! How much of the plan KEDA is told, where that is earned.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// How much of the plan KEDA is told.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing: the measured load's number.
    #[default]
    Shadow,
    /// What it adds to the measured load's number.
    ScaleOut,
    /// All of it.
    Predictive,
}

/// How far a plan has come in `auto` mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authority {
    /// How much of it counts.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// What led there, in words.
    pub why: String,
    /// What keeps it from the next stage, in words; `None` at the last one.
    pub next: Option<String>,
}

impl Stage {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Shadow, Self::ScaleOut, Self::Predictive];

    /// Its name in metrics, the API and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::ScaleOut => "scale-out",
            Self::Predictive => "predictive",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
