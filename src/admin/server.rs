//! Binding, routing, serving, stopping.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{error, warn};

use super::error::ApiError;
use super::listener::{Bounded, Patience, Peer};
use super::{Config, State, api, log_level, page, probes};

/// Nothing that is sent here is longer.
const BODY_BYTES: usize = 4096;

/// After a stop, open requests may take this long to end.
const GRACE: Duration = Duration::from_secs(5);

const ROUTES: &str = "there is /, /metrics, /healthz, /readyz, /api/v1/workloads, /api/v1/workloads/{namespace}/{name}, \
                      /api/v1/workloads/{namespace}/{name}/decision, /api/v1/log-level and /api/v1/status";

/// The HTTP server.
#[derive(Debug)]
pub struct Server;

/// A server that has its address but answers nobody yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    addr: SocketAddr,
    remote_log_level: bool,
    patience: Patience,
}

/// No such address to be had.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen for HTTP on `{addr}` (`admin.addr`): {source}")]
pub struct BindError {
    addr: SocketAddr,
    source: io::Error,
}

// === impl Server ===

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// When it is in use or not ours.
    pub async fn bind(config: &Config) -> Result<Bound, BindError> {
        let failed = |source| BindError {
            addr: config.addr,
            source,
        };
        let listener = TcpListener::bind(config.addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Bound {
            listener,
            addr,
            remote_log_level: config.remote_log_level,
            patience: Patience::default(),
        })
    }
}

// === impl Bound ===

impl Bound {
    /// The address, with the port that the system chose where the settings say 0.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    #[cfg(test)]
    pub(super) fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Answers until `shutdown`, then lets open requests end, though not for ever.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, state: State, shutdown: CancellationToken) -> io::Result<()> {
        let app = router(state, self.remote_log_level);
        let service = app.into_make_service_with_connect_info::<Peer>();
        let listener = Bounded::new(self.listener, self.patience);
        let server = axum::serve(listener, service)
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let give_up = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = async { server.await } => result,
            () = give_up => {
                warn!("HTTP requests were still open when the server stopped");
                Ok(())
            }
        }
    }
}

pub(super) fn router(state: State, remote_log_level: bool) -> Router {
    let put_log_level =
        async move |state, peer, body| log_level::put(remote_log_level, state, peer, body);
    Router::new()
        .route("/", get(page::page))
        .route("/metrics", get(probes::metrics))
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/api/v1/workloads", get(api::list))
        .route("/api/v1/workloads/{namespace}/{name}", get(api::detail))
        .route(
            "/api/v1/workloads/{namespace}/{name}/decision",
            get(api::decision),
        )
        .route("/api/v1/log-level", get(log_level::get).put(put_log_level))
        .route("/api/v1/status", get(probes::status))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .with_state(state)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(harden))
}

async fn no_such_route(uri: Uri) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing at `{}`", uri.path()),
    )
    .hint(ROUTES)
}

async fn no_such_method(method: Method, uri: Uri) -> ApiError {
    let refusal = format!("`{}` does not take `{method}`", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, refusal)
        .hint("the `allow` header says what it takes")
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands it over like this"
)]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    error!(panic = text, "an HTTP handler panicked");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "this request met a defect in forescale",
    )
    .hint("the log has the details; please report it")
    .into_response()
}

/// Headers that keep browsers from guessing, framing, caching and telling others.
async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, HeaderValue); 6] = [
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
