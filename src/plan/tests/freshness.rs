//! What is not known is not zero.

use super::*;
use crate::domain::Basis;

#[test]
fn nothing_ever_known_is_no_plan() {
    let mut scenario = Scenario::new().expecting(&[500.0; 10]);
    assert_eq!(scenario.sees_nothing(), None);
    assert_eq!(scenario.sees_aged(f64::NAN, 0), None);
}

#[test]
fn a_sample_is_present_load_until_the_limit_or_three_steps_whichever_is_longer() {
    for (step, age, basis) in [
        (10, 120, Basis::Reactive),
        (10, 121, Basis::Held),
        (60, 180, Basis::Reactive),
        (60, 181, Basis::Held),
    ] {
        let mut scenario = Scenario::new().with(|spec| spec.step = HumanDuration::from_secs(step));
        let plan = scenario.sees_aged(300.0, age).unwrap();
        assert_eq!(plan.basis, basis, "{age} s old at a step of {step} s");
    }
}

#[test]
fn without_data_the_last_good_plan_is_held_with_its_age_in_the_reason() {
    let mut scenario = Scenario::new();
    scenario.sees(1000.0);
    let plan = scenario.later(600).sees_aged(1000.0, 610).unwrap();
    assert_eq!(
        (plan.replicas, plan.basis, plan.active),
        (10, Basis::Held, true)
    );
    assert_eq!(
        reason(&plan, Limit::Hold).text,
        "the newest sample is from 10m10s ago, more than 3m away: holding the last good plan, made 10m ago"
    );
    let plan = scenario.later(15).sees_nothing().unwrap();
    assert_eq!(plan.replicas, 10);
    assert!(
        reason(&plan, Limit::Hold)
            .text
            .starts_with("no load has been measured: holding")
    );
}

#[test]
fn a_sample_that_is_no_number_is_no_sample() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut scenario = Scenario::new();
        scenario.sees(1000.0);
        let plan = scenario.later(15).sees(value);
        assert_eq!(
            (plan.replicas, plan.basis, plan.active),
            (10, Basis::Held, true),
            "{value}"
        );
        assert_eq!(plan.observed, None);
    }
}

#[test]
fn a_negative_load_counts_as_zero() {
    let plan = Scenario::new().sees(-5.0);
    assert_eq!(
        (plan.replicas, plan.active, plan.basis),
        (0, false, Basis::Reactive)
    );
}

#[test]
fn what_is_held_is_raised_by_the_forecast_and_stays_raised_when_it_runs_out() {
    let mut scenario = Scenario::new();
    scenario.sees(500.0);
    scenario.expect(&[500.0, 500.0, 500.0, 500.0, 1200.0, 500.0]);
    let held: Vec<u32> = (0..10)
        .map(|_| scenario.later(60).sees_nothing().unwrap().replicas)
        .collect();
    assert_eq!(held, [5, 12, 12, 12, 12, 12, 12, 12, 12, 12]);
}

#[test]
fn what_is_held_is_never_lowered_by_the_forecast() {
    let mut scenario = Scenario::new();
    scenario.sees(1000.0);
    scenario.expect(&[100.0; 30]);
    assert_eq!(scenario.later(300).sees_nothing().unwrap().replicas, 10);
}

#[test]
fn an_idle_workload_stays_idle_without_data_unless_load_is_expected() {
    let mut scenario = Scenario::new();
    scenario.sees(0.0);
    let plan = scenario.later(600).sees_nothing().unwrap();
    assert_eq!((plan.replicas, plan.active), (0, false));
    scenario.expect(&[20.0; 10]);
    let plan = scenario.later(15).sees_nothing().unwrap();
    assert_eq!((plan.replicas, plan.active), (1, true));
}

#[test]
fn an_old_sample_before_any_plan_is_held_and_counts_as_active() {
    let mut scenario = Scenario::new();
    let plan = scenario.sees_aged(350.0, 3600).unwrap();
    assert_eq!(
        (plan.replicas, plan.active, plan.basis),
        (4, true, Basis::Held)
    );
    let plan = Scenario::new().sees_aged(0.0, 3600).unwrap();
    assert_eq!(
        (plan.replicas, plan.active),
        (1, true),
        "nobody knows whether it runs"
    );
}

#[test]
fn when_data_returns_the_fleet_shrinks_no_sooner_than_the_window_allows() {
    let mut scenario =
        Scenario::new().with(|spec| spec.scale_down_window = Some(HumanDuration::from_secs(300)));
    scenario.sees(1000.0);
    for _ in 0..80 {
        scenario.later(15).sees_nothing();
    }
    let plan = scenario.later(15).sees(100.0);
    assert_eq!((plan.replicas, plan.basis), (10, Basis::Reactive));
    assert!(has(&plan, Limit::ScaleDownWindow));
    let plan = scenario.later(310).sees(100.0);
    assert_eq!(plan.replicas, 10, "the outage was long");
    assert!(has(&plan, Limit::Outage));
    assert_eq!(scenario.later(310).sees(100.0).replicas, 1);
}

