//! What the planner remembers, and for how long.

use super::*;

/// Bytes of a memory, heap included.
pub(super) fn bytes(memory: &PlanMemory) -> usize {
    size_of::<PlanMemory>() + memory.recent.capacity() * size_of::<crate::domain::PastPlan>()
}

#[test]
fn days_of_plans_fit_in_a_kibibyte() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.scale_down_window = Some(HumanDuration::from_secs(3600));
        spec.ramp_up = percent(100.0, 60);
        spec.ramp_down = by(4, 600);
    });
    for plan in 0..20_000 {
        scenario
            .later(1 + plan % 20)
            .sees(1000.0 + (plan % 97) as f64 * 10.0);
        let size = bytes(&scenario.memory);
        assert!(
            size < 1024,
            "{size} bytes in {} entries",
            scenario.memory.recent.len()
        );
    }
}

#[test]
fn thinning_out_forgets_no_peak_within_the_window() {
    let mut scenario =
        Scenario::new().with(|spec| spec.scale_down_window = Some(HumanDuration::from_secs(3600)));
    scenario.sees(5000.0);
    // 3 s apart: some 1200 plans in the window, 48 places.
    for _ in 0..1199 {
        assert_eq!(scenario.later(3).sees(100.0).planned, 50);
    }
    let released = (0..100)
        .take_while(|_| scenario.later(3).sees(100.0).planned == 50)
        .count();
    assert!(released <= 52, "held {} s too long", released * 3);
}

#[test]
fn a_ramp_over_a_minute_stays_exact_beside_a_window_of_hours() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.scale_down_window = Some(HumanDuration::from_secs(6 * 3600));
        spec.ramp_up = by(2, 60);
    });
    scenario.sees(100.0);
    scenario.expect(&[100_000.0; 30]);
    let planned: Vec<u32> = (0..12)
        .map(|_| scenario.later(15).sees(100.0).planned)
        .collect();
    assert_eq!(planned, [3, 3, 3, 3, 5, 5, 5, 5, 7, 7, 7, 7]);
}

#[test]
fn a_clock_that_jumps_back_does_not_let_the_fleet_collapse() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.scale_down_window = Some(HumanDuration::from_secs(300));
        spec.ramp_down = by(1, 60);
    });
    for _ in 0..20 {
        scenario.later(15).sees(1000.0);
    }
    scenario.now = scenario.now - Duration::from_hours(2);
    assert_eq!(scenario.sees(100.0).planned, 10);
    assert!(
        scenario
            .memory
            .recent
            .iter()
            .all(|plan| plan.at <= scenario.now)
    );
    assert_eq!(scenario.later(301).sees(100.0).planned, 9);
}

#[test]
fn a_clock_that_jumps_ahead_keeps_the_plan_before_as_the_ramps_start() {
    let mut scenario = Scenario::new().with(|spec| spec.ramp_down = by(1, 60));
    scenario.sees(1000.0);
    assert_eq!(scenario.later(30 * 86_400).sees(100.0).planned, 9);
}

#[test]
fn the_same_inputs_give_the_same_plan_and_memory() {
    let scenario = Scenario::new()
        .with(|spec| spec.ramp_up = percent(50.0, 60))
        .expecting(&[800.0; 10]);
    let inputs = Inputs {
        now: scenario.now,
        spec: &scenario.spec,
        observed: Some(Sample {
            at: scenario.now,
            value: 123.4,
        }),
        forecast: scenario.forecast.as_ref(),
        ready: None,
        facts: None,
        distrust: None,
        fault: None,
        memory: &scenario.memory,
    };
    assert_eq!(
        decide(&scenario.config, &inputs),
        decide(&scenario.config, &inputs)
    );
}

#[test]
fn a_memory_survives_being_written_and_read() {
    let mut scenario = Scenario::new();
    scenario.sees(1000.0);
    let written = rmp_serde::to_vec(&scenario.memory).unwrap();
    assert_eq!(
        rmp_serde::from_slice::<PlanMemory>(&written).unwrap(),
        scenario.memory
    );
}

#[test]
fn what_no_window_or_ramp_looks_back_to_is_forgotten_but_for_the_ramps_start() {
    let mut scenario = Scenario::new().with(|spec| spec.ramp_down = by(1, 60));
    for _ in 0..40 {
        scenario.later(15).sees(1000.0);
    }
    let kept: Vec<u64> = scenario
        .memory
        .recent
        .iter()
        .map(|plan| scenario.now.since(plan.at).as_secs())
        .collect();
    assert_eq!(kept, [60, 45, 30, 15, 0]);
}
