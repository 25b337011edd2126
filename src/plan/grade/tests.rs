//! Lives of a workload whose score can be counted by hand.

use super::*;
use crate::domain::{LeadTime, Mode, PlanMemory, Sample, Tally};
use crate::plan::tests::Scenario;
use crate::plan::{Readings, learn};

/// A minute at a time, at 100 per replica and a lead time of three minutes. The forecast of each minute is `expect`, of which
/// the scenario's level is the upper path.
fn lived(
    scenario: &mut Scenario,
    minutes: usize,
    load: impl Fn(usize) -> f64,
    expect: impl Fn(usize) -> f64,
) {
    for minute in 0..minutes {
        let path: Vec<f32> = (1..=5).map(|ahead| expect(minute + ahead) as f32).collect();
        scenario.expect(&path);
        scenario.sees(load(minute));
        scenario.later(60);
    }
}

fn all(scenario: &Scenario) -> [Tally; 3] {
    let grade = scenario.memory.grade.as_ref().unwrap();
    [grade.plan.all, grade.reactive.all, grade.actual.all]
}

/// Four replicas for half an hour, eight for the next.
fn steps(minute: usize) -> f64 {
    if (minute / 30).is_multiple_of(2) {
        400.0
    } else {
        800.0
    }
}

#[test]
fn a_plan_that_foresees_misses_nothing_and_a_plain_hpa_misses_the_lead_time_of_each_step() {
    let mut scenario = Scenario::new().with(|spec| spec.mode = Mode::Shadow);
    lived(&mut scenario, 600, steps, steps);
    let [plan, reactive, actual] = all(&scenario);
    assert!(plan.overload_minutes.abs() < 1e-9, "{plan:?}");
    // Ten steps up; after each the replicas of three minutes later are Ready, as the minutes of the grid show it.
    let each = reactive.overload_minutes / 10.0;
    assert!((3.0..=4.0).contains(&each), "{reactive:?}");
    // The plan goes up ahead of each step and down at once, the HPA goes up with it and down five minutes late.
    let early = (plan.replica_minutes - 6.0 * plan.minutes) / 40.0;
    let late = (reactive.replica_minutes - 6.0 * reactive.minutes) / 40.0;
    assert!((1.5..=4.0).contains(&early), "{early} {plan:?}");
    assert!((4.0..=6.0).contains(&late), "{late} {reactive:?}");
    assert!((plan.changes - 19.0).abs() < 1.5 && (reactive.changes - 19.0).abs() < 1.5);
    assert_eq!(actual, Tally::default(), "nobody reads what is ready");
}

#[test]
fn an_hpa_with_more_spare_replicas_costs_more_and_misses_less() {
    let mut scenario = Scenario::new();
    lived(&mut scenario, 600, steps, steps);
    let grade = scenario.memory.grade.as_ref().unwrap();
    let (costs, missed): (Vec<_>, Vec<_>) = (grade.spare.iter())
        .map(|score| (score.all.replica_minutes, score.all.overload_minutes))
        .unzip();
    assert!(
        costs[0] < grade.reactive.all.replica_minutes,
        "it goes down at once"
    );
    assert!(costs.is_sorted() && missed.is_sorted_by(|a, b| a >= b));
    assert!(
        missed[0] > 0.0 && missed[SPARE.len() - 1].abs() < 1e-9,
        "twice the load is carried: {missed:?}"
    );
}

#[test]
fn what_is_really_ready_makes_a_row_of_its_own() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.mode = Mode::Shadow;
        spec.replicas_query = Some("ready".into());
    });
    for minute in 0..60 {
        // Six are ready, where eight are needed in the second half.
        let load = if minute < 30 { 400.0 } else { 800.0 };
        let plan = scenario.sees(load);
        let at = |value| {
            Some(Sample {
                at: scenario.now,
                value,
            })
        };
        let readings = Readings {
            load: at(load),
            ready: at(6.0),
            ..Readings::default()
        };
        let memory = std::mem::take(&mut scenario.memory);
        scenario.memory = learn(&scenario.spec, scenario.now, &plan, &readings, None, memory);
        scenario.later(60);
    }
    let [_, _, actual] = all(&scenario);
    assert!((actual.minutes - 59.0).abs() < 1e-9, "{actual:?}");
    assert!((actual.overload_minutes - 30.0).abs() < 1e-9, "{actual:?}");
    assert!((actual.replicas() - 6.0).abs() < 1e-9 && actual.changes.abs() < 1e-9);
}

