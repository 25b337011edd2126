//! The HPA controller: what it makes of external metrics, which KEDA's triggers become, and of CPU.
//!
//! Read in Kubernetes' `pkg/controller/podautoscaler/` (`horizontal.go`, called H here, and `replica_calculator.go`,
//! called R) and `pkg/apis/autoscaling/v2/defaults.go` (D), in a revision with per-direction tolerance:
//!
//! | rule | where |
//! |---|---|
//! | a target at 0 replicas is left alone (`ScalingDisabled`), one outside min and max is brought inside first | H `reconcileAutoscaler` |
//! | `AverageValue`: ratio of the value to target x **status** replicas; starting pods count, so a slow start is not answered twice | R `GetExternalPerPodMetricReplicas` |
//! | within the tolerance, bounds included, nothing changes; otherwise `ceil(value / target)` | R `Tolerances.isWithin`, same |
//! | `Value`: ratio of the value to the target; `ceil(ratio x ready pods)` | R `GetExternalMetricReplicas`, `getUsageRatioReplicaCount` |
//! | CPU: whole percent of the requests, over the pods whose sample counts; `ceil(ratio x those pods)` | R `GetResourceReplicas`, `metrics/utilization.go` `GetResourceUtilizationRatio` |
//! | CPU: a pod is not counted while pending, nor in its first 5 minutes while not ready or with a sample from before it was | R `groupPods` |
//! | CPU: going up, uncounted and missing pods count as idle; going down, missing ones count as busy; what would then turn the direction is dropped | R `GetResourceReplicas` |
//! | a metric without any pod to count is an error | same |
//! | the highest proposal wins; no scale-down while any metric is missing, no change while all are | H `computeReplicasForMetrics` |
//! | with a `behavior`: stabilisation in both directions, then rate policies, then min and max | H `stabilizeRecommendationWithBehaviors`, `convertDesiredReplicasWithBehaviorRate` |
//! | without one: highest recommendation of 5 minutes, then at most twice the replicas or 4 | H `stabilizeRecommendation`, `convertDesiredReplicasWithRules` |
//! | unset parts of a `behavior`: up 4 pods or 100 % per 15 s at once, down 100 % per 15 s after 5 minutes | D `defaultHPAScaleUpRules`, `defaultHPAScaleDownRules`, H `maybeInitScaleDownStabilizationWindow` |

mod behavior;
mod calculator;
mod past;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::time::Duration;

pub use behavior::{Behavior, Change, Policy, Rules, Select};
use calculator::Tolerances;
pub use calculator::{Resource, Source};
use past::Past;

use crate::domain::Timestamp;

/// How often the controller looks at an HPA (`--horizontal-pod-autoscaler-sync-period`).
pub const SYNC_PERIOD: Duration = Duration::from_secs(15);
/// The controller's own tolerance (`--horizontal-pod-autoscaler-tolerance`).
pub const TOLERANCE: f64 = 0.1;
/// The controller's own scale-down window (`--horizontal-pod-autoscaler-downscale-stabilization`).
pub const DOWNSCALE_STABILIZATION: Duration = Duration::from_mins(5);

/// `--horizontal-pod-autoscaler-cpu-initialization-period`.
pub const CPU_INITIALIZATION: Duration = Duration::from_mins(5);

/// Without a `behavior`: at most this many times the replicas in one sync …
const SCALE_UP_LIMIT_FACTOR: u32 = 2;
/// … or this many replicas.
const SCALE_UP_LIMIT_MINIMUM: u32 = 4;

/// One external metric as the HPA reads it from the metrics API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The value, in thousandths.
    pub value_milli: i64,
    /// The target per replica, in thousandths.
    pub target_milli: i64,
}

/// The replicas of the target as the controller sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Wanted: `spec.replicas`.
    pub spec: u32,
    /// There, ready or not: `status.replicas`.
    pub status: u32,
    /// Ready.
    pub ready: u32,
}

/// One `HorizontalPodAutoscaler`.
#[derive(Clone, Debug)]
pub struct Hpa {
    min: u32,
    max: u32,
    /// The controller's, for each direction that its `behavior` says nothing of.
    tolerance: f64,
    behavior: Option<Behavior>,
    past: Past,
}

/// What became of the metrics of one sync.
enum Proposal {
    /// The highest proposal.
    Replicas(u32),
    /// An error: nothing is changed.
    Unknown,
}

// === impl Hpa ===

impl Hpa {
    /// An HPA with a `behavior` stanza. A `min` of 0 is taken as 1, as KEDA does: going to and from 0 is KEDA's
    /// business.
    pub fn new(min: u32, max: u32, behavior: Behavior) -> Self {
        Self::build(min, max, Some(behavior))
    }

    /// An HPA without a `behavior` stanza, which is what KEDA makes unless the ScaledObject says otherwise.
    pub fn without_behavior(min: u32, max: u32) -> Self {
        Self::build(min, max, None)
    }

    /// Under a controller with this tolerance (`--horizontal-pod-autoscaler-tolerance`).
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// Changes `minReplicas` from the next sync on; 0 is taken as 1, and more than `maxReplicas` as that.
    pub fn set_min(&mut self, min: u32) {
        self.min = min.clamp(1, self.max);
    }

