//! The scaler under show, as the driver sees it: it is turned, and asked as KEDA asks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::control::Engine;
use crate::domain::Served;
use crate::execute::keda::proto::external_scaler_client::ExternalScalerClient;
use crate::execute::keda::proto::{GetMetricsRequest, ScaledObjectRef};
use crate::knowledge::Published;
use crate::simulate::keda::Answer;

use anyhow::Context;
use tonic::transport::Channel;

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
    client: ExternalScalerClient<Channel>,
    object: ScaledObjectRef,
    metric: String,
    target: f64,
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
        let channel = Channel::from_shared(format!("http://{grpc}"))?
            .connect()
            .await
            .with_context(|| {
                format!("failed to connect to the demo's own gRPC server at `{grpc}`")
            })?;
        let mut client = ExternalScalerClient::new(channel);
        let object = ScaledObjectRef {
            name: name.to_owned(),
            namespace: super::setup::NAMESPACE.to_owned(),
            scaler_metadata: metadata.clone().into_iter().collect(),
        };
        let specs = client.get_metric_spec(object.clone()).await;
        let specs = specs
            .map_err(|status| anyhow::anyhow!("{}", status.message()))?
            .into_inner();
        let spec = specs.metric_specs.into_iter().next();
        let spec = spec.context("the server named no metric")?;
        // KEDA takes the float when it is above zero.
        let target = if spec.target_size_float > 0.0 {
            spec.target_size_float
        } else {
            spec.target_size as f64
        };
        Ok(Self {
            engine,
            client,
            object,
            metric: spec.metric_name,
            target,
        })
    }

    async fn try_ask(&mut self) -> Result<Answer, tonic::Status> {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(self.object.clone()),
            metric_name: self.metric.clone(),
        };
        let values = self
            .client
            .get_metrics(request)
            .await?
            .into_inner()
            .metric_values;
        let active = self
            .client
            .is_active(self.object.clone())
            .await?
            .into_inner()
            .result;
        Ok(values.into_iter().next().map(|value| {
            let served = Served {
                value: value.metric_value_float,
                target: 0.0,
                value_int: value.metric_value,
                target_int: 1,
            };
            (served, active)
        }))
    }
}

impl Scaler for Live {
    async fn turn(&mut self) {
        self.engine.turn().await;
    }

    async fn ask(&mut self) -> Answer {
        self.try_ask().await.unwrap_or_else(|status| {
            tracing::warn!(code = %status.code(), "KEDA's call failed: {}", status.message());
            None
        })
    }

    fn target(&self) -> f64 {
        self.target
    }

    fn published(&self) -> Option<Arc<Published>> {
        let metadata: &HashMap<String, String> = &self.object.scaler_metadata;
        let board = self.engine.board();
        let workload = board.find(&self.object.namespace, &self.object.name, metadata)?;
        workload.published()
    }
}
