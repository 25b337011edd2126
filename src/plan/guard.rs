//! What stops a scale-down though the number asks for it, each for a bounded time:
//!
//! - **A burst**: the load is above the forecast's highest quantile (0.95 or above), by a replica at least. The forecast has not seen
//!   this coming, so that nothing it says of the time after can be trusted: the plan covers the live value and does not
//!   shrink until the load has been inside the band for [`CALM`], and for no longer than [`LONGEST_BURST`]. One sample in
//!   a hundred is above a 0.99 quantile, so that by chance alone this happens rarely and is short.
//! - **An outage of the data** that lasted longer than a sample counts as present. The first loads after it may be low
//!   because demand could not arrive; the plan from before it is held for as long as it lasted, at most [`AFTERMATH`].
//! - **A collapse**: the load falls below half of the forecast's lowest quantile (0.1 or below). That is held for
//!   [`JUDGEMENT`], and while the load is below a tenth of it, which is more like an outage upstream than like less demand, for
//!   [`AFTERMATH`]. A load that is back ends it, as does a forecast that expects it.
//!
//! A forecast is judged on samples that it has not seen. Holding keeps a fleet, it never makes one larger.

use std::time::Duration;

use super::case::Case;
use super::ledger::{Ledger, amount, span};
use crate::domain::{Band, Blind, Burst, Collapse, Forecast, Guards, Limit, Sample, Timestamp};

/// A burst is over once the load has been inside the band for so long …
const CALM: Duration = Duration::from_mins(3);
/// … or after this.
const LONGEST_BURST: Duration = Duration::from_mins(30);
/// The fleet is held for no longer than this after an outage, or while the load is gone.
const AFTERMATH: Duration = Duration::from_mins(10);
/// How long it may take a load that has fallen to be gone: windows of rates have to pass.
const JUDGEMENT: Duration = Duration::from_mins(3);
/// A load that has fallen is below this share of the least that was expected …
const FALLEN: f64 = 0.5;
/// … and one that is gone below this.
const GONE: f64 = 0.1;
/// A collapse is forgotten after this, whatever the load does.
const FORGOTTEN: Duration = Duration::from_mins(30);
/// The lowest and the highest level must be this far out to be the edges of a band.
const EDGES: [f64; 2] = [0.1, 0.95];
/// Changes that are remembered at most.
const MOST_CHANGES: usize = 60;
const HOUR: Duration = Duration::from_hours(1);

/// The state after a fresh sample.
pub(super) fn watch(case: &Case<'_>, sample: Sample) -> Guards {
    let mut guards = case.past.guards().clone();
    let band = judged_by(case, guards.band, sample);
    guards.burst = burst(case, guards.burst, band, sample);
    guards.blind = blind(case, guards.blind);
    guards.collapse = collapse(case, guards.collapse, band, sample);
    guards.band = case.forecast.and_then(|forecast| edges(forecast, 0));
    guards
}

/// What is planned while a burst goes on: at least the live value.
pub(super) fn live(case: &Case<'_>, guards: &Guards, load: f64, ledger: &mut Ledger) {
    if let Some(burst) = guards.burst.filter(|burst| holds(case, *burst)) {
        let need = case.measured_need(load * (1.0 + case.spec.headroom.max(0.0)));
        ledger.raise_to(Limit::Burst, need, || {
            format!("{}: planning on the live value", burst_text(case, burst))
        });
    }
}

/// Stops a scale-down where a guard stands; says whether one keeps the workload active.
pub(super) fn hold(case: &Case<'_>, guards: &Guards, load: f64, ledger: &mut Ledger) -> bool {
    let Some(before) = case.past.previous() else {
        return false;
    };
    if let Some(burst) = guards.burst.filter(|burst| holds(case, *burst)) {
        ledger.raise_to(Limit::Burst, before, || {
            format!("not scaling down: {}", burst_text(case, burst))
        });
    }
    let blind = guards.blind.filter(|blind| case.now < blind.until);
    if let Some(blind) = blind {
        ledger.raise_to(Limit::Outage, blind.replicas.min(before), || {
            format!(
                "not scaling down for another {}: data came back {} ago, and demand may not have arrived in \
                 full yet",
                span(blind.until.since(case.now)),
                span(case.now.since(blind.ended)),
            )
        });
    }
    let collapse = guards.collapse.filter(|it| stands(case, *it, load));
    if let Some(collapse) = collapse {
        ledger.raise_to(Limit::Outage, collapse.replicas.min(before), || {
            format!(
                "not scaling down yet: {} ago the load fell below what was expected, no less than {}, and is {} now: \
                 demand may not be arriving",
                span(case.now.since(collapse.since)),
                amount(collapse.expected),
                amount(load),
            )
        });
    }
    let blind = blind.is_some_and(|it| it.active && it.replicas > 0);
    blind || collapse.is_some_and(|it| it.active && it.replicas > 0)
}

/// Lets steps down wait once `maxChangesPerHour` is used up. Steps up pass, and count.
pub(super) fn changes(case: &Case<'_>, ledger: &mut Ledger) {
    let (Some(most), Some(before)) = (case.spec.max_changes_per_hour, case.past.previous()) else {
        return;
    };
    let recent = (case.past.guards().changes.iter()).filter(|at| is_within(case, **at));
    let used = recent.clone().count();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if ledger.count() >= before || used < most {
        return;
    }
    // The next one may come once fewer than the most are within an hour.
    let next = recent.skip(used - most).min().copied();
    ledger.raise_to(Limit::Changes, before, || {
        let wait = next.map_or(HOUR, |next| (next + HOUR).since(case.now));
        format!(
            "`maxChangesPerHour` of {most} is used up: steps down wait for another {}",
            span(wait)
        )
    });
}

