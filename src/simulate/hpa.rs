//! The HPA controller for external metrics of type `AverageValue`, which is what KEDA's triggers become by default.
//!
//! Read in Kubernetes' `pkg/controller/podautoscaler/` (`horizontal.go`, called H here, and `replica_calculator.go`,
//! called R) and `pkg/apis/autoscaling/v2/defaults.go` (D), in a revision with per-direction tolerance:
//!
//! | rule | where |
//! |---|---|
//! | a target at 0 replicas is left alone (`ScalingDisabled`), one outside min and max is brought inside first | H `reconcileAutoscaler` |
//! | ratio of the value to target x **status** replicas; starting pods count, so a slow start is not answered twice | R `GetExternalPerPodMetricReplicas` |
//! | within the tolerance, bounds included, nothing changes; otherwise `ceil(value / target)` | R `Tolerances.isWithin`, same |
//! | the highest proposal wins; no scale-down while any metric is missing, no change while all are | H `computeReplicasForMetrics` |
//! | with a `behavior`: stabilisation in both directions, then rate policies, then min and max | H `stabilizeRecommendationWithBehaviors`, `convertDesiredReplicasWithBehaviorRate` |
//! | without one: highest recommendation of 5 minutes, then at most twice the replicas or 4 | H `stabilizeRecommendation`, `convertDesiredReplicasWithRules` |
//! | unset parts of a `behavior`: up 4 pods or 100 % per 15 s at once, down 100 % per 15 s after 5 minutes | D `defaultHPAScaleUpRules`, `defaultHPAScaleDownRules`, H `maybeInitScaleDownStabilizationWindow` |

mod behavior;
mod past;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::time::Duration;

pub use behavior::{Behavior, Change, Policy, Rules, Select};
use past::Past;

use crate::domain::Timestamp;

/// How often the controller looks at an HPA (`--horizontal-pod-autoscaler-sync-period`).
pub const SYNC_PERIOD: Duration = Duration::from_secs(15);
/// The controller's own tolerance (`--horizontal-pod-autoscaler-tolerance`).
pub const TOLERANCE: f64 = 0.1;
/// The controller's own scale-down window (`--horizontal-pod-autoscaler-downscale-stabilization`).
pub const DOWNSCALE_STABILIZATION: Duration = Duration::from_mins(5);

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

/// One `HorizontalPodAutoscaler`.
#[derive(Clone, Debug)]
pub struct Hpa {
    min: u32,
    max: u32,
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

    fn build(min: u32, max: u32, behavior: Option<Behavior>) -> Self {
        let min = min.max(1);
        Self {
            min,
            max: max.max(min),
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
        let current = spec_replicas;
        self.past.begin(now, current);
        let desired = if current == 0 {
            0
        } else if current > self.max {
            self.max
        } else if current < self.min {
            self.min
        } else {
            match self.propose(current, status_replicas, metrics) {
                Proposal::Unknown => return current,
                Proposal::Replicas(wanted) => self.normalize(now, current, wanted),
            }
        };
        if let Some(behavior) = &self.behavior {
            self.past.record_scale(now, current, desired, behavior);
        }
        desired
    }

    fn propose(&self, current: u32, status: u32, metrics: &[Option<Metric>]) -> Proposal {
        let known = metrics.iter().flatten();
        let highest = known.map(|metric| self.replicas_for(*metric, status)).max();
        let missing = metrics.iter().any(Option::is_none);
        match highest {
            None => Proposal::Unknown,
            Some(wanted) if missing && wanted < current => Proposal::Unknown,
            Some(wanted) => Proposal::Replicas(wanted),
        }
    }

    fn replicas_for(&self, metric: Metric, status: u32) -> u32 {
        // A negative sum is taken for an overflow there, and capped.
        let usage = if metric.value_milli < 0 {
            i64::MAX
        } else {
            metric.value_milli
        } as f64;
        let target = metric.target_milli as f64;
        let ratio = usage / (target * f64::from(status));
        let (down, up) = self.tolerances();
        if (1.0 - down..=1.0 + up).contains(&ratio) {
            return status;
        }
        (usage / target).ceil().min(f64::from(i32::MAX)) as u32
    }

    fn tolerances(&self) -> (f64, f64) {
        let of = |rules: &Rules| rules.tolerance.unwrap_or(TOLERANCE);
        self.behavior
            .as_ref()
            .map_or((TOLERANCE, TOLERANCE), |behavior| {
                (of(&behavior.scale_down), of(&behavior.scale_up))
            })
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
