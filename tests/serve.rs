//! `forescale serve` as a process: how it starts, refuses to start, drains, survives a kill, and shows itself.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::exporter::{Exporter, Gauge};
use support::forescale::{Forescale, PATIENCE, Process, Setup};
use support::keda::{Keda, Reading};
use support::openmetrics::to_classic;
use support::prometheus::{Prometheus, TOOLS};
use support::{eventually, tool, tools_are_there};
use tempfile::TempDir;

/// Snapshots as often as the triggers here are refreshed.
const SETTINGS: &str = "control: {snapshotEvery: 1s}\n";

const TRIGGER: [(&str, &str); 7] = [
    ("query", "vector(200)"),
    ("threshold", "10"),
    // The measured load alone: these tests are about the process, and want a number that is known beforehand.
    ("mode", "reactive"),
    ("interval", "1s"),
    ("step", "10s"),
    ("history", "1h"),
    ("horizon", "5m"),
];

async fn started(prometheus: &Prometheus) -> Forescale {
    Forescale::start(&Setup {
        prometheus: prometheus.url(),
        settings: SETTINGS.to_owned(),
        ..Setup::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_open_streams_cleanly_answers_what_was_asked_and_exits_0() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let prometheus = Prometheus::start(&[], &[]).await;
    let mut forescale = started(&prometheus).await;
    let mut keda = Keda::of(forescale.grpc, "shop", "web", &TRIGGER).await;
    keda.first_reading().await;
    let mut stream = keda.stream_is_active().await.unwrap();
    let first = stream.message().await.unwrap().expect("the state on open");
    assert!(first.result);

    // Calls are under way all the time: each is answered whole or refused as a whole.
    let mut poller = keda.clone();
    let polling = tokio::spawn(async move {
        let mut answered: Vec<Reading> = Vec::new();
        loop {
            match poller.read().await {
                Ok(reading) => answered.push(reading),
                Err(status) => return (answered, status),
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    forescale.terminate();
    loop {
        match stream.message().await {
            Ok(Some(more)) => assert!(more.result, "no false on the way out"),
            Ok(None) => break,
            Err(status) => {
                // An orderly goodbye; anything else is a broken stream.
                assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
                assert!(
                    !status.message().is_empty() && !status.message().contains("h2 protocol"),
                    "{status:?}"
                );
                break;
            }
        }
    }
    let status = forescale.ended().await;
    assert_eq!(status.code(), Some(0), "{:?}", forescale.log());
    let (answered, last) = polling.await.unwrap();
    assert!(!answered.is_empty());
    assert!(
        answered.iter().all(|r| r.active && r.desired == 20),
        "{answered:?}"
    );
    assert!(refused_as_a_whole(&last), "{last:?}");
    let said_goodbye = forescale
        .log()
        .iter()
        .any(|line| line.contains("shutting down"));
    assert!(said_goodbye, "{:?}", forescale.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_an_operator_that_has_never_reached_its_cluster() {
    let dir = TempDir::new().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    // Nothing listens on port 1.
    let cluster = "apiVersion: v1
kind: Config
clusters: [{name: away, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: nobody, user: {}}]
contexts: [{name: away, context: {cluster: away, user: nobody}}]
current-context: away
";
    fs::write(&kubeconfig, cluster).unwrap();
    let mut forescale = Forescale::start(&Setup {
        prometheus: "http://127.0.0.1:1".to_owned(),
        settings: format!(
            "operator: {{enabled: true, kubeconfig: {}}}\n",
            kubeconfig.display()
        ),
        ..Setup::default()
    })
    .await;
    eventually("the operator to try", PATIENCE, async || {
        let log = forescale.log();
        log.iter()
            .any(|line| line.contains("failed to renew or take the lease"))
            .then_some(())
    })
    .await;
    forescale.terminate();
    let status = forescale.ended().await;
    assert_eq!(status.code(), Some(0), "{:?}", forescale.log());
}

/// Whether a call was refused by a server on its way out, before any of it was processed. Three words for it, by the
/// moment that the call met: the server refused it; the client gave it up, since its connection was closing; or it was
/// on the wire when the server's GOAWAY with `NO_ERROR` came, which names the last call that the server will process
/// (RFC 9113, section 6.8) and fails only calls after that one.
fn refused_as_a_whole(status: &tonic::Status) -> bool {
    match status.code() {
        tonic::Code::Unavailable | tonic::Code::Cancelled => true,
        tonic::Code::Internal => {
            let cause = format!("{status:?}");
            cause.contains("GoAway") && cause.contains("NO_ERROR") && cause.contains("Remote")
        }
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_any_moment_loses_at_most_the_last_interval_and_never_the_file() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let mut prometheus = Prometheus::start(&[], &[]).await;
    let data_dir = TempDir::new().unwrap();
    let setup = Setup {
        prometheus: prometheus.url(),
        settings: SETTINGS.to_owned(),
        data_dir: Some(data_dir.path().to_owned()),
        ..Setup::default()
    };
    // The first life lives long enough for a snapshot; the others are cut off at moments that fall anywhere in the
    // second between two snapshots.
    for (life, millis) in [2500_u64, 130, 370, 710, 990].into_iter().enumerate() {
        let forescale = Forescale::start(&setup).await;
        let mut keda = Keda::of(forescale.grpc, "shop", "web", &TRIGGER).await;
        let reading = if life == 0 {
            keda.first_reading().await
        } else {
            keda.read()
                .await
                .expect("the first call is answered from the snapshot")
        };
        assert!(reading.active && reading.desired == 20, "{reading:?}");
        if life == 0 {
            eventually("a first snapshot", PATIENCE, async || {
                let (_, metrics) = forescale.get("/metrics").await;
                let saved = |line: &str| {
                    line.starts_with("forescale_loop_snapshots_total")
                        && line.contains("\"ok\"")
                        && !line.ends_with(" 0")
                };
                metrics.lines().any(saved).then_some(())
            })
            .await;
        }
        tokio::time::sleep(Duration::from_millis(millis)).await;
        forescale.kill();
    }

    prometheus.kill();
    let forescale = Forescale::start(&setup).await;
    let mut keda = Keda::of(forescale.grpc, "shop", "web", &TRIGGER).await;
    let reading = keda
        .read()
        .await
        .expect("the snapshot has survived every kill");
    assert!(reading.active && reading.desired == 20, "{reading:?}");
    let damaged: Vec<_> = forescale
        .log()
        .into_iter()
        .filter(|line| line.contains("damaged"))
        .collect();
    assert!(damaged.is_empty(), "{damaged:?}");
}

/// Runs `serve`, which must refuse to start by itself.
async fn refused(args: &[&str]) -> (Option<i32>, String) {
    let args: Vec<String> = std::iter::once("serve")
        .chain(args.iter().copied())
        .map(str::to_owned)
        .collect();
    let mut process = Process::spawn(&args);
    let status = process.ended().await;
    (status.code(), process.said())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_refused_with_exit_code_2_and_the_key_s_name() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("settings.yaml");
    let path = file.to_str().unwrap();
    let loopback = [
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "127.0.0.1:0",
        "--config",
        path,
    ];

    for (text, named) in [
        ("keda: {adr: 127.0.0.1:0}\n", "adr"),
        ("plan: {maxReplicas: many}\n", "maxReplicas"),
        ("plan: {staleAfter: 90}\n", "staleAfter"),
        (
            "monitor: {sources: {default: {url: http://localhost, timeout: soon}}}\n",
            "timeout",
        ),
        ("sources: {}\n", "sources"),
        ("monitor: [\n", "settings.yaml"),
    ] {
        fs::write(&file, text).unwrap();
        let (code, said) = refused(&loopback).await;
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(said.contains(named), "{text}: no `{named}` in {said}");
        assert!(said.contains("settings.yaml"), "the file is named: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }

    let workload = "workloads: [{namespace: shop, name: web, metadata: {query: load}}]\n";
    fs::write(&file, workload).unwrap();
    let (code, said) = refused(&loopback).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("workloads[0].metadata.threshold"), "{said}");

    let (code, said) = refused(&["--config", "/nowhere/settings.yaml"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("/nowhere/settings.yaml"), "{said}");
    let (code, said) = refused(&["--grpc-addr", "six thousand"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("--grpc-addr") && said.contains("six thousand"),
        "{said}"
    );
    let (code, said) = refused(&[
        "--prometheus",
        "prometheus",
        "--grpc-addr",
        "127.0.0.1:0",
        "--http-addr",
        "127.0.0.1:0",
    ])
    .await;
    assert_eq!(code, Some(2), "a source's URL needs a scheme: {said}");
    assert!(
        said.contains("prometheus") && said.contains("url"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    for args in [
        ["--grpc-addr", &addr, "--http-addr", "127.0.0.1:0"],
        ["--grpc-addr", "127.0.0.1:0", "--http-addr", &addr],
    ] {
        let (code, said) = refused(&args).await;
        assert!(matches!(code, Some(1 | 2)), "{code:?}: {said}");
        assert!(said.contains(&addr), "no `{addr}` in {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_come_from_the_file_and_flags_win() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let prometheus = Prometheus::start(&[], &[]).await;
    // The file's own address can't be bound and its source leads nowhere: the flags must win.
    let forescale = Forescale::start(&Setup {
        prometheus: prometheus.url(),
        settings:
            "keda: {addr: 192.0.2.1:1}\nmonitor: {sources: {default: {url: http://192.0.2.1:1}}}\n"
                .to_owned(),
        ..Setup::default()
    })
    .await;
    let mut keda = Keda::of(forescale.grpc, "shop", "web", &TRIGGER).await;
    assert_eq!(keda.first_reading().await.desired, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_workloads_and_metrics_can_be_read_while_it_runs() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let prometheus = Prometheus::start(&[], &[]).await;
    let forescale = started(&prometheus).await;
    let mut keda = Keda::of(forescale.grpc, "shop", "web", &TRIGGER).await;
    keda.first_reading().await;

    assert_eq!(forescale.get("/healthz").await.0, 200);
    eventually("readiness", PATIENCE, async || {
        (forescale.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let (status, list) = forescale.get("/api/v1/workloads").await;
    assert_eq!(status, 200);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["workloads"][0]["namespace"], "shop", "{list}");
    assert_eq!(list["workloads"][0]["name"], "web", "{list}");
    assert_eq!(list["workloads"][0]["plan"]["replicas"], 20, "{list}");
    assert_eq!(forescale.get("/api/v1/workloads/shop/nobody").await.0, 404);

    let (status, metrics) = forescale.get("/metrics").await;
    assert_eq!(status, 200);
    let output = check_metrics(&to_classic(&metrics));
    assert!(
        output.status.success(),
        "promtool does not like the metrics: {}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    for name in ["forescale_build_info", "forescale_"] {
        assert!(metrics.contains(name), "no `{name}`:\n{metrics}");
    }
}

fn check_metrics(text: &str) -> Output {
    use std::io::Write as _;
    let mut promtool = Command::new(tool("promtool").expect("checked by the test"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .expect("piped above")
        .write_all(text.as_bytes())
        .unwrap();
    promtool.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_forescale_s_own_metrics() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let exporter = Exporter::start(&[("requests", Gauge::Fixed(1.0))]).await;
    // Nothing is asked of this one; it only lets Forescale start.
    let asked = Prometheus::start(&[], &[]).await;
    let forescale = started(&asked).await;
    let watching = Prometheus::start(&[], &[exporter.addr, forescale.http]).await;
    let own = r#"{job="target-1"}"#;
    eventually("Forescale's metrics to be scraped", PATIENCE, async || {
        (watching.query(&format!("up{own}")).await? > 0.5).then_some(())
    })
    .await;
    let build = watching.query(&format!("forescale_build_info{own}")).await;
    assert_eq!(build, Some(1.0), "the build is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcurl_lists_and_calls_the_service_by_reflection() {
    if !tools_are_there(&TOOLS) || !tools_are_there(&["grpcurl"]) {
        return;
    }
    let prometheus = Prometheus::start(&[], &[]).await;
    let forescale = started(&prometheus).await;
    let grpcurl = async |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let addr = forescale.grpc.to_string();
        let output = tokio::task::spawn_blocking(move || {
            let (before, after) = args.split_at(args.len() - 1);
            let mut command = Command::new(tool("grpcurl").expect("checked by the test"));
            command
                .arg("-plaintext")
                .args(before)
                .arg(addr)
                .args(after)
                .output()
                .unwrap()
        })
        .await
        .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        said
    };
    let services = grpcurl(&["list"]).await;
    assert!(
        services.contains("externalscaler.ExternalScaler"),
        "{services}"
    );
    assert!(services.contains("grpc.health.v1.Health"), "{services}");

    let mut keda = Keda::of(forescale.grpc, "shop", "web", &TRIGGER).await;
    keda.first_reading().await;
    let pairs: serde_json::Map<String, Value> = TRIGGER
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect();
    let scaled_object =
        serde_json::json!({"name": "web", "namespace": "shop", "scalerMetadata": pairs});
    let active = grpcurl(&[
        "-d",
        &scaled_object.to_string(),
        "externalscaler.ExternalScaler/IsActive",
    ])
    .await;
    assert!(active.contains("\"result\": true"), "{active}");
    let spec = grpcurl(&[
        "-d",
        &scaled_object.to_string(),
        "externalscaler.ExternalScaler/GetMetricSpec",
    ])
    .await;
    let spec: Value = serde_json::from_str(&spec).unwrap();
    assert_eq!(spec["metricSpecs"][0]["targetSizeFloat"], 10.0, "{spec}");
    let request = serde_json::json!({
        "scaledObjectRef": scaled_object,
        "metricName": spec["metricSpecs"][0]["metricName"],
    });
    let metrics = grpcurl(&[
        "-d",
        &request.to_string(),
        "externalscaler.ExternalScaler/GetMetrics",
    ])
    .await;
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    let value = metrics["metricValues"][0]["metricValueFloat"]
        .as_f64()
        .unwrap();
    assert!((value - 200.0).abs() < 1.0, "{metrics}");
}
