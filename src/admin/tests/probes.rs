//! Health, readiness and status.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::Running;
use crate::admin::listener::Patience;
use crate::admin::{Config, Heartbeat};
use crate::knowledge::samples::NOW;

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
