//! Every limit that can move a plan.

use super::*;

#[test]
fn ramp_up_lets_the_plan_double_each_minute_relative_to_a_minute_ago() {
    let mut scenario = Scenario::new().with(|spec| spec.ramp_up = percent(100.0, 60));
    scenario.sees(200.0);
    scenario.expect(&[10_000.0; 60]);
    let planned: Vec<u32> = (0..9)
        .map(|_| scenario.later(30).sees(200.0).planned)
        .collect();
    assert_eq!(planned, [4, 4, 8, 8, 16, 16, 32, 32, 64]);
    let plan = scenario.later(1).sees(200.0);
    let ramp = reason(&plan, Limit::RampUp);
    assert_eq!((ramp.from, ramp.to), (100, 64));
    assert_eq!(ramp.text, "`rampUp` of 100%/1m from 32 replicas");
}

#[test]
fn the_measured_load_wins_over_ramp_up_but_not_over_max() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.ramp_up = by(1, 60);
        spec.max_replicas = Some(15);
    });
    scenario.sees(200.0);
    scenario.expect(&[1800.0; 30]);
    let plan = scenario.later(15).sees(1200.0);
    assert_eq!(plan.planned, 12);
    assert_eq!(
        reason(&plan, Limit::RampUp).text,
        "`rampUp` of 1/1m from 2 replicas, but never below the measured load"
    );
    let plan = scenario.later(15).sees(3000.0);
    assert_eq!(plan.planned, 15);
    assert_eq!(
        reason(&plan, Limit::MaxReplicas).text,
        "`maxReplicas` allows no more than 15 replicas"
    );
}

#[test]
fn a_ramp_never_lowers_what_the_measured_load_has_raised() {
    let mut scenario = Scenario::new().with(|spec| spec.ramp_up = by(1, 60));
    scenario.sees(200.0);
    assert_eq!(scenario.later(15).sees(1000.0).planned, 10);
    scenario.expect(&[1500.0; 30]);
    assert_eq!(
        scenario.later(15).sees(300.0).planned,
        10,
        "the ramp from 2 is long exceeded"
    );
}

#[test]
fn a_percentage_always_lets_one_replica_move() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.ramp_up = percent(1.0, 60);
        spec.ramp_down = percent(1.0, 60);
    });
    scenario.sees(0.0);
    scenario.expect(&[300.0; 30]);
    assert_eq!(scenario.later(60).sees(1.0).planned, 1);
    assert_eq!(scenario.later(60).sees(1.0).planned, 2);
    scenario.forecast = None;
    assert_eq!(scenario.later(60).sees(1.0).planned, 1);
}

#[test]
fn ramp_down_lets_the_plan_shrink_by_so_many_per_period() {
    for (ramp, planned) in [
        (by(4, 60), [16, 16, 12, 12, 8]),
        (percent(50.0, 60), [10, 10, 5, 5, 2]),
        (by(0, 60), [20, 20, 20, 20, 20]),
    ] {
        let mut scenario = Scenario::new().with(|spec| spec.ramp_down = ramp);
        scenario.sees(2000.0);
        let got = [60, 30, 30, 30, 30].map(|secs| scenario.later(secs).sees(100.0).planned);
        assert_eq!(got, planned, "{ramp:?}");
    }
}

#[test]
fn scaling_down_waits_until_the_past_window_asked_for_no_more() {
    let mut scenario =
        Scenario::new().with(|spec| spec.scale_down_window = Some(HumanDuration::from_secs(300)));
    scenario.sees(1000.0);
    let mut held = vec![];
    for _ in 0..22 {
        held.push(scenario.later(15).sees(300.0).planned);
    }
    let waited = held.iter().take_while(|planned| **planned == 10).count();
    assert!(
        (19..=20).contains(&waited),
        "held for {waited} plans of 15 s"
    );
    assert_eq!(held.last(), Some(&3));
}

#[test]
fn a_window_that_asked_for_less_lets_the_plan_shrink_that_far_at_once() {
    let mut scenario =
        Scenario::new().with(|spec| spec.scale_down_window = Some(HumanDuration::from_secs(300)));
    scenario.sees(1000.0);
    scenario.later(200).sees(600.0);
    let plan = scenario.later(101).sees(300.0);
    assert_eq!(plan.planned, 6);
    assert_eq!(
        reason(&plan, Limit::ScaleDownWindow).text,
        "not scaling down yet: the past 5m asked for 6 replicas"
    );
}

