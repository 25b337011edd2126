//! What keeps a plan from flapping: the scale-down window and the ramps. Both are relative to what was planned before;
//! a first plan is free.

use std::time::Duration;

use super::budget::Afforded;
use super::case::Case;
use super::ledger::{Ledger, amount, replicas, span};
use super::outlook;
use crate::domain::{HumanDuration, Limit, Peak, Ramp, RampStep, TriggerSpec};

/// Float noise in a percentage of a replica count.
const NOISE: f64 = 1e-9;

/// `scaleDownWindow` of a plan that was not chosen on trial, when the trigger gives none.
const USUAL_WINDOW: HumanDuration = HumanDuration::from_secs(300);

/// A plan that was chosen on trial goes down once it has wanted to for so long.
pub(super) const SETTLED_AFTER: Duration = Duration::from_mins(2);

/// How far back plans are looked at.
pub(super) fn longest_look_back(spec: &TriggerSpec) -> Duration {
    // [`settle`] looks back less far than the usual window, and a given one takes its place.
    spec.scale_down_window.unwrap_or(USUAL_WINDOW).get()
}

/// A step down waits a little: a replica more or less from one reading to the next saves nothing.
pub(super) fn settle(case: &Case<'_>, ledger: &mut Ledger) {
    let wanted = ledger.count();
    let Some(before) = case.past.previous().filter(|before| wanted < *before) else {
        return;
    };
    let lately = case.past.highest_raw(case.now - SETTLED_AFTER);
    if lately.is_some_and(|highest| highest >= before) {
        ledger.raise_to(Limit::ScaleDownWindow, before, || {
            format!(
                "not scaling down yet: fewer have been wanted for less than {}",
                span(SETTLED_AFTER)
            )
        });
    }
}

/// Holds a scale-down while the window behind has asked for more, or the window ahead expects more. It never raises
/// the plan above the one before, nor for what is expected beyond what is `afforded` of it: that holds for as
/// long as it is expected, and no budget would ever be kept.
pub(super) fn scale_down_window(case: &Case<'_>, afforded: Afforded, ledger: &mut Ledger) {
    let window = case.spec.scale_down_window.unwrap_or(USUAL_WINDOW).get();
    let wanted = ledger.count();
    let Some(before) = case.past.previous().filter(|before| wanted < *before) else {
        return;
    };
    if window.is_zero() {
        return;
    }
    let own = own_wait(case, window);
    let behind = case.past.highest_raw(case.now - own).unwrap_or(0);
    let ahead = outlook::worst(case, window);
    let expected = ahead.map_or(0, |peak| need(case, peak));
    let affordable = afforded.of(expected);
    let held = behind.max(affordable).min(before);
    ledger.raise_to(Limit::ScaleDownWindow, held, || match ahead {
        Some(peak) if affordable >= behind => format!(
            "not scaling down yet: within the coming {} a peak of {} needs {}{}",
            span(window),
            amount(peak.value),
            replicas(expected),
            if affordable < expected {
                format!(", of which the budget leaves {affordable}")
            } else {
                String::new()
            }
        ),
        _ if own < window => format!(
            "not scaling down yet: the past {} asked for {}; the HPA waits for {} by itself",
            span(own),
            replicas(behind),
            span(case.cluster.holds_down())
        ),
        _ => format!(
            "not scaling down yet: the past {} asked for {}",
            span(window),
            replicas(behind)
        ),
    });
}

/// How far the usual window looks back: what the HPA waits for itself (`stabilizationWindowSeconds`), where the cluster
/// says so, need not be waited for twice. A window that the trigger gives is kept.
fn own_wait(case: &Case<'_>, window: Duration) -> Duration {
    if case.spec.scale_down_window.is_some() {
        return window;
    }
    let rest = window.saturating_sub(case.cluster.holds_down());
    rest.max(SETTLED_AFTER.min(window))
}

/// Bounds how fast the plan moves, relative to what was planned one period ago, as the HPA's policies do. `floor`, the
/// measured load's need, wins over `rampUp`.
pub(super) fn ramps(case: &Case<'_>, floor: u32, ledger: &mut Ledger) {
    let Some(before) = case.past.previous() else {
        return;
    };
    match (case.spec.ramp_up, case.spec.ramp_down) {
        (Some(ramp), _) if ledger.count() > before => {
            let start = start_of_period(case, ramp).unwrap_or(before);
            let limit = highest(start, ramp, periods(case, ramp))
                .max(before)
                .max(floor);
            ledger.lower_to(Limit::RampUp, limit, || {
                let start = replicas(start);
                format!(
                    "`rampUp` of {ramp} from {start}{}",
                    floor_text(limit == floor)
                )
            });
        }
        (_, Some(ramp)) if ledger.count() < before => {
            let start = start_of_period(case, ramp).unwrap_or(before);
            let limit = lowest(start, ramp, periods(case, ramp)).min(before);
            ledger.raise_to(Limit::RampDown, limit, || {
                format!("`rampDown` of {ramp} from {}", replicas(start))
            });
        }
        _ => {}
    }
}

/// Replicas for a peak, with headroom.
pub(super) fn need(case: &Case<'_>, peak: Peak) -> u32 {
    case.expected_need(peak.value * (1.0 + case.spec.headroom.max(0.0)))
}

fn start_of_period(case: &Case<'_>, ramp: Ramp) -> Option<u32> {
    case.past.planned_at(case.now - ramp.per.get())
}

/// A plan stands for an interval, and so for all the periods that lie in it.
fn periods(case: &Case<'_>, ramp: Ramp) -> u32 {
    let periods = case.spec.interval.get().as_millis() / ramp.per.get().as_millis().max(1);
    u32::try_from(periods).unwrap_or(u32::MAX).max(1)
}

/// The most that a ramp allows in so many periods; a percentage always lets at least one replica move.
fn highest(start: u32, ramp: Ramp, periods: u32) -> u32 {
    match ramp.by {
        RampStep::Replicas(step) => start.saturating_add(step.saturating_mul(periods)),
        RampStep::Percent(percent) => {
            let limit = f64::from(start) * (1.0 + percent.max(0.0) / 100.0).powf(periods.into());
            ((limit * (1.0 - NOISE)).ceil() as u32).max(start.saturating_add(1))
        }
    }
}

/// The least that a ramp allows in so many periods; a percentage always lets at least one replica move.
fn lowest(start: u32, ramp: Ramp, periods: u32) -> u32 {
    match ramp.by {
        RampStep::Replicas(step) => start.saturating_sub(step.saturating_mul(periods)),
        RampStep::Percent(percent) => {
            let share = 1.0 - percent.clamp(0.0, 100.0) / 100.0;
            let limit = f64::from(start) * share.powf(periods.into());
            ((limit * (1.0 + NOISE)).floor() as u32).min(start.saturating_sub(1))
        }
    }
}

fn floor_text(at_floor: bool) -> &'static str {
    if at_floor {
        ", but never below the measured load"
    } else {
        ""
    }
}
