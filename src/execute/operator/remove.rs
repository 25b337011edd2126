//! What is left when a PredictiveAutoscaler goes.
//!
//! The cluster removes the ScaledObject or HPA after its owner, and the replicas stay as they are. That is right for all
//! but one: a workload that sleeps at zero would never wake again. Only where that can be there is a finalizer, so that
//! nothing else ever waits for Forescale to be deleted.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::api::{DeleteParams, DynamicObject, Preconditions};

use super::context::Context;
use super::desired::Kind;
use super::reconcile::Error;
use super::reconcile::place::set_finalizers;
use super::resource::{PredictiveAutoscaler, TargetRef};
use super::waking::Outcome;
use super::{target, waking};

/// Stands on PredictiveAutoscalers of workloads that may sleep.
pub(super) const FINALIZER: &str = "forescale.dev/leave-running";

/// Removes what scales the workload, wakes it if it sleeps, and lets go.
pub(super) async fn finish(owner: &PredictiveAutoscaler, context: &Context) -> Result<(), Error> {
    if !owner.finalizers().iter().any(|it| it == FINALIZER) {
        return Ok(());
    }
    let namespace = owner.namespace().unwrap_or_default();
    // First what would put it back to sleep.
    let mut scaled = None;
    if context.offers().await?.keda {
        let gone = owned(owner, Kind::ScaledObject, context).await?;
        // Where the workload was edited and the other one is taken, it has scaled the first to the end.
        scaled = gone.and_then(|gone| target::of(&gone));
    }
    let scaled = scaled.as_ref().unwrap_or(&owner.spec.target_ref);
    let left = owner.status.iter().flat_map(|status| &status.leaving);
    for target in [scaled].into_iter().chain(left) {
        wake(owner, target, context, &namespace).await?;
    }
    let rest: Vec<String> = (owner.finalizers().iter())
        .filter(|it| *it != FINALIZER)
        .cloned()
        .collect();
    ignore_missing(set_finalizers(owner, context, &rest).await)?;
    Ok(())
}

/// Deletes the object of this kind that scales `owner`'s workload, if `owner` owns one, and gives it.
pub(super) async fn owned(
    owner: &PredictiveAutoscaler,
    kind: Kind,
    context: &Context,
) -> Result<Option<Arc<DynamicObject>>, kube::Error> {
    let (namespace, name) = (owner.namespace().unwrap_or_default(), owner.name_any());
    let there = context.owned.get(kind, &namespace, &name).await?;
    let uid = owner.uid().unwrap_or_default();
    let Some(there) = there.filter(|there| target::is_owned_by(there, &uid)) else {
        return Ok(None);
    };
    // This very object: what has taken its place meanwhile may be somebody else's.
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: there.metadata.uid.clone(),
        resource_version: None,
    });
    let api = context.owned.api(kind, &namespace);
    ignore_missing(api.delete(&name, &params).await)?;
    Ok(Some(there))
}

/// Gives a workload that sleeps a replica, as far as it is there and may be touched.
async fn wake(
    owner: &PredictiveAutoscaler,
    target: &TargetRef,
    context: &Context,
    namespace: &str,
) -> Result<(), Error> {
    let news = match waking::wake(target, context, namespace).await? {
        Outcome::NotNeeded => return Ok(()),
        Outcome::Woken => waking::woken(format!(
            "{target} slept at zero and has one replica now, for nothing will wake it any more"
        )),
        // That must not keep anybody from deleting what is theirs.
        Outcome::Refused(why) => waking::not_woken(format!(
            "{target} may sleep at zero and was not woken: {why}"
        )),
    };
    context.tell(owner, &news.event("Delete")).await;
    Ok(())
}

fn ignore_missing<T>(done: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match done {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}

#[cfg(test)]
mod tests;
