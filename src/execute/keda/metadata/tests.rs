mod absent;
mod followed;

use proptest::prelude::*;

use super::*;
use crate::domain::{CalendarRef, LeadTime, Mode, ModelChoice, RampStep, SourceRef};

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

/// The smallest trigger, with `pairs` on top.
fn with(pairs: &[(&str, &str)]) -> Metadata {
    let mut all = metadata(&[("query", "sum(rate(x[1m]))"), ("threshold", "100")]);
    all.extend(metadata(pairs));
    all
}

fn parsed(pairs: &[(&str, &str)]) -> Parsed {
    parse_metadata(&with(pairs)).unwrap()
}

/// The one mistake in `pairs`.
fn mistake(pairs: &[(&str, &str)]) -> String {
    let mistakes = parse_metadata(&with(pairs)).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    mistakes[0].text.clone()
}

#[test]
fn how_late_the_metric_is_is_read_from_the_query_unless_it_is_given() {
    let late = |pairs: &[(&str, &str)]| {
        let lag = parsed(pairs).spec.metric_lag.unwrap();
        lag.to_string()
    };
    assert_eq!(late(&[]), "30s");
    assert_eq!(late(&[("query", "sum(rate(x[4m]))")]), "2m");
    assert_eq!(late(&[("metricLag", "auto")]), "30s");
    assert_eq!(late(&[("metricLag", "0s")]), "0s");
    assert_eq!(late(&[("metricLag", "45s")]), "45s");
    assert!(mistake(&[("metricLag", "1h")]).contains("a duration from 0s to 30m"));
    // The value of a variable is not known in a manifest, and so neither is its range.
    let elsewhere = metadata(&[("queryFromEnv", "LOAD"), ("threshold", "1")]);
    assert_eq!(read(&elsewhere, Env::Names).spec.metric_lag, None);
}

#[test]
fn a_prometheus_trigger_moves_over_as_it_is() {
    let spec = parsed(&[
        ("scalerAddress", "forescale.forescale:6000"),
        ("serverAddress", "http://prometheus.monitoring:9090/"),
        ("threshold", "100.50"),
        ("activationThreshold", "5.5"),
        ("namespace", "shop"),
        ("customHeaders", "X-Client-Id=cid, X-Scope-OrgID=team-a"),
        ("ignoreNullValues", "false"),
        ("queryParameters", "dedup=true,max_source_resolution=5m"),
        ("timeout", "1500"),
    ])
    .spec;
    assert_eq!(
        spec.source,
        SourceRef::Address("http://prometheus.monitoring:9090".to_owned())
    );
    assert!((spec.threshold - 100.5).abs() < 1e-12);
    assert!((spec.activation_threshold - 5.5).abs() < 1e-12);
    assert_eq!(spec.namespace.as_deref(), Some("shop"));
    assert_eq!(
        spec.custom_headers[1],
        ("X-Scope-OrgID".to_owned(), "team-a".to_owned())
    );
    assert_eq!(spec.query_parameters.len(), 2);
    assert!(!spec.ignore_null_values);
    assert_eq!(spec.timeout.unwrap().to_string(), "1s 500ms");
}

#[test]
fn everything_has_a_default_but_the_query_and_the_threshold() {
    let spec = parsed(&[]).spec;
    assert_eq!(
        (spec.mode, &spec.model, spec.lead_time),
        (Mode::Predictive, &ModelChoice::Auto, LeadTime::Auto)
    );
    assert_eq!(spec.source, SourceRef::Default);
    assert_eq!((spec.horizon_steps(), spec.history_steps()), (30, 20_160));
    let missing = parse_metadata(&Metadata::new()).unwrap_err();
    let keys: Vec<_> = missing.iter().map(|m| m.key.as_str()).collect();
    assert_eq!(keys, ["query", "threshold"]);
}

#[test]
fn forescales_own_keys_become_typed_values() {
    let spec = parsed(&[
        ("source", "main"),
        ("mode", "shadow"),
        ("model", "onnx:mlp-1"),
        ("leadTime", "3m"),
        ("shortageCost", "9"),
        ("minReplicas", "2"),
        ("maxReplicas", "50"),
        ("rampUp", "100%/1m"),
        ("rampDown", "4/1m"),
        ("timezone", "Europe/Berlin"),
    ])
    .spec;
    assert_eq!(spec.source, SourceRef::Named("main".to_owned()));
    assert_eq!(spec.model.to_string(), "onnx:mlp-1");
    assert!((spec.quantile.get() - 0.9).abs() < 1e-12);
    assert_eq!(spec.ramp_up.unwrap().by, RampStep::Percent(100.0));
    assert_eq!(spec.ramp_down.unwrap().by, RampStep::Replicas(4));
}

