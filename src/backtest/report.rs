//! What comes out of a backtest.

use std::sync::Arc;

use serde::Serialize;

use super::Protocol;
use crate::domain::{Plan, Timestamp};
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
    /// Replica hours at each of the compared overloads; `null` where no setting keeps to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replica_hours_at: Vec<Option<f64>>,
    /// Every setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontier: Option<Vec<Scored>>,
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

/// What is drawn and told.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// Load, and ready capacity of ours and of the plain HPA.
    pub path: Vec<PathPoint>,
    /// The hours with the most unmet load of either.
    pub worst: Vec<(Timestamp, Timestamp)>,
    /// Our plans, where they changed.
    pub plans: Vec<Arc<Plan>>,
}

/// One moment of the judged part.
#[derive(Clone, Copy, Debug)]
pub struct PathPoint {
    /// When.
    pub at: Timestamp,
    /// The load; not a number in a gap.
    pub load: f64,
    /// What our ready replicas carry.
    pub forescale: f64,
    /// What those of the plain HPA carry.
    pub hpa: f64,
}
