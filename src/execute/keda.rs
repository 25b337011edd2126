//! KEDA's external scaler contract over gRPC.
//! STUB: to be written by the keda room; these signatures are what `control/` and `cli/` rely on.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Clock, Metadata, TriggerSpec};
use crate::knowledge::Board;

/// Settings of the gRPC server (extended by the keda room with TLS).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Address to listen on.
    pub addr: SocketAddr,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([0, 0, 0, 0], 6000)),
        }
    }
}

/// Parses and validates a trigger's metadata.
///
/// # Errors
/// Every mistake found, each naming the key, the value and what is allowed.
pub fn parse_metadata(metadata: &Metadata) -> Result<Parsed, Vec<MetadataError>> {
    let _ = metadata;
    Err(vec![])
}

/// A trigger's metadata, typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What it asks for.
    pub spec: TriggerSpec,
    /// What a person should know of, though it is no mistake.
    pub warnings: Vec<String>,
}

/// A mistake in a trigger's metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct MetadataError {
    /// The key.
    pub key: String,
    /// The whole message.
    pub text: String,
}

/// What the service needs: the board it reads and registers on, and a clock.
#[derive(Clone, Debug)]
pub struct Context {
    /// The board.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}
