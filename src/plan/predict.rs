//! A plan from fresh data: from the expected peak, or the measured load where nothing is expected, to replicas.

use super::budget::{Afforded, Budget};
use super::case::{Case, Decision};
use super::ledger::{Ledger, amount, span};
use super::outlook::{Outlook, over_lead_time, over_lead_time_at};
use super::smooth;
use super::{chosen, guard};
use crate::domain::{Basis, Limit, PlanRule, Quantile, Sample};

/// The plan.
pub(super) fn predictive(case: &Case<'_>, sample: Sample) -> Decision {
    let advice = chosen::advice(case, sample.value);
    let choice = advice.choice.as_ref();
    // A plan on trial weighs the whole distribution; its way begins at the middle.
    let quantile = choice.map_or(case.spec.quantile, |_| Quantile::MEDIAN);
    let outlook = over_lead_time_at(case, quantile);
    let reactive = case.measured_need(sample.value);
    let mut ledger = match choice {
        Some(choice) => chosen::open(case, choice, &outlook, sample.value),
        None => open(case, &outlook, sample.value, reactive),
    };
    ledger.raise_to(Limit::ObservedFloor, reactive, || {
        let load = case.load_text(sample.value);
        format!("the measured load of {load} is above the expectation")
    });
    let guards = guard::watch(case, sample);
    guard::live(case, &guards, sample.value, &mut ledger);
    let mut budget = Budget::of(case);
    let afforded = budget.as_mut().map_or(Afforded::All, |budget| {
        budget.limit(case, reactive, &mut ledger)
    });
    let raw = ledger.count().min(case.upper_bound());
    if choice.is_none() || case.spec.scale_down_window.is_some() {
        smooth::scale_down_window(case, afforded, &mut ledger);
    } else {
        smooth::settle(case, &mut ledger);
    }
    smooth::ramps(case, reactive, &mut ledger);
    let held = guard::hold(case, &guards, sample.value, &mut ledger);
    guard::changes(case, &mut ledger);
    // Whether somebody comes at all is a question of its own: the middle says no where it is likely enough.
    let expected = match choice {
        Some(_) => expected_load(&over_lead_time(case)),
        None => expected_load(&outlook),
    };
    let by_load = case.activates(sample.value) || case.foresees_activity(expected);
    let active = by_load || held || case.window_runs();
    activate(case, by_load, sample.value.max(expected), &mut ledger);
    ledger.bound(case);
    let by_measured =
        choice.is_some_and(|choice| matches!(choice.plan.rule, PlanRule::Load { .. }));
    let seen = match outlook {
        Outlook::Seen(seen) if !by_measured => Some(seen),
        _ => None,
    };
    Decision {
        basis: if seen.is_some() {
            Basis::Forecast
        } else {
            Basis::Reactive
        },
        replicas: ledger.count(),
        planned: ledger.count(),
        raw,
        active,
        peak: seen.as_ref().map(|seen| seen.peak),
        model: seen.map(|seen| seen.forecast.model.clone()),
        quantile,
        chosen: choice.map(|choice| choice.plan),
        trials: advice.trials,
        grade: None,
        authority: None,
        reasons: ledger.close(),
        fresh: Some(sample),
        guards: Some(guards),
        budget,
        held: None,
    }
}

/// Nothing is forecast; KEDA gets the measured load's number.
pub(super) fn reactive(case: &Case<'_>, sample: Sample) -> Decision {
    let reactive = case.plain_need(sample.value);
    let active = case.activates(sample.value);
    let mut ledger = Ledger::open(Limit::Mode, reactive, reactive, {
        let load = case.plain_load_text(sample.value);
        format!("in reactive mode the measured load alone decides: {load}")
    });
    activate(case, active, sample.value, &mut ledger);
    ledger.bound(case);
    Decision {
        basis: Basis::Reactive,
        replicas: ledger.count(),
        planned: ledger.count(),
        raw: ledger.count(),
        active,
        peak: None,
        model: None,
        quantile: case.spec.quantile,
        chosen: None,
        trials: None,
        grade: None,
        authority: None,
        reasons: ledger.close(),
        fresh: Some(sample),
        guards: None,
        budget: None,
        held: None,
    }
}

/// Where the number starts: at the expected peak, or at the measured load; then the headroom on it.
fn open(case: &Case<'_>, outlook: &Outlook<'_>, measured: f64, reactive: u32) -> Ledger {
    let headroom = 1.0 + case.spec.headroom.max(0.0);
    let (mut ledger, with_headroom) = match outlook {
        Outlook::Seen(seen) => {
            let need = case.expected_need(seen.peak.value);
            let text = seen.text(case);
            let ledger = Ledger::open(Limit::Forecast, reactive, need, text);
            (ledger, case.expected_need(seen.peak.value * headroom))
        }
        Outlook::Blind(why) => {
            let text = format!(
                "the measured load decides, {}: {why}",
                case.load_text(measured)
            );
            let ledger = Ledger::open(Limit::Observed, reactive, reactive, text);
            (ledger, case.measured_need(measured * headroom))
        }
    };
    ledger.raise_to(Limit::Headroom, with_headroom, || {
        format!("`headroom` adds {} %", amount(case.spec.headroom * 100.0))
    });
    ledger
}

/// An active workload has at least one replica: KEDA would start it anyway, and a value of 0 would fight that.
pub(super) fn activate(case: &Case<'_>, active: bool, load: f64, ledger: &mut Ledger) {
    if active {
        ledger.raise_to(Limit::Activation, 1, || {
            format!(
                "a load of {} measured or expected within {} is above the activation threshold of {}",
                amount(load),
                span(case.ahead()),
                amount(case.spec.activation_threshold),
            )
        });
    }
}

fn expected_load(outlook: &Outlook<'_>) -> f64 {
    match outlook {
        Outlook::Seen(seen) => seen.peak.value,
        Outlook::Blind(_) => 0.0,
    }
}
