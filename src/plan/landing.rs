//! The dead band: the HPA leaves the fleet alone while the value is within its tolerance of what the fleet stands for, so
//! that 21 told to an HPA at 20 replicas changes nothing (keda#7900, #5263, #6709). The number that KEDA is told is chosen
//! so that the HPA lands on the plan, or on the fewest replicas above it that the band lets it reach.
//!
//! The HPA compares with `status.replicas`, ready or not (`GetExternalPerPodMetricReplicas`), which nobody tells a scaler
//! (where the cluster may be read, it says them). But an HPA does what it is told, so that it stands where the last number that was outside the band led it:
//! - upwards within the band: the smallest number beyond the band is told (23 for 21 at 20), unless that is above
//!   `maxReplicas`: then nothing between is in reach;
//! - downwards within the band: a value just below the band whose ceiling is the plan (9.5 for 10 at 11) where there is
//!   one, otherwise the number before, because the HPA would stay there anyway.
//!
//! A number is told again until the plan leaves the band around it, so that it does not matter when the HPA looks, and
//! the same plan never gives two numbers in turn. Until the HPA has surely looked, a number must also do for where it stood
//! before. Where ready replicas say otherwise for longer than replicas take to start (the HPA may never have followed, or
//! something else holds the fleet), it must do for them too.

use std::time::Duration;

use super::case::{Case, Decision};
use super::cluster::Tolerance;
use super::ledger::{amount, replicas};
use super::number;
use crate::domain::{
    Landed, Limit, Reason, Sample, Served, Timestamp, milli_truncated, wire_target,
};

/// From a number that is told to an HPA that has acted on it, on top of the lead time: its sync, KEDA's polling and the
/// way of the metric.
const CONTROL_DELAY: Duration = Duration::from_mins(1);
/// Ready replicas that were read longer ago than this say nothing about now.
const READ_LATELY: Duration = Duration::from_mins(1);

/// An HPA that compares a value with one target, as the planner sees it.
#[derive(Clone, Copy, Debug)]
pub struct DeadBand {
    target_milli: i64,
    down: f64,
    up: f64,
}

/// A number for KEDA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its ceiling: where an HPA lands that it moves.
    pub replicas: u32,
    /// The value in thousandths.
    pub value_milli: i64,
}

impl DeadBand {
    /// The band of an HPA with this `tolerance` in both directions, at a target of `threshold`.
    pub fn new(threshold: f64, tolerance: f64) -> Self {
        Self::between(threshold, tolerance, tolerance)
    }

    /// The band of an HPA whose `behavior` has a tolerance for each direction.
    pub fn between(threshold: f64, down: f64, up: f64) -> Self {
        Self {
            target_milli: milli_truncated(wire_target(threshold)),
            down: down.max(0.0),
            up: up.max(0.0),
        }
    }

    /// The number that is exactly so many replicas.
    pub fn exactly(self, replicas: u32) -> Number {
        Number {
            replicas,
            value_milli: i64::from(replicas).saturating_mul(self.target_milli),
        }
    }

    /// Where an HPA at `current` replicas goes, its minimum, maximum and rates aside.
    pub fn follow(self, current: u32, number: Number) -> u32 {
        if current > 0 && self.holds(current, number.value_milli) {
            current
        } else {
            number.replicas
        }
    }

    /// The number that leads an HPA at `current` replicas to `wanted`, or to the fewest above that are within reach and not
    /// above `max`.
    pub fn number(self, current: u32, wanted: u32, max: u32) -> Number {
        let below = (wanted < current && self.holds(current, self.exactly(wanted).value_milli))
            .then(|| self.just_below(current, wanted));
        (below.flatten()).unwrap_or_else(|| self.steady(current, wanted, max))
    }

    /// The same, but that an HPA which is above `wanted` and within its band stays where it is.
    pub fn steady(self, current: u32, wanted: u32, max: u32) -> Number {
        let exact = self.exactly(wanted);
        if current == 0 || wanted == current || !self.holds(current, exact.value_milli) {
            return exact;
        }
        if wanted > current {
            let beyond = self.beyond(current, wanted);
            return beyond.filter(|it| it.replicas <= max).unwrap_or(exact);
        }
        self.exactly(current.min(max.max(wanted)))
    }

    /// The number of the fewest replicas, `least` of them at least, that lies above the band around `current`; `None` where none
    /// does that can be told.
    fn beyond(self, current: u32, least: u32) -> Option<Number> {
        // A float too large for the type becomes its largest value.
        let edge = (f64::from(current) * (1.0 + self.up)) as u32;
        let edge = edge.max(least);
        // The edge is within the band, and so may one more be by float noise; beyond that only a value too large for the wire is.
        let mut near = (edge..=edge.saturating_add(2)).map(|replicas| self.exactly(replicas));
        near.find(|number| !self.holds(current, number.value_milli))
    }

    /// A value below the band around `current` whose ceiling is `wanted`, in the middle of those that there are.
    fn just_below(self, current: u32, wanted: u32) -> Option<Number> {
        let target = self.target_milli as f64;
        let edge = f64::from(current) * (1.0 - self.down) * target;
        let next = self.exactly(wanted.saturating_sub(1)).value_milli;
        let value_milli = (f64::midpoint(edge, next as f64) as i64).max(next.saturating_add(1));
        let lands = (value_milli as f64 / target).ceil() - f64::from(wanted);
        (lands.abs() < 0.5 && !self.holds(current, value_milli)).then_some(Number {
            replicas: wanted,
            value_milli,
        })
    }

    /// `Tolerances.isWithin` of the HPA's `replica_calculator.go`, bounds included.
    fn holds(self, current: u32, value_milli: i64) -> bool {
        let ratio = value_milli as f64 / (self.target_milli as f64 * f64::from(current));
        (1.0 - self.down..=1.0 + self.up).contains(&ratio)
    }
}

