//! KEDA's side of the wire, for those who play KEDA: the demo asks Forescale through it exactly as KEDA does.

use tonic::transport::Channel;

use super::proto::external_scaler_client::ExternalScalerClient;
use super::proto::{GetMetricsRequest, ScaledObjectRef};
use crate::domain::{Metadata, Served};

/// The full name of the gRPC service, as grpcurl writes it.
pub const SERVICE_NAME: &str = super::health::SERVICE;

/// A client that asks for one trigger of one ScaledObject.
#[derive(Clone, Debug)]
pub struct Client {
    scaler: ExternalScalerClient<Channel>,
    object: ScaledObjectRef,
    metric: String,
    target: f64,
}

/// A call that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The server can't be reached.
    #[error("failed to connect to `{addr}`: {why}")]
    Connect {
        /// Its address.
        addr: String,
        /// Why.
        why: String,
    },
    /// The server said no.
    #[error("{text}")]
    Refused {
        /// gRPC code.
        code: tonic::Code,
        /// The server's words.
        text: String,
    },
}

impl Client {
    /// Introduces the trigger as KEDA does when it builds the HPA: by asking for its metric's name and target.
    ///
    /// # Errors
    /// When the server can't be reached, refuses the metadata, or names no metric.
    pub async fn connect(
        addr: &str,
        namespace: &str,
        name: &str,
        metadata: &Metadata,
    ) -> Result<Self, ClientError> {
        let unreachable = |error: tonic::transport::Error| ClientError::Connect {
            addr: addr.to_owned(),
            why: error.to_string(),
        };
        let endpoint = Channel::from_shared(format!("http://{addr}"));
        let endpoint = endpoint.map_err(|error| ClientError::Connect {
            addr: addr.to_owned(),
            why: error.to_string(),
        })?;
        let channel = endpoint.connect().await.map_err(unreachable)?;
        let mut scaler = ExternalScalerClient::new(channel);
        let object = ScaledObjectRef {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            scaler_metadata: metadata.clone().into_iter().collect(),
        };
        let specs = scaler.get_metric_spec(object.clone()).await?.into_inner();
        let spec = specs.metric_specs.into_iter().next();
        let spec = spec.ok_or_else(|| ClientError::Refused {
            code: tonic::Code::NotFound,
            text: "the server named no metric".to_owned(),
        })?;
        // KEDA takes the float when it is above zero.
        let target = if spec.target_size_float > 0.0 {
            spec.target_size_float
        } else {
            spec.target_size as f64
        };
        Ok(Self {
            scaler,
            object,
            metric: spec.metric_name,
            target,
        })
    }

    /// The load per replica that KEDA builds the HPA with.
    pub fn target(&self) -> f64 {
        self.target
    }

    /// One read as KEDA makes it: `GetMetrics`, then `IsActive`. `None` when the answer holds no metric.
    ///
    /// # Errors
    /// When either call fails.
    pub async fn read(&mut self) -> Result<Option<(Served, bool)>, ClientError> {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(self.object.clone()),
            metric_name: self.metric.clone(),
        };
        let values = self.scaler.get_metrics(request).await?.into_inner();
        let active = self.scaler.is_active(self.object.clone()).await?;
        let active = active.into_inner().result;
        Ok(values.metric_values.into_iter().next().map(|value| {
            let served = Served {
                value: value.metric_value_float,
                target: self.target,
                value_int: value.metric_value,
                target_int: 1,
            };
            (served, active)
        }))
    }
}

impl From<tonic::Status> for ClientError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused {
            code: status.code(),
            text: status.message().to_owned(),
        }
    }
}
