//! One virtual cluster: KEDA's reading, an HPA that obeys it, and pods that take time to start.

use std::time::Duration;

use super::setup::{Setup, WithoutData};
use super::totals::Totals;
use crate::domain::{Served, Timestamp};
use crate::simulate::figures::Figures;
use crate::simulate::hpa::{Behavior, Hpa};
use crate::simulate::keda::{Answer, Keda, ScaledObject};
use crate::simulate::pods::Pods;

/// A cluster that runs the workload. Both clusters of the demo are built from the same setup; they differ in who answers KEDA,
/// and in the HPA's stabilisation window: the plan does its own waiting and its manifests have none, a plain HPA keeps the
/// default.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    keda: Keda,
    hpa: Hpa,
    pods: Pods,
    figures: Figures,
    capacity: f64,
    threshold: f64,
}

impl Cluster {
    /// A cluster at `now` whose replicas just carry `load` at the threshold, all of them ready, with an HPA that reads the
    /// metric.
    pub(super) fn plain(setup: &Setup, threshold: f64, load: f64, now: Timestamp) -> Self {
        Self::new(setup, Behavior::default(), threshold, load, now)
    }

    /// The same with an HPA that follows a plan.
    pub(super) fn planned(setup: &Setup, threshold: f64, load: f64, now: Timestamp) -> Self {
        Self::new(setup, Behavior::under_a_plan(), threshold, load, now)
    }

    fn new(setup: &Setup, behavior: Behavior, threshold: f64, load: f64, now: Timestamp) -> Self {
        let behavior = behavior.with_tolerance(setup.tolerance);
        let object = ScaledObject {
            min_replicas: setup.min_replicas,
            max_replicas: setup.max_replicas,
            ..ScaledObject::default()
        };
        let keda = Keda::new(object, threshold, now);
        let warm = ((load / setup.threshold).ceil() as u32).clamp(keda.hpa_min(), keda.hpa_max());
        Self {
            hpa: Hpa::new(keda.hpa_min(), keda.hpa_max(), behavior),
            keda,
            pods: Pods::new(Setup::start_up(), setup.seed).with_ready(warm, now),
            figures: Figures::new(),
            capacity: setup.capacity(),
            threshold,
        }
    }

    /// The HPA's look at the metric: reads it through KEDA and scales.
    pub(super) fn sync(&mut self, now: Timestamp, answer: Answer) {
        let replicas = self.pods.total();
        let metric = self.keda.read(replicas, || answer);
        let wanted = self.hpa.sync(now, replicas, &[metric]);
        self.pods.scale_to(wanted, now);
    }

    /// The same with the metric as KEDA's own prometheus trigger serves it.
    pub(super) fn sync_on_metric(
        &mut self,
        now: Timestamp,
        observed: Option<f64>,
        without_data: WithoutData,
    ) {
        let value = match without_data {
            WithoutData::Hold => observed,
            WithoutData::Zero => Some(observed.unwrap_or(0.0)),
        };
        let served = |value| Served {
            value,
            target: self.threshold,
            value_int: 0,
            target_int: 1,
        };
        self.sync(now, value.map(|value| (served(value), value > 0.0)));
    }

    /// Meets `demand` for `dt` from `now` on.
    pub(super) fn carry(&mut self, now: Timestamp, dt: Duration, demand: f64) {
        let (ready, total) = (self.pods.ready(now), self.pods.total());
        self.figures
            .tick(now, dt, demand, self.capacity, ready, total);
    }

    /// Replicas that serve.
    pub(super) fn ready(&self, now: Timestamp) -> u32 {
        self.pods.ready(now)
    }

    /// Replicas that exist.
    pub(super) fn total(&self) -> u32 {
        self.pods.total()
    }

    /// The score so far.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            overload_minutes: self.figures.overload_minutes(),
            unmet_percent: 100.0 * self.figures.unmet_share(),
            replica_hours: self.figures.replica_hours(),
            changes: self.figures.changes(),
            most_replicas: self.figures.peak_replicas(),
        }
    }
}
