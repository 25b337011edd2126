//! `maxOverload`, held by feedback on the fleet that was really there.
//!
//! The plans on trial are judged as if every replica took the whole lead time and none were Ready a moment sooner, and as if
//! the HPA did nothing but what it is told. A fleet is mostly better than that (pods start sooner, the HPA rounds up, a plan
//! is smoothed), so that plans kept within 0.5 % cost more than the objective asks for; and sometimes it is worse (a lead
//! time that was given is too short, nodes have to come first). What the trials may be short is therefore corrected until the
//! share of the time in which the Ready replicas were short is the one that `maxOverload` allows.
//!
//! The rule is that of adaptive conformal inference (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution
//! Shift", 2021): each moment moves the level that is aimed at by what was allowed less what was missed. Here it moves
//! its logarithm, in proportion to the objective, because objectives lie decades apart and a level must stay above zero.
//!
//! Only what a plan can do something about counts: moments in which a chosen plan was told in full and not cut by a bound,
//! with no more replicas than it asks for (others may hold them), and of a shortage only as long as replicas take to start,
//! twice: one that lasts longer has another reason (no room in the cluster, an HPA that doesn't follow).

use std::time::Duration;

use super::case::LONGEST_GAP;
use crate::domain::{AimRecord, Limit, Mode, Plan, Stage, Timestamp, TriggerSpec};

/// So much time without shortage raises the aim by a factor of e; a moment of it lowers the aim as much as 1 / `maxOverload`
/// moments without raise it.
const TIME_CONSTANT: Duration = Duration::from_hours(14 * 24);

/// The aim is no smaller and no larger a multiple of the objective.
const LEAST: f64 = 0.25;
const MOST: f64 = 2.0;

/// Lead times for which a shortage counts.
const COUNTED: u32 = 2;

/// Float noise in a load.
const NOISE: f64 = 1e-9;

/// The fleet at a moment, in replicas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fleet {
    /// Those that are Ready.
    pub(super) ready: f64,
    /// Those that the load needs.
    pub(super) need: f64,
    /// Where the HPA goes by what it is told.
    pub(super) wanted: u32,
}

/// The share of the time that plans may be short on trial so that the fleet is short for `share` of it.
pub(super) fn of(record: &AimRecord, share: f64) -> f64 {
    let log_factor = record.log_factor;
    let log_factor = if log_factor.is_finite() {
        log_factor
    } else {
        0.0
    };
    share * log_factor.exp().clamp(LEAST, MOST)
}

/// The record after a look at the fleet; `None` where it is not known.
pub(super) fn observe(
    mut record: AimRecord,
    spec: &TriggerSpec,
    now: Timestamp,
    plan: &Plan,
    fleet: Option<Fleet>,
) -> AimRecord {
    let share = spec.max_overload.filter(|share| *share > 0.0);
    let (Some(share), Some(fleet)) = (share, fleet.filter(|_| is_followed(plan))) else {
        return interrupted(record);
    };
    let short = fleet.need - fleet.ready > NOISE * fleet.need.max(1.0);
    if !short {
        record.short_since = None;
        if fleet.ready > f64::from(fleet.wanted) {
            record.at = None;
            return record;
        }
    }
    let since = short.then(|| record.short_since.filter(|at| *at <= now).unwrap_or(now));
    record.short_since = since;
    let before = record.at.replace(now).filter(|at| *at <= now);
    let passed = before.map(|at| now.since(at));
    let Some(passed) = passed.filter(|passed| *passed <= LONGEST_GAP) else {
        return record;
    };
    let counts = since.is_none_or(|since| now.since(since) <= plan.lead_time.get() * COUNTED);
    if counts {
        let missed = if short { 1.0 / share } else { 0.0 };
        let step = passed.as_secs_f64() / TIME_CONSTANT.as_secs_f64() * (1.0 - missed);
        record.log_factor = (record.log_factor + step).clamp(LEAST.ln(), MOST.ln());
    }
    record
}

/// The record where nothing can be said of the present.
pub(super) fn interrupted(record: AimRecord) -> AimRecord {
    AimRecord {
        at: None,
        short_since: None,
        ..record
    }
}

/// Whether what becomes of the fleet is the doing of a plan that was chosen.
fn is_followed(plan: &Plan) -> bool {
    let told = match plan.mode {
        Mode::Predictive => true,
        Mode::Auto => {
            let stage = plan.authority.as_ref().map(|authority| authority.stage);
            stage == Some(Stage::Predictive)
        }
        _ => false,
    };
    let cut = |limit| {
        matches!(
            limit,
            Limit::MaxReplicas | Limit::Budget | Limit::Changes | Limit::RampUp
        )
    };
    let mut reasons = plan.reasons.iter();
    told && plan.chosen.is_some() && !reasons.any(|it| it.to < it.from && cut(it.limit))
}

#[cfg(test)]
mod tests;
