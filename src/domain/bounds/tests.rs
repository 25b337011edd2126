use super::*;

fn at(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_millis(moment.as_millisecond())
}

/// The windows of `text` in Berlin around a day of 2026, as local times.
fn windows(text: &str, from: &str, until: &str) -> Vec<String> {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let shown = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap();
        at.to_zoned(berlin.clone())
            .strftime("%m-%dT%H:%M%:z")
            .to_string()
    };
    Bounds::parse(text)
        .unwrap()
        .windows("Europe/Berlin", at(from), at(until))
        .into_iter()
        .map(|window| format!("{} {}", shown(window.from), shown(window.until)))
        .collect()
}

#[test]
fn a_window_comes_again_on_its_days_at_its_local_time() {
    // A Friday and a Monday.
    assert_eq!(
        windows(
            "Mon-Fri 08:00-18:00 min=10 max=50",
            "2026-11-27T00:00:00Z",
            "2026-11-30T12:00:00Z"
        ),
        [
            "11-27T08:00+01:00 11-27T18:00+01:00",
            "11-30T08:00+01:00 11-30T18:00+01:00"
        ]
    );
    assert_eq!(
        windows(
            "Sat,Sun min=2",
            "2026-11-27T12:00:00Z",
            "2026-11-29T12:00:00Z"
        ),
        [
            "11-28T00:00+01:00 11-29T00:00+01:00",
            "11-29T00:00+01:00 11-30T00:00+01:00"
        ],
        "whole days"
    );
    assert_eq!(
        windows(
            "Sun-Mon 23:00-24:00 min=2",
            "2026-11-28T00:00:00Z",
            "2026-12-01T12:00:00Z"
        ),
        [
            "11-29T23:00+01:00 11-30T00:00+01:00",
            "11-30T23:00+01:00 12-01T00:00+01:00"
        ]
    );
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let monday_morning = ("2026-11-30T03:00:00Z", "2026-11-30T03:01:00Z");
    let of = |text| windows(text, monday_morning.0, monday_morning.1);
    assert_eq!(
        of("Sun 22:00-06:00 min=1"),
        ["11-29T22:00+01:00 11-30T06:00+01:00"]
    );
    assert_eq!(of("Mon 22:00-06:00 min=1"), Vec::<String>::new());
    assert_eq!(of("22:00-06:00 min=1").len(), 1, "every day");
}

#[test]
fn eight_in_the_morning_stays_eight_in_the_morning_when_the_clock_is_moved() {
    // The clock is put back on 2026-10-25 and ahead on 2026-03-29.
    assert_eq!(
        windows(
            "daily 08:00-18:00 min=10",
            "2026-10-24T12:00:00Z",
            "2026-10-25T12:00:00Z"
        ),
        [
            "10-24T08:00+02:00 10-24T18:00+02:00",
            "10-25T08:00+01:00 10-25T18:00+01:00"
        ]
    );
    assert_eq!(
        windows(
            "Sun 02:30-04:00 min=1",
            "2026-03-29T00:00:00Z",
            "2026-03-29T12:00:00Z"
        ),
        ["03-29T03:30+02:00 03-29T04:00+02:00"],
        "half past two is skipped"
    );
    assert_eq!(
        windows(
            "Sun 01:00-02:30 min=1",
            "2026-10-25T00:00:00Z",
            "2026-10-25T12:00:00Z"
        ),
        ["10-25T01:00+02:00 10-25T02:30+01:00"],
        "of the hour that comes twice both belong to it"
    );
    assert_eq!(
        windows(
            "2026-10-25/1d min=1; 2026-10-25T00:00/6h min=1",
            "2026-10-25T01:00:00Z",
            "2026-10-25T02:00:00Z"
        ),
        [
            "10-25T00:00+02:00 10-26T00:00+01:00",
            "10-25T00:00+02:00 10-25T05:00+01:00"
        ],
        "a day ends at midnight, six hours are six hours"
    );
}

#[test]
fn a_window_that_comes_again_has_a_first_and_a_last_day() {
    let text = "10:00-11:00 min=5 from=2026-11-28 until=2026-11-29";
    let found = windows(text, "2026-11-20T00:00:00Z", "2026-12-10T00:00:00Z");
    let days: Vec<&str> = found.iter().map(|window| &window[..5]).collect();
    assert_eq!(days, ["11-28", "11-29"]);
}

