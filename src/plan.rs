//! From forecast to replicas. Pure: same values in, same values out; no clock, no await, no globals, so that a backtest
//! is production.
//!
//! A plan covers the worst moment of the lead time, because a replica asked for now is Ready only then. Four rules hold
//! whatever the forecast says:
//! 1. The measured load is a floor; ramps don't lower it, only `maxReplicas` does.
//! 2. Without fresh data the last good plan is held or raised by what the last forecast still says, never lowered, and
//!    an active workload stays active.
//! 3. In shadow and reactive mode KEDA gets the measured load's number and state, nothing else; in scale-out mode never
//!    less than that.
//! 4. Every limit that moved the number is a [`Reason`].
//!
//! The way of a number: `load` judges the sample, `outlook` asks the forecast, `predict` turns both into replicas with
//! the smoothing of `smooth` and the budget of `budget`, `trials` learns how much to be safe, `bounds` knows what windows
//! allow, `cluster` what the HPA does, `guard` stops a scale-down that can't be trusted, `hold` stands in without data, `memory` remembers, `landing`
//! makes it one that the HPA follows, `number` writes it for KEDA. What the replicas teach (`learn`: `lead_time`,
//! `capacity`, `vertical`, `aim`) is known to the next plan. The plan keeps score of itself (`grade`), in `auto` mode that decides
//! how much of it counts (`authority`), and `stage` says what KEDA is told.

mod aim;
mod authority;
mod bounds;
mod budget;
mod capacity;
mod case;
mod chosen;
mod cluster;
mod config;
mod grade;
mod guard;
mod hold;
mod landing;
mod lead_time;
mod learn;
mod ledger;
mod load;
mod local;
mod memory;
mod number;
mod outlook;
mod predict;
mod record;
mod smooth;
mod stage;
#[cfg(test)]
mod tests;
mod trials;
mod vertical;

pub use config::{CalendarFile, Config, ConfigError};
pub use landing::{DeadBand, Number};
pub use learn::{Readings, learn};
pub(crate) use ledger::{amount, replicas};
pub use number::serve;

use std::time::Duration;

use crate::domain::{
    Basis, ClusterFacts, Forecast, Limit, Mode, Plan, PlanMemory, PlanTrials, Reason, Sample,
    Series, Served, Stage, Timestamp, TriggerSpec,
};
use case::{Case, Decision};
use load::Load;

/// What was lived through is worth so many times as much as a rehearsal.
const MORE: f64 = 2.0;

/// A rehearsal for a lead time that is so many times as long, or as short, as the one of now says little.
const LEAD_APART: f64 = 1.5;

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The present moment.
    pub now: Timestamp,
    /// What the trigger asks for.
    pub spec: &'a TriggerSpec,
    /// The newest measured load, however old.
    pub observed: Option<Sample>,
    /// Why the last read of the metric failed, if it did. Then there is no present load, however young the newest
    /// sample is: a plan made on what was true before the fault may be held or raised, not lowered.
    pub fault: Option<&'a str>,
    /// The newest forecast, however old.
    pub forecast: Option<&'a Forecast>,
    /// Why the forecast is not to be relied on, if it isn't: the plan is then made as if there were none.
    pub distrust: Option<&'a str>,
    /// The newest reading of ready replicas, however old.
    pub ready: Option<Sample>,
    /// What the cluster says, however old.
    pub facts: Option<&'a ClusterFacts>,
    /// What the planner remembers.
    pub memory: &'a PlanMemory,
}

/// Decides. `None` only when nothing has ever been known: no sample, no last good plan.
///
/// The memory that comes back replaces the one that went in. A sample counts as present load while it is no older than
/// `stale_after` or three steps, whichever is longer; a negative one counts as 0, as in KEDA (keda#7880); one that is
/// not finite is no sample.
pub fn decide(config: &Config, inputs: &Inputs<'_>) -> Option<(Plan, PlanMemory)> {
    let case = Case::new(config, inputs);
    let load = load::judge(config, inputs);
    let mut decision = match (&load, inputs.spec.mode) {
        (Load::Fresh(sample), Mode::Reactive) => predict::reactive(&case, *sample),
        (Load::Fresh(sample), _) => {
            let plan = predict::predictive(&case, *sample);
            stage::told(&case, plan, *sample)
        }
        (Load::Absent(absent), _) => hold::hold(&case, absent)?,
    };
    // Only a plan is landed: where KEDA gets the measured load's number, it gets nothing else.
    let authority = decision.authority.as_deref().or(case.past.authority());
    let stage = stage::of(case.spec.mode, authority);
    let tells_plan = stage != Stage::Shadow && decision.replicas == decision.planned;
    let ready = inputs.ready.or(case.cluster.ready(case.spec));
    let landing = tells_plan.then(|| landing::land(&case, ready, &mut decision));
    let landed = match &landing {
        Some(landing) => landing.landed,
        None => landing::follow(&case, ready, decision.replicas),
    };
    // The HPA's tolerance may ask for a step further than the plan, and the measured load for more than it.
    let asked = match stage {
        _ if case.rests(decision.active) => 0,
        Stage::Shadow => decision.planned,
        Stage::ScaleOut | Stage::Predictive => decision.replicas.max(decision.planned),
    };
    let memory = PlanMemory {
        landed: Some(landed),
        ..memory::remember(&case, &mut decision, asked)
    };
    let served = landing.map_or_else(
        || serve(decision.replicas, case.spec.threshold),
        |landing| landing.served,
    );
    Some((publish(&case, &load, decision, served), memory))
}

