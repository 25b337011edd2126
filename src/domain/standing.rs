//! How well a workload's forecasts have done lately, which models carry them, and whether the plan may rest on them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Quantile, Timestamp};

/// The state of one workload's forecasting, for the API, the page, `explain` and metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Origin of the forecast that it speaks of.
    pub at: Timestamp,
    /// Lead times, in seconds, that weights and scores are given for; rising.
    pub leads: Vec<u32>,
    /// The models that compete, the one that carries most first.
    pub experts: Vec<ExpertStanding>,
    /// Rolling, out-of-sample scores of what was published; `None` before there are any.
    pub score: Option<RollingScore>,
    /// Whether the plan may rest on the forecast.
    pub trust: Trust,
}

/// One competing model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpertStanding {
    /// The model.
    pub model: Arc<str>,
    /// Its weight at each of [`Standing::leads`]; over all models they add up to 1.
    pub weights: Vec<f32>,
    /// Its rolling absolute error relative to the naive model's at each of [`Standing::leads`]; below 1 is better than
    /// naive, not a number where nothing is known.
    pub relative_errors: Vec<f32>,
}

/// Rolling scores of the published forecasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollingScore {
    /// Forecast origins that it rests on, by their discounted weight.
    pub origins: f32,
    /// Mean absolute error over the mean absolute change since the day before (Hyndman & Koehler's MASE with the season
    /// of a day); `None` while there is no day before.
    pub mase: Option<f32>,
    /// Mean absolute error of the median relative to the last value's.
    pub relative_error: f32,
    /// Mean pinball loss at the levels 0.5, 0.9 and 0.95, relative to the naive model with its own bands.
    pub relative_loss: f32,
    /// Observed share at or below each level.
    pub coverage: Vec<(Quantile, f32)>,
}

/// Whether the plan may rest on the forecast.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Trust {
    /// Too little has been scored to say; bands are wide.
    #[default]
    Unproven,
    /// Lately better than reactive.
    Earned,
    /// Lately no better than reactive: the measured load decides until the forecast has earned its place again.
    Lost {
        /// Since when.
        since: Timestamp,
        /// In words, with the numbers.
        why: String,
    },
}

impl Trust {
    /// Its name in metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Earned => "earned",
            Self::Lost { .. } => "lost",
        }
    }
}
