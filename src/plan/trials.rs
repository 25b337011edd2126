//! How much to be safe, learned: a family of plans is kept on trial, and the one that would have met the objective at the
//! least cost so far is followed (follow the leader).
//!
//! Most of the family weigh the risk that the forecast sees (`risk`), each at its price. The others are a tuned HPA: the
//! measured load times a factor (its target is 1 / factor, its stabilisation window the window), so that the choice can
//! fall on that where a forecast brings nothing. What a plan would have cost and missed does not depend on what was really
//! done, so all of them are judged at every refresh on the load that came: a plan is short when the load is above what all
//! its wishes of the last lead time have asked for, because a replica asked for later is not Ready yet. While there is no
//! forecast to rely on, those that need one ask for what the best on the measured load asks for.
//!
//! Being short is rare, and the cheapest plan that has kept to an objective so far is mostly one that was lucky. So what the
//! forecast says of it stands beside the count (`expect`), as a prior that evidence soon outweighs. With it twenty minutes are
//! enough to choose; without it, it takes a day.
//!
//! A workload with history need not wait for evidence: what the models would have forecast in the trials of the first fit
//! is judged in the same way (`rehearse`).

mod choice;
mod family;
mod rehearse;
mod risk;
mod steady;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::aim;
use super::case::Case;
use super::smooth::SETTLED_AFTER;
use crate::domain::{LeadTime, PlanTrials, Slots, Timestamp, TriggerSpec};
pub(super) use choice::{Ask, Choice, choose, has_a_day, is_proven};
use family::{ASKS, LOAD_WINDOWS, Member, PLANS, RISK_PLANS, RISK_WINDOWS, RISKS, factor_of};
pub(super) use rehearse::{lead_time, rehearse};
use risk::Peak;

/// Evidence fades with this half-life. Where an objective leaves minutes a week, a shorter memory follows whoever was lucky
/// lately; a longer one takes weeks to notice that a workload has become another.
const HALF_LIFE_MINUTES: f64 = 28.0 * 1440.0;

/// Slots of a lead time that is given.
const GIVEN_SLOTS: u32 = 8;

/// Float noise in a load.
const NOISE: f64 = 1e-9;

/// What the trials aim at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective {
    /// The share of time that may be short, and what is aimed at so that it is.
    Overload { share: f64, aim: f64 },
    /// What a replica-minute short costs against one spare.
    Shortage(f64),
}

/// The objective of the trigger; `None` when it gives the quantile itself.
pub(super) fn objective(spec: &TriggerSpec) -> Option<Objective> {
    let by_share = spec
        .max_overload
        .map(|share| Objective::Overload { share, aim: share });
    by_share.or(spec.shortage_cost.map(Objective::Shortage))
}

/// The same as the fleet has moved it.
pub(super) fn aimed(case: &Case<'_>) -> Option<Objective> {
    let objective = objective(case.spec)?;
    Some(match objective {
        Objective::Overload { share, .. } => Objective::Overload {
            share,
            aim: aim::in_force(case, share),
        },
        Objective::Shortage(_) => objective,
    })
}

/// What has been learned, and what is asked for right now.
pub(super) struct Learned {
    pub(super) trials: PlanTrials,
    /// What each rule that weighs the risk needs.
    needs: [f32; RISKS],
    /// What each plan that weighs the risk asks for, in replicas; then the highest load of each window.
    asks: Vec<f32>,
}

/// Judges every plan of the family on the load that has come, and lets each ask for what it wants now.
pub(super) fn learn(case: &Case<'_>, objective: Objective, load: f64) -> Learned {
    let mut trials = case.past.trials().clone();
    arrange(&mut trials, case);
    let passed = case.passed(trials.at);
    let minutes = passed.map_or(0.0, |passed| passed.as_secs_f64() / 60.0);
    if passed.is_none() {
        trials.asked.values.clear();
        trials.held.clear();
        if trials.at.is_some_and(|at| at > case.now) {
            // The clock was set back: what is written down for a time to come would count until then.
            trials.loads.values.clear();
            trials.wishes.values.clear();
        }
    }
    let judged = minutes > 0.0 && judge(&mut trials, case, objective, load, minutes);
    let Asked { peak, needs, asks } = ask(&mut trials, case, objective, load);
    let mut settled = asks.clone();
    steady::settle(&trials, case, &mut settled);
    if judged {
        expect(
            &mut trials,
            case,
            objective,
            peak.as_ref(),
            (&settled, minutes),
        );
    }
    let most = most_asked(case, &trials.asked);
    trials.asked.put(case.now, &settled, most, f32::min);
    trials.held = settled[..RISK_PLANS].to_vec();
    trials.at = Some(case.now);
    Learned {
        trials,
        needs,
        asks,
    }
}

