//! The run: virtual time in lock-step with the loop.
//!
//! A tick moves the clock, lets the loop do what is due and waits until it has published, then plays KEDA and the HPA
//! on both clusters where their 15 seconds have passed, and lets the demand of the tick meet the pods that are ready.
//! No decision depends on how fast the machine is.

use std::sync::Arc;

use super::cluster::Cluster;
use super::frame::{Trail, TrailPoint};
use super::plain::{self, Reading, Recording, Tick};
use super::scaler::Scaler;
use super::setup::{START, Setup, TICK};
use super::summary::{Answers, Run, Summary};
use super::totals::Totals;
use crate::domain::{Basis, Clock, HumanDuration, ManualClock, Timestamp};
use crate::simulate::demand::Demand;
use crate::simulate::hpa::SYNC_PERIOD;
use crate::simulate::keda::Answer;

/// A point of the trail for each of these.
const TRAIL_EVERY: std::time::Duration = std::time::Duration::from_mins(1);

/// A run in progress.
#[derive(Debug)]
pub(super) struct Driver<S> {
    pub(super) setup: Setup,
    clock: Arc<ManualClock>,
    demand: Arc<Demand>,
    scaler: S,
    forescale: Cluster,
    plain: Cluster,
    recording: Recording,
    trail: Trail,
    answers: Answers,
}

impl<S: Scaler> Driver<S> {
    /// A run at its start.
    pub(super) fn new(
        setup: Setup,
        clock: Arc<ManualClock>,
        demand: Arc<Demand>,
        scaler: S,
    ) -> Self {
        clock.set(START);
        let load = demand.observed(START).unwrap_or_default();
        Self {
            forescale: Cluster::planned(&setup, scaler.target(), load, START),
            plain: Cluster::plain(&setup, setup.threshold, load, START),
            setup,
            clock,
            demand,
            scaler,
            recording: Recording::default(),
            trail: Trail::default(),
            answers: Answers::default(),
        }
    }

    /// The present virtual moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the time to run has passed.
    pub(super) fn finished(&self) -> bool {
        self.now() >= self.setup.until()
    }

    /// Plays the next [`TICK`].
    pub(super) async fn tick(&mut self) {
        let now = self.now();
        self.scaler.turn().await;
        let read = is_multiple(now, SYNC_PERIOD).then(|| Reading(self.demand.observed(now)));
        if read.is_some() {
            let answer = self.scaler.ask().await;
            self.count(&answer);
            self.forescale.sync(now, answer);
        }
        let demand = self.demand.value(now + TICK / 2);
        let tick = Tick {
            at: now,
            demand,
            read,
        };
        plain::step(&mut self.plain, &self.setup, tick);
        self.forescale.carry(now, TICK, demand);
        self.recording.push(tick);
        if is_multiple(now, TRAIL_EVERY) {
            self.trail.push(self.trail_point(now, demand));
        }
        self.clock.advance(TICK);
    }

    /// The score so far, of Forescale and of the plain HPA.
    pub(super) fn totals(&self) -> (Totals, Totals) {
        (self.forescale.totals(), self.plain.totals())
    }

    /// The recent past of both clusters.
    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The scaler.
    pub(super) fn scaler(&self) -> &S {
        &self.scaler
    }

    /// What the run has shown.
    pub(super) fn summary(&self) -> Summary {
        let (forescale, plain) = self.totals();
        let differ = super::verdict::costs_differ(&forescale, &plain);
        let tuned = || {
            self.recording
                .tuned_to(&self.setup, forescale.replica_hours)
        };
        let equal_cost = differ.then(tuned).flatten();
        let run = Run {
            pattern: self.setup.pattern,
            seed: self.setup.seed,
            from: START,
            length: HumanDuration(self.now().since(START)),
            cut_short: !self.finished(),
            metadata: self.setup.metadata.clone(),
            capacity_per_replica: self.setup.capacity(),
            plain_hpa_without_data: self.setup.without_data,
        };
        Summary::new(run, forescale, plain, equal_cost, self.answers.clone())
    }

    fn count(&mut self, answer: &Answer) {
        self.answers.polls += 1;
        let Some((_, active)) = answer else {
            self.answers.failed += 1;
            return;
        };
        if !active {
            self.answers.inactive += 1;
        }
        let Some(published) = self.scaler.published() else {
            return;
        };
        let plan = &published.plan;
        *self
            .answers
            .by_basis
            .entry(plan.basis.to_string())
            .or_default() += 1;
        if let (Basis::Forecast, Some(model)) = (plan.basis, &plan.model) {
            *self.answers.by_model.entry(model.to_string()).or_default() += 1;
        }
    }

    fn trail_point(&self, now: Timestamp, demand: f64) -> TrailPoint {
        TrailPoint {
            at: now,
            demand,
            observed: self.demand.observed(now),
            forescale: self.forescale.ready(now),
            forescale_total: self.forescale.total(),
            plain: self.plain.ready(now),
            plain_total: self.plain.total(),
            needed: (demand / self.setup.capacity()).ceil() as u32,
        }
    }
}

fn is_multiple(at: Timestamp, of: std::time::Duration) -> bool {
    at.floor_to(of) == at
}

#[cfg(test)]
mod tests;
