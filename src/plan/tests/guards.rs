//! What stops a scale-down: bursts, outages, loads that are gone, and a bound on changes.

use super::*;

/// A forecast from now on whose 0.05, median and 0.99 paths are flat.
fn expect(scenario: &mut Scenario, low: f32, median: f32, high: f32) {
    let levels = [0.05, 0.5, 0.99].map(|level| Quantile::new(level).unwrap());
    let values = [low, median, high]
        .into_iter()
        .flat_map(|value| [value; 30]);
    let origin = scenario.now.floor_to(STEP);
    let forecast = Forecast::new(
        "test",
        origin,
        STEP,
        levels.to_vec(),
        values.collect(),
        Some(0.0),
    );
    scenario.forecast = Some(forecast.unwrap());
}

/// 30 replicas planned for a forecast between 900 and 3000, with the median at 1000.
fn large() -> Scenario {
    let mut scenario = Scenario::new().with(|spec| spec.quantile = Quantile::new(0.99).unwrap());
    expect(&mut scenario, 900.0, 1000.0, 3000.0);
    assert_eq!(scenario.later(15).sees_aged(1000.0, 0).unwrap().planned, 30);
    scenario
}

/// What is planned every 15 s, until `done`; gives how many seconds that took.
fn until(scenario: &mut Scenario, load: f64, done: impl Fn(&Plan) -> bool) -> u64 {
    for secs in (15..3600).step_by(15) {
        let plan = scenario.later(15).sees_aged(load, 0).unwrap();
        if done(&plan) {
            return secs;
        }
    }
    panic!("never done");
}

#[test]
fn a_load_above_the_band_stops_scale_downs_until_it_has_been_back_inside_for_three_minutes() {
    let mut scenario = large();
    let plan = scenario.later(15).sees_aged(3500.0, 0).unwrap();
    assert_eq!(plan.planned, 35);
    expect(&mut scenario, 900.0, 1000.0, 1200.0);
    let plan = scenario.later(15).sees_aged(1000.0, 0).unwrap();
    assert_eq!(plan.planned, 35, "without the guard it would be 12");
    let burst = reason(&plan, Limit::Burst);
    assert_eq!((burst.from, burst.to), (12, 35));
    assert_eq!(
        burst.text,
        "not scaling down: 15s ago the load was above what the forecast held possible, and it has to be back for 3m"
    );
    let held = until(&mut scenario, 1000.0, |plan| plan.planned == 12);
    assert_eq!(15 + held, 180);
}

#[test]
fn while_a_burst_goes_on_the_plan_covers_the_live_value_with_its_headroom() {
    let mut scenario = large().with(|spec| spec.headroom = 0.2);
    expect(&mut scenario, 900.0, 1000.0, 1100.0);
    let plan = scenario.later(15).sees_aged(4000.0, 0).unwrap();
    assert_eq!(plan.planned, 48);
    let burst = reason(&plan, Limit::Burst);
    assert_eq!((burst.from, burst.to), (40, 48));
    assert!(
        burst.text.ends_with("planning on the live value"),
        "{}",
        burst.text
    );
}

#[test]
fn a_burst_that_the_forecast_never_catches_up_with_holds_for_half_an_hour_at_most() {
    let mut scenario = large();
    expect(&mut scenario, 90.0, 100.0, 110.0);
    scenario.later(15).sees_aged(3000.0, 0).unwrap();
    let mut held = 0;
    for minute in 0..120 {
        scenario.later(60);
        expect(&mut scenario, 90.0, 100.0, 110.0);
        let plan = scenario.later(15).sees_aged(500.0, 0).unwrap();
        if plan.planned == 30 {
            held = minute;
        } else {
            assert_eq!(plan.planned, 5);
        }
    }
    assert!((20..30).contains(&held), "held until {held}");
}

#[test]
fn a_burst_after_a_silence_is_another_one_and_holds_as_long() {
    let mut scenario = large();
    let bursts = |scenario: &mut Scenario| {
        expect(scenario, 900.0, 1000.0, 1100.0);
        scenario.later(15).sees_aged(4000.0, 0).unwrap();
        expect(scenario, 900.0, 1000.0, 1100.0);
        let plan = scenario.later(15).sees_aged(1000.0, 0).unwrap();
        (plan.planned, has(&plan, Limit::Burst))
    };
    assert_eq!(bursts(&mut scenario), (40, true));
    // Nobody has looked for longer than a burst may last.
    scenario.later(3600);
    assert_eq!(bursts(&mut scenario), (40, true));
}

