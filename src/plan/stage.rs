//! How much of a plan KEDA is told: all of it, only what it adds to the measured load, or nothing.

use std::sync::Arc;

use super::case::{Case, Decision};
use super::ledger::{Ledger, replicas};
use super::predict::activate;
use super::{authority, grade};
use crate::domain::{Authority, Basis, Limit, Mode, Reason, Sample, Stage};

/// The stage of a mode. In reactive mode there is no plan to tell anything of.
pub(super) fn of(mode: Mode, authority: Option<&Authority>) -> Stage {
    match mode {
        Mode::Predictive => Stage::Predictive,
        Mode::ScaleOut => Stage::ScaleOut,
        Mode::Auto => authority.map(|it| it.stage).unwrap_or_default(),
        Mode::Shadow | Mode::Reactive => Stage::Shadow,
    }
}

/// The stage by what is remembered.
pub(super) fn so_far(case: &Case<'_>) -> Stage {
    of(case.spec.mode, case.past.authority())
}

/// Grades `plan`, and leaves of it what KEDA is told.
pub(super) fn told(case: &Case<'_>, mut plan: Decision, sample: Sample) -> Decision {
    let grade = grade::learn(case, sample.value, plan.planned);
    let authority =
        (case.spec.mode == Mode::Auto).then(|| authority::judge(case, &grade, plan.basis));
    let stage = of(case.spec.mode, authority.as_ref());
    plan.grade = Some(Arc::new(grade));
    plan.authority = authority.map(Arc::new);
    match stage {
        Stage::Predictive => in_charge(plan),
        Stage::ScaleOut => scale_out(case, plan, sample),
        Stage::Shadow => shadow(case, plan, sample),
    }
}

/// KEDA gets the plan. Where it had to earn that, it says so.
fn in_charge(mut plan: Decision) -> Decision {
    if let Some(authority) = plan.authority.as_deref() {
        let says = match authority.stage {
            Stage::Predictive => "decides",
            Stage::ScaleOut | Stage::Shadow => "may add replicas",
        };
        plan.reasons.push(Reason {
            limit: Limit::Mode,
            from: plan.replicas,
            to: plan.replicas,
            text: format!(
                "in auto mode the plan {says} since {}: {}{}",
                authority.since,
                authority.why,
                why_not(Some(authority))
            ),
        });
    }
    plan
}

/// The plan is only published; KEDA gets the measured load's number and state, as if Forescale forecast nothing.
fn shadow(case: &Case<'_>, plan: Decision, sample: Sample) -> Decision {
    let load = case.plain_load_text(sample.value);
    let planned = replicas(plan.planned);
    let mode = case.spec.mode;
    let text = format!(
        "in {mode} mode KEDA is told the measured load, {load}; the plan of {planned} is only published{}",
        why_not(plan.authority.as_deref())
    );
    let ledger = plain(case, plan.planned, sample, text);
    overruled(plan, ledger, case.activates(sample.value))
}

/// KEDA gets the larger of the plan and what it would get without one: the plan may add replicas, and takes none away.
fn scale_out(case: &Case<'_>, plan: Decision, sample: Sample) -> Decision {
    let load = case.plain_load_text(sample.value);
    let planned = replicas(plan.planned);
    let mode = case.spec.mode;
    let text = format!(
        "in {mode} mode the plan only adds replicas: the measured load, {load}, asks for more than the plan of \
         {planned}, and scale-in is the HPA's{}",
        why_not(plan.authority.as_deref())
    );
    let active = plan.active || case.activates(sample.value);
    let ledger = plain(case, plan.planned, sample, text);
    if ledger.count() <= plan.planned {
        return in_charge(Decision { active, ..plan });
    }
    overruled(plan, ledger, active)
}

/// The plan is published, and KEDA is told the measured load's number.
fn overruled(mut plan: Decision, told: Ledger, active: bool) -> Decision {
    let replicas = told.count();
    plan.reasons.extend(told.close());
    Decision {
        basis: Basis::Reactive,
        replicas,
        active,
        ..plan
    }
}

/// What keeps the plan from more.
fn why_not(authority: Option<&Authority>) -> String {
    let next = authority.and_then(|authority| authority.next.as_ref());
    next.map_or_else(String::new, |next| format!("; {next}"))
}

/// What KEDA would be told without a plan. `minReplicas` belongs to the plan: it would move a fleet that is only watched.
fn plain(case: &Case<'_>, planned: u32, sample: Sample, text: String) -> Ledger {
    let need = case.plain_need(sample.value);
    let mut ledger = Ledger::open(Limit::Mode, planned, need, text);
    let active = case.activates(sample.value);
    activate(case, active, sample.value, &mut ledger);
    ledger.cap(case);
    ledger
}
