//! What a workload's own ScaledObject says beside its trigger: bounds, KEDA's times and the HPA's `behavior`. A backtest of
//! a manifest binds every policy to what KEDA would allow, and shows what is configured today.

use crate::domain::{TriggerSpec, USUAL_TOLERANCE};
use crate::simulate::hpa::Behavior;
use crate::simulate::keda::ScaledObject;
use crate::simulate::policies::HpaOnMetric;

/// The name of the policy that does what the manifest says today.
pub const CONFIGURED: &str = "hpa-configured";

/// A ScaledObject as far as the simulated cluster knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// Minimum, maximum, polling, cooldown and fallback.
    pub object: ScaledObject,
    /// `advanced.horizontalPodAutoscalerConfig.behavior`.
    pub behavior: Option<Behavior>,
    /// The load per replica that its trigger aims at today; `None` where that trigger is Forescale's.
    pub target: Option<f64>,
}

impl Configured {
    /// The HPA under KEDA's own trigger as the manifest configures it, and its target as a share of `capacity`; `None` where the
    /// trigger is ours.
    pub(super) fn today(&self, capacity: f64) -> Option<(f64, HpaOnMetric)> {
        let share = self.target? / capacity;
        let behavior = self.behavior.clone().unwrap_or_default();
        let hpa = HpaOnMetric::new(capacity, share).with_behavior(CONFIGURED, behavior);
        Some((share, hpa))
    }

    /// The behavior of the HPA that carries out our plans: the manifest's own where the trigger is ours; for a trigger that is
    /// about to become ours, that of this project's manifests.
    pub(super) fn under_a_plan(&self, spec: &TriggerSpec) -> Behavior {
        if self.target.is_some() {
            return under_a_plan(spec);
        }
        let mut behavior = self.behavior.clone().unwrap_or_default();
        for rules in [&mut behavior.scale_up, &mut behavior.scale_down] {
            rules.tolerance = rules.tolerance.or(spec.hpa_tolerance);
        }
        behavior
    }
}

/// That of this project's manifests, with the tolerance that the trigger reckons with.
pub(super) fn under_a_plan(spec: &TriggerSpec) -> Behavior {
    Behavior::under_a_plan().with_tolerance(spec.hpa_tolerance.unwrap_or(USUAL_TOLERANCE))
}

/// Bounds of the trigger, which bind our plan, bind the others too: what is compared is the plan, not the bounds.
pub(super) fn bind(object: &mut ScaledObject, trigger: &TriggerSpec) {
    let max = trigger.max_replicas.unwrap_or(u32::MAX);
    object.max_replicas = object.max_replicas.min(max).max(1);
    let min = trigger.min_replicas.unwrap_or(0);
    object.min_replicas = object.min_replicas.max(min).min(object.max_replicas);
}