/// What came of it.
pub(super) struct Landing {
    pub(super) served: Served,
    /// Where the HPA stands once it has followed.
    pub(super) landed: Landed,
}

/// Makes the number of a plan that KEDA is told one that the HPA follows.
pub(super) fn land(case: &Case<'_>, ready: Option<Sample>, decision: &mut Decision) -> Landing {
    let tolerance = case.cluster.tolerance(case.spec);
    let band = DeadBand::between(case.spec.threshold, tolerance.down, tolerance.up);
    let (wanted, max) = (decision.replicas, case.upper_bound());
    let ready = ready.and_then(|sample| there(sample, case.now));
    let landed = landed(case, ready).unwrap_or(at(wanted, case.now));
    // A number that was told for this plan, or for a lower one, is not taken back for it.
    let mut number = if wanted < landed.plan {
        band.number(landed.replicas, wanted, max)
    } else {
        band.steady(landed.replicas, wanted, max)
    };
    let young = case.now.since(landed.since) < CONTROL_DELAY;
    let at_rest = ready.filter(|ready| ready.at_rest(case, landed));
    let stands = case.cluster.current().filter(|current| *current > 0);
    let perhaps = [
        young.then_some(landed.before),
        stands.or(at_rest.map(|ready| ready.replicas)),
    ];
    for current in perhaps.into_iter().flatten() {
        if band.follow(current, number) < wanted {
            let other = band.steady(current, wanted, max);
            if other.value_milli > number.value_milli {
                number = other;
            }
        }
    }
    tell(tolerance, landed.replicas, number, band, decision);
    let after = band.follow(landed.replicas, number);
    decision.replicas = number.replicas;
    Landing {
        served: number::serve_value(number.replicas, case.spec.threshold, number.value_milli),
        landed: moved(landed, after, wanted, case.now),
    }
}

/// Where the HPA stands once it has followed `told`, a number that is not a plan's and was not landed.
pub(super) fn follow(case: &Case<'_>, ready: Option<Sample>, told: u32) -> Landed {
    let tolerance = case.cluster.tolerance(case.spec);
    let band = DeadBand::between(case.spec.threshold, tolerance.down, tolerance.up);
    let ready = ready.and_then(|sample| there(sample, case.now));
    let landed = landed(case, ready).unwrap_or(at(told, case.now));
    let after = band.follow(landed.replicas, band.exactly(told));
    moved(landed, after, told, case.now)
}

fn moved(landed: Landed, after: u32, plan: u32, now: Timestamp) -> Landed {
    if after == landed.replicas {
        return landed;
    }
    Landed {
        replicas: after,
        since: now,
        plan,
        before: landed.replicas,
    }
}

fn at(replicas: u32, now: Timestamp) -> Landed {
    Landed {
        replicas,
        since: now,
        plan: replicas,
        before: replicas,
    }
}

/// Replicas that are ready, as they were read.
#[derive(Clone, Copy)]
struct Ready {
    at: Timestamp,
    replicas: u32,
}

impl Ready {
    /// Whether an HPA that stands as reckoned would have made the replicas that it stands for ready by the time of the
    /// reading.
    fn at_rest(self, case: &Case<'_>, landed: Landed) -> bool {
        self.replicas > 0 && self.at >= landed.since + case.to_ready() + CONTROL_DELAY
    }
}

fn there(sample: Sample, now: Timestamp) -> Option<Ready> {
    let near = sample.at.apart(now) <= READ_LATELY;
    (near && sample.value.is_finite() && sample.value >= 0.0).then(|| Ready {
        at: sample.at,
        // A float too large for the type becomes its largest value.
        replicas: sample.value.round() as u32,
    })
}

/// Where the HPA stands by what it was told; before it was told anything, or once it has not followed, by what the cluster
/// says or what is ready.
fn landed(case: &Case<'_>, ready: Option<Ready>) -> Option<Landed> {
    let told = case.past.landed().map(|told| Landed {
        // A moment that has not come means that the clock was set back.
        since: told.since.min(case.now),
        ..told
    });
    let stands = case.cluster.current().filter(|current| *current > 0);
    if let (Some(told), Some(stands)) = (told, stands) {
        // An HPA that has surely looked and stands elsewhere: its rates hold it up, or somebody else moves the fleet.
        let elsewhere = stands != told.replicas && case.now.since(told.since) >= CONTROL_DELAY;
        return Some(if elsewhere {
            at(stands, told.since)
        } else {
            told
        });
    }
    let read = ready.filter(|ready| ready.replicas > 0);
    let first = stands.or(read.map(|read| read.replicas));
    told.or_else(|| first.map(|first| at(first, case.now)))
}

/// Writes down what the band did to the number.
fn tell(
    tolerance: Tolerance,
    current: u32,
    number: Number,
    band: DeadBand,
    decision: &mut Decision,
) {
    let (wanted, told) = (decision.replicas, number.replicas);
    if number == band.exactly(wanted) {
        return;
    }
    let (ignores, at) = (tolerance.text(current, wanted), replicas(current));
    let text = if told > wanted && told > current {
        format!("{ignores}: at {at} it would stay, {told} is the least that moves it")
    } else if told > wanted {
        format!("{ignores} and stays at {at}: that number is told on")
    } else {
        let value = number.value_milli as f64 / band.exactly(1).value_milli as f64;
        format!(
            "{ignores}: at {at} it would stay, {} of a replica moves it",
            amount(value)
        )
    };
    decision.reasons.push(Reason {
        limit: Limit::Tolerance,
        from: wanted,
        to: told,
        text,
    });
}

#[cfg(test)]
mod tests;
