//! The HPA on the metric, tuned: target and behavior by grid search on the time before the judged part.
//!
//! This is what a careful operator gets out of an HPA with the past in hand. The grid: 17 targets, scale-down windows of
//! 1 to 30 minutes, scale-down at once or by a tenth a minute, tolerance 10 % or none. The safety setting is the overload
//! allowed while fitting; of the candidates that keep it the cheapest is taken, and if none keeps it the one with the
//! least.

use std::time::Duration;

use super::HpaOnMetric;
use crate::simulate::cluster::{Scene, run};
use crate::simulate::frontier::{Frontier, Point};
use crate::simulate::hpa::{Behavior, Policy as Rate};

/// It is fitted on no more than this.
const LONGEST_PAST: Duration = Duration::from_hours(14 * 24);
const TARGETS: [f64; 17] = [
    0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0,
];
const DOWN_WINDOWS_MINUTES: [u64; 4] = [1, 5, 15, 30];
const DOWN_RATES: [Rate; 2] = [Rate::percent(100, 15), Rate::percent(10, 60)];
const DEFAULT_TOLERANCE: f64 = 0.1;
const TOLERANCES: [f64; 2] = [DEFAULT_TOLERANCE, 0.0];

/// One setting of the HPA.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Share of a replica's capacity.
    pub target: f64,
    /// Its behavior.
    pub behavior: Behavior,
}

/// What a candidate did.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The candidate.
    pub candidate: Candidate,
    /// Overload in percent of the time.
    pub overload_percent: f64,
    /// What it cost.
    pub replica_hours: f64,
}

/// All candidates, tried on the same past.
#[derive(Clone, Debug)]
pub struct Search {
    tried: Vec<Tried>,
}

/// The candidates.
pub fn grid() -> Vec<Candidate> {
    let mut grid = Vec::new();
    for target in TARGETS {
        for window in DOWN_WINDOWS_MINUTES {
            for rate in DOWN_RATES {
                for tolerance in TOLERANCES {
                    let mut behavior = Behavior::default().with_tolerance(tolerance);
                    behavior.scale_down.stabilization = Duration::from_mins(window);
                    behavior.scale_down.policies = vec![rate];
                    grid.push(Candidate { target, behavior });
                }
            }
        }
    }
    grid
}

impl Default for Candidate {
    /// The safest target, default behavior.
    fn default() -> Self {
        Self {
            target: TARGETS[0],
            behavior: Behavior::default(),
        }
    }
}

impl Candidate {
    /// As a policy, where a replica carries `capacity`.
    pub fn policy(&self, capacity: f64) -> HpaOnMetric {
        HpaOnMetric::new(capacity, self.target)
            .named("hpa-tuned")
            .with_behavior(self.behavior.clone())
    }
}

impl Tried {
    fn point(&self) -> Point {
        Point {
            setting: self.candidate.target,
            overload_percent: self.overload_percent,
            replica_hours: self.replica_hours,
        }
    }
}

impl Search {
    /// Tries the grid on what lies before the judged part of `scene`.
    pub fn before(scene: &Scene<'_>) -> Self {
        let since = scene.from() - LONGEST_PAST;
        Self::on(&scene.judged(since, scene.from()))
    }

    /// Tries the grid on the judged part of `scene`: the frontier of the HPA in hindsight.
    pub fn on(scene: &Scene<'_>) -> Self {
        let try_out = |candidate: Candidate| {
            let figures = run(scene, &mut candidate.policy(scene.cluster.capacity));
            Tried {
                overload_percent: figures.overload_percent(),
                replica_hours: figures.replica_hours(),
                candidate,
            }
        };
        Self {
            tried: grid().into_iter().map(try_out).collect(),
        }
    }

    /// The HPA's frontier over all that was tried; a point's setting is its target.
    pub fn frontier(&self) -> Frontier {
        Frontier::new(self.tried.iter().map(Tried::point))
    }

    /// The same over what leaves the HPA its default tolerance, as clusters do that can't set it by workload.
    pub fn usual_frontier(&self) -> Frontier {
        let usual =
            |tried: &&Tried| tried.candidate.behavior.scale_up.tolerance == Some(DEFAULT_TOLERANCE);
        let kept = self.tried.iter().filter(usual);
        Frontier::new(kept.map(Tried::point))
    }

    /// All that was tried.
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// The cheapest one with at most this overload, in percent; else the one with the least. With nothing to fit on all
    /// look alike, and the first, safest target is taken.
    pub fn best(&self, overload_percent: f64) -> Candidate {
        let keeps = |tried: &&Tried| tried.overload_percent <= overload_percent;
        let by_cost = |a: &&Tried, b: &&Tried| a.replica_hours.total_cmp(&b.replica_hours);
        let by_overload = |a: &&Tried, b: &&Tried| {
            let overload = a.overload_percent.total_cmp(&b.overload_percent);
            overload.then(a.replica_hours.total_cmp(&b.replica_hours))
        };
        let kept = self.tried.iter().filter(keeps).min_by(by_cost);
        let best = kept.or_else(|| self.tried.iter().min_by(by_overload));
        best.map_or_else(Candidate::default, |best| best.candidate.clone())
    }
}
