//! KEDA's external scaler contract over gRPC.
//!
//! A call finds its workload on the board and answers from what the loop has published there; it never asks Prometheus
//! or a model. Only a workload that has never been heard of costs more: its metadata is parsed ([`metadata`]), it is
//! registered, and its very first read waits a moment for the first plan ([`Config::first_answer_wait`]).
//!
//! What the five RPCs promise, and why, is told in [`service`]; listening, TLS, health, reflection and the drain are in
//! [`server`].

mod client;
mod complaints;
mod config;
mod health;
mod incoming;
pub mod metadata;
mod metrics;
pub mod proto;
pub mod server;
pub mod service;
mod streams;
mod tls;

use std::sync::Arc;

pub use client::{Client, ClientError, SERVICE_NAME};
pub use config::{Config, TlsConfig};
pub use health::Readiness;
pub use metadata::{MetadataError, Parsed, parse_metadata};
pub use metrics::Metrics;
pub use server::{Bound, Server};

use crate::domain::Clock;
use crate::knowledge::Board;

/// The metric's name, as KEDA asks for it. KEDA itself puts `s<trigger index>-` before it, so that two triggers of one
/// ScaledObject never clash, and takes that off again before it calls.
pub const METRIC_NAME: &str = "forescale";

/// What the service needs: the board it reads and registers on, and a clock.
#[derive(Clone, Debug)]
pub struct Context {
    /// The board.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}
