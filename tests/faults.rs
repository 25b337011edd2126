//! Everything that can go wrong with Prometheus, one thing after another, while KEDA polls.
//!
//! Promised is: no answer below min(reactive value, last good plan), no call that fails once a first sample was seen,
//! nobody inactive by accident, and no call that waits for Prometheus. The first three are asserted on every single
//! answer; how long the calls took is printed, not asserted, because a test machine's clock proves nothing.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use support::exporter::{Exporter, Gauge};
use support::fault_proxy::{Fault, FaultProxy};
use support::forescale::{Forescale, PATIENCE, Setup};
use support::keda::{Keda, Reading};
use support::openmetrics::Backfill;
use support::prometheus::{Prometheus, TOOLS};
use support::shape::Shape;
use support::{eventually, now, say, tools_are_there};
use tokio::task::JoinHandle;
use tonic::Status;

const WEB: &str = r#"requests{app="web"}"#;

/// Replicas that the load of 200 needs at a threshold of 10: the reactive value all through this test.
const REACTIVE: i64 = 20;

/// A time-out far below [`support::fault_proxy::SLOW`], and a circuit that closes again soon.
const SETTINGS: &str = "
monitor:
  sources:
    default:
      timeout: 500ms
      totalTimeout: 1s
      retries: {maxAttempts: 2, initialBackoff: 20ms, maxBackoff: 50ms}
      circuitBreaker: {failures: 5, openFor: 1s}
plan: {staleAfter: 10s}
control:
  backfillRetry: 1s
";

/// Every fault, and the kinds under which it may be reported beside `circuit-open`. An empty list means that the
/// fault is none: the answer is still usable.
const FAULTS: [(Fault, &[&str]); 25] = [
    (Fault::Refuse, &["unreachable"]),
    (Fault::BlackHole, &["timeout"]),
    (Fault::HangUp, &["unreachable", "body"]),
    (Fault::SlowHeaders, &["timeout"]),
    (Fault::SlowBody, &["timeout"]),
    (Fault::CutBody, &["body", "unreachable"]),
    (Fault::EndlessBody, &["body", "timeout"]),
    (Fault::Status(400), &["query"]),
    (Fault::Status(404), &["status"]),
    (Fault::Status(422), &["status"]),
    (Fault::Status(429), &["rate-limited"]),
    (Fault::RateLimited, &["rate-limited"]),
    (Fault::Status(500), &["status"]),
    (Fault::Status(503), &["status", "timeout"]),
    (Fault::HtmlError, &["status"]),
    (Fault::HtmlOk, &["body"]),
    (Fault::GarbageJson, &["body"]),
    (Fault::OtherJson, &["body"]),
    (Fault::Empty, &["empty"]),
    (Fault::ManySeries, &["many-series"]),
    (Fault::Values("NaN"), &["not-finite"]),
    (Fault::Values("+Inf"), &["not-finite"]),
    (Fault::Values("-Inf"), &["not-finite"]),
    (Fault::Stale, &["stale", "empty"]),
    (Fault::Part, &["partial"]),
];

/// The modes that poll at the same time, a ScaledObject each.
const MODES: [&str; 3] = ["predictive", "shadow", "reactive"];

/// One answer to a KEDA-like client, and what was wrong with Prometheus when it was asked.
struct Answer {
    mode: &'static str,
    fault: Fault,
    reading: Result<Reading, Status>,
}

