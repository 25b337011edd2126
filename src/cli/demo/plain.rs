//! The plain HPA once more, on what a run has recorded: which threshold would have made it spend as much as Forescale?
//!
//! Demand does not depend on the replicas, so a recording can be run through another cluster exactly.

use super::cluster::Cluster;
use super::setup::{Setup, TICK};
use super::totals::{EqualCost, Totals};
use crate::domain::Timestamp;

/// Replica hours within this share of each other are the same cost.
const CLOSE_ENOUGH: f64 = 0.005;
/// A threshold is sought from an eighth to eight times the configured one.
const REACH: f64 = 8.0;
const ATTEMPTS: usize = 32;

/// What a plain HPA has seen and met, tick by tick.
#[derive(Clone, Debug, Default)]
pub(super) struct Recording {
    ticks: Vec<Tick>,
}

/// One tick.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    pub(super) at: Timestamp,
    /// Demand during the tick.
    pub(super) demand: f64,
    /// What the HPA read, if it looked.
    pub(super) read: Option<Reading>,
}

/// What a look at the metric has shown; `None` where it was missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading(pub(super) Option<f64>);

impl Recording {
    /// Adds a tick.
    pub(super) fn push(&mut self, tick: Tick) {
        self.ticks.push(tick);
    }

    /// What a plain HPA with this threshold makes of the recording.
    pub(super) fn play(&self, setup: &Setup, threshold: f64) -> Totals {
        let Some(first) = self.ticks.first() else {
            return Totals::default();
        };
        let load = first.read.and_then(|read| read.0).unwrap_or_default();
        let mut cluster = Cluster::plain(setup, threshold, load, first.at);
        for tick in &self.ticks {
            step(&mut cluster, setup, *tick);
        }
        cluster.totals()
    }

    /// The plain HPA whose replica hours are `hours`; `None` when no threshold comes close, because the bounds on
    /// replicas stand in the way.
    pub(super) fn tuned_to(&self, setup: &Setup, hours: f64) -> Option<EqualCost> {
        let (mut low, mut high) = (setup.threshold / REACH, setup.threshold * REACH);
        let mut best: Option<EqualCost> = None;
        let miss = |totals: &Totals| (totals.replica_hours - hours).abs();
        for _ in 0..ATTEMPTS {
            let threshold = (low * high).sqrt();
            let totals = self.play(setup, threshold);
            if best.is_none_or(|best| miss(&totals) < miss(&best.totals)) {
                best = Some(EqualCost { threshold, totals });
            }
            // A higher threshold costs less.
            if totals.replica_hours > hours {
                low = threshold;
            } else {
                high = threshold;
            }
        }
        best.filter(|best| miss(&best.totals) <= CLOSE_ENOUGH * hours)
    }
}

/// One tick of a cluster under a plain HPA.
pub(super) fn step(cluster: &mut Cluster, setup: &Setup, tick: Tick) {
    if let Some(Reading(observed)) = tick.read {
        cluster.sync_on_metric(tick.at, observed, setup.without_data);
    }
    cluster.carry(tick.at, TICK, tick.demand);
}
