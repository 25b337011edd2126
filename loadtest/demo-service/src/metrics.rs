//! What the service tells of itself.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds, around work of 1 ms to some seconds of waiting.
const BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    path: &'static str,
    code: u16,
}

/// Counters of one process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    duration: Histogram,
    waiting: Gauge,
    working: Gauge,
}

/// One more while it lives.
pub(crate) struct Held<'a>(&'a Gauge);

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::<Labels, Counter>::default();
        let duration = Histogram::new(BUCKETS);
        let (waiting, working) = (Gauge::default(), Gauge::default());
        // Those that matter are there from the start, so that a rate sees the first request too.
        for code in [200, 401, 503] {
            drop(requests.get_or_create(&Labels {
                path: "/workload",
                code,
            }));
        }
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From a request's arrival to its answer, of requests to /workload with the token",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register(
            "http_requests_waiting",
            "Requests that wait for their turn",
            waiting.clone(),
        );
        registry.register(
            "http_requests_working",
            "Requests being worked on",
            working.clone(),
        );
        Self {
            registry,
            requests,
            duration,
            waiting,
            working,
        }
    }

    /// Notes an answer.
    pub(crate) fn answered(&self, path: &'static str, code: StatusCode) {
        let labels = Labels {
            path,
            code: code.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// Notes how long an answer took.
    pub(crate) fn took(&self, duration: Duration) {
        self.duration.observe(duration.as_secs_f64());
    }

    pub(crate) fn waiting(&self) -> Held<'_> {
        Held::of(&self.waiting)
    }

    pub(crate) fn working(&self) -> Held<'_> {
        Held::of(&self.working)
    }

    /// All of them as OpenMetrics text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl<'a> Held<'a> {
    fn of(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