/// The changes to remember once it is decided that `planned` replicas are asked for.
pub(super) fn remember(case: &Case<'_>, mut guards: Guards, planned: u32) -> Guards {
    if case.spec.max_changes_per_hour.is_none() {
        guards.changes.clear();
        return guards;
    }
    guards.changes.retain(|at| is_within(case, *at));
    if case.past.previous().is_some_and(|before| before != planned) {
        guards.changes.push_back(case.now);
    }
    while guards.changes.len() > MOST_CHANGES {
        guards.changes.pop_front();
    }
    guards
}

fn is_within(case: &Case<'_>, at: Timestamp) -> bool {
    at <= case.now && case.now.since(at) < HOUR
}

// === the band ===

/// What was expected of a sample before it was seen: by the forecast there is, or by the one before, if the sample is
/// already part of what it was made from.
fn judged_by(case: &Case<'_>, before: Option<Band>, sample: Sample) -> Option<Band> {
    let forecast = case.forecast?;
    if sample.at > forecast.origin() {
        let step = (0..forecast.steps()).find(|step| forecast.time_of(*step) >= sample.at)?;
        return edges(forecast, step);
    }
    before.filter(|band| band.after < sample.at && sample.at <= band.until)
}

/// The outermost paths at a step, if they are far enough out.
fn edges(forecast: &Forecast, step: usize) -> Option<Band> {
    let levels = forecast.levels();
    let (lowest, highest) = (levels.first()?, levels.last()?);
    if lowest.get() > EDGES[0] || highest.get() < EDGES[1] {
        return None;
    }
    let value = |level: usize| forecast.path(level).get(step).copied().map(f64::from);
    Some(Band {
        after: forecast.origin(),
        until: forecast.time_of(step),
        low: value(0)?,
        high: value(levels.len() - 1)?,
    })
}

// === the guards ===

fn burst(
    case: &Case<'_>,
    before: Option<Burst>,
    band: Option<Band>,
    sample: Sample,
) -> Option<Burst> {
    let above = band.is_some_and(|band| {
        sample.value > band.high && case.measured_need(sample.value) > case.expected_need(band.high)
    });
    // What came after a silence is a burst of its own: nobody knows whether the one before it went on for so long.
    let before = before.filter(|burst| case.passed(Some(burst.last)).is_some());
    match before {
        Some(burst) if above => Some(Burst {
            last: case.now,
            ..burst
        }),
        None if above => Some(Burst {
            since: case.now,
            last: case.now,
        }),
        burst => burst.filter(|burst| case.now.since(burst.last) < CALM),
    }
}

/// A burst that goes on for too long is none any more, though it is remembered, so that it does not begin anew.
fn holds(case: &Case<'_>, burst: Burst) -> bool {
    case.now.since(burst.since) < LONGEST_BURST
}

fn burst_text(case: &Case<'_>, burst: Burst) -> String {
    let last = case.now.since(burst.last);
    let ago = if last.is_zero() {
        "the load is above what the forecast holds possible".to_owned()
    } else {
        format!(
            "{} ago the load was above what the forecast held possible",
            span(last)
        )
    };
    format!("{ago}, and it has to be back for {}", span(CALM))
}

fn blind(case: &Case<'_>, before: Option<Blind>) -> Option<Blind> {
    let current = before.filter(|blind| blind.ended <= case.now && case.now < blind.until);
    let good = case.past.last_good()?;
    let gap = case.now.since(good.at);
    // A trigger that is looked at seldom has gaps without an outage.
    let usual = case.stale.max(case.spec.interval.get() * 2);
    // After a restart nobody knows what the fleet is like now: what was not held is not held on.
    let was_held = (case.past.newest()).is_some_and(|at| case.now.since(at) <= usual);
    if gap <= usual || !was_held {
        return current;
    }
    Some(Blind {
        ended: case.now,
        until: case.now + gap.min(AFTERMATH),
        replicas: good.planned,
        active: good.active,
    })
}

fn collapse(
    case: &Case<'_>,
    before: Option<Collapse>,
    band: Option<Band>,
    sample: Sample,
) -> Option<Collapse> {
    let before = before.filter(|it| it.since <= case.now && case.now.since(it.since) < FORGOTTEN);
    let low = band.map(|band| band.low);
    if let Some(collapse) = before {
        let is_back = sample.value >= FALLEN * collapse.expected;
        let expected = low.is_some_and(|low| sample.value >= low);
        return (!is_back && !expected).then_some(collapse);
    }
    let low = low?;
    let fallen =
        sample.value < FALLEN * low && case.measured_need(sample.value) < case.expected_need(low);
    let good = case.past.last_good()?;
    fallen.then(|| Collapse {
        since: case.now,
        expected: low,
        replicas: case.past.previous().unwrap_or(good.planned),
        active: good.active,
    })
}

fn stands(case: &Case<'_>, collapse: Collapse, load: f64) -> bool {
    let since = case.now.since(collapse.since);
    since < JUDGEMENT || (load <= GONE * collapse.expected && since < AFTERMATH)
}
