//! What the gRPC server measures of itself. Every counter a call can touch is looked up once at the start, so that a
//! call costs one atomic add and one histogram entry.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tonic::Code;

use crate::domain::Timestamp;
use crate::telemetry::Registry;

/// Seconds; from memory an answer takes microseconds, a first answer up to the first wait.
const BUCKETS: [f64; 14] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0,
    2.5, 10.0,
];

/// The calls of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rpc {
    IsActive,
    StreamIsActive,
    GetMetricSpec,
    GetMetrics,
    StreamMetricSpec,
}

const RPCS: [Rpc; 5] = [
    Rpc::IsActive,
    Rpc::StreamIsActive,
    Rpc::GetMetricSpec,
    Rpc::GetMetrics,
    Rpc::StreamMetricSpec,
];

/// How a call ended: the codes that this server gives, and a client that went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ending {
    Ok,
    InvalidArgument,
    Unavailable,
    ResourceExhausted,
    Cancelled,
    Other,
}

const ENDINGS: [Ending; 6] = [
    Ending::Ok,
    Ending::InvalidArgument,
    Ending::Unavailable,
    Ending::ResourceExhausted,
    Ending::Cancelled,
    Ending::Other,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    rpc: Rpc,
    code: Ending,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RpcLabels {
    rpc: Rpc,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// Metrics of the gRPC server.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    requests: Family<CallLabels, Counter>,
    durations: Family<RpcLabels, Histogram, fn() -> Histogram>,
    open_streams: Family<RpcLabels, Gauge>,
    connections: Gauge,
    tls_reloads: Family<ResultLabels, Counter>,
    /// Of a server that speaks TLS.
    certificates: Option<Certificates>,
    // The same metrics by position, for the calls.
    requests_of: [[Counter; ENDINGS.len()]; RPCS.len()],
    durations_of: [Histogram; RPCS.len()],
    open_streams_of: [Gauge; RPCS.len()],
}

/// How the certificate files are.
#[derive(Default)]
struct Certificates {
    refused: Gauge,
    expires: Gauge<f64, AtomicU64>,
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        Self::new(false)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Of a server that speaks TLS, or of one that does not.
    pub(super) fn new(tls: bool) -> Self {
        let requests = Family::<CallLabels, Counter>::default();
        let durations = Family::<RpcLabels, Histogram, fn() -> Histogram>::new_with_constructor(
            (|| Histogram::new(BUCKETS)) as fn() -> Histogram,
        );
        let open_streams = Family::<RpcLabels, Gauge>::default();
        let requests_of = RPCS
            .map(|rpc| ENDINGS.map(|code| requests.get_or_create_owned(&CallLabels { rpc, code })));
        let durations_of = RPCS.map(|rpc| durations.get_or_create_owned(&RpcLabels { rpc }));
        let open_streams_of = RPCS.map(|rpc| open_streams.get_or_create_owned(&RpcLabels { rpc }));
        Self(Arc::new(Inner {
            requests,
            durations,
            open_streams,
            connections: Gauge::default(),
            tls_reloads: Family::default(),
            certificates: tls.then(Certificates::default),
            requests_of,
            durations_of,
            open_streams_of,
        }))
    }

    /// Adds the metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let inner = &self.0;
        registry.register(
            "forescale_keda_requests",
            "Calls by RPC and by the gRPC code they ended with; a stream counts when it is opened",
            inner.requests.clone(),
        );
        registry.register(
            "forescale_keda_request_duration_seconds",
            "Time from a call's arrival to its answer; of a stream, to its opening",
            inner.durations.clone(),
        );
        registry.register(
            "forescale_keda_open_streams",
            "Streams to KEDA that are open",
            inner.open_streams.clone(),
        );
        registry.register(
            "forescale_keda_connections",
            "Connections to the gRPC port that are open",
            inner.connections.clone(),
        );
        registry.register(
            "forescale_keda_tls_reloads",
            "Changed certificate files that were taken over, or refused and the old ones kept",
            inner.tls_reloads.clone(),
        );
        let Some(certificates) = &inner.certificates else {
            return;
        };
        registry.register(
            "forescale_keda_tls_refused",
            "1 while the certificate files can't be used and the old ones are kept",
            certificates.refused.clone(),
        );
        registry.register(
            "forescale_keda_tls_expires_timestamp_seconds",
            "When the certificate in force expires",
            certificates.expires.clone(),
        );
    }

    /// Starts to measure a call.
    pub(super) fn call(&self, rpc: Rpc) -> Call<'_> {
        Call {
            metrics: &self.0,
            rpc,
            start: Instant::now(),
            ending: Ending::Cancelled,
        }
    }

    /// Counts an open stream until the guard is dropped.
    pub(super) fn stream(&self, rpc: Rpc) -> Open {
        Open::new(&self.0.open_streams_of[rpc as usize])
    }

    /// Counts an open connection until the guard is dropped.
    pub(super) fn connection(&self) -> Open {
        Open::new(&self.0.connections)
    }

    /// Notes whether the certificate files are refused, and until when the certificate in force is good.
    pub(super) fn tls_state(&self, refused: bool, expires: Option<Timestamp>) {
        if let Some(certificates) = &self.0.certificates {
            certificates.refused.set(i64::from(refused));
            let expires = expires.map_or(f64::INFINITY, Timestamp::as_secs_f64);
            certificates.expires.set(expires);
        }
    }

    /// Counts a change of the certificate files.
    pub(super) fn tls_reload(&self, result: &'static str) {
        self.0
            .tls_reloads
            .get_or_create(&ResultLabels { result })
            .inc();
    }
}

