//! The scaler under show, as the driver sees it: it is turned, and asked as KEDA asks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::control::Engine;
use crate::execute::keda::Client;
use crate::knowledge::Published;
use crate::simulate::keda::Answer;

use super::setup::NAMESPACE;

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
    name: String,
    metadata: HashMap<String, String>,
}

impl Live {
    /// Introduces the workload as KEDA does, by asking for its metric's name and target.
    ///
    /// # Errors
    /// When the server can't be reached, or refuses the metadata.
    pub(super) async fn connect(
        engine: Arc<Engine>,
        grpc: std::net::SocketAddr,
        name: &str,
        metadata: &crate::domain::Metadata,
    ) -> anyhow::Result<Self> {
        let client = Client::connect(&grpc.to_string(), NAMESPACE, name, metadata).await?;
        Ok(Self {
            engine,
            client,
            name: name.to_owned(),
            metadata: metadata.clone().into_iter().collect(),
        })
    }
}

impl Scaler for Live {
    async fn turn(&mut self) {
        self.engine.turn().await;
    }

    async fn ask(&mut self) -> Answer {
        self.client.read().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "KEDA's call failed");
            None
        })
    }

    fn target(&self) -> f64 {
        self.client.target()
    }

    fn published(&self) -> Option<Arc<Published>> {
        let board = self.engine.board();
        let workload = board.find(NAMESPACE, &self.name, &self.metadata)?;
        workload.published()
    }
}
