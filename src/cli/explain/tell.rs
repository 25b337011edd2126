//! The answer in words, for a tired person: first the number, then what it rests on, then whether to believe it.

use std::time::Duration;

use super::answer::{
    Anomaly, Answer, History, Score, Source, SourceRef, Standing, Status, Trigger, Trust,
};
use super::pods;
use super::sheet::Sheet;
use crate::domain::{
    Authority, Basis, HumanDuration, Mode, Plan, Reason, Sample, Stage, Timestamp,
};
use crate::plan::{amount, replicas};

/// Models that are told of; those behind them carry less.
const MODELS: usize = 4;

/// Anomalies that are told of; those before them are counted.
const ANOMALIES: usize = 3;

/// KEDA asks every `pollingInterval`, 30 s by default; a trigger that it has not asked about for this long is perhaps gone.
const SILENCE: Duration = Duration::from_mins(5);

/// How far back the measured load is compared.
const BEFORE: Duration = Duration::from_mins(15);

/// Everything about one ScaledObject, one trigger after the other.
pub(super) fn all(status: &Status, answer: &Answer) -> String {
    let mut sheet = Sheet::default();
    let count = answer.workloads.len();
    for (index, trigger) in answer.workloads.iter().enumerate() {
        if index > 0 {
            sheet.gap();
        }
        let id = trigger.id.get(..8).unwrap_or(&trigger.id);
        let mut heading = format!("{}/{}, trigger {id}", trigger.namespace, trigger.name);
        if count > 1 {
            heading = format!("{heading} ({} of {count})", index + 1);
        }
        sheet.heading(&heading);
        one(&mut sheet, status, trigger);
    }
    sheet.finish()
}

fn one(sheet: &mut Sheet, status: &Status, trigger: &Trigger) {
    let now = status.now;
    match &trigger.follows {
        Some(followed) => sheet.paragraph(&format!("follows {followed}")),
        None => sheet.paragraph(&trigger.query),
    }
    sheet.gap();
    if let Some(plan) = &trigger.plan {
        sheet.paragraph(&verdict(plan));
        sheet.gap();
        sheet.rows("Measured", [measured(plan, &trigger.history, now)]);
        sheet.rows("Expected", expected(plan, trigger, now));
        sheet.rows(&format!("Why {}", plan.replicas), reasons(plan, now));
        if let Some(earned) = &plan.authority {
            sheet.rows("Authority", authority(earned, now));
        }
        let advice = pods::advice(plan);
        if !advice.is_empty() {
            sheet.rows("Pods", advice);
        }
    } else {
        sheet.paragraph("There is no plan yet, and KEDA is told so instead of a number.");
        sheet.gap();
    }
    match &trigger.standing {
        Some(standing) => {
            sheet.rows("Forecast", carriers(standing));
            sheet.rows("Score", scored(standing.score.as_ref()));
            sheet.rows("Trust", [trust(&standing.trust, now)]);
        }
        None if trigger.mode == Mode::Reactive => {
            sheet.rows("Forecast", ["none is made in reactive mode".to_owned()]);
        }
        None => sheet.rows(
            "Forecast",
            ["nothing is known yet of how well forecasts do".to_owned()],
        ),
    }
    if let Some(grade) = &trigger.grade {
        sheet.rows("Grade", grade.text.iter().cloned());
    }
    if let Some(cluster) = &trigger.cluster {
        sheet.rows("Cluster", cluster.text.iter().cloned());
    }
    if !trigger.anomalies.is_empty() {
        sheet.rows("Unusual", unusual(&trigger.anomalies, now));
    }
    sheet.rows("Data", data(status, trigger));
}

// === the number ===

fn verdict(plan: &Plan) -> String {
    let told = format!(
        "KEDA is told {} (a load of {} at {} for each).",
        replicas(plan.replicas),
        amount(plan.served.value),
        amount(plan.served.target),
    );
    let idle = if plan.active {
        ""
    } else {
        " The workload counts as inactive, so KEDA may scale it to zero."
    };
    format!("{told} {}{idle}", basis(plan))
}