#[test]
fn a_mistake_names_the_key_the_value_and_what_is_allowed() {
    assert_eq!(
        mistake(&[("threshold", "0")]),
        "`threshold` is `0`: this is below 0.001; allowed: a number from 0.001 to 1000000000"
    );
    assert_eq!(
        mistake(&[("mode", "predictve")]),
        "`mode` is `predictve`: this is no mode; allowed: `predictive`, `scale-out`, `auto`, `shadow` or `reactive`"
    );
    assert_eq!(
        mistake(&[("interval", "15")]),
        "`interval` is `15`: this is not a number with a unit, such as `90s` or `10m`; allowed: a duration from 1s to 10m, in whole seconds"
    );
}

#[test]
fn every_key_refuses_what_is_outside_its_bounds() {
    for (key, value) in [
        ("threshold", "NaN"),
        ("threshold", "1e10"),
        ("activationThreshold", "inf"),
        ("serverAddress", "prometheus:9090"),
        ("serverAddress", "http://h/?x=1"),
        ("queryParameters", "dedup"),
        ("queryParameters", "time=1"),
        ("queryParameters", "a=1,a=2"),
        ("customHeaders", "bad header=1"),
        ("customHeaders", "Host=x"),
        ("ignoreNullValues", "yes"),
        ("timeout", "0"),
        ("timeout", "1h"),
        ("source", "../etc"),
        ("model", "arima"),
        ("model", "onnx:../x"),
        ("horizon", "30"),
        ("step", "1s"),
        ("step", "10500ms"),
        ("history", "1000d"),
        ("interval", "11m"),
        ("leadTime", "soon"),
        ("headroom", "10"),
        ("quantile", "1"),
        ("shortageCost", "-1"),
        ("minReplicas", "1.5"),
        ("maxReplicas", "0"),
        ("maxReplicas", "99999999999999999999"),
        ("rampUp", "4"),
        ("rampUp", "0/1m"),
        ("rampDown", "120%/1m"),
        ("scaleDownWindow", "-5m"),
        ("timezone", "Mars/Olympus"),
        ("maxReplicaHoursPerDay", "0"),
        ("maxChangesPerHour", "0"),
        ("maxChangesPerHour", "61"),
        ("bounds", "Mon-Fri 08:00-18:00"),
        ("bounds", "Someday min=3"),
        ("calendar", "../team"),
        ("calendar", "/etc/passwd"),
        ("calendar", "BEGIN:VCALENDAR"),
    ] {
        let text = mistake(&[(key, value)]);
        assert!(
            text.contains(&format!("`{key}` is")) && text.contains("allowed: "),
            "{text}"
        );
    }
}

