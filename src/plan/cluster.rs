//! What the cluster says and still counts. The metadata always wins; facts fill what it leaves open.
//!
//! A fact that was last known to be so longer than [`COUNTS_FOR`] ago is none any more: the API server may be away while
//! somebody changes the ScaledObject. What moves by itself, the replicas, says something about now for [`MOVES`] only.

use std::time::Duration;

use super::ledger::{amount, replicas};
use crate::domain::{
    BoundBy, ClusterFacts, Fleet, Limit, MOST_TOLERANCE, PodStarts, Ramp, RampStep, Reason, Sample,
    Scaling, ScalingBound, ScalingRules, SelectPolicy, Timestamp, TriggerSpec, USUAL_TOLERANCE,
};

/// Facts that are older don't count.
const COUNTS_FOR: Duration = Duration::from_mins(5);
/// Replicas that were read longer ago say nothing about now.
const MOVES: Duration = Duration::from_mins(1);
/// More periods of a scale-up policy than this are not counted: a lead time is bounded by the horizon anyway.
const MOST_PERIODS: u32 = 1000;

/// Facts that count at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cluster<'a> {
    scaling: Option<&'a Scaling>,
    fleet: Option<&'a Fleet>,
    starts: Option<&'a PodStarts>,
    now: Timestamp,
}

/// The HPA's tolerance as the planner reckons with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerance {
    pub(super) down: f64,
    pub(super) up: f64,
    /// Whether the HPA's own `behavior` says so: down, up.
    read: [bool; 2],
}

impl<'a> Cluster<'a> {
    pub(super) fn of(facts: Option<&'a ClusterFacts>, now: Timestamp) -> Self {
        let counts = |at: Timestamp| at.apart(now) <= COUNTS_FOR;
        let Some(facts) = facts else {
            return Self::default();
        };
        Self {
            scaling: facts.scaling.as_ref().filter(|it| counts(it.at)),
            fleet: facts.fleet.as_ref().filter(|it| counts(it.at)),
            starts: facts.starts.as_ref().filter(|it| counts(it.at)),
            now,
        }
    }

    /// The lower bound where the trigger has none.
    pub(super) fn min(&self, spec: &TriggerSpec) -> Option<ScalingBound> {
        let min = self.scaling?.min?;
        spec.min_replicas.is_none().then_some(min)
    }

    /// Replicas that KEDA leaves while nothing is active, where its ScaledObject may be read: an HPA's minimum is at least one,
    /// and says nothing of that.
    pub(super) fn rests_at(&self) -> Option<u32> {
        let min = self.scaling?.min?;
        (min.by == BoundBy::ScaledObject).then_some(min.replicas)
    }

    /// The upper bound where the trigger has none.
    pub(super) fn max(&self, spec: &TriggerSpec) -> Option<ScalingBound> {
        let max = self.scaling?.max?;
        spec.max_replicas.is_none().then_some(max)
    }

    /// The trigger's, the HPA's own as far as the trigger's might go ([`MOST_TOLERANCE`]), or what is usual.
    pub(super) fn tolerance(&self, spec: &TriggerSpec) -> Tolerance {
        if let Some(given) = spec.hpa_tolerance {
            return Tolerance {
                down: given,
                up: given,
                read: [false; 2],
            };
        }
        let of = |rules: fn(&Scaling) -> &ScalingRules| {
            let read = self.scaling.and_then(|it| rules(it).tolerance);
            read.map(|read| read.min(MOST_TOLERANCE))
        };
        let (down, up) = (of(|it| &it.down), of(|it| &it.up));
        Tolerance {
            down: down.unwrap_or(USUAL_TOLERANCE),
            up: up.unwrap_or(USUAL_TOLERANCE),
            read: [down, up].map(|it| it.is_some()),
        }
    }

    /// Replicas that the HPA compares with, where they are known of now.
    pub(super) fn current(&self) -> Option<u32> {
        let fleet = self.fleet?;
        (fleet.at.apart(self.now) <= MOVES).then_some(fleet.replicas)
    }

    /// Ready replicas, for a trigger without `replicasQuery`.
    pub(super) fn ready(&self, spec: &TriggerSpec) -> Option<Sample> {
        let ready = self.fleet?.ready_sample();
        ready.filter(|_| spec.replicas_query.is_none())
    }

    /// Whether pods of an older template are being replaced.
    pub(super) fn rolls_out(&self) -> bool {
        self.fleet.is_some_and(|fleet| fleet.rollout)
    }