#[test]
fn a_bound_that_was_lowered_holds_while_holding() {
    let mut scenario = Scenario::new();
    scenario.sees(1000.0);
    scenario.spec.max_replicas = Some(6);
    assert_eq!(scenario.later(600).sees_nothing().unwrap().replicas, 6);
}

#[test]
fn a_sample_from_far_ahead_means_that_the_clock_jumped_back_and_is_no_present_load() {
    let mut scenario = Scenario::new();
    scenario.sees(1000.0);
    let ahead = Sample {
        at: scenario.now,
        value: 100.0,
    };
    scenario.now = scenario.now - Duration::from_hours(1);
    let plan = scenario.decide(Some(ahead)).unwrap();
    assert_eq!((plan.replicas, plan.basis), (10, Basis::Held));
    assert!(
        reason(&plan, Limit::Hold)
            .text
            .contains("which the clock has not reached")
    );
}

/// Decides on what is known of the load in part, or on nothing new.
fn in_part(scenario: &mut Scenario, part: Option<Sample>) -> Plan {
    let inputs = Inputs {
        now: scenario.now,
        spec: &scenario.spec,
        observed: part,
        fault: Some("it was not answered in whole"),
        forecast: None,
        distrust: None,
        ready: None,
        facts: None,
        memory: &scenario.memory,
    };
    let (plan, memory) = decide(&scenario.config, &inputs).unwrap();
    scenario.memory = memory;
    plan
}

#[test]
fn what_is_known_of_the_load_in_part_raises_what_is_held_and_what_was_known_before_does_not() {
    for (mode, value, age, expected) in [
        (Mode::Predictive, 1500.0, 0, 15),
        (Mode::Predictive, 400.0, 0, 10),
        (Mode::Shadow, 1500.0, 0, 15),
        (Mode::Reactive, 1500.0, 0, 15),
        (Mode::ScaleOut, 1500.0, 0, 15),
        // From before the last good plan's sample, and from too long ago.
        (Mode::Predictive, 1500.0, 41, 10),
        (Mode::Predictive, 1500.0, 700, 10),
    ] {
        let mut scenario = Scenario::new().with(|spec| spec.mode = mode);
        scenario.sees(1000.0);
        scenario.later(30);
        let at = scenario.now - Duration::from_secs(age);
        let plan = in_part(&mut scenario, Some(Sample { at, value }));
        assert_eq!(
            (plan.basis, plan.replicas, plan.active),
            (Basis::Held, expected, true),
            "{mode:?} {value} {age}"
        );
        // Nor is it taken back while nothing more is known.
        scenario.later(15);
        assert_eq!(in_part(&mut scenario, None).replicas, expected, "{mode:?}");
        scenario.later(15);
        let at = scenario.now;
        let less = Sample { at, value: 100.0 };
        assert_eq!(in_part(&mut scenario, Some(less)).replicas, expected);
    }
}

#[test]
fn a_part_of_the_load_wakes_a_workload_that_was_held_asleep_and_it_stays_awake() {
    for mode in [Mode::Predictive, Mode::Shadow] {
        let mut scenario = Scenario::new().with(|spec| spec.mode = mode);
        assert!(!scenario.sees(0.0).active);
        scenario.later(30);
        let (at, value) = (scenario.now, 250.0);
        let plan = in_part(&mut scenario, Some(Sample { at, value }));
        assert!(plan.active && plan.replicas == 3, "{plan:#?}");
        scenario.later(15);
        let plan = in_part(&mut scenario, None);
        assert!(plan.active && plan.replicas == 3, "{plan:#?}");
    }
}

#[test]
fn whom_the_forecast_woke_stays_awake_when_it_ends_before_the_outage_does() {
    let mut scenario = Scenario::new();
    scenario.sees(0.0);
    scenario.expect(&[0.0, 0.0, 0.0, 0.0, 1200.0, 500.0]);
    let awake: Vec<(bool, u32)> = (0..12)
        .map(|_| scenario.later(60).sees_nothing().unwrap())
        .map(|plan| (plan.active, plan.replicas))
        .collect();
    assert_eq!(awake[0], (false, 0), "{awake:?}");
    assert_eq!(awake[1..], [(true, 12); 11]);
    // Data ends it.
    assert!(!scenario.later(60).sees(0.0).active);
}
