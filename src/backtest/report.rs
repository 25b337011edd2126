//! What comes out of a backtest.

use serde::Serialize;

use super::gain::Gain;
use super::moments::Moments;
use super::{BacktestError, Protocol};
use crate::dataset::LeftOut;
use crate::domain::Timestamp;
use crate::simulate::figures::Summary;

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of Forescale.
    pub forescale: String,
    /// The settings.
    pub protocol: Protocol,
    /// Each record.
    pub traces: Vec<TraceReport>,
    /// Records that could not be judged on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl From<BacktestError> for LeftOut {
    fn from(error: BacktestError) -> Self {
        Self {
            name: error.trace,
            why: error.text,
        }
    }
}

/// One record.
#[derive(Clone, Debug, Serialize)]
pub struct TraceReport {
    /// Its name.
    pub name: String,
    /// Step of the record in seconds.
    pub step_seconds: f64,
    /// When judging began.
    pub judged_from: Timestamp,
    /// When it ended.
    pub judged_until: Timestamp,
    /// Load that one replica carries.
    pub capacity_per_replica: f64,
    /// What a reader should know about the record itself: what was mended in it, and what it asks for that can't be had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Ours beside what runs today, where that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
    /// Each policy.
    pub policies: Vec<PolicyReport>,
    /// Our own policy beside the HPA's own frontier, where there are frontiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub against_hpa: Vec<AgainstHpa>,
    /// What is drawn and told, for people.
    #[serde(skip)]
    pub moments: Moments,
}

/// One policy on one record.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyReport {
    /// Its name.
    pub policy: String,
    /// Its safety setting, out of the box.
    #[serde(flatten)]
    pub usual: Scored,
    /// What the safety setting is.
    pub setting_is: String,
    /// Ours at its overload and at its cost, where ours is swept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forescale_there: Option<AtItsPoint>,
    /// Replica hours at each of the compared overloads; `null` where no setting keeps to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replica_hours_at: Vec<Option<f64>>,
    /// Every setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontier: Option<Vec<Scored>>,
}

/// Ours where another policy is out of the box; `null` where no setting of ours comes there.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AtItsPoint {
    /// Our replica hours at its overload.
    pub replica_hours_at_its_overload: Option<f64>,
    /// Our overload at its cost.
    pub overload_percent_at_its_cost: Option<f64>,
    /// Our overload at our cheapest setting, where that is less than the other's: the hours are that setting's then, and the
    /// two are not alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overload_percent_of_the_cheapest: Option<f64>,
}

/// What a mark at [`AtItsPoint::replica_hours_at_its_overload`] means.
pub(super) const OF_THE_CHEAPEST: &str =
    "those of Forescale's cheapest setting, whose overload is less";

impl AtItsPoint {
    /// Whether the hours are those of our cheapest setting, which is overloaded less.
    pub(super) fn is_of_the_cheapest(&self) -> bool {
        self.overload_percent_of_the_cheapest.is_some()
    }
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Scored {
    /// The safety setting; `null` for the trigger as it is.
    pub setting: Option<f64>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Summary,
    /// Replica hours over those of perfect foresight.
    pub cost_vs_perfect: f64,
    /// What the replica hours cost.
    pub price: f64,
}

/// Forescale beside the plain HPA on the same metric, whose target and behavior are swept with hindsight.
#[derive(Clone, Debug, Serialize)]
pub struct AgainstHpa {
    /// Overload that all keep to, in percent of the time.
    pub overload_percent: f64,
    /// Our replica hours.
    pub forescale_hours: Option<f64>,
    /// Those of perfect foresight.
    pub perfect_hours: Option<f64>,
    /// The HPA with a tolerance of 0 or 0.1, whichever is better.
    #[serde(flatten)]
    pub hpa: Gap,
    /// The HPA with its default tolerance of 0.1.
    pub default_tolerance: Gap,
}

impl AgainstHpa {
    /// The share that is captured of `gap`; less than any other where only the HPA keeps to the overload.
    pub(super) fn captured(&self, gap: &Gap) -> Option<f64> {
        match (self.forescale_hours, gap.hpa_hours) {
            (None, Some(_)) => Some(f64::NEG_INFINITY),
            _ => gap.captured,
        }
    }
}

/// How far we come from an HPA towards perfect foresight.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Gap {
    /// The HPA's replica hours.
    pub hpa_hours: Option<f64>,
    /// Share of the way from the HPA to perfect foresight.
    pub captured: Option<f64>,
    /// Our overload at the HPA's cost, as a share of its overload.
    pub overload_ratio_at_equal_cost: Option<f64>,
}
