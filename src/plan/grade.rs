//! The plan grades itself: what it would have cost and missed if it had been followed in full, beside what a plain HPA on
//! the measured load would have, and beside the replicas that were really ready.
//!
//! All are judged alike on the load that came, whatever was really done: the load is an overload when it is above what the
//! ready replicas carry, and ready is the least that was asked for within the last lead time, because a replica asked for
//! later is not Ready yet. The plain HPA takes down only what no load of its default stabilisation window of five minutes
//! asks for (Kubernetes, "Horizontal Pod Autoscaling", `stabilizationWindowSeconds`). Beside it stand HPAs that scale
//! down at once, with more and more spare replicas: what the plan has to be better than at its own cost. Nobody has a
//! tolerance, and all have the trigger's bounds.

mod compare;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::aim;
use super::case::{Case, LEARNED_SLOTS, longest_gap};
use crate::domain::{Grade, HumanDuration, SPARE, Slots, Timestamp};
pub(super) use compare::{Comparison, lately, overall};

/// The HPA's default window before it scales down.
const HPA_WINDOW: Duration = Duration::from_mins(5);
const HPA_SLOTS: u32 = 15;

/// Slots of a lead time that is given.
const GIVEN_SLOTS: u32 = 16;

/// Float noise in a load.
const NOISE: f64 = 1e-9;

/// Scores the time since the last look on the load that came, and notes what each side asks for now.
pub(super) fn learn(case: &Case<'_>, load: f64, planned: u32) -> Grade {
    let mut grade = case.past.grade().cloned().unwrap_or_default();
    arrange(&mut grade, case);
    match case.passed(grade.at) {
        Some(passed) if !passed.is_zero() => {
            let minutes = passed.as_secs_f64() / 60.0;
            judge(&mut grade, case, load, minutes);
        }
        Some(_) => {}
        None => forget(&mut grade),
    }
    ask(&mut grade, case, load, planned);
    grade.since.get_or_insert(case.now);
    grade.at = Some(case.now);
    grade
}

/// The fewest replicas that were planned since `since`; `None` where that is not known.
pub(super) fn least_planned(grade: &Grade, since: Timestamp) -> Option<f64> {
    least(&grade.planned, since)
}

/// The least of what has been in force since `since`.
fn least(slots: &Slots, since: Timestamp) -> Option<f64> {
    let values = slots.in_force(since)?.flatten().copied();
    Some(f64::from(values.fold(f32::INFINITY, f32::min)))
}

/// The same of the replicas that were really ready, looked at every `interval`. `seen` are those, and the load in replicas.
pub(super) fn learn_actual(
    grade: &mut Grade,
    now: Timestamp,
    interval: HumanDuration,
    seen: Option<(f64, f64)>,
) {
    let Some((ready, need)) = seen.filter(|(ready, _)| ready.is_finite()) else {
        (grade.actual_at, grade.actual.asked) = (None, None);
        return;
    };
    let passed = grade.actual_at.filter(|at| *at <= now);
    match passed.map(|at| now.since(at)) {
        Some(passed) if passed <= longest_gap(interval) => {
            let minutes = passed.as_secs_f64() / 60.0;
            grade.actual.add(minutes, is_short(need, ready));
        }
        _ => grade.actual.asked = None,
    }
    grade.actual.ask(ready.max(0.0));
    grade.actual_at = Some(now);
}

fn arrange(grade: &mut Grade, case: &Case<'_>) {
    let width = case.slot(GIVEN_SLOTS).max(case.spec.interval.get());
    let slot = Slots::new(width, 1);
    for slots in [
        &mut grade.planned,
        &mut grade.scaled_on,
        &mut grade.measured,
    ] {
        if slots.width != slot.width {
            *slots = slot.clone();
        }
    }
    let slot = Slots::new(HPA_WINDOW / HPA_SLOTS, 1);
    if grade.loads.width != slot.width {
        grade.loads = slot;
    }
}

fn forget(grade: &mut Grade) {
    for slots in [
        &mut grade.planned,
        &mut grade.scaled_on,
        &mut grade.measured,
        &mut grade.loads,
    ] {
        slots.values.clear();
    }
    for score in [&mut grade.plan, &mut grade.reactive]
        .into_iter()
        .chain(&mut grade.spare)
    {
        score.asked = None;
    }
}

fn judge(grade: &mut Grade, case: &Case<'_>, load: f64, minutes: f64) {
    let since = case.now - case.lead;
    let all = [&grade.planned, &grade.scaled_on, &grade.measured];
    let all = all.map(|slots| least(slots, since));
    let [Some(planned), Some(scaled_on), Some(measured)] = all else {
        return;
    };
    let need = case.load_in_replicas(load);
    grade.plan.add(minutes, is_short(need, planned));
    let plain = |load, spare| is_short(need, plain(case, load, spare));
    grade.reactive.add(minutes, plain(scaled_on, 1.0));
    for (score, spare) in grade.spare.iter_mut().zip(SPARE) {
        score.add(minutes, plain(measured, spare));
    }
}

fn ask(grade: &mut Grade, case: &Case<'_>, load: f64, planned: u32) {
    let (now, most) = (case.now, HPA_SLOTS as usize + 1);
    grade.loads.put(now, &[load as f32], most, f32::max);
    let lately = grade.loads.after(now - HPA_WINDOW).flatten();
    let highest = lately.fold(load, |highest, load| highest.max(f64::from(*load)));
    let longest = LEARNED_SLOTS as usize;
    let most = grade.planned.many(case.lead).min(longest) + 3;
    grade.scaled_on.put(now, &[highest as f32], most, f32::min);
    grade.measured.put(now, &[load as f32], most, f32::min);
    let longest = longest * aim::OWED as usize;
    let most = grade.planned.many(case.lead * aim::OWED).min(longest) + 3;
    grade.planned.put(now, &[planned as f32], most, f32::min);
    grade.plan.ask(f64::from(planned));
    grade.reactive.ask(plain(case, highest, 1.0));
    for (score, spare) in grade.spare.iter_mut().zip(SPARE) {
        score.ask(plain(case, load, spare));
    }
}

/// What the measured load asks for, within the bounds that the plan has.
fn plain(case: &Case<'_>, load: f64, spare: f64) -> f64 {
    let least = u32::from(case.activates(load));
    f64::from(case.bounded(case.plain_need_of_kept(spare * load).max(least)))
}

pub(super) fn is_short(need: f64, ready: f64) -> bool {
    need - ready > NOISE * need.max(1.0)
}
