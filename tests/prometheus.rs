//! Forescale against a real Prometheus that holds weeks of history and scrapes a live program every second.
//!
//! The triggers here have an `interval` of 1 s and a `step` of 15 s or 60 s. The load that one replica carries is 10.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::exporter::{Exporter, Gauge};
use support::fault_proxy::{Fault, FaultProxy};
use support::forescale::{Forescale, Setup};
use support::keda::{Keda, Reading};
use support::openmetrics::Backfill;
use support::prometheus::{Prometheus, TOOLS};
use support::shape::Shape;
use support::{eventually, now, tools_are_there};
use tempfile::TempDir;

/// The program under load, as it is scraped and as its history is written.
const WEB: &str = r#"requests{app="web"}"#;

/// Short times, so that the tests are quick; everything else is as by default.
const SETTINGS: &str = "
monitor:
  sources:
    default:
      timeout: 2s
      totalTimeout: 4s
      retries: {maxAttempts: 2, initialBackoff: 50ms, maxBackoff: 100ms}
      circuitBreaker: {failures: 5, openFor: 1s}
plan: {staleAfter: 10s}
control:
  snapshotEvery: 1s
  backfillRetry: 2s
";

fn history(shape: Shape, days: i64, every: i64) -> Backfill {
    let now = now().as_secs();
    Backfill {
        metric: "requests",
        labels: r#"app="web""#,
        shape,
        from: now - days * 86_400,
        until: now - 2,
        every,
    }
}

/// A trigger for `query`; later pairs replace the defaults.
fn trigger<'a>(query: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut metadata = vec![
        ("query", query),
        ("threshold", "10"),
        ("interval", "1s"),
        ("step", "15s"),
        ("history", "1d"),
        ("horizon", "10m"),
        ("leadTime", "60s"),
    ];
    metadata.retain(|(key, _)| more.iter().all(|(other, _)| key != other));
    metadata.extend_from_slice(more);
    metadata
}

async fn forescale(prometheus: &Prometheus) -> Forescale {
    Forescale::start(&setup(prometheus)).await
}

fn setup(prometheus: &Prometheus) -> Setup {
    Setup {
        prometheus: prometheus.url(),
        settings: SETTINGS.to_owned(),
        ..Setup::default()
    }
}

fn backfilled(workload: &Value) -> bool {
    workload["health"]["backfilled"] == true
}

fn basis(workload: &Value) -> &str {
    workload["plan"]["basis"].as_str().unwrap_or_default()
}

fn fault_kind(workload: &Value) -> &str {
    workload["health"]["fault"]["kind"]
        .as_str()
        .unwrap_or_default()
}

fn fault_text(workload: &Value) -> &str {
    workload["health"]["fault"]["text"]
        .as_str()
        .unwrap_or_default()
}

