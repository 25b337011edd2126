//! The log filter changes while the process runs. A test program of its own, for logging starts once in a process.

use std::sync::Arc;
use std::time::Duration;

use forescale::admin::{Config, Heartbeat, Info, Readiness, Server, State};
use forescale::domain::{SystemClock, Timestamp};
use forescale::knowledge::Board;
use forescale::telemetry;
use reqwest::StatusCode;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_log_filter_is_read_and_changed_over_http() {
    let log = telemetry::init("info", telemetry::Format::Json).unwrap();
    let config = Config {
        addr: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    };
    let bound = Server::bind(&config).await.unwrap();
    let url = format!("http://{}/api/v1/log-level", bound.addr());
    let state = State {
        board: Arc::new(Board::new(1)),
        clock: Arc::new(SystemClock),
        registry: Arc::default(),
        log: Some(log.clone()),
        readiness: Readiness::default(),
        heartbeat: Heartbeat::new(Duration::from_mins(1)),
        planner: Arc::default(),
        info: Info {
            version: String::new(),
            commit: String::new(),
            started_at: Timestamp::default(),
            onnx_engine: String::new(),
            sources: vec![],
            settings_fingerprint: String::new(),
        },
    };
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(bound.serve(state, shutdown.clone()));

    let client = reqwest::Client::new();
    let put = async |filter: &'static str| {
        let answer = client.put(&url).body(filter).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let (status, body) = put("warn,forescale::monitor=debug\n").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let read: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(read, body);
    let filter = read["filter"].as_str().unwrap();
    assert!(
        filter.contains("warn") && filter.contains("forescale::monitor=debug"),
        "{filter}"
    );
    assert!(
        !tracing::enabled!(tracing::Level::INFO),
        "the filter is in force"
    );

    let (status, body) = put("forescale=loud").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .starts_with("`forescale=loud` is not a log filter"),
        "{body}"
    );
    assert_eq!(put("  ").await.0, StatusCode::BAD_REQUEST);
    let (status, body) = put("inof").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    assert_eq!(log.filter(), filter, "a refused filter changes nothing");

    shutdown.cancel();
    server.await.unwrap().unwrap();
}
