//! Puts in place what scales the workload.

use std::cmp::Ordering;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::super::context::{Context, Offers};
use super::super::desired::{self, Kind};
use super::super::memory::Applied;
use super::super::owned::kept;
use super::super::resource::{
    DeletionPolicy, OwnedObject, PredictiveAutoscaler, PredictiveAutoscalerStatus, TargetRef,
    Yielded,
};
use super::super::trigger::Trigger;
use super::super::{apply, remove, target, waking};

/// What is in place.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) owned: OwnedObject,
    /// The workload that it scales, which a user who has set that may have chosen.
    pub(super) scaled: Option<TargetRef>,
    pub(super) yielded: Vec<Yielded>,
    /// Whether KEDA, or the HPA controller, works with it.
    pub(super) accepted: bool,
    /// What KEDA or the HPA controller has against it, if anything: reason and text.
    pub(super) refused: Option<(String, String)>,
    /// Why it can't be seen whether anything else scales the workload, if so.
    pub(super) unseen: Option<String>,
}

/// Why nothing could be put in place.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Something that the user can mend.
    Said { reason: &'static str, text: String },
    /// The API server.
    Kubernetes(kube::Error),
}

impl Refusal {
    pub(super) fn said(reason: &'static str, text: impl Into<String>) -> Self {
        Self::Said {
            reason,
            text: text.into(),
        }
    }
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(error)
    }
}

/// Puts the object that scales `owner`'s workload in place, unless it is there as it should be. What has to be remembered of
/// the workload before goes into `status`, and is written there first.
pub(super) async fn put(
    owner: &PredictiveAutoscaler,
    trigger: &Trigger,
    offers: Offers,
    context: &Context,
    status: &mut PredictiveAutoscalerStatus,
) -> Result<Place, Refusal> {
    let kind = offers.kind;
    refuse_what_an_hpa_can_not_do(owner, kind)?;
    let (namespace, name) = (owner.namespace().unwrap_or_default(), owner.name_any());
    let desired = desired::object(kind, owner, trigger, &context.config, offers.exact);
    let there = context.owned.get(kind, &namespace, &name).await?;
    refuse_what_is_not_owned(there.as_deref(), kind, owner)?;
    let before = context.memory.applied(owner);
    let unchanged = (there.as_ref().zip(before))
        .filter(|(there, before)| before.desired == desired && is_as_applied(there, before));
    if let Some((there, before)) = unchanged {
        // Somebody else may have come since.
        let rivals = target::later_rivals(context, offers, owner).await;
        if let Some(text) = rivals.found {
            return Err(Refusal::said("TargetTaken", text));
        }
        let mut place = place(kind, there, before.yielded);
        place.unseen = rivals.unseen;
        return Ok(place);
    }
    let _turn = context.turn(&namespace, &owner.spec.target_ref.name).await;
    if let Some(text) = target::rival(context, offers, owner).await? {
        return Err(Refusal::said("TargetTaken", text));
    }
    if there.is_none() {
        // Nor may it have seen what somebody else has just made.
        let found = context.owned.read(kind, &namespace, &name).await?;
        refuse_what_is_not_owned(found.as_deref(), kind, owner)?;
    }
    waking::note(owner, kind, there.as_deref(), context, status).await?;
    finalizer(owner, context).await?;
    remove_the_other_kind(owner, offers, context).await?;
    let api = context.owned.api(kind, &namespace);
    let applied = apply::apply(&api, &name, desired.clone()).await;
    let applied = applied.map_err(|error| refused_by_api(kind, error))?;
    let object = kept::trim(applied.object);
    let known = owner
        .status
        .as_ref()
        .map_or(&[][..], |status| &status.yielded);
    let new = applied.yielded.iter().filter(|it| !known.contains(it));
    context.metrics.yielded(new.count());
    let done = Applied {
        desired,
        uid: object.metadata.uid.clone(),
        generation: object.metadata.generation,
        spec_hash: kept::spec_hash(&object),
        yielded: applied.yielded.clone(),
    };
    context.memory.apply(owner, done);
    context.owned.seen(kind, &namespace, &name).await;
    Ok(place(kind, &object, applied.yielded))
}

/// Whether nobody has changed the object since it was applied. A watch may still have it as it was before that.
fn is_as_applied(there: &DynamicObject, before: &Applied) -> bool {
    let generation = there.metadata.generation;
    before.uid == there.metadata.uid
        && match generation.cmp(&before.generation) {
            Ordering::Less => generation.is_some(),
            Ordering::Equal => kept::spec_hash(there) == before.spec_hash,
            Ordering::Greater => false,
        }
}

fn refuse_what_is_not_owned(
    there: Option<&DynamicObject>,
    kind: Kind,
    owner: &PredictiveAutoscaler,
) -> Result<(), Refusal> {
    let uid = owner.uid().unwrap_or_default();
    if there.is_none_or(|there| target::is_owned_by(there, &uid)) {
        return Ok(());
    }
    let (kind, name) = (kind.name(), owner.name_any());
    let text = format!(
        "there is a {kind} `{name}` that this PredictiveAutoscaler does not own: delete it, or choose another name"
    );
    Err(Refusal::said("NameTaken", text))
}

