//! The HPA on the metric through KEDA's prometheus trigger, which is what people move from.
//!
//! Rules: [`crate::simulate::hpa`], [`crate::simulate::keda`]. Constants: none but the target, which is the safety setting
//! as a share of what a replica can carry. An empty result changes nothing here, whereas the prometheus trigger's own
//! default takes it for 0.

use crate::simulate::cluster::{Manifest, Observed, Policy, Reading};
use crate::simulate::hpa::Behavior;

/// A threshold of `target` times the capacity of a replica.
#[derive(Clone, Debug)]
pub struct HpaOnMetric {
    name: &'static str,
    per_replica: f64,
    behavior: Option<Behavior>,
    activation: f64,
}

impl HpaOnMetric {
    /// With the cluster's behavior, which is the default unless it was changed.
    pub fn new(capacity: f64, target: f64) -> Self {
        Self {
            name: "hpa",
            per_replica: capacity * target,
            behavior: None,
            activation: 0.0,
        }
    }

    /// Active while the load is above the trigger's `activationThreshold`.
    #[must_use]
    pub fn with_activation(self, activation: f64) -> Self {
        Self { activation, ..self }
    }

    /// Under the name that says whose it is.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// With a behavior of its own.
    #[must_use]
    pub fn with_behavior(self, behavior: Behavior) -> Self {
        Self {
            behavior: Some(behavior),
            ..self
        }
    }
}

impl Policy for HpaOnMetric {
    fn name(&self) -> &str {
        self.name
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            behavior: self.behavior.clone(),
            ..Manifest::default()
        }
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        match seen.load {
            Some(load) => Reading::load_active_above(load.value, self.per_replica, self.activation),
            None => Reading::Scaler(None),
        }
    }
}
