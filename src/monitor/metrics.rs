//! What can be watched of the sources. The label `source` is a name from the settings, or `serverAddress` for all
//! addresses from metadata together, so that tenants can't invent label values.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::telemetry::Registry;

/// Seconds; from a cache hit to the longest total time-out that is usual.
const BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Metrics of the monitor. Cheap to clone; clones count into the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<OutcomeLabels, Counter>,
    duration: Family<SourceLabels, Histogram, fn() -> Histogram>,
    retries: Family<SourceLabels, Counter>,
    circuits_open: Family<SourceLabels, Gauge>,
    streams_up: Family<SourceLabels, Gauge>,
    stream_values: Family<SourceLabels, Counter>,
    followed_triggers: Family<SourceLabels, Gauge>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    source: String,
    outcome: &'static str,
}

/// The metrics of one source.
#[derive(Clone, Debug)]
pub(super) struct SourceMetrics {
    source: String,
    requests: Family<OutcomeLabels, Counter>,
    duration: Histogram,
    pub(super) retries: Counter,
    pub(super) circuits_open: Gauge,
}

/// What a source of the kind `keda` has besides.
#[derive(Clone, Debug)]
pub(super) struct StreamMetrics {
    pub(super) up: Gauge,
    pub(super) values: Counter,
    pub(super) followed: Gauge,
}

// === impl Metrics ===

impl Metrics {
    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "forescale_monitor_requests",
            "Reads of metric history by source and outcome, each with its retries",
            self.requests.clone(),
        );
        registry.register(
            "forescale_monitor_request_duration_seconds",
            "Time of a read, from asking for a slot to the last attempt's end",
            self.duration.clone(),
        );
        registry.register(
            "forescale_monitor_retries",
            "Attempts after the first one of a read",
            self.retries.clone(),
        );
        registry.register(
            "forescale_monitor_circuits_open",
            "Circuits that are open or half-open: servers left alone after failures in a row",
            self.circuits_open.clone(),
        );
        registry.register(
            "forescale_monitor_streams_up",
            "Whether a KEDA's triggers are being followed: 1 while its stream is open",
            self.streams_up.clone(),
        );
        registry.register(
            "forescale_monitor_stream_values",
            "Values that a KEDA has sent of triggers that are followed",
            self.stream_values.clone(),
        );
        registry.register(
            "forescale_monitor_followed_triggers",
            "Triggers of a KEDA that are followed",
            self.followed_triggers.clone(),
        );
    }

    pub(super) fn stream_of(&self, source: &str) -> StreamMetrics {
        let labels = SourceLabels {
            source: source.to_owned(),
        };
        StreamMetrics {
            up: self.streams_up.get_or_create_owned(&labels),
            values: self.stream_values.get_or_create_owned(&labels),
            followed: self.followed_triggers.get_or_create_owned(&labels),
        }
    }

    pub(super) fn of(&self, source: &str) -> SourceMetrics {
        let labels = SourceLabels {
            source: source.to_owned(),
        };
        SourceMetrics {
            source: source.to_owned(),
            requests: self.requests.clone(),
            duration: self.duration.get_or_create_owned(&labels),
            retries: self.retries.get_or_create_owned(&labels),
            circuits_open: self.circuits_open.get_or_create_owned(&labels),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            retries: Family::default(),
            circuits_open: Family::default(),
            streams_up: Family::default(),
            stream_values: Family::default(),
            followed_triggers: Family::default(),
        }
    }
}

// === impl SourceMetrics ===

impl SourceMetrics {
    pub(super) fn record(&self, outcome: &'static str, took: Duration) {
        let labels = OutcomeLabels {
            source: self.source.clone(),
            outcome,
        };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }
}
