use std::time::Duration;

use super::*;
use crate::domain::{HumanDuration, LeadTime, Mode, ModelChoice, Quantile, Timestamp, TriggerSpec};

/// A trigger that asks the default source.
pub(super) fn spec() -> TriggerSpec {
    TriggerSpec {
        query: "sum(load)".to_owned(),
        follows: None,
        source: SourceRef::Default,
        threshold: 1.0,
        activation_threshold: 0.0,
        query_parameters: vec![],
        custom_headers: vec![],
        namespace: None,
        ignore_null_values: true,
        unsafe_ssl: false,
        timeout: None,
        mode: Mode::Predictive,
        model: ModelChoice::Auto,
        horizon: HumanDuration::from_secs(1800),
        step: HumanDuration::from_secs(60),
        history: HumanDuration::from_secs(14 * 86_400),
        interval: HumanDuration::from_secs(15),
        lead_time: LeadTime::Auto,
        metric_lag: None,
        headroom: 0.0,
        quantile: Quantile::new(0.9).unwrap(),
        max_overload: None,
        shortage_cost: None,
        min_replicas: None,
        max_replicas: None,
        bounds: None,
        calendar: None,
        max_changes_per_hour: None,
        ramp_up: None,
        ramp_down: None,
        scale_down_window: Some(HumanDuration::from_secs(300)),
        hpa_tolerance: Some(0.1),
        timezone: "UTC".to_owned(),
        max_replica_hours_per_day: None,
        latency_query: None,
        latency_slo: None,
        replicas_query: None,
        cpu_query: None,
        memory_query: None,
        events: None,
    }
}

fn monitor(yaml: &str) -> Monitor {
    Monitor::new(&serde_yaml::from_str(yaml).unwrap(), Metrics::default()).unwrap()
}

fn at(address: &str) -> TriggerSpec {
    TriggerSpec {
        source: SourceRef::Address(address.to_owned()),
        ..spec()
    }
}

fn refusal(monitor: &Monitor, spec: &TriggerSpec) -> String {
    let error = monitor.check(spec).unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Config);
    error.text
}

#[test]
fn a_source_that_is_not_there_is_answered_with_those_that_are() {
    let monitor = monitor("sources: {eu: {url: http://eu:9090}, us: {url: http://us:9090}}");
    let text = refusal(&monitor, &spec());
    for word in ["`default`", "monitor.sources.default.url", "`eu`", "`us`"] {
        assert!(text.contains(word), "{text}");
    }
    let named = |name: &str| TriggerSpec {
        source: SourceRef::Named(name.to_owned()),
        ..spec()
    };
    assert!(monitor.check(&named("eu")).is_ok());
    assert!(refusal(&monitor, &named("asia")).contains("`asia`"));
}

#[test]
fn an_address_needs_the_allow_list_or_to_be_a_source_s_own_url() {
    let monitor = monitor(
        "sources: {default: {url: 'http://prom:9090/eu'}}\nallowedServerAddresses: ['https://*.metrics.svc']",
    );
    assert!(monitor.check(&at("https://a.metrics.svc/x")).is_ok());
    for (address, same) in [
        ("http://prom:9090/eu/", true),
        ("http://PROM:9090/eu", true),
        ("http://prom:9090", false),
        ("http://prom:9090/eu/x", false),
        ("https://prom:9090/eu", false),
    ] {
        let found = monitor.source_of(&at(address));
        let is_default = found.is_ok_and(|source| Arc::ptr_eq(&source, &monitor.named["default"]));
        assert_eq!(is_default, same, "{address}");
    }
    let text = refusal(&monitor, &at("http://169.254.169.254/latest"));
    for word in ["169.254.169.254", "`default`", "`https://*.metrics.svc`"] {
        assert!(text.contains(word), "{text}");
    }
    let text = refusal(&monitor, &at("http://me:hush@prom:9090/eu"));
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn an_address_that_two_sources_share_is_a_guess_unless_one_is_the_default() {
    let two =
        monitor("sources: {a: {url: http://m}, b: {url: http://m, headers: {X-Scope-OrgID: b}}}");
    let text = refusal(&two, &at("http://m"));
    assert!(text.contains("`a`") && text.contains("`b`"), "{text}");
    let with_default = monitor("sources: {a: {url: http://m}, default: {url: http://m}}");
    assert!(with_default.check(&at("http://m")).is_ok());
}

#[test]
fn a_trigger_can_not_overrule_its_source_nor_pose_as_someone() {
    let monitor = monitor(
        "sources: {default: {url: http://m, headers: {X-Scope-OrgID: a}, queryParameters: {dedup: 'true'}}}",
    );
    let with = |headers: &[(&str, &str)], parameters: &[(&str, &str)]| {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            (pairs.iter())
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        TriggerSpec {
            custom_headers: own(headers),
            query_parameters: own(parameters),
            ..spec()
        }
    };
    assert!(
        monitor
            .check(&with(
                &[("X-Team", "a")],
                &[("max_source_resolution", "5m")]
            ))
            .is_ok()
    );
    for header in [
        "x-scope-orgid",
        "Authorization",
        "Cookie",
        "Host",
        "X-Forwarded-User",
        "bad header",
    ] {
        let text = refusal(&monitor, &with(&[(header, "v-hush")], &[]));
        assert!(
            text.contains("customHeaders") && text.contains(header),
            "{text}"
        );
        assert!(!text.contains("v-hush"), "{text}");
    }
    for parameter in ["query", "start", "end", "step", "timeout", "dedup"] {
        let text = refusal(&monitor, &with(&[], &[(parameter, "v")]));
        assert!(text.contains(parameter), "{text}");
    }
}

#[test]
fn a_source_with_credentials_takes_only_the_headers_it_lists() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "abc").unwrap();
    let yaml = format!(
        "sources: {{default: {{url: http://m, auth: {{bearerTokenFile: {}}}, triggerHeaders: [X-Team]}}}}",
        token.display()
    );
    let monitor = monitor(&yaml);
    let with = |name: &str| TriggerSpec {
        custom_headers: vec![(name.to_owned(), "x".to_owned())],
        ..spec()
    };
    assert!(monitor.check(&with("x-team")).is_ok());
    assert!(refusal(&monitor, &with("X-Scope-OrgID")).contains("triggerHeaders"));
}

