//! Bounds by time.

use super::*;
use crate::domain::{Bounds, Calendar, CalendarRef};
use crate::plan::CalendarFile;

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(moment.as_millisecond())
}

/// In Berlin, between 2 and 20 replicas, with a lead time of 3 minutes.
fn bound(text: &str) -> Scenario {
    Scenario::new().with(|spec| {
        spec.timezone = "Europe/Berlin".into();
        spec.min_replicas = Some(2);
        spec.max_replicas = Some(20);
        spec.bounds = Some(Bounds::parse(text).unwrap());
    })
}

/// The plan at a moment, without anything planned before.
fn planned(scenario: &mut Scenario, now: &str, load: f64) -> Plan {
    scenario.memory = PlanMemory::default();
    scenario.now = at(now);
    scenario.sees_aged(load, 0).unwrap()
}

#[test]
fn while_a_window_is_on_its_bounds_hold_in_the_place_of_the_plain_ones() {
    let mut scenario = bound("Mon-Fri 08:00-18:00 min=10 max=50");
    let mut of = |now, load| planned(&mut scenario, now, load).planned;
    // A Friday in winter, then its evening and Saturday.
    assert_eq!(of("2026-11-27T07:00:00Z", 100.0), 10);
    assert_eq!(of("2026-11-27T16:59:59Z", 100.0), 10);
    assert_eq!(of("2026-11-27T12:00:00Z", 9000.0), 50);
    assert_eq!(of("2026-11-27T17:00:00Z", 100.0), 2);
    assert_eq!(of("2026-11-27T17:00:00Z", 9000.0), 20);
    assert_eq!(of("2026-11-28T12:00:00Z", 100.0), 2);
    // In summer eight o'clock is an hour earlier.
    assert_eq!(of("2026-07-03T06:00:00Z", 100.0), 10);
    let plan = planned(&mut scenario, "2026-11-27T12:00:00Z", 100.0);
    assert_eq!(
        reason(&plan, Limit::MinReplicas).text,
        "`Mon-Fri 08:00-18:00 min=10 max=50` asks for at least 10 replicas until 2026-11-27T17:00:00Z"
    );
    let plan = planned(&mut scenario, "2026-11-27T12:00:00Z", 9000.0);
    assert_eq!(
        reason(&plan, Limit::MaxReplicas).text,
        "`Mon-Fri 08:00-18:00 min=10 max=50` allows no more than 50 replicas"
    );
}

#[test]
fn the_minimum_is_there_a_lead_time_before_its_window_and_the_maximum_at_its_begin() {
    let mut scenario = bound("2026-11-27T08:00/6h min=40 max=80");
    let mut of = |now, load| planned(&mut scenario, now, load).planned;
    assert_eq!(of("2026-11-27T06:56:59Z", 100.0), 2);
    assert_eq!(
        of("2026-11-27T06:57:00Z", 100.0),
        40,
        "beyond `maxReplicas`"
    );
    assert_eq!(
        of("2026-11-27T06:57:00Z", 9000.0),
        40,
        "no further than the minimum"
    );
    assert_eq!(of("2026-11-27T07:00:00Z", 9000.0), 80);
    let plan = planned(&mut scenario, "2026-11-27T06:58:00Z", 100.0);
    assert_eq!(
        reason(&plan, Limit::MinReplicas).text,
        "`2026-11-27T08:00/6h min=40 max=80` begins in 2m and asks for at least 40 replicas by now, looking 3m ahead"
    );
}

#[test]
fn a_ramp_rises_to_the_window_and_falls_after_it() {
    let mut scenario = bound("2026-11-27T08:00/6h min=42 max=80 ramp=40m");
    let mut of = |now| planned(&mut scenario, now, 100.0).planned;
    assert_eq!(of("2026-11-27T06:17:00Z"), 2);
    assert_eq!(of("2026-11-27T06:27:00Z"), 12);
    assert_eq!(of("2026-11-27T06:37:00Z"), 22);
    assert_eq!(of("2026-11-27T06:57:00Z"), 42);
    assert_eq!(of("2026-11-27T12:59:00Z"), 42);
    assert_eq!(of("2026-11-27T13:00:00Z"), 42);
    assert_eq!(of("2026-11-27T13:20:00Z"), 22);
    assert_eq!(of("2026-11-27T13:40:00Z"), 2);
    let plan = planned(&mut scenario, "2026-11-27T13:20:00Z", 100.0);
    let text = &reason(&plan, Limit::MinReplicas).text;
    assert!(
        text.ends_with("is over and goes down to at least 22 replicas"),
        "{text}"
    );
}

#[test]
fn a_window_may_ask_for_less_from_its_begin_to_a_lead_time_before_its_end() {
    let mut scenario =
        bound("daily 22:00-06:00 min=0 max=5").with(|spec| spec.min_replicas = Some(10));
    let mut of = |now, load| planned(&mut scenario, now, load).planned;
    assert_eq!(of("2026-11-27T20:59:59Z", 0.0), 10);
    assert_eq!(of("2026-11-27T21:00:00Z", 0.0), 0);
    assert_eq!(of("2026-11-27T21:00:00Z", 9000.0), 5);
    assert_eq!(of("2026-11-28T04:56:00Z", 0.0), 0);
    assert_eq!(
        of("2026-11-28T04:58:00Z", 0.0),
        5,
        "the day's ten, as far as the night allows"
    );
    assert_eq!(of("2026-11-28T05:00:00Z", 0.0), 10);
}

