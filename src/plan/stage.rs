//! How much of a plan KEDA is told: all of it, only what it adds to the measured load, or nothing.

use super::case::{Case, Decision};
use super::ledger::{Ledger, replicas};
use super::predict::activate;
use crate::domain::{Basis, Limit, Mode, Sample, Stage};

/// The stage of a mode. In reactive mode there is no plan to tell anything of.
pub(super) fn of(case: &Case<'_>) -> Stage {
    match case.spec.mode {
        Mode::Predictive => Stage::Predictive,
        Mode::ScaleOut => Stage::ScaleOut,
        Mode::Shadow | Mode::Reactive => Stage::Shadow,
    }
}

/// What of `plan` KEDA is told.
pub(super) fn told(case: &Case<'_>, plan: Decision, sample: Sample) -> Decision {
    match of(case) {
        Stage::Predictive => plan,
        Stage::ScaleOut => scale_out(case, plan, sample),
        Stage::Shadow => shadow(case, plan, sample),
    }
}

/// The plan is only published; KEDA gets the measured load's number and state, as if Forescale forecast nothing.
fn shadow(case: &Case<'_>, plan: Decision, sample: Sample) -> Decision {
    let load = case.plain_load_text(sample.value);
    let planned = replicas(plan.planned);
    let text = format!(
        "in shadow mode KEDA is told the measured load, {load}; the plan of {planned} is only published"
    );
    let ledger = plain(case, plan.planned, sample, text);
    let replicas = ledger.count();
    let mut reasons = plan.reasons;
    reasons.extend(ledger.close());
    Decision {
        basis: Basis::Reactive,
        replicas,
        active: case.activates(sample.value),
        reasons,
        ..plan
    }
}

/// KEDA gets the larger of the plan and what it would get without one: the plan may add replicas, and takes none away.
fn scale_out(case: &Case<'_>, plan: Decision, sample: Sample) -> Decision {
    let load = case.plain_load_text(sample.value);
    let planned = replicas(plan.planned);
    let text = format!(
        "in scale-out mode the plan only adds replicas: the measured load, {load}, asks for more than the plan of \
         {planned}, and scale-in is the HPA's"
    );
    let active = plan.active || case.activates(sample.value);
    let plain = plain(case, plan.planned, sample, text);
    if plain.count() <= plan.planned {
        return Decision { active, ..plan };
    }
    let replicas = plain.count();
    let mut reasons = plan.reasons;
    reasons.extend(plain.close());
    Decision {
        basis: Basis::Reactive,
        replicas,
        active,
        reasons,
        ..plan
    }
}

/// What KEDA would be told without a plan. `minReplicas` belongs to the plan: it would move a fleet that is only watched.
fn plain(case: &Case<'_>, planned: u32, sample: Sample, text: String) -> Ledger {
    let need = case.plain_need(sample.value);
    let mut ledger = Ledger::open(Limit::Mode, planned, need, text);
    activate(
        case,
        case.activates(sample.value),
        sample.value,
        &mut ledger,
    );
    ledger.cap(case);
    ledger
}
