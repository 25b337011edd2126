//! Which plan of the family is followed.

use std::time::Duration;

use super::{FACTORS, KINDS, LEVELS, Learned, Objective, factor_of};
use crate::domain::{ChosenPlan, HumanDuration, PlanTrials, Quantile};

/// Before so many minutes of evidence nothing is chosen.
const ENOUGH_MINUTES: f64 = 1440.0;

/// So many minutes without shortage are taken for granted: a single short minute of the first days is no verdict.
const GRACE_MINUTES: f64 = 720.0;

/// Another plan must be better by this much.
const HYSTERESIS: f64 = 0.01;

/// Chooses, and notes the choice down; `None` while there is too little evidence.
pub(in crate::plan) fn choose(learned: &mut Learned, objective: Objective) -> Option<ChosenPlan> {
    let trials = &mut learned.trials;
    if trials.minutes < ENOUGH_MINUTES {
        return None;
    }
    let plan = best(trials, objective)?;
    trials.chosen = u16::try_from(plan).ok();
    let (kind, factor) = (plan / FACTORS, plan % FACTORS);
    let (base, window) = KINDS[kind];
    Some(ChosenPlan {
        level: LEVELS
            .get(base)
            .and_then(|level| Quantile::new(*level).ok()),
        window: Duration::from_mins(u64::from(window)).into(),
        highest: learned.kinds[kind],
        factor: factor_of(factor),
        short: f64::from(trials.short[plan]) / trials.minutes,
        evidence: HumanDuration::from_secs((trials.minutes * 60.0) as u64),
    })
}

/// The cheapest plan within the objective, or the least short one when there is none within it; the one that was chosen
/// before unless another is clearly better.
fn best(trials: &PlanTrials, objective: Objective) -> Option<usize> {
    let plans = 0..KINDS.len() * FACTORS;
    let leader = plans.min_by(|a, b| order(trials, objective, *a, *b))?;
    let before = trials.chosen.map(usize::from);
    let Some(before) = before.filter(|plan| *plan < trials.cost.len()) else {
        return Some(leader);
    };
    let (old, new) = (
        loss(trials, objective, before),
        loss(trials, objective, leader),
    );
    let stays = old.0 == new.0 && new.1 >= old.1 * (1.0 - HYSTERESIS);
    Some(if stays { before } else { leader })
}

fn order(trials: &PlanTrials, objective: Objective, a: usize, b: usize) -> std::cmp::Ordering {
    let (a, b) = (loss(trials, objective, a), loss(trials, objective, b));
    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
}

/// Whether a plan misses the objective, and by what plans are compared among those that do and those that don't.
fn loss(trials: &PlanTrials, objective: Objective, plan: usize) -> (bool, f64) {
    let (cost, short) = (trials.cost[plan], f64::from(trials.short[plan]));
    match objective {
        Objective::Shortage(price) => (false, cost + price * short),
        Objective::Overload(share) => {
            let missed = short / (trials.minutes + GRACE_MINUTES) > share;
            // Among plans that are all short too often, a minute less is worth any price.
            let price = if missed { 1e6 * short } else { 0.0 };
            (missed, cost + price)
        }
    }
}

/// The place of a plan, for tests.
#[cfg(test)]
pub(super) fn plan_of(base: usize, window: u32, factor: usize) -> usize {
    let kind = KINDS.iter().position(|kind| *kind == (base, window));
    super::place(kind.unwrap_or(0), factor)
}
