//! CPU and memory of the pods: from the plan's advice to pods that have it, where the user has asked for that.
//!
//! What should be is decided in [`change`], without a cluster; how it gets there is in [`resize`] (pods in place) and
//! [`template`] (the workload's pod template). What the cluster can't carry out is tried again later and later.

mod change;
mod resize;
mod template;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff;
use kube::{Api, ResourceExt as _};

use super::context::Context;
use super::resource::{
    PredictiveAutoscaler, PredictiveAutoscalerStatus, VerticalMode, VerticalSpec, VerticalStatus,
};
use super::time;
use crate::domain::{Basis, Vertical};
use crate::knowledge::Workload;

/// The first wait after a change that the cluster could not carry out; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_mins(10);
/// And never gets longer than this.
const LONGEST_WAIT: Duration = Duration::from_hours(6);

/// After some pods were changed, and while they take that up, the others wait so long. Without a wait the status that tells of
/// the change would bring on the next one.
const PACE: Duration = Duration::from_secs(15);

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing to do.
    Settled(String),
    /// Something was changed.
    Changed(String),
    /// Some pods were changed, and others are to follow.
    Going(String),
    /// Pods that were changed are not done with it: others may not follow yet.
    Waiting(String),
    /// The cluster could not do it, or not now.
    Failed(String),
}

/// Applies the advice, if the user wants that and it is time, and says in the status what was done.
pub(super) async fn look(
    owner: &PredictiveAutoscaler,
    context: &Context,
    workload: Option<&Workload>,
    status: &mut PredictiveAutoscalerStatus,
) {
    let Some(spec) = owner
        .spec
        .vertical
        .as_ref()
        .filter(|it| it.mode != VerticalMode::Off)
    else {
        status.vertical = None;
        return;
    };
    let now = time(context.now());
    let told = status.vertical.get_or_insert_default();
    let Some(advice) = advice(workload) else {
        told.state = Some("there is no advice yet: it takes some hours of readings".to_owned());
        return;
    };
    if spec.mode == VerticalMode::Advice {
        told.state = None;
        return;
    }
    if told.not_before.as_ref().is_some_and(|it| now < it.0) {
        return;
    }
    let outcome = bring(owner, spec, advice, context).await;
    let outcome =
        outcome.unwrap_or_else(|error| Outcome::Failed(format!("Kubernetes' API: {error}")));
    let name = owner.name_any();
    tracing::debug!(%name, ?outcome, "looked at CPU and memory");
    context.metrics.resized(match &outcome {
        Outcome::Settled(_) => "settled",
        Outcome::Changed(_) | Outcome::Going(_) => "changed",
        Outcome::Waiting(_) => "waiting",
        Outcome::Failed(_) => "failed",
    });
    note(told, outcome, spec, now);
}

/// Brings the workload a step towards the advice.
async fn bring(
    owner: &PredictiveAutoscaler,
    spec: &VerticalSpec,
    advice: Vertical,
    context: &Context,
) -> Result<Outcome, kube::Error> {
    if change::says_nothing(advice) {
        return Ok(Outcome::Settled("there is no advice yet".to_owned()));
    }
    let namespace = owner.namespace().unwrap_or_default();
    let target = &owner.spec.target_ref;
    let objects = context
        .objects(&target.api_version, &target.kind, &namespace)
        .await?;
    match spec.mode {
        VerticalMode::Resize => {
            let pods = Api::namespaced(context.client.clone(), &namespace);
            resize::resize(&objects, &target.name, &pods, spec, advice).await
        }
        _ => template::apply(&objects, target, spec, advice).await,
    }
}

/// Advice that rests on fresh data; what is held from before says nothing about pods of now.
fn advice(workload: Option<&Workload>) -> Option<Vertical> {
    let published = workload?.published()?;
    let fresh = matches!(published.plan.basis, Basis::Forecast | Basis::Reactive);
    published.plan.vertical.filter(|_| fresh)
}

fn note(told: &mut VerticalStatus, outcome: Outcome, spec: &VerticalSpec, now: jiff::Timestamp) {
    let after = |wait: Duration| {
        let wait = jiff::SignedDuration::try_from(wait).ok()?;
        now.checked_add(wait).ok().map(Time)
    };
    match outcome {
        Outcome::Settled(state) => {
            told.state = Some(state);
            told.failures = 0;
            told.not_before = None;
        }
        Outcome::Going(state) => {
            told.state = Some(state);
            told.failures = 0;
            told.changed_at = Some(Time(now));
            told.not_before = after(PACE);
        }
        Outcome::Waiting(state) => {
            told.state = Some(state);
            told.not_before = after(PACE);
        }
        Outcome::Changed(state) => {
            told.state = Some(state);
            told.failures = 0;
            told.changed_at = Some(Time(now));
            told.not_before = after(cooldown(spec));
        }
        Outcome::Failed(state) => {
            told.failures = told.failures.saturating_add(1);
            told.not_before = after(wait_after(told.failures));
            told.state = Some(state);
        }
    }
}

fn cooldown(spec: &VerticalSpec) -> Duration {
    let default = match spec.mode {
        VerticalMode::Template => 86_400,
        _ => 600,
    };
    Duration::from_secs(u64::from(spec.cooldown_seconds.unwrap_or(default)))
}

fn wait_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_WAIT * 2u32.pow(doublings)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests;
