//! The number of the plan that was chosen on trial, step by step.

use std::sync::Arc;

use super::case::Case;
use super::ledger::{Ledger, amount};
use super::outlook::Outlook;
use super::trials::{self, Objective};
use crate::domain::{ChosenPlan, Limit, PlanTrials};

/// What the trials say.
pub(super) struct Advice {
    /// What they have learned; `None` when the trigger gives the quantile itself.
    pub(super) trials: Option<Arc<PlanTrials>>,
    /// The plan to follow, once there is evidence.
    pub(super) choice: Option<(ChosenPlan, Objective)>,
}

/// Lets the plans on trial learn from the load, and chooses.
pub(super) fn advice(case: &Case<'_>, load: f64) -> Advice {
    let Some(objective) = trials::objective(case) else {
        return Advice {
            trials: None,
            choice: None,
        };
    };
    let mut learned = trials::learn(case, objective, load);
    let choice = trials::choose(&mut learned, objective);
    Advice {
        trials: Some(Arc::new(learned.trials)),
        choice: choice.map(|choice| (choice, objective)),
    }
}

/// From the base of the chosen plan over its window to its factor.
pub(super) fn open(
    case: &Case<'_>,
    (choice, objective): (&ChosenPlan, Objective),
    outlook: &Outlook<'_>,
    measured: f64,
) -> Ledger {
    let reactive = case.measured_need(measured);
    let mut ledger = match (choice.level, outlook) {
        (Some(_), Outlook::Seen(seen)) => {
            let need = case.expected_need(seen.peak.value);
            Ledger::open(Limit::Forecast, reactive, need, seen.text(case))
        }
        (level, _) => {
            let why = match (level, outlook) {
                (Some(_), Outlook::Blind(why)) => why,
                _ => "on trial, plans that start from it have done best",
            };
            let load = case.load_text(measured);
            let text = format!("the measured load decides, {load}: {why}");
            Ledger::open(Limit::Observed, reactive, reactive, text)
        }
    };
    ledger.raise_to(
        Limit::ScaleDownWindow,
        case.expected_need(choice.highest),
        || {
            format!(
                "within the past {} it was {}, and plans with this window have done best on trial",
                choice.window,
                amount(choice.highest)
            )
        },
    );
    let safe = choice.highest * choice.factor;
    ledger.move_to(Limit::Safety, case.expected_need(safe), || {
        format!(
            "times {}: {}",
            amount(choice.factor),
            verdict(choice, objective)
        )
    });
    let with_headroom = safe * (1.0 + case.spec.headroom.max(0.0));
    ledger.raise_to(Limit::Headroom, case.expected_need(with_headroom), || {
        format!("`headroom` adds {} %", amount(case.spec.headroom * 100.0))
    });
    ledger
}

fn verdict(choice: &ChosenPlan, objective: Objective) -> String {
    let evidence = choice.evidence;
    match objective {
        Objective::Overload(share) => format!(
            "over {evidence} on trial the cheapest plan within `maxOverload` of {} %, short {} % of the time",
            amount(100.0 * share),
            amount(100.0 * choice.short)
        ),
        Objective::Shortage(price) => format!(
            "over {evidence} on trial the cheapest plan at a `shortageCost` of {}, short of {} replicas on average",
            amount(price),
            amount(choice.short)
        ),
    }
}
