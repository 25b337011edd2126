//! How much of the plan KEDA is told.

use std::fmt;

use serde::{Deserialize, Serialize};

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