    /// Pods that became Ready, if those may be read.
    pub(super) fn starts(&self) -> Option<&'a PodStarts> {
        self.starts
    }

    /// Whether a lead time can be learned here.
    pub(super) fn teaches(&self) -> bool {
        self.starts.is_some() || self.fleet.is_some_and(|fleet| fleet.ready.is_some())
    }

    /// How long the HPA holds a step down by itself.
    pub(super) fn holds_down(&self) -> Duration {
        self.scaling
            .map_or(Duration::ZERO, |it| it.down.stabilization.get())
    }

    /// How long the HPA takes for a step up of `batch` replicas from `from`, by its `behavior`.
    pub(super) fn climb(&self, from: u32, batch: u32) -> Duration {
        let Some(scaling) = self.scaling else {
            return Duration::ZERO;
        };
        let up = &scaling.up;
        let times = (up.policies.iter()).map(|policy| climb(*policy, from, batch));
        let rate = match up.select {
            SelectPolicy::Max => times.min(),
            SelectPolicy::Min => times.max(),
            SelectPolicy::Disabled => None,
        };
        up.stabilization.get() + rate.unwrap_or_default()
    }

    /// Whether what is known lets the fleet follow a plan of so many replicas.
    pub(super) fn lets_follow(&self, replicas: u32) -> bool {
        let Some(scaling) = self.scaling else {
            return true;
        };
        !scaling.paused && scaling.max.is_none_or(|max| replicas <= max.replicas)
    }

    /// What a person should know beside the steps of the number, which is `count`.
    pub(super) fn notes(&self, spec: &TriggerSpec, count: u32) -> Vec<Reason> {
        let mut notes = Vec::new();
        if self.scaling.is_some_and(|it| it.paused) {
            notes.push(
                "the ScaledObject is paused by its annotation: nothing follows this number"
                    .to_owned(),
            );
        }
        if self.rolls_out() {
            notes.push(
                "a rollout is under way: nothing is learned of replicas until it has ended"
                    .to_owned(),
            );
        }
        let max = self.scaling.and_then(|it| it.max);
        if let Some(max) = max.filter(|max| spec.max_replicas.is_some() && count > max.replicas) {
            let whose = max.by.most();
            notes.push(format!(
                "{whose} allows no more than {}, whatever `maxReplicas` says",
                replicas(max.replicas)
            ));
        }
        let note = |text| Reason {
            limit: Limit::Cluster,
            from: count,
            to: count,
            text,
        };
        notes.into_iter().map(note).collect()
    }
}

impl BoundBy {
    /// The key of a lower bound, with whose it is.
    pub(super) fn least(self) -> &'static str {
        match self {
            Self::ScaledObject => "the ScaledObject's `minReplicaCount`",
            Self::Hpa => "the HPA's `minReplicas`",
        }
    }

    /// The key of an upper bound, with whose it is.
    pub(super) fn most(self) -> &'static str {
        match self {
            Self::ScaledObject => "the ScaledObject's `maxReplicaCount`",
            Self::Hpa => "the HPA's `maxReplicas`",
        }
    }
}

impl Tolerance {
    /// A change within which is ignored, in words, in the direction from `current` to `wanted`.
    pub(super) fn text(&self, current: u32, wanted: u32) -> String {
        let [read_down, read_up] = self.read;
        let (share, read) = if wanted > current {
            (self.up, read_up)
        } else {
            (self.down, read_down)
        };
        let whose = if read {
            "its `behavior`"
        } else {
            "`hpaTolerance`"
        };
        format!(
            "the HPA ignores changes within {} % ({whose})",
            amount(100.0 * share)
        )
    }
}

/// From the first step of a policy to the one that reaches `from + batch`: a period less than the steps that it takes.
fn climb(policy: Ramp, from: u32, batch: u32) -> Duration {
    let steps = match policy.by {
        RampStep::Replicas(0) => MOST_PERIODS,
        RampStep::Replicas(pods) => batch.div_ceil(pods),
        RampStep::Percent(percent) => {
            let (mut reached, goal) = (f64::from(from.max(1)), f64::from(from) + f64::from(batch));
            let mut steps = 0;
            while reached < goal && steps < MOST_PERIODS {
                let next = (reached * (1.0 + percent.max(0.0) / 100.0)).ceil();
                // A policy that never moves takes for ever.
                steps = if next > reached {
                    steps + 1
                } else {
                    MOST_PERIODS
                };
                reached = next;
            }
            steps
        }
    };
    policy.per.get() * steps.min(MOST_PERIODS).saturating_sub(1)
}

#[cfg(test)]
mod tests;
