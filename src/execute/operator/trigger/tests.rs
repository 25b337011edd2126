#![expect(clippy::needless_pass_by_value, reason = "`json!` makes a value")]

use serde_json::{Value, json};

use super::*;
use crate::domain::{LeadTime, Mode};

fn spec(more: Value) -> PredictiveAutoscalerSpec {
    let mut spec = json!({
        "targetRef": {"name": "web"},
        "metric": {"query": "sum(rate(http_requests_total[2m]))", "target": 100},
        "maxReplicas": 20,
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn parsed(more: Value, exact: bool) -> Result<Trigger, String> {
    trigger(&spec(more), &Config::default(), exact)
}

#[test]
fn the_smallest_object_is_a_whole_trigger() {
    let trigger = parsed(json!({}), true).unwrap();
    let said: Vec<(&str, &str)> = (trigger.metadata.iter())
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("horizon", "30m"),
            ("hpaTolerance", "0"),
            ("leadTime", "auto"),
            ("maxReplicas", "20"),
            ("minReplicas", "1"),
            ("mode", "predictive"),
            ("model", "auto"),
            ("query", "sum(rate(http_requests_total[2m]))"),
            ("scalerAddress", "forescale.forescale.svc:6000"),
            ("threshold", "100"),
        ]
    );
    assert_eq!(trigger.spec.threshold.to_string(), "100");
    assert!(trigger.warnings.is_empty(), "{:?}", trigger.warnings);
}

#[test]
fn every_field_reaches_the_trigger() {
    let trigger = parsed(
        json!({
            "minReplicas": 2,
            "mode": "scale-out",
            "model": "prophet",
            "predictionHorizon": "20m",
            "leadTime": "90s",
            "slo": {"maxOverload": "0.1%", "latency": "250ms", "latencyQuery": "p95"},
            "events": ["2026-11-27T08:00/6h sale", "holidays:DE"],
            "bounds": ["Mon-Fri 08:00-18:00 min=10 max=15"],
            "timezone": "Europe/Berlin",
            "triggerMetadata": {"rampDown": "10%/1m"},
            "vertical": {"mode": "advice", "cpuQuery": "cpu", "memoryQuery": "memory"},
        }),
        true,
    )
    .unwrap();
    let spec = &trigger.spec;
    assert_eq!(spec.mode, Mode::ScaleOut);
    assert_eq!(spec.model.to_string(), "prophet");
    assert_eq!(spec.horizon.get().as_secs(), 1200);
    assert!(matches!(spec.lead_time, LeadTime::Fixed(lead) if lead.get().as_secs() == 90));
    assert_eq!(spec.max_overload, Some(0.001));
    assert_eq!(spec.latency_query.as_deref(), Some("p95"));
    assert!(spec.events.is_some() && spec.bounds.is_some() && spec.ramp_down.is_some());
    assert_eq!(spec.cpu_query.as_deref(), Some("cpu"));
    assert_eq!(spec.memory_query.as_deref(), Some("memory"));
}

#[test]
fn what_is_not_read_is_not_asked_for() {
    let trigger = parsed(
        json!({"vertical": {"mode": "off", "cpuQuery": "cpu"}}),
        true,
    )
    .unwrap();
    assert_eq!(trigger.spec.cpu_query, None);
}

#[test]
fn the_tolerance_is_the_one_that_the_hpa_will_have() {
    let of = |more: Value, exact| parsed(more, exact).unwrap().spec.hpa_tolerance;
    assert_eq!(of(json!({}), true), Some(0.0));
    assert_eq!(of(json!({}), false), None, "the cluster's default");
    for mode in ["shadow", "reactive", "scale-out", "auto"] {
        assert_eq!(of(json!({"mode": mode}), true), None, "{mode}");
    }
    let beside = json!({"additionalTriggers": [{"type": "cpu"}]});
    assert_eq!(
        of(beside, true),
        None,
        "the other trigger has its dead band"
    );
    let own = json!({"behavior": {"scaleUp": {"tolerance": "50m"}}});
    assert_eq!(of(own, true), Some(0.05));
    let none = json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}});
    assert_eq!(of(none, true), None);
}

#[test]
fn mistakes_are_told_in_the_words_of_the_metadata_and_all_at_once() {
    let wrong = json!({
        "model": "crystal-ball",
        "timezone": "Europe/Atlantis",
        "triggerMetadata": {"rampDwn": "1/1m"},
    });
    let text = parsed(wrong, true).unwrap_err();
    assert_eq!(text.lines().count(), 3, "{text}");
    for word in ["crystal-ball", "Europe/Atlantis", "rampDown"] {
        assert!(text.contains(word), "{text}");
    }
    let twice = parsed(json!({"triggerMetadata": {"query": "up"}}), true).unwrap_err();
    assert!(twice.contains("query"), "{twice}");
}

#[test]
fn the_servers_metadata_is_in_every_trigger_and_the_users_wins() {
    let config = Config {
        trigger_metadata: [("enableTLS", "true"), ("interval", "30s")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..Config::default()
    };
    let spec = spec(json!({"triggerMetadata": {"interval": "10s"}}));
    let metadata = trigger(&spec, &config, true).unwrap().metadata;
    assert_eq!(metadata["enableTLS"], "true");
    assert_eq!(metadata["interval"], "10s");
}
