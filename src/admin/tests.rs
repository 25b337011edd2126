//! All routes over a real socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use prometheus_client::registry::Registry as MetricRegistry;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::listener::Patience;
use super::*;
use crate::domain::{Basis, ManualClock};
use crate::knowledge::samples::{self, NOW};
use crate::knowledge::{Fault, FaultKind};
use crate::telemetry::register_build_info;

struct Running {
    url: String,
    addr: SocketAddr,
    board: Arc<Board>,
    readiness: Readiness,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        Self::with(
            Config::default(),
            Heartbeat::new(Duration::from_hours(1)),
            Patience::default(),
        )
        .await
    }

    async fn with(config: Config, heartbeat: Heartbeat, patience: Patience) -> Self {
        let board = Arc::new(Board::new(100));
        let mut registry = MetricRegistry::default();
        register_build_info(&mut registry);
        if config.workload_metrics {
            register_workload_metrics(&mut registry, Arc::clone(&board));
        }
        let readiness = Readiness::default();
        let state = State {
            board: Arc::clone(&board),
            clock: Arc::new(ManualClock::at(NOW)),
            registry: Arc::new(registry),
            log: None,
            readiness: readiness.clone(),
            heartbeat,
            info: info(),
        };
        let config = Config {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..config
        };
        let bound = Server::bind(&config).await.unwrap().with_patience(patience);
        let addr = bound.addr();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(bound.serve(state, shutdown.clone()));
        Self {
            url: format!("http://{addr}"),
            addr,
            board,
            readiness,
            shutdown,
            task,
        }
    }

    async fn ask(&self, method: Method, path: &str) -> reqwest::Response {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.ask(Method::GET, path).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{path}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        (response.status(), response.json().await.unwrap())
    }

    fn add(&self, name: &str) -> Arc<crate::knowledge::Workload> {
        let metadata = [("query", "up"), ("threshold", "50")];
        let key = samples::key(name, &metadata);
        let warnings = vec!["`horizon` is longer than `history`".to_owned()];
        self.board
            .register(key, samples::spec(), warnings, NOW)
            .unwrap()
    }
}

fn info() -> Info {
    Info {
        version: "1.2.3".into(),
        commit: "abc".into(),
        started_at: Timestamp::from_secs(NOW.as_secs() - 90),
        onnx_engine: "rten".into(),
        sources: vec![SourceInfo {
            name: "default".into(),
            url: "http://prometheus:9090".into(),
        }],
        settings_fingerprint: "f00d".into(),
    }
}

#[tokio::test]
async fn the_list_is_sorted_and_filtered_and_says_what_is_planned() {
    let running = Running::start().await;
    for name in ["web", "api"] {
        samples::fill(&running.add(name), 30);
    }
    let (status, body) = running.get("/api/v1/workloads").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["total"], 2);
    let first = &body["workloads"][0];
    assert_eq!(body["workloads"][1]["name"], "web");
    let plan = serde_json::to_value(samples::plan(NOW)).unwrap();
    let id = running.board.of_scaled_object("shop", "api")[0]
        .key
        .id()
        .to_string();
    let expected = json!({
        "namespace": "shop", "name": "api", "id": id, "mode": "predictive", "model": "auto",
        "query": samples::spec().query, "registeredAt": NOW.as_millis(), "lastAskedAt": NOW.as_millis(),
        "plan": plan,
        "health": {
            "lastSuccess": NOW.as_millis(), "fault": null, "faultsInARow": 0, "warnings": [], "backfilled": true,
        },
        "warnings": ["`horizon` is longer than `history`"],
    });
    assert_eq!(*first, expected);
    let (_, none) = running.get("/api/v1/workloads?namespace=other").await;
    assert_eq!(none, json!({"total": 0, "workloads": []}));
    let (_, second) = running
        .get("/api/v1/workloads?namespace=shop&limit=1&offset=1")
        .await;
    assert_eq!(
        (&second["total"], &second["workloads"][0]["name"]),
        (&json!(2), &json!("web"))
    );
}

