//! Who answers: what a policy sees, and what it may say.

use std::time::Duration;

use crate::domain::{Sample, Series, Served, Timestamp};
use crate::simulate::hpa::{Behavior, Fleet, TOLERANCE};
use crate::simulate::keda::Answer;

/// Target of answers made by [`Reading::load`] and [`Reading::replicas`]: large enough that nothing is lost in KEDA's
/// thousandths, whatever the unit of the load.
pub const UNIT: f64 = 1000.0;

/// Decides how many replicas a workload should have, one tick after the other.
pub trait Policy {
    /// Its name in tables.
    fn name(&self) -> &str;

    /// What its manifests say.
    fn manifest(&self) -> Manifest {
        Manifest::default()
    }

    /// Its answer now. Asked once a tick, with time going on.
    fn answer(&mut self, seen: &Observed<'_>) -> Reading;
}

/// What a policy's manifests say.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The target of its metric (`GetMetricSpec`).
    pub target: f64,
    /// The HPA's `behavior` it asks for; the cluster's when it brings none.
    pub behavior: Option<Behavior>,
    /// The HPA's tolerance where that behavior has none.
    pub tolerance: f64,
    /// Whether KEDA, or the policy itself, takes the fleet to 0 and back. Where nobody does, there is always at least one
    /// replica, whatever `minReplicaCount` says.
    pub activated: bool,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            target: UNIT,
            behavior: None,
            tolerance: TOLERANCE,
            activated: true,
        }
    }
}

/// What can be known at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The present moment.
    pub now: Timestamp,
    /// What a query for the load returns now; `None` for an empty result.
    pub load: Option<Sample>,
    /// Replicas that are wanted, there, and ready.
    pub fleet: Fleet,
    /// What the same query returned up to now, once a minute, or on the grid of the record where that is finer.
    pub history: History<'a>,
}

/// Measured load on a grid.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Time of the first value.
    pub start: Timestamp,
    /// Distance between two values.
    pub step: Duration,
    /// The values, oldest first; `NaN` where the result was empty.
    pub values: &'a [f64],
}

impl History<'_> {
    /// Time of value `index`.
    pub fn time_of(&self, index: usize) -> Timestamp {
        self.start + self.step * u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// Number of values that `time` spans.
    pub fn steps_in(&self, time: Duration) -> usize {
        (time.as_secs_f64() / self.step.as_secs_f64()) as usize
    }

    /// The last `time` of it (all of it, if it is shorter).
    #[must_use]
    pub fn last(&self, time: Duration) -> Self {
        let from = self.values.len().saturating_sub(self.steps_in(time));
        Self {
            start: self.time_of(from),
            step: self.step,
            values: &self.values[from..],
        }
    }

    /// The same as a series of its own.
    pub fn to_series(&self) -> Series {
        Series::new(self.start, self.step, self.values.to_vec())
    }
}

/// What a policy says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// What KEDA gets from it as a scaler; `None` for an error.
    Scaler(Answer),
    /// The HPA is to look at CPU instead, with this `averageUtilization`.
    Cpu(u32),
    /// Both, as a ScaledObject with a `cpu` trigger beside the scaler.
    ScalerAndCpu(Answer, u32),
    /// A scaler, and a minimum of so many replicas that holds for this tick: who is below is there at once, and no
    /// metric, tolerance or activation leads below it.
    ScalerAbove(Answer, u32),
    /// It scales by itself, without KEDA and the HPA, within minimum and maximum.
    Replicas(u32),
}

impl Reading {
    /// A load of which each replica should carry `per_replica`; active while there is some.
    pub fn load(load: f64, per_replica: f64) -> Self {
        Self::load_active_above(load, per_replica, 0.0)
    }

    /// The same, active while the load is above `activation`.
    pub fn load_active_above(load: f64, per_replica: f64, activation: f64) -> Self {
        let (served, _) = units(load / per_replica);
        Self::Scaler(Some((served, load > activation)))
    }

    /// The same, above a minimum that holds for this tick; `None` for a load that is not known.
    pub fn load_above(load: Option<f64>, per_replica: f64, min: u32) -> Self {
        Self::ScalerAbove(load.map(|load| units(load / per_replica)), min)
    }

    /// A wish for so many replicas, as a scaler says it.
    pub fn replicas(replicas: u32) -> Self {
        Self::Scaler(Some(units(f64::from(replicas))))
    }
}

/// So many replicas, as a scaler says it; active when there are any.
fn units(replicas: f64) -> (Served, bool) {
    let served = Served {
        value: replicas * UNIT,
        target: UNIT,
        value_int: (replicas * UNIT).ceil() as i64,
        target_int: UNIT as i64,
    };
    (served, replicas > 0.0)
}
