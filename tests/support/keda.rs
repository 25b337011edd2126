//! A client that calls like KEDA and reckons like KEDA and the HPA.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use forescale::execute::keda::proto::external_scaler_client::ExternalScalerClient;
use forescale::execute::keda::proto::{
    GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec, ScaledObjectRef,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

use super::eventually;
use super::forescale::PATIENCE;

/// KEDA's side of one trigger.
#[derive(Clone, Debug)]
pub struct Keda {
    client: ExternalScalerClient<Channel>,
    scaled_object: ScaledObjectRef,
}

/// One metric read: what KEDA and the HPA make of it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Value in milli-units, cut off as KEDA does.
    pub value_milli: i64,
    /// Target in milli-units, cut off as KEDA does.
    pub target_milli: i64,
    /// Replicas that the HPA wants for it (`AverageValue`, tolerance 0).
    pub desired: i64,
    /// Whether KEDA lets the workload run.
    pub active: bool,
    /// How long each call took.
    pub calls: [Duration; 3],
}

impl Keda {
    /// A trigger on ScaledObject `namespace`/`name` with this metadata.
    pub async fn of(
        addr: SocketAddr,
        namespace: &str,
        name: &str,
        metadata: &[(&str, &str)],
    ) -> Self {
        let channel = Endpoint::from_shared(format!("http://{addr}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        let scaler_metadata: HashMap<_, _> = metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            client: ExternalScalerClient::new(channel),
            scaled_object: ScaledObjectRef {
                name: name.to_owned(),
                namespace: namespace.to_owned(),
                scaler_metadata,
            },
        }
    }

    /// `GetMetricSpec`, then `GetMetrics` and `IsActive` for its metric, in KEDA's order.
    ///
    /// # Errors
    /// The first call that fails.
    pub async fn read(&mut self) -> Result<Reading, Status> {
        let begun = Instant::now();
        let spec = self.spec().await?;
        let spec_took = begun.elapsed();
        let begun = Instant::now();
        let metrics = self.metrics(&spec.metric_name).await?;
        let metrics_took = begun.elapsed();
        let begun = Instant::now();
        let active = self.is_active().await?;
        let active_took = begun.elapsed();

        assert_eq!(metrics.metric_values.len(), 1, "one metric, one value");
        let value = &metrics.metric_values[0];
        assert_eq!(value.metric_name, spec.metric_name);
        let value_milli = milli(value.metric_value_float, value.metric_value);
        let target_milli = milli(spec.target_size_float, spec.target_size);
        Ok(Reading {
            value_milli,
            target_milli,
            desired: value_milli.div_euclid(target_milli)
                + i64::from(value_milli.rem_euclid(target_milli) != 0),
            active,
            calls: [spec_took, metrics_took, active_took],
        })
    }

    /// Reads until there is an answer: a new workload has none before its first sample.
    ///
    /// # Panics
    /// When a call fails with anything but `UNAVAILABLE`, the code of "no sample yet".
    pub async fn first_reading(&mut self) -> Reading {
        eventually("a first answer", PATIENCE, async || {
            match self.read().await {
                Ok(reading) => Some(reading),
                Err(status) => {
                    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                    None
                }
            }
        })
        .await
    }

    /// Reads until a reading satisfies `probe`.
    pub async fn reading_until(
        &mut self,
        what: &str,
        mut probe: impl FnMut(&Reading) -> bool,
    ) -> Reading {
        let mut last = None;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let reading = self.read().await.unwrap();
            if probe(&reading) {
                return reading;
            }
            last = Some(reading);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("waited {PATIENCE:?} in vain for {what}; last reading: {last:?}");
    }

    /// `GetMetricSpec`; there is exactly one metric.
    ///
    /// # Errors
    /// The call's.
    pub async fn spec(&mut self) -> Result<MetricSpec, Status> {
        let answer = self
            .client
            .get_metric_spec(self.scaled_object.clone())
            .await?;
        let mut specs = answer.into_inner().metric_specs;
        assert_eq!(specs.len(), 1, "one trigger, one metric: {specs:?}");
        Ok(specs.remove(0))
    }

    /// `GetMetrics`.
    ///
    /// # Errors
    /// The call's.
    pub async fn metrics(&mut self, name: &str) -> Result<GetMetricsResponse, Status> {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(self.scaled_object.clone()),
            metric_name: name.to_owned(),
        };
        Ok(self.client.get_metrics(request).await?.into_inner())
    }

    /// `IsActive`.
    ///
    /// # Errors
    /// The call's.
    pub async fn is_active(&mut self) -> Result<bool, Status> {
        let answer = self.client.is_active(self.scaled_object.clone()).await?;
        Ok(answer.into_inner().result)
    }

    /// Opens `StreamIsActive`.
    ///
    /// # Errors
    /// The call's.
    pub async fn stream_is_active(&mut self) -> Result<Streaming<IsActiveResponse>, Status> {
        let answer = self.client.stream_is_active(self.scaled_object.clone());
        Ok(answer.await?.into_inner())
    }
}

/// KEDA takes the float when it is above zero, else the whole number, and cuts off after milli-units.
fn milli(float: f64, whole: i64) -> i64 {
    if float > 0.0 {
        (float * 1000.0) as i64
    } else {
        whole * 1000
    }
}