fn basis(plan: &Plan) -> String {
    match (plan.basis, in_effect(plan)) {
        (Basis::Held, _) => {
            "That is the last good plan, held or raised, because there is no fresh data.".to_owned()
        }
        (Basis::Restored, _) => {
            "That is the last plan before a restart; no fresh data has come since.".to_owned()
        }
        (_, Mode::Shadow) => format!(
            "That is what the measured load asks for: in {} mode the plan of {} is only published.",
            plan.mode,
            replicas(plan.planned),
        ),
        (_, Mode::ScaleOut) if plan.replicas > plan.planned => format!(
            "That is what the measured load asks for: in {} mode the plan of {} may only add replicas.",
            plan.mode,
            replicas(plan.planned),
        ),
        (_, Mode::Reactive) => {
            "That is what the measured load asks for; in reactive mode nothing is forecast."
                .to_owned()
        }
        (Basis::Reactive, _) => {
            "That rests on the measured load alone, not on a forecast.".to_owned()
        }
        (Basis::Forecast, _) => {
            let reactive = plan.reactive.map_or_else(String::new, |reactive| {
                format!("; the measured load alone asks for {reactive}")
            });
            format!("That rests on the forecast{reactive}.")
        }
    }
}

/// The mode that the plan's stage comes to.
fn in_effect(plan: &Plan) -> Mode {
    match (plan.mode, &plan.authority) {
        (Mode::Auto, Some(authority)) => match authority.stage {
            Stage::Shadow => Mode::Shadow,
            Stage::ScaleOut => Mode::ScaleOut,
            Stage::Predictive => Mode::Predictive,
        },
        (Mode::Auto, None) => Mode::Shadow,
        (mode, _) => mode,
    }
}

/// How much of the plan counts in `auto` mode, and what keeps it from more.
fn authority(authority: &Authority, now: Timestamp) -> Vec<String> {
    let stage = authority.stage;
    let since = format!(
        "{stage} since {}, {}: {}",
        authority.since,
        ago(authority.since, now),
        authority.why
    );
    std::iter::once(since)
        .chain(authority.next.clone())
        .collect()
}

fn measured(plan: &Plan, history: &History, now: Timestamp) -> String {
    let Some(Sample { at, value }) = plan.observed else {
        return "nothing that still counts as the present load".to_owned();
    };
    let mut text = format!("{}, {}, at {at}", amount(value), ago(at, now));
    if let Some(earlier) = history.at(at - BEFORE) {
        let before = HumanDuration(BEFORE);
        text = format!("{text}; {before} before that it was {}", amount(earlier));
    }
    text
}

fn expected(plan: &Plan, trigger: &Trigger, now: Timestamp) -> Vec<String> {
    let Some(peak) = plan.peak else {
        return vec!["no forecast was used".to_owned()];
    };
    let model = plan.model.as_deref().unwrap_or("an unnamed model");
    let mut texts = vec![format!(
        "a peak of {} within the next {} (at {}, {}), by {model}: at or below that in {} % of cases",
        amount(peak.value),
        plan.lead_time,
        peak.at,
        ago(peak.at, now),
        amount(plan.quantile.get() * 100.0),
    )];
    let forecast = trigger.forecast.as_ref();
    if let Some(stand_in) = forecast.and_then(|forecast| forecast.stand_in.as_ref()) {
        texts.push(format!(
            "a stand-in for {}: {}",
            stand_in.wanted, stand_in.why
        ));
    }
    texts
}

fn reasons(plan: &Plan, now: Timestamp) -> Vec<String> {
    let step = |(index, reason): (usize, &Reason)| {
        let change = if reason.from == reason.to {
            reason.to.to_string()
        } else {
            format!("{} to {}", reason.from, reason.to)
        };
        let limit = reason.limit.as_str();
        format!("{}. {limit}, {change}: {}", index + 1, reason.text)
    };
    let planned = format!("(planned {})", ago(plan.at, now));
    let steps = plan.reasons.iter().enumerate().map(step);
    steps.chain([planned]).collect()
}

// === whether to believe it ===

fn carriers(standing: &Standing) -> Vec<String> {
    let experts = &standing.experts;
    if experts.is_empty() {
        return vec!["no model competes yet".to_owned()];
    }
    let told = experts
        .iter()
        .take(MODELS)
        .map(|expert| expert.text.clone());
    let more = experts.len().saturating_sub(MODELS);
    let rest = (more > 0).then(|| format!("and {more} more that carry less"));
    told.chain(rest).collect()
}