/// What plans on trial would have cost and missed on `history`, where `said` was forecast (oldest first), by the lead time
/// and capacity of `memory`. `None` where nothing is learned of plans: the trigger gives the quantile itself.
/// `None` too where that is not worth more than what is known ([`wants_rehearsal`]).
pub fn rehearse(
    config: &Config,
    spec: &TriggerSpec,
    facts: Option<&ClusterFacts>,
    memory: &PlanMemory,
    history: &Series,
    said: &[Forecast],
) -> Option<PlanTrials> {
    let rehearsed = trials::rehearse(config, spec, facts, memory, history, said)?;
    let lead = || rehearsed.rehearsed.unwrap_or_default().lead.get();
    is_worth_more(memory, rehearsed.minutes, lead).then_some(rehearsed)
}

/// Whether trials over so long a time can teach plans more than twice what they know; or as much as an earlier rehearsal
/// has, most of what is known, that took replicas to be Ready much sooner or later than they have turned out to be.
pub fn wants_rehearsal(
    config: &Config,
    spec: &TriggerSpec,
    facts: Option<&ClusterFacts>,
    memory: &PlanMemory,
    now: Timestamp,
    tried: Duration,
) -> bool {
    let lead = || trials::lead_time(config, spec, facts, memory, now);
    trials::objective(spec).is_some() && is_worth_more(memory, tried.as_secs_f64() / 60.0, lead)
}

/// Whether a rehearsal of so many minutes for this lead time is worth more than what is known.
fn is_worth_more(memory: &PlanMemory, minutes: f64, lead: impl FnOnce() -> Duration) -> bool {
    let known = memory.trials.minutes;
    if minutes > MORE * known {
        return true;
    }
    let Some(before) = memory.trials.rehearsed else {
        return false;
    };
    let [lead, then] = [lead(), before.lead.get()].map(|it| it.as_secs_f64().max(1.0));
    let apart = (lead / then).max(then / lead);
    apart > LEAD_APART && MORE * before.minutes > known && MORE * minutes > known
}

/// The decision as a plan, with the numbers on the wire.
fn publish(case: &Case<'_>, load: &Load, decision: Decision, served: Served) -> Plan {
    let Decision {
        basis,
        replicas,
        planned,
        active,
        peak,
        model,
        quantile,
        chosen,
        authority,
        reasons,
        ..
    } = decision;
    let authority = authority.as_deref().or(case.past.authority());
    let authority = authority.filter(|_| case.spec.mode == Mode::Auto).cloned();
    let measured = load.sample().map(|sample| sample.value);
    let peak_each = peak
        .filter(|_| planned > 0)
        .map(|peak| peak.value / f64::from(planned));
    let usage = case.past.experience().map(|experience| &experience.usage);
    let vertical = usage.and_then(|usage| vertical::advise(usage, peak_each));
    let plain = measured.map(|load| case.plain_need(load));
    let reactive = match stage::of(case.spec.mode, authority.as_ref()) {
        Stage::Predictive => measured.map(|load| case.measured_need(load)),
        Stage::ScaleOut | Stage::Shadow => plain,
    };
    Plan {
        at: case.now,
        mode: case.spec.mode,
        basis,
        replicas,
        planned,
        reactive,
        active,
        served,
        observed: load.sample(),
        peak,
        quantile,
        lead_time: case.lead.into(),
        lead_source: case.lead_source,
        capacity: case.capacity,
        vertical,
        model,
        chosen,
        authority,
        // Of a number that is held the threshold says nothing.
        reasons: preface(
            case,
            plain.filter(|_| basis != Basis::Held),
            peak.is_some(),
            reasons,
        ),
    }
}

/// What was learned and the number rests on, before the steps that lead to it, and what the cluster adds to it. `plain` is what the threshold alone asks for.
fn preface(
    case: &Case<'_>,
    plain: Option<u32>,
    looked_ahead: bool,
    steps: Vec<Reason>,
) -> Vec<Reason> {
    let start = steps.first().map_or(0, |step| step.from);
    let step = |limit, from, text| Reason {
        limit,
        from,
        to: start,
        text,
    };
    let capacity = case.capacity_text();
    let capacity = capacity.map(|text| step(Limit::Capacity, plain.unwrap_or(start), text));
    let lead = case.lead_text().filter(|_| looked_ahead);
    let lead = lead.map(|text| step(Limit::LeadTime, start, text));
    let missing = case.missing_calendar.map(|name| {
        let text = format!(
            "`calendar: {name}` is none of the server's `plan.calendars`: its bounds do not count"
        );
        step(Limit::MinReplicas, start, text)
    });
    let before = capacity.into_iter().chain(lead).chain(missing);
    let end = steps.last().map_or(start, |step| step.to);
    let notes = case.cluster.notes(case.spec, end);
    before.chain(steps).chain(notes).collect()
}
