use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(moment.as_millisecond())
}

fn calendar(events: &[&str]) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n".to_owned();
    for event in events {
        text.push_str("BEGIN:VEVENT\r\n");
        text.push_str(&event.trim().replace('\n', "\r\n"));
        text.push_str("\r\nEND:VEVENT\r\n");
    }
    text + "END:VCALENDAR\r\n"
}

/// The windows that reach into a time, in UTC.
fn windows(events: &[&str], timezone: &str, from: &str, until: &str) -> Vec<String> {
    let shown = |at: Timestamp| at.to_rfc3339()[5..16].to_owned();
    let calendar = Calendar::parse(&calendar(events)).unwrap();
    let all = calendar.windows(timezone, at(from), at(until)).into_iter();
    all.map(|window| format!("{} {}", shown(window.from), shown(window.until)))
        .collect()
}

fn error(events: &[&str]) -> String {
    Calendar::parse(&calendar(events)).unwrap_err()
}

const ONCE: &str = "
SUMMARY:Sale
DTSTART;TZID=Europe/Berlin:20261127T080000
DTEND;TZID=Europe/Berlin:20261127T140000
X-FORESCALE-MIN:40
X-FORESCALE-MAX:80
X-FORESCALE-RAMP:30m";

#[test]
fn an_event_is_a_window_with_its_bounds() {
    let calendar = Calendar::parse(&calendar(&[ONCE])).unwrap();
    let found = calendar.windows(
        "UTC",
        at("2026-11-27T07:00:00Z"),
        at("2026-11-27T08:00:00Z"),
    );
    assert_eq!(
        found,
        [BoundWindow {
            from: at("2026-11-27T07:00:00Z"),
            until: at("2026-11-27T13:00:00Z"),
            demand: Demand {
                min: Some(40),
                max: Some(80),
                ramp: Duration::from_mins(30),
            },
            name: "Sale".into(),
        }]
    );
    let never = calendar.windows(
        "UTC",
        at("2026-11-28T07:00:00Z"),
        at("2026-11-28T08:00:00Z"),
    );
    assert!(never.is_empty());
}

#[test]
fn bounds_may_stand_in_summary_and_description_and_the_properties_win() {
    let event = "
SUMMARY:Sale min=10 max=99
DESCRIPTION:opens the shop\\nmin=40\\, <b>max=80</b>\\nhttps://example.com
  /?a=b
DTSTART:20261127T080000Z
DURATION:PT6H
X-FORESCALE-MIN:50";
    let calendar = Calendar::parse(&calendar(&[event])).unwrap();
    let (demand, name) = calendar.demands().next().unwrap();
    assert_eq!(
        (demand.min, demand.max, name),
        (Some(50), Some(80), "Sale min=10 max=99")
    );
}

#[test]
fn a_rule_keeps_the_local_time_when_the_clock_is_moved() {
    let event = "
SUMMARY:Mornings min=5
DTSTART;TZID=Europe/Berlin:20260102T080000
DTEND;TZID=Europe/Berlin:20260102T100000
RRULE:FREQ=WEEKLY;BYDAY=FR,SU";
    assert_eq!(
        windows(
            &[event],
            "UTC",
            "2026-10-23T00:00:00Z",
            "2026-10-26T00:00:00Z"
        ),
        ["10-23T06:00 10-23T08:00", "10-25T07:00 10-25T09:00"]
    );
}

#[test]
fn times_without_a_zone_and_whole_days_are_those_of_the_trigger() {
    let floating = "
SUMMARY:min=5
DTSTART:20260701T080000
DURATION:PT1H";
    let day = "
SUMMARY:min=5
DTSTART;VALUE=DATE:20260701";
    let of = |timezone| {
        windows(
            &[floating, day],
            timezone,
            "2026-06-30T00:00:00Z",
            "2026-07-03T00:00:00Z",
        )
    };
    assert_eq!(
        of("UTC"),
        ["07-01T08:00 07-01T09:00", "07-01T00:00 07-02T00:00"]
    );
    assert_eq!(
        of("America/New_York"),
        ["07-01T12:00 07-01T13:00", "07-01T04:00 07-02T04:00"]
    );
}