#[test]
fn ramps_make_a_window_reach_further() {
    let of = |from, until| windows("2026-11-27T08:00/6h min=40 ramp=30m", from, until).len();
    assert_eq!(of("2026-11-27T06:00:00Z", "2026-11-27T06:29:00Z"), 0);
    assert_eq!(of("2026-11-27T06:00:00Z", "2026-11-27T06:31:00Z"), 1);
    assert_eq!(of("2026-11-27T13:29:00Z", "2026-11-27T20:00:00Z"), 1);
    assert_eq!(of("2026-11-27T13:31:00Z", "2026-11-27T20:00:00Z"), 0);
}

#[test]
fn what_is_written_is_kept_and_told_by_entry() {
    let text = "Mon  08:00-09:00 min=1;\n2026-11-27/1d max=4";
    let bounds = Bounds::parse(text).unwrap();
    assert_eq!(bounds.to_string(), text);
    assert_eq!(
        serde_json::to_value(&bounds).unwrap(),
        serde_json::json!(text)
    );
    let told: Vec<_> = bounds
        .demands()
        .map(|(demand, name)| (demand.min, demand.max, name))
        .collect();
    assert_eq!(
        told,
        [
            (Some(1), None, "Mon 08:00-09:00 min=1"),
            (None, Some(4), "2026-11-27/1d max=4")
        ]
    );
    assert!(bounds.bytes() > text.len());
}

#[test]
fn a_mistake_is_named_with_what_is_allowed() {
    for (text, part) in [
        (" ; ", "no entry"),
        ("min=3", "nothing says when"),
        ("Mon-Fri 08:00-18:00", "neither `min=` nor `max=`"),
        ("Mon-Frei 08:00-18:00 min=1", "`Frei` is no day"),
        ("Mon 8-18 min=1", "no time of day like `08:00-18:00`"),
        ("Mon 08:00-25:00 min=1", "no time of day"),
        ("Mon 08:00-08:00 min=1", "a whole day is `00:00-24:00`"),
        ("Mon 08:00-09:00 every min=1", "`every` is too much"),
        (
            "Mon 08:00-09:00 min=1 often",
            "`often` is not like `min=10`",
        ),
        ("Mon min=-1", "`min` is `-1`: this is not a whole number"),
        ("Mon min=9 max=3", "more than `max`"),
        ("Mon max=3 ramp=5m", "`ramp` needs `min`"),
        ("Mon min=3 ramp=2d", "from 0s to 1d"),
        ("Mon min=3 least=2", "`least` is none of"),
        ("Mon min=3 until=soon", "no date like"),
        (
            "Mon min=3 from=2026-02-01 until=2026-01-01",
            "before `from`",
        ),
        ("2026-02-30/1d min=1", "the moment is not like"),
        ("2026-02-20/1y min=1", "from 1m to 31d"),
        ("2026-02-20/1d min=1 until=2027-01-01", "come again"),
    ] {
        let error = Bounds::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.ends_with('.'), "{error}");
    }
    let many = "Mon min=1;".repeat(65);
    assert!(Bounds::parse(&many).unwrap_err().contains("more than 64"));
}

#[test]
fn holidays_are_days_like_those_of_the_week_and_can_be_left_out() {
    // Christmas 2026: the 25th is a Friday and the 26th a Saturday, both holidays in Germany.
    let of = |text| windows(text, "2026-12-24T12:00:00Z", "2026-12-28T12:00:00Z");
    assert_eq!(
        of("Mon-Fri,!holidays:DE 08:00-18:00 min=10"),
        [
            "12-24T08:00+01:00 12-24T18:00+01:00",
            "12-28T08:00+01:00 12-28T18:00+01:00"
        ]
    );
    assert_eq!(
        of("Sun,holidays:de 10:00-20:00 min=20"),
        [
            "12-25T10:00+01:00 12-25T20:00+01:00",
            "12-26T10:00+01:00 12-26T20:00+01:00",
            "12-27T10:00+01:00 12-27T20:00+01:00"
        ]
    );
    let whole = [
        "12-25T00:00+01:00 12-26T00:00+01:00",
        "12-26T00:00+01:00 12-27T00:00+01:00",
    ];
    assert_eq!(of("holidays:DE max=4"), whole);
    let working = of("!holidays:DE 09:00-10:00 min=1");
    assert_eq!(working.len(), 2, "every day that is none: {working:?}");
    // A day off in lieu of New Year 2028, a Saturday, in the year before.
    let lieu = windows(
        "holidays:US min=1",
        "2027-12-31T12:00:00Z",
        "2027-12-31T13:00:00Z",
    );
    assert_eq!(lieu, ["12-31T00:00+01:00 01-01T00:00+01:00"]);
    let unknown = Bounds::parse("holidays:XX min=1").unwrap_err();
    assert!(
        unknown.contains("`holidays:XX`") && unknown.contains("`DE`"),
        "{unknown}"
    );
}
