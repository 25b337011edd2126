//! `/healthz`, `/readyz`, `/metrics` and `/api/v1/status`.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text;
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use super::{Info, State};
use crate::domain::HumanDuration;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Alive: this answer, and a refresh loop that turns. A process whose loop is stuck should be started anew.
pub(super) async fn healthz(Shared(state): Shared<State>) -> Response {
    verdict("ok", stopped_loop(&state).as_slice())
}

/// Ready: alive, and nothing that the start waits for is missing.
pub(super) async fn readyz(Shared(state): Shared<State>) -> Response {
    let waiting = state
        .readiness
        .pending()
        .into_iter()
        .map(|name| format!("waiting for {name}"));
    let reasons: Vec<_> = waiting.chain(stopped_loop(&state)).collect();
    verdict("ready", &reasons)
}

fn stopped_loop(state: &State) -> Option<String> {
    let heartbeat = &state.heartbeat;
    (!heartbeat.is_fresh()).then(|| {
        let (age, limit) = (heartbeat.age().as_secs(), heartbeat.limit().as_secs());
        format!("the refresh loop has not turned for {age}s, the limit is {limit}s")
    })
}

fn verdict(good: &str, reasons: &[String]) -> Response {
    if reasons.is_empty() {
        return Json(json!({ "status": good })).into_response();
    }
    let body = json!({ "status": "unavailable", "error": reasons.join("; "), "reasons": reasons });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// All metrics. Encoding thousands of workloads takes a while, so it is done where it holds up nobody.
pub(super) async fn metrics(Shared(state): Shared<State>) -> Result<Response, ApiError> {
    let encode = move || {
        let mut text = String::new();
        text::encode(&mut text, &state.registry).map(|()| text)
    };
    match tokio::task::spawn_blocking(encode).await {
        Ok(Ok(text)) => Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()),
        Ok(Err(_)) | Err(_) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics could not be encoded",
        )),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(flatten)]
    info: Info,
    now: crate::domain::Timestamp,
    uptime_seconds: u64,
    workloads: usize,
    ready: bool,
    waiting_for: Vec<&'static str>,
    loop_age: HumanDuration,
}

/// What this process is and how it does.
pub(super) async fn status(Shared(state): Shared<State>) -> Response {
    let now = state.clock.now();
    let waiting_for = state.readiness.pending();
    Json(Status {
        now,
        uptime_seconds: now.since(state.info.started_at).as_secs(),
        workloads: state.board.len(),
        ready: waiting_for.is_empty() && state.heartbeat.is_fresh(),
        waiting_for,
        loop_age: HumanDuration::from_secs(state.heartbeat.age().as_secs()),
        info: state.info,
    })
    .into_response()
}