    fn build(min: u32, max: u32, behavior: Option<Behavior>) -> Self {
        let min = min.max(1);
        Self {
            min,
            max: max.max(min),
            tolerance: TOLERANCE,
            behavior,
            past: Past::default(),
        }
    }

    /// One look at the target and its metrics: the replicas it should have from now on. To be called every
    /// [`SYNC_PERIOD`] with the replicas that exist (`status.replicas`), taken for the wanted ones too.
    pub fn sync(
        &mut self,
        now: Timestamp,
        status_replicas: u32,
        metrics: &[Option<Metric>],
    ) -> u32 {
        self.sync_scale(now, status_replicas, status_replicas, metrics)
    }

    /// The same where the wanted replicas (`spec.replicas`) are not all there yet.
    pub fn sync_scale(
        &mut self,
        now: Timestamp,
        spec_replicas: u32,
        status_replicas: u32,
        metrics: &[Option<Metric>],
    ) -> u32 {
        let tolerances = self.tolerances();
        let proposals = metrics.iter().map(|metric| {
            metric.map(|metric| calculator::average_value(metric, status_replicas, tolerances))
        });
        self.scale(now, spec_replicas, proposals)
    }

    /// The same with metrics of any kind.
    pub fn sync_on(&mut self, now: Timestamp, fleet: Fleet, sources: &[Option<Source>]) -> u32 {
        let tolerances = self.tolerances();
        let proposals = sources
            .iter()
            .map(|source| source.and_then(|source| source.replicas(fleet, tolerances)));
        self.scale(now, fleet.spec, proposals)
    }

    /// Carries out a wish that came about elsewhere by the rules of the `behavior`: the replicas there should be from now on.
    /// For whoever has these rules without an HPA, which brings a fleet outside minimum and maximum inside by itself.
    pub fn carry_out(&mut self, now: Timestamp, current: u32, wanted: u32) -> u32 {
        let desired = self.normalize(now, current, wanted);
        self.remember(now, current, desired);
        desired
    }

    /// `proposals` are looked at only where they matter; `None` is a metric that is missing.
    fn scale(
        &mut self,
        now: Timestamp,
        current: u32,
        proposals: impl Iterator<Item = Option<u32>>,
    ) -> u32 {
        self.past.begin(now, current);
        let desired = if current == 0 {
            0
        } else if current > self.max {
            self.max
        } else if current < self.min {
            self.min
        } else {
            match propose(current, proposals) {
                Proposal::Unknown => return current,
                Proposal::Replicas(wanted) => self.normalize(now, current, wanted),
            }
        };
        self.remember(now, current, desired);
        desired
    }

    fn remember(&mut self, now: Timestamp, current: u32, desired: u32) {
        if let Some(behavior) = &self.behavior {
            self.past.record_scale(now, current, desired, behavior);
        }
    }

    fn tolerances(&self) -> Tolerances {
        let behavior = self.behavior.as_ref();
        let of = |rules: fn(&Behavior) -> &Rules| {
            let own = behavior.and_then(|behavior| rules(behavior).tolerance);
            own.unwrap_or(self.tolerance)
        };
        Tolerances {
            down: of(|behavior| &behavior.scale_down),
            up: of(|behavior| &behavior.scale_up),
        }
    }

    fn normalize(&mut self, now: Timestamp, current: u32, wanted: u32) -> u32 {
        let Some(behavior) = &self.behavior else {
            return self.normalize_by_rules(now, current, wanted);
        };
        let stable = self.past.stabilize(now, current, wanted, behavior);
        match stable.cmp(&current) {
            Ordering::Greater => {
                let limit = behavior.scale_up.highest(now, current, &self.past);
                stable.min(limit.max(current)).min(self.max)
            }
            Ordering::Less => {
                let limit = behavior.scale_down.lowest(now, current, &self.past);
                stable.max(limit.min(current)).max(self.min)
            }
            Ordering::Equal => stable,
        }
    }

    fn normalize_by_rules(&mut self, now: Timestamp, current: u32, wanted: u32) -> u32 {
        let stable = self.past.stabilize_by_highest(now, wanted);
        let limit = current
            .saturating_mul(SCALE_UP_LIMIT_FACTOR)
            .max(SCALE_UP_LIMIT_MINIMUM);
        // The lower bound is looked at first there, and it is never above the upper one.
        if stable < self.min {
            self.min
        } else {
            stable.min(limit.min(self.max))
        }
    }
}

/// The highest proposal, unless one is missing that might have been higher.
fn propose(current: u32, proposals: impl Iterator<Item = Option<u32>>) -> Proposal {
    let (mut highest, mut missing) = (None, false);
    for proposal in proposals {
        missing |= proposal.is_none();
        highest = highest.max(proposal);
    }
    match highest {
        None => Proposal::Unknown,
        Some(wanted) if missing && wanted < current => Proposal::Unknown,
        Some(wanted) => Proposal::Replicas(wanted),
    }
}
