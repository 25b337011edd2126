//! What a workload's own ScaledObject says beside its trigger: bounds, KEDA's times and the HPA's `behavior`. A backtest of
//! a manifest binds every policy to what KEDA would allow, and shows what is configured today.

use super::HpaTolerance;
use crate::domain::{TriggerSpec, USUAL_TOLERANCE};
use crate::simulate::hpa::{Behavior, Rules};
use crate::simulate::keda::ScaledObject;
use crate::simulate::policies::HpaOnMetric;

/// The name of the policy that does what the manifest says today.
pub const CONFIGURED: &str = "hpa-configured";

/// The most replicas that are simulated, each starting pod of which takes room.
pub const MOST_REPLICAS: u32 = 100_000;

/// A ScaledObject as far as the simulated cluster knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// Minimum, maximum, polling, cooldown, fallback, and the trigger's `useCachedMetrics`.
    pub object: ScaledObject,
    /// `advanced.horizontalPodAutoscalerConfig.behavior`.
    pub behavior: Option<Behavior>,
    /// Whether its trigger is Forescale's; it is KEDA's own otherwise, which people move from.
    pub ours: bool,
    /// Whether our plans are carried out under its own `behavior` though its trigger is KEDA's: as after changing nothing but
    /// the trigger.
    pub own_behavior: bool,
    /// The load per replica that KEDA's own trigger aims at today: its `threshold`, where that is known.
    pub target: Option<f64>,
    /// `activationThreshold` of that trigger.
    pub activation: f64,
}

// === impl Configured ===

impl Configured {
    /// The HPA under KEDA's own trigger as the manifest configures it, and its target as a share of `capacity`; `None` where the
    /// trigger is ours, or its target is not known.
    pub(super) fn today(&self, capacity: f64) -> Option<(f64, HpaOnMetric)> {
        let share = self.target.filter(|_| !self.ours)? / capacity;
        let hpa = HpaOnMetric::new(capacity, share).named(CONFIGURED);
        let hpa = match self.behavior.clone() {
            Some(behavior) => hpa.with_behavior(behavior),
            // The cluster's, which is none then.
            None => hpa,
        };
        Some((share, hpa.with_activation(self.activation)))
    }

    /// The behavior of the HPA that carries out our plans: the manifest's own where the trigger is ours, without one if it has
    /// none; for a trigger that is about to become ours, that of this project's manifests, unless its own is asked for.
    pub(super) fn under_a_plan(&self, spec: &TriggerSpec) -> Option<Behavior> {
        if self.keeps_its_behavior() {
            self.behavior.clone()
        } else {
            Some(under_a_plan(spec))
        }
    }

    /// What the HPA is run with that the object does not say, and what to write for it.
    pub fn to_be_added(&self, spec: &TriggerSpec) -> Option<String> {
        let tolerance = tolerance(spec);
        if self.keeps_its_behavior() {
            let own = self.behavior.as_ref();
            let silent = own.is_none_or(|own| {
                let both = [&own.scale_up, &own.scale_down];
                both.iter().any(|rules| rules.tolerance.is_none())
            });
            let assumed = silent && (tolerance - USUAL_TOLERANCE).abs() > 1e-9;
            return assumed.then(|| {
                format!(
                    "the HPA is run with a tolerance of {tolerance}, as the trigger's `hpaTolerance` has it, where the object's \
                     `behavior` has none: add `tolerance: \"{tolerance}\"` to its `scaleUp` and `scaleDown`"
                )
            });
        }
        let own = self.behavior.clone();
        let has = own.as_ref().map_or("none", |_| "another");
        let same = own.is_some_and(|own| own.filled_in() == under_a_plan(spec));
        (!same).then(|| {
            let rules = format!("{{tolerance: \"{tolerance}\", stabilizationWindowSeconds: 0}}");
            format!(
                "Forescale is run under the `behavior` that is recommended with it, and the object has {has}: the trigger alone does \
                 not bring what is shown (`--own-behavior` shows that), add `behavior: {{scaleUp: {rules}, scaleDown: {rules}}}` and, \
                 in the trigger, `hpaTolerance: \"{tolerance}\"`"
            )
        })
    }

    fn keeps_its_behavior(&self) -> bool {
        self.ours || self.own_behavior
    }
}

/// That of this project's manifests, with the tolerance that the trigger reckons with.
pub(super) fn under_a_plan(spec: &TriggerSpec) -> Behavior {
    Behavior::under_a_plan().with_tolerance(tolerance(spec))
}

/// What the HPA that carries out our plans ignores.
pub(super) fn followed(configured: Option<&Configured>, spec: &TriggerSpec) -> HpaTolerance {
    let behavior = match configured {
        Some(configured) => configured.under_a_plan(spec),
        None => Some(under_a_plan(spec)),
    };
    let of = |rules: fn(&Behavior) -> &Rules| {
        let own = behavior.as_ref().and_then(|it| rules(it).tolerance);
        own.unwrap_or_else(|| tolerance(spec))
    };
    HpaTolerance {
        up: of(|behavior| &behavior.scale_up),
        down: of(|behavior| &behavior.scale_down),
    }
}

