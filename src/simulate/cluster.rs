//! One workload's run on paper, put together: demand through the metric path to a policy, its answer through KEDA and the
//! HPA to pods that take time to start, and the score of what came of it.
//!
//! Time goes in control ticks of 15 s, the HPA's sync period. In each: pods that are due become Ready, the metric is
//! read, the policy is asked once (KEDA's own loop and the HPA get the same answer), KEDA and the HPA scale, and the
//! demand of the tick, in the mean, meets the pods that are Ready at its beginning. A run is judged from a moment on; an
//! hour before it, where the record has it, lets the fleet settle.
//!
//! ```text
//! Trace -> Meter -> Policy -> Keda -> Hpa -> Pods -> Figures
//!            ^                                 |
//!            +------- retries, if any ---------+
//! ```

mod cpu;
mod policy;
mod retries;
mod run;
mod scene;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use cpu::CpuMetric;
pub use policy::{History, Manifest, Observed, Policy, Reading, UNIT};
pub use retries::Retry;
pub use run::{Simulation, Tick, run, run_with};
pub use scene::Scene;

use super::hpa::{Behavior, SYNC_PERIOD};
use super::keda::ScaledObject;
use super::metric::MetricPath;
use super::pods::{NodePool, StartUp};
use super::queueing::Service;

/// A control tick.
pub const TICK: Duration = SYNC_PERIOD;

/// The cluster that a workload runs in, and the workload's own nature.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Load that one ready replica carries, in the metric's unit.
    pub capacity: f64,
    /// From a pod's creation to Ready.
    pub start_up: StartUp,
    /// How long a deleted pod stays on its node and costs.
    pub grace: Duration,
    /// Nodes that may have to come first; `None` where there is always room.
    pub nodes: Option<NodePool>,
    /// The ScaledObject: minimum, maximum, polling, cooldown, fallback.
    pub object: ScaledObject,
    /// `metricType` of the trigger.
    pub metric_type: MetricType,
    /// The HPA's `behavior` where a policy brings none; `None` for an HPA without.
    pub behavior: Option<Behavior>,
    /// How the load is measured.
    pub metric: MetricPath,
    /// How CPU is measured.
    pub cpu: CpuMetric,
    /// Latency; `None` to count overload only.
    pub service: Option<Service>,
    /// What becomes of requests that were not served; `None`: they are gone.
    pub retry: Option<Retry>,
    /// What chance is drawn from.
    pub seed: u64,
}

/// How the HPA compares a value with its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricType {
    /// Per replica that exists: KEDA's default.
    #[default]
    AverageValue,
    /// As it is, multiplying the ready replicas.
    Value,
}

impl Cluster {
    /// A workload whose replicas carry `capacity` each and are Ready `start_up` after they were wanted, between 1 and
    /// 5000 of them, with everything else as it is by default.
    pub fn new(capacity: f64, start_up: Duration) -> Self {
        Self {
            capacity,
            start_up: StartUp::exactly(start_up),
            grace: Duration::ZERO,
            nodes: None,
            object: ScaledObject {
                min_replicas: 1,
                max_replicas: 5000,
                ..ScaledObject::default()
            },
            metric_type: MetricType::default(),
            behavior: Some(Behavior::default()),
            metric: MetricPath::default(),
            cpu: CpuMetric::default(),
            service: None,
            retry: None,
            seed: 0,
        }
    }
}