/// A call in progress. One that is dropped without an answer was given up by the client.
#[derive(Debug)]
pub(super) struct Call<'a> {
    metrics: &'a Inner,
    rpc: Rpc,
    start: Instant,
    ending: Ending,
}

impl Call<'_> {
    /// Notes how the call ended, and hands the answer through.
    pub(super) fn ended<T>(mut self, answer: Result<T, tonic::Status>) -> Result<T, tonic::Status> {
        self.ending = match &answer {
            Ok(_) => Ending::Ok,
            Err(status) => Ending::of(status.code()),
        };
        answer
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.metrics.requests_of[self.rpc as usize][self.ending as usize].inc();
        self.metrics.durations_of[self.rpc as usize].observe(self.start.elapsed().as_secs_f64());
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// Something that is open, counted by a gauge.
#[derive(Debug)]
pub(super) struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

// === impl labels ===

impl Ending {
    fn of(code: Code) -> Self {
        match code {
            Code::Ok => Self::Ok,
            Code::InvalidArgument => Self::InvalidArgument,
            Code::Unavailable => Self::Unavailable,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::Cancelled => Self::Cancelled,
            _ => Self::Other,
        }
    }
}

impl EncodeLabelValue for Rpc {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let text = match self {
            Self::IsActive => "IsActive",
            Self::StreamIsActive => "StreamIsActive",
            Self::GetMetricSpec => "GetMetricSpec",
            Self::GetMetrics => "GetMetrics",
            Self::StreamMetricSpec => "StreamMetricSpec",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

impl EncodeLabelValue for Ending {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        let text = match self {
            Self::Ok => "ok",
            Self::InvalidArgument => "invalid-argument",
            Self::Unavailable => "unavailable",
            Self::ResourceExhausted => "resource-exhausted",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn a_call_is_counted_by_its_code_and_one_given_up_as_cancelled() {
        let metrics = Metrics::default();
        let answer = metrics
            .call(Rpc::GetMetrics)
            .ended::<()>(Err(tonic::Status::unavailable("no plan yet")));
        assert!(answer.is_err());
        drop(metrics.call(Rpc::IsActive));
        let text = text(&metrics);
        for line in [
            "forescale_keda_requests_total{rpc=\"GetMetrics\",code=\"unavailable\"} 1",
            "forescale_keda_requests_total{rpc=\"IsActive\",code=\"cancelled\"} 1",
            "forescale_keda_request_duration_seconds_count{rpc=\"GetMetrics\"} 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn a_stream_is_open_until_its_guard_is_dropped() {
        let metrics = Metrics::default();
        let open = metrics.stream(Rpc::StreamIsActive);
        let line = |n| format!("forescale_keda_open_streams{{rpc=\"StreamIsActive\"}} {n}");
        assert!(text(&metrics).contains(&line(1)));
        drop(open);
        assert!(text(&metrics).contains(&line(0)));
    }
}
