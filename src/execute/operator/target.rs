//! The workload that is scaled: how many replicas it has, and who else scales it.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
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
    let mut kinds = vec![Kind::Hpa];
    if offers.keda {
        kinds.push(Kind::ScaledObject);
    }
    for kind in kinds {
        for object in context.owned.all(kind, &namespace).await? {
            if scales(&object, &owner.spec.target_ref) && !is_its_own(&object, owner) {
                let (kind, name) = (kind.name(), object.name_any());
                return Ok(Some(format!(
                    "{kind} `{name}` scales this workload already: delete it, or this PredictiveAutoscaler"
                )));
            }
        }
    }
    Ok(None)
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
    let reference = object.data.pointer("/spec/scaleTargetRef");
    reference.is_some_and(|it| is_meant(it, target))
}

/// KEDA makes an HPA for each ScaledObject; ours is called like its PredictiveAutoscaler.
fn is_made_by_keda_for(object: &DynamicObject, name: &str) -> bool {
    let mut owners = object.owner_references().iter();
    owners.any(|it| it.kind == Kind::ScaledObject.name() && it.name == name)
}

/// Whether a `scaleTargetRef`, of which KEDA lets parts be left out, means the target. Versions of an API are one workload.
fn is_meant(reference: &Value, target: &TargetRef) -> bool {
    let said = |key: &str, default: &'static str| {
        let said = reference.get(key).and_then(Value::as_str);
        said.filter(|text| !text.is_empty())
            .unwrap_or(default)
            .to_owned()
    };
    let group = |version: &str| {
        version
            .split_once('/')
            .map_or("", |(group, _)| group)
            .to_owned()
    };
    said("name", "") == target.name
        && said("kind", "Deployment") == target.kind
        && group(&said("apiVersion", "apps/v1")) == group(&target.api_version)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            assert_eq!(is_meant(&reference, &target), meant, "{reference}");
        }
    }
}