/// Clients that poll ten times as often as KEDA would, and a stream that stays open.
struct Pollers {
    fault: Arc<Mutex<Fault>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    streamed: Arc<Mutex<Vec<bool>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Pollers {
    async fn start(clients: &[(&'static str, Keda)]) -> Self {
        let fault = Arc::new(Mutex::new(Fault::Pass));
        let answers = Arc::new(Mutex::new(Vec::new()));
        let streamed = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (mode, client) in clients {
            let (mode, mut client) = (*mode, client.clone());
            let (fault, answers) = (Arc::clone(&fault), Arc::clone(&answers));
            tasks.push(tokio::spawn(async move {
                loop {
                    let fault = *fault.lock().unwrap();
                    let reading = client.read().await;
                    answers.lock().unwrap().push(Answer {
                        mode,
                        fault,
                        reading,
                    });
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }));
        }
        let (_, mut client) = clients[0].clone();
        let mut stream = client.stream_is_active().await.unwrap();
        let said = Arc::clone(&streamed);
        tasks.push(tokio::spawn(async move {
            while let Ok(Some(answer)) = stream.message().await {
                said.lock().unwrap().push(answer.result);
            }
        }));
        Self {
            fault,
            answers,
            streamed,
            tasks,
        }
    }

    fn now_under(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn count_under(&self, fault: Fault) -> usize {
        let answers = self.answers.lock().unwrap();
        answers
            .iter()
            .filter(|answer| answer.fault == fault)
            .count()
    }
}

impl Drop for Pollers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn trigger(mode: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("query", WEB),
        ("threshold", "10"),
        ("mode", mode),
        ("interval", "1s"),
        ("step", "15s"),
        ("history", "1d"),
        ("horizon", "10m"),
        ("leadTime", "60s"),
    ]
}

fn kind(workload: &Value) -> &str {
    workload["health"]["fault"]["kind"]
        .as_str()
        .unwrap_or_default()
}

async fn until_well(forescale: &Forescale) {
    for mode in MODES {
        forescale
            .workload_until("shop", mode, "all to be well", |workload| {
                workload["health"]["fault"].is_null() && workload["health"]["backfilled"] == true
            })
            .await;
    }
}

/// Waits until Forescale has run into `fault`, and has answered KEDA from there for a while.
async fn suffer(forescale: &Forescale, pollers: &Pollers, fault: Fault, kinds: &[&str]) -> String {
    // Not all at one moment: once the circuit is open, the probes go round.
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    eventually(&format!("{fault:?} to be noticed"), PATIENCE, async || {
        for mode in MODES {
            let workload = forescale.workload("shop", mode).await.unwrap();
            let kind = kind(&workload);
            // A machine that stands still for a moment makes a time-out of any fault.
            assert!(
                ["", "circuit-open", "timeout"].contains(&kind) || kinds.contains(&kind),
                "{fault:?} is reported as {}",
                workload["health"]
            );
            if kinds.contains(&kind) {
                let text = &workload["health"]["fault"]["text"];
                seen.insert(mode, text.as_str().unwrap().to_owned());
            }
        }
        (seen.len() == MODES.len()).then_some(())
    })
    .await;
    let answered = pollers.count_under(fault);
    eventually("more answers under it", PATIENCE, async || {
        (pollers.count_under(fault) >= answered + 10 * MODES.len()).then_some(())
    })
    .await;
    seen.remove(MODES[0]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_fault_shows_as_less_load_as_inactive_or_as_an_error() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[(WEB, Gauge::Fixed(200.0))]).await;
    let now = now().as_secs();
    let written = Backfill {
        metric: "requests",
        labels: r#"app="web""#,
        // Never below 200: an old sample that is read again under `Stale` needs no fewer replicas.
        shape: Shape {
            noise: 0.01,
            ..Shape::flat(202.0)
        },
        from: now - 2 * 86_400,
        until: now - 2,
        every: 15,
    };
    let prometheus = Prometheus::start(&[written], &[exporter.addr]).await;
    let proxy = FaultProxy::start(prometheus.addr()).await;
    let forescale = Forescale::start(&Setup {
        prometheus: proxy.url(),
        settings: SETTINGS.to_owned(),
        ..Setup::default()
    })
    .await;

    let mut clients = Vec::new();
    for mode in MODES {
        let mut keda = Keda::of(forescale.grpc, "shop", mode, &trigger(mode)).await;
        keda.first_reading().await;
        keda.reading_until("the whole load", |reading| reading.desired >= REACTIVE)
            .await;
        clients.push((mode, keda));
    }
    until_well(&forescale).await;
    let pollers = Pollers::start(&clients).await;

    for (fault, kinds) in FAULTS {
        proxy.switch(fault).await;
        pollers.now_under(fault);
        let text = suffer(&forescale, &pollers, fault, kinds).await;
        say(format!("{fault:?}: {text}"));
        proxy.switch(Fault::Pass).await;
        pollers.now_under(Fault::Pass);
        until_well(&forescale).await;
    }

    // What the language says of the query is no fault, but it is shown.
    proxy.switch(Fault::Warnings).await;
    forescale
        .workload_until("shop", MODES[0], "the warning to be shown", |workload| {
            workload["health"]["warnings"]
                .to_string()
                .contains("metric might not be a counter")
                && workload["health"]["fault"].is_null()
        })
        .await;

    let streamed = pollers.streamed.lock().unwrap().clone();
    assert_eq!(
        streamed,
        [true],
        "the stream says once that it is active, and nothing else"
    );
    judge(&pollers.answers.lock().unwrap());
}

/// Holds every answer against the promises, and prints how long the calls took.
fn judge(answers: &[Answer]) {
    // The plan that was last good before any fault: the highest bound that the promise could mean.
    let last_good = |mode: &str| {
        let first = answers
            .iter()
            .find(|a| a.mode == mode && a.fault == Fault::Pass);
        first
            .and_then(|a| a.reading.as_ref().ok())
            .map_or(REACTIVE, |r| r.desired)
    };
    let mut broken = Vec::new();
    for Answer {
        mode,
        fault,
        reading,
    } in answers
    {
        let bound = REACTIVE.min(last_good(mode));
        match reading {
            Err(status) => broken.push(format!("{mode} under {fault:?}: {status:?}")),
            Ok(r) if r.desired < bound || !r.active => {
                broken.push(format!(
                    "{mode} under {fault:?}: {r:?} is below {bound} or inactive"
                ));
            }
            Ok(_) => {}
        }
    }
    report(answers);
    assert!(
        broken.is_empty(),
        "{} of {} answers break the promise, the first ones:\n{}",
        broken.len(),
        answers.len(),
        broken[..broken.len().min(20)].join("\n")
    );
    for (fault, _) in FAULTS {
        let under = answers.iter().filter(|a| a.fault == fault).count();
        assert!(
            under >= 10 * MODES.len(),
            "only {under} answers under {fault:?}"
        );
    }
}

fn report(answers: &[Answer]) {
    let mut text =
        String::from("call latency (every GetMetricSpec, GetMetrics and IsActive), in ms\n");
    writeln!(
        text,
        "{:<22}{:>8}{:>10}{:>10}{:>10}",
        "fault", "calls", "p50", "p99", "max"
    )
    .unwrap();
    let mut line = |name: &str, wanted: &dyn Fn(Fault) -> bool| {
        let mut calls: Vec<f64> = answers
            .iter()
            .filter(|answer| wanted(answer.fault))
            .filter_map(|answer| answer.reading.as_ref().ok())
            .flat_map(|reading| reading.calls)
            .map(|took| took.as_secs_f64() * 1e3)
            .collect();
        calls.sort_by(f64::total_cmp);
        if let Some(max) = calls.last() {
            let at = |share: f64| calls[((calls.len() - 1) as f64 * share).round() as usize];
            let (p50, p99) = (at(0.5), at(0.99));
            writeln!(
                text,
                "{name:<22}{:>8}{p50:>10.3}{p99:>10.3}{max:>10.3}",
                calls.len()
            )
            .unwrap();
        }
    };
    line("none", &|fault| fault == Fault::Pass);
    for (fault, _) in FAULTS {
        line(&format!("{fault:?}"), &|f| f == fault);
    }
    line("all faults", &|fault| fault != Fault::Pass);
    say(text);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_sample_there_is_an_honest_error_and_afterwards_an_answer() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[(WEB, Gauge::Fixed(200.0))]).await;
    let prometheus = Prometheus::start(&[], &[exporter.addr]).await;
    eventually("a scrape", PATIENCE, async || prometheus.query(WEB).await).await;
    let proxy = FaultProxy::start(prometheus.addr()).await;
    proxy.switch(Fault::Refuse).await;
    let forescale = Forescale::start(&Setup {
        prometheus: proxy.url(),
        settings: SETTINGS.to_owned(),
        ..Setup::default()
    })
    .await;
    let mut keda = Keda::of(forescale.grpc, "shop", "predictive", &trigger("predictive")).await;

    assert!(
        keda.spec().await.is_ok(),
        "the HPA can be built without a sample"
    );
    let status = keda.metrics("forescale").await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    let status = keda.is_active().await.unwrap_err();
    assert_eq!(
        status.code(),
        tonic::Code::Unavailable,
        "not false by accident: {status:?}"
    );

    proxy.switch(Fault::Pass).await;
    let reading = keda.first_reading().await;
    assert!(reading.active && reading.desired >= 1, "{reading:?}");
    keda.reading_until("the whole load", |reading| reading.desired >= REACTIVE)
        .await;
}
