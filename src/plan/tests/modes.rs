//! Shadow and reactive mode: KEDA gets what it would get without forecasts; scale-out mode: never less than that.

use super::*;
use crate::domain::Basis;

#[test]
fn in_shadow_keda_is_told_the_measured_load_and_the_plan_is_published() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.mode = Mode::Shadow)
        .expecting(&[900.0; 10]);
    let plan = scenario.sees(350.0);
    assert_eq!(
        (plan.replicas, plan.planned, plan.basis),
        (4, 9, Basis::Reactive)
    );
    assert!((plan.served.value - 400.0).abs() < 1e-9);
    let mode = reason(&plan, Limit::Mode);
    assert_eq!((mode.from, mode.to), (9, 4));
    assert!(
        mode.text
            .contains("the plan of 9 replicas is only published"),
        "{}",
        mode.text
    );
    assert!(plan.peak.is_some(), "the plan stays visible");
}

#[test]
fn in_shadow_neither_ramps_nor_windows_nor_the_minimum_nor_the_forecast_move_what_keda_is_told() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.mode = Mode::Shadow;
        spec.scale_down_window = Some(HumanDuration::from_secs(600));
        spec.ramp_down = by(1, 60);
        spec.min_replicas = Some(3);
        spec.headroom = 1.0;
    });
    scenario.sees(1000.0);
    let plan = scenario.later(15).sees(100.0);
    assert_eq!((plan.replicas, plan.planned), (1, 20));
    scenario.expect(&[500.0; 10]);
    let plan = scenario.later(15).sees(0.0);
    assert_eq!(
        (plan.replicas, plan.active),
        (0, false),
        "an expected load does not activate"
    );
}

#[test]
fn in_shadow_without_data_the_last_told_number_is_held_and_the_plan_goes_on() {
    let mut scenario = Scenario::new().with(|spec| spec.mode = Mode::Shadow);
    scenario.sees(350.0);
    scenario.expect(&[900.0; 30]);
    let plan = scenario.later(600).sees_nothing().unwrap();
    assert_eq!(
        (plan.replicas, plan.planned, plan.basis),
        (4, 9, Basis::Held)
    );
    assert!(plan.active);
}

#[test]
fn in_reactive_mode_the_measured_load_alone_decides() {
    let mut scenario = Scenario::new()
        .with(|spec| {
            spec.mode = Mode::Reactive;
            spec.min_replicas = Some(2);
        })
        .expecting(&[900.0; 10]);
    let plan = scenario.sees(350.0);
    assert_eq!(
        (plan.replicas, plan.planned, plan.basis),
        (4, 4, Basis::Reactive)
    );
    assert_eq!((plan.peak, plan.model.as_deref()), (None, None));
    assert_eq!(
        reason(&plan, Limit::Mode).text,
        "in reactive mode the measured load alone decides: 350 at 100 per replica"
    );
    let plan = scenario.later(15).sees(0.0);
    assert_eq!((plan.replicas, plan.active), (2, false));
}

#[test]
fn in_reactive_mode_without_data_the_last_number_is_held() {
    let mut scenario = Scenario::new().with(|spec| spec.mode = Mode::Reactive);
    scenario.sees(350.0);
    scenario.expect(&[900.0; 30]);
    let plan = scenario.later(600).sees_nothing().unwrap();
    assert_eq!(
        (plan.replicas, plan.planned, plan.basis, plan.active),
        (4, 4, Basis::Held, true)
    );
}

#[test]
fn in_scale_out_mode_the_plan_adds_replicas_ahead_of_load() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.mode = Mode::ScaleOut)
        .expecting(&[900.0; 10]);
    let plan = scenario.sees(350.0);
    assert_eq!(
        (plan.replicas, plan.planned, plan.reactive, plan.basis),
        (9, 9, Some(4), Basis::Forecast)
    );
    assert!(!has(&plan, Limit::Mode), "the mode took nothing away");
    scenario.expect(&[500.0; 10]);
    let woken = scenario.later(15).sees(0.0);
    assert!(
        woken.active && woken.replicas == 5,
        "a coming load starts it: {woken:?}"
    );
}

#[test]
fn in_scale_out_mode_keda_never_gets_less_than_without_a_plan() {
    // A replica was found to carry twice the threshold, so that the plan asks for half of what plain KEDA has.
    let mut scenario = learned::carrying(200.0).with(|spec| spec.mode = Mode::ScaleOut);
    let plan = scenario.sees(400.0);
    assert_eq!(
        (plan.replicas, plan.planned, plan.basis),
        (4, 2, Basis::Reactive)
    );
    let mode = reason(&plan, Limit::Mode);
    assert_eq!((mode.from, mode.to), (2, 4));
    assert!(
        mode.text.contains("400 at 100 per replica"),
        "{}",
        mode.text
    );
    let held = scenario.later(600).sees_nothing().unwrap();
    assert_eq!((held.replicas, held.basis), (4, Basis::Held));
    scenario.expect(&[2000.0; 10]);
    let ahead = scenario.later(15).sees(400.0);
    assert_eq!((ahead.replicas, ahead.planned), (10, 10));
}

#[test]
fn in_scale_out_mode_the_upper_bound_still_counts() {
    let mut scenario = learned::carrying(200.0).with(|spec| {
        spec.mode = Mode::ScaleOut;
        spec.max_replicas = Some(3);
    });
    let plan = scenario.sees(900.0);
    assert_eq!((plan.replicas, plan.planned), (3, 3));
    assert!(has(&plan, Limit::MaxReplicas));
}
