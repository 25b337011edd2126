//! A plan: how many replicas, what KEDA is told, and why.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Authority, Capacity, Experience, Grade, Guards, HumanDuration, Mode, Peak, PlanTrials,
    Quantile, Sample, Spending, Timestamp, Vertical,
};

/// One decision, from its inputs to the number that KEDA gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// When it was made.
    pub at: Timestamp,
    /// Who decided.
    pub mode: Mode,
    /// What the served number rests on.
    pub basis: Basis,
    /// Replicas that KEDA is told.
    pub replicas: u32,
    /// Replicas that the forecast asks for; the same as `replicas` in predictive mode but for the HPA's dead band.
    pub planned: u32,
    /// Replicas that the measured load asks for; `None` before the first sample.
    pub reactive: Option<u32>,
    /// Whether the workload should run at all.
    pub active: bool,
    /// The numbers on the wire.
    pub served: Served,
    /// The newest measured load.
    pub observed: Option<Sample>,
    /// The worst moment of the lead time at `quantile`, before headroom.
    pub peak: Option<Peak>,
    /// Level of the forecast that was used.
    pub quantile: Quantile,
    /// How far ahead the plan looked.
    pub lead_time: HumanDuration,
    /// How that is known.
    #[serde(default)]
    pub lead_source: LeadSource,
    /// Load that one replica carries, where that was learned; the threshold stands otherwise.
    #[serde(default)]
    pub capacity: Option<Capacity>,
    /// What a pod should request, where its use is read.
    #[serde(default)]
    pub vertical: Option<Vertical>,
    /// Who forecast.
    pub model: Option<Arc<str>>,
    /// The plan of the family on trial that was followed; `None` when the quantile alone decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<ChosenPlan>,
    /// How much of the plan counts, in `auto` mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// From load to number, one line a step; each limit that bit is named.
    pub reasons: Vec<Reason>,
}

/// A plan of the family on trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChosenPlan {
    /// How it comes to its number.
    pub rule: PlanRule,
    /// Over which its highest wish counts.
    pub window: HumanDuration,
    /// What it would have missed so far: a share of the time with `maxOverload`, mean replicas with `shortageCost`.
    pub short: f64,
    /// How long the plans have been on trial.
    pub evidence: HumanDuration,
    /// The share of the time that may be short on trial, where the fleet has shown that it must be another one than
    /// `maxOverload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<f64>,
    /// How long they have been on trial in life, where there is evidence that was rehearsed on history too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lived: Option<HumanDuration>,
}

/// How a plan on trial comes to its number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "from"
)]
pub enum PlanRule {
    /// From the forecast: a replica is asked for while it lowers the chance of being short by more than 1 in `price`.
    Risk {
        /// Replicas that being short is worth.
        price: f64,
        /// How much wider than forecast the band is taken to be.
        stretch: f64,
    },
    /// From the measured load, as an HPA does.
    Load {
        /// What it is multiplied by.
        factor: f64,
    },
}

/// How a lead time is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "from"
)]
pub enum LeadSource {
    /// The trigger gives it.
    #[default]
    Given,
    /// The server's default, raised perhaps by the few scale-ups that were seen.
    Default {
        /// How many were.
        seen: u32,
    },
    /// From scale-ups that were seen from the decision to Ready.
    Learned {
        /// How many were.
        scale_ups: u32,
        /// Replicas at once that it holds for.
        batch: u32,
    },
}

/// What the served number rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A forecast made from fresh data.
    Forecast,
    /// The measured load alone: no forecast was asked for, or none can be had.
    Reactive,
    /// The last good plan, held or raised, because there is no fresh data.
    Held,
    /// The last good plan from the snapshot, after a restart, before the first fresh sample.
    Restored,
}

/// The numbers on the wire. KEDA takes the floats when they are above zero; the integers are a consistent pair of
/// their own for a KEDA that does not know the floats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Served {
    /// `replicas x threshold`, chosen so that KEDA's and the HPA's arithmetic land on exactly `replicas`; a little less
    /// where only that is beyond the HPA's dead band.
    pub value: f64,
    /// The threshold.
    pub target: f64,
    /// The value in units of `target_int`.
    pub value_int: i64,
    /// The threshold as a whole number, at least 1.
    pub target_int: i64,
}

/// One step from the load to the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What acted.
    pub limit: Limit,
    /// Replicas before it.
    pub from: u32,
    /// Replicas after it.
    pub to: u32,
    /// In words, for a person on call.
    pub text: String,
}

