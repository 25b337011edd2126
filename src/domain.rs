//! The field's words as types. No I/O, no async, no logging: every room may use them, they use no room.

mod anomaly;
mod authority;
mod bounds;
mod calendar;
mod cluster;
mod duration;
mod events;
mod experience;
mod fit;
mod forecast;
mod grade;
mod guards;
mod lag;
mod milli;
mod numbers;
mod plan;
mod promql;
mod quantile;
mod record;
mod series;
mod spending;
mod standing;
mod time;
mod track;
mod trials;
mod trigger;
mod workload;

pub use anomaly::{Anomaly, AnomalyKind};
pub use authority::{Authority, Stage};
pub use bounds::{BoundWindow, Bounds, Demand};
pub use calendar::{Calendar, CalendarRef};
pub use cluster::{
    BoundBy, ClusterFacts, Fleet, MissingRight, PodBatch, PodStarts, Scaling, ScalingBound,
    ScalingRules, SelectPolicy,
};
pub use duration::{HumanDuration, HumanDurationError};
pub use events::{EventTimes, Events, Excluded};
pub use experience::{
    AimRecord, Capacity, CapacityBound, CapacityDrop, CapacityRecord, Experience, LeadLine,
    LeadRecord, LoadLatency, PendingScaleUp, PodUsage, ResourceAdvice, ScaleUp, ServedSince,
    UsageRecord, Vertical,
};
pub use fit::{BandScale, BandSet, Coefficients, Fit, MixWeights, ModelScore, Profile};
pub use forecast::{Forecast, ForecastError, Peak, StandIn};
pub use grade::{Grade, SPARE, Score, Tally};
pub use guards::{Band, Blind, Burst, Collapse, Guards};
pub use lag::metric_lag;
pub use milli::{milli_rounded, milli_truncated, wire_target};
pub use plan::{
    Basis, ChosenPlan, GoodPlan, Landed, LeadSource, Limit, PastPlan, Plan, PlanMemory, PlanRule,
    Reason, Served,
};
pub use promql::{QueryDoubt, is_promql, query_doubt};
pub use quantile::{DEFAULT_LEVELS, Quantile, QuantileError};
pub use record::{PlanInputs, PlanRecord};
pub use series::{Sample, Series};
pub use spending::{HourSum, Spending, TypicalHour};
pub use standing::{ExpertStanding, RollingScore, Standing, Trust};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
pub use track::{
    Calibration, Issued, Lane, PastErrors, Regret, Stack, Track, UnitCalibration, Watch,
};
pub use trials::{PlanTrials, Rehearsed, Slots};
pub use trigger::{
    Followed, LeadTime, MOST_TOLERANCE, Mode, ModelChoice, Ramp, RampStep, SourceRef, TriggerSpec,
    USUAL_TOLERANCE,
};
pub use workload::{Metadata, WorkloadId, WorkloadKey};