fn scored(score: Option<&Score>) -> Vec<String> {
    let Some(score) = score else {
        return vec!["nothing has been scored yet".to_owned()];
    };
    let mut texts = vec![score.text.clone()];
    let shares = score.coverage.iter().filter_map(|(level, share)| {
        let level: f64 = level.parse().ok()?;
        let share = (*share)?;
        Some(format!(
            "{} % of loads (nominal {} %)",
            amount((share * 1000.0).round() / 10.0),
            amount(level * 100.0)
        ))
    });
    let shares: Vec<_> = shares.collect();
    if !shares.is_empty() {
        texts.push(format!("its levels covered {}", shares.join(", ")));
    }
    texts
}

fn trust(trust: &Trust, now: Timestamp) -> String {
    match trust.since {
        Some(since) => format!("{} (since {since}, {})", trust.text, ago(since, now)),
        None => trust.text.clone(),
    }
}

/// The newest first.
fn unusual(anomalies: &[Anomaly], now: Timestamp) -> Vec<String> {
    let newest = anomalies.iter().rev().take(ANOMALIES);
    let told = newest.map(|it| format!("{} (from {}, {})", it.text, it.from, ago(it.from, now)));
    let more = anomalies.len().saturating_sub(ANOMALIES);
    let rest = (more > 0).then(|| format!("and {more} more before that"));
    told.chain(rest).collect()
}

fn data(status: &Status, trigger: &Trigger) -> Vec<String> {
    let (now, health) = (status.now, &trigger.health);
    let source = source(&trigger.spec.source, &status.sources);
    let last = health.last_success.map_or_else(
        || "has never given a usable sample".to_owned(),
        |at| format!("last gave a usable sample {}", ago(at, now)),
    );
    let mut texts = vec![format!("{source} {last}")];
    if let Some(fault) = &health.fault {
        let row = match health.faults_in_a_row {
            0 | 1 => String::new(),
            count => format!(", {count} in a row"),
        };
        let (kind, seen) = (fault.kind.as_str(), ago(fault.at, now));
        texts.push(format!("fault ({kind}, {seen}{row}): {}", fault.text));
    }
    if !health.backfilled {
        texts.push("its history has not been read back to the end yet".to_owned());
    }
    let beside = trigger.readings.iter();
    texts.extend(beside.filter_map(|(key, reading)| {
        let fault = reading.fault.as_ref()?;
        Some(format!("`{key}` teaches nothing at present: {fault}"))
    }));
    let warnings = trigger.warnings.iter().chain(&health.warnings);
    texts.extend(warnings.map(|warning| format!("warning: {warning}")));
    if now.since(trigger.last_asked_at) > SILENCE {
        let asked = ago(trigger.last_asked_at, now);
        texts.push(format!(
            "KEDA last asked {asked}: this trigger may have been changed or deleted since"
        ));
    }
    if !status.ready {
        let waiting = if status.waiting_for.is_empty() {
            format!("its loop last turned {} ago", status.loop_age)
        } else {
            format!("waiting for {}", status.waiting_for.join(", "))
        };
        texts.push(format!("this Forescale is not ready: {waiting}"));
    }
    texts
}

fn source(source: &SourceRef, known: &[Source]) -> String {
    let name = match source {
        SourceRef::Address(address) => return format!("`{address}`"),
        SourceRef::Named(name) => name.as_str(),
        SourceRef::Default => "default",
    };
    match known.iter().find(|source| source.name == name) {
        Some(found) => format!("source `{name}` ({})", found.url),
        None => format!("source `{name}`"),
    }
}

impl History {
    /// The value on the grid at or before `at`.
    fn at(&self, at: Timestamp) -> Option<f64> {
        let behind = at.as_secs().checked_sub(self.start.as_secs())?;
        let behind = u64::try_from(behind).ok()?;
        let index = behind.checked_div(self.step_seconds)?;
        *self.values.get(usize::try_from(index).ok()?)?
    }
}

// === small words ===

/// `12s ago`, `in 3m`, `now`.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let span = |span: Duration| HumanDuration::from_secs(span.as_secs());
    if at.as_secs() == now.as_secs() {
        "now".to_owned()
    } else if at > now {
        format!("in {}", span(at.since(now)))
    } else {
        format!("{} ago", span(now.since(at)))
    }
}
