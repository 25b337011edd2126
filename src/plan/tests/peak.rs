//! From the expected peak to replicas.

use super::*;
use crate::domain::{Basis, Bounds, StandIn};

#[test]
fn the_plan_covers_the_worst_moment_of_the_lead_time_and_no_later_one() {
    let mut scenario = Scenario::new().expecting(&[300.0, 510.0, 400.0, 9000.0, 9000.0]);
    let plan = scenario.sees(200.0);
    assert_eq!(
        (plan.replicas, plan.planned, plan.reactive),
        (6, 6, Some(2))
    );
    assert_eq!(plan.basis, Basis::Forecast);
    let peak = plan.peak.unwrap();
    assert!((peak.value - 510.0).abs() < 1e-3);
    assert_eq!(peak.at, scenario.now + STEP * 2);
    assert_eq!(plan.model.as_deref(), Some("test"));
    assert_eq!(
        reason(&plan, Limit::Forecast).text,
        "`test` expects a peak of 510 in 2m (0.9 quantile of the next 3m)"
    );
}

#[test]
fn the_quantile_of_the_trigger_decides_which_path_counts() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.quantile = Quantile::MEDIAN)
        .expecting(&[600.0; 10]);
    assert_eq!(scenario.sees(10.0).replicas, 3);
}

#[test]
fn headroom_is_added_to_the_expected_load_before_it_is_rounded_to_replicas() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.headroom = 0.25)
        .expecting(&[410.0; 10]);
    let plan = scenario.sees(100.0);
    assert_eq!(plan.replicas, 6, "410 x 1.25 = 512.5");
    let headroom = reason(&plan, Limit::Headroom);
    assert_eq!((headroom.from, headroom.to), (5, 6));
    assert_eq!(headroom.text, "`headroom` adds 25 %");
}

#[test]
fn float_noise_costs_no_replica_but_a_real_excess_does() {
    for (value, replicas) in [(500.000_000_01, 5), (500.01, 6), (499.99, 5), (0.0, 0)] {
        assert_eq!(Scenario::new().sees(value).replicas, replicas, "{value}");
    }
    // 33.3 has no single-precision float; three replicas of 11.1 must do.
    let mut scenario = Scenario::new()
        .with(|spec| spec.threshold = 11.1)
        .expecting(&[33.300_003; 10]);
    assert_eq!(scenario.sees(1.0).replicas, 3);
}

#[test]
fn the_measured_load_is_a_floor_under_the_forecast() {
    let mut scenario = Scenario::new().expecting(&[200.0; 10]);
    let plan = scenario.sees(750.0);
    assert_eq!((plan.replicas, plan.basis), (8, Basis::Forecast));
    let floor = reason(&plan, Limit::ObservedFloor);
    assert_eq!((floor.from, floor.to), (2, 8));
    assert_eq!(
        floor.text,
        "the measured load of 750 at 100 per replica is above the expectation"
    );
}

#[test]
fn without_a_forecast_the_measured_load_decides() {
    let plan = Scenario::new().sees(350.0);
    assert_eq!((plan.replicas, plan.basis), (4, Basis::Reactive));
    assert_eq!((plan.peak, plan.model.as_deref()), (None, None));
    assert_eq!(
        reason(&plan, Limit::Observed).text,
        "the measured load decides, 350 at 100 per replica: there is no forecast yet"
    );
}

#[test]
fn a_forecast_that_reaches_only_part_of_the_lead_time_is_used_as_far_as_it_goes() {
    let mut scenario = Scenario::new().expecting(&[300.0, 700.0]);
    let plan = scenario.later(60).sees(100.0);
    assert_eq!((plan.replicas, plan.basis), (7, Basis::Forecast));
    let text = &reason(&plan, Limit::Forecast).text;
    assert!(text.ends_with(", seeing only 1m ahead"), "{text}");
}

#[test]
fn a_forecast_that_has_ended_leaves_the_measured_load() {
    let mut scenario = Scenario::new().expecting(&[900.0, 900.0]);
    let plan = scenario.later(300).sees(100.0);
    assert_eq!((plan.replicas, plan.basis), (1, Basis::Reactive));
    let text = &reason(&plan, Limit::Observed).text;
    assert!(
        text.contains("the last forecast, by `test`, ended 3m ago"),
        "{text}"
    );
}