#[test]
fn exceptions_ends_and_further_dates_count() {
    let event = "
SUMMARY:min=5
DTSTART;TZID=Europe/Berlin:20261101T080000
DURATION:PT1H
RRULE:FREQ=DAILY;UNTIL=20261106T070000Z
EXDATE;TZID=Europe/Berlin:20261102T080000,20261103T090000
EXDATE;VALUE=DATE:20261104
RDATE;TZID=Europe/Berlin:20261110T120000";
    let found = windows(
        &[event],
        "UTC",
        "2026-10-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
    );
    let days: Vec<&str> = found.iter().map(|window| &window[..11]).collect();
    assert_eq!(
        days,
        [
            "11-01T07:00",
            "11-03T07:00",
            "11-05T07:00",
            "11-06T07:00",
            "11-10T11:00"
        ],
        "nine o'clock is no occurrence, and eight o'clock of the last day is"
    );
}

#[test]
fn the_rules_of_calendar_apps_are_understood() {
    for (rule, expected) in [
        ("FREQ=MONTHLY;BYDAY=-1FR", vec!["09-25", "10-30", "11-27"]),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,15",
            vec!["09-15", "10-01", "10-15", "11-01", "11-15"],
        ),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4FR", vec!["11-27"]),
        (
            "FREQ=WEEKLY;INTERVAL=4;BYDAY=MO",
            vec!["09-14", "10-12", "11-09"],
        ),
        ("FREQ=DAILY;COUNT=2", vec![]),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            vec!["09-30", "10-30"],
        ),
    ] {
        let event = format!("SUMMARY:min=5\nDTSTART:20260105T100000Z\nDURATION:PT1H\nRRULE:{rule}");
        let found = windows(
            &[&event],
            "UTC",
            "2026-09-08T00:00:00Z",
            "2026-11-29T00:00:00Z",
        );
        let days: Vec<&str> = found.iter().map(|window| &window[..5]).collect();
        assert_eq!(days, expected, "{rule}");
    }
}

#[test]
fn an_occurrence_that_was_moved_or_cancelled_takes_the_place_of_its_own() {
    let weekly = "
UID:a
SUMMARY:min=5
DTSTART:20261102T100000Z
DURATION:PT1H
RRULE:FREQ=WEEKLY";
    let moved = "
UID:a
SUMMARY:min=7
RECURRENCE-ID:20261109T100000Z
DTSTART:20261110T150000Z
DURATION:PT1H";
    let cancelled = "
UID:a
STATUS:CANCELLED
RECURRENCE-ID:20261116T100000Z
DTSTART:20261116T100000Z";
    let found = windows(
        &[weekly, moved, cancelled],
        "UTC",
        "2026-11-01T00:00:00Z",
        "2026-11-24T00:00:00Z",
    );
    let begins: Vec<&str> = found.iter().map(|window| &window[..11]).collect();
    assert_eq!(begins, ["11-02T10:00", "11-23T10:00", "11-10T15:00"]);
}

#[test]
fn a_day_by_the_clock_and_hours_that_pass_are_told_apart() {
    // The night in which the clock is put back.
    let of = |length: &str| {
        let event =
            format!("SUMMARY:min=1\nDTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:{length}");
        windows(
            &[&event],
            "UTC",
            "2026-10-24T12:00:00Z",
            "2026-10-24T13:00:00Z",
        )
    };
    assert_eq!(of("P1D"), ["10-24T10:00 10-25T11:00"]);
    assert_eq!(of("PT24H"), ["10-24T10:00 10-25T10:00"]);
}

#[test]
fn other_components_and_alarms_are_passed_over() {
    let alarmed = "
SUMMARY:min=5
BEGIN:VALARM
DESCRIPTION:max=1
TRIGGER:-PT15M
END:VALARM
DTSTART:20261127T080000Z
DURATION:PT1H";
    let zone = "BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:19701025T030000\nEND:STANDARD\nEND:VTIMEZONE\n";
    let text = calendar(&[alarmed]).replacen("BEGIN:VEVENT", &format!("{zone}BEGIN:VEVENT"), 1);
    let calendar = Calendar::parse(&text).unwrap();
    assert_eq!(calendar.events(), 1);
    assert_eq!(calendar.demands().next().unwrap().0.max, None);
}

