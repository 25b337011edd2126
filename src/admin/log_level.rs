//! `/api/v1/log-level`: read the log filter, and change it while running.

use axum::Json;
use axum::extract::rejection::StringRejection;
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::info;

use super::State;
use super::error::ApiError;
use super::listener::Peer;
use crate::telemetry::LogHandle;

const EXAMPLE: &str =
    "curl -X PUT --data 'info,forescale::monitor=debug' http://localhost:8080/api/v1/log-level";

pub(super) async fn get(Shared(state): Shared<State>) -> Result<Response, ApiError> {
    Ok(answer(handle(&state)?))
}

/// Anybody who reaches the port may read; only this machine may write, unless the settings say otherwise.
pub(super) fn put(
    remote_allowed: bool,
    Shared(state): Shared<State>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    body: Result<String, StringRejection>,
) -> Result<Response, ApiError> {
    if !remote_allowed && !peer.ip().to_canonical().is_loopback() {
        let refusal = "the log level can only be changed from the machine itself";
        return Err(ApiError::new(StatusCode::FORBIDDEN, refusal)
            .hint("use `kubectl port-forward`, or set `admin.remoteLogLevel: true`"));
    }
    let filter = body.map_err(|rejection| {
        ApiError::new(rejection.status(), rejection.body_text()).hint(EXAMPLE)
    })?;
    let filter = filter.trim();
    if filter.is_empty() {
        return Err(
            ApiError::bad_request("the body is empty, it must be a log filter").hint(EXAMPLE),
        );
    }
    let log = handle(&state)?;
    let before = log.filter();
    log.set_filter(filter)
        .map_err(|error| ApiError::bad_request(error).hint(EXAMPLE))?;
    info!(%peer, before, after = log.filter(), "log filter changed");
    Ok(answer(log))
}

fn handle(state: &State) -> Result<&LogHandle, ApiError> {
    let missing = || {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "this process has no log filter that could be changed",
        )
    };
    state.log.as_ref().ok_or_else(missing)
}

fn answer(log: &LogHandle) -> Response {
    Json(json!({ "filter": log.filter() })).into_response()
}
