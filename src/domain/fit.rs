//! What fitting has learned about one workload: kept between refreshes, snapshotted, replaced whole by the next fit.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The result of fitting the built-in models to a workload's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// When it was made; no sample later than this has been used.
    pub at: Timestamp,
    /// The typical day and week, when the history is long enough for one.
    pub profile: Option<Profile>,
    /// Error bands, one set for each model that was tried.
    pub bands: Vec<BandSet>,
    /// How the models did out of sample, best first; the first one is what `model: auto` uses.
    pub scores: Vec<ModelScore>,
}

/// A robust profile of the day and, with enough history, the week: medians by time-of-day bin in local time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Length of a bin in seconds; divides a day.
    pub bin_seconds: u32,
    /// One value per bin of the day, or of the week (from Monday 00:00) when its length is seven times as long.
    pub values: Vec<f32>,
}

/// Empirical quantiles of a model's errors (`actual - point`) by step ahead, in units of `scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandSet {
    /// The model.
    pub model: Arc<str>,
    /// Level-major, as [`super::Forecast`]: for each of `DEFAULT_LEVELS`, one offset for each step of `steps`.
    pub offsets: Vec<f32>,
    /// The steps ahead (from 1) at which offsets were measured; between them they are interpolated.
    pub steps: Vec<u32>,
    /// How many errors each offset rests on.
    pub samples: u32,
}

/// A model's out-of-sample score on the workload's own history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// The model.
    pub model: Arc<str>,
    /// Mean pinball loss relative to the naive model's: below 1 is better than naive.
    pub relative_loss: f32,
    /// On how many forecast origins it rests.
    pub origins: u32,
}
