//! What fitting has learned about one workload: kept between refreshes, snapshotted, replaced whole by the next fit.
//! It is small (at most about 40 KiB, 28 of them trees), because it is kept for every workload.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// The result of fitting the built-in models to a workload's history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fit {
    /// When it was made; no sample later than this has been used.
    pub at: Timestamp,
    /// The typical day and week, when the history is long enough for one.
    pub profile: Option<Profile>,
    /// Error bands, one set for each model that was tried.
    pub bands: Vec<BandSet>,
    /// How the models did out of sample, best first; the first one is what `model: auto` uses.
    pub scores: Vec<ModelScore>,
    /// Steps ahead (from 1, rising) at which coefficients and mix weights hold; between them they are interpolated.
    pub knots: Vec<u32>,
    /// What the models have learned, one entry for each that needs more than the profile.
    pub coefficients: Vec<Coefficients>,
    /// How much each model counts in the mix.
    pub mix: Vec<MixWeights>,
}

/// A robust profile of the day and, with enough history, the week: medians by time-of-day bin in local time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Length of a bin in seconds; divides a day.
    pub bin_seconds: u32,
    /// One value per bin of the day; twice as many for a working day followed by a day of the weekend; seven times as
    /// many for the week from Monday 00:00.
    pub values: Vec<f32>,
}

/// Empirical quantiles of a model's errors (`actual - point`) by step ahead, in units of `scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandSet {
    /// The model.
    pub model: Arc<str>,
    /// The unit of the offsets.
    pub scale: BandScale,
    /// Level-major, as [`super::Forecast`]: for each of `DEFAULT_LEVELS`, one offset for each step of `steps`.
    pub offsets: Vec<f32>,
    /// The steps ahead (from 1) at which offsets were measured; between them they are interpolated.
    pub steps: Vec<u32>,
    /// How many errors each offset rests on.
    pub samples: u32,
}

/// What a band widens and narrows with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BandScale {
    /// Nothing: offsets are in the metric's own unit.
    Constant,
    /// The local level: offsets are shares of it.
    #[default]
    Level,
    /// The local restlessness: the mean change over five minutes within the last hour.
    Spread,
    /// The geometric mean of level and restlessness.
    LevelAndSpread,
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

/// What one model has learned; the model alone knows the layout of `values`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// The model.
    pub model: Arc<str>,
    /// Its numbers.
    pub values: Vec<f32>,
}

/// How much one model counts in the mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixWeights {
    /// The model.
    pub model: Arc<str>,
    /// Its weight at each of [`Fit::knots`]; over all models they add up to 1.
    pub weights: Vec<f32>,
}

// === impl Fit ===

impl Fit {
    /// The bands of `model`, if it was tried.
    pub fn bands_of(&self, model: &str) -> Option<&BandSet> {
        self.bands.iter().find(|bands| *bands.model == *model)
    }

    /// What `model` has learned.
    pub fn coefficients_of(&self, model: &str) -> Option<&[f32]> {
        self.coefficients
            .iter()
            .find(|learned| *learned.model == *model)
            .map(|learned| learned.values.as_slice())
    }

    /// The score of `model`, if it was tried.
    pub fn score_of(&self, model: &str) -> Option<&ModelScore> {
        self.scores.iter().find(|score| *score.model == *model)
    }

    /// Bytes it takes in memory, without the allocator's rounding.
    pub fn bytes(&self) -> usize {
        let floats = self.profile.iter().map(|p| p.values.len()).sum::<usize>()
            + self.knots.len()
            + self
                .coefficients
                .iter()
                .map(|c| c.values.len())
                .sum::<usize>()
            + self.mix.iter().map(|m| m.weights.len()).sum::<usize>()
            + self
                .bands
                .iter()
                .map(|b| b.offsets.len() + b.steps.len())
                .sum::<usize>();
        size_of::<Self>()
            + floats * size_of::<f32>()
            + self.bands.len() * size_of::<BandSet>()
            + self.scores.len() * size_of::<ModelScore>()
            + self.coefficients.len() * size_of::<Coefficients>()
            + self.mix.len() * size_of::<MixWeights>()
    }
}