#[test]
fn of_windows_that_are_on_together_the_highest_minimum_and_the_lowest_maximum_hold() {
    let mut scenario =
        bound("daily min=5 max=30; Fri 08:00-18:00 min=8 max=40; Fri 12:00-13:00 max=6");
    let mut of = |now, load| planned(&mut scenario, now, load).planned;
    assert_eq!(of("2026-11-27T09:00:00Z", 100.0), 8);
    assert_eq!(of("2026-11-27T09:00:00Z", 9000.0), 30);
    assert_eq!(of("2026-11-27T11:30:00Z", 100.0), 6, "the maximum wins");
}

#[test]
fn the_servers_own_bound_holds_for_windows_too() {
    let mut scenario = bound("daily min=5000 max=90000");
    scenario.config.max_replicas = 300;
    let plan = planned(&mut scenario, "2026-11-27T09:00:00Z", 100.0);
    assert_eq!(plan.planned, 300);
    let text = &reason(&plan, Limit::MaxReplicas).text;
    assert!(text.contains("`plan.maxReplicas`"), "{text}");
}

#[test]
fn a_window_that_asks_for_replicas_makes_an_idle_workload_active() {
    let mut scenario = bound("2026-11-27T08:00/6h min=4").with(|spec| spec.min_replicas = None);
    let plan = planned(&mut scenario, "2026-11-27T06:58:00Z", 0.0);
    assert_eq!((plan.planned, plan.active), (4, true));
    let plan = planned(&mut scenario, "2026-11-27T06:50:00Z", 0.0);
    assert_eq!((plan.planned, plan.active), (0, false));
}

#[test]
fn windows_hold_while_nothing_is_measured() {
    let mut scenario = bound("2026-11-27T08:00/6h min=12");
    scenario.now = at("2026-11-27T06:00:00Z");
    scenario.sees(300.0);
    scenario.later(3600);
    assert_eq!(scenario.sees_nothing().unwrap().replicas, 12);
}

const ICS: &str = "BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Standup min=7
DTSTART:20260102T090000
DURATION:PT30M
RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR
END:VEVENT
END:VCALENDAR";

#[test]
fn a_calendar_is_bounds_too_written_out_or_named() {
    let calendar = Calendar::parse(ICS).unwrap();
    let mut scenario = bound("daily min=3")
        .with(|spec| spec.calendar = Some(CalendarRef::Inline(calendar.clone())));
    let mut of = |now| planned(&mut scenario, now, 100.0).planned;
    assert_eq!(of("2026-11-27T08:15:00Z"), 7, "nine o'clock in Berlin");
    assert_eq!(of("2026-11-27T08:31:00Z"), 3);
    assert_eq!(of("2026-11-28T08:15:00Z"), 3);
    scenario.spec.calendar = Some(CalendarRef::Named("team".into()));
    let plan = planned(&mut scenario, "2026-11-27T08:15:00Z", 100.0);
    assert_eq!(plan.planned, 3);
    assert_eq!(
        plan.reasons[0].text,
        "`calendar: team` is none of the server's `plan.calendars`: its bounds do not count"
    );
    let file = CalendarFile {
        path: "team.ics".into(),
        calendar: Some(calendar),
    };
    scenario.config.calendars.insert("team".into(), file);
    assert_eq!(
        planned(&mut scenario, "2026-11-27T08:15:00Z", 100.0).planned,
        7
    );
}

#[test]
fn a_window_of_no_more_than_the_minimum_wakes_a_lead_time_before_and_keeps_awake_to_its_end() {
    let mut scenario = bound("Mon-Fri 08:00-18:00 min=1").with(|spec| spec.min_replicas = Some(1));
    let mut active = |now| planned(&mut scenario, now, 0.0).active;
    for (now, expected) in [
        ("2026-11-27T06:56:00Z", false),
        ("2026-11-27T06:57:00Z", true),
        ("2026-11-27T12:00:00Z", true),
        ("2026-11-27T16:59:00Z", true),
        ("2026-11-27T17:00:00Z", false),
    ] {
        assert_eq!(active(now), expected, "{now}");
    }
    // One that is over before its replicas could follow.
    let mut scenario = bound("2026-11-27T08:00/2m min=1").with(|spec| spec.min_replicas = Some(1));
    let mut active = |now| planned(&mut scenario, now, 0.0).active;
    for now in [
        "2026-11-27T06:57:00Z",
        "2026-11-27T06:59:30Z",
        "2026-11-27T07:01:00Z",
    ] {
        assert!(active(now), "{now}");
    }
    assert!(!active("2026-11-27T07:02:00Z"));
}
