//! What each kind of metric asks for, before stabilisation and rates (`replica_calculator.go`).

#[cfg(test)]
mod tests;

use super::{Fleet, Metric};

/// One metric of an HPA as the controller reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// External (or Object) with `AverageValue`: the value is shared by all replicas.
    AverageValue(Metric),
    /// External (or Object) with `Value`: the value is compared as it is.
    Value(Metric),
    /// Resource with `Utilization`: each pod's usage in percent of its request.
    Resource(Resource),
}

/// A resource metric of pods that all request the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// `averageUtilization`.
    pub target_percent: u32,
    /// What each pod requests, in thousandths.
    pub request_milli: i64,
    /// Pods whose sample counts.
    pub measured: u32,
    /// Sum of their usage, in thousandths.
    pub usage_milli: i64,
    /// Pods that are pending or not ready, or whose sample is from before they were: not counted at first.
    pub ignored: u32,
    /// Running pods without a sample.
    pub missing: u32,
}

/// What a change of the ratio has to exceed, by direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerances {
    pub(super) down: f64,
    pub(super) up: f64,
}

impl Tolerances {
    /// `Tolerances.isWithin`.
    fn hold(self, ratio: f64) -> bool {
        (1.0 - self.down..=1.0 + self.up).contains(&ratio)
    }
}

impl Source {
    /// The replicas it asks for; `None` for an error.
    pub(super) fn replicas(&self, fleet: Fleet, tolerances: Tolerances) -> Option<u32> {
        match self {
            Self::AverageValue(metric) => Some(average_value(*metric, fleet.status, tolerances)),
            Self::Value(metric) => Some(value(*metric, fleet, tolerances)),
            Self::Resource(resource) => resource.replicas(fleet.spec, tolerances),
        }
    }
}

/// `GetExternalPerPodMetricReplicas`, `GetObjectPerPodMetricReplicas`.
pub(super) fn average_value(metric: Metric, status: u32, tolerances: Tolerances) -> u32 {
    let (usage, target) = (usage_of(metric), metric.target_milli as f64);
    if tolerances.hold(usage / (target * f64::from(status))) {
        return status;
    }
    up(usage / target)
}

/// `GetExternalMetricReplicas`, `GetObjectMetricReplicas`, `getUsageRatioReplicaCount`: on ready pods.
fn value(metric: Metric, fleet: Fleet, tolerances: Tolerances) -> u32 {
    let ratio = usage_of(metric) / metric.target_milli as f64;
    if fleet.spec == 0 {
        return up(ratio);
    }
    if tolerances.hold(ratio) {
        return fleet.spec;
    }
    up(ratio * f64::from(fleet.ready))
}

impl Resource {
    /// `GetResourceReplicas`: who is not counted yet holds a change back, whichever way it goes.
    fn replicas(&self, current: u32, tolerances: Tolerances) -> Option<u32> {
        if self.measured == 0 {
            return None;
        }
        let ratio = self.ratio(self.usage_milli, self.measured);
        let with_unready = self.ignored > 0 && ratio > 1.0;
        if !with_unready && self.missing == 0 {
            return Some(if tolerances.hold(ratio) {
                current
            } else {
                up(ratio * f64::from(self.measured))
            });
        }
        let (usage, counted) = self.refilled(ratio);
        let refilled = self.ratio(usage, counted);
        let turned = (ratio < 1.0 && refilled > 1.0) || (ratio > 1.0 && refilled < 1.0);
        if turned || tolerances.hold(refilled) {
            return Some(current);
        }
        let wanted = up(refilled * f64::from(counted));
        let against = (refilled < 1.0 && wanted > current) || (refilled > 1.0 && wanted < current);
        Some(if against { current } else { wanted })
    }

    /// Usage and pods with the missing ones at their request (or at the target, if that is more) where it goes down, at
    /// nothing where it goes up, and the unready ones at nothing where it goes up.
    fn refilled(&self, ratio: f64) -> (i64, u32) {
        let (mut usage, mut counted) = (self.usage_milli, self.measured);
        if ratio < 1.0 {
            let percent = i64::from(self.target_percent.max(100));
            usage += i64::from(self.missing) * (self.request_milli * percent / 100);
            counted += self.missing;
        } else if ratio > 1.0 {
            counted += self.missing + self.ignored;
        }
        (usage, counted)
    }

    /// `GetResourceUtilizationRatio`: the utilisation is a whole percentage, truncated.
    fn ratio(&self, usage_milli: i64, pods: u32) -> f64 {
        let requested = (self.request_milli * i64::from(pods)).max(1);
        let percent = usage_milli.saturating_mul(100) / requested;
        percent as f64 / f64::from(self.target_percent.max(1))
    }
}

/// A negative sum is taken for an overflow there, and capped.
fn usage_of(metric: Metric) -> f64 {
    if metric.value_milli < 0 {
        i64::MAX as f64
    } else {
        metric.value_milli as f64
    }
}

fn up(replicas: f64) -> u32 {
    replicas.ceil().min(f64::from(i32::MAX)) as u32
}
