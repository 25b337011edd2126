//! Lives in `auto` mode, half a minute at a time.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::domain::{Limit, Mode, Plan, PlanMemory, SPARE, Score, Tally};
use crate::plan::tests::Scenario;

const MINUTES: usize = 1440;

fn auto() -> Scenario {
    Scenario::new().with(|spec| {
        spec.mode = Mode::Auto;
        spec.max_overload = Some(0.005);
        spec.scale_down_window = None;
    })
}

/// A wave between 300 and 1700 that rises and falls eight times a day.
fn wave(minute: usize) -> f64 {
    1000.0 - 700.0 * (TAU * minute as f64 / 180.0).cos()
}

/// The stages that were reached, each with the minute.
fn lived(
    scenario: &mut Scenario,
    minutes: std::ops::Range<usize>,
    load: impl Fn(usize) -> f64,
    expect: impl Fn(usize, usize) -> f64,
) -> (Vec<(usize, Stage)>, Plan) {
    let mut stages: Vec<(usize, Stage)> = Vec::new();
    let mut last = None;
    for minute in minutes {
        let path: Vec<f32> = (1..=6).map(|ahead| expect(minute, ahead) as f32).collect();
        scenario.expect_around(&path, 0.97);
        let plan = scenario.sees(load(minute));
        let stage = plan.authority.as_ref().unwrap().stage;
        if stages.last().is_none_or(|(_, before)| *before != stage) {
            stages.push((minute, stage));
        }
        check(&plan);
        last = Some(plan);
        scenario.later(60);
    }
    (stages, last.unwrap())
}

/// What must hold of every plan, whatever it has earned.
fn check(plan: &Plan) {
    let reactive = plan.reactive.unwrap();
    let told = match plan.authority.as_ref().unwrap().stage {
        Stage::Shadow => reactive,
        Stage::ScaleOut => plan.planned.max(reactive),
        Stage::Predictive => plan.planned,
    };
    assert_eq!(plan.replicas, told, "{plan:#?}");
    let said = plan.reasons.last().unwrap();
    assert_eq!(said.limit, Limit::Mode, "{plan:#?}");
}

#[test]
fn a_plan_that_foresees_gets_to_scale_out_after_a_day_and_to_scale_in_after_three() {
    let mut scenario = auto();
    let (stages, last) = lived(&mut scenario, 0..5 * MINUTES, wave, |minute, ahead| {
        wave(minute + ahead)
    });
    let [
        (0, Stage::Shadow),
        (first, Stage::ScaleOut),
        (second, Stage::Predictive),
    ] = stages[..]
    else {
        panic!("{stages:?} {:?}", last.authority)
    };
    assert!((MINUTES..2 * MINUTES).contains(&first), "{stages:?}");
    assert!((3 * MINUTES..4 * MINUTES).contains(&second), "{stages:?}");
    let authority = last.authority.unwrap();
    assert!(
        authority.why.contains("the plan was short"),
        "{authority:?}"
    );
    assert_eq!(authority.next, None);
    assert_eq!(
        authority.since,
        Timestamp::from_secs(1_700_000_040) + Duration::from_mins(second as u64)
    );
}

#[test]
fn before_that_it_says_what_is_missing_and_tells_keda_the_measured_load() {
    let mut scenario = auto();
    let (_, last) = lived(&mut scenario, 0..300, wave, |minute, ahead| {
        wave(minute + ahead)
    });
    let next = last.authority.unwrap().next.unwrap();
    assert!(
        next.starts_with("scale-out is not unlocked: 4h5") && next.ends_with("1d are asked for"),
        "{next}"
    );
    let said = &last.reasons.last().unwrap().text;
    assert!(
        said.contains("in auto mode KEDA is told the measured load") && said.contains("4h5"),
        "{said}"
    );
}

#[test]
fn lost_trust_takes_all_back_at_once_and_it_is_earned_anew_no_sooner_than_a_day_later() {
    let mut scenario = auto();
    let expect = |minute, ahead| wave(minute + ahead);
    lived(&mut scenario, 0..4 * MINUTES, wave, expect);
    let before = scenario.memory.authority.clone().unwrap();
    assert_eq!(before.stage, Stage::Predictive);
    let mut scenario = scenario.distrusting("its error is 1.4 of the last value's");
    let (stages, last) = lived(&mut scenario, 4 * MINUTES..4 * MINUTES + 1, wave, expect);
    assert_eq!(stages, [(4 * MINUTES, Stage::Shadow)]);
    let fallen = last.authority.unwrap();
    assert!(
        fallen.why.contains("lost their trust, its error is 1.4"),
        "{fallen:?}"
    );
    let mut scenario = scenario.trusting();
    let from = 4 * MINUTES + 1;
    let (stages, _) = lived(&mut scenario, from..from + 3 * MINUTES, wave, expect);
    let back: Vec<usize> = stages
        .iter()
        .skip(1)
        .map(|(minute, _)| minute - from)
        .collect();
    assert!(
        back.len() == 2 && back[0] >= MINUTES - 1 && back[1] >= 2 * MINUTES - 2,
        "{stages:?}"
    );
}

