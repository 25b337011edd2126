//! What is remembered about a workload's forecasts from one refresh to the next: which were made and not yet seen to come
//! true, how the competing models have done, how wide bands must be. It is small (some kilobytes), because it is kept for
//! every workload, and it is all that the online part of forecasting knows: the same track and the same history give
//! the same forecast.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Timestamp, Trust};

/// The online state of one workload's forecasting. `analyze` alone reads and writes what is in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    /// The competing models, in the order of all lists below; the naive one comes first.
    pub experts: Vec<Arc<str>>,
    /// Origin of the newest forecast that is remembered.
    pub at: Option<Timestamp>,
    /// One for each lead time, rising.
    pub lanes: Vec<Lane>,
    /// How what was published has done.
    pub watch: Watch,
    /// Whether the plan may rest on the forecast.
    pub trust: Trust,
}

/// The state at one lead time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lane {
    /// Steps ahead, from 1.
    pub ahead: u32,
    /// Forecasts whose time has not come, oldest first.
    pub issued: VecDeque<Issued>,
    /// Typical size of the naive model's error: the unit in which the rest is kept.
    pub scale: f32,
    /// How often a forecast has been compared with what came.
    pub settled: u32,
    /// By expert.
    pub experts: Vec<Regret>,
    /// The correction that is learned on top of the experts.
    pub stack: Stack,
    /// Discounted mean absolute errors of the naive model, the aggregate and the corrected aggregate.
    pub finalists: [f32; 3],
    /// The same of the naive model and of what would have been published without caution, over a longer time.
    pub record: [f32; 2],
    /// Origin of the newest forecast that has been compared with what came.
    pub last: Option<Timestamp>,
    /// Errors of the aggregate over the last day and a bit.
    pub errors: PastErrors,
    /// The bands of the path.
    pub path: Calibration,
    /// The bands of the highest value up to this lead time.
    pub peak: Calibration,
}

/// A forecast that has been made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// Its origin.
    pub origin: Timestamp,
    /// What each expert said; not a number for one that had no answer.
    pub points: Vec<f32>,
    /// The errors that were known at the origin.
    pub lags: [f32; 3],
    /// The aggregate, the corrected aggregate, what was published, and what would have been without caution.
    pub finals: [f32; 4],
    /// The highest point up to this lead time.
    pub peak: f32,
    /// The units of bands at the origin.
    pub units: [f32; 5],
    /// The spread of the peak as a network saw it.
    pub peak_spread: f32,
    /// How far the load has moved within the lead time at this time of day on the days before: either way, and up.
    #[serde(default)]
    pub moves: [f32; 2],
    /// What the trees said of the highest value up to this lead time: its middle and the width of its band; 0 for nothing.
    #[serde(default)]
    pub foreseen: [f32; 2],
}

/// One expert's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regret {
    /// Sum of what the aggregate lost and the expert would not have, less its second order.
    pub regret: f32,
    /// Sum of squares of the same.
    pub variance: f32,
    /// The largest of the same.
    pub largest: f32,
    /// Discounted sum of its absolute errors.
    pub loss: f32,
    /// Discounted sum of the naive model's absolute errors on the same forecasts.
    pub naive: f32,
}

/// A ridge regression of the aggregate's error, with old evidence fading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Lower triangle of the products of the features, row by row.
    pub gram: Vec<f32>,
    /// Products of the features with the errors.
    pub moments: Vec<f32>,
    /// Typical size of the aggregate's error.
    pub scale: f32,
}

/// Errors of the aggregate, one for each stride of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PastErrors {
    /// Number of the newest stride since the epoch.
    pub newest: i64,
    /// Oldest first, the upper half of each `f32`'s bits; not a number where there is none.
    pub values: VecDeque<u16>,
}

/// Offsets of bands in several units, tracked so that the wanted share of what comes lies below each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// One for each unit.
    pub units: Vec<UnitCalibration>,
}

/// Offsets in one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitCalibration {
    /// One for each of the default levels.
    pub offsets: [f32; 9],
    /// Typical size of a score: an error in this unit.
    pub size: f32,
    /// Discounted pinball loss in the metric's own unit.
    pub loss: f32,
    /// How many scores it rests on.
    pub scores: u32,
}

/// Discounted scores of what was published, at one lead time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// How many forecasts they rest on, discounted.
    pub count: f32,
    /// Absolute errors: published, naive, change since the day before.
    pub errors: [f32; 3],
    /// Discounted count of forecasts with a day before.
    pub seasonal: f32,
    /// Pinball losses at the levels 0.5, 0.9 and 0.95: published, naive with its own bands.
    pub losses: [f32; 2],
    /// The same over the last half hour or so.
    pub lately: [f32; 2],
    /// Discounted count of the same.
    pub lately_count: f32,
    /// Discounted counts of what lay at or below each default level.
    pub covered: [f32; 9],
    /// The naive model's bands.
    pub naive: UnitCalibration,
}

// === impl Track ===

impl Track {
    /// Bytes it takes in memory, without the allocator's rounding.
    pub fn bytes(&self) -> usize {
        let names = self.experts.len() * size_of::<Arc<str>>();
        size_of::<Self>() + names + self.lanes.iter().map(Lane::bytes).sum::<usize>()
    }
}

impl Lane {
    fn bytes(&self) -> usize {
        let issued = |it: &Issued| size_of::<Issued>() + size_of_val::<[_]>(&it.points);
        let units = self.path.units.len() + self.peak.units.len();
        size_of::<Self>()
            + self.issued.iter().map(issued).sum::<usize>()
            + size_of_val::<[_]>(&self.experts)
            + size_of_val::<[_]>(&self.stack.gram)
            + size_of_val::<[_]>(&self.stack.moments)
            + self.errors.values.len() * size_of::<u16>()
            + units * size_of::<UnitCalibration>()
    }
}