#[test]
fn windows_follow_the_source_s_limit() {
    let monitor = monitor("sources: {default: {url: http://m, maxPoints: 1000}}");
    let span = Span {
        from: Timestamp::from_secs(0),
        until: Timestamp::from_secs(60 * 2499),
        step: Duration::from_mins(1),
    };
    let windows = monitor.windows(&spec(), span);
    let points: Vec<u64> = windows.iter().map(Span::points).collect();
    assert_eq!(points, [1000, 1000, 500], "newest first");
    assert_eq!(windows[0].until, span.until);
    assert_eq!(monitor.windows(&at("http://unknown"), span), [span]);
}

#[test]
fn every_mistake_in_the_settings_is_found_and_names_its_key() {
    let yaml = r"
sources:
  bad name: {url: 'http://a'}
  plain: {url: 'http://a', tls: {caFile: /x}}
  q:
    url: 'http://me:hush@a'
    auth: {bearerTokenFile: /t, basic: {username: 'a:b', passwordFile: /p}}
    headers: {Authorization: hush}
    queryParameters: {query: up}
    concurrency: 0
    timeout: 20s
    retries: {maxAttempts: 0, initialBackoff: 5s, jitter: 2}
    circuitBreaker: {failures: 0, openFor: 0s}
    maxPoints: 0
    maxBodyBytes: 1
  tls: {url: 'https://a', tls: {certFile: /c}}
allowedServerAddresses: ['http://fine', 'http://*']
";
    let config: Config = serde_yaml::from_str(yaml).unwrap();
    let mistakes = config.validate();
    let keys: Vec<&str> = mistakes
        .iter()
        .map(|mistake| mistake.key.as_str())
        .collect();
    let expected = [
        "monitor.sources",
        "monitor.sources.plain.tls",
        "monitor.sources.q.url",
        "monitor.sources.q.auth",
        "monitor.sources.q.auth.basic.username",
        "monitor.sources.q.headers.Authorization",
        "monitor.sources.q.queryParameters",
        "monitor.sources.q.concurrency",
        "monitor.sources.q.maxPoints",
        "monitor.sources.q.maxBodyBytes",
        "monitor.sources.q.circuitBreaker.openFor",
        "monitor.sources.q.totalTimeout",
        "monitor.sources.q.retries.maxAttempts",
        "monitor.sources.q.retries.maxBackoff",
        "monitor.sources.q.retries.jitter",
        "monitor.sources.q.circuitBreaker.failures",
        "monitor.sources.tls.tls",
        "monitor.allowedServerAddresses[1]",
    ];
    assert_eq!(keys, expected);
    let all: String = mistakes.iter().map(ToString::to_string).collect();
    assert!(!all.contains("hush"), "{all}");
    let error = Monitor::new(&config, Metrics::default()).unwrap_err();
    assert_eq!(
        error.key, "monitor.sources",
        "the first one stops the start"
    );
}

#[test]
fn an_unknown_key_is_no_setting_and_every_default_survives_a_round_trip() {
    let wrong = serde_yaml::from_str::<Config>("sources: {a: {url: http://m, tokenFile: /t}}");
    assert!(wrong.unwrap_err().to_string().contains("tokenFile"));
    let config = Config {
        sources: BTreeMap::from([("default".to_owned(), SourceConfig::at("http://m"))]),
        ..Config::default()
    };
    assert!(config.validate().is_empty());
    let yaml = serde_yaml::to_string(&config).unwrap();
    assert_eq!(serde_yaml::from_str::<Config>(&yaml).unwrap(), config);
}

#[test]
fn files_that_can_not_be_used_stop_the_start_and_are_named() {
    let cases = [
        ("auth: {bearerTokenFile: /nowhere/t}", "auth", "/nowhere/t"),
        ("tls: {caFile: /nowhere/ca}", "tls.caFile", "/nowhere/ca"),
    ];
    for (setting, key, path) in cases {
        let yaml = format!("sources: {{a: {{url: 'https://m', {setting}}}}}");
        let config: Config = serde_yaml::from_str(&yaml).unwrap();
        let error = Monitor::new(&config, Metrics::default()).unwrap_err();
        assert_eq!(error.key, format!("monitor.sources.a.{key}"));
        assert!(error.text.contains(path), "{error}");
    }
}