#[test]
fn scaling_down_waits_while_the_forecast_expects_more_within_the_coming_window() {
    let mut scenario =
        Scenario::new().with(|spec| spec.scale_down_window = Some(HumanDuration::from_secs(600)));
    scenario.sees(1000.0);
    scenario.later(601);
    scenario.expect(&[200.0, 200.0, 200.0, 200.0, 200.0, 700.0, 200.0]);
    let plan = scenario.sees(200.0);
    assert_eq!(
        plan.planned, 7,
        "lower than the 10 before, no lower than the dip allows"
    );
    assert_eq!(
        reason(&plan, Limit::ScaleDownWindow).text,
        "not scaling down yet: within the coming 10m a peak of 700 needs 7 replicas"
    );
}

#[test]
fn a_far_peak_does_not_raise_the_plan_it_only_keeps_it() {
    let mut scenario =
        Scenario::new().with(|spec| spec.scale_down_window = Some(HumanDuration::from_secs(600)));
    scenario.sees(500.0);
    scenario.later(601);
    scenario.expect(&[200.0, 200.0, 200.0, 200.0, 200.0, 5000.0]);
    assert_eq!(scenario.sees(200.0).planned, 5);
    assert!(!has(
        &scenario.later(15).sees(500.0),
        Limit::ScaleDownWindow
    ));
}

#[test]
fn min_and_max_bound_the_plan_and_max_wins() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.min_replicas = Some(3);
        spec.max_replicas = Some(20);
    });
    let plan = scenario.sees(100.0);
    assert_eq!(plan.replicas, 3);
    assert_eq!(
        reason(&plan, Limit::MinReplicas).text,
        "`minReplicas` asks for at least 3 replicas"
    );
    assert_eq!(scenario.sees(1e300).replicas, 20);
    scenario.spec.min_replicas = Some(50);
    assert_eq!(scenario.sees(100.0).replicas, 20);
}

#[test]
fn the_servers_own_bound_holds_whatever_the_trigger_says() {
    let mut scenario = Scenario::new().with(|spec| spec.max_replicas = Some(50_000));
    let plan = scenario.sees(1e12);
    assert_eq!(plan.replicas, 10_000);
    assert!(
        reason(&plan, Limit::MaxReplicas)
            .text
            .contains("`plan.maxReplicas`")
    );
}

#[test]
fn an_active_workload_has_at_least_one_replica_and_an_idle_one_may_have_none() {
    let mut scenario = Scenario::new();
    let plan = scenario.sees(0.0);
    assert_eq!((plan.replicas, plan.active), (0, false));
    assert_eq!((plan.served.value.to_bits(), plan.served.value_int), (0, 0));
    // Less than a noise's worth of a replica, but more than nothing.
    let plan = scenario.later(15).sees(1e-8);
    assert_eq!((plan.replicas, plan.active), (1, true));
    assert_eq!(reason(&plan, Limit::Activation).to, 1);
}

#[test]
fn the_expected_load_activates_before_the_measured_one_does() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.activation_threshold = 50.0)
        .expecting(&[0.0, 0.0, 56.0, 500.0]);
    let plan = scenario.sees(0.0);
    assert_eq!((plan.active, plan.replicas), (true, 1));
    scenario.later(60).expect(&[0.0, 0.0, 55.0, 500.0]);
    assert!(
        !scenario.sees(0.0).active,
        "less than a twentieth of a replica above the threshold wakes nobody"
    );
}

#[test]
fn an_inactive_workload_with_a_minimum_keeps_it() {
    let mut scenario = Scenario::new().with(|spec| spec.min_replicas = Some(2));
    let plan = scenario.sees(0.0);
    assert_eq!((plan.active, plan.replicas), (false, 2));
}

#[test]
fn a_clear_plan_has_one_reason() {
    let mut scenario = Scenario::new().expecting(&[400.0; 10]);
    assert_eq!(scenario.sees(100.0).reasons.len(), 1);
}

#[test]
fn a_plan_that_stands_for_several_periods_moves_by_as_many_steps() {
    for (ramp, planned) in [(by(4, 15), [18, 34]), (percent(100.0, 15), [32, 100])] {
        let mut scenario = Scenario::new().with(|spec| {
            spec.ramp_up = ramp;
            spec.interval = HumanDuration::from_secs(60);
        });
        scenario.sees(200.0);
        scenario.expect(&[10_000.0; 60]);
        let seen: Vec<u32> = (0..2)
            .map(|_| scenario.later(60).sees(200.0).planned)
            .collect();
        assert_eq!(seen, planned);
    }
}
