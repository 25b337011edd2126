//! A trigger's metadata, typed: what a ScaledObject asks of Forescale. Parsed and validated in `execute/keda/`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bounds, CalendarRef, Events, HumanDuration, Quantile, WorkloadKey, wire_target};

/// The tolerance of an HPA controller that was not set up otherwise (`--horizontal-pod-autoscaler-tolerance`).
pub const USUAL_TOLERANCE: f64 = 0.1;

/// No tolerance counts as larger. An HPA may be set up to ignore any change; the number that moves one which ignores twice the
/// load, or a thousand million times as much, has nothing to do with the plan any more.
pub const MOST_TOLERANCE: f64 = 0.9;

/// Everything that one trigger asks for, validated, defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerSpec {
    /// The PromQL expression; it must return one series (or a scalar). Empty where another trigger is followed.
    pub query: String,
    /// Another trigger of KEDA's, whose metric is the load in the place of a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Followed>,
    /// Which Prometheus answers it.
    pub source: SourceRef,
    /// Load that one replica carries, in the metric's unit; at least 0.001.
    pub threshold: f64,
    /// Active when the measured load is above this, or the one expected within the lead time is by a twentieth of `threshold`.
    pub activation_threshold: f64,
    /// Extra URL parameters for the query.
    pub query_parameters: Vec<(String, String)>,
    /// Extra HTTP headers for the query (never credentials: those live in named sources).
    pub custom_headers: Vec<(String, String)>,
    /// Sent as the `namespace` URL parameter, as KEDA does for tenancy proxies.
    pub namespace: Option<String>,
    /// KEDA's key: `true` makes an empty result no error. Either way it never counts as zero here.
    pub ignore_null_values: bool,
    /// Skip certificate checks (only for an allow-listed `serverAddress`).
    pub unsafe_ssl: bool,
    /// Time-out of one query; the source's own when unset.
    pub timeout: Option<HumanDuration>,
    /// Who decides.
    pub mode: Mode,
    /// Who forecasts.
    pub model: ModelChoice,
    /// How far ahead the forecast looks.
    pub horizon: HumanDuration,
    /// Grid of the history and the forecast.
    pub step: HumanDuration,
    /// How much history is kept and learned from.
    pub history: HumanDuration,
    /// How often the metric is read and the plan renewed.
    pub interval: HumanDuration,
    /// From scale decision to Ready.
    pub lead_time: LeadTime,
    /// By how much the metric is behind the load, which comes on top of the lead time; `None` where that isn't known.
    #[serde(default)]
    pub metric_lag: Option<HumanDuration>,
    /// Extra share of the planned load: 0.1 plans for 110 %.
    pub headroom: f64,
    /// Level of the forecast that the plan covers.
    pub quantile: Quantile,
    /// The share of time that may be short; the plan is then the cheapest on trial that keeps to it.
    pub max_overload: Option<f64>,
    /// What a replica-minute short costs against one spare: what the level was derived from, and what plans on trial are
    /// compared by.
    pub shortage_cost: Option<f64>,
    /// Lower bound of the plan.
    pub min_replicas: Option<u32>,
    /// Upper bound of the plan.
    pub max_replicas: Option<u32>,
    /// Bounds by time, in the place of the two above while one of its windows is on.
    pub bounds: Option<Bounds>,
    /// The same from a calendar.
    pub calendar: Option<CalendarRef>,
    /// Changes of the plan within an hour, after which steps down wait.
    pub max_changes_per_hour: Option<u32>,
    /// Fastest growth of the forecast part of the plan.
    pub ramp_up: Option<Ramp>,
    /// Fastest shrinking of the plan.
    pub ramp_down: Option<Ramp>,
    /// Before scaling down, the plan must have asked for no more during this window and must expect no more within it;
    /// when unset, five minutes for a plan that was not chosen on trial (those have windows of their own).
    pub scale_down_window: Option<HumanDuration>,
    /// The HPA's tolerance: a change of the ratio within this share is ignored there. When unset: what the cluster says,
    /// [`USUAL_TOLERANCE`] without that.
    pub hpa_tolerance: Option<f64>,
    /// IANA time zone in which days and weeks begin.
    pub timezone: String,
    /// Replica hours that plans may ask for on one local day beyond what the measured load needs.
    pub max_replica_hours_per_day: Option<f64>,
    /// Latency in seconds, for a learned capacity.
    pub latency_query: Option<String>,
    /// Latency objective for `latency_query`.
    pub latency_slo: Option<HumanDuration>,
    /// Ready replicas, for a learned lead time.
    pub replicas_query: Option<String>,
    /// CPU use, for vertical advice.
    pub cpu_query: Option<String>,
    /// Memory use, for vertical advice.
    pub memory_query: Option<String>,
    /// Known events, and times that nothing is learned from.
    pub events: Option<Events>,
}

/// A trigger whose metric KEDA hands on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// Its `name`, or KEDA's name of its type where it has none.
    pub trigger: String,
    /// ScaledObject or ScaledJob that it stands in; the workload's own when unset.
    pub scaled_object: Option<String>,
    /// Namespace of that; always the workload's own, which [`TriggerSpec::settled`] fills in. No metadata sets it.
    pub namespace: Option<String>,
}

