//! What can be watched of the operator.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::execute::kubernetes::watch::State;
use crate::telemetry::Registry;

/// Metrics of the operator. Cheap to clone; clones count into the same.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    reconciles: Family<OutcomeLabels, Counter>,
    yields: Counter,
    resizes: Family<OutcomeLabels, Counter>,
    wakes: Family<KindLabels, Counter>,
    watches: Family<WatchLabels, Gauge>,
    leads: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WatchLabels {
    kind: &'static str,
    state: &'static str,
}

impl Metrics {
    /// Registers every metric.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "forescale_operator_reconciles",
            "Looks at PredictiveAutoscalers by outcome",
            self.reconciles.clone(),
        );
        registry.register(
            "forescale_operator_yields",
            "Fields of owned objects that were left to somebody else",
            self.yields.clone(),
        );
        registry.register(
            "forescale_operator_resizes",
            "Changes of CPU and memory of pods by outcome",
            self.resizes.clone(),
        );
        registry.register(
            "forescale_operator_wakes",
            "Looks at PredictiveAutoscalers that a change of what they own has brought on",
            self.wakes.clone(),
        );
        registry.register(
            "forescale_operator_watches",
            "Watches of what scales by state; where one is not live or away, every look reads what it needs",
            self.watches.clone(),
        );
        registry.register(
            "forescale_operator_leads",
            "Whether this replica holds the operator's Lease",
            self.leads.clone(),
        );
    }

    pub(super) fn reconciled(&self, outcome: &'static str) {
        self.reconciles
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    pub(super) fn yielded(&self, fields: usize) {
        self.yields.inc_by(fields as u64);
    }

    pub(super) fn resized(&self, outcome: &'static str) {
        self.resizes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Something happened to an object of this kind that is owned.
    pub(super) fn woken(&self, kind: &'static str) {
        self.wakes.get_or_create(&KindLabels { kind }).inc();
    }

    #[cfg(test)]
    pub(super) fn wakes(&self, kind: &'static str) -> u64 {
        self.wakes.get_or_create(&KindLabels { kind }).get()
    }

    /// Looks that went well.
    #[cfg(test)]
    pub(super) fn looks(&self) -> u64 {
        let labels = OutcomeLabels { outcome: "ok" };
        self.reconciles.get_or_create(&labels).get()
    }

    /// A watch of this kind is doing otherwise than before.
    pub(super) fn stands(&self, kind: &'static str, was: Option<State>, now: State) {
        let labels = |state: State| WatchLabels {
            kind,
            state: state.as_str(),
        };
        if let Some(was) = was {
            self.watches.get_or_create(&labels(was)).dec();
        }
        self.watches.get_or_create(&labels(now)).inc();
    }

    pub(super) fn leads(&self, leads: bool) {
        self.leads.set(i64::from(leads));
    }
}
