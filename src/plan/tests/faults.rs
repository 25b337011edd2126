//! Cannot hurt: ten thousand random lives of a workload, in which data, model and clock misbehave as they please.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::domain::Basis;

const LIVES: u64 = 10_000;
const PLANS: usize = 24;

/// A life's dice.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Loads from nothing over ordinary to absurd.
    fn load(&mut self) -> f64 {
        match self.below(20) {
            0 => 0.0,
            1 => -(self.below(1000) as f64),
            2 => 1e-9,
            3 => 10_f64.powi(self.below(300) as i32),
            _ => self.below(5000) as f64 / 7.0,
        }
    }

    fn sample(&mut self, now: Timestamp) -> Option<Sample> {
        let (age, value) = match self.below(10) {
            0 => return None,
            1 => (0, f64::NAN),
            2 => (0, f64::INFINITY),
            3 => (181 + self.below(86_400), self.load()),
            _ => (self.below(180), self.load()),
        };
        let at = now - Duration::from_secs(age);
        Some(Sample { at, value })
    }

    fn ramp(&mut self) -> Option<Ramp> {
        let secs = 15 + self.below(600);
        match self.below(3) {
            0 => None,
            1 => percent(self.below(200) as f64, secs),
            _ => by(self.below(6) as u32, secs),
        }
    }

    fn spec(&mut self) -> TriggerSpec {
        let mode = [
            Mode::Predictive,
            Mode::Predictive,
            Mode::ScaleOut,
            Mode::Shadow,
            Mode::Reactive,
        ];
        TriggerSpec {
            mode: mode[self.below(5) as usize],
            threshold: [0.001, 0.3, 12.5, 100.0][self.below(4) as usize],
            activation_threshold: [0.0, 0.0, 50.0][self.below(3) as usize],
            headroom: self.below(4) as f64 / 10.0,
            min_replicas: self.one_in(3).then_some(2),
            max_replicas: (!self.one_in(3)).then_some(1 + self.below(60) as u32),
            ramp_up: self.ramp(),
            ramp_down: self.ramp(),
            scale_down_window: Some(HumanDuration::from_secs(self.below(4) * 150)),
            hpa_tolerance: [Some(0.0), Some(0.1), None][self.below(3) as usize],
            ..spec()
        }
    }

    fn clock(&mut self, scenario: &mut Scenario) {
        scenario.later(self.below(90));
        if self.one_in(30) {
            let jump = Duration::from_secs(self.below(2 * 86_400));
            scenario.now = if self.one_in(2) {
                scenario.now + jump
            } else {
                scenario.now - jump
            };
        }
    }

    fn model(&mut self, scenario: &mut Scenario) {
        match self.below(8) {
            0 => scenario.forecast = None,
            1..=3 => {
                let steps = 1 + self.below(30);
                let path: Vec<f32> = (0..steps).map(|_| self.load().min(1e30) as f32).collect();
                scenario.expect(&path);
            }
            _ => {}
        }
    }
}

/// Everything that must hold of one plan, given what was remembered before it.
fn check(scenario: &Scenario, before: &PlanMemory, observed: Option<Sample>, plan: &Plan) {
    let spec = &scenario.spec;
    let max = spec
        .max_replicas
        .unwrap_or(u32::MAX)
        .min(scenario.config.max_replicas);
    let context = || {
        format!(
            "{observed:?} at {} after {before:?} in {plan:#?}",
            scenario.now
        )
    };
    assert!(
        plan.replicas <= max && plan.planned <= max,
        "above max: {}",
        context()
    );
    let (value, target) = (plan.served.value, plan.served.target);
    let landed = (crate::domain::milli_truncated(value) as f64
        / crate::domain::milli_truncated(target) as f64)
        .ceil();
    assert!(
        (landed - f64::from(plan.replicas)).abs() < 0.5,
        "lands on {landed}: {}",
        context()
    );
    assert!(
        !plan.active || plan.replicas >= 1,
        "active without a replica: {}",
        context()
    );
    assert!(!plan.reasons.is_empty(), "no reason: {}", context());
    if plan.basis == Basis::Held {
        check_held(scenario, before, max, plan, &context);
    } else {
        let measured = observed.unwrap().value.max(0.0);
        let reactive = plan.reactive.unwrap();
        assert!(
            plan.replicas >= reactive.min(max),
            "below reactive: {}",
            context()
        );
        assert!(
            plan.planned >= reactive.min(max),
            "planned below reactive: {}",
            context()
        );
        let above = measured > spec.activation_threshold;
        assert!(
            plan.active || !above,
            "inactive above the threshold: {}",
            context()
        );
        assert!(
            has_a_say(spec.mode) || plan.active == above,
            "mode: {}",
            context()
        );
    }
}

/// Whether a forecast may start a workload and hold it.
fn has_a_say(mode: Mode) -> bool {
    matches!(mode, Mode::Predictive | Mode::ScaleOut)
}

fn check_held(
    scenario: &Scenario,
    before: &PlanMemory,
    max: u32,
    plan: &Plan,
    context: &dyn Fn() -> String,
) {
    match before.last_good {
        Some(good) => {
            assert!(
                plan.replicas >= good.served.min(max),
                "below the last good: {}",
                context()
            );
            assert!(
                plan.active || !good.active,
                "inactive by accident: {}",
                context()
            );
        }
        None => assert!(
            plan.active && plan.replicas >= 1,
            "idle by accident: {}",
            context()
        ),
    }
    let held = before.recent.back().map_or(0, |plan| plan.planned);
    assert!(
        !has_a_say(scenario.spec.mode) || plan.replicas >= held.min(max),
        "held was lowered: {}",
        context()
    );
    assert!(
        reason(plan, Limit::Hold).text.contains("holding"),
        "{}",
        context()
    );
}

#[test]
fn no_fault_scales_below_what_is_known_or_stops_a_workload_by_accident() {
    let mut held = 0;
    for life in 0..LIVES {
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(life));
        let mut scenario = Scenario::new();
        scenario.spec = dice.spec();
        let mut known = false;
        for _ in 0..PLANS {
            dice.clock(&mut scenario);
            dice.model(&mut scenario);
            let observed = dice.sample(scenario.now);
            scenario.ready = dice.sample(scenario.now);
            let before = scenario.memory.clone();
            let plan = scenario.decide(observed);
            known |= observed.is_some_and(|sample| sample.value.is_finite());
            assert_eq!(
                plan.is_some(),
                known,
                "an answer from the first sample on, none before"
            );
            let Some(plan) = plan else { continue };
            check(&scenario, &before, observed, &plan);
            held += usize::from(plan.basis == Basis::Held);
            let size = recall::bytes(&scenario.memory);
            assert!(size < 1024, "the memory has grown to {size} bytes");
        }
    }
    assert!(
        held > 30_000,
        "only {held} plans were held: the faults do not reach the planner"
    );
}