/// Where a query goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SourceRef {
    /// The server's default source.
    Default,
    /// A source named in the server's settings.
    Named(String),
    /// `serverAddress` from the metadata: only if the allow-list has it.
    Address(String),
}

/// Who decides how many replicas KEDA is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The plan.
    Predictive,
    /// The larger of the plan and what the measured load asks for.
    ScaleOut,
    /// The plan as far as its own grades have earned it: nothing at first, then as in scale-out, then all of it.
    Auto,
    /// The measured load; the plan is only published.
    Shadow,
    /// The measured load; nothing is forecast.
    Reactive,
}

/// Who forecasts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ModelChoice {
    /// The best of the built-in models on the workload's own history.
    Auto,
    /// A model by its name, such as `naive` or `seasonal-naive`.
    Named(String),
    /// A network from `models/NAME.onnx` or the operator's folder.
    Onnx(String),
}

/// From the decision to scale until the new pods are Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LeadTime {
    /// Learned, or the server's default before anything is known.
    Auto,
    /// Given.
    Fixed(HumanDuration),
}

/// A bound on how fast the plan moves, written `100%/1m` or `4/1m`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    /// How much.
    pub by: RampStep,
    /// Per how long.
    pub per: HumanDuration,
}

/// The amount of a [`Ramp`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RampStep {
    /// Percent of the replicas at the start of the period.
    Percent(f64),
    /// Whole replicas.
    Replicas(u32),
}

// === impl TriggerSpec ===

impl TriggerSpec {
    /// The same with what the metadata leaves to the object around the trigger.
    #[must_use]
    pub fn settled(mut self, key: &WorkloadKey) -> Self {
        if let Some(followed) = &mut self.follows {
            followed.namespace = Some(key.namespace.to_string());
            let own = || key.name.to_string();
            followed.scaled_object.get_or_insert_with(own);
        }
        self
    }

    /// What is read, in words: the query, or the trigger that is followed.
    pub fn reads(&self) -> String {
        self.follows.as_ref().map_or_else(
            || format!("the query `{}`", self.query),
            |followed| format!("the {followed}"),
        )
    }

    /// Length of a grid step; never zero.
    pub fn step(&self) -> Duration {
        self.step.get().max(Duration::from_secs(1))
    }

    /// Number of steps that the forecast covers.
    pub fn horizon_steps(&self) -> usize {
        (self.horizon.get().as_secs().div_ceil(self.step().as_secs())).max(1) as usize
    }

    /// Number of steps of history that are kept.
    pub fn history_steps(&self) -> usize {
        (self.history.get().as_secs().div_ceil(self.step().as_secs())).max(1) as usize
    }

    /// The threshold as KEDA is told it, the same in `GetMetricSpec` and behind every value.
    pub fn target(&self) -> f64 {
        wire_target(self.threshold)
    }

    /// The target as a whole number, at least 1, for a KEDA that knows no fractions.
    pub fn whole_target(&self) -> i64 {
        // A target is bounded far below the range of `i64`.
        (self.target().round() as i64).max(1)
    }

    /// The grid on which the newest samples are read: the largest divisor of `step` that is not above `interval`, so
    /// that the live value is never older than one refresh while every history step stays on the same grid.
    pub fn live_step(&self) -> Duration {
        let (step, interval) = (self.step().as_secs(), self.interval.get().as_secs().max(1));
        let parts = (1..=step).find(|parts| step % parts == 0 && step / parts <= interval);
        Duration::from_secs(step / parts.unwrap_or(step))
    }
}

// === impl Followed ===

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trigger `{}`", self.trigger)?;
        match (&self.namespace, &self.scaled_object) {
            (Some(namespace), Some(name)) => write!(f, " of `{namespace}/{name}`"),
            (None, Some(name)) => write!(f, " of `{name}`"),
            (_, None) => Ok(()),
        }
    }
}

// === impl ModelChoice ===

impl From<ModelChoice> for String {
    fn from(choice: ModelChoice) -> Self {
        choice.to_string()
    }
}

/// As it was written; whether there is such a model shows when it is called.
impl From<String> for ModelChoice {
    fn from(text: String) -> Self {
        match text.strip_prefix("onnx:") {
            Some(name) => Self::Onnx(name.to_owned()),
            None if text == "auto" => Self::Auto,
            None => Self::Named(text),
        }
    }
}

impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(name) => f.write_str(name),
            Self::Onnx(name) => write!(f, "onnx:{name}"),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Predictive => "predictive",
            Self::ScaleOut => "scale-out",
            Self::Auto => "auto",
            Self::Shadow => "shadow",
            Self::Reactive => "reactive",
        })
    }
}

impl fmt::Display for Ramp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            RampStep::Percent(percent) => write!(f, "{percent}%/{}", self.per),
            RampStep::Replicas(replicas) => write!(f, "{replicas}/{}", self.per),
        }
    }
}