#[test]
fn an_old_forecast_that_still_covers_the_lead_time_is_used_and_its_age_told() {
    let mut scenario = Scenario::new().expecting(&[300.0; 30]);
    let plan = scenario.later(600).sees(100.0);
    assert_eq!((plan.replicas, plan.basis), (3, Basis::Forecast));
    let text = &reason(&plan, Limit::Forecast).text;
    assert!(text.ends_with(", from data that ended 10m ago"), "{text}");
}

#[test]
fn a_stand_in_is_named() {
    let mut scenario = Scenario::new().expecting(&[300.0; 10]);
    if let Some(forecast) = &mut scenario.forecast {
        forecast.stand_in = Some(StandIn {
            wanted: "onnx:gru".into(),
            why: "no such file".into(),
        });
    }
    let plan = scenario.sees(100.0);
    assert!(
        reason(&plan, Limit::Forecast)
            .text
            .ends_with(", standing in for `onnx:gru`")
    );
}

#[test]
fn a_lead_time_of_zero_still_looks_at_the_next_step() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.lead_time = LeadTime::Fixed(HumanDuration::default()))
        .expecting(&[400.0, 900.0]);
    assert_eq!(scenario.sees(100.0).replicas, 4);
}

#[test]
fn the_default_lead_time_stands_in_for_auto() {
    let mut scenario = Scenario::new()
        .with(|spec| spec.lead_time = LeadTime::Auto)
        .expecting(&[100.0, 200.0, 300.0, 900.0]);
    let plan = scenario.sees(1.0);
    assert_eq!(
        (plan.replicas, plan.lead_time),
        (3, HumanDuration::from_secs(180))
    );
}

#[test]
fn a_metric_that_is_behind_the_load_is_planned_for_as_much_earlier() {
    let expected = [100.0, 200.0, 300.0, 900.0, 1200.0];
    let late = |secs| {
        let mut scenario = Scenario::new()
            .with(|spec| spec.metric_lag = Some(HumanDuration::from_secs(secs)))
            .expecting(&expected);
        scenario.sees(1.0)
    };
    assert_eq!(late(0).replicas, 3);
    assert!(!has(&late(0), Limit::LeadTime));
    let plan = late(60);
    assert_eq!(
        (plan.replicas, plan.lead_time),
        (9, HumanDuration::from_secs(240))
    );
    assert_eq!(
        reason(&plan, Limit::LeadTime).text,
        "looking 4m ahead: the `leadTime` of 3m, and 1m that the metric is behind the load"
    );
    // The forecast's horizon is the end of what can be seen.
    assert_eq!(late(86_400).lead_time, HumanDuration::from_secs(1800));
}

#[test]
fn what_the_clock_says_is_there_a_lead_time_before_and_no_earlier() {
    let mut scenario = Scenario::new().with(|spec| {
        spec.metric_lag = Some(HumanDuration::from_secs(300));
        spec.bounds = Some(Bounds::parse("daily 08:00-18:00 min=7").unwrap());
    });
    let mut planned = |secs: i64| {
        scenario.memory = PlanMemory::default();
        scenario.now = Timestamp::from_secs(1_700_006_400 + secs);
        scenario.sees(1.0).replicas
    };
    // 1,700,006,400 is midnight in UTC.
    assert_eq!(planned(8 * 3600 - 181), 1);
    assert_eq!(planned(8 * 3600 - 180), 7);
}

#[test]
fn a_plan_covers_the_time_until_the_next_one() {
    let mut path = [200.0; 20];
    path[12] = 900.0;
    let planned = |interval: u64| {
        let scenario = Scenario::new().with(|spec| {
            spec.interval = HumanDuration::from_secs(interval);
        });
        scenario.expecting(&path).sees(200.0).planned
    };
    // Twelve minutes ahead: beyond the lead time of three, within that of a plan that stands for ten.
    assert_eq!([planned(15), planned(600)], [2, 9]);
}
