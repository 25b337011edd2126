//! What the loop counts.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use crate::domain::Basis;
use crate::telemetry::Registry;

/// Metrics of the loop. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) refreshes: Family<Outcome, Counter>,
    pub(super) side_reads: Family<SideOutcome, Counter>,
    pub(super) refresh_seconds: Histogram,
    pub(super) analysis_seconds: Histogram,
    pub(super) plans: Family<Rests, Counter>,
    pub(super) limits: Family<Bit, Counter>,
    pub(super) stand_ins: Family<Wanted, Counter>,
    pub(super) fits_put_off: Counter,
    pub(super) trust_changes: Family<To, Counter>,
    pub(super) authority_changes: Family<To, Counter>,
    pub(super) anomalies: Family<Kind, Counter>,
    pub(super) capacity_drops: Counter,
    pub(super) backfill_samples: Counter,
    pub(super) lag_seconds: Gauge<f64, std::sync::atomic::AtomicU64>,
    pub(super) workloads: Gauge,
    pub(super) forgotten: Counter,
    pub(super) snapshots: Family<Outcome, Counter>,
    pub(super) snapshot_seconds: Histogram,
    pub(super) snapshot_bytes: Counter,
}

/// How something ended: `ok`, or the kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    pub(super) outcome: &'static str,
}

impl Outcome {
    /// Planning died.
    pub(super) const PANIC: Self = Self { outcome: "panic" };
}

/// How a query beside the load ended: `ok`, or the kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SideOutcome {
    pub(super) query: &'static str,
    pub(super) outcome: &'static str,
}

/// What a plan rests on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Rests {
    pub(super) basis: BasisLabel,
}

/// [`Basis`] as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BasisLabel(pub(super) Basis);

/// A limit that bit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Bit {
    pub(super) limit: &'static str,
}

/// A model that another one had to stand in for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Wanted {
    pub(super) wanted: String,
}

/// The state of trust, or the stage, that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct To {
    pub(super) to: &'static str,
}

/// A kind of anomaly.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Kind {
    pub(super) kind: &'static str,
}

impl std::hash::Hash for BasisLabel {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::mem::discriminant(&self.0).hash(state);
    }
}

impl EncodeLabelValue for BasisLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.to_string().encode(encoder)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        Self {
            refreshes: Family::default(),
            side_reads: Family::default(),
            refresh_seconds: seconds(),
            analysis_seconds: seconds(),
            plans: Family::default(),
            limits: Family::default(),
            stand_ins: Family::default(),
            fits_put_off: Counter::default(),
            trust_changes: Family::default(),
            authority_changes: Family::default(),
            anomalies: Family::default(),
            capacity_drops: Counter::default(),
            backfill_samples: Counter::default(),
            lag_seconds: Gauge::default(),
            workloads: Gauge::default(),
            forgotten: Counter::default(),
            snapshots: Family::default(),
            snapshot_seconds: seconds(),
            snapshot_bytes: Counter::default(),
        }
    }
}

impl Metrics {
    /// Puts them on the registry, with the prefix `forescale_loop`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("forescale_loop");
        // There from the beginning: Prometheus sees no increase in a counter that appears with its first event.
        let _ = self.refreshes.get_or_create(&Outcome::PANIC);
        registry.register(
            "refreshes",
            "Refreshes of workloads by outcome: ok, or the kind of fault",
            self.refreshes.clone(),
        );
        registry.register(
            "side_reads",
            "Answers to the queries beside the load (`replicasQuery` and the like) by outcome",
            self.side_reads.clone(),
        );
        registry.register(
            "refresh_seconds",
            "Time from a refresh's start until its answer is published",
            self.refresh_seconds.clone(),
        );
        registry.register(
            "analysis_seconds",
            "Time that preparing, fitting and forecasting one batch of workloads took",
            self.analysis_seconds.clone(),
        );
        registry.register(
            "plans",
            "Plans published by what they rest on",
            self.plans.clone(),
        );
        registry.register(
            "plan_limits",
            "Plans in which a limit changed the number of replicas, by limit",
            self.limits.clone(),
        );
        registry.register(
            "model_stand_ins",
            "Forecasts made by a stand-in, by the model that was wanted",
            self.stand_ins.clone(),
        );
        registry.register(
            "fits_put_off",
            "Refreshes that left a fit that was due to a later one, since others were being made",
            self.fits_put_off.clone(),
        );
        registry.register(
            "forecast_trust_changes",
            "Times that forecasts have won or lost a workload's trust",
            self.trust_changes.clone(),
        );
        registry.register(
            "authority_changes",
            "Times that a plan in auto mode has reached another stage, by that stage",
            self.authority_changes.clone(),
        );
        registry.register(
            "anomalies",
            "Unusual stretches that were found in histories as they came, by kind",
            self.anomalies.clone(),
        );
        registry.register(
            "capacity_drops",
            "Times that a replica was found to carry much less than before",
            self.capacity_drops.clone(),
        );
        registry.register(
            "backfill_samples",
            "Samples read from history by back-fills",
            self.backfill_samples.clone(),
        );
        registry.register(
            "lag_seconds",
            "How late the most overdue workload is",
            self.lag_seconds.clone(),
        );
        registry.register(
            "workloads",
            "Workloads on the board",
            self.workloads.clone(),
        );
        registry.register(
            "workloads_forgotten",
            "Workloads dropped because nobody asked about them any more",
            self.forgotten.clone(),
        );
        registry.register(
            "snapshots",
            "Snapshots by outcome: ok or failed",
            self.snapshots.clone(),
        );
        registry.register(
            "snapshot_seconds",
            "Time one snapshot took",
            self.snapshot_seconds.clone(),
        );
        registry.register(
            "snapshot_bytes",
            "Bytes written by snapshots",
            self.snapshot_bytes.clone(),
        );
    }
}
