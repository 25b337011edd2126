//! What `explain` reads of the API's answers. Fields that an older server does not have yet count as not known.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::{Followed, Mode, Plan, StandIn, Timestamp};
use crate::knowledge::Health;

/// `GET /api/v1/status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) now: Timestamp,
    pub(super) ready: bool,
    pub(super) waiting_for: Vec<String>,
    pub(super) loop_age: String,
    pub(super) sources: Vec<Source>,
}

/// A configured source.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) url: String,
}

/// `GET /api/v1/workloads/{namespace}/{name}`.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) workloads: Vec<Trigger>,
}

/// One trigger of the ScaledObject.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trigger {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) mode: Mode,
    pub(super) query: String,
    #[serde(default)]
    pub(super) follows: Option<Followed>,
    pub(super) last_asked_at: Timestamp,
    pub(super) plan: Option<Plan>,
    pub(super) health: Health,
    pub(super) warnings: Vec<String>,
    pub(super) spec: Spec,
    pub(super) history: History,
    pub(super) forecast: Option<Forecast>,
    #[serde(default)]
    pub(super) standing: Option<Standing>,
    /// Oldest first.
    #[serde(default)]
    pub(super) anomalies: Vec<Anomaly>,
    #[serde(default)]
    pub(super) grade: Option<Grade>,
    /// Of the queries beside the load, by their key.
    #[serde(default)]
    pub(super) readings: BTreeMap<String, Reading>,
    #[serde(default)]
    pub(super) cluster: Option<Cluster>,
}

/// What the cluster says, in the server's words.
#[derive(Debug, Deserialize)]
pub(super) struct Cluster {
    pub(super) text: Vec<String>,
}

/// What the plan would have cost and missed, in the server's words.
#[derive(Debug, Deserialize)]
pub(super) struct Grade {
    pub(super) text: Vec<String>,
}

/// The newest answer of a query beside the load.
#[derive(Debug, Deserialize)]
pub(super) struct Reading {
    pub(super) fault: Option<String>,
}

/// Something unusual in the history.
#[derive(Debug, Deserialize)]
pub(super) struct Anomaly {
    pub(super) from: Timestamp,
    pub(super) text: String,
}

/// Of the effective settings.
#[derive(Debug, Deserialize)]
pub(super) struct Spec {
    pub(super) source: SourceRef,
}

/// Where the query goes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum SourceRef {
    Default,
    Named(String),
    Address(String),
}

/// A stretch of history on a grid.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct History {
    pub(super) start: Timestamp,
    pub(super) step_seconds: u64,
    pub(super) values: Vec<Option<f64>>,
}

/// Of the forecast.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Forecast {
    pub(super) stand_in: Option<StandIn>,
}

/// How forecasts have done, in the server's words.
#[derive(Debug, Deserialize)]
pub(super) struct Standing {
    pub(super) experts: Vec<Expert>,
    pub(super) score: Option<Score>,
    pub(super) trust: Trust,
}

/// One competing model.
#[derive(Debug, Deserialize)]
pub(super) struct Expert {
    pub(super) text: String,
}

/// Rolling scores.
#[derive(Debug, Deserialize)]
pub(super) struct Score {
    pub(super) text: String,
    /// Level to observed share.
    pub(super) coverage: BTreeMap<String, Option<f64>>,
}

/// Whether plans may rest on the forecast.
#[derive(Debug, Deserialize)]
pub(super) struct Trust {
    pub(super) since: Option<Timestamp>,
    pub(super) text: String,
}
