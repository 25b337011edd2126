//! Shadow and reactive mode: KEDA gets what it would get without forecasts.

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
