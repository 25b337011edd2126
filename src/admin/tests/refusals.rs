//! What is refused, and how it is said.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{Running, info};
use crate::admin::{Heartbeat, Readiness, State, listener, log_level, server};
use crate::domain::ManualClock;
use crate::knowledge::Board;
use crate::knowledge::samples::NOW;

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
            "/api/v1/workloads?trust=much",
            400,
            "`trust`: `much` is none of `unproven`, `earned`, `lost`",
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
        planner: Arc::default(),
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
