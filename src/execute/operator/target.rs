//! The workload that is scaled: how many replicas it has, and who else scales it.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use kube::runtime::reflector::{ObjectRef, Store};
use serde_json::Value;

use super::context::{Context, Offers};
use super::desired::Kind;
use super::owned::kept;
use super::resource::{PredictiveAutoscaler, TargetRef};

/// Replicas that the workload of `owner` has: as the HPA behind the object of this kind saw them, or else as its `scale`
/// subresource says.
///
/// # Errors
/// When there is no such workload, or it can't be read.
pub(super) async fn replicas(
    context: &Context,
    kind: Kind,
    owner: &PredictiveAutoscaler,
) -> Result<i32, kube::Error> {
    let (namespace, name) = (owner.namespace().unwrap_or_default(), owner.name_any());
    let target = &owner.spec.target_ref;
    let hpa = context.owned.hpa(kind, &namespace, &name);
    let hpa = hpa.filter(|hpa| scales(hpa, target) && is_its_own(hpa, owner));
    if let Some(replicas) = hpa.as_deref().and_then(kept::replicas) {
        return Ok(replicas);
    }
    let objects = context.objects(&target.api_version, &target.kind, &namespace);
    let scale = objects.await?.get_scale(&target.name).await?;
    Ok(scale.status.map_or(0, |status| status.replicas))
}

/// Who else scales the workload of `owner`, in words; two that scale one workload fight.
///
/// # Errors
/// When the API server can't be asked.
pub(super) async fn rival(
    context: &Context,
    offers: Offers,
    owner: &PredictiveAutoscaler,
) -> Result<Option<String>, kube::Error> {
    let namespace = owner.namespace().unwrap_or_default();
    for kind in kinds(offers) {
        let all = context.owned.all(kind, &namespace).await?;
        if let Some(rival) = all.iter().find(|it| is_rival(it, owner)) {
            let (kind, name) = (kind.name(), rival.name_any());
            return Ok(Some(format!(
                "{kind} `{name}` scales this workload already: delete it, or this PredictiveAutoscaler"
            )));
        }
    }
    Ok(None)
}

/// Who else scales a workload, as far as that can be seen.
#[derive(Debug, Default)]
pub(super) struct Rivals {
    /// One of them, in words.
    pub(super) found: Option<String>,
    /// Why others can't be seen, if so.
    pub(super) unseen: Option<String>,
}

/// Who has come to scale the workload of `owner` beside what was put in place for it. Watches know that; where they are
/// refused, it is asked for seldom.
pub(super) async fn later_rivals(
    context: &Context,
    offers: Offers,
    owner: &PredictiveAutoscaler,
) -> Rivals {
    let namespace = owner.namespace().unwrap_or_default();
    let mut rivals = Rivals::default();
    for kind in kinds(offers) {
        let rival = (context.owned)
            .find(kind, &namespace, context.seldom(), |it| is_rival(it, owner))
            .await;
        match rival {
            Ok(None) => {}
            Ok(Some(rival)) => {
                let (kind, name) = (kind.name(), rival.name_any());
                rivals.found = Some(format!(
                    "{kind} `{name}` scales this workload as well, and of two HPAs on one workload none works: delete it, or \
                     this PredictiveAutoscaler"
                ));
                break;
            }
            Err(why) => rivals.unseen = Some(why),
        }
    }
    rivals
}

/// Kinds of what may scale here: ScaledObjects first, for KEDA makes an HPA anew that is deleted.
fn kinds(offers: Offers) -> impl Iterator<Item = Kind> {
    let keda = offers.keda.then_some(Kind::ScaledObject);
    keda.into_iter().chain([Kind::Hpa])
}

/// Whether an object scales the workload of `owner` and is not there for it.
fn is_rival(object: &DynamicObject, owner: &PredictiveAutoscaler) -> bool {
    is_anothers(object, &owner.spec.target_ref, owner)
}

/// Whether an object scales `target` and is not there for `owner`.
pub(super) fn is_anothers(
    object: &DynamicObject,
    target: &TargetRef,
    owner: &PredictiveAutoscaler,
) -> bool {
    scales(object, target) && !is_its_own(object, owner)
}

/// PredictiveAutoscalers whose workload `object` scales.
pub(super) fn concerned(
    object: &DynamicObject,
    owners: &Store<PredictiveAutoscaler>,
) -> Vec<ObjectRef<PredictiveAutoscaler>> {
    let namespace = object.metadata.namespace.as_deref();
    let is_concerned = |owner: &PredictiveAutoscaler| {
        owner.metadata.namespace.as_deref() == namespace && scales(object, &owner.spec.target_ref)
    };
    let owners = owners.state_filter(is_concerned);
    owners.iter().map(|it| ObjectRef::from_obj(&**it)).collect()
}

