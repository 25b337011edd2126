//! The routes.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::token::Token;
use crate::work::burn;

const WORKLOAD: &str = "/workload";

struct Service {
    token: Token,
    work: Duration,
    patience: Duration,
    turns: Semaphore,
    metrics: Metrics,
}

/// Serves until `stop`; requests under way are finished.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    config: &Config,
    token: Token,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = Arc::new(Service {
        token,
        work: config.work,
        patience: config.patience,
        turns: Semaphore::new(config.concurrency),
        metrics: Metrics::new(),
    });
    let router = Router::new()
        .route(WORKLOAD, get(workload))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .with_state(service);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

async fn workload(State(service): State<Arc<Service>>, headers: HeaderMap) -> Response {
    let answer = if service.token.is_shown_by(&headers) {
        let arrived = Instant::now();
        let answer = service.work().await;
        service.metrics.took(arrived.elapsed());
        answer
    } else {
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        let hint = "send the API token: `Authorization: Bearer TOKEN`\n";
        (StatusCode::UNAUTHORIZED, ask, hint).into_response()
    };
    service.metrics.answered(WORKLOAD, answer.status());
    answer
}

impl Service {
    /// Waits for a turn and works.
    async fn work(&self) -> Response {
        let waiting = self.metrics.waiting();
        let turn = tokio::time::timeout(self.patience, self.turns.acquire()).await;
        drop(waiting);
        let Ok(Ok(_turn)) = turn else {
            let later = [(header::RETRY_AFTER, "1")];
            let why = "too many requests are being worked on\n";
            return (StatusCode::SERVICE_UNAVAILABLE, later, why).into_response();
        };
        let _working = self.metrics.working();
        let work = self.work;
        match tokio::task::spawn_blocking(move || burn(work)).await {
            Ok(number) => format!("{number:016x}\n").into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match service.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
