//! `maxReplicaHoursPerDay`.

use super::*;
use crate::domain::TypicalHour;

/// 2023-11-14 00:00 in UTC.
const MIDNIGHT: i64 = 1_699_920_000;

fn scenario(budget: f64) -> Scenario {
    let mut scenario = Scenario::new().with(|spec| {
        spec.max_replica_hours_per_day = Some(budget);
    });
    scenario.now = Timestamp::from_secs(MIDNIGHT);
    scenario
}

/// Lives through `minutes`, at a load and an expectation by the hour of the day; gives the replica hours planned.
fn live(
    scenario: &mut Scenario,
    minutes: u32,
    load: impl Fn(u32) -> f64,
    expected: impl Fn(u32) -> f32,
) -> f64 {
    let mut spent = 0.0;
    for _ in 0..minutes {
        let hour = (scenario.now.as_secs().rem_euclid(86_400) / 3600) as u32;
        scenario.expect(&[expected(hour); 10]);
        spent += f64::from(scenario.sees(load(hour)).planned) / 60.0;
        scenario.later(60);
    }
    spent
}

#[test]
fn on_the_first_day_what_is_left_is_spread_over_the_time_that_is_left() {
    let mut scenario = scenario(240.0).expecting(&[2000.0; 10]);
    let plan = scenario.sees(400.0);
    assert_eq!(plan.planned, 10, "240 hours of replicas in 24 hours");
    let budget = reason(&plan, Limit::Budget);
    assert_eq!((budget.from, budget.to), (20, 10));
    assert_eq!(
        budget.text,
        "`maxReplicaHoursPerDay` of 240: 0 were asked for today, which leaves 240 for the 1d until midnight (UTC)"
    );
    let spent = live(&mut scenario, 1440, |_| 400.0, |_| 2000.0);
    assert!((200.0..=241.0).contains(&spent), "{spent}");
}

#[test]
fn a_budget_that_is_large_enough_changes_nothing() {
    let mut scenario = scenario(1000.0).expecting(&[2000.0; 10]);
    let plan = scenario.sees(400.0);
    assert_eq!((plan.planned, has(&plan, Limit::Budget)), (20, false));
}

#[test]
fn the_measured_load_is_never_cut_and_the_reasons_say_that_it_goes_beyond() {
    let mut scenario = scenario(24.0);
    live(&mut scenario, 4 * 60, |_| 1000.0, |_| 1500.0);
    let plan = scenario.sees(1000.0);
    assert_eq!(plan.planned, 10);
    let text = &reason(&plan, Limit::Budget).text;
    assert!(text.contains("which leaves nothing"), "{text}");
    assert!(text.ends_with("the measured load alone goes beyond the budget, and is never cut"));
}

#[test]
fn the_minimum_wins_over_the_budget() {
    let scenario = scenario(24.0).with(|spec| spec.min_replicas = Some(5));
    assert_eq!(scenario.expecting(&[2000.0; 10]).sees(100.0).planned, 5);
}

/// Nights of 2 replicas, days of 10 from eight to eight; plans want half as much again.
fn load(hour: u32) -> f64 {
    if (8..20).contains(&hour) {
        1000.0
    } else {
        200.0
    }
}

fn wish(hour: u32) -> f32 {
    if (8..20).contains(&hour) {
        2000.0
    } else {
        400.0
    }
}

#[test]
fn once_a_day_is_known_a_cheap_night_pays_for_the_peak() {
    // The load needs 144, plans want 288: 216 leaves half of what they want above the load.
    let mut scenario = scenario(216.0);
    live(&mut scenario, 1440, load, wish);
    let night = live(&mut scenario, 480, load, wish);
    assert!((20.0..=28.0).contains(&night), "3 each hour: {night}");
    scenario.expect(&[wish(8); 10]);
    let morning = scenario.sees(load(8)).planned;
    assert!(
        (13..=16).contains(&morning),
        "half of the wish is met at the begin of the peak: {morning}"
    );
    let day = live(&mut scenario, 11 * 60, load, wish);
    let evening = scenario.sees(load(19)).planned;
    assert!((13..=16).contains(&evening), "and at its end: {evening}");
    let rest = live(&mut scenario, 5 * 60, load, wish);
    let all = night + day + rest;
    assert!((200.0..=217.0).contains(&all), "{all}");
}

#[test]
fn a_day_begins_at_midnight_of_the_time_zone() {
    let mut scenario = scenario(24.0).with(|spec| spec.timezone = "Asia/Kolkata".into());
    // Half past five in the morning there.
    live(&mut scenario, 60, |_| 1000.0, |_| 1000.0);
    let hours = |scenario: &Scenario| scenario.memory.spending.as_ref().unwrap().hours;
    assert!((hours(&scenario) - 59.0 / 60.0 * 10.0).abs() < 0.01);
    scenario.now = Timestamp::from_secs(MIDNIGHT + 18 * 3600 + 30 * 60 + 60);
    scenario.sees(1000.0);
    assert!(
        (hours(&scenario) - 10.0 / 60.0).abs() < 0.01,
        "a minute of the new day: {}",
        hours(&scenario)
    );
}

