//! Changes the resources in the workload's pod template, which rolls its pods.

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::super::resource::{TargetRef, VerticalSpec};
use super::resize::container;
use super::{Outcome, change};
use crate::domain::Vertical;

/// Another field manager than for the objects that are owned, so that users see what is whose.
const MANAGER: &str = "forescale-vertical";

/// Brings the pod template a step towards the advice. It gives way: resources that somebody else has set stay theirs.
pub(super) async fn apply(
    objects: &Api<DynamicObject>,
    target: &TargetRef,
    spec: &VerticalSpec,
    advice: Vertical,
) -> Result<Outcome, kube::Error> {
    let object = objects.get(&target.name).await?;
    let list = object
        .data
        .pointer("/spec/template/spec/containers")
        .and_then(Value::as_array);
    let Some(list) = list else {
        let kind = &target.kind;
        return Ok(Outcome::Failed(format!(
            "a {kind} has no pod template at spec.template"
        )));
    };
    let named: Vec<(&str, Value)> = list
        .iter()
        .filter_map(|it| {
            let resources = it.get("resources").cloned().unwrap_or(Value::Null);
            Some((it.get("name")?.as_str()?, resources))
        })
        .collect();
    let step = container(&named, spec)
        .and_then(|(name, resources)| Ok((name, change::change(resources, advice, spec, true)?)));
    let (name, change) = match step {
        Err(why) => return Ok(Outcome::Failed(why)),
        Ok((_, None)) => {
            return Ok(Outcome::Settled(
                "the pod template has what it should".to_owned(),
            ));
        }
        Ok((name, Some(change))) => (name, change),
    };
    let patch = json!({
        "apiVersion": target.api_version,
        "kind": target.kind,
        "metadata": {"name": target.name},
        "spec": {"template": {"spec": {"containers": [
            {"name": name, "resources": change.resources},
        ]}}},
    });
    let params = PatchParams::apply(MANAGER);
    match objects
        .patch(&target.name, &params, &Patch::Apply(&patch))
        .await
    {
        Ok(_) => Ok(Outcome::Changed(format!("pod template: {}", change.text))),
        Err(kube::Error::Api(status)) if status.is_conflict() => Ok(Outcome::Failed(format!(
            "somebody else sets the resources of `{name}`, and they are left to them: take them out of the manifest that \
             is applied, then Forescale sets them. {}",
            status.message
        ))),
        Err(kube::Error::Api(status)) => Ok(Outcome::Failed(status.message.clone())),
        Err(error) => Err(error),
    }
}