/// What the trigger takes for the HPA's tolerance.
pub(super) fn tolerance(spec: &TriggerSpec) -> f64 {
    spec.hpa_tolerance.unwrap_or(USUAL_TOLERANCE)
}

/// Bounds of the trigger, which bind our plan, bind the others too: what is compared is the plan, not the bounds. None is beyond
/// what is simulated.
pub(super) fn bind(object: &mut ScaledObject, trigger: &TriggerSpec) {
    let max = trigger.max_replicas.unwrap_or(u32::MAX);
    let max = max.min(MOST_REPLICAS);
    object.max_replicas = object.max_replicas.min(max).max(1);
    let min = trigger.min_replicas.unwrap_or(0);
    object.min_replicas = object.min_replicas.max(min).min(object.max_replicas);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Sample, Timestamp};
    use crate::execute::keda::metadata::keys;
    use crate::simulate::cluster::{History, Observed, Policy, Reading};
    use crate::simulate::hpa::Fleet;

    fn configured(ours: bool, target: Option<f64>) -> Configured {
        Configured {
            object: ScaledObject::default(),
            behavior: None,
            ours,
            own_behavior: false,
            target,
            activation: 20.0,
        }
    }

    fn seen(load: f64) -> Observed<'static> {
        let now = Timestamp::from_secs(1_700_000_000);
        Observed {
            now,
            load: Some(Sample {
                at: now,
                value: load,
            }),
            fleet: Fleet {
                spec: 1,
                status: 1,
                ready: 1,
            },
            history: History {
                start: now,
                step: Duration::from_mins(1),
                values: &[],
            },
        }
    }

    #[test]
    fn a_trigger_of_kedas_is_awake_above_its_activation_threshold() {
        let (_, mut today) = configured(false, Some(50.0)).today(100.0).unwrap();
        let mut active = |load| match today.answer(&seen(load)) {
            Reading::Scaler(Some((served, active))) => (served.value > 0.0, active),
            other => panic!("{other:?}"),
        };
        assert_eq!(active(20.0), (true, false));
        assert_eq!(active(20.1), (true, true));
    }

    #[test]
    fn what_is_configured_today_is_shown_where_it_is_known_and_not_ours() {
        assert!(configured(true, Some(50.0)).today(100.0).is_none());
        assert!(configured(false, None).today(100.0).is_none());
        let (share, _) = configured(false, Some(50.0)).today(80.0).unwrap();
        assert!((share - 0.625).abs() < 1e-9);
    }

    #[test]
    fn our_trigger_on_an_object_without_a_behavior_has_an_hpa_without_one() {
        let spec = TriggerSpec {
            hpa_tolerance: Some(0.0),
            ..keys::defaults()
        };
        let mut object = configured(true, None);
        assert_eq!(object.under_a_plan(&spec), None);
        object.behavior = Some(Behavior::default());
        assert_eq!(object.under_a_plan(&spec), object.behavior);
        object.ours = false;
        let recommended = Behavior::under_a_plan().with_tolerance(0.0);
        assert_eq!(object.under_a_plan(&spec), Some(recommended));
    }

    #[test]
    fn what_the_object_has_to_get_first_is_told() {
        let of = |tolerance| TriggerSpec {
            hpa_tolerance: tolerance,
            ..keys::defaults()
        };
        let exact = of(Some(0.0));
        let mut object = configured(false, Some(50.0));
        let told = object.to_be_added(&exact).unwrap();
        let rules = "{tolerance: \"0\", stabilizationWindowSeconds: 0}";
        for words in [
            "the object has none",
            &format!("`behavior: {{scaleUp: {rules}, scaleDown: {rules}}}`"),
            "`hpaTolerance: \"0\"`",
            "`--own-behavior`",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        object.behavior = Some(Behavior::default());
        let told = object.to_be_added(&exact).unwrap();
        assert!(told.contains("the object has another"), "{told}");
        object.behavior = Some(Behavior::under_a_plan());
        assert_eq!(object.to_be_added(&of(Some(0.1))), None);
        assert!(object.to_be_added(&exact).is_some(), "its dead band");

        object.own_behavior = true;
        assert_eq!(object.under_a_plan(&exact), object.behavior);
        assert_eq!(object.to_be_added(&of(None)), None);
        let told = object.to_be_added(&exact).unwrap();
        assert!(told.contains("add `tolerance: \"0\"`"), "{told}");
        let followed = followed(Some(&object), &exact);
        assert!(followed.up.abs() < 1e-9 && followed.down.abs() < 1e-9);
        object.behavior = Some(Behavior::default().with_tolerance(0.0));
        assert_eq!(object.to_be_added(&exact), None);
    }

    #[test]
    fn no_bound_is_beyond_what_is_simulated() {
        let mut object = ScaledObject {
            min_replicas: u32::MAX,
            max_replicas: u32::MAX,
            ..ScaledObject::default()
        };
        bind(&mut object, &keys::defaults());
        let bounds = (object.min_replicas, object.max_replicas);
        assert_eq!(bounds, (MOST_REPLICAS, MOST_REPLICAS));
    }
}
