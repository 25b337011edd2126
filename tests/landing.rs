//! The number that KEDA is told leads the HPA to the plan, or to the fewest replicas above it that its dead band lets it
//! reach: every pair of current and wanted replicas up to 500, with the HPA of `simulate`, which was written from the
//! HPA's source and not from the planner's.

use std::time::Duration;

use forescale::domain::{
    HumanDuration, LeadTime, Limit, Mode, Plan, PlanMemory, Quantile, Sample, Timestamp,
    TriggerSpec, milli_truncated, wire_target,
};
use forescale::execute::keda::metadata::keys;
use forescale::plan::{Config, DeadBand, Inputs, decide};
use forescale::simulate::hpa::{Behavior, Fleet, Hpa, Metric, Policy, SYNC_PERIOD, Source};

const MOST: u32 = 500;
const TOLERANCES: [f64; 6] = [0.0, 0.01, 0.05, 0.1, 0.15, 0.2];
/// Replicas that are not ready, of so many.
const UNREADY: [fn(u32) -> u32; 3] = [|_| 0, |all| all / 3, |all| all - 1];

const START: Timestamp = Timestamp::from_secs(1_780_000_020);

/// An HPA that goes where it wants at once, so that only its arithmetic decides.
fn hpa(tolerance: f64, max: u32) -> Hpa {
    let mut behavior = Behavior::default().with_tolerance(tolerance);
    behavior.scale_down.stabilization = Duration::ZERO;
    behavior.scale_up.policies = vec![Policy::percent(100_000, 15)];
    Hpa::new(1, max, behavior)
}

fn metric(value_milli: i64, threshold: f64) -> Source {
    Source::AverageValue(Metric {
        value_milli,
        target_milli: milli_truncated(wire_target(threshold)),
    })
}

/// The fewest replicas of at least `wanted` that any value leads an HPA at `current` to; `current` when there are none up
/// to `max`. By trying all of them, apart from the code under test.
fn fewest(current: u32, wanted: u32, tolerance: f64, target_milli: i64, max: u32) -> u32 {
    let moves = |value_milli: i64| {
        let ratio = value_milli as f64 / (target_milli as f64 * f64::from(current));
        ratio < 1.0 - tolerance || ratio > 1.0 + tolerance
    };
    let reached = |replicas: u32| {
        let all = i64::from(replicas) * target_milli;
        replicas == current || moves(all) || moves(all - target_milli + 1)
    };
    (wanted..=max).find(|to| reached(*to)).unwrap_or(current)
}

