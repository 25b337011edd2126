//! A replica for a workload that sleeps at zero and that nothing would wake any more: its PredictiveAutoscaler is deleted, or
//! was told to scale another one.
//!
//! Which workloads were left, the status says before the first step is taken, so that an operator that dies halfway, or an API
//! server that does not answer, leaves none of them asleep.

use kube::ResourceExt as _;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::response::Status;
use kube::error::DiscoveryError;
use kube::runtime::events::{Event, EventType};
use serde_json::json;

use super::context::{Context, Offers};
use super::desired::Kind;
use super::owned::kept;
use super::resource::{PredictiveAutoscaler, PredictiveAutoscalerStatus, TargetRef};
use super::{reconcile, target};

/// Workloads that were left and not woken yet are remembered up to this many; the oldest go first.
const MOST: usize = 16;

/// What came of waking a workload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It runs, or it does not exist.
    NotNeeded,
    /// It slept and has one replica now.
    Woken,
    /// The API server forbids it, in its words; asking again changes nothing.
    Refused(String),
}

/// Gives a workload one replica if it has none.
///
/// # Errors
/// When it can't be known whether it sleeps, or it could not be woken, and that may pass.
pub(super) async fn wake(
    target: &TargetRef,
    context: &Context,
    namespace: &str,
) -> Result<Outcome, kube::Error> {
    match give_a_replica(target, context, namespace).await {
        Ok(true) => Ok(Outcome::Woken),
        Ok(false) => Ok(Outcome::NotNeeded),
        Err(error) if is_about_nothing(&error) => Ok(Outcome::NotNeeded),
        Err(kube::Error::Api(status)) if is_final(&status) => Ok(Outcome::Refused(status.message)),
        Err(error) => Err(error),
    }
}

/// Gives a workload one replica if it has none; says whether it did.
async fn give_a_replica(
    target: &TargetRef,
    context: &Context,
    namespace: &str,
) -> Result<bool, kube::Error> {
    let objects = context
        .objects(&target.api_version, &target.kind, namespace)
        .await?;
    let scale = objects.get_scale(&target.name).await?;
    if scale.spec.and_then(|spec| spec.replicas).unwrap_or(0) > 0 {
        return Ok(false);
    }
    let patch = json!({"spec": {"replicas": 1}});
    let params = PatchParams::default();
    objects
        .patch_scale(&target.name, &params, &Patch::Merge(&patch))
        .await?;
    Ok(true)
}

/// Whether the workload, its kind or its API group does not exist. A definition may be removed before its
/// PredictiveAutoscalers, and a kind may be mistyped.
fn is_about_nothing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.is_not_found(),
        kube::Error::Discovery(error) => matches!(error, DiscoveryError::MissingKind(_)),
        _ => false,
    }
}

/// Whether the API server will say the same again: a right is missing, or an admission webhook is against it. A timeout, a
/// conflict and too many requests pass.
fn is_final(status: &Status) -> bool {
    (400..500).contains(&status.code) && ![408, 409, 429].contains(&status.code)
}

/// Before what scales is given another workload: notes the one that it leaves, where that may sleep at zero.
///
/// # Errors
/// When the status can't be written.
pub(super) async fn note(
    owner: &PredictiveAutoscaler,
    kind: Kind,
    there: Option<&DynamicObject>,
    context: &Context,
    status: &mut PredictiveAutoscalerStatus,
) -> Result<(), kube::Error> {
    let left = there
        .filter(|there| kept::may_sleep(kind, there))
        .and_then(target::of)
        .filter(|left| !left.is(&owner.spec.target_ref));
    let Some(left) = left.filter(|left| !status.leaving.iter().any(|it| it.is(left))) else {
        return Ok(());
    };
    if status.leaving.len() == MOST {
        status.leaving.remove(0);
    }
    status.leaving.push(left);
    reconcile::write(owner, context, status).await.map(drop)
}

/// Wakes those of `leaving` that are scaled no more now that what scales is in place for `scaled`, and tells it. What the API
/// server can't do now stays, for the next look: nothing else waits for it.
pub(super) async fn leave(
    owner: &PredictiveAutoscaler,
    scaled: &TargetRef,
    offers: Offers,
    context: &Context,
    leaving: &mut Vec<TargetRef>,
) {
    let namespace = owner.namespace().unwrap_or_default();
    for left in std::mem::take(leaving) {
        // It came back to it, or somebody else's ScaledObject looks after it, which may let it sleep. The watch may have ours as
        // it was.
        let theirs = |it: &DynamicObject| target::is_anothers(it, &left, owner);
        let is_scaled = left.is(scaled)
            || offers.keda && {
                let (kind, age) = (Kind::ScaledObject, context.seldom());
                let found = context.owned.find(kind, &namespace, age, theirs).await;
                matches!(found, Ok(Some(_)))
            };
        if is_scaled {
            continue;
        }
        let asleep = format!("{left}, which was scaled before {scaled}, may sleep at zero and");
        let news = match wake(&left, context, &namespace).await {
            Ok(Outcome::NotNeeded) => None,
            Ok(Outcome::Woken) => Some(woken(format!(
                "{left} slept at zero and has one replica now, for {scaled} is scaled in its place"
            ))),
            Ok(Outcome::Refused(why)) => Some(not_woken(format!("{asleep} was not woken: {why}"))),
            Err(error) => {
                tracing::warn!(%namespace, name = %owner.name_any(), %left, %error, "failed to wake a workload that is scaled no more, trying again");
                let known = owner.status.as_ref().map_or(&[][..], |it| &it.leaving);
                let is_known = known.contains(&left);
                leaving.push(left);
                let text = format!("{asleep} could not be woken yet: {error}");
                (!is_known).then(|| not_woken(text))
            }
        };
        if let Some(news) = news {
            context.tell(owner, &news.event("Apply")).await;
        }
    }
}

/// What became of a workload that may sleep.
pub(super) struct News {
    type_: EventType,
    reason: &'static str,
    text: String,
}

/// It was woken.
pub(super) fn woken(text: String) -> News {
    News {
        type_: EventType::Normal,
        reason: "LeftRunning",
        text,
    }
}

/// It may sleep on.
pub(super) fn not_woken(text: String) -> News {
    News {
        type_: EventType::Warning,
        reason: "NotWoken",
        text,
    }
}

impl News {
    /// As an event of an `action`.
    pub(super) fn event(self, action: &str) -> Event {
        Event {
            type_: self.type_,
            reason: self.reason.to_owned(),
            note: Some(self.text),
            action: action.to_owned(),
            secondary: None,
        }
    }
}

#[cfg(test)]
mod tests;
