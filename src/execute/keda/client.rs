//! KEDA's own side of the contract, for what plays KEDA: the calls in KEDA's order, its choice between the numbers.

use super::proto::external_scaler_client::ExternalScalerClient;
use super::proto::{GetMetricsRequest, ScaledObjectRef};
use crate::domain::WorkloadKey;

use tonic::transport::{Channel, Endpoint};

/// Full name of the service, as `grpcurl` writes it.
pub const SERVICE_NAME: &str = super::proto::external_scaler_server::SERVICE_NAME;

/// A client that asks about one trigger as KEDA does.
#[derive(Clone, Debug)]
pub struct Client {
    rpc: ExternalScalerClient<Channel>,
    object: ScaledObjectRef,
    metric: String,
    target: f64,
}

/// An answer to one metric read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// `metricValueFloat`.
    pub value: f64,
    /// `metricValue`.
    pub value_int: i64,
    /// The result of `IsActive`.
    pub active: bool,
}

/// A call that failed, in words.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection.
    #[error("failed to connect to `{addr}`: {source}")]
    Connect {
        /// The address.
        addr: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// The server refused.
    #[error("{} ({:?})", .0.message(), .0.code())]
    Status(#[from] Box<tonic::Status>),
    /// The server answered without what was asked for.
    #[error("the answer to `{0}` is empty")]
    Empty(&'static str),
}

impl Client {
    /// Connects to `addr` (such as `http://127.0.0.1:6000`) and asks for the metric's name and target, by which the
    /// server gets to know the workload.
    ///
    /// # Errors
    /// When there is no connection, or the server refuses the metadata.
    pub async fn connect(addr: &str, key: &WorkloadKey) -> Result<Self, CallError> {
        let failed = |source| CallError::Connect {
            addr: addr.to_owned(),
            source,
        };
        let endpoint = Endpoint::from_shared(addr.to_owned()).map_err(failed)?;
        let mut rpc = ExternalScalerClient::new(endpoint.connect().await.map_err(failed)?);
        let object = ScaledObjectRef {
            name: key.name.to_string(),
            namespace: key.namespace.to_string(),
            scaler_metadata: key.metadata.as_ref().clone().into_iter().collect(),
        };
        let specs = rpc
            .get_metric_spec(object.clone())
            .await
            .map_err(Box::new)?;
        let spec = specs.into_inner().metric_specs.into_iter().next();
        let spec = spec.ok_or(CallError::Empty("GetMetricSpec"))?;
        // KEDA takes the float when it is above zero.
        let target = if spec.target_size_float > 0.0 {
            spec.target_size_float
        } else {
            spec.target_size as f64
        };
        Ok(Self {
            rpc,
            object,
            metric: spec.metric_name,
            target,
        })
    }

    /// Load per replica that KEDA builds the HPA with.
    pub fn target(&self) -> f64 {
        self.target
    }

    /// One metric read: `GetMetrics`, then `IsActive`.
    ///
    /// # Errors
    /// When either call fails, or brings no value.
    pub async fn read(&mut self) -> Result<Reading, CallError> {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(self.object.clone()),
            metric_name: self.metric.clone(),
        };
        let metrics = self.rpc.get_metrics(request).await.map_err(Box::new)?;
        let active = self
            .rpc
            .is_active(self.object.clone())
            .await
            .map_err(Box::new)?;
        let value = metrics.into_inner().metric_values.into_iter().next();
        let value = value.ok_or(CallError::Empty("GetMetrics"))?;
        Ok(Reading {
            value: value.metric_value_float,
            value_int: value.metric_value,
            active: active.into_inner().result,
        })
    }
}