/// How far ahead what is asked for should last.
pub(super) fn lasting(case: &Case<'_>) -> Duration {
    case.ahead() + steady::LASTING
}

/// What is asked for.
struct Asked {
    /// What the forecast says, if it says anything.
    peak: Option<Peak>,
    /// What each rule that weighs the risk needs.
    needs: [f32; RISKS],
    /// By all plans, their windows included.
    asks: Vec<f32>,
}

/// What the plans ask for now.
fn ask(trials: &mut PlanTrials, case: &Case<'_>, objective: Objective, load: f64) -> Asked {
    let loads = remember(&mut trials.loads, case, &LOAD_WINDOWS, &[load as f32]);
    let floor = case.measured_need(load);
    let peak = Peak::foreseen(case, load, case.ahead());
    let needs = match &peak {
        Some(peak) => risk::wishes(peak, floor),
        None => [without_forecast(trials, case, objective, &loads).max(floor as f32); RISKS],
    };
    let before = &trials.held;
    let further = peak.filter(|_| !before.is_empty());
    let further = further.and_then(|_| Peak::foreseen(case, load, lasting(case)));
    let wishes = further.map_or(needs, |peak| {
        steady::keep(&needs, &risk::wishes(&peak, floor), before)
    });
    let mut asks = remember(&mut trials.wishes, case, &RISK_WINDOWS, &wishes);
    asks.extend(loads);
    Asked { peak, needs, asks }
}

/// Writes down what is said now, for the longest window and as long as a plan waits after it before it goes down; the
/// highest of each window, window after window.
fn remember(slots: &mut Slots, case: &Case<'_>, windows: &[u32], now: &[f32]) -> Vec<f32> {
    let longest = windows.iter().max().map_or(0, |minutes| *minutes);
    let kept = Duration::from_mins(u64::from(longest)) + SETTLED_AFTER;
    slots.put(case.now, now, slots.many(kept) + 1, f32::max);
    let within = |window: &u32| {
        let since = case.now - Duration::from_mins(u64::from(*window));
        let mut highest = now.to_vec();
        if *window > 0 {
            raise(&mut highest, slots, since);
        }
        highest
    };
    windows.iter().flat_map(within).collect()
}

/// Raises each value to the highest that was written down since.
fn raise(values: &mut [f32], slots: &Slots, since: Timestamp) {
    for row in slots.after(since) {
        let values = values.iter_mut().zip(row);
        values.for_each(|(highest, value)| *highest = highest.max(*value));
    }
}

/// Makes room for the family.
fn arrange(trials: &mut PlanTrials, case: &Case<'_>) {
    let minute = Duration::from_mins(1);
    let fits = [(&trials.loads, 1), (&trials.wishes, RISKS)];
    let fits = fits
        .iter()
        .all(|(slots, columns)| slots.columns == *columns);
    if !fits || trials.cost.len() != PLANS || trials.short.len() != PLANS {
        *trials = PlanTrials {
            loads: Slots::new(minute, 1),
            wishes: Slots::new(minute, RISKS),
            cost: vec![0.0; PLANS],
            short: vec![0.0; PLANS],
            ..PlanTrials::default()
        };
    }
    if trials.expected.len() != PLANS {
        // Remembered from before it was counted.
        trials.expected.clone_from(&trials.short);
    }
    let width = case.slot(GIVEN_SLOTS).max(case.spec.interval.get() / 2);
    let asked = Slots::new(width, ASKS);
    if (trials.asked.width, trials.asked.columns) != (asked.width, asked.columns) {
        trials.asked = asked;
    }
}

/// Slots of what was asked for that are kept: what is in force for a lead time, and for twice that where it is learned and
/// may grow.
fn most_asked(case: &Case<'_>, asked: &Slots) -> usize {
    let lead = match case.spec.lead_time {
        LeadTime::Fixed(_) => case.lead,
        LeadTime::Auto => case.lead * 2,
    };
    let span = lead + case.spec.interval.get();
    asked.many(span).saturating_add(2)
}