#[tokio::test]
async fn the_detail_has_history_forecast_settings_and_one_entry_for_each_trigger() {
    let running = Running::start().await;
    let workload = running.add("web");
    samples::fill(&workload, 500);
    let gap = Timestamp::from_secs(NOW.as_secs() + 120);
    workload.learned().history.record(gap, 42.5);
    let other = samples::key("web", &[("query", "other")]);
    running
        .board
        .register(other, samples::spec(), vec![], NOW)
        .unwrap();
    let (status, body) = running.get("/api/v1/workloads/shop/web?since=5m").await;
    assert_eq!(status, StatusCode::OK);
    let all = body["workloads"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    let (full, empty) = if all[0]["plan"].is_null() {
        (&all[1], &all[0])
    } else {
        (&all[0], &all[1])
    };
    let history = &full["history"];
    assert_eq!(history["stepSeconds"], 60);
    assert_eq!(
        history["start"],
        Timestamp::from_secs(NOW.as_secs() - 120).as_millis()
    );
    let values = history["values"].as_array().unwrap();
    assert_eq!(
        (values.len(), &values[3], &values[4]),
        (5, &Value::Null, &json!(42.5))
    );
    let forecast = &full["forecast"];
    assert_eq!(forecast["origin"], NOW.as_millis());
    assert_eq!(
        (&forecast["model"], &forecast["standIn"]),
        (&json!("seasonal-naive"), &Value::Null)
    );
    assert_eq!(forecast["paths"]["0.95"].as_array().unwrap().len(), 30);
    assert_eq!(forecast["levels"].as_array().unwrap().len(), 9);
    assert_eq!(full["spec"]["threshold"], 50.0);
    assert_eq!(full["recentPlans"].as_array().unwrap().len(), 60);
    assert_eq!(full["fit"]["scores"][0]["model"], "seasonal-naive");
    assert!(
        !body.to_string().contains("hush"),
        "a header's value is nobody's business"
    );
    assert_eq!(empty["history"]["values"], json!([]));
    assert_eq!(empty["forecast"], Value::Null);
    let (_, thin) = running
        .get("/api/v1/workloads/shop/web?since=8h&points=48")
        .await;
    let thin = thin["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .find(|w| !w["plan"].is_null())
        .unwrap();
    assert_eq!(thin["history"]["stepSeconds"], 600);
    assert_eq!(thin["history"]["values"].as_array().unwrap().len(), 48);
}

#[tokio::test]
async fn an_unknown_workload_gets_the_nearest_names() {
    let running = Running::start().await;
    let (status, body) = running.get("/api/v1/workloads/shop/wbe").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        body["hint"]
            .as_str()
            .unwrap()
            .starts_with("no workload is registered"),
        "{body}"
    );
    running.add("web");
    running.add("checkout");
    let (_, body) = running.get("/api/v1/workloads/shop/wbe").await;
    let expected = json!({
        "error": "there is no workload `shop/wbe`",
        "hint": "the nearest known ones are `shop/web`, `shop/checkout`",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn every_mistake_is_json_that_says_what_is_allowed() {
    let running = Running::start().await;
    for (method, path, status, part) in [
        (
            Method::GET,
            "/api/v2/x",
            404,
            "there is nothing at `/api/v2/x`",
        ),
        (
            Method::DELETE,
            "/api/v1/workloads",
            405,
            "`/api/v1/workloads` does not take `DELETE`",
        ),
        (
            Method::GET,
            "/api/v1/workloads?limit=0",
            400,
            "`limit`: `0` is not a whole number from 1 to 20000",
        ),
        (
            Method::GET,
            "/api/v1/workloads?name=x",
            400,
            "unknown field `name`, expected one of `namespace`",
        ),
        (
            Method::GET,
            "/api/v1/workloads/a/b?since=6",
            400,
            "`since`: `6` is not a duration",
        ),
        (
            Method::GET,
            "/api/v1/workloads/a/b?points=many",
            400,
            "`points`: `many` is not a whole number",
        ),
        (Method::GET, "/api/v1/log-level", 404, "no log filter"),
    ] {
        let response = running.ask(method, path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body: Value = response.json().await.unwrap();
        assert!(
            body["error"].as_str().unwrap().contains(part),
            "{path}: {body}"
        );
    }
    let refused = running.ask(Method::POST, "/healthz").await;
    assert_eq!(refused.headers()["allow"], "GET,HEAD");
    assert_eq!(
        running.ask(Method::HEAD, "/healthz").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn readiness_says_what_it_waits_for() {
    let running = Running::start().await;
    let snapshot = running.readiness.latch("the snapshot");
    let turn = running
        .readiness
        .latch("the first turn of the refresh loop");
    let (status, body) = running.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let both = "waiting for the snapshot; waiting for the first turn of the refresh loop";
    assert_eq!(body["error"], both);
    let (alive, _) = running.get("/healthz").await;
    assert_eq!(alive, StatusCode::OK, "alive all the while");
    snapshot.release();
    let (_, body) = running.get("/api/v1/status").await;
    assert_eq!(
        body["waitingFor"],
        json!(["the first turn of the refresh loop"])
    );
    turn.release();
    assert_eq!(
        running.get("/readyz").await,
        (StatusCode::OK, json!({"status": "ready"}))
    );
}

#[tokio::test]
async fn a_loop_that_stands_still_is_neither_healthy_nor_ready() {
    let heartbeat = Heartbeat::new(Duration::ZERO);
    let running = Running::with(Config::default(), heartbeat, Patience::default()).await;
    std::thread::sleep(Duration::from_millis(2));
    for path in ["/healthz", "/readyz"] {
        let (status, body) = running.get(path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            body["error"]
                .as_str()
                .unwrap()
                .contains("the refresh loop has not turned"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_status_tells_what_this_process_is() {
    let running = Running::start().await;
    let (_, mut body) = running.get("/api/v1/status").await;
    body["loopAge"] = "0s".into();
    let expected = json!({
        "version": "1.2.3", "commit": "abc", "startedAt": NOW.as_millis() - 90_000, "onnxEngine": "rten",
        "sources": [{"name": "default", "url": "http://prometheus:9090"}], "settingsFingerprint": "f00d",
        "now": NOW.as_millis(), "uptimeSeconds": 90, "workloads": 0, "ready": true, "waitingFor": [], "loopAge": "0s",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn metrics_hold_a_set_of_series_for_each_workload() {
    let running = Running::start().await;
    samples::fill(&running.add("web"), 30);
    running.add("young");
    let held = running.add("held");
    let mut published = samples::published(NOW);
    let mut plan = samples::plan(NOW);
    plan.basis = Basis::Held;
    plan.reactive = None;
    published.plan = Arc::new(plan);
    published.forecast = None;
    published.health.faults_in_a_row = 4;
    published.health.fault = Some(Fault {
        at: NOW,
        kind: FaultKind::Timeout,
        text: "no answer".into(),
    });
    held.publish(published);
    let response = running.ask(Method::GET, "/metrics").await;
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = response.text().await.unwrap();
    assert!(
        text.contains("forescale_build_info{version=") && text.ends_with("# EOF\n"),
        "{text}"
    );
    let web = running.board.of_scaled_object("shop", "web")[0]
        .key
        .id()
        .to_string();
    let trigger = &web[..8];
    let of_web = |line: &&str| line.contains("name=\"web\"");
    let lines: Vec<String> = text
        .lines()
        .filter(of_web)
        .map(|line| line.replace(trigger, "TRIGGER"))
        .collect();
    let labels = "namespace=\"shop\",name=\"web\",trigger=\"TRIGGER\"";
    for expected in [
        format!("forescale_workload_planned_replicas{{{labels}}} 12.0"),
        format!("forescale_workload_reactive_replicas{{{labels}}} 9.0"),
        format!("forescale_workload_active{{{labels}}} 1.0"),
        format!("forescale_workload_history_samples{{{labels}}} 30.0"),
        format!("forescale_workload_basis{{{labels},basis=\"forecast\"}} 1.0"),
        format!("forescale_workload_basis{{{labels},basis=\"held\"}} 0.0"),
        format!("forescale_workload_last_success_timestamp_seconds{{{labels}}} 1700000040.0"),
    ] {
        assert!(lines.contains(&expected), "{expected} is not in {lines:#?}");
    }
    let quantiles: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("forescale_workload_forecast_load"))
        .collect();
    assert_eq!(quantiles.len(), 4, "{quantiles:?}");
    assert!(
        text.contains("name=\"held\"")
            && !text.contains("reactive_replicas{namespace=\"shop\",name=\"held\"")
    );
    assert!(text.contains("forescale_workload_faults_in_a_row{namespace=\"shop\",name=\"held\""));
    let off = Config {
        workload_metrics: false,
        ..Config::default()
    };
    let quiet = Running::with(
        off,
        Heartbeat::new(Duration::from_mins(1)),
        Patience::default(),
    )
    .await;
    quiet.add("web");
    let text = quiet
        .ask(Method::GET, "/metrics")
        .await
        .text()
        .await
        .unwrap();
    assert!(!text.contains("forescale_workload_"));
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_says_so_to_the_browser() {
    let running = Running::start().await;
    let (one, two) = (
        running.ask(Method::GET, "/").await,
        running.ask(Method::GET, "/").await,
    );
    let policy = |response: &reqwest::Response| {
        response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (first, second) = (policy(&one), policy(&two));
    assert_ne!(first, second, "a new number for each answer");
    assert!(
        first.contains("default-src 'none'") && !first.contains("unsafe"),
        "{first}"
    );
    let html = one.text().await.unwrap();
    let nonce = first
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert_eq!(html.matches(nonce).count(), 2, "the script and the style");
    let outside = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http://") && !outside.contains("https://") && !html.contains("{{"));
    assert!(
        !html.contains("innerHTML"),
        "names come from tenants and must stay text"
    );
}

#[test]
fn another_machine_may_not_change_the_log_filter_unless_the_settings_say_so() {
    use axum::extract::{ConnectInfo, State as Shared};
    use axum::response::IntoResponse;
    let state = State {
        board: Arc::new(Board::new(1)),
        clock: Arc::new(ManualClock::at(NOW)),
        registry: Arc::default(),
        log: None,
        readiness: Readiness::default(),
        heartbeat: Heartbeat::new(Duration::from_mins(1)),
        info: info(),
    };
    let put = |remote_allowed: bool, peer: &str| {
        let peer = ConnectInfo(listener::Peer(peer.parse().unwrap()));
        let answer = log_level::put(
            remote_allowed,
            Shared(state.clone()),
            peer,
            Ok("debug".into()),
        );
        answer.into_response().status().as_u16()
    };
    assert_eq!(put(false, "10.0.0.7:1"), 403);
    assert_eq!(put(false, "[2001:db8::1]:1"), 403);
    // 404: past the door, but this process has no log filter; `tests/log_level.rs` has one.
    for peer in ["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(put(false, peer), 404, "{peer}");
    }
    assert_eq!(put(true, "10.0.0.7:1"), 404);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_as_json() {
    let running = Running::start().await;
    let request = reqwest::Client::new().put(format!("{}/api/v1/log-level", running.url));
    let response = request.body("x".repeat(10_000)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let body: Value = response.json().await.unwrap();
    assert!(
        body["hint"].as_str().unwrap().starts_with("curl -X PUT"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_finishes_its_request_is_let_go() {
    let patience = Patience {
        request: Duration::from_millis(100),
        idle: Duration::from_millis(100),
    };
    let running = Running::with(
        Config::default(),
        Heartbeat::new(Duration::from_mins(1)),
        patience,
    )
    .await;
    let addr = running.addr;
    let talk = move |lines: &'static [&'static [u8]]| {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut answer = String::new();
        for line in lines {
            // It may have been closed meanwhile, which is what this is about.
            let _ = stream.write_all(line);
            std::thread::sleep(Duration::from_millis(30));
        }
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let drip = tokio::task::spawn_blocking(move || {
        talk(&[b"G", b"E", b"T", b" ", b"/", b"h", b"e", b"a"])
    });
    assert_eq!(drip.await.unwrap(), "", "drop by drop does not prolong it");
    let idle =
        tokio::task::spawn_blocking(move || talk(&[b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"]));
    assert!(
        idle.await.unwrap().starts_with("HTTP/1.1 200"),
        "answered, then closed"
    );
}

#[tokio::test]
async fn a_handler_that_panics_answers_with_json() {
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt;
    async fn defect() -> &'static str {
        panic!("boom")
    }
    let app = Router::new().route("/", get(defect)).layer(
        tower_http::catch_panic::CatchPanicLayer::custom(server::panicked),
    );
    let request = axum::http::Request::new(axum::body::Body::empty());
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 500);
    let body = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"], "this request met a defect in forescale");
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_setting() {
    let running = Running::start().await;
    let config = Config {
        addr: running.addr,
        ..Config::default()
    };
    let error = Server::bind(&config).await.unwrap_err().to_string();
    assert!(
        error.contains(&running.addr.to_string()) && error.contains("`admin.addr`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stop_ends_the_server_though_a_client_keeps_its_connection() {
    let running = Running::start().await;
    let client = reqwest::Client::new();
    let answer = client
        .get(format!("{}/healthz", running.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(running.addr).is_err());
}

/// `cargo test --lib page_for_the_eye -- --ignored`, then open <http://127.0.0.1:8099> for a minute.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "for looking at the page, proves nothing"]
async fn page_for_the_eye() {
    let config = Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 8099)),
        ..Config::default()
    };
    let board = Arc::new(Board::new(100));
    let add = |name: &str| {
        let key = samples::key(name, &[("query", "up")]);
        board.register(key, samples::spec(), vec![], NOW).unwrap()
    };
    samples::fill(&add("web"), 20_160);
    samples::fill(&add("checkout"), 200);
    add("just-arrived");
    let held = add("search-with-a-rather-long-name-in-production");
    samples::fill(&held, 3000);
    let mut published = samples::published(NOW);
    let mut plan = samples::plan(NOW);
    plan.basis = Basis::Held;
    published.plan = Arc::new(plan);
    published.forecast = None;
    published.health.faults_in_a_row = 4;
    published.health.fault = Some(Fault {
        at: Timestamp::from_secs(NOW.as_secs() - 70),
        kind: FaultKind::Timeout,
        text: "source `default`: no answer within 5s from http://prometheus-server.monitoring:9090"
            .into(),
    });
    held.publish(published);
    let state = State {
        board: Arc::clone(&board),
        clock: Arc::new(ManualClock::at(NOW)),
        registry: Arc::default(),
        log: None,
        readiness: Readiness::default(),
        heartbeat: Heartbeat::new(Duration::from_hours(1)),
        info: info(),
    };
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        stop.cancel();
    });
    Server::bind(&config)
        .await
        .unwrap()
        .serve(state, shutdown)
        .await
        .unwrap();
}
