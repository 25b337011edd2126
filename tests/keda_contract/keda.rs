//! KEDA, as far as an external scaler can tell: its order of calls and its arithmetic
//! (`pkg/scalers/external_scaler.go`).

use std::collections::HashMap;

use forescale::execute::keda::proto::external_scaler_client::ExternalScalerClient;
use forescale::execute::keda::proto::{
    GetMetricSpecResponse, GetMetricsRequest, IsActiveResponse, ScaledObjectRef,
};
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// One trigger of a ScaledObject.
pub(crate) struct Keda {
    client: ExternalScalerClient<Channel>,
    reference: ScaledObjectRef,
    index: usize,
}

/// A metric of the HPA that KEDA makes: its name and its target in milli-units.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HpaMetric {
    pub(crate) name: String,
    pub(crate) target_milli: i64,
}

/// What one read gives the HPA.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) value_milli: i64,
    pub(crate) active: bool,
}

impl Keda {
    pub(crate) async fn connect(url: String, metadata: &[(&str, &str)]) -> Self {
        let client = ExternalScalerClient::connect(url).await.unwrap();
        Self::over(client, metadata)
    }

    pub(crate) fn over(client: ExternalScalerClient<Channel>, metadata: &[(&str, &str)]) -> Self {
        let metadata = metadata
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Self {
            client,
            reference: ScaledObjectRef {
                name: "web".to_owned(),
                namespace: "shop".to_owned(),
                scaler_metadata: metadata.collect::<HashMap<_, _>>(),
            },
            index: 0,
        }
    }

    /// The same ScaledObject's trigger number `index`, over the same connection.
    pub(crate) fn trigger(&self, index: usize, metadata: &[(&str, &str)]) -> Self {
        let mut other = Self::over(self.client.clone(), metadata);
        other.index = index;
        other
    }

    /// Builds the HPA's metrics.
    pub(crate) async fn build_hpa(&mut self) -> Result<Vec<HpaMetric>, Status> {
        let specs = self.client.get_metric_spec(self.reference.clone()).await?;
        Ok(self.hpa(specs.into_inner()))
    }

    pub(crate) fn hpa(&self, specs: GetMetricSpecResponse) -> Vec<HpaMetric> {
        let metric = |spec: forescale::execute::keda::proto::MetricSpec| HpaMetric {
            name: format!("s{}-{}", self.index, spec.metric_name),
            target_milli: if spec.target_size_float > 0.0 {
                (spec.target_size_float * 1000.0) as i64
            } else {
                spec.target_size * 1000
            },
        };
        specs.metric_specs.into_iter().map(metric).collect()
    }

    /// One read of the HPA: `GetMetrics`, then `IsActive`.
    pub(crate) async fn read(&mut self, metric: &HpaMetric) -> Result<Read, Status> {
        let prefix = format!("s{}-", self.index);
        let request = GetMetricsRequest {
            scaled_object_ref: Some(self.reference.clone()),
            metric_name: metric.name.strip_prefix(&prefix).unwrap().to_owned(),
        };
        let answer = self.client.get_metrics(request).await?.into_inner();
        assert_eq!(answer.metric_values.len(), 1);
        let value = &answer.metric_values[0];
        let float = if value.metric_value_float > 0.0 {
            value.metric_value_float
        } else {
            value.metric_value as f64
        };
        let active = self.client.is_active(self.reference.clone()).await?;
        Ok(Read {
            value_milli: (float * 1000.0) as i64,
            active: active.into_inner().result,
        })
    }

    pub(crate) async fn stream_active(&mut self) -> Result<Streaming<IsActiveResponse>, Status> {
        let stream = self.client.stream_is_active(self.reference.clone()).await?;
        Ok(stream.into_inner())
    }

    pub(crate) async fn stream_specs(
        &mut self,
    ) -> Result<Streaming<GetMetricSpecResponse>, Status> {
        let stream = self
            .client
            .stream_metric_spec(self.reference.clone())
            .await?;
        Ok(stream.into_inner())
    }
}

/// The HPA's arithmetic for an external metric of type `AverageValue`, outside its tolerance.
pub(crate) fn hpa_replicas(metric: &HpaMetric, read: Read) -> u32 {
    (read.value_milli as f64 / metric.target_milli as f64).ceil() as u32
}
