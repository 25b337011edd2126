//! What a container's resources should become.
//!
//! A value moves towards the advice within the user's bounds, not at all when it is near enough, and by no more than so much
//! at once. The pod's quality of service must stay as it is: the API server refuses an in-place resize that changes it
//! (Kubernetes docs, "Resize CPU and Memory Resources assigned to Containers"), and a template that changes it would move
//! pods to another place in the order of eviction.

use serde_json::{Map, Value, json};

use super::super::resource::VerticalSpec;
use crate::domain::{ResourceAdvice, Vertical};
use crate::execute::quantity;

/// Below this a container has no room to run at all.
const LEAST: [f64; 2] = [0.01, 16.0 * 1024.0 * 1024.0];

/// CPU or memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Cpu,
    Memory,
}

/// Resources of a container as it is, and as it should become: `{"requests": …, "limits": …}`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    pub(super) resources: Value,
    /// In words.
    pub(super) text: String,
}

/// What is to change of a container with these `resources`; `Ok(None)` when it is near enough. A container without any gets
/// them where `may_begin`.
///
/// # Errors
/// Why nothing can be done, in words.
pub(super) fn change(
    resources: &Value,
    advice: Vertical,
    spec: &VerticalSpec,
    may_begin: bool,
) -> Result<Option<Change>, String> {
    let each = [
        (Resource::Cpu, advice.cpu),
        (Resource::Memory, advice.memory),
    ];
    let mut requests = amounts(resources, "requests");
    let mut limits = amounts(resources, "limits");
    if requests.is_empty() && limits.is_empty() {
        if may_begin {
            return Ok(begin(advice, spec));
        }
        return Err(
            "the container has neither requests nor limits: giving it some would change its quality of service"
                .to_owned(),
        );
    }
    let mut words = Vec::new();
    for (resource, advice) in each {
        let Some(advice) = advice else { continue };
        let (request, limit) = (value(&requests, resource), value(&limits, resource));
        // With equal requests and limits the pod may be Guaranteed, and must stay so.
        let together = request.is_some() && request == limit;
        let bounded = |value: f64| bounds(resource, value, spec);
        let step = |now: Option<f64>, wanted: f64| step(resource, now?, bounded(wanted), spec);
        if together {
            if let Some(new) = step(limit, advice.limit) {
                words.push(format!("{} to {}", resource.name(), resource.write(new)));
                requests.insert(resource.name().to_owned(), json!(resource.write(new)));
                limits.insert(resource.name().to_owned(), json!(resource.write(new)));
            }
            continue;
        }
        // A container whose limit is all it has gets its request from it.
        let request = request.or(limit);
        let new_limit = step(limit, advice.limit);
        let ceiling = new_limit.or(limit).unwrap_or(f64::MAX);
        if let Some(new) = step(request, advice.request.min(ceiling)).map(|it| it.min(ceiling)) {
            words.push(format!(
                "{} request to {}",
                resource.name(),
                resource.write(new)
            ));
            requests.insert(resource.name().to_owned(), json!(resource.write(new)));
        }
        if let Some(new) = new_limit {
            let floor = value(&requests, resource).unwrap_or(0.0);
            words.push(format!(
                "{} limit to {}",
                resource.name(),
                resource.write(new.max(floor))
            ));
            limits.insert(
                resource.name().to_owned(),
                json!(resource.write(new.max(floor))),
            );
        }
    }
    if words.is_empty() {
        return Ok(None);
    }
    let mut resources = Map::new();
    if !requests.is_empty() {
        resources.insert("requests".to_owned(), Value::Object(requests));
    }
    if !limits.is_empty() {
        resources.insert("limits".to_owned(), Value::Object(limits));
    }
    Ok(Some(Change {
        resources: Value::Object(resources),
        text: words.join(", "),
    }))
}

/// The first resources of a container: requests of both, and the limit of memory, without which one pod can take a node's.
/// Beyond its request of CPU a container is only slowed down when others need it.
fn begin(advice: Vertical, spec: &VerticalSpec) -> Option<Change> {
    let (mut requests, mut limits, mut words) = (Map::new(), Map::new(), Vec::new());
    for (resource, advice) in [
        (Resource::Cpu, advice.cpu),
        (Resource::Memory, advice.memory),
    ] {
        let Some(advice) = advice else { continue };
        let write = |value: f64| {
            let value = bounds(resource, value, spec).max(LEAST[resource as usize]);
            resource.write(value)
        };
        let request = write(advice.request);
        words.push(format!("{} request {request}", resource.name()));
        requests.insert(resource.name().to_owned(), json!(request));
        if resource == Resource::Memory {
            limits.insert(resource.name().to_owned(), json!(write(advice.limit)));
        }
    }
    let resources = match (requests.is_empty(), limits.is_empty()) {
        (true, _) => return None,
        (false, true) => json!({"requests": requests}),
        (false, false) => json!({"requests": requests, "limits": limits}),
    };
    Some(Change {
        resources,
        text: words.join(", "),
    })
}

/// The value that is next on the way from `now` to `wanted`; `None` when there is nothing to do.
fn step(resource: Resource, now: f64, wanted: f64, spec: &VerticalSpec) -> Option<f64> {
    let smallest = now * f64::from(spec.min_change_percent) / 100.0;
    if (wanted - now).abs() < smallest.max(f64::MIN_POSITIVE) {
        return None;
    }
    if wanted < now && resource == Resource::Memory && !spec.allow_memory_decrease {
        return None;
    }
    let most = f64::from(spec.max_change_percent) / 100.0;
    // Down by the same factor as up: 100 % is twice as much, or half.
    let next = wanted.clamp(now / (1.0 + most), now * (1.0 + most));
    let next = next.max(LEAST[resource as usize]);
    (resource.write(next) != resource.write(now)).then_some(next)
}

fn bounds(resource: Resource, wanted: f64, spec: &VerticalSpec) -> f64 {
    let read = |text: &Option<String>| text.as_deref().and_then(quantity::parse);
    let (least, most) = match resource {
        Resource::Cpu => (read(&spec.min_allowed.cpu), read(&spec.max_allowed.cpu)),
        Resource::Memory => (
            read(&spec.min_allowed.memory),
            read(&spec.max_allowed.memory),
        ),
    };
    let most = most.unwrap_or(f64::MAX);
    wanted.max(least.unwrap_or(0.0)).min(most)
}

fn amounts(resources: &Value, of: &str) -> Map<String, Value> {
    resources
        .get(of)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn value(amounts: &Map<String, Value>, resource: Resource) -> Option<f64> {
    quantity::of(amounts.get(resource.name())?)
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    fn write(self, value: f64) -> String {
        match self {
            Self::Cpu => quantity::cores(value),
            Self::Memory => quantity::bytes(value),
        }
    }
}

/// Whether advice says anything.
pub(super) fn says_nothing(advice: Vertical) -> bool {
    let of = |advice: Option<ResourceAdvice>| advice.is_none();
    of(advice.cpu) && of(advice.memory)
}

#[cfg(test)]
mod tests;
