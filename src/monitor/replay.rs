//! A Prometheus-compatible endpoint that answers from a function of time: the server side of `forescale demo` and of
//! tests. It answers as Prometheus does, with its JSON, its limit of 11,000 points and its error types, so that what
//! reads from it is the production code.
//!
//! Served are `/api/v1/query_range` and `/api/v1/query` (GET and POST form), `/-/ready` and
//! `/api/v1/status/buildinfo`. There is one series for a query, without labels. No sample is later than the source's
//! own `now`, so that a recording can be replayed without showing the future.

mod answer;
mod parameters;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::domain::Timestamp;
use answer::{instant, range};
use parameters::Parameters;

/// Largest form that is read.
const MAX_FORM_BYTES: usize = 256 * 1024;

/// Where the replayed values come from.
pub trait ReplaySource: Send + Sync + 'static {
    /// The value of `query` at `at`; `None` where the metric has a gap.
    fn value(&self, query: &str, at: Timestamp) -> Option<f64>;

    /// What a query beside the load returns now; `None` where only the load is known.
    fn beside(&self, query: &str) -> Option<f64> {
        let _ = query;
        None
    }

    /// The present of the replay. Nothing later is ever served.
    fn now(&self) -> Timestamp;

    /// Whether `query` is one that can be answered; others are refused as Prometheus refuses a mistake. All are by
    /// default.
    fn knows(&self, query: &str) -> bool {
        let _ = query;
        true
    }
}

/// The replay endpoint.
#[derive(Debug)]
pub struct ReplayServer {
    listener: TcpListener,
}

/// A refusal, in Prometheus' words.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    error_type: &'static str,
    error: String,
}

// === impl ReplayServer ===

impl ReplayServer {
    /// A server on a listener that is bound already, so that its address is known before it runs.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener }
    }

    /// Serves until `shutdown` is cancelled; requests under way are finished.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(
        self,
        source: Arc<dyn ReplaySource>,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/api/v1/query_range", get(query_range).post(query_range))
            .route("/api/v1/query", get(query).post(query))
            .route("/api/v1/status/buildinfo", get(build_info))
            .route("/-/ready", get(|| async { "ready\n" }))
            .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
            .with_state(source);
        axum::serve(self.listener, router)
            .with_graceful_shutdown(shutdown.cancelled_owned())
            .await
    }
}

// === impl Refusal ===

impl Refusal {
    fn bad_data(error: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error_type: "bad_data",
            error: error.into(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"status": "error", "errorType": self.error_type, "error": self.error});
        (self.status, json_response(&body)).into_response()
    }
}

async fn query_range(
    State(source): State<Arc<dyn ReplaySource>>,
    RawQuery(url): RawQuery,
    form: Bytes,
) -> Result<Response, Refusal> {
    let parameters = Parameters::parse(url.as_deref(), &form);
    Ok(success(&range(source.as_ref(), &parameters)?).into_response())
}

async fn query(
    State(source): State<Arc<dyn ReplaySource>>,
    RawQuery(url): RawQuery,
    form: Bytes,
) -> Result<Response, Refusal> {
    let parameters = Parameters::parse(url.as_deref(), &form);
    Ok(success(&instant(source.as_ref(), &parameters)?).into_response())
}

async fn build_info() -> Response {
    success(&json!({
        "application": "forescale-replay",
        "version": crate::telemetry::VERSION,
        "revision": crate::telemetry::COMMIT,
    }))
    .into_response()
}

fn success(data: &Value) -> impl IntoResponse + use<> {
    json_response(&json!({"status": "success", "data": data}))
}

fn json_response(body: &Value) -> impl IntoResponse + use<> {
    (
        [(header::CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
}

#[cfg(test)]
mod tests;