#[test]
fn what_was_spent_survives_a_restart_and_counts_while_nothing_is_measured() {
    let mut scenario = scenario(2400.0);
    scenario.sees(1000.0);
    scenario.later(1800).sees_nothing().unwrap();
    let written = rmp_serde::to_vec_named(&scenario.memory).unwrap();
    scenario.memory = rmp_serde::from_slice(&written).unwrap();
    scenario.later(1800).sees(1000.0);
    let hours = scenario.memory.spending.as_ref().unwrap().hours;
    assert!((hours - 10.0).abs() < 1e-6, "{hours}");
}

#[test]
fn an_hour_of_which_little_was_seen_before_a_silence_says_nothing_of_what_is_usual() {
    let typical_after = |minutes: u32| {
        let mut scenario = scenario(2400.0);
        live(&mut scenario, minutes, |_| 1000.0, |_| 1000.0);
        scenario.later(5 * 3600).sees(1000.0);
        let spending = scenario.memory.spending.unwrap();
        let known = spending.typical.iter().filter(|hour| hour.wanted >= 0.0);
        (known.count(), spending.hours > 50.0)
    };
    // What the plan has asked for is spent all the same.
    assert_eq!(typical_after(10), (0, true));
    assert_eq!(typical_after(40), (1, true));
}

#[test]
fn hours_in_which_nothing_was_measured_are_no_hours_without_load() {
    let mut scenario = scenario(2400.0);
    // An hour of 10 replicas among those of 2, before an outage.
    let load = |hour| if hour == 1 { 1000.0 } else { 200.0 };
    live(&mut scenario, 1560, load, |hour| load(hour) as f32);
    for _ in 0..180 {
        scenario.sees_nothing().unwrap();
        scenario.later(60);
    }
    live(&mut scenario, 60, load, |hour| load(hour) as f32);
    let spending = scenario.memory.spending.unwrap();
    let usual = |(hour, seen): (u32, &TypicalHour)| {
        (f64::from(seen.floor) - load(hour) / 100.0).abs() < 0.2
    };
    let mut hours = (0..).zip(&spending.typical);
    assert!(hours.all(usual), "{spending:?}");
}

#[test]
fn a_clock_that_is_set_back_gives_no_budget_back() {
    let mut scenario = scenario(2400.0);
    scenario.sees(1000.0);
    scenario.later(3600).sees(1000.0);
    scenario.now = scenario.now - Duration::from_mins(30);
    scenario.sees(1000.0);
    let hours = scenario.memory.spending.as_ref().unwrap().hours;
    assert!((hours - 10.0).abs() < 1e-6, "{hours}");
}

#[test]
fn the_step_further_that_the_hpa_needs_is_paid_for_too() {
    let mut scenario = scenario(10_000.0).with(|spec| spec.hpa_tolerance = Some(0.1));
    scenario.ready = Some(Sample {
        at: scenario.now,
        value: 20.0,
    });
    let plan = scenario.sees(2100.0);
    assert_eq!((plan.planned, plan.replicas), (21, 23));
    assert_eq!(scenario.memory.spending.unwrap().replicas, 23);
}

#[test]
fn a_window_that_expects_more_does_not_hold_a_plan_above_its_budget_for_ever() {
    let mut scenario = scenario(240.0).with(|spec| spec.scale_down_window = None);
    scenario.expect(&[2000.0; 10]);
    assert_eq!(scenario.sees(2000.0).planned, 20);
    scenario.later(60);
    let spent = live(&mut scenario, 1439, |_| 400.0, |_| 2000.0);
    assert!(spent < 242.0, "{spent}");
}

#[test]
fn an_ample_budget_that_knows_the_day_leaves_the_window_its_look_ahead() {
    let planned = |budget: Option<f64>| {
        let mut scenario = scenario(10_000.0).with(|spec| {
            spec.max_replica_hours_per_day = budget;
            spec.scale_down_window = Some(HumanDuration::from_secs(900));
        });
        live(&mut scenario, 1500, |_| 400.0, |_| 2000.0);
        // The coming lead time needs ten, the time after it twenty.
        for _ in 0..20 {
            let path: Vec<f32> = (0..20)
                .map(|step| if step < 8 { 1000.0 } else { 2000.0 })
                .collect();
            scenario.expect(&path);
            scenario.sees(400.0);
            scenario.later(60);
        }
        scenario.sees(400.0).planned
    };
    assert_eq!((planned(None), planned(Some(10_000.0))), (20, 20));
}

#[test]
fn a_workload_that_never_sleeps_spends_what_it_is_told() {
    let mut scenario = scenario(10_000.0).with(|spec| {
        spec.activation_threshold = 5000.0;
        spec.min_replicas = Some(2);
    });
    for _ in 0..=60 {
        assert!(!scenario.sees(4000.0).active);
        scenario.later(60);
    }
    let spending = scenario.memory.spending.clone().unwrap();
    assert!((spending.hours - 40.0).abs() < 1e-6, "{spending:?}");
}

#[test]
fn a_workload_that_is_let_sleep_spends_nothing() {
    let mut scenario = scenario(100.0).with(|spec| {
        spec.activation_threshold = 5000.0;
        spec.min_replicas = Some(0);
    });
    for _ in 0..480 {
        let plan = scenario.sees(4000.0);
        assert!(!plan.active);
        scenario.later(60);
    }
    let spending = scenario.memory.spending.clone().unwrap();
    assert!(spending.hours.abs() < 1e-9, "{spending:?}");
    assert!(
        spending.typical.iter().all(|hour| hour.wanted <= 0.0),
        "{spending:?}"
    );
}
