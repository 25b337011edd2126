//! One moment of a run as the view draws it: values only, so that drawing can be tried without a run.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use super::driver::Driver;
use super::scaler::Scaler;
use super::setup::{NAMESPACE, START};
use super::totals::Totals;
use crate::domain::{Forecast, Quantile, Timestamp};
use crate::execute::keda::{METRIC_NAME, SERVICE_NAME};
use crate::knowledge::Published;
use crate::simulate::demand::Pattern;

/// Minutes of the past that are shown.
pub(super) const SHOWN_MINUTES: usize = 180;
/// Levels between which the forecast is drawn, in percent.
pub(super) const BAND_PERCENT: (u8, u8) = (5, 95);

/// What has happened lately, a point a minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail(VecDeque<TrailPoint>);

/// One minute of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TrailPoint {
    pub(super) at: Timestamp,
    /// Demand that arrives.
    pub(super) demand: f64,
    /// The metric, where it is not missing.
    pub(super) observed: Option<f64>,
    /// Ready replicas.
    pub(super) forescale: u32,
    /// Replicas, the starting ones included.
    pub(super) forescale_total: u32,
    /// Ready replicas.
    pub(super) plain: u32,
    /// Replicas, the starting ones included.
    pub(super) plain_total: u32,
    /// Replicas that would just carry the demand.
    pub(super) needed: u32,
}

/// Where the demo can be asked, with commands to try.
#[derive(Clone, Debug)]
pub(super) struct Doors {
    grpc: SocketAddr,
    http: SocketAddr,
    name: &'static str,
    metadata: String,
}

/// The forecast at one moment ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BandPoint {
    pub(super) at: Timestamp,
    pub(super) low: f64,
    pub(super) middle: f64,
    pub(super) high: f64,
}

/// One moment of a run.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) pattern: Pattern,
    pub(super) seed: u64,
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
    pub(super) paused: bool,
    /// Virtual seconds a second.
    pub(super) speed: Option<f64>,
    pub(super) trail: Vec<TrailPoint>,
    pub(super) band: Vec<BandPoint>,
    pub(super) forescale: Totals,
    pub(super) plain: Totals,
    pub(super) published: Option<Arc<Published>>,
    pub(super) doors: Doors,
}

impl Trail {
    /// Adds a point and lets go of what is no longer shown.
    pub(super) fn push(&mut self, point: TrailPoint) {
        self.0.push_back(point);
        while self.0.len() > SHOWN_MINUTES {
            self.0.pop_front();
        }
    }

    /// The newest point.
    pub(super) fn last(&self) -> Option<&TrailPoint> {
        self.0.back()
    }
}

impl Frame {
    /// The present moment of a run.
    pub(super) fn of<S: Scaler>(
        driver: &Driver<S>,
        doors: &Doors,
        paused: bool,
        speed: Option<f64>,
    ) -> Self {
        let published = driver.scaler().published();
        let forecast = published.as_ref().and_then(|p| p.forecast.clone());
        let (forescale, plain) = driver.totals();
        Self {
            pattern: driver.setup.pattern,
            seed: driver.setup.seed,
            now: driver.now(),
            until: driver.setup.until(),
            paused,
            speed,
            trail: driver.trail().0.iter().copied().collect(),
            band: forecast.map(|f| band(&f, driver.now())).unwrap_or_default(),
            forescale,
            plain,
            published,
            doors: doors.clone(),
        }
    }

    /// Share of the run that is over.
    pub(super) fn progress(&self) -> f64 {
        let whole = self.until.since(START).as_secs_f64();
        (self.now.since(START).as_secs_f64() / whole.max(1.0)).min(1.0)
    }
}

/// What the forecast says of the time after `now`.
pub(super) fn band(forecast: &Forecast, now: Timestamp) -> Vec<BandPoint> {
    let level = |percent: u8| Quantile::new(f64::from(percent) / 100.0).unwrap_or(Quantile::MEDIAN);
    let (low, high) = (level(BAND_PERCENT.0), level(BAND_PERCENT.1));
    (0..forecast.steps())
        .filter(|step| forecast.time_of(*step) > now)
        .map(|step| BandPoint {
            at: forecast.time_of(step),
            low: forecast.quantile(low, step),
            middle: forecast.quantile(Quantile::MEDIAN, step),
            high: forecast.quantile(high, step),
        })
        .collect()
}

impl Doors {
    /// Of servers that listen on these addresses.
    pub(super) fn new(
        grpc: SocketAddr,
        http: SocketAddr,
        name: &'static str,
        metadata: String,
    ) -> Self {
        Self {
            grpc,
            http,
            name,
            metadata,
        }
    }

    /// Lists what the gRPC server offers.
    pub(super) fn grpcurl_list(&self) -> String {
        format!("grpcurl -plaintext {} list", self.grpc)
    }

    /// Asks for the metric as KEDA does. Its lines may be broken anew at any space between the quotes, as in JSON, so
    /// that it can be copied from a narrow terminal.
    pub(super) fn grpcurl_metric(&self) -> [String; 3] {
        let Self {
            grpc,
            name,
            metadata,
            ..
        } = self;
        let metric = METRIC_NAME;
        [
            format!(r#"grpcurl -plaintext -d '{{"metricName": "{metric}", "scaledObjectRef": {{"#),
            format!(
                r#""namespace": "{NAMESPACE}", "name": "{name}", "scalerMetadata": {}"#,
                metadata.replace('\'', r"'\''")
            ),
            format!("}}}}' {grpc} {SERVICE_NAME}/GetMetrics"),
        ]
    }

    /// Asks for history, forecast, plan and its reasons.
    pub(super) fn curl_workload(&self) -> String {
        let Self { http, name, .. } = self;
        format!("curl http://{http}/api/v1/workloads/{NAMESPACE}/{name}")
    }

    /// Asks for the metrics.
    pub(super) fn curl_metrics(&self) -> String {
        format!("curl http://{}/metrics", self.http)
    }
}