#[test]
fn a_mistake_is_named_with_its_line_or_event() {
    let at = "DTSTART:20261127T080000Z\nDURATION:PT1H\n";
    for (event, part) in [
        (
            format!("SUMMARY:Sale\n{at}"),
            "the event `Sale` at line 4: neither `min=` nor `max=`",
        ),
        (
            format!("SUMMARY:min=many\n{at}"),
            "line 5: `SUMMARY` is `min=many`: `min` is `many`",
        ),
        (format!("SUMMARY:min=9 max=2\n{at}"), "more than `max`"),
        ("SUMMARY:min=1".to_owned(), "`DTSTART` is missing"),
        (
            "SUMMARY:min=1\nDTSTART:20261127T080000Z".to_owned(),
            "`DTEND` or `DURATION` is missing",
        ),
        (
            "SUMMARY:min=1\nDTSTART:tomorrow\nDURATION:PT1H".to_owned(),
            "line 6: `DTSTART` is `tomorrow`",
        ),
        (
            "SUMMARY:min=1\nDTSTART;TZID=Mars/Sea:20261127T080000\nDURATION:PT1H".to_owned(),
            "`TZID=Mars/Sea` is no time zone",
        ),
        (
            "SUMMARY:min=1\nDTSTART:19991127T080000Z\nDURATION:PT1H".to_owned(),
            "from 2000 to 2199",
        ),
        (
            "SUMMARY:min=1\nDTSTART:20261127T080000Z\nDTEND:20261127T070000Z".to_owned(),
            "from one minute to 31 days",
        ),
        (
            "SUMMARY:min=1\nDTSTART:20261127T080000Z\nDURATION:P2M".to_owned(),
            "no duration like",
        ),
        (
            format!("SUMMARY:min=1\n{at}RRULE:FREQ=SOMETIMES"),
            "line 8: `RRULE` is `FREQ=SOMETIMES`",
        ),
        (
            format!("SUMMARY:min=1\n{at}RRULE:FREQ=DAILY;BYDAY=ß"),
            "ASCII",
        ),
        (
            format!("SUMMARY:min=1\n{at}RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY"),
            "one rule",
        ),
        (
            format!("SUMMARY:min=1\n{at}no colon"),
            "line 8: `no colon` has no `:`",
        ),
    ] {
        let error = error(&[&event]);
        assert!(error.contains(part), "{event}: {error}");
        assert!(!error.ends_with('.'), "{error}");
    }
    let outside = Calendar::parse("SUMMARY:x\n").unwrap_err();
    assert!(outside.contains("BEGIN:VCALENDAR"), "{outside}");
    let open = Calendar::parse("BEGIN:VCALENDAR\nBEGIN:VEVENT\n").unwrap_err();
    assert_eq!(open, "`BEGIN:VEVENT` has no `END`");
    let empty = Calendar::parse("BEGIN:VCALENDAR\nEND:VCALENDAR\n").unwrap_err();
    assert_eq!(empty, "the calendar has no event");
}

#[test]
fn what_would_cost_too_much_is_refused() {
    let of = |rule: &str| {
        format!("SUMMARY:min=1\nDTSTART:20000101T000000Z\nDURATION:PT1M\nRRULE:{rule}")
    };
    assert!(error(&[&of("FREQ=SECONDLY")]).contains("at most daily"));
    assert!(error(&[&of("FREQ=MINUTELY;INTERVAL=5")]).contains("at most daily"));
    let minutes: Vec<String> = (0..60).map(|minute| minute.to_string()).collect();
    let every_minute = of(&format!("FREQ=YEARLY;BYMINUTE={}", minutes.join(",")));
    assert!(error(&[&every_minute]).contains("more than 24 windows a day"));
    assert!(error(&[&of("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")]).contains("never happens"));
    let daily = of("FREQ=DAILY");
    assert!(error(&[daily.as_str(); 49]).contains("more than 48 events that come again"));
    let hourly = of("FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20");
    assert!(error(&[hourly.as_str(); 3]).contains("more than 48 windows a day"));
    let once = "SUMMARY:min=1\nDTSTART:20261127T080000Z\nDURATION:PT1H";
    assert!(error(&[once; 1001]).contains("more than 1000 events"));
}