/// Judges what was asked for a lead time ago on the load that has come; whether so much is known.
fn judge(
    trials: &mut PlanTrials,
    case: &Case<'_>,
    objective: Objective,
    load: f64,
    minutes: f64,
) -> bool {
    let since = case.now - case.lead;
    let Some(in_force) = trials.asked.in_force(since) else {
        return false;
    };
    let mut held = [f32::INFINITY; ASKS];
    for row in in_force {
        (held.iter_mut().zip(row)).for_each(|(held, asked)| *held = held.min(*asked));
    }
    let mut now = held;
    for (now, asked) in now
        .iter_mut()
        .zip(trials.asked.last().into_iter().flatten())
    {
        *now = *asked;
    }
    let measured = Measured {
        minutes,
        need: case.load_in_replicas(load),
        most: case.load_in_replicas(load),
        floor: case.measured_need(load),
    };
    let lived = trials.lived_through();
    score(trials, case, objective, measured, (&held, &now));
    trials.lived = Some(with(lived, minutes));
    true
}

/// So many minutes on top of those before, which fade.
fn with(before: f64, minutes: f64) -> f64 {
    before * kept(minutes) + minutes
}

/// What is left of evidence after so many minutes.
fn kept(minutes: f64) -> f64 {
    0.5_f64.powf(minutes / HALF_LIFE_MINUTES)
}

/// What the plans are judged on.
#[derive(Clone, Copy)]
struct Measured {
    /// How long it was so.
    minutes: f64,
    /// The load that had to be carried, in replicas.
    need: f64,
    /// The same for a plan that follows each sample of the load.
    most: f64,
    /// Replicas that the measured load asked for.
    floor: u32,
}

/// Counts for each plan what it cost and missed where all have made `held` Ready and ask for `now`.
fn score(
    trials: &mut PlanTrials,
    case: &Case<'_>,
    objective: Objective,
    measured: Measured,
    (held, now): (&[f32], &[f32]),
) {
    let Measured {
        minutes,
        need,
        most: need_of_followers,
        floor,
    } = measured;
    let most = f64::from(case.upper_bound());
    let least = f64::from(case.lower_bound()).min(most);
    let keep = kept(minutes);
    trials.minutes = with(trials.minutes, minutes);
    for expected in &mut trials.expected {
        *expected = (f64::from(*expected) * keep) as f32;
    }
    for (plan, (cost, short)) in (trials.cost.iter_mut().zip(&mut trials.short)).enumerate() {
        // The trigger's bounds hold for every plan. What a plan can't get counts as its own, or none could be told apart
        // from the others above the maximum.
        let ready = replicas_of(case, plan, held).max(least);
        let asked = replicas_of(case, plan, now)
            .max(f64::from(floor))
            .clamp(least, most);
        let need = match Member::at(plan) {
            Member::Load { window: 0, .. } => need_of_followers,
            _ => need,
        };
        let missing = need - ready;
        let missed = match objective {
            Objective::Overload { .. } => f64::from(u8::from(missing > NOISE * need)),
            Objective::Shortage(_) => missing.max(0.0),
        };
        *cost = *cost * keep + asked * minutes;
        *short = (f64::from(*short) * keep + missed * minutes) as f32;
    }
}

/// Counts for each plan how much of being short is to be expected of what it asks for now. Being short is rare, so that the
/// count of it alone can't tell plans apart for weeks; the forecast can at once, as far as its bands are to be relied on.
fn expect(
    trials: &mut PlanTrials,
    case: &Case<'_>,
    objective: Objective,
    peak: Option<&Peak>,
    (asks, minutes): (&[f32], f64),
) {
    let Some(peak) = peak.filter(|_| matches!(objective, Objective::Overload { .. })) else {
        // Nothing is expected beside what has been counted.
        let share = minutes / trials.minutes.max(minutes);
        for (expected, short) in trials.expected.iter_mut().zip(&trials.short) {
            *expected += (f64::from(*short) * share) as f32;
        }
        return;
    };
    trials.foreseen += minutes;
    for (plan, expected) in trials.expected.iter_mut().enumerate() {
        let chance = peak.above(replicas_of(case, plan, asks).max(f64::from(case.lower_bound())));
        *expected += (minutes * chance) as f32;
    }
}

/// Replicas that a plan asks for where all ask for `asks`.
fn replicas_of(case: &Case<'_>, plan: usize, asks: &[f32]) -> f64 {
    match Member::at(plan) {
        Member::Risk { .. } => f64::from(asks[plan]),
        Member::Load { window, factor } => {
            let load = factor_of(factor) * f64::from(asks[RISK_PLANS + window]);
            f64::from(case.expected_need(load))
        }
    }
}

/// What the plans that need a forecast ask for without one: as much as the best of the others.
fn without_forecast(
    trials: &PlanTrials,
    case: &Case<'_>,
    objective: Objective,
    loads: &[f32],
) -> f32 {
    let mut asks = vec![0.0; RISK_PLANS];
    asks.extend(loads);
    let best = choice::best_on_load(trials, objective);
    best.map_or(0.0, |plan| replicas_of(case, plan, &asks) as f32)
}
