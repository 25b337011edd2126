//! The score of a run, so that two policies on the same demand can be compared: what users missed, what it cost, how
//! often the fleet changed, and how closely it followed what was needed.

mod elasticity;
mod slo;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use elasticity::Elasticity;
use elasticity::Following;
use serde::{Serialize, Serializer};
use slo::Minutes;

use crate::domain::Timestamp;

/// Demand this little (relatively) above capacity is float noise, no overload.
const NOISE: f64 = 1e-9;
const SECONDS_PER_HOUR: f64 = 3600.0;

/// A stretch of a run in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub length: Duration,
    /// Demand, in the metric's unit. What is no number counts as none.
    pub demand: f64,
    /// What one replica carries.
    pub capacity_per_replica: f64,
    /// Replicas that served.
    pub ready: u32,
    /// Replicas that were wanted: a change of these is a change of the fleet.
    pub wanted: u32,
    /// Replicas that cost, the starting and the terminating ones included.
    pub paid: u32,
    /// Share of the requests, 0 to 1, over the latency objective; `None` without a latency model.
    pub over_objective: Option<f64>,
}

/// Whether demand is above what this many replicas carry.
pub fn overloaded(demand: f64, capacity_per_replica: f64, ready: u32) -> bool {
    demand > capacity_per_replica * f64::from(ready) * (1.0 + NOISE)
}

/// The fewest replicas that carry `demand`.
pub fn required(demand: f64, capacity_per_replica: f64) -> u32 {
    // The smallest count that `overloaded` lets pass.
    (demand / (capacity_per_replica * (1.0 + NOISE))).ceil() as u32
}

/// Running totals of one policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    seconds: f64,
    overload_seconds: f64,
    demand: f64,
    unmet: f64,
    replica_seconds: f64,
    ready_seconds: f64,
    peak_replicas: u32,
    changes: u64,
    last_wanted: Option<u32>,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
    slo: Minutes,
    following: Following,
}

/// The totals as they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Length of the run, in hours of simulated time.
    pub hours: f64,
    /// Minutes in which demand was above ready capacity.
    pub overload_minutes: f64,
    /// The same in percent of the run.
    pub overload_percent: f64,
    /// Minutes in which more requests than allowed were over the latency objective; `None` without a latency model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_violation_minutes: Option<f64>,
    /// Demand that no ready capacity met, in percent of all demand.
    pub unmet_percent: f64,
    /// Replicas times hours, the starting ones included.
    pub replica_hours: f64,
    /// Most replicas at once.
    pub peak_replicas: u32,
    /// How often the replica count changed.
    pub changes: u64,
    /// The same per hour.
    pub changes_per_hour: f64,
    /// How closely ready replicas followed the required ones.
    #[serde(flatten)]
    pub elasticity: Elasticity,
}

impl Figures {
    /// Empty totals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty totals of a run whose objective allows this share of requests over it, 0 to 1.
    pub fn with_allowed(allowed: f64) -> Self {
        Self {
            slo: Minutes::allowing(allowed),
            ..Self::default()
        }
    }

    /// Adds a stretch of `dt` from `now` on, in which `demand` (in the metric's unit) met `ready` replicas that carry
    /// `capacity_per_replica` each, of `total` that exist and cost. Demand that is no number counts as none.
    pub fn tick(
        &mut self,
        now: Timestamp,
        dt: Duration,
        demand: f64,
        capacity_per_replica: f64,
        ready: u32,
        total: u32,
    ) {
        self.add(&Stretch {
            at: now,
            length: dt,
            demand,
            capacity_per_replica,
            ready,
            wanted: total,
            paid: total,
            over_objective: None,
        });
    }

    /// Adds a stretch.
    pub fn add(&mut self, stretch: &Stretch) {
        let secs = stretch.length.as_secs_f64();
        let demand = if stretch.demand.is_finite() {
            stretch.demand.max(0.0)
        } else {
            0.0
        };
        let capacity = stretch.capacity_per_replica * f64::from(stretch.ready);
        self.seconds += secs;
        self.demand += demand * secs;
        if overloaded(demand, stretch.capacity_per_replica, stretch.ready) {
            self.overload_seconds += secs;
            self.unmet += (demand - capacity) * secs;
        }
        self.replica_seconds += f64::from(stretch.paid) * secs;
        self.ready_seconds += f64::from(stretch.ready) * secs;
        self.peak_replicas = self.peak_replicas.max(stretch.paid);
        if self.last_wanted.is_some_and(|last| last != stretch.wanted) {
            self.changes += 1;
        }
        self.last_wanted = Some(stretch.wanted);
        self.began = self.began.or(Some(stretch.at));
        self.ended = Some(stretch.at + stretch.length);
        if let Some(over) = stretch.over_objective {
            self.slo.add(stretch.at, demand * secs, over);
        }
        let required = required(demand, stretch.capacity_per_replica);
        self.following.add(secs, required, stretch.ready);
    }

    /// Length of the run in hours of simulated time.
    pub fn hours(&self) -> f64 {
        self.seconds / SECONDS_PER_HOUR
    }

    /// When the run began and ended.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.began.zip(self.ended)
    }

    /// Minutes in which demand was above ready capacity.
    pub fn overload_minutes(&self) -> f64 {
        self.overload_seconds / 60.0
    }

    /// The same in percent of the run.
    pub fn overload_percent(&self) -> f64 {
        100.0 * ratio(self.overload_seconds, self.seconds)
    }

    /// Minutes in which more requests than allowed were over the latency objective; `None` without a latency model.
    pub fn slo_violation_minutes(&self) -> Option<f64> {
        self.slo.violated()
    }

    /// Share of the demand, 0 to 1, that no ready capacity met.
    pub fn unmet_share(&self) -> f64 {
        ratio(self.unmet, self.demand)
    }

    /// Replicas times hours, the starting ones included.
    pub fn replica_hours(&self) -> f64 {
        self.replica_seconds / SECONDS_PER_HOUR
    }

    /// What the replica hours cost.
    pub fn price(&self, per_replica_hour: f64) -> f64 {
        self.replica_hours() * per_replica_hour
    }

    /// Its replica hours as a multiple of those of another run, of perfect foresight for example.
    pub fn cost_ratio(&self, other: &Self) -> f64 {
        ratio(self.replica_seconds, other.replica_seconds)
    }

    /// How closely ready replicas followed the required ones.
    pub fn elasticity(&self) -> Elasticity {
        self.following.result()
    }

    /// Ready replicas times hours.
    pub fn ready_hours(&self) -> f64 {
        self.ready_seconds / SECONDS_PER_HOUR
    }

    /// Most replicas at once.
    pub fn peak_replicas(&self) -> u32 {
        self.peak_replicas
    }

    /// How often the replica count changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The same per hour.
    pub fn changes_per_hour(&self) -> f64 {
        ratio(self.changes as f64, self.hours())
    }

    /// The totals as they are reported.
    pub fn summary(&self) -> Summary {
        Summary {
            hours: self.hours(),
            overload_minutes: self.overload_minutes(),
            overload_percent: self.overload_percent(),
            slo_violation_minutes: self.slo_violation_minutes(),
            unmet_percent: 100.0 * self.unmet_share(),
            replica_hours: self.replica_hours(),
            peak_replicas: self.peak_replicas(),
            changes: self.changes(),
            changes_per_hour: self.changes_per_hour(),
            elasticity: self.elasticity(),
        }
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}

/// A share of nothing is nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
