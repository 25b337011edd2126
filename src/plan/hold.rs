//! A plan without fresh data. What is not known is not zero: the last good plan stands, raised by what the last
//! forecast still expects and by what is known of the load in part, never lowered until data returns.

use super::case::{Case, Decision};
use super::ledger::{Ledger, ago, amount, replicas};
use super::load::Absent;
use super::outlook::{Outlook, Seen, over_lead_time};
use super::predict::activate;
use super::smooth;
use super::stage;
use crate::domain::{Basis, GoodPlan, Limit, Mode, Sample, Stage};

/// What stands while nothing is measured.
struct Standing {
    planned: u32,
    served: u32,
    active: bool,
    text: String,
}

/// What is known of the load in part: there is as much, or more.
struct Part {
    load: f64,
    /// Replicas that KEDA is told for it, and that a plan asks for.
    told: u32,
    planned: u32,
    activates: bool,
}

/// Holds; `None` when there is nothing to hold and there never was a sample.
pub(super) fn hold(case: &Case<'_>, absent: &Absent) -> Option<Decision> {
    let standing = standing(case, absent)?;
    let part = Part::of(case, absent);
    let (decision, by_load) = match stage::so_far(case) {
        Stage::Predictive | Stage::ScaleOut => raised(case, standing, part.as_ref()),
        Stage::Shadow => served(case, standing, part.as_ref()),
    };
    let good = case.past.last_good().map(|good| {
        let most = case.upper_bound();
        let good = part.as_ref().map_or(good, |part| part.onto(good, most));
        // Whom the forecast woke is not put to sleep because it ends before the outage does.
        let active = good.active || by_load;
        GoodPlan { active, ..good }
    });
    Some(Decision {
        held: good,
        ..decision
    })
}

impl Part {
    /// Of a sample that is younger than that of the last good plan and yet no present load: part of the storage did not answer.
    fn of(case: &Case<'_>, absent: &Absent) -> Option<Self> {
        let good = case.past.last_good()?;
        let seen = good.observed.map_or(good.at, |seen| seen.at);
        let younger = |sample: &Sample| sample.at > seen && sample.at <= case.now;
        let sample = absent.last.filter(younger)?;
        let load = sample.value;
        (case.now.since(sample.at) <= case.stale).then(|| Self {
            load,
            told: match stage::so_far(case) {
                Stage::Predictive | Stage::ScaleOut => measured(case, load),
                Stage::Shadow => case.plain_need(load),
            },
            planned: case.measured_need(load),
            activates: case.activates(load),
        })
    }

    fn raise(&self, ledger: &mut Ledger) {
        ledger.raise_to(Limit::ObservedFloor, self.told, || {
            let load = amount(self.load);
            format!("the part of the load that is known, {load}, needs more")
        });
    }

    /// The last good plan as it is raised: what was told of a part is not taken back with the next fault.
    fn onto(&self, good: GoodPlan, most: u32) -> GoodPlan {
        GoodPlan {
            planned: good.planned.max(self.planned.min(most)),
            served: good.served.max(self.told.min(most)),
            active: good.active || self.activates,
            ..good
        }
    }
}

/// The last good plan; before there was one, the newest sample however old, or what has been held for it. Without a
/// good plan nobody knows whether the workload runs, and stopping it by mistake costs more than a replica: it counts
/// as active.
fn standing(case: &Case<'_>, absent: &Absent) -> Option<Standing> {
    let why = &absent.why;
    if let Some(good) = case.past.last_good() {
        let made = ago(good.at, case.now);
        return Some(Standing {
            planned: good.planned,
            served: good.served,
            active: good.active,
            text: format!("{why}: holding the last good plan, made {made}"),
        });
    }
    let measured = absent.last.map(|sample| measured(case, sample.value));
    let need = measured.max(case.past.previous())?.max(1);
    Some(Standing {
        planned: need,
        served: need,
        active: true,
        text: format!(
            "{why}, and no plan was ever made from fresh data: holding {}",
            replicas(need)
        ),
    })
}

/// Replicas for a measured load, by the threshold too where a plan may only add.
fn measured(case: &Case<'_>, load: f64) -> u32 {
    match stage::so_far(case) {
        Stage::ScaleOut => case.measured_need(load).max(case.plain_need(load)),
        Stage::Predictive | Stage::Shadow => case.measured_need(load),
    }
}

/// Where the plan has a say: raised by the forecast, and never below what has been held so far; and whether it is active for a
/// load, measured or foreseen.
fn raised(case: &Case<'_>, standing: Standing, part: Option<&Part>) -> (Decision, bool) {
    let before = standing.planned.max(standing.served);
    // Plans made while holding are remembered too, so a raise is not taken back when the forecast runs out.
    let held = case
        .past
        .previous()
        .map_or(before, |previous| previous.max(before));
    let mut ledger = Ledger::open(Limit::Hold, before, held, standing.text);
    if let Some(part) = part {
        part.raise(&mut ledger);
    }
    let seen = match over_lead_time(case) {
        Outlook::Seen(seen) => Some(seen),
        Outlook::Blind(_) => None,
    };
    if let Some(seen) = &seen {
        let need = smooth::need(case, seen.peak);
        ledger.raise_to(Limit::Forecast, need, || seen.text(case));
    }
    let expected = seen.as_ref().map_or(0.0, |seen| seen.peak.value);
    let shown = part.is_some_and(|part| part.activates);
    let by_load = standing.active || shown || case.foresees_activity(expected);
    let active = by_load || case.window_runs();
    activate(case, by_load, expected, &mut ledger);
    ledger.bound(case);
    (decision(case, active, ledger, None, seen), by_load)
}

/// The same where the plan has no say in what KEDA is told.
fn served(case: &Case<'_>, standing: Standing, part: Option<&Part>) -> (Decision, bool) {
    let active = standing.active || part.is_some_and(|part| part.activates);
    let mut ledger = Ledger::open(Limit::Hold, standing.served, standing.served, standing.text);
    if let Some(part) = part {
        part.raise(&mut ledger);
    }
    let planned = if case.spec.mode == Mode::Reactive {
        ledger.bound(case);
        None
    } else {
        ledger.cap(case);
        let previous = case.past.previous().unwrap_or(0);
        let seen = super::outlook::worst(case, case.ahead());
        let need = seen.map_or(0, |peak| smooth::need(case, peak));
        Some(case.bounded(standing.planned.max(previous).max(need)))
    };
    (decision(case, active, ledger, planned, None), active)
}

fn decision(
    case: &Case<'_>,
    active: bool,
    ledger: Ledger,
    planned: Option<u32>,
    seen: Option<Seen<'_>>,
) -> Decision {
    let replicas = ledger.count();
    let planned = planned.unwrap_or(replicas);
    Decision {
        basis: Basis::Held,
        replicas,
        planned,
        raw: planned.min(case.upper_bound()),
        active,
        peak: seen.as_ref().map(|seen| seen.peak),
        model: seen.map(|seen| seen.forecast.model.clone()),
        quantile: case.spec.quantile,
        chosen: None,
        trials: None,
        grade: None,
        authority: None,
        reasons: ledger.close(),
        fresh: None,
        guards: None,
        budget: None,
        held: None,
    }
}
