//! Resizes running pods in place, a few at a time, through their `resize` subresource.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::super::resource::VerticalSpec;
use super::{Outcome, change};
use crate::domain::Vertical;
use crate::execute::quantity;

/// One pod in so many is resized at a time, and at least one.
const AT_A_TIME: usize = 10;

/// Container runtimes round by less than this share, and hardly a change is so small.
const ROUNDING: f64 = 0.05;

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
    let (mut wanted, mut done) = (Vec::new(), Vec::new());
    for pod in &running {
        match step(pod, spec, advice) {
            Ok(Some(patch)) => wanted.push((pod.name_any(), patch)),
            Ok(None) => done.push(*pod),
            Err(why) => return Ok(Outcome::Failed(why)),
        }
    }
    if wanted.is_empty() {
        return Ok(Outcome::Settled("every pod has what it should".to_owned()));
    }
    // A patch is only a wish. Who takes the next pods before the last ones have come through it has all of them down at once
    // where the new resources do harm.
    let under_way = running.iter().find_map(|pod| under_way(pod, spec));
    if let Some(why) = under_way.or_else(|| done.iter().find_map(|pod| unready(pod))) {
        let (left, all) = (wanted.len(), running.len());
        let text = format!("{why}; {left} of {all} pods are still to follow");
        return Ok(Outcome::Waiting(text));
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

/// Why the last resize of a pod is not done, if it is not: the kubelet says so, or the container runs with other resources than
/// it should have.
fn under_way(pod: &Pod, spec: &VerticalSpec) -> Option<String> {
    let status = pod.status.as_ref()?;
    let mut conditions = status.conditions.iter().flatten();
    let in_progress = conditions.any(|it| it.type_ == "PodResizeInProgress" && it.status == "True");
    let is_meant = |name: &str| spec.container.as_deref().is_none_or(|it| it == name);
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let wanted = containers.find(|it| is_meant(&it.name))?;
    let mut statuses = status.container_statuses.iter().flatten();
    let has = statuses.find(|it| it.name == wanted.name);
    let differs = has.is_some_and(|it| differ(&json!(it.resources), &json!(wanted.resources)));
    (in_progress || differs).then(|| format!("pod `{}` is being resized", pod.name_any()))
}

/// Whether a container `has` other resources than `wanted`. What it does not say of itself counts as done.
fn differ(has: &Value, wanted: &Value) -> bool {
    let differs = |of: &str, resource: &str| {
        let amount = |resources: &Value| quantity::of(&resources[of][resource]);
        let both = amount(has).zip(amount(wanted));
        both.is_some_and(|(has, wanted)| (has - wanted).abs() > wanted * ROUNDING)
    };
    let mut each = ["requests", "limits"].into_iter();
    each.any(|of| differs(of, "cpu") || differs(of, "memory"))
}

/// Why a pod that has what it should does not count as done, if so.
fn unready(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref();
    let mut conditions = status.iter().flat_map(|it| &it.conditions).flatten();
    let ready = conditions.any(|it| it.type_ == "Ready" && it.status == "True");
    (!ready).then(|| {
        let name = pod.name_any();
        format!("pod `{name}` has the resources that it should have, and is not Ready")
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

#[cfg(test)]
mod tests;
