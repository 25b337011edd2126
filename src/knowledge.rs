//! The shared board: what Forescale knows about each workload. One writer (the refresh loop), many cheap readers (the
//! gRPC handlers, the JSON API): a reader loads one pointer and never waits for the loop.

mod board;
mod history;
#[cfg(test)]
pub(crate) mod samples;
mod side;
mod store;
mod workload;

pub use board::{Board, BoardFull};
pub use history::History;
pub use side::{Side, SideQuery, SideReading};
pub use store::{Restored, SaveReport, Store, StoreError};
pub use workload::{Decision, Fault, FaultKind, Health, Learned, Published, Signal, Workload};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::HumanDuration;

/// Settings of the board and its snapshots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Where snapshots live; nothing is written when unset.
    pub data_dir: Option<PathBuf>,
    /// A workload that nobody has asked about for this long, while the loop was turning, is forgotten; not before six hours where
    /// nobody asks about any workload.
    pub forget_after: HumanDuration,
    /// More workloads than this are refused, so that metadata written by tenants can't exhaust memory.
    pub max_workloads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            forget_after: HumanDuration::from_secs(3600),
            max_workloads: 20_000,
        }
    }
}
