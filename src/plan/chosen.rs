//! The number of the plan that was chosen on trial, step by step.

use std::sync::Arc;

use super::case::Case;
use super::ledger::{Ledger, amount, replicas, span};
use super::outlook::Outlook;
use super::trials::{self, Ask, Choice};
use crate::domain::{Limit, PlanTrials};

/// What the trials say.
pub(super) struct Advice {
    /// What they have learned; `None` when the trigger gives the quantile itself.
    pub(super) trials: Option<Arc<PlanTrials>>,
    /// The plan to follow, once there is evidence.
    pub(super) choice: Option<Choice>,
}

/// Lets the plans on trial learn from the load, and chooses.
pub(super) fn advice(case: &Case<'_>, load: f64) -> Advice {
    let Some(objective) = trials::aimed(case) else {
        return Advice {
            trials: None,
            choice: None,
        };
    };
    let mut learned = trials::learn(case, objective, load);
    let choice = trials::choose(&mut learned, objective);
    Advice {
        trials: Some(Arc::new(learned.trials)),
        choice,
    }
}

/// The number of the chosen plan.
pub(super) fn open(
    case: &Case<'_>,
    choice: &Choice,
    outlook: &Outlook<'_>,
    measured: f64,
) -> Ledger {
    let mut ledger = match choice.ask {
        Ask::Risk {
            price,
            stretch,
            needed,
            now,
            highest,
        } => {
            let mut ledger = by_risk(case, choice, outlook, measured, (price, stretch, needed));
            ledger.raise_to(Limit::ScaleDownWindow, now, || lasting_text(case));
            ledger.raise_to(Limit::ScaleDownWindow, highest, || {
                window_text(choice, &replicas(highest))
            });
            ledger
        }
        Ask::Load { factor, highest } => by_load(case, choice, measured, (factor, highest)),
    };
    let headroom = case.spec.headroom.max(0.0);
    let with_headroom = (f64::from(ledger.count()) * (1.0 + headroom) - 1e-6).ceil();
    ledger.raise_to(Limit::Headroom, with_headroom as u32, || {
        format!("`headroom` adds {} %", amount(case.spec.headroom * 100.0))
    });
    ledger
}

/// From the median of the expected peak to as many replicas as the risk is worth.
fn by_risk(
    case: &Case<'_>,
    choice: &Choice,
    outlook: &Outlook<'_>,
    measured: f64,
    (price, stretch, needed): (f64, f64, u32),
) -> Ledger {
    let reactive = case.measured_need(measured);
    match outlook {
        Outlook::Seen(seen) => {
            let need = case.expected_need(seen.peak.value);
            let mut ledger = Ledger::open(Limit::Forecast, reactive, need, seen.text(case));
            ledger.move_to(Limit::Safety, needed, || {
                risk_text(case, choice, price, stretch)
            });
            ledger
        }
        Outlook::Blind(why) => {
            let load = case.load_text(measured);
            let text = format!("the measured load decides, {load}: {why}");
            let mut ledger = Ledger::open(Limit::Observed, reactive, reactive, text);
            ledger.move_to(Limit::Safety, needed, || {
                let verdict = verdict(case, choice);
                format!("as much as the best plan on the measured load asks for; {verdict}")
            });
            ledger
        }
    }
}

/// From the measured load over its window to its factor.
fn by_load(
    case: &Case<'_>,
    choice: &Choice,
    measured: f64,
    (factor, highest): (f64, f64),
) -> Ledger {
    let reactive = case.measured_need(measured);
    let text = format!(
        "the measured load decides, {}: on trial, plans that start from it have done best",
        case.load_text(measured)
    );
    let mut ledger = Ledger::open(Limit::Observed, reactive, reactive, text);
    ledger.raise_to(Limit::ScaleDownWindow, case.expected_need(highest), || {
        window_text(choice, &amount(highest))
    });
    ledger.move_to(Limit::Safety, case.expected_need(highest * factor), || {
        let verdict = verdict(case, choice);
        format!("times {}: {verdict}", amount(factor))
    });
    ledger
}

fn lasting_text(case: &Case<'_>) -> String {
    let ahead = span(trials::lasting(case));
    format!("the coming {ahead} may need as many, and a change should last as long")
}

fn window_text(choice: &Choice, highest: &str) -> String {
    format!(
        "within the past {} it was {highest}, and plans with this window have done best on trial",
        choice.plan.window
    )
}

fn risk_text(case: &Case<'_>, choice: &Choice, price: f64, stretch: f64) -> String {
    let verdict = verdict(case, choice);
    let band = if stretch > 1.0 {
        format!(", in a band {} times as wide as forecast", amount(stretch))
    } else {
        String::new()
    };
    format!(
        "as many as lower the chance of being short within {} by more than 1 in {} each{band}: {verdict}",
        span(case.ahead()),
        amount(price),
    )
}

fn verdict(case: &Case<'_>, choice: &Choice) -> String {
    let plan = &choice.plan;
    let (evidence, short) = (plan.evidence, 100.0 * plan.short);
    let Some(share) = case.spec.max_overload else {
        return format!(
            "over {evidence} on trial the cheapest plan at a `shortageCost` of {}, short of {} replicas on average",
            amount(case.spec.shortage_cost.unwrap_or(0.0)),
            amount(plan.short)
        );
    };
    let aimed = plan.aim.map_or_else(String::new, |aim| {
        let how = if aim > share { "less" } else { "more" };
        format!(
            " (taken for {} %, because the fleet has been short {how} often than it may be)",
            amount(100.0 * aim)
        )
    });
    let objective = format!("`maxOverload` of {} %{aimed}", amount(100.0 * share));
    let short = amount(short);
    let least = "the one with the least product of replicas and shortage";
    if choice.keeps {
        format!(
            "over {evidence} on trial the cheapest plan within {objective}, short {short} % of the time"
        )
    } else if !choice.young {
        format!(
            "over {evidence} on trial no plan keeps to {objective}; {least}, short {short} % of the time"
        )
    } else if trials::has_a_day(plan) {
        format!(
            "over {evidence} on trial, less than a day of it lived through, {least} at {objective}, short {short} % of the time"
        )
    } else {
        format!(
            "on trial for {evidence}, too short to tell which plan keeps to {objective}; {least}, short {short} % of the time; \
             what forecasts expect counts beside so little"
        )
    }
}