/// A random walk, a step a minute.
fn walk(seed: u64, minutes: usize) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut level = 1000.0_f64;
    let mut step = || {
        let share = f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
        level = (level * (1.0 + 0.12 * share)).clamp(200.0, 5000.0);
        level
    };
    (0..minutes).map(|_| step()).collect()
}

#[test]
fn on_a_workload_that_nobody_can_foresee_nothing_is_ever_unlocked() {
    for seed in 0..6 {
        let minutes = 8 * MINUTES;
        let load = walk(seed, minutes + 10);
        // The best there is: the last value, with a band that widens with the root of time.
        let honest =
            |minute: usize, ahead: usize| load[minute] * (1.0 + 0.06 * (ahead as f64).sqrt());
        let mut scenario = auto();
        let (stages, last) = lived(&mut scenario, 0..minutes, |minute| load[minute], honest);
        assert_eq!(stages, [(0, Stage::Shadow)], "{seed}: {:?}", last.authority);
        let next = last.authority.unwrap().next.unwrap();
        assert!(
            next.contains("no better than spare replicas")
                || next.contains("does not rest on a forecast"),
            "{next}"
        );
    }
}

#[test]
fn a_plan_that_is_only_generous_is_no_foresight() {
    let mut scenario = auto().with(|spec| {
        spec.max_overload = None;
        spec.headroom = 1.0;
    });
    let load = walk(9, 4 * MINUTES);
    let (stages, last) = lived(&mut scenario, 0..4 * MINUTES, |m| load[m], |m, _| load[m]);
    assert_eq!(stages, [(0, Stage::Shadow)], "{:?}", last.authority);
}

#[test]
fn a_workload_that_changes_loses_what_it_had_earned() {
    let mut scenario = auto();
    let load = walk(5, 8 * MINUTES);
    let changed = 4 * MINUTES;
    let both = |minute: usize| {
        if minute < changed {
            wave(minute)
        } else {
            load[minute]
        }
    };
    // The forecast goes on as if nothing had changed.
    let (stages, last) = lived(&mut scenario, 0..7 * MINUTES, both, |minute, ahead| {
        wave(minute + ahead)
    });
    let fell = stages
        .iter()
        .find(|(minute, stage)| *minute >= changed && *stage == Stage::Shadow);
    let (when, _) = fell.unwrap_or_else(|| panic!("{stages:?} {:?}", last.authority));
    assert!(*when < changed + MINUTES, "{stages:?}");
    assert!(stages.len() <= 5, "no flipping: {stages:?}");
}

#[test]
fn what_was_earned_survives_a_restart_and_counts_while_nothing_is_measured() {
    let mut scenario = auto();
    let expect = |minute, ahead| wave(minute + ahead);
    lived(&mut scenario, 0..2 * MINUTES, wave, expect);
    let written = rmp_serde::to_vec_named(&scenario.memory).unwrap();
    scenario.memory = rmp_serde::from_slice::<PlanMemory>(&written).unwrap();
    let held = scenario.decide(None).unwrap();
    assert_eq!(held.authority.as_ref().unwrap().stage, Stage::ScaleOut);
    assert_eq!(held.replicas, held.planned, "the plan has a say");
    let (stages, _) = lived(&mut scenario, 2 * MINUTES..2 * MINUTES + 1, wave, expect);
    assert_eq!(stages, [(2 * MINUTES, Stage::ScaleOut)]);
}

#[test]
fn a_cheap_plan_that_was_lucky_for_a_day_has_not_earned_it() {
    let says = |minutes: f64| {
        let tally = |replicas: f64, missed: f64| Tally {
            minutes,
            replica_minutes: replicas * minutes,
            overload_minutes: missed * minutes / 1440.0,
            changes: 0.0,
        };
        let score = |replicas, missed| Score {
            asked: None,
            day: tally(replicas, missed),
            all: tally(replicas, missed),
        };
        let points = [(10.0, 20.0), (11.0, 6.0), (12.0, 2.0), (13.5, 0.0)];
        let spare = SPARE.iter().enumerate();
        let spare = spare.map(|(place, _)| points[place.min(points.len() - 1)]);
        let spare: Vec<_> = spare.map(|(cost, missed)| score(cost, missed)).collect();
        let grade = Grade {
            plan: score(12.0, 0.0),
            reactive: score(14.0, 20.0),
            spare: spare.try_into().unwrap(),
            ..Grade::default()
        };
        let evidence = Evidence {
            all: grade::overall(&grade),
            day: grade::lately(&grade),
            objective: 0.005,
            distrust: None,
            rests_on: Basis::Forecast,
        };
        evidence.step_up(Stage::Shadow, DAY)
    };
    let refused = says(1440.0).unwrap_err().unwrap();
    assert!(
        refused.contains("no better than spare replicas"),
        "{refused}"
    );
    assert!(says(20_000.0).is_ok());
}
