//! Resizes running pods in place, a few at a time, through their `resize` subresource.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::super::resource::VerticalSpec;
use super::{Outcome, change};
use crate::domain::Vertical;

/// One pod in so many is resized at a time, and at least one.
const AT_A_TIME: usize = 10;

/// Brings the pods of the object called `name` a step towards the advice.
pub(super) async fn resize(
    objects: &Api<DynamicObject>,
    name: &str,
    pods: &Api<Pod>,
    spec: &VerticalSpec,
    advice: Vertical,
) -> Result<Outcome, kube::Error> {
    let scale = objects.get_scale(name).await?;
    let selector = scale
        .status
        .and_then(|status| status.selector)
        .unwrap_or_default();
    if selector.is_empty() {
        return Ok(Outcome::Failed(
            "the workload's scale names no selector of pods".to_owned(),
        ));
    }
    let found = pods.list(&ListParams::default().labels(&selector)).await?;
    let running: Vec<&Pod> = found.items.iter().filter(|pod| is_running(pod)).collect();
    if let Some(why) = running.iter().find_map(|pod| stuck(pod)) {
        return Ok(Outcome::Failed(why));
    }
    let mut wanted = Vec::new();
    for pod in &running {
        match step(pod, spec, advice) {
            Ok(Some(patch)) => wanted.push((pod.name_any(), patch)),
            Ok(None) => {}
            Err(why) => return Ok(Outcome::Failed(why)),
        }
    }
    if wanted.is_empty() {
        return Ok(Outcome::Settled("every pod has what it should".to_owned()));
    }
    let (left, now) = (wanted.len(), running.len().div_ceil(AT_A_TIME).max(1));
    let mut text = String::new();
    for (name, (patch, what)) in wanted.into_iter().take(now) {
        let params = PatchParams::default();
        match pods
            .patch_subresource("resize", &name, &params, &Patch::Strategic(&patch))
            .await
        {
            Ok(_) => text = what,
            // It went while we looked.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(kube::Error::Api(status)) => {
                return Ok(Outcome::Failed(format!("pod `{name}`: {}", status.message)));
            }
            Err(error) => return Err(error),
        }
    }
    let text = format!(
        "{text}; {} of {} pods are still to follow",
        left.saturating_sub(now),
        running.len()
    );
    if left > now {
        Ok(Outcome::Going(text))
    } else {
        Ok(Outcome::Changed(text))
    }
}

fn is_running(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}

/// Why the last resize of a pod was not carried out, if the kubelet says so (KEP-1287: `PodResizePending` with the reasons
/// `Infeasible` and `Deferred`, `PodResizeInProgress` with `Error`).
fn stuck(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find_map(|it| {
        let reason = it.reason.as_deref().unwrap_or_default();
        let message = it.message.as_deref().unwrap_or_default();
        let bad = match it.type_.as_str() {
            "PodResizePending" => true,
            "PodResizeInProgress" => reason == "Error",
            _ => false,
        };
        (bad && it.status == "True")
            .then(|| format!("pod `{}`: {reason}: {message}", pod.name_any()))
    })
}

/// The patch of a pod and what it does, in words.
fn step(
    pod: &Pod,
    spec: &VerticalSpec,
    advice: Vertical,
) -> Result<Option<(Value, String)>, String> {
    let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    let named: Vec<(&str, Value)> = containers
        .iter()
        .map(|it| (it.name.as_str(), json!(it.resources)))
        .collect();
    let (name, resources) = container(&named, spec)?;
    let change = change::change(resources, advice, spec, false)?;
    Ok(change.map(|change| {
        let patch =
            json!({"spec": {"containers": [{"name": name, "resources": change.resources}]}});
        (patch, change.text)
    }))
}

/// The container that is meant.
pub(super) fn container<'a>(
    containers: &'a [(&'a str, Value)],
    spec: &VerticalSpec,
) -> Result<(&'a str, &'a Value), String> {
    let names = || {
        let names: Vec<&str> = containers.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    };
    let found = match &spec.container {
        Some(wanted) => containers.iter().find(|(name, _)| name == wanted),
        None if containers.len() > 1 => {
            return Err(format!(
                "vertical.container must say which one is meant: {}",
                names()
            ));
        }
        None => containers.first(),
    };
    let (name, resources) = found.ok_or_else(|| {
        let wanted = spec.container.as_deref().unwrap_or_default();
        format!(
            "vertical.container `{wanted}`: the pods have only {}",
            names()
        )
    })?;
    Ok((name, resources))
}