/// The whole history as the JSON API shows it: seconds since the epoch and value, missing steps left out.
async fn samples(forescale: &Forescale) -> Vec<(i64, f64)> {
    let workload = forescale.workload_since("shop", "web", "30d").await;
    let workload = workload.expect("a workload that has been asked about");
    let history = &workload["history"];
    let start = history["start"].as_i64().expect("milliseconds") / 1000;
    let step = history["stepSeconds"].as_i64().expect("seconds");
    let values = history["values"].as_array().expect("values");
    let times = (0_i64..).map(|index| start + index * step);
    times
        .zip(values)
        .filter_map(|(at, value)| Some((at, value.as_f64()?)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_weeks_of_history_are_read_back_exactly_and_the_tail_follows_the_live_scrape() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[(WEB, Gauge::Follow(Shape::SHOP))]).await;
    let written = history(Shape::SHOP, 21, 60);
    let prometheus = Prometheus::start(std::slice::from_ref(&written), &[exporter.addr]).await;
    let begun = now().as_secs();
    let forescale = forescale(&prometheus).await;
    // 20,160 steps: more than Prometheus gives in one answer.
    let metadata = trigger(
        WEB,
        &[("history", "14d"), ("step", "60s"), ("horizon", "30m")],
    );
    let mut keda = Keda::of(forescale.grpc, "shop", "web", &metadata).await;

    let first = keda.first_reading().await;
    assert!(first.active && first.desired >= 1, "{first:?}");
    let workload = forescale
        .workload_until("shop", "web", "the back-fill", |workload| {
            backfilled(workload) && basis(workload) == "forecast"
        })
        .await;

    let seen = samples(&forescale).await;
    let expected = 14 * 1440;
    assert!(
        (expected - 3..=expected + 1).contains(&i64::try_from(seen.len()).unwrap()),
        "{} samples, expected about {expected}",
        seen.len()
    );
    // Steps that ended before Forescale came are exactly what Prometheus says; packing may cost a little precision.
    let mut compared = 0;
    for day in 0..14 {
        let from = (begun - (day + 1) * 86_400) / 60 * 60;
        let truth = prometheus.query_range(WEB, from, from + 86_340, 60).await;
        for (at, value) in truth.into_iter().filter(|(at, _)| *at < begun - 120) {
            let Ok(index) = seen.binary_search_by_key(&at, |(at, _)| *at) else {
                continue;
            };
            let ours = seen[index].1;
            assert!(
                (ours - value).abs() <= 0.002 * 300.0,
                "{ours} at {at}, Prometheus says {value}"
            );
            compared += 1;
        }
    }
    assert!(
        compared > expected - 1440,
        "only {compared} steps could be compared"
    );

    // The forecast speaks of the next half hour, with bands in order.
    assert!(workload["forecast"].is_object(), "{}", workload["forecast"]);

    // A jump of the live load is in the plan as soon as it is scraped: it is the floor.
    let jump = now().as_millis();
    exporter.set(WEB, Gauge::Fixed(5000.0));
    keda.reading_until("the jump", |reading| reading.desired >= 500)
        .await;
    let workload = forescale
        .workload_until("shop", "web", "the observed jump", |workload| {
            workload["plan"]["observed"]["value"] == 5000.0
        })
        .await;
    let at = workload["plan"]["observed"]["at"].as_i64().unwrap();
    assert!(at >= jump, "{at} is before {jump}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_answers_at_once_from_the_snapshot_and_needs_no_back_fill() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[(WEB, Gauge::Fixed(200.0))]).await;
    let written = history(Shape::flat(200.0), 2, 15);
    let prometheus = Prometheus::start(std::slice::from_ref(&written), &[exporter.addr]).await;
    let proxy = FaultProxy::start(prometheus.addr()).await;
    let data_dir = TempDir::new().unwrap();
    let setup = Setup {
        data_dir: Some(data_dir.path().to_owned()),
        prometheus: proxy.url(),
        ..setup(&prometheus)
    };
    let metadata = trigger(WEB, &[]);

    let mut first_life = Forescale::start(&setup).await;
    let mut keda = Keda::of(first_life.grpc, "shop", "web", &metadata).await;
    keda.first_reading().await;
    first_life
        .workload_until("shop", "web", "the back-fill", |workload| {
            backfilled(workload) && basis(workload) == "forecast"
        })
        .await;
    let before = samples(&first_life).await.len();
    let asked = keda.read().await.unwrap();
    assert!(asked.desired >= 20);
    first_life.terminate();
    assert!(first_life.ended().await.success());

    // Prometheus says nothing for now: whatever the second life knows comes from the snapshot, as long as it waits for an
    // answer.
    proxy.switch(Fault::BlackHole).await;
    let patient = Setup {
        settings: SETTINGS
            .replace("timeout: 2s", "timeout: 20s")
            .replace("totalTimeout: 4s", "totalTimeout: 20s"),
        ..setup
    };
    let second_life = Forescale::start(&patient).await;
    let mut keda = Keda::of(second_life.grpc, "shop", "web", &metadata).await;
    let restored = keda.read().await.expect("the very first call is answered");
    assert!(restored.active);
    assert!(restored.desired >= 20, "{restored:?}");
    let after = second_life.workload("shop", "web").await.unwrap();
    assert_eq!(basis(&after), "restored", "{}", after["plan"]);
    let reasons = after["plan"]["reasons"].to_string();
    assert!(
        reasons.contains("snapshot") && reasons.contains("ago"),
        "the reasons tell where the plan is from and its age: {reasons}"
    );
    let kept = samples(&second_life).await.len();
    assert!(kept + 10 >= before, "{kept} samples are left");
    assert!(
        backfilled(&after),
        "a restored history is not read back again"
    );

    proxy.switch(Fault::Pass).await;
    exporter.set(WEB, Gauge::Fixed(400.0));
    keda.reading_until("the fresh load", |reading| reading.desired >= 40)
        .await;
    second_life
        .workload_until("shop", "web", "a forecast from fresh data", |workload| {
            basis(workload) == "forecast" && workload["health"]["fault"].is_null()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_killed_and_returned_never_lowers_the_number() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[(WEB, Gauge::Fixed(200.0))]).await;
    let written = history(Shape::flat(200.0), 2, 15);
    let mut prometheus = Prometheus::start(std::slice::from_ref(&written), &[exporter.addr]).await;
    let forescale = forescale(&prometheus).await;
    let mut keda = Keda::of(forescale.grpc, "shop", "web", &trigger(WEB, &[])).await;
    keda.first_reading().await;
    forescale
        .workload_until("shop", "web", "the back-fill", backfilled)
        .await;
    keda.reading_until("the whole load", |reading| reading.desired >= 20)
        .await;

    prometheus.kill();
    let mut watch = async |what: &str, probe: &dyn Fn(&Value) -> bool| {
        eventually(what, support::forescale::PATIENCE, async || {
            let reading = keda
                .read()
                .await
                .expect("no call fails after the first sample");
            assert!(reading.active && reading.desired >= 20, "{reading:?}");
            let workload = forescale.workload("shop", "web").await.unwrap();
            probe(&workload).then_some(workload)
        })
        .await
    };
    let held = watch("the plan to be held", &|workload| {
        basis(workload) != "restored" && !fault_kind(workload).is_empty()
    })
    .await;
    assert!(
        ["unreachable", "circuit-open"].contains(&fault_kind(&held)),
        "{}",
        held["health"]
    );
    assert!(
        fault_text(&held).contains("default"),
        "the text names the source: {}",
        fault_text(&held)
    );

    prometheus.start_again().await;
    watch("the fault to pass", &|workload| {
        workload["health"]["fault"].is_null()
    })
    .await;
    exporter.set(WEB, Gauge::Fixed(300.0));
    keda.reading_until("the new load", |reading| reading.desired >= 30)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_one_good_answer_is_an_error_that_says_why_and_never_zero() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let two = [
        (r#"requests{app="web"}"#, Gauge::Fixed(200.0)),
        (r#"requests{app="api"}"#, Gauge::Fixed(100.0)),
        (r#"broken{app="web"}"#, Gauge::Fixed(f64::NAN)),
        (r#"endless{app="web"}"#, Gauge::Fixed(f64::INFINITY)),
    ];
    let exporter = Exporter::start(&two).await;
    let prometheus = Prometheus::start(&[], &[exporter.addr]).await;
    eventually("a scrape", Duration::from_secs(30), async || {
        prometheus.query("sum(requests)").await
    })
    .await;
    let forescale = forescale(&prometheus).await;

    for (name, query, kind, said) in [
        ("wrong", "sum(rate(requests[1m])", "query", "unclosed"),
        ("unknown-function", "guess(requests)", "query", "guess"),
        ("several", "requests", "many-series", "requests"),
        ("no-such-metric", "never_exported", "empty", ""),
        ("no-such-label", r#"requests{app="nobody"}"#, "empty", ""),
        ("not-a-number", "broken", "not-finite", ""),
        ("infinite", "endless", "not-finite", ""),
    ] {
        let mut keda = Keda::of(forescale.grpc, "shop", name, &trigger(query, &[])).await;
        let error = keda.read().await.expect_err(query);
        let workload = forescale
            .workload_until("shop", name, "the fault", |workload| {
                // A machine that stands still for a moment makes a time-out of any fault.
                !["", "timeout"].contains(&fault_kind(workload))
            })
            .await;
        assert_eq!(
            fault_kind(&workload),
            kind,
            "{name}: {}",
            workload["health"]
        );
        assert!(
            fault_text(&workload).contains(said),
            "{name}: {}",
            fault_text(&workload)
        );
        // By now the answer is known to be bad: the error says so to whoever reads KEDA's log.
        let error = keda.read().await.expect_err(&format!("{query}: {error}"));
        assert!(error.message().contains(said), "{name}: {error:?}");
        assert!(
            keda.is_active().await.is_err(),
            "{name}: not inactive by accident"
        );
    }

    // The one that was missing appears: from then on there is an answer.
    let late = r#"requests{app="nobody"}"#;
    exporter.set(late, Gauge::Fixed(70.0));
    let mut keda = Keda::of(forescale.grpc, "shop", "no-such-label", &trigger(late, &[])).await;
    let reading = keda.first_reading().await;
    assert!(reading.active && reading.desired >= 7, "{reading:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_ends_or_turns_to_nonsense_is_no_load_of_zero() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[(WEB, Gauge::Fixed(200.0))]).await;
    let written = history(Shape::flat(200.0), 1, 15);
    let prometheus = Prometheus::start(std::slice::from_ref(&written), &[exporter.addr]).await;
    let forescale = forescale(&prometheus).await;
    // One query is gone when the program is, one turns into two series.
    let whole = r#"sum(requests{app="web"})"#;
    let mut ended = Keda::of(forescale.grpc, "shop", "ended", &trigger(whole, &[])).await;
    let mut doubled = Keda::of(forescale.grpc, "shop", "doubled", &trigger("requests", &[])).await;
    for keda in [&mut ended, &mut doubled] {
        keda.first_reading().await;
        keda.reading_until("the whole load", |reading| reading.desired >= 20)
            .await;
    }

    exporter.set(r#"requests{app="new"}"#, Gauge::Fixed(1.0));
    let faulty = |kinds: &'static [&str]| move |w: &Value| kinds.contains(&fault_kind(w));
    forescale
        .workload_until(
            "shop",
            "doubled",
            "two series to be a fault",
            faulty(&["many-series"]),
        )
        .await;
    exporter.remove(WEB);
    let ended_series = "the end of the series to be a fault";
    forescale
        .workload_until("shop", "ended", ended_series, |workload| {
            // The series of the new program goes on; the whole load is measured on the old one.
            fault_kind(workload) == "empty"
        })
        .await;
    exporter.set(WEB, Gauge::Fixed(f64::NAN));
    forescale
        .workload_until(
            "shop",
            "ended",
            "NaN to be a fault",
            faulty(&["not-finite", "stale"]),
        )
        .await;
    exporter.crash();
    for keda in [&mut ended, &mut doubled] {
        let reading = keda
            .read()
            .await
            .expect("no call fails after the first sample");
        assert!(reading.active && reading.desired >= 20, "{reading:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_that_is_one_number_is_a_load_too() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let prometheus = Prometheus::start(&[], &[]).await;
    let forescale = forescale(&prometheus).await;
    for (name, query, desired) in [("scalar", "42", 5), ("vector", "vector(55)", 6)] {
        let mut keda = Keda::of(
            forescale.grpc,
            "shop",
            name,
            &trigger(query, &[("mode", "reactive")]),
        )
        .await;
        let reading = keda.first_reading().await;
        assert_eq!(reading.desired, desired, "{name}: {reading:?}");
    }
    // A true zero is a load of zero, and inactive: at once by the measured load, and with a forecast once a day of zeros
    // has been read back.
    let idle = |reading: &Reading| !reading.active && reading.desired == 0;
    let reactive = trigger("vector(0)", &[("mode", "reactive")]);
    let mut keda = Keda::of(forescale.grpc, "shop", "idle", &reactive).await;
    let reading = keda.first_reading().await;
    assert!(idle(&reading), "{reading:?}");
    let mut keda = Keda::of(
        forescale.grpc,
        "shop",
        "idle-too",
        &trigger("vector(0)", &[]),
    )
    .await;
    keda.first_reading().await;
    keda.reading_until("idleness", idle).await;
}