#[test]
fn what_was_expanded_is_kept_and_expanded_anew_beyond_it() {
    let daily = "SUMMARY:min=1\nDTSTART:20260101T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY";
    let once = Calendar::parse(&calendar(&[daily])).unwrap();
    let from = at("2026-03-01T00:00:00Z");
    for hour in 0..24 * 100 {
        let now = from + Duration::from_hours(hour);
        let fresh = Calendar::parse(&calendar(&[daily])).unwrap();
        let ahead = now + Duration::from_hours(3);
        assert_eq!(
            once.windows("Europe/Berlin", now, ahead),
            fresh.windows("Europe/Berlin", now, ahead)
        );
    }
}

#[test]
fn triggers_of_many_time_zones_may_share_a_calendar() {
    let floating = "SUMMARY:min=1\nDTSTART:20260101T080000\nDURATION:PT1H\nRRULE:FREQ=DAILY";
    let fixed = ONCE;
    let from = at("2026-11-26T00:00:00Z");
    let until = from + Duration::from_hours(48);
    let zones = ["Asia/Tokyo", "Europe/Berlin", "UTC", "America/New_York"].map(str::to_owned);
    let far = (1..=14).map(|hour| format!("Etc/GMT+{}", hour % 12 + 1));
    let zones: Vec<String> = zones.into_iter().chain(far).collect();
    let shared = Calendar::parse(&calendar(&[floating])).unwrap();
    for zone in zones.iter().chain(&zones) {
        let alone = Calendar::parse(&calendar(&[floating])).unwrap();
        assert_eq!(
            shared.windows(zone, from, until),
            alone.windows(zone, from, until)
        );
    }
    let bytes = shared.bytes();
    assert!(bytes < 64 * 1024, "{bytes} bytes");
    let own = Calendar::parse(&calendar(&[fixed])).unwrap();
    for zone in &zones {
        assert_eq!(
            own.windows(zone, from, until),
            own.windows("UTC", from, until)
        );
    }
    assert_eq!(own.expanded.lock().unwrap().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_rule_panics(
        freq in prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
        parts in prop::collection::vec((
            prop::sample::select(vec![
                "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYHOUR", "BYMINUTE",
                "BYSECOND", "INTERVAL", "COUNT", "UNTIL", "WKST", "X",
            ]),
            prop_oneof!["-?[0-9]{1,5}(,-?[0-9]{1,3}){0,3}", "-?[0-9]{0,3}(MO|TU|SU)", "[A-Z0-9,ü]{0,6}", "2[0-9]{7}(T[0-9]{6}Z?)?"],
        ), 0..4),
        start in "20[0-9]{2}(01|02|11|12)(01|28|29|31)T[0-2][0-9]0000Z?",
    ) {
        let parts: Vec<String> = parts.iter().map(|(key, value)| format!(";{key}={value}")).collect();
        let parts = parts.concat();
        let event = format!("SUMMARY:min=1\nDTSTART:{start}\nDURATION:PT1H\nRRULE:FREQ={freq}{parts}");
        if let Ok(calendar) = Calendar::parse(&calendar(&[&event])) {
            let from = at("2026-11-01T00:00:00Z");
            for window in calendar.windows("America/New_York", from, from + Duration::from_hours(48)) {
                prop_assert!(window.from < window.until);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "(BEGIN|END|DTSTART|RRULE|SUMMARY|X)?[;:=\",\\\\ a-zA-Z0-9äöü\r\n]{0,80}") {
        let _ = Calendar::parse(&text);
        let _ = Calendar::parse(&calendar(&[&text]));
    }
}
