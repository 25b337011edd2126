//! What is counted of the watches.

use std::collections::HashMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::rights::RIGHTS;
use super::scope::SCALE;
use crate::execute::kubernetes::watch::State;
use crate::telemetry::Registry;

/// Metrics of what is asked of the cluster. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    watches: Family<Watch, Gauge>,
    events: Family<Of, Counter>,
    failures: Family<Of, Counter>,
    reachable: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Watch {
    resource: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    resource: &'static str,
}

impl Metrics {
    /// Puts them on the registry, with the prefix `forescale_cluster`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("forescale_cluster");
        registry.register(
            "watches",
            "What is watched in the cluster by resource and state; refused means that a right is missing",
            self.watches.clone(),
        );
        registry.register(
            "events",
            "Objects that came in from the cluster",
            self.events.clone(),
        );
        registry.register(
            "failures",
            "Requests to the cluster that failed, refusals included",
            self.failures.clone(),
        );
        registry.register(
            "reachable",
            "Whether the Kubernetes API answered when it was last asked",
            self.reachable.clone(),
        );
    }

    /// An object came in.
    pub(super) fn event(&self, resource: &'static str) {
        self.events.get_or_create(&Of { resource }).inc();
    }

    /// A request failed.
    pub(super) fn failure(&self, resource: &'static str) {
        self.failures.get_or_create(&Of { resource }).inc();
    }

    /// The API answered, or it did not.
    pub(super) fn reached(&self, answered: bool) {
        self.reachable.set(i64::from(answered));
    }

    /// How many watches there are now, each by its resource and state.
    pub(super) fn count(&self, watches: impl Iterator<Item = (&'static str, State)>) {
        let mut counts = HashMap::new();
        for (resource, state) in watches {
            *counts.entry((resource, state)).or_insert(0) += 1;
        }
        // A state that nothing is in any more has to go back to 0.
        let resources = RIGHTS.iter().map(|right| right.resource);
        for resource in resources.chain([SCALE]) {
            for state in State::ALL {
                let count = counts.get(&(resource, state)).copied().unwrap_or(0);
                let watch = Watch {
                    resource,
                    state: state.as_str(),
                };
                self.watches.get_or_create(&watch).set(count);
            }
        }
    }
}
