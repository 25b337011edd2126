//! The scaler under show, as the driver sees it: it is turned, and asked as KEDA asks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::control::Engine;
use crate::domain::{Served, WorkloadKey};
use crate::execute::keda::client::{CallError, Client};
use crate::knowledge::Published;
use crate::simulate::keda::Answer;

/// Something that answers KEDA.
pub(super) trait Scaler {
    /// Lets it do all that is due at the present moment of its clock.
    async fn turn(&mut self);

    /// Asks as KEDA does: the metric, then whether the workload should run. `None` when a call fails.
    async fn ask(&mut self) -> Answer;

    /// The load per replica that KEDA builds the HPA with.
    fn target(&self) -> f64;

    /// What it has published about the workload.
    fn published(&self) -> Option<Arc<Published>>;
}

/// Forescale itself: its loop turned by hand, its answers over gRPC.
#[derive(Debug)]
pub(super) struct Live {
    engine: Arc<Engine>,
    client: Client,
    key: WorkloadKey,
    /// The key's metadata once more, as the board is asked.
    metadata: HashMap<String, String>,
}

impl Live {
    /// Introduces the workload as KEDA does, by asking for its metric's name and target.
    ///
    /// # Errors
    /// When the server can't be reached, or refuses the metadata.
    pub(super) async fn connect(
        engine: Arc<Engine>,
        grpc: SocketAddr,
        key: WorkloadKey,
    ) -> Result<Self, CallError> {
        Ok(Self {
            engine,
            client: Client::connect(&format!("http://{grpc}"), &key).await?,
            metadata: key.metadata.as_ref().clone().into_iter().collect(),
            key,
        })
    }
}

impl Scaler for Live {
    async fn turn(&mut self) {
        self.engine.turn().await;
    }

    async fn ask(&mut self) -> Answer {
        match self.client.read().await {
            Ok(reading) => {
                let served = Served {
                    value: reading.value,
                    target: self.client.target(),
                    value_int: reading.value_int,
                    target_int: 1,
                };
                Some((served, reading.active))
            }
            Err(error) => {
                tracing::warn!(%error, "KEDA's call failed");
                None
            }
        }
    }

    fn target(&self) -> f64 {
        self.client.target()
    }

    fn published(&self) -> Option<Arc<Published>> {
        let board = self.engine.board();
        let workload = board.find(&self.key.namespace, &self.key.name, &self.metadata)?;
        workload.published()
    }
}
