//! How much to be safe, learned: a family of plans is kept on trial, and the one that would have met the objective at the
//! least cost so far is followed (follow the leader).
//!
//! A plan of the family asks for capacity for `factor` times the highest that its base has expected within its window. The
//! bases are quantiles of the forecast's peak over the lead time, and the measured load itself: with that base the family
//! holds a tuned HPA (its target is 1 / factor, its stabilisation window the window) as a special case, so that the choice
//! can fall on it where a forecast brings nothing. What a plan would have cost and missed does not depend on what was really
//! done, so all of them are judged at every refresh on the load that came: a plan is short when the load is above what all
//! its wishes of the last lead time have asked for, because a replica asked for later is not Ready yet.

mod choice;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::case::Case;
use super::outlook;
use crate::domain::{PlanTrials, Quantile, Slots};
pub(super) use choice::choose;

/// Quantiles of the peak that plans start from; the measured load is one base more, the last.
const LEVELS: [f64; 3] = [0.5, 0.9, 0.98];
const BASES: usize = LEVELS.len() + 1;

/// Each kind of plan: its base, and the minutes over which the highest expectation counts.
const KINDS: [(usize, u32); 13] = [
    (0, 0),
    (0, 5),
    (0, 30),
    (1, 0),
    (1, 5),
    (1, 30),
    (2, 0),
    (2, 5),
    (2, 30),
    (3, 0),
    (3, 5),
    (3, 30),
    (3, 60),
];
const LONGEST_WINDOW: usize = 60;

/// Factors are powers of this, from [`LOWEST`] on.
const RATIO: f64 = 1.08;
const LOWEST: i32 = -3;
const FACTORS: usize = 20;

/// Evidence fades with this half-life.
const HALF_LIFE_MINUTES: f64 = 14.0 * 1440.0;

/// After a longer silence the present says nothing about what was asked before it.
const LONGEST_GAP: Duration = Duration::from_mins(5);

/// Slots of the lead time.
const LEAD_SLOTS: u32 = 16;

/// Float noise in a load.
const NOISE: f64 = 1e-9;

/// What the trials aim at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective {
    /// The share of time that may be short.
    Overload(f64),
    /// What a replica-minute short costs against one spare.
    Shortage(f64),
}

/// The objective of the trigger; `None` when it gives the quantile itself.
pub(super) fn objective(case: &Case<'_>) -> Option<Objective> {
    let by_share = case.spec.max_overload.map(Objective::Overload);
    by_share.or(case.spec.shortage_cost.map(Objective::Shortage))
}

/// Where plans start from right now, and what has been learned.
pub(super) struct Learned {
    pub(super) trials: PlanTrials,

    /// For each kind: the highest of its window.
    kinds: [f64; KINDS.len()],
}

/// Judges every plan of the family on the load that has come, and lets each ask for what it wants now.
pub(super) fn learn(case: &Case<'_>, objective: Objective, load: f64) -> Learned {
    let mut trials = case.past.trials().clone();
    arrange(&mut trials, case.lead);
    let elapsed = trials.at.map(|at| case.now.since(at));
    let minutes = elapsed.map_or(0.0, |gap| gap.as_secs_f64() / 60.0);
    if elapsed.is_none_or(|gap| gap > LONGEST_GAP) {
        trials
            .asked
            .iter_mut()
            .for_each(|slots| slots.values.clear());
    } else if minutes > 0.0 {
        judge(&mut trials, case, objective, load, minutes);
    }
    let bases = bases(case, load);
    for (slots, value) in trials.bases.iter_mut().zip(bases) {
        slots.put(case.now, value, LONGEST_WINDOW + 1, f32::max);
    }
    let kinds = KINDS.map(|(base, window)| {
        let since = case.now - Duration::from_mins(u64::from(window));
        let past = trials.bases[base].after(since).filter(|_| window > 0);
        past.fold(bases[base], |a, b| a.max(f64::from(b)))
    });
    for (slots, value) in trials.asked.iter_mut().zip(kinds) {
        slots.put(case.now, value, LEAD_SLOTS as usize + 1, f32::min);
    }
    trials.at = Some(case.now);
    Learned { trials, kinds }
}

/// Makes room for the family; a lead time that has changed begins its slots anew.
fn arrange(trials: &mut PlanTrials, lead: Duration) {
    let plans = KINDS.len() * FACTORS;
    if trials.cost.len() != plans || trials.short.len() != plans {
        *trials = PlanTrials {
            cost: vec![0.0; plans],
            short: vec![0.0; plans],
            ..PlanTrials::default()
        };
    }
    let minute = Slots::new(Duration::from_mins(1));
    trials.bases.resize(BASES, minute);
    let slot = Slots::new(lead / LEAD_SLOTS);
    if trials.asked.len() != KINDS.len() || trials.asked.iter().any(|s| s.width != slot.width) {
        trials.asked = vec![slot; KINDS.len()];
    }
}

fn judge(trials: &mut PlanTrials, case: &Case<'_>, objective: Objective, load: f64, minutes: f64) {
    let since = case.now - case.lead;
    if !trials.asked.iter().all(|slots| slots.reach(since)) {
        return;
    }
    let keep = 0.5_f64.powf(minutes / HALF_LIFE_MINUTES);
    trials.minutes = trials.minutes * keep + minutes;
    let threshold = case.spec.threshold.max(0.001);
    let need = load / threshold;
    let floor = f64::from(case.measured_need(load));
    for (kind, slots) in trials.asked.iter().enumerate() {
        let held = slots.after(since).fold(f32::INFINITY, f32::min);
        let now = slots.values.back().copied().unwrap_or(held);
        let (held, now) = (f64::from(held) / threshold, f64::from(now) / threshold);
        for factor in 0..FACTORS {
            let plan = place(kind, factor);
            let by = factor_of(factor);
            let ready = ceil(by * held);
            let missing = need - ready;
            let short = match objective {
                Objective::Overload(_) => f64::from(u8::from(missing > NOISE * need)),
                Objective::Shortage(_) => missing.max(0.0),
            };
            let asked = ceil(by * now).max(floor);
            trials.cost[plan] = trials.cost[plan] * keep + asked * minutes;
            trials.short[plan] = (f64::from(trials.short[plan]) * keep + short * minutes) as f32;
        }
    }
}

/// The load that each base expects; where the forecast says nothing, the measured one.
fn bases(case: &Case<'_>, load: f64) -> [f64; BASES] {
    let mut all = [load; BASES];
    for (base, level) in all.iter_mut().zip(LEVELS) {
        let expected = Quantile::new(level)
            .ok()
            .and_then(|level| outlook::worst_at(case, level, case.lead));
        if let Some(peak) = expected {
            *base = peak.value.max(load);
        }
    }
    all
}

fn place(kind: usize, factor: usize) -> usize {
    kind * FACTORS + factor
}

fn factor_of(factor: usize) -> f64 {
    RATIO.powi(LOWEST + i32::try_from(factor).unwrap_or(0))
}

/// Whole replicas; a forecast's float noise asks for no more.
fn ceil(replicas: f64) -> f64 {
    (replicas - 1e-6 * replicas.max(1.0)).ceil().max(0.0)
}