#[test]
fn a_silence_is_not_scored_and_what_was_asked_before_it_does_not_count_after_it() {
    let mut scenario = Scenario::new().with(|spec| spec.mode = Mode::Shadow);
    lived(&mut scenario, 60, |_| 400.0, |_| 400.0);
    let before = all(&scenario);
    scenario.later(3600);
    scenario.sees(900.0);
    assert_eq!(all(&scenario), before);
    scenario.later(60).sees(900.0);
    assert_eq!(all(&scenario), before, "a lead time has to pass first");
    scenario.now = scenario.now - Duration::from_hours(5);
    scenario.sees(900.0);
    assert_eq!(all(&scenario), before, "a clock that jumps back");
    assert_eq!(
        scenario.memory.grade.as_ref().unwrap().since,
        Some(Timestamp::from_secs(1_700_000_040))
    );
}

#[test]
fn a_lead_time_that_is_learned_and_moves_does_not_keep_the_score_from_going_on() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.mode = Mode::Shadow;
        spec.lead_time = LeadTime::Auto;
    });
    for minute in 0..120 {
        scenario.config.default_lead_time = HumanDuration::from_secs(60 + 40 * (minute % 7));
        scenario.sees(400.0);
        scenario.later(60);
    }
    let [plan, ..] = all(&scenario);
    assert!(plan.minutes > 100.0, "{plan:?}");
}

#[test]
fn in_reactive_mode_there_is_no_plan_to_grade() {
    let mut scenario = Scenario::new().with(|spec| spec.mode = Mode::Reactive);
    lived(&mut scenario, 60, steps, steps);
    assert_eq!(scenario.memory.grade, None);
}

#[test]
fn the_score_is_small_and_survives_a_restart() {
    let mut scenario = Scenario::new().with(|spec| spec.mode = Mode::Auto);
    lived(&mut scenario, 600, steps, steps);
    let grade = scenario.memory.grade.as_ref().unwrap();
    let packed = rmp_serde::to_vec_named(grade).unwrap();
    assert!(packed.len() < 1792, "{} bytes", packed.len());
    let packed = rmp_serde::to_vec_named(&scenario.memory).unwrap();
    let back: PlanMemory = rmp_serde::from_slice(&packed).unwrap();
    assert_eq!(format!("{back:?}"), format!("{:?}", scenario.memory));
}

#[test]
fn a_metric_that_is_far_behind_keeps_nothing_from_being_judged() {
    for (lead, lag, interval) in [(240, 600, 15), (30, 300, 2)] {
        let mut scenario = Scenario::new().with(|spec| {
            spec.lead_time = LeadTime::Fixed(HumanDuration::from_secs(lead));
            spec.metric_lag = Some(HumanDuration::from_secs(lag));
            spec.interval = HumanDuration::from_secs(interval);
        });
        for _ in 0..4 * (lead + lag) / interval {
            scenario.sees(400.0);
            scenario.later(interval);
        }
        let grade = scenario.memory.grade.as_ref().unwrap();
        assert!(grade.plan.all.minutes > 0.0);
        let owed = Duration::from_secs(u64::from(aim::OWED) * (lead + lag));
        assert!(least_planned(grade, scenario.now - owed).is_some());
    }
}

#[test]
fn replicas_that_are_looked_at_seldom_are_graded_too() {
    let mut grade = Grade::default();
    let interval = HumanDuration::from_secs(600);
    for look in 0..3 {
        let now = Timestamp::from_secs(1_700_000_040 + 600 * look);
        learn_actual(&mut grade, now, interval, Some((4.0, 3.0)));
    }
    assert!((grade.actual.all.minutes - 20.0).abs() < 1e-9);
}
