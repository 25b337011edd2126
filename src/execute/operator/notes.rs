//! Events: what a person who runs `kubectl describe` wants to have been told, and no more.

use kube::runtime::events::{Event, EventType};

use super::conditions::{self, DATA_FRESH, FORECASTING, READY};
use super::resource::{PlanStatus, PredictiveAutoscalerSpec, PredictiveAutoscalerStatus};

/// A plan is ahead of the load when it asks for so much more than the load does.
const AHEAD: f64 = 1.2;

/// An event's text; the API server refuses more than 1 KiB.
const LONGEST: usize = 1000;

/// What has happened between two looks.
pub(super) fn between(
    before: &PredictiveAutoscalerStatus,
    after: &PredictiveAutoscalerStatus,
    spec: &PredictiveAutoscalerSpec,
) -> Vec<Event> {
    let mut notes = Vec::new();
    states(before, after, &mut notes);
    if let Some(plan) = &after.plan {
        plans(before.plan.as_ref(), plan, after, spec, &mut notes);
    }
    for field in after
        .yielded
        .iter()
        .filter(|it| !before.yielded.contains(it))
    {
        let text = format!(
            "`{}` was set by {} and is left to them",
            field.field, field.manager
        );
        notes.push(note(EventType::Normal, "Yielded", "Apply", text));
    }
    let (was, is) = (before.vertical.as_ref(), after.vertical.as_ref());
    if let Some(is) = is
        && let Some(state) = &is.state
        && was.and_then(|it| it.state.as_ref()) != Some(state)
    {
        if is.failures > was.map_or(0, |it| it.failures) {
            notes.push(note(
                EventType::Warning,
                "ResizeFailed",
                "Resize",
                state.clone(),
            ));
        } else if is.changed_at.is_some()
            && is.changed_at != was.and_then(|it| it.changed_at.clone())
        {
            notes.push(note(EventType::Normal, "Resized", "Resize", state.clone()));
        }
    }
    notes
}

fn states(
    before: &PredictiveAutoscalerStatus,
    after: &PredictiveAutoscalerStatus,
    notes: &mut Vec<Event>,
) {
    let told = [
        (READY, "Scaling", "NotScaling"),
        (DATA_FRESH, "DataFresh", "NoFreshData"),
        (FORECASTING, "Forecasting", "FallenBack"),
    ];
    for (kind, good, bad) in told {
        let was = conditions::holds(&before.conditions, kind);
        let is = conditions::holds(&after.conditions, kind);
        let text = conditions::message(&after.conditions, kind).to_owned();
        // A new object is told once that it scales; what it does from then on is told when it ends and when it is back.
        match (was, is) {
            (Some(false), Some(true)) => notes.push(note(EventType::Normal, good, "Look", text)),
            (None, Some(true)) if kind == READY => {
                notes.push(note(EventType::Normal, good, "Apply", text));
            }
            (Some(true), Some(false)) => notes.push(note(EventType::Warning, bad, "Look", text)),
            (None, Some(false)) if kind == READY => {
                notes.push(note(EventType::Warning, bad, "Apply", text));
            }
            _ => {}
        }
    }
}

fn plans(
    before: Option<&PlanStatus>,
    plan: &PlanStatus,
    after: &PredictiveAutoscalerStatus,
    spec: &PredictiveAutoscalerSpec,
    notes: &mut Vec<Event>,
) {
    let why = after.why.as_deref().unwrap_or_default();
    let limited = |plan: &PlanStatus| plan.limits.iter().any(|it| it == "max-replicas");
    if limited(plan) && !before.is_some_and(limited) {
        let text = format!(
            "the plan is cut to maxReplicas {}: {why}",
            spec.max_replicas
        );
        notes.push(note(EventType::Warning, "AtMaximum", "Plan", text));
    }
    let ahead = |plan: &PlanStatus| {
        let load = plan.reactive.map_or(f64::MAX, f64::from);
        f64::from(plan.replicas) >= load * AHEAD && f64::from(plan.replicas) >= load + 1.0
    };
    if plan.basis == "forecast" && ahead(plan) && !before.is_some_and(ahead) {
        let text = format!(
            "{} replicas are asked for where the load needs {} now: {why}",
            plan.replicas,
            plan.reactive.unwrap_or_default()
        );
        notes.push(note(EventType::Normal, "ScalingAhead", "Plan", text));
    }
    let stage = before.and_then(|plan| plan.authority.as_ref());
    if let (Some(stage), Some(now)) = (stage, &plan.authority)
        && stage != now
    {
        let text = format!("the plan's say went from `{stage}` to `{now}`");
        notes.push(note(EventType::Normal, "AuthorityChanged", "Plan", text));
    }
}

fn note(type_: EventType, reason: &str, action: &str, mut text: String) -> Event {
    if text.len() > LONGEST {
        let end = text.floor_char_boundary(LONGEST);
        text.truncate(end);
    }
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(text),
        action: action.to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests;