/// Whether the object belongs to the PredictiveAutoscaler of this `uid`.
pub(super) fn is_owned_by(object: &DynamicObject, uid: &str) -> bool {
    object.owner_references().iter().any(|it| it.uid == uid)
}

/// Whether the object is there for this PredictiveAutoscaler.
fn is_its_own(object: &DynamicObject, owner: &PredictiveAutoscaler) -> bool {
    let uid = owner.uid().unwrap_or_default();
    is_owned_by(object, &uid) || is_made_by_keda_for(object, &owner.name_any())
}

/// Whether a ScaledObject or HPA scales the target.
fn scales(object: &DynamicObject, target: &TargetRef) -> bool {
    of(object).is_some_and(|it| it.is(target))
}

/// The workload that a ScaledObject or HPA scales.
pub(super) fn of(object: &DynamicObject) -> Option<TargetRef> {
    meant(object.data.pointer("/spec/scaleTargetRef")?)
}

/// KEDA makes an HPA for each ScaledObject; ours is called like its PredictiveAutoscaler.
fn is_made_by_keda_for(object: &DynamicObject, name: &str) -> bool {
    let mut owners = object.owner_references().iter();
    owners.any(|it| it.kind == Kind::ScaledObject.name() && it.name == name)
}

/// What a `scaleTargetRef`, of which KEDA lets parts be left out, means.
fn meant(reference: &Value) -> Option<TargetRef> {
    let said = |key: &str| {
        let said = reference.get(key).and_then(Value::as_str);
        said.filter(|text| !text.is_empty())
    };
    Some(TargetRef {
        api_version: said("apiVersion").unwrap_or("apps/v1").to_owned(),
        kind: said("kind").unwrap_or("Deployment").to_owned(),
        name: said("name")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    fn owner(name: &str, target: &str) -> PredictiveAutoscaler {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {
                "targetRef": {"name": target},
                "metric": {"query": "load", "target": 100},
                "maxReplicas": 20,
            },
        }))
        .unwrap()
    }

    /// An HPA of `shop/web`.
    fn hpa(owner_references: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": {"name": "any", "namespace": "shop", "ownerReferences": owner_references},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
        }))
        .unwrap()
    }

    #[test]
    fn what_scales_the_workload_for_somebody_else_is_a_rival() {
        let web = owner("web", "web");
        let by = |version: &str, kind: &str, name: &str| {
            hpa(&json!([{"apiVersion": version, "kind": kind, "name": name, "uid": name}]))
        };
        let ours = by("forescale.dev/v1alpha1", "PredictiveAutoscaler", "web");
        let keda = by("keda.sh/v1alpha1", "ScaledObject", "web");
        let other = by("keda.sh/v1alpha1", "ScaledObject", "other");
        assert!(!is_rival(&ours, &web) && !is_rival(&keda, &web));
        assert!(is_rival(&other, &web) && is_rival(&hpa(&json!([])), &web));
        assert!(!is_rival(&other, &owner("api", "api")));
    }

    #[test]
    fn a_foreign_object_concerns_those_whose_workload_it_scales() {
        let (owners, mut writer) = kube::runtime::reflector::store();
        let mut elsewhere = owner("elsewhere", "web");
        elsewhere.metadata.namespace = Some("park".to_owned());
        for it in [owner("web", "web"), owner("api", "api"), elsewhere] {
            writer.apply_watcher_event(&Event::Apply(it));
        }
        let found = concerned(&hpa(&json!([])), &owners);
        assert_eq!(found, [ObjectRef::new("web").within("shop")]);
    }

    #[test]
    fn a_reference_means_the_target_by_group_kind_and_name() {
        let target = TargetRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "web".to_owned(),
        };
        for (reference, meant) in [
            (json!({"name": "web"}), true),
            (json!({"name": "web", "kind": "", "apiVersion": ""}), true),
            (
                json!({"name": "web", "kind": "Deployment", "apiVersion": "apps/v1beta1"}),
                true,
            ),
            (json!({"name": "web", "kind": "StatefulSet"}), false),
            (
                json!({"name": "web", "apiVersion": "argoproj.io/v1alpha1"}),
                false,
            ),
            (json!({"name": "shop"}), false),
            (json!({}), false),
        ] {
            let is_meant = super::meant(&reference).is_some_and(|it| it.is(&target));
            assert_eq!(is_meant, meant, "{reference}");
        }
    }
}
