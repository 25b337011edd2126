//! Whether a record can be judged on, and what a reader should know of it.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{MOST_REPLICAS, OVERLOADS, Settings, forescale, gain};
use crate::domain::{HumanDuration, LeadTime, Series, Timestamp, wire_target};
use crate::simulate::cluster::{Cluster, TICK};
use crate::simulate::trace::Trace;

/// Less than this before the judged part teaches nothing, and less than [`LEAST_JUDGED`] judged says nothing.
const LEAST_BEFORE: Duration = Duration::from_hours(24);
const LEAST_JUDGED: Duration = Duration::from_hours(6);

/// What a trigger's `threshold` may be, and so what a replica may carry.
const CAPACITIES: RangeInclusive<f64> = 0.001..=1e9;

/// A `threshold` on the wire that differs by more than this share from what a replica carries makes another plan.
const ALIKE: f64 = 0.01;

/// Load that one replica carries.
///
/// # Errors
/// When it is not given and can't be derived from the load, or when Forescale would refuse it as a `threshold`.
pub(super) fn capacity(trace: &Trace, settings: &Settings) -> Result<f64, String> {
    let Some(median) = trace.median(trace.start(), trace.end()) else {
        return Err("it holds no load: every value is missing, or below 0".to_owned());
    };
    let replicas = settings.replicas_at_median;
    let capacity = settings.capacity.unwrap_or(median / replicas);
    if CAPACITIES.contains(&capacity) {
        return Ok(capacity);
    }
    let (least, most) = (CAPACITIES.start(), CAPACITIES.end());
    Err(match settings.capacity {
        Some(capacity) => format!(
            "a replica carries {capacity}, and a `threshold` may be {least} to {most}: scale the query, and `--capacity` with it"
        ),
        None if median <= 0.0 => format!(
            "the median load is {median}, from which no capacity per replica can be derived: give `--capacity`"
        ),
        None => format!(
            "by its median load of {median} over `--replicas` ({replicas}) a replica carries {capacity}, and a `threshold` may be \
             {least} to {most}: scale the query, or give `--capacity` or another number of `--replicas`"
        ),
    })
}

/// What a reader should know of the record, and of what it asks for.
pub(super) fn notes(
    series: &Series,
    trace: &Trace,
    cluster: &Cluster,
    settings: &Settings,
) -> Vec<String> {
    let judged = trace.known(from(trace, settings), trace.end());
    let hours = judged.as_secs_f64() / 3600.0;
    let thin = gain::thin(hours, OVERLOADS[0], TICK.as_secs_f64());
    [
        negative(series),
        missing(trace, settings),
        thin,
        beyond_the_maximum(trace, cluster, settings),
        beyond_the_horizon(cluster, settings),
        rounded(cluster.capacity),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn negative(series: &Series) -> Option<String> {
    let count = series.values().iter().filter(|value| **value < 0.0).count();
    let s = if count == 1 { "" } else { "s" };
    (count > 0).then(|| format!("{count} value{s} below 0, which no load is: missing"))
}

/// Nobody is judged on what is missing, which a reader of a sum over the judged part would not guess.
fn missing(trace: &Trace, settings: &Settings) -> Option<String> {
    let from = from(trace, settings);
    let judged = trace.end().since(from);
    let known = trace.known(from, trace.end());
    (judged.saturating_sub(known) >= trace.step()).then(|| {
        format!(
            "only {} of the {} judged are known: no policy is judged on the rest",
            HumanDuration::from_secs(known.as_secs()),
            HumanDuration::from_secs(judged.as_secs())
        )
    })
}

/// Our plan sees no load that lies beyond its horizon, however long pods take.
fn beyond_the_horizon(cluster: &Cluster, settings: &Settings) -> Option<String> {
    let lead = forescale::lead(cluster);
    let horizon = settings.trigger.horizon;
    let asks = settings.trigger.lead_time == LeadTime::Auto && lead > horizon.get();
    asks.then(|| {
        format!(
            "a replica is Ready {} after the load is measured, polling and sync included, and the trigger's `horizon` is {horizon}: \
             Forescale plans no further ahead than that; `--set horizon=DURATION` lengthens it",
            HumanDuration::from_secs(lead.as_secs())
        )
    })
}

/// Numbers on the wire have three decimals.
fn rounded(capacity: f64) -> Option<String> {
    let told = wire_target(capacity);
    ((told / capacity - 1.0).abs() > ALIKE).then(|| {
        format!(
            "a replica carries {capacity}, and KEDA is told a `threshold` of {told}, for its numbers have three decimals: scale the \
             query"
        )
    })
}

/// That the record asks for more replicas than there may be, where it does: nobody can carry it then, and every policy
/// looks worse than it is.
fn beyond_the_maximum(trace: &Trace, cluster: &Cluster, settings: &Settings) -> Option<String> {
    let known = trace.values().iter().copied().filter(|load| !load.is_nan());
    let peak = known.max_by(f64::total_cmp)?;
    let (needed, max) = (
        (peak / cluster.capacity).ceil(),
        cluster.object.max_replicas,
    );
    if needed <= f64::from(max) {
        return None;
    }
    let whose = if settings.trigger.max_replicas == Some(max) {
        "`maxReplicas` of the trigger: raise it"
    } else if settings.configured.is_some() && max < MOST_REPLICAS {
        "`maxReplicaCount` of the ScaledObject: raise it"
    } else {
        "the most that is simulated: give a larger `--capacity`, or fewer `--replicas`"
    };
    Some(format!(
        "the load needs {needed:.0} replicas at its peak, the maximum is {max}, and what is above counts as overload of every \
         policy; that is {whose}"
    ))
}

/// When judging begins.
pub(super) fn from(trace: &Trace, settings: &Settings) -> Timestamp {
    let span = trace.end().since(trace.start());
    trace.start() + span.mul_f64(1.0 - settings.judged)
}

/// Whether enough is known of the judged part, and of the time before it.
pub(super) fn enough(trace: &Trace, settings: &Settings) -> Result<(), String> {
    let span = trace.end().since(trace.start());
    let from = from(trace, settings);
    let (before, judged) = (
        trace.known(trace.start(), from),
        trace.known(from, trace.end()),
    );
    if judged >= LEAST_JUDGED && before >= LEAST_BEFORE {
        return Ok(());
    }
    let of = |known: Duration, whole: Duration| {
        let told = HumanDuration::from_secs(known.as_secs());
        // The two ends of a part lie between points of the record.
        if whole.saturating_sub(known) < trace.step() {
            return told.to_string();
        }
        let whole = HumanDuration::from_secs(whole.as_secs());
        format!("{told} (of {whole}, the rest is missing)")
    };
    Err(format!(
        "{} of history is too short to say anything: the last {:.0} % are judged, which must be {} or more and are {}, and \
         {} or more must lie before, where there are {}; at least {} are needed",
        HumanDuration::from_secs(span.as_secs()),
        100.0 * settings.judged,
        HumanDuration(LEAST_JUDGED),
        of(judged, trace.end().since(from)),
        HumanDuration(LEAST_BEFORE),
        of(before, from.since(trace.start())),
        HumanDuration::from_secs(least_span(settings.judged).as_secs()),
    ))
}

/// The shortest record of which `judged` can be judged.
fn least_span(judged: f64) -> Duration {
    let by_judged = LEAST_JUDGED.as_secs_f64() / judged.max(1e-3);
    let by_before = LEAST_BEFORE.as_secs_f64() / (1.0 - judged).max(1e-3);
    Duration::from_secs_f64(by_judged.max(by_before).ceil())
}