#[test]
fn a_forecast_is_not_judged_on_what_it_has_seen_but_the_one_before_is() {
    let mut scenario = large();
    scenario.now = scenario.now.floor_to(STEP) + STEP;
    // The sample at the origin of the newest forecast, which already knows of the burst.
    expect(&mut scenario, 2900.0, 5000.0, 9000.0);
    let plan = scenario.sees_aged(4000.0, 0).unwrap();
    assert_eq!(plan.planned, 90);
    assert!(
        scenario.memory.guards.burst.is_some(),
        "the forecast before held 3000 possible"
    );
    // A forecast without a band that deserves the name says nothing.
    let mut narrow = Scenario::new().expecting(&[500.0; 10]);
    narrow.sees(500.0);
    narrow.later(15).sees_aged(4000.0, 0).unwrap();
    assert!(narrow.memory.guards.burst.is_none());
}

#[test]
fn a_load_within_the_same_replica_as_the_band_is_no_burst() {
    let mut scenario = large();
    expect(&mut scenario, 900.0, 1000.0, 1120.0);
    scenario.later(15).sees_aged(1180.0, 0).unwrap();
    assert!(scenario.memory.guards.burst.is_none());
}

#[test]
fn after_an_outage_the_plan_from_before_is_held_for_as_long_as_it_lasted() {
    let mut scenario = Scenario::new();
    scenario.sees(2000.0);
    for _ in 0..16 {
        scenario.later(15).sees_nothing().unwrap();
    }
    let plan = scenario.later(15).sees(100.0);
    assert_eq!(plan.planned, 20, "without the guard it would be 1");
    let outage = reason(&plan, Limit::Outage);
    assert_eq!((outage.from, outage.to), (1, 20));
    assert!(outage.text.contains("for another 4m15s"), "{}", outage.text);
    let held = until(&mut scenario, 100.0, |plan| plan.planned == 1);
    assert_eq!(held, 255);
}

#[test]
fn after_an_outage_of_hours_ten_minutes_are_enough_and_the_workload_stays_active() {
    let mut scenario = Scenario::new();
    scenario.sees(2000.0);
    for _ in 0..240 {
        scenario.later(60).sees_nothing().unwrap();
    }
    let plan = scenario.later(15).sees(0.0);
    assert_eq!((plan.planned, plan.active), (20, true));
    let held = until(&mut scenario, 0.0, |plan| plan.planned == 0 && !plan.active);
    assert_eq!(held, 600);
}

#[test]
fn a_fault_or_two_and_a_restart_hold_nothing() {
    let mut scenario = Scenario::new();
    scenario.sees(2000.0);
    for _ in 0..8 {
        scenario.later(15).sees_nothing().unwrap();
    }
    assert_eq!(
        scenario.later(15).sees(100.0).planned,
        1,
        "a sample is present for three steps"
    );
    scenario.sees(2000.0);
    assert_eq!(
        scenario.later(7200).sees(100.0).planned,
        1,
        "nothing was held in between"
    );
}

#[test]
fn a_trigger_that_is_looked_at_seldom_has_outages_too_and_its_pauses_are_none() {
    let seldom = || Scenario::new().with(|spec| spec.interval = HumanDuration::from_secs(300));
    let mut scenario = seldom();
    scenario.sees(2000.0);
    for _ in 0..4 {
        scenario.later(300).sees_nothing().unwrap();
    }
    let plan = scenario.later(300).sees(100.0);
    assert_eq!(plan.planned, 20);
    assert!(has(&plan, Limit::Outage));
    let mut scenario = seldom();
    scenario.sees(2000.0);
    assert_eq!(scenario.later(300).sees(100.0).planned, 1);
}

#[test]
fn a_load_that_is_gone_though_it_was_expected_keeps_the_fleet_for_ten_minutes() {
    let mut scenario = large();
    expect(&mut scenario, 900.0, 1000.0, 1100.0);
    let plan = scenario.later(15).sees_aged(0.0, 0).unwrap();
    assert_eq!(
        (plan.planned, plan.active),
        (30, true),
        "without the guard it would be 11"
    );
    let outage = reason(&plan, Limit::Outage);
    assert_eq!(outage.to, 30);
    assert!(
        outage
            .text
            .contains("fell below what was expected, no less than 900, and is 0 now"),
        "{}",
        outage.text
    );
    // The forecast comes to believe in what it sees.
    let mut held = 0;
    for secs in (60..1200).step_by(60) {
        scenario.later(60);
        expect(&mut scenario, 10.0, 20.0, 30.0);
        if scenario.sees_aged(0.0, 0).unwrap().planned == 30 {
            held = secs;
        }
    }
    assert_eq!(held, 540, "up to ten minutes");
    assert!(!scenario.sees_aged(0.0, 0).unwrap().active || scenario.forecast.is_some());
}