#[test]
fn keys_that_do_not_fit_together_are_told_apart_from_bad_values() {
    for (pairs, part) in [
        (
            vec![("minReplicas", "9"), ("maxReplicas", "3")],
            "more than `maxReplicas`",
        ),
        (
            vec![("quantile", "0.9"), ("shortageCost", "9")],
            "exclude one another",
        ),
        (
            vec![("source", "a"), ("serverAddress", "http://b")],
            "exclude one another",
        ),
        (
            vec![("leadTime", "1h")],
            "longer than `horizon` of 30m (the default)",
        ),
        (vec![("step", "1h")], "shorter than `step` of 1h"),
        (
            vec![("step", "10s")],
            "`history` of 14d (the default) has 120960 points",
        ),
        (
            vec![("horizon", "1d"), ("step", "15s"), ("history", "7d")],
            "at most 1440",
        ),
        (vec![("latencySlo", "250ms")], "needs `latencyQuery`"),
        (
            vec![("maxReplicas", "9"), ("bounds", "Mon min=3; Tue min=10")],
            "`bounds`: `Tue min=10` asks for more than `maxReplicas`",
        ),
        (
            vec![("maxReplicas", "4"), ("calendar", CALENDAR)],
            "`calendar`: `Sale` asks for more than `maxReplicas`",
        ),
    ] {
        let text = mistake(&pairs);
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn an_unknown_key_suggests_the_nearest_known_one() {
    for (typo, meant) in [
        ("thresold", "`threshold`"),
        ("Query", "`query`"),
        ("leadtime", "`leadTime`"),
        ("maxReplica", "`maxReplicas`"),
        ("qeuryFromEnv", "`queryFromEnv`"),
    ] {
        let text = mistake(&[(typo, "1")]);
        assert!(text.contains(&format!("did you mean {meant}")), "{text}");
    }
    assert!(mistake(&[("zzz", "1")]).contains("not a known key"));
}

#[test]
fn a_value_from_the_environment_stands_in_where_the_plain_key_is_absent() {
    let resolved = parse_metadata(&metadata(&[
        ("queryFromEnv", "sum(up)"),
        ("threshold", "1"),
    ]));
    assert_eq!(resolved.unwrap().spec.query, "sum(up)");
    let both = parsed(&[("queryFromEnv", "ignored")]);
    assert_eq!(both.spec.query, "sum(rate(x[1m]))");
    assert!(
        both.warnings[0].contains("no effect"),
        "{:?}",
        both.warnings
    );
    let names = metadata(&[
        ("queryFromEnv", "MY_QUERY"),
        ("thresholdFromEnv", "MY_LOAD"),
    ]);
    let reading = read(&names, Env::Names);
    assert!(reading.mistakes.is_empty(), "{:?}", reading.mistakes);
}

#[test]
fn secrets_are_refused_and_never_repeated() {
    for (key, value) in [
        ("bearerToken", "hunter2"),
        ("passwordFromEnv", "hunter2"),
        ("customHeaders", "Authorization=Bearer hunter2"),
        ("customHeaders", "hunter2"),
        ("customHeaders", "Bearer hunter2=="),
        ("customHeaders", "a=1,=hunter2"),
        ("customHeaders", "hunter2=a\u{7}"),
        ("queryParameters", "dedup=true,hunter2"),
        ("queryParameters", "=hunter2"),
        ("queryParameters", "hunter2=1,hunter2=2"),
        ("queryParameters", "token=hunter2,time=1"),
        ("queryParametersFromEnv", "hunter2"),
        ("eventsFromEnv", "2026-11-27T08:00/hunter2 sale"),
        ("boundsFromEnv", "hunter2 min=3"),
        ("calendarFromEnv", "BEGIN:VCALENDAR\nhunter2"),
        ("leadTimeFromEnv", "hunter2"),
        ("serverAddress", "http://me:hunter2@prometheus:9090"),
    ] {
        let text = mistake(&[(key, value)]);
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(mistake(&[("customHeaders", "Cookie=a")]).contains("named source"));
}

#[test]
fn what_has_no_effect_is_said() {
    for (key, value, part) in [
        ("authModes", "bearer", "named sources"),
        ("cortexOrgID", "a", "X-Scope-OrgID"),
        ("metricName", "x", "`forescale`"),
        ("threshold", "0.0015", "three decimals"),
        ("unsafeSsl", "true", "named source"),
    ] {
        let warnings = parsed(&[(key, value)]).warnings;
        assert!(
            warnings.iter().any(|w| w.contains(part)),
            "{key}: {warnings:?}"
        );
    }
    for quiet in [
        ("enableTLS", "true"),
        ("scalerAddress", "f:6000"),
        ("threshold", "0.1"),
        ("model", "prophet"),
        ("model", "mlp"),
        ("maxReplicaHoursPerDay", "10"),
    ] {
        assert_eq!(parsed(&[quiet]).warnings, Vec::<String>::new());
    }
}

#[test]
fn how_much_to_be_safe_is_said_in_one_way() {
    assert_eq!(parsed(&[]).spec.max_overload, Some(0.005), "the default");
    assert_eq!(
        parsed(&[("maxOverload", "0.1%")]).spec.max_overload,
        Some(0.001)
    );
    for other in [("quantile", "0.9"), ("shortageCost", "9")] {
        assert_eq!(parsed(&[other]).spec.max_overload, None, "{other:?}");
        let both = with(&[other, ("maxOverload", "1%")]);
        let mistakes = parse_metadata(&both).unwrap_err();
        assert!(
            mistakes[0].text.contains("exclude one another"),
            "{mistakes:?}"
        );
    }
    for wrong in ["0.005", "30%", "0%", "x%"] {
        let mistakes = parse_metadata(&with(&[("maxOverload", wrong)])).unwrap_err();
        assert!(
            mistakes[0].text.contains("from 0.01% to 20%"),
            "{mistakes:?}"
        );
    }
}

#[test]
fn sizes_are_bounded() {
    let many: Metadata = (0..65).map(|n| (format!("k{n}"), String::new())).collect();
    let long = with(&[("query", &"x".repeat(limits::MAX_VALUE + 1))]);
    let name = with(&[(&"k".repeat(limits::MAX_KEY + 1), "")]);
    for metadata in [many, long, name] {
        let mistakes = parse_metadata(&metadata).unwrap_err();
        assert!(mistakes[0].text.contains("at most"), "{mistakes:?}");
    }
}

const CALENDAR: &str = "BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Sale
DESCRIPTION:min=5 ramp=1h
DTSTART;TZID=Europe/Berlin:20261127T080000
DURATION:PT6H
END:VEVENT
END:VCALENDAR";

#[test]
fn a_calendar_stands_in_the_metadata_or_is_named() {
    let spec = parsed(&[("calendar", CALENDAR)]).spec;
    let Some(CalendarRef::Inline(calendar)) = spec.calendar else {
        panic!("{:?}", spec.calendar);
    };
    assert_eq!(calendar.demands().next().unwrap().0.min, Some(5));
    let spec = parsed(&[("calendar", "team-a")]).spec;
    assert_eq!(spec.calendar, Some(CalendarRef::Named("team-a".to_owned())));
    let text = mistake(&[("calendar", &CALENDAR.replace("min=5", "min=lots"))]);
    assert!(
        text.contains("line 4: `DESCRIPTION` is `min=lots ramp=1h`: `min` is `lots`"),
        "{text}"
    );
}

#[test]
fn what_is_shown_reads_back_as_the_same() {
    let given = [
        ("serverAddress", "http://p:9090"),
        ("timeout", "250ms"),
        ("rampUp", "12.5%/90s"),
        ("rampDown", "3/2m"),
        ("shortageCost", "3"),
        ("customHeaders", "a=b,c=d"),
        ("latencyQuery", "x"),
        ("latencySlo", "250ms"),
        ("maxChangesPerHour", "6"),
        ("maxReplicaHoursPerDay", "240"),
        (
            "bounds",
            "Mon-Fri 08:00-18:00 min=10 max=50; 2026-11-27/1d min=40 max=80 ramp=30m",
        ),
        ("calendar", CALENDAR),
    ];
    let spec = parsed(&given).spec;
    let mut again = keys::defaults();
    for key in KEYS {
        // The quantile follows from the cost here, and is none of its own.
        if let (Some(text), Role::Acted { set, .. }) = (key.shown(&spec), key.role)
            && key.name != "quantile"
        {
            set(&mut again, &text).unwrap();
        }
    }
    assert_eq!(again, spec);
}

#[test]
fn the_reference_page_lists_every_key_with_its_default() {
    let page = include_str!("../../../../docs/metadata.md");
    for key in KEYS {
        let row = format!(
            "| `{}` | {} | {} | {} |",
            key.name,
            key.default
                .map_or("–".to_owned(), |default| format!("`{default}`")),
            key.allowed,
            key.about,
        );
        assert!(page.contains(&row), "docs/metadata.md lacks the row\n{row}");
    }
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = line.split('`').next().unwrap();
        assert!(
            keys::find(name).is_some(),
            "`{name}` is documented but unknown"
        );
    }
}

fn key_name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(KEYS).prop_map(|key| key.name.to_owned());
    prop_oneof![
        4 => known.clone(),
        1 => known.prop_map(|name| format!("{name}{FROM_ENV}")),
        1 => ".{0,20}",
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "-?[0-9]{1,20}(\\.[0-9]{1,5})?(ms|s|m|h|d|%|/1m)?",
        prop::sample::select(vec![
            "auto",
            "shadow",
            "UTC",
            "true",
            "a=b,c=d",
            "http://p:9090",
            "onnx:x"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn any_map_is_either_understood_or_explained(
        map in prop::collection::btree_map(key_name(), value(), 0..12),
    ) {
        match parse_metadata(&map) {
            Ok(parsed) => {
                let spec = parsed.spec;
                prop_assert!(spec.threshold >= 0.001 && spec.threshold <= 1e9);
                prop_assert!(spec.horizon_steps() >= 1 && spec.history_steps() >= 2);
                prop_assert!(spec.history_steps() <= 100_000 && spec.horizon_steps() <= 1440);
                prop_assert!(spec.quantile.get() > 0.0 && spec.quantile.get() < 1.0);
                prop_assert!(spec.min_replicas.unwrap_or(0) <= spec.max_replicas.unwrap_or(u32::MAX));
            }
            Err(mistakes) => {
                prop_assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    prop_assert!(!mistake.text.is_empty() && !mistake.text.ends_with('.'));
                    prop_assert!(mistake.text.len() < 1000);
                }
            }
        }
    }
}
