//! `maxOverload`, held by feedback on the fleet that was really there.
//!
//! The plans on trial are judged as if every replica took the whole lead time and none were Ready a moment sooner, and as if
//! the HPA did nothing but what it is told. A fleet is mostly a little better than that (pods start sooner, the HPA rounds
//! up), so that plans kept within 0.5 % cost more than the objective asks for; and sometimes it is much worse (a lead time
//! that was given is too short, nodes have to come first). What the trials may be short is therefore corrected until the
//! share of the time in which the Ready replicas were short is the one that `maxOverload` allows.
//!
//! The rule is that of adaptive conformal inference (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution
//! Shift", 2021): each moment moves the level that is aimed at by what was allowed less what was missed. Here it moves
//! its logarithm, in proportion to the objective, because objectives lie decades apart and a level must stay above zero.
//!
//! Only what a plan can do something about counts: moments in which a chosen plan was told in full and was not cut by a bound
//! lately. A shortage does not count while replicas are missing that were asked for long ago (no room in the cluster, a rollout,
//! an HPA that doesn't follow), and its absence does not where others hold more replicas than the plan asks for and the plan
//! alone would have been short.

use std::time::Duration;

use super::case::Case;
use super::grade::is_short;
use super::{stage, trials};
use crate::domain::{AimRecord, Limit, Plan, Stage, Timestamp, TriggerSpec};

/// So much time without shortage raises the aim by a factor of e; a moment of it lowers the aim as much as 1 / `maxOverload`
/// moments without raise it.
const TIME_CONSTANT: Duration = Duration::from_hours(14 * 24);

/// The aim is no smaller and no larger a multiple of the objective. Up there is little room: overload comes in bursts, and weeks
/// without one say less of the next than they seem to.
const LEAST: f64 = 0.25;
const MOST: f64 = 1.2;

/// Replicas that have been asked for during so many lead times are owed. Fewer than two would take a lead time that is given
/// too small for somebody else's fault.
pub(super) const OWED: u32 = 3;

/// What the fleet has shown counts no longer than this where it is not seen any more.
const FORGOTTEN: Duration = Duration::from_hours(7 * 24);

/// A look speaks for no more than two intervals, or this.
const LEAST_GAP: Duration = Duration::from_mins(1);

/// The fleet at a moment, in replicas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fleet {
    /// Those that are Ready.
    pub(super) ready: f64,
    /// Those that the load needs.
    pub(super) need: f64,
    /// Where the HPA goes by what it is told.
    pub(super) wanted: u32,
    /// The fewest that plans of the last lead time asked for; `None` where that is not known.
    pub(super) promised: Option<f64>,
    /// The same of [`OWED`] lead times.
    pub(super) owed: Option<f64>,
}

/// The share of the time that plans may be short on trial so that the fleet is short for `share` of it. It is `share` itself
/// where the plan has no full say, or the fleet has not been seen for long: then nothing would move it back.
pub(super) fn in_force(case: &Case<'_>, share: f64) -> f64 {
    let known = case.past.experience().map(|known| known.aim);
    let recent = |known: &AimRecord| {
        let at = known.at.filter(|at| *at <= case.now);
        at.is_some_and(|at| case.now.since(at) <= FORGOTTEN)
    };
    match known.filter(recent) {
        Some(known) if stage::so_far(case) == Stage::Predictive => {
            share * sound(known.log_factor).exp()
        }
        _ => share,
    }
}

/// Within bounds, also from a snapshot that was tampered with.
fn sound(log_factor: f64) -> f64 {
    if log_factor.is_finite() {
        log_factor.clamp(LEAST.ln(), MOST.ln())
    } else {
        0.0
    }
}

/// The record after a look at the fleet; `None` where it is not known, or can't follow.
pub(super) fn observe(
    mut record: AimRecord,
    spec: &TriggerSpec,
    now: Timestamp,
    plan: &Plan,
    fleet: Option<Fleet>,
) -> AimRecord {
    let share = spec.max_overload.filter(|share| *share > 0.0);
    let known = fleet.filter(|it| it.ready.is_finite() && it.need.is_finite());
    let (Some(share), Some(fleet)) = (share, known.filter(|_| is_told_in_full(plan))) else {
        return record;
    };
    if is_cut(plan) {
        record.cut_at = Some(now);
    }
    let cut_at = record.cut_at.filter(|at| *at <= now);
    if cut_at.is_some_and(|at| now.since(at) <= plan.lead_time.get()) {
        return record;
    }
    let short = is_short(fleet.need, fleet.ready);
    let counts = if short {
        fleet.owed.is_some_and(|owed| !is_short(owed, fleet.ready))
    } else {
        let alone = fleet.promised.is_some_and(|it| !is_short(fleet.need, it));
        alone || fleet.ready <= f64::from(fleet.wanted)
    };
    if !counts {
        return record;
    }
    let before = record.at.replace(now).filter(|at| *at <= now);
    let longest = LEAST_GAP.max(spec.interval.get() * 2);
    let passed = before.map(|at| now.since(at));
    if let Some(passed) = passed.filter(|passed| *passed <= longest) {
        let missed = if short { 1.0 / share } else { 0.0 };
        let step = passed.as_secs_f64() / TIME_CONSTANT.as_secs_f64() * (1.0 - missed);
        record.log_factor = sound(sound(record.log_factor) + step);
    }
    record
}

/// Whether all of a plan that was chosen, after a day that was lived through, is what KEDA is told. Before that no plan keeps to
/// the objective at any price, whatever was rehearsed; and what a workload's first hours miss, and a lead time that is not
/// learned yet, would weigh on weeks.
fn is_told_in_full(plan: &Plan) -> bool {
    let stage = stage::of(plan.mode, plan.authority.as_ref());
    stage == Stage::Predictive && plan.chosen.as_ref().is_some_and(trials::is_proven)
}

/// Whether a bound has taken something from it.
fn is_cut(plan: &Plan) -> bool {
    let cuts = |limit| {
        matches!(
            limit,
            Limit::MaxReplicas | Limit::Budget | Limit::Changes | Limit::RampUp
        )
    };
    let mut reasons = plan.reasons.iter();
    reasons.any(|it| it.to < it.from && cuts(it.limit))
}

#[cfg(test)]
mod tests;
