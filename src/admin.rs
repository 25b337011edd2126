//! The HTTP side: metrics, health, JSON API, log level and a page to look at.
//!
//! | Route | Answers |
//! |---|---|
//! | `GET /` | a page that draws every workload |
//! | `GET /metrics` | all metrics, in the OpenMetrics text format |
//! | `GET /healthz` | 200 while the process lives and the refresh loop turns |
//! | `GET /readyz` | 200 once everything that a start waits for is there, 503 with the reasons before |
//! | `GET /api/v1/workloads` | every workload with its plan and health |
//! | `GET /api/v1/workloads/{namespace}/{name}` | the workloads of one ScaledObject with history and forecast |
//! | `GET /api/v1/workloads/{namespace}/{name}/decision` | the newest plans of one ScaledObject with all that they were made from |
//! | `GET`, `PUT /api/v1/log-level` | the log filter |
//! | `GET /api/v1/status` | version, uptime, engine, sources |
//!
//! It reads the board and changes nothing but the log filter. It takes no credentials and shows none, so it belongs behind
//! the `NetworkPolicy` of the manifests. `docs/http-api.md` describes each answer.

mod api;
mod error;
mod heartbeat;
mod lead;
mod listener;
mod log_level;
mod page;
mod probes;
mod readiness;
mod server;
#[cfg(test)]
mod tests;
mod trust;
mod workload_metrics;

pub use heartbeat::Heartbeat;
pub use readiness::{Latch, Readiness};
pub use server::{BindError, Bound, Server};
pub use workload_metrics::register_workload_metrics;

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Clock, Timestamp};
use crate::knowledge::Board;
use crate::telemetry::{LogHandle, Registry};

/// Settings of the HTTP server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// Whether the log filter may be changed from other machines; otherwise only from this one, which a
    /// `kubectl port-forward` counts as.
    pub remote_log_level: bool,
    /// Whether `/metrics` has a set of series for each workload.
    pub workload_metrics: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([0, 0, 0, 0], 8080)),
            remote_log_level: false,
            workload_metrics: true,
        }
    }
}

/// What the HTTP server shows.
#[derive(Clone, Debug)]
pub struct State {
    /// The workloads.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The metrics.
    pub registry: Arc<Registry>,
    /// The log filter; `None` where logging isn't ours to change.
    pub log: Option<LogHandle>,
    /// What the start still waits for.
    pub readiness: Readiness,
    /// The refresh loop's sign of life.
    pub heartbeat: Heartbeat,
    /// The planner's settings, as records of plans show them.
    pub planner: Arc<serde_json::Value>,
    /// What this process is.
    pub info: Info,
}

/// What this process is, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Version of the build.
    pub version: String,
    /// Commit of the build.
    pub commit: String,
    /// When the process started.
    pub started_at: Timestamp,
    /// The live ONNX engine, such as `onnxruntime 1.24.1` or `rten`.
    pub onnx_engine: String,
    /// The configured Prometheus sources, without credentials.
    pub sources: Vec<SourceInfo>,
    /// A fingerprint of the effective settings: equal on replicas that were set up alike.
    pub settings_fingerprint: String,
}

/// One Prometheus source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceInfo {
    /// Its name.
    pub name: String,
    /// Its base URL; must not hold credentials.
    pub url: String,
}
