//! The loop: it turns Monitor, Analyze, Plan and Execute over the shared board, for all workloads at once.
//!
//! `serve`, `demo` and `backtest` run this one [`Engine`]; they differ in the clock and in who waits for whom. With the
//! machine's clock [`Engine::run`] starts refreshes when they are due and never waits for a slow one; on a virtual clock
//! the driver moves time and awaits [`Engine::turn`], which returns when everything due has been published. What the live
//! loop has read and decided can be recorded ([`recording`]) and decided again ([`rerun`]).

mod analysis;
mod anomalies;
mod backfill;
mod calls;
mod engine;
mod fetch;
mod fits;
mod metrics;
mod persist;
mod publish;
pub mod recording;
pub mod replay;
pub mod rerun;
pub mod roster;
mod run;
mod schedule;
pub mod service;
mod side;

pub use engine::{Engine, Parts};
pub use metrics::Metrics;
pub use persist::RestoreReport;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::HumanDuration;

/// Settings of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// How many workloads read their history back at the same time.
    pub backfill_concurrency: usize,
    /// A back-fill that failed goes on after this.
    pub backfill_retry: HumanDuration,
    /// How many workloads are analysed in one go.
    pub batch: usize,
    /// How often the board is snapshotted.
    pub snapshot_every: HumanDuration,
    /// How long a shutdown waits for work in progress.
    pub grace: HumanDuration,
    /// File to which every reading and decision is appended, so that they can be replayed; nothing is recorded when unset.
    pub record: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backfill_concurrency: 4,
            backfill_retry: HumanDuration::from_secs(30),
            batch: 256,
            snapshot_every: HumanDuration::from_secs(15),
            grace: HumanDuration::from_secs(10),
            record: None,
        }
    }
}
