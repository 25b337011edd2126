//! KEDA's side of one ScaledObject with one external trigger: activation between 0 and 1, and what the HPA reads.
//!
//! Rules and where they were read (KEDA 2.x):
//! - own loop every `pollingInterval` (30 s), for activation only: `pkg/scaling/scale_handler.go`, `startScaleLoop`;
//! - active at 0 replicas: to max(1, `minReplicaCount`) at once; inactive with `minReplicaCount` 0: to 0 once
//!   `cooldownPeriod` (300 s) has passed since it was last active, or `initialCooldownPeriod` (0) since creation if it
//!   never was; inactive below `minReplicaCount`: up to it; an error changes nothing, unless `fallback.replicas` is 0,
//!   with which it counts as inactive (before keda#6520, of February 2025, this loop went to the fallback's replicas at once):
//!   `pkg/scaling/executor/scale_scaledobjects.go`, `RequestScale`, `scaleToZeroOrIdle`, `scaleFromZeroOrIdle`;
//! - the HPA's every read asks the scaler, unless `useCachedMetrics`, which answers with the loop's last reading:
//!   `scale_handler.go`, `GetScaledObjectMetrics`;
//! - after more than `failureThreshold` failed reads in a row the metric is target x fallback replicas:
//!   `pkg/fallback/fallback.go`, `GetMetricsWithFallback`, `doFallback`;
//! - a value of at most 0 in the float field is taken from the integer one, values become milli-units by truncation:
//!   `pkg/scalers/external_scaler.go`, `GetMetricsAndActivity`, and `scaler.go`, `GenerateMetricInMili`.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::hpa::Metric;
use crate::domain::{Served, Timestamp, milli_truncated};

/// What a ScaledObject says, with KEDA's defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledObject {
    /// `pollingInterval`.
    pub polling_interval: Duration,
    /// `cooldownPeriod`, before the step to 0.
    pub cooldown_period: Duration,
    /// `initialCooldownPeriod`, before the step to 0 of an object that never was active.
    pub initial_cooldown_period: Duration,
    /// `minReplicaCount`.
    pub min_replicas: u32,
    /// `maxReplicaCount`.
    pub max_replicas: u32,
    /// `useCachedMetrics` of the trigger.
    pub use_cached_metrics: bool,
    /// `fallback`.
    pub fallback: Option<Fallback>,
}

/// `fallback` of a ScaledObject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// More failures in a row than this bring it in.
    pub failure_threshold: u32,
    /// Replicas meanwhile.
    pub replicas: u32,
    /// How they meet the current ones.
    pub behavior: FallbackBehavior,
}

/// `fallback.behavior`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FallbackBehavior {
    /// The replicas given.
    #[default]
    Static,
    /// The current ones.
    CurrentReplicas,
    /// The current ones if they are more.
    CurrentReplicasIfHigher,
    /// The current ones if they are fewer.
    CurrentReplicasIfLower,
}

/// What the scaler answers: the numbers of `GetMetrics` and the state of `IsActive`; `None` when a call fails.
pub type Answer = Option<(Served, bool)>;

/// KEDA at work on one ScaledObject.
#[derive(Clone, Debug)]
pub struct Keda {
    object: ScaledObject,
    created: Timestamp,
    last_active: Option<Timestamp>,
    last_poll: Option<Timestamp>,
    cached: Answer,
    /// The target that the HPA was made with, in milli-units: it is known from `GetMetricSpec`, also while reads fail.
    target_milli: i64,
    failures: u32,
}

impl Default for ScaledObject {
    fn default() -> Self {
        Self {
            polling_interval: Duration::from_secs(30),
            cooldown_period: Duration::from_mins(5),
            initial_cooldown_period: Duration::ZERO,
            min_replicas: 0,
            max_replicas: 100,
            use_cached_metrics: false,
            fallback: None,
        }
    }
}

// === impl Keda ===

impl Keda {
    /// KEDA on an object created at `created` whose trigger has this `target` (of `GetMetricSpec`).
    pub fn new(object: ScaledObject, target: f64, created: Timestamp) -> Self {
        Self {
            object,
            created,
            last_active: None,
            last_poll: None,
            cached: None,
            target_milli: milli_truncated(target),
            failures: 0,
        }
    }

    /// The `minReplicas` of the HPA that KEDA makes: never 0.
    pub fn hpa_min(&self) -> u32 {
        self.object.min_replicas.max(1)
    }

    /// The `maxReplicas` of the HPA that KEDA makes.
    pub fn hpa_max(&self) -> u32 {
        self.object.max_replicas.max(self.hpa_min())
    }

    /// Whether the own loop is to run.
    pub fn due(&self, now: Timestamp) -> bool {
        self.last_poll
            .is_none_or(|last| now >= last + self.object.polling_interval)
    }

    /// One run of the own loop: the replicas the target should have from now on.
    pub fn poll(&mut self, now: Timestamp, replicas: u32, answer: Answer) -> u32 {
        self.last_poll = Some(now);
        self.cached = answer;
        match answer {
            Some((_, true)) => {
                self.last_active = Some(now);
                if replicas == 0 {
                    self.object.min_replicas.max(1)
                } else {
                    replicas
                }
            }
            Some((_, false)) => self.inactive(now, replicas),
            None => self.failed(now, replicas),
        }
    }

    /// What the HPA reads: the answer of the scaler now, the loop's last one with `useCachedMetrics`, the fallback after
    /// too many failures, `None` for an error.
    pub fn read(&mut self, replicas: u32, answer: impl FnOnce() -> Answer) -> Option<Metric> {
        let answer = if self.object.use_cached_metrics {
            self.cached
        } else {
            answer()
        };
        if let Some((served, _)) = answer {
            self.failures = 0;
            return Some(Metric {
                value_milli: milli_truncated(value_of(&served)),
                target_milli: self.target_milli,
            });
        }
        self.failures = self.failures.saturating_add(1);
        let fallback = self.object.fallback?;
        (self.failures > fallback.failure_threshold).then(|| Metric {
            value_milli: self
                .target_milli
                .saturating_mul(i64::from(fallback.replicas_beside(replicas))),
            target_milli: self.target_milli,
        })
    }

    fn inactive(&self, now: Timestamp, replicas: u32) -> u32 {
        let min = self.object.min_replicas;
        if replicas > 0 && min == 0 {
            let (since, wait) = match self.last_active {
                Some(last) => (last, self.object.cooldown_period),
                None => (self.created, self.object.initial_cooldown_period),
            };
            // "Before now" in the source: the moment itself does not count.
            return if since + wait < now { 0 } else { replicas };
        }
        replicas.max(min)
    }

    /// The fallback is the HPA's business, which reads it as a metric.
    fn failed(&self, now: Timestamp, replicas: u32) -> u32 {
        match self.object.fallback {
            Some(fallback) if fallback.replicas == 0 => self.inactive(now, replicas),
            _ => replicas,
        }
    }
}

impl Fallback {
    fn replicas_beside(&self, current: u32) -> u32 {
        match self.behavior {
            FallbackBehavior::Static => self.replicas,
            FallbackBehavior::CurrentReplicas => current,
            FallbackBehavior::CurrentReplicasIfHigher => current.max(self.replicas),
            FallbackBehavior::CurrentReplicasIfLower => current.min(self.replicas),
        }
    }
}

/// The float when it is above 0, otherwise the integer; a negative one counts as 0 (keda#7880).
fn value_of(served: &Served) -> f64 {
    let value = if served.value > 0.0 {
        served.value
    } else {
        served.value_int as f64
    };
    value.max(0.0)
}