#[test]
fn every_pair_of_current_and_wanted_lands_in_two_syncs_and_stays() {
    let of = |tolerance: f64| {
        let threshold = 12.5;
        let band = DeadBand::new(threshold, tolerance);
        let target_milli = milli_truncated(threshold);
        for current in 1..=MOST {
            for wanted in 1..=MOST {
                let max = match (current + wanted) % 4 {
                    0 => current.max(wanted) + wanted % 7,
                    _ => MOST + 100,
                };
                let mut hpa = hpa(tolerance, max);
                let expected = fewest(current, wanted, tolerance, target_milli, max);
                let mut fleet = current;
                for sync in 1..=4_u32 {
                    // From the second on, it stands where this plan has led it.
                    let number = if sync == 1 {
                        band.number(fleet, wanted, max)
                    } else {
                        band.steady(fleet, wanted, max)
                    };
                    let now = START + SYNC_PERIOD * sync;
                    let unready = UNREADY[(current + wanted) as usize % 3](fleet);
                    let seen = Fleet {
                        spec: fleet,
                        status: fleet,
                        ready: fleet - unready,
                    };
                    let source = metric(number.value_milli, threshold);
                    fleet = hpa.sync_on(now, seen, &[Some(source)]);
                    assert!(fleet <= max && number.replicas <= max);
                    if sync >= 2 {
                        assert_eq!(
                            fleet, expected,
                            "{current} to {wanted} at {tolerance}, sync {sync}"
                        );
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for tolerance in TOLERANCES {
            scope.spawn(move || of(tolerance));
        }
    });
}

/// A planner that follows the measured load, 100 a replica, beside an HPA.
struct Stage {
    config: Config,
    spec: TriggerSpec,
    memory: PlanMemory,
    now: Timestamp,
    hpa: Hpa,
    fleet: u32,
}

impl Stage {
    fn set(tolerance: f64, max: u32) -> Self {
        let spec = TriggerSpec {
            query: "load".to_owned(),
            threshold: 100.0,
            mode: Mode::Predictive,
            lead_time: LeadTime::Fixed(HumanDuration::from_secs(60)),
            quantile: Quantile::MEDIAN,
            max_overload: None,
            max_replicas: Some(max),
            scale_down_window: Some(HumanDuration::default()),
            replicas_query: Some("ready".to_owned()),
            hpa_tolerance: Some(tolerance),
            ..keys::defaults()
        };
        Self {
            config: Config::default(),
            spec,
            memory: PlanMemory::default(),
            now: START,
            hpa: hpa(tolerance, max),
            fleet: 1,
        }
    }

    /// Plans for `wanted` while `unready` of the replicas are not ready, and lets the HPA look.
    fn sync(&mut self, wanted: u32, unready: fn(u32) -> u32) -> Plan {
        let plan = self.plan(wanted, Some(self.fleet - unready(self.fleet)));
        let ready = self.fleet - unready(self.fleet);
        let seen = Fleet {
            spec: self.fleet,
            status: self.fleet,
            ready,
        };
        let source = metric(milli_truncated(plan.served.value), plan.served.target);
        self.fleet = self.hpa.sync_on(self.now, seen, &[Some(source)]);
        plan
    }

    fn plan(&mut self, wanted: u32, ready: Option<u32>) -> Plan {
        self.now = self.now + SYNC_PERIOD;
        let now = self.now;
        let sample = |value: f64| Sample { at: now, value };
        let inputs = Inputs {
            now,
            spec: &self.spec,
            observed: Some(sample(100.0 * f64::from(wanted))),
            fault: None,
            forecast: None,
            distrust: None,
            ready: ready.map(|ready| sample(f64::from(ready))),
            facts: None,
            memory: &self.memory,
        };
        let (plan, memory) = decide(&self.config, &inputs).expect("there is a load");
        self.memory = memory;
        plan
    }
}

/// Some of the numbers up to 500, small ones all.
fn some() -> impl Iterator<Item = u32> + Clone {
    (1..=24)
        .chain((25..=100).step_by(7))
        .chain([137, 250, 333, 455, 499, 500])
}

#[test]
fn the_whole_planner_lands_too_whoever_is_ready_and_never_above_the_maximum() {
    for tolerance in TOLERANCES {
        for (current, wanted) in some().flat_map(|c| some().map(move |w| (c, w))) {
            let unready = UNREADY[(current + wanted) as usize % 3];
            let max = MOST.min(current.max(wanted) + wanted % 40);
            let mut stage = Stage::set(tolerance, max);
            // From 1 the first number leads anywhere beyond the band, so that both know where the fleet stands.
            stage.sync(current, |_| 0);
            let before = stage.fleet;
            let expected = fewest(before, wanted, tolerance, 100_000, max);
            let lands: Vec<u32> = (0..5)
                .map(|_| {
                    let plan = stage.sync(wanted, unready);
                    assert!(plan.replicas >= wanted && plan.replicas <= max);
                    assert_eq!(plan.planned, wanted);
                    stage.fleet
                })
                .collect();
            assert_eq!(
                lands, [expected; 5],
                "{before} to {wanted} at {tolerance}, at most {max}"
            );
        }
    }
}

#[test]
fn a_plan_within_the_band_is_told_as_the_least_that_moves_the_hpa_and_says_so() {
    let mut stage = Stage::set(0.1, 100);
    stage.sync(20, |_| 0);
    let told = stage.sync(21, |_| 0);
    assert_eq!((told.planned, told.replicas, stage.fleet), (21, 23, 23));
    let reason = told.reasons.last().expect("a reason");
    assert_eq!(
        (reason.limit, reason.from, reason.to),
        (Limit::Tolerance, 21, 23)
    );
    assert!(reason.text.contains("at 20 replicas"), "{}", reason.text);
    // The same number while the plan is within the band below it, whenever the HPA looks.
    for wanted in [21, 22, 23, 22, 21] {
        assert_eq!(stage.sync(wanted, |_| 0).replicas, 23);
    }
    assert_eq!(stage.sync(20, |_| 0).replicas, 20, "a step that it follows");
}

#[test]
fn a_step_down_to_the_edge_of_the_band_is_told_as_a_little_less() {
    let mut stage = Stage::set(0.1, 100);
    stage.sync(11, |_| 0);
    let told = stage.sync(10, |_| 0);
    assert_eq!((told.replicas, stage.fleet), (10, 10));
    assert!(
        told.served.value > 900.0 && told.served.value < 990.0,
        "{:?}",
        told.served
    );
    assert_eq!(told.served.value_int, 1000);
}

#[test]
fn an_hpa_that_looks_late_is_told_the_same_number_until_it_does() {
    let mut stage = Stage::set(0.1, 100);
    stage.sync(20, |_| 0);
    for _ in 0..50 {
        assert_eq!(stage.plan(21, Some(20)).replicas, 23);
    }
    stage.sync(21, |_| 0);
    assert_eq!(stage.fleet, 23);
}

#[test]
fn an_hpa_that_never_followed_is_found_out_by_its_ready_replicas() {
    let mut stage = Stage::set(0.1, 100);
    // Nothing is known at first, so the plan is told as it is; the HPA, at 20, ignores it.
    stage.fleet = 20;
    assert_eq!(stage.plan(21, None).replicas, 21);
    let told: Vec<u32> = (0..12).map(|_| stage.sync(21, |_| 0).replicas).collect();
    assert_eq!(told[0], 21, "replicas may be starting");
    assert!(told.contains(&23), "{told:?}");
    for _ in 0..20 {
        stage.sync(21, |_| 0);
        assert_eq!(stage.fleet, 23, "once there, it stays");
    }
}

#[test]
fn replicas_that_something_else_holds_count_once_they_have_been_ready_for_long() {
    let mut stage = Stage::set(0.1, 100);
    stage.sync(20, |_| 0);
    for _ in 0..20 {
        stage.plan(20, Some(30));
    }
    // At 30 a number of 31 is within the band; 34 is not.
    assert_eq!(stage.plan(31, Some(30)).replicas, 34);
}

#[test]
fn without_replicas_query_the_numbers_told_are_enough_to_go_by() {
    let mut stage = Stage::set(0.1, 100);
    stage.fleet = 12;
    let mut follow = |wanted: u32| {
        let plan = stage.plan(wanted, None);
        let source = metric(milli_truncated(plan.served.value), plan.served.target);
        let seen = Fleet {
            spec: stage.fleet,
            status: stage.fleet,
            ready: 1,
        };
        stage.fleet = stage.hpa.sync_on(stage.now, seen, &[Some(source)]);
        stage.fleet
    };
    follow(40);
    for wanted in [
        40, 41, 42, 43, 44, 45, 46, 47, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37,
    ] {
        assert!(follow(wanted) >= wanted, "{wanted}");
    }
}

#[test]
fn shadow_and_reactive_mode_tell_the_measured_load_and_nothing_else() {
    for mode in [Mode::Shadow, Mode::Reactive] {
        let mut stage = Stage::set(0.1, 100);
        stage.spec.mode = mode;
        stage.sync(20, |_| 0);
        let told = stage.sync(21, |_| 0);
        assert_eq!(told.replicas, 21, "{mode}");
        assert!((told.served.value - 2100.0).abs() < 1e-9);
        let landed = stage.memory.landed.map(|landed| landed.replicas);
        assert_eq!(landed, Some(20), "an HPA at 20 ignores 21 in {mode}");
    }
}