#[test]
fn a_load_that_has_only_fallen_is_believed_after_three_minutes() {
    let mut scenario = large();
    expect(&mut scenario, 900.0, 1000.0, 1100.0);
    scenario.later(15).sees_aged(400.0, 0).unwrap();
    scenario.forecast = None;
    let held = until(&mut scenario, 400.0, |plan| plan.planned == 4);
    assert_eq!(held, 180);
}

#[test]
fn a_load_that_is_back_ends_the_hold() {
    let mut scenario = large();
    expect(&mut scenario, 900.0, 1000.0, 1100.0);
    assert_eq!(scenario.later(15).sees_aged(0.0, 0).unwrap().planned, 30);
    assert_eq!(scenario.later(15).sees_aged(950.0, 0).unwrap().planned, 11);
}

#[test]
fn a_night_that_was_foreseen_is_no_outage() {
    let mut scenario = large();
    expect(&mut scenario, 0.0, 10.0, 80.0);
    assert_eq!(scenario.later(15).sees_aged(0.0, 0).unwrap().planned, 1);
}

#[test]
fn steps_down_wait_when_the_changes_of_an_hour_are_used_up_and_steps_up_never_do() {
    let mut scenario = Scenario::new().with(|spec| spec.max_changes_per_hour = Some(3));
    let loads = [1000.0, 900.0, 800.0, 900.0, 600.0, 1200.0, 300.0];
    let planned: Vec<u32> = loads
        .map(|load| scenario.later(60).sees(load).planned)
        .to_vec();
    assert_eq!(planned, [10, 9, 8, 9, 9, 12, 12]);
    let plan = scenario.later(60).sees(300.0);
    let changes = reason(&plan, Limit::Changes);
    assert_eq!((changes.from, changes.to), (3, 12));
    // Of the four changes at 1, 2, 3 and 5 minutes two have to be an hour old.
    assert_eq!(
        changes.text,
        "`maxChangesPerHour` of 3 is used up: steps down wait for another 55m"
    );
    let waited = until(&mut scenario, 300.0, |plan| plan.planned == 3);
    assert_eq!(waited, 55 * 60);
}

#[test]
fn what_is_remembered_is_small_and_survives_a_restart() {
    let mut scenario = large().with(|spec| {
        spec.max_changes_per_hour = Some(60);
        spec.max_replica_hours_per_day = Some(1e6);
        spec.ramp_up = percent(100.0, 60);
        spec.ramp_down = by(100, 600);
        spec.scale_down_window = Some(HumanDuration::from_secs(3600));
    });
    for turn in 0..8000_u32 {
        let load = f64::from(turn % 7) * 1000.0;
        scenario.later(15).sees_aged(load, 0).unwrap();
        let spending = scenario.memory.spending.as_ref().unwrap();
        let size = recall::bytes(&scenario.memory)
            + size_of_val(&**spending)
            + spending.heap_bytes()
            + scenario.memory.guards.changes.capacity() * size_of::<Timestamp>();
        assert!(size < 2048 + 512, "{size} bytes");
    }
    let written = rmp_serde::to_vec_named(&scenario.memory).unwrap();
    let read: PlanMemory = rmp_serde::from_slice(&written).unwrap();
    assert_eq!(read, scenario.memory);
}

#[test]
fn a_memory_of_an_earlier_version_is_read() {
    let mut scenario = Scenario::new();
    scenario.sees(1000.0);
    let mut written = serde_json::to_value(&scenario.memory).unwrap();
    let fields = written.as_object_mut().unwrap();
    for new in ["spending", "guards"] {
        fields.remove(new).unwrap();
    }
    let read: PlanMemory = serde_json::from_value(written).unwrap();
    assert_eq!(read.recent, scenario.memory.recent);
    assert_eq!(read.guards, crate::domain::Guards::default());
}
