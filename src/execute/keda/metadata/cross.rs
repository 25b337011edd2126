//! What several keys say together. A value that is not known (from the environment, or a mistake itself) takes part in
//! no check.

use super::{Given, Reading, excerpt};
use crate::domain::{Bounds, Calendar, CalendarRef, Demand, HumanDuration, LeadTime, SourceRef};

/// Points that one workload's history may have.
const MAX_POINTS: u64 = 100_000;
/// Steps that a forecast may have.
const MAX_HORIZON_STEPS: u64 = 1440;

pub(super) fn check(reading: &mut Reading) {
    source(reading);
    followed(reading);
    level(reading);
    replicas(reading);
    bounds(reading);
    times(reading);
    latency(reading);
}

fn source(reading: &mut Reading) {
    if reading.mentions("source") && reading.mentions("serverAddress") {
        let text =
            "`source` and `serverAddress` exclude one another: a named source has its own address";
        reading.mistake("source", text.to_owned());
    }
    let by_address = matches!(reading.spec.source, SourceRef::Address(_))
        || reading.given.get("serverAddress") == Some(&Given::Elsewhere);
    if reading.spec.unsafe_ssl && !by_address {
        let text = "`unsafeSsl` has no effect without `serverAddress`: a named source has its own TLS settings";
        reading.warning("unsafeSsl", text.to_owned());
    }
}

/// Keys of a query that say nothing to a trigger that is followed.
const OF_QUERIES: [&str; 5] = [
    "queryParameters",
    "customHeaders",
    "namespace",
    "timeout",
    "ignoreNullValues",
];

fn followed(reading: &mut Reading) {
    if !reading.mentions("triggerName") {
        if reading.mentions("scaledObject") {
            let text =
                "`scaledObject` needs `triggerName` beside it: which of its triggers is followed";
            reading.mistake("scaledObject", text.to_owned());
        }
        return;
    }
    if reading.mentions("query") {
        let text = "`query` and `triggerName` exclude one another: the load is what Prometheus or what KEDA says";
        reading.mistake("triggerName", text.to_owned());
    }
    if reading.mentions("serverAddress") {
        let text = "`triggerName` and `serverAddress` exclude one another: KEDA is a named source (`source`)";
        reading.mistake("triggerName", text.to_owned());
    }
    // Beside a followed trigger they still belong to `replicasQuery` and the like.
    let asks = ["replicasQuery", "latencyQuery", "cpuQuery", "memoryQuery"];
    if asks.into_iter().any(|key| reading.mentions(key)) {
        return;
    }
    for key in OF_QUERIES {
        if reading.mentions(key) {
            let text = format!("`{key}` has no effect beside `triggerName`: nothing is queried");
            reading.warning(key, text);
        }
    }
}

fn level(reading: &mut Reading) {
    if reading.mentions("quantile") && reading.mentions("shortageCost") {
        let text = "`quantile` and `shortageCost` exclude one another: `shortageCost: c` means `quantile: c/(1+c)`";
        reading.mistake("shortageCost", text.to_owned());
    }
    for other in ["quantile", "shortageCost"] {
        if reading.mentions(other) && reading.mentions("maxOverload") {
            let text = format!(
                "`maxOverload` and `{other}` exclude one another: each says how much to be safe"
            );
            reading.mistake("maxOverload", text);
        }
    }
}

fn replicas(reading: &mut Reading) {
    if let (Some(min), Some(max)) = (reading.spec.min_replicas, reading.spec.max_replicas)
        && min > max
    {
        let text = format!("`minReplicas` is `{min}`, more than `maxReplicas`, which is `{max}`");
        reading.mistake("minReplicas", text);
    }
}

/// A window that asks for more than its most would never get it: it needs a `max` of its own.
fn bounds(reading: &mut Reading) {
    let Some(max) = reading.spec.max_replicas else {
        return;
    };
    let beyond = |demand: Demand| demand.max.is_none() && demand.min.is_some_and(|min| min > max);
    let spec = &reading.spec;
    let written = spec.bounds.iter().flat_map(Bounds::demands);
    let written = written.map(|(demand, name)| ("bounds", demand, name));
    let calendar = match &spec.calendar {
        Some(CalendarRef::Inline(calendar)) => Some(calendar),
        Some(CalendarRef::Named(_)) | None => None,
    };
    let events = calendar.into_iter().flat_map(Calendar::demands);
    let events = events.map(|(demand, name)| ("calendar", demand, name));
    let all = written
        .chain(events)
        .filter(|(_, demand, _)| beyond(*demand));
    let mistakes: Vec<(&str, String)> = all
        .map(|(key, _, name)| {
            let name = excerpt(name);
            let text = format!(
                "`{key}`: `{name}` asks for more than `maxReplicas`, which is `{max}`, and has no `max` of its own"
            );
            (key, text)
        })
        .collect();
    for (key, text) in mistakes {
        reading.mistake(key, text);
    }
}

fn latency(reading: &mut Reading) {
    for (one, other) in [
        ("latencyQuery", "latencySlo"),
        ("latencySlo", "latencyQuery"),
    ] {
        if reading.mentions(one) && !reading.mentions(other) {
            reading.mistake(one, format!("`{one}` needs `{other}` beside it"));
        }
    }
}

fn times(reading: &mut Reading) {
    let (horizon, step, history) = (
        reading.spec.horizon,
        reading.spec.step,
        reading.spec.history,
    );
    if reading.known(&["horizon", "step"]) {
        if horizon < step {
            let text = format!(
                "{} is shorter than {}: the forecast has to reach one step ahead",
                named(reading, "horizon", horizon),
                named(reading, "step", step)
            );
            reading.mistake(blamed(reading, "horizon", "step"), text);
        } else if points(horizon, step) > MAX_HORIZON_STEPS {
            let text = format!(
                "{} has {} steps with {}, at most {MAX_HORIZON_STEPS} are allowed",
                named(reading, "horizon", horizon),
                points(horizon, step),
                named(reading, "step", step)
            );
            reading.mistake(blamed(reading, "horizon", "step"), text);
        }
    }
    if reading.known(&["history", "step"]) {
        let points = points(history, step);
        if !(2..=MAX_POINTS).contains(&points) {
            let text = format!(
                "{} has {points} points with {}, from 2 to {MAX_POINTS} are allowed: change either",
                named(reading, "history", history),
                named(reading, "step", step)
            );
            reading.mistake(blamed(reading, "history", "step"), text);
        }
    }
    if let LeadTime::Fixed(lead) = reading.spec.lead_time
        && lead > horizon
        && reading.known(&["leadTime", "horizon"])
    {
        let text = format!(
            "{} is longer than {}: the plan can't look further ahead than the forecast",
            named(reading, "leadTime", lead),
            named(reading, "horizon", horizon)
        );
        reading.mistake(blamed(reading, "leadTime", "horizon"), text);
    }
}

fn points(span: HumanDuration, step: HumanDuration) -> u64 {
    span.get().as_secs().div_ceil(step.get().as_secs().max(1))
}

/// A key with its value, and whether that is the default.
fn named(reading: &Reading, key: &str, value: HumanDuration) -> String {
    if reading.has(key) {
        format!("`{key}` of {value}")
    } else {
        format!("`{key}` of {value} (the default)")
    }
}

/// The key to point at: the first that was given.
fn blamed(reading: &Reading, first: &'static str, second: &'static str) -> &'static str {
    if reading.has(first) || !reading.has(second) {
        first
    } else {
        second
    }
}
