//! One look at one PredictiveAutoscaler.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::json;

use super::apply;
use super::conditions::{self, DATA_FRESH, FORECASTING, READY, Said, YIELDED};
use super::context::Context;
use super::notes;
use super::resource::{PredictiveAutoscaler, PredictiveAutoscalerStatus};
use super::{remove, status, target, time, trigger, vertical, waking};
use crate::domain::Basis;
use crate::knowledge::Workload;

pub(super) mod place;

use self::place::{Place, Refusal};

/// A look that ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The API server said no, or nothing.
    #[error("Kubernetes' API: {0}")]
    Kubernetes(#[source] Box<kube::Error>),
    /// The board is full.
    #[error(transparent)]
    Full(#[from] crate::knowledge::BoardFull),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

/// Looks after `owner` once.
pub(super) async fn reconcile(
    owner: Arc<PredictiveAutoscaler>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let leads = context.leadership.holds();
    let (namespace, name) = (owner.namespace().unwrap_or_default(), owner.name_any());
    if owner.metadata.deletion_timestamp.is_some() {
        context.memory.forget(&namespace, &name);
        if leads {
            remove::finish(&owner, &context).await?;
        }
        return Ok(Action::await_change());
    }
    let offers = context.offers().await?;
    let parsed = trigger::trigger(&owner.spec, &context.config, offers.exact);
    let workload = match &parsed {
        Ok(trigger) => {
            // An HPA without KEDA asks through Prometheus, which nobody sees.
            let silent = offers.kind == super::desired::Kind::Hpa;
            Some(context.register(&namespace, &name, trigger, silent)?)
        }
        Err(_) => None,
    };
    if !leads {
        return Ok(Action::requeue(context.again));
    }
    context.owned.settled(&namespace).await;
    let mut before = owner.status.clone().unwrap_or_default();
    let placed = match &parsed {
        Ok(trigger) => place::put(&owner, trigger, offers, &context, &mut before).await,
        Err(mistakes) => Err(Refusal::said("InvalidSpec", mistakes.clone())),
    };
    let (placed, failed) = match placed {
        Err(Refusal::Kubernetes(error)) => {
            let text = format!("Kubernetes' API: {error}");
            (Err(("ApiError", text)), Some(error))
        }
        Err(Refusal::Said { reason, text }) => (Err((reason, text)), None),
        Ok(place) => (Ok(place), None),
    };
    let scaled = placed.as_ref().ok().and_then(|place| place.scaled.clone());
    let mut after = tell(&owner, &context, &before, workload.as_deref(), placed);
    if let Some(scaled) = scaled {
        waking::leave(&owner, &scaled, offers, &context, &mut after.leaving).await;
    }
    // What can't be told now may be told with the next look.
    let replicas = target::replicas(&context, offers.kind, &owner).await;
    match replicas {
        Ok(replicas) => after.current_replicas = Some(replicas),
        Err(kube::Error::Api(refusal)) if refusal.is_not_found() && parsed.is_ok() => {
            let target = &owner.spec.target_ref;
            let text = format!("there is no {target} in `{namespace}`");
            let said = Said::new(READY, false, "TargetNotFound", text);
            let generation = owner.metadata.generation;
            conditions::say(&mut after.conditions, said, generation, time(context.now()));
            after.current_replicas = None;
        }
        // Which right is missing, in the API server's words.
        Err(kube::Error::Api(refusal)) if refusal.is_forbidden() => {
            tracing::warn!(%namespace, %name, why = %refusal.message, "the workload's replicas can't be read");
        }
        Err(error) => {
            tracing::debug!(%namespace, %name, %error, "failed to read the workload's replicas");
        }
    }
    vertical::look(&owner, &context, workload.as_deref(), &mut after).await;
    publish(&owner, &context, &before, &after).await?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    context.metrics.reconciled("ok");
    Ok(Action::requeue(context.again))
}

/// The status as it should be.
fn tell(
    owner: &PredictiveAutoscaler,
    context: &Context,
    before: &PredictiveAutoscalerStatus,
    workload: Option<&Workload>,
    placed: Result<Place, (&'static str, String)>,
) -> PredictiveAutoscalerStatus {
    let generation = owner.metadata.generation;
    let now = time(context.now());
    let mut after = before.clone();
    after.observed_generation = generation;
    status::fill(&mut after, workload);
    let mut say = |said: Said| conditions::say(&mut after.conditions, said, generation, now);
    match placed {
        Ok(place) => {
            say(ready(&place));
            say(yielded(&place));
            after.owned = Some(place.owned);
            after.yielded = place.yielded;
        }
        Err((reason, text)) => say(Said::new(READY, false, reason, text)),
    }
    let mut say = |said: Said| conditions::say(&mut after.conditions, said, generation, now);
    say(fresh(workload));
    say(forecasting(workload, after.fallback.as_deref()));
    after
}

fn ready(place: &Place) -> Said {
    let mut said = match &place.refused {
        Some((reason, text)) => Said::new(READY, false, reason, text.clone()),
        None if place.accepted => {
            let text = format!("{} `{}` scales it", place.owned.kind, place.owned.name);
            Said::new(READY, true, "Scaling", text)
        }
        None => {
            let text = format!(
                "{} `{}` was not taken up yet",
                place.owned.kind, place.owned.name
            );
            Said::new(READY, None, "Waiting", text)
        }
    };
    if let Some(why) = &place.unseen {
        let unseen = format!("; whether anything else scales it can't be seen: {why}");
        said.message.push_str(&unseen);
    }
    said
}

fn yielded(place: &Place) -> Said {
    if place.yielded.is_empty() {
        return Said::new(
            YIELDED,
            false,
            "AllOurs",
            "nobody else has set what is owned",
        );
    }
    let each = place
        .yielded
        .iter()
        .map(|it| format!("`{}` by {}", it.field, it.manager));
    let list: Vec<String> = each.collect();
    let text = format!(
        "left to whoever has set it: {}. Changes of this object don't reach it; set it back to the same value here and there \
         and both own it, or delete the {} and it is made anew.",
        list.join(", "),
        place.owned.kind
    );
    Said::new(YIELDED, true, "SetByOthers", text)
}

fn fresh(workload: Option<&Workload>) -> Said {
    let published = workload.and_then(Workload::published);
    let Some(published) = published else {
        let fault = workload.and_then(Workload::first_fault);
        return match fault {
            Some(fault) => Said::new(DATA_FRESH, false, "NoData", fault.text.clone()),
            None => Said::new(
                DATA_FRESH,
                None,
                "Waiting",
                "the load has not been read yet",
            ),
        };
    };
    match &published.health.fault {
        None => Said::new(DATA_FRESH, true, "Read", "the load is read as it should be"),
        // One read that failed is not worth a change.
        Some(_) if matches!(published.plan.basis, Basis::Forecast | Basis::Reactive) => {
            Said::new(DATA_FRESH, true, "Read", "the load is read as it should be")
        }
        Some(fault) => Said::new(DATA_FRESH, false, "Fault", fault.text.clone()),
    }
}

fn forecasting(workload: Option<&Workload>, fallback: Option<&str>) -> Said {
    let published = workload.and_then(Workload::published);
    let Some(published) = published else {
        return Said::new(FORECASTING, None, "Waiting", "there is no plan yet");
    };
    let plan = &published.plan;
    if plan.basis == Basis::Forecast {
        let model = plan.model.as_deref().unwrap_or("a model");
        let text = format!("{model} looks {} ahead", plan.lead_time);
        return Said::new(FORECASTING, true, "Forecast", text);
    }
    let why = fallback.unwrap_or("the mode is reactive");
    Said::new(FORECASTING, false, "Fallback", why)
}

/// Writes the status where that is worth a write, and tells events.
async fn publish(
    owner: &PredictiveAutoscaler,
    context: &Context,
    before: &PredictiveAutoscalerStatus,
    after: &PredictiveAutoscalerStatus,
) -> Result<(), Error> {
    let every = context.config.status_every.get();
    let old = (context.memory.told(owner)).is_none_or(|age| age >= every);
    let _slot = match news(before, after, old) {
        News::None => return Ok(()),
        // Where the API server is slow, numbers wait for the next look, and what is new has its turn.
        News::Numbers => match context.numbers.try_acquire() {
            Ok(slot) => Some(slot),
            Err(_) => return Ok(()),
        },
        News::State => None,
    };
    if !write(owner, context, after).await? {
        return Ok(());
    }
    for note in notes::between(before, after, &owner.spec) {
        context.tell(owner, &note).await;
    }
    Ok(())
}

/// Writes the status; says whether the object is still there.
pub(super) async fn write(
    owner: &PredictiveAutoscaler,
    context: &Context,
    status: &PredictiveAutoscalerStatus,
) -> Result<bool, kube::Error> {
    let namespace = owner.namespace().unwrap_or_default();
    let api: Api<PredictiveAutoscaler> = Api::namespaced(context.client.clone(), &namespace);
    let patch = json!({
        "apiVersion": PredictiveAutoscaler::api_version(&()),
        "kind": PredictiveAutoscaler::kind(&()),
        "status": status,
    });
    // The status is Forescale's alone.
    let params = PatchParams::apply(apply::MANAGER).force();
    let written = api
        .patch_status(&owner.name_any(), &params, &Patch::Apply(&patch))
        .await;
    match written {
        Ok(_) => {
            context.memory.tell(owner);
            Ok(true)
        }
        // It is gone meanwhile.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a status has to say beside the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    None,
    Numbers,
    State,
}

/// A condition or a number of replicas is told at once, all else when the last status is `old` enough. A fault's text may
/// change with every look.
fn news(
    before: &PredictiveAutoscalerStatus,
    after: &PredictiveAutoscalerStatus,
    old: bool,
) -> News {
    let replicas = |status: &PredictiveAutoscalerStatus| {
        let plan = status.plan.as_ref();
        plan.map(|plan| (plan.replicas, plan.planned, plan.basis.clone()))
    };
    let states = |status: &PredictiveAutoscalerStatus| {
        let each = status.conditions.iter();
        each.map(|it| (it.type_.clone(), it.status.clone(), it.reason.clone()))
            .collect::<Vec<_>>()
    };
    let state = states(before) != states(after)
        || replicas(before) != replicas(after)
        || before.observed_generation != after.observed_generation
        || before.owned != after.owned
        || before.leaving != after.leaving
        || before.yielded != after.yielded
        || before.current_replicas != after.current_replicas
        || before.vertical.as_ref().map(|it| &it.state)
            != after.vertical.as_ref().map(|it| &it.state);
    if state {
        News::State
    } else if old && before != after {
        News::Numbers
    } else {
        News::None
    }
}

#[cfg(test)]
mod tests;
