//! The score of one cluster.

use serde::Serialize;

/// What a cluster has cost and how well it has served, from the first tick to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals {
    /// Minutes in which demand was above what the ready replicas carry.
    pub(super) overload_minutes: f64,
    /// Demand that found no capacity, in percent of all demand.
    pub(super) unmet_percent: f64,
    /// Hours of replicas, from the moment each was asked for.
    pub(super) replica_hours: f64,
    /// How often the number of replicas was changed.
    pub(super) changes: u64,
    /// The most replicas at one time.
    pub(super) most_replicas: u32,
}

/// A plain HPA that was tuned to spend as much as Forescale did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EqualCost {
    /// The threshold it took.
    pub(super) threshold: f64,
    /// What it made of it.
    #[serde(flatten)]
    pub(super) totals: Totals,
}