/// What can move a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The forecast's worst moment: where a plan starts.
    Forecast,
    /// The measured load: where a plan starts without a forecast.
    Observed,
    /// The factor of the plan that has been the cheapest within the objective.
    Safety,
    /// The extra share.
    Headroom,
    /// The measured load is above the forecast's need.
    ObservedFloor,
    /// `maxReplicaHoursPerDay`.
    Budget,
    /// A load above the forecast's band.
    Burst,
    /// Demand that may not have arrived: an outage of the data, or a load that is gone.
    Outage,
    /// `maxChangesPerHour`.
    Changes,
    /// `rampUp`.
    RampUp,
    /// `rampDown`.
    RampDown,
    /// `scaleDownWindow`: what was planned within it, or is expected within it.
    ScaleDownWindow,
    /// `minReplicas`.
    MinReplicas,
    /// `maxReplicas`, or the server's own bound.
    MaxReplicas,
    /// At least one replica for a workload that should be active.
    Activation,
    /// The last good plan, while there is no fresh data.
    Hold,
    /// The mode: KEDA gets the measured load's number, or the larger of that and the plan.
    Mode,
    /// How far ahead the plan looks, where that is learned.
    LeadTime,
    /// The load that one replica carries was learned and is not the threshold.
    Capacity,
    /// `hpaTolerance`: the number is told that the HPA follows.
    Tolerance,
    /// What the cluster says and no other limit names: it moves nothing by itself.
    Cluster,
}

/// What the planner remembers between two plans: enough for ramps, the scale-down window and holding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanMemory {
    /// Plans of the recent past, oldest first: when, and how many replicas were planned before smoothing (`raw`) and
    /// after it (`planned`).
    pub recent: VecDeque<PastPlan>,
    /// The last plan that rested on fresh data.
    pub last_good: Option<GoodPlan>,
    /// The plans on trial.
    #[serde(default)]
    pub trials: Arc<PlanTrials>,
    /// What the replicas have taught; `None` where nothing is read beside the load.
    #[serde(default)]
    pub experience: Option<Arc<Experience>>,
    /// Where the HPA stands by what it was told; `None` where no plan was told.
    #[serde(default)]
    pub landed: Option<Landed>,
    /// The plan's score; `None` before the first plan, and where none is made.
    #[serde(default)]
    pub grade: Option<Arc<Grade>>,
    /// How much of the plan counts; `None` in other modes than `auto`.
    #[serde(default)]
    pub authority: Option<Arc<Authority>>,
    /// Replica hours of the day; `None` where there is no budget.
    #[serde(default)]
    pub spending: Option<Box<Spending>>,
    /// What stands in the way of a scale-down.
    #[serde(default)]
    pub guards: Guards,
}

/// Where the HPA stands by what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// Replicas.
    pub replicas: u32,
    /// Since when.
    pub since: Timestamp,
    /// The plan that led there: the same, or less where the dead band forbade it.
    pub plan: u32,
    /// Where it stood before.
    pub before: u32,
}

/// One entry of [`PlanMemory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastPlan {
    /// When it was made.
    pub at: Timestamp,
    /// Replicas before the scale-down window and ramps.
    pub raw: u32,
    /// Replicas planned in the end.
    pub planned: u32,
}

/// The last plan that rested on fresh data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoodPlan {
    /// When it was made.
    pub at: Timestamp,
    /// Replicas planned.
    pub planned: u32,
    /// Replicas that KEDA was told (differs from `planned` in shadow mode).
    pub served: u32,
    /// Whether the workload was active.
    pub active: bool,
    /// The measured load it rested on.
    pub observed: Option<Sample>,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forecast => "forecast",
            Self::Reactive => "reactive",
            Self::Held => "held",
            Self::Restored => "restored",
        })
    }
}

impl Limit {
    /// Its name in metrics, the API and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forecast => "forecast",
            Self::Observed => "observed",
            Self::Safety => "safety",
            Self::Headroom => "headroom",
            Self::ObservedFloor => "observed-floor",
            Self::Budget => "budget",
            Self::Burst => "burst",
            Self::Outage => "outage",
            Self::Changes => "changes",
            Self::RampUp => "ramp-up",
            Self::RampDown => "ramp-down",
            Self::ScaleDownWindow => "scale-down-window",
            Self::MinReplicas => "min-replicas",
            Self::MaxReplicas => "max-replicas",
            Self::Activation => "activation",
            Self::Hold => "hold",
            Self::Mode => "mode",
            Self::LeadTime => "lead-time",
            Self::Capacity => "capacity",
            Self::Tolerance => "tolerance",
            Self::Cluster => "cluster",
        }
    }
}