fn refuse_what_an_hpa_can_not_do(owner: &PredictiveAutoscaler, kind: Kind) -> Result<(), Refusal> {
    if kind == Kind::ScaledObject {
        return Ok(());
    }
    if !owner.spec.additional_triggers.is_empty() {
        let text = "additionalTriggers are KEDA's, and there is no KEDA in this cluster";
        return Err(Refusal::said("NeedsKeda", text));
    }
    if owner.spec.min_replicas == 0 {
        let text = "minReplicas is 0: an HPA does not scale to zero, and there is no KEDA in this cluster; write at least 1";
        return Err(Refusal::said("NeedsKeda", text));
    }
    Ok(())
}

/// What the API server, or KEDA's webhook in it, says about the object is the user's to mend; all else is tried again.
fn refused_by_api(kind: Kind, error: kube::Error) -> Refusal {
    match error {
        kube::Error::Api(status) if status.is_invalid() || status.code == 400 => {
            let text = format!("{} is refused: {}", kind.name(), status.message);
            Refusal::said("Refused", text)
        }
        kube::Error::Api(status) if status.is_forbidden() => {
            Refusal::said("Forbidden", status.message.clone())
        }
        error => Refusal::Kubernetes(error),
    }
}

fn place(kind: Kind, object: &DynamicObject, yielded: Vec<Yielded>) -> Place {
    let conditions = conditions(object);
    let needed: &[&str] = match kind {
        Kind::ScaledObject => &["Ready"],
        Kind::Hpa => &["AbleToScale", "ScalingActive"],
    };
    let holds = |wanted: &&str| {
        let mut conditions = conditions.iter();
        conditions.any(|it| it.kind == *wanted && it.status == "True")
    };
    let refused = fault(kind, object, &conditions).map(|it| {
        let reason = if it.reason.is_empty() {
            "NotReady".to_owned()
        } else {
            it.reason.clone()
        };
        (reason, format!("{} says: {}", kind.name(), it.message))
    });
    Place {
        owned: OwnedObject {
            kind: kind.name().to_owned(),
            name: object.name_any(),
        },
        scaled: target::of(object),
        yielded,
        accepted: needed.iter().all(holds),
        refused,
        unseen: None,
    }
}

/// The first condition that speaks against the object; what an HPA can't do for a while (`ScalingLimited`) is no fault.
fn fault<'a>(
    kind: Kind,
    object: &DynamicObject,
    conditions: &'a [Condition],
) -> Option<&'a Condition> {
    // KEDA calls a ScaledObject Ready while it is paused, and while its HPA does nothing.
    let faults: &[(&str, &str)] = match kind {
        Kind::ScaledObject if kept::is_paused_one_way(object) => {
            &[("Ready", "False"), ("HPAActive", "False")]
        }
        Kind::ScaledObject => &[
            ("Ready", "False"),
            ("Paused", "True"),
            ("HPAActive", "False"),
        ],
        Kind::Hpa => &[("AbleToScale", "False"), ("ScalingActive", "False")],
    };
    faults.iter().find_map(|(kind, status)| {
        let mut conditions = conditions.iter();
        conditions.find(|it| it.kind == *kind && it.status == *status)
    })
}

struct Condition {
    kind: String,
    status: String,
    reason: String,
    message: String,
}

fn conditions(object: &DynamicObject) -> Vec<Condition> {
    let list = object.data.pointer("/status/conditions");
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.map(|it| {
        let field = |key: &str| it.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        Condition {
            kind: field("type"),
            status: field("status"),
            reason: field("reason"),
            message: field("message"),
        }
    })
    .collect()
}

/// A cluster may get KEDA, or lose it: what was made before must not scale beside what is made now.
async fn remove_the_other_kind(
    owner: &PredictiveAutoscaler,
    offers: Offers,
    context: &Context,
) -> Result<(), Refusal> {
    let other = offers.kind.other();
    if other == Kind::ScaledObject && !offers.keda {
        return Ok(());
    }
    if remove::owned(owner, other, context).await?.is_some() {
        let (namespace, name) = (owner.namespace().unwrap_or_default(), owner.name_any());
        tracing::info!(%namespace, %name, kind = other.name(), "removed what scaled the workload before");
    }
    Ok(())
}

/// Only a workload that may sleep needs somebody to wake it when its PredictiveAutoscaler is deleted.
async fn finalizer(owner: &PredictiveAutoscaler, context: &Context) -> Result<(), Refusal> {
    let wanted =
        owner.spec.min_replicas == 0 && owner.spec.deletion_policy == DeletionPolicy::KeepReplicas;
    let there = owner.finalizers().iter().any(|it| it == remove::FINALIZER);
    if wanted == there {
        return Ok(());
    }
    let mut finalizers = owner.finalizers().to_vec();
    finalizers.retain(|it| it != remove::FINALIZER);
    if wanted {
        finalizers.push(remove::FINALIZER.to_owned());
    }
    set_finalizers(owner, context, &finalizers).await?;
    Ok(())
}

/// Writes the finalizers of the version that was read; a change in between makes it fail and be tried again.
pub(in super::super) async fn set_finalizers(
    owner: &PredictiveAutoscaler,
    context: &Context,
    finalizers: &[String],
) -> Result<(), kube::Error> {
    let namespace = owner.namespace().unwrap_or_default();
    let api: Api<PredictiveAutoscaler> = Api::namespaced(context.client.clone(), &namespace);
    let patch = json!({"metadata": {
        "resourceVersion": owner.resource_version(),
        "finalizers": finalizers,
    }});
    let patch = Patch::Merge(&patch);
    let params = PatchParams::default();
    api.patch(&owner.name_any(), &params, &patch)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests;
