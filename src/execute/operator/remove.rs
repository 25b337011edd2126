//! What is left when a PredictiveAutoscaler goes.
//!
//! The cluster removes the ScaledObject or HPA after its owner, and the replicas stay as they are. That is right for all
//! but one: a workload that sleeps at zero would never wake again. Only where that can be there is a finalizer, so that
//! nothing else ever waits for Forescale to be deleted.

use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::error::DiscoveryError;
use kube::runtime::events::{Event, EventType};
use kube::{Resource as _, ResourceExt as _};
use serde_json::json;

use super::context::Context;
use super::desired::Kind;
use super::reconcile::Error;
use super::reconcile::place::set_finalizers;
use super::resource::PredictiveAutoscaler;
use super::target;

/// Stands on PredictiveAutoscalers of workloads that may sleep.
pub(super) const FINALIZER: &str = "forescale.dev/leave-running";

/// Removes what scales the workload, wakes it if it sleeps, and lets go.
pub(super) async fn finish(owner: &PredictiveAutoscaler, context: &Context) -> Result<(), Error> {
    if !owner.finalizers().iter().any(|it| it == FINALIZER) {
        return Ok(());
    }
    let namespace = owner.namespace().unwrap_or_default();
    // First what would put it back to sleep.
    if context.offers().await?.keda {
        owned(owner, Kind::ScaledObject, context).await?;
    }
    wake(owner, context, &namespace).await?;
    let rest: Vec<String> = (owner.finalizers().iter())
        .filter(|it| *it != FINALIZER)
        .cloned()
        .collect();
    ignore_missing(set_finalizers(owner, context, &rest).await)?;
    Ok(())
}

/// Deletes the object of this kind that scales `owner`'s workload, if `owner` owns one; says whether it did.
pub(super) async fn owned(
    owner: &PredictiveAutoscaler,
    kind: Kind,
    context: &Context,
) -> Result<bool, kube::Error> {
    let (namespace, name) = (owner.namespace().unwrap_or_default(), owner.name_any());
    let there = context.owned.get(kind, &namespace, &name).await?;
    let uid = owner.uid().unwrap_or_default();
    let Some(there) = there.filter(|there| target::is_owned_by(there, &uid)) else {
        return Ok(false);
    };
    // This very object: what has taken its place meanwhile may be somebody else's.
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: there.metadata.uid.clone(),
        resource_version: None,
    });
    let api = context.owned.api(kind, &namespace);
    ignore_missing(api.delete(&name, &params).await)?;
    Ok(true)
}

/// Gives a workload that sleeps a replica, as far as it is there and may be touched.
async fn wake(
    owner: &PredictiveAutoscaler,
    context: &Context,
    namespace: &str,
) -> Result<(), Error> {
    let target = &owner.spec.target_ref;
    match give_a_replica(owner, context, namespace).await {
        Ok(false) => {}
        Ok(true) => {
            let text = format!(
                "{} `{}` slept at zero and has one replica now, for nothing will wake it any more",
                target.kind, target.name
            );
            tell(owner, context, EventType::Normal, "LeftRunning", text).await;
        }
        // Where there is no such workload, nor even its kind, there is nothing to wake.
        Err(error) if is_about_nothing(&error) => {}
        // A missing right must not keep anybody from deleting what is theirs.
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            let text = format!("it may sleep at zero and was not woken: {}", status.message);
            tell(owner, context, EventType::Warning, "NotWoken", text).await;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Gives the workload one replica if it has none; says whether it did.
async fn give_a_replica(
    owner: &PredictiveAutoscaler,
    context: &Context,
    namespace: &str,
) -> Result<bool, kube::Error> {
    let target = &owner.spec.target_ref;
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

async fn tell(
    owner: &PredictiveAutoscaler,
    context: &Context,
    type_: EventType,
    reason: &str,
    text: String,
) {
    let note = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(text),
        action: "Delete".to_owned(),
        secondary: None,
    };
    let about = owner.object_ref(&());
    if let Err(error) = context.recorder.publish(&note, &about).await {
        tracing::warn!(%error, reason, "failed to write an event");
    }
}

fn ignore_missing<T>(done: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match done {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests;
