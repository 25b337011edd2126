//! Finds ScaledObjects in YAML documents and judges those that have a trigger of ours: the trigger's metadata, and what
//! around it would keep Forescale's number from having its effect.

mod around;
mod followed;
mod shape;
mod trigger;

pub(super) use followed::nearest;
pub(super) use trigger::metadata;

use super::predictive_autoscaler;
use super::settings::Setting;
use super::yaml::{self, Entry, Node, Place};
use crate::execute::operator::resource::TargetRef;

/// Kinds of objects that are judged.
pub(super) const KINDS: [&str; 2] = [SCALED_OBJECT, predictive_autoscaler::KIND];
pub(super) const SCALED_OBJECT: &str = "ScaledObject";
/// KEDA's other kind, which is not judged.
pub(super) const SCALED_JOB: &str = "ScaledJob";
/// Stands in the place of a name where there is none.
pub(super) const NO_NAME: &str = "(no name)";

/// Types of trigger that an external scaler has.
const TYPES: [&str; 2] = ["external", "external-push"];

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// It will not work.
    Error,
    /// It works, but probably not as meant.
    Warning,
    /// It could be better.
    Hint,
}

/// Something found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// Where; nowhere for a file that can't be read.
    pub(super) place: Option<Place>,
    pub(super) message: String,
}

/// A ScaledObject, or what stands for one.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) place: Place,
    /// What a ScaledObject scales.
    pub(super) target: Option<TargetRef>,
    pub(super) triggers: Vec<Trigger>,
}

/// A trigger.
#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) index: usize,
    pub(super) kind: String,
    pub(super) place: Place,
    /// `None` for a trigger that is not ours, or that has mistakes.
    pub(super) settings: Option<Vec<Setting>>,
    pub(super) ours: bool,
}

/// Judges documents.
#[derive(Debug)]
pub(super) struct Checker {
    scaler_addresses: Vec<String>,
}

impl Finding {
    pub(super) fn nowhere(message: String) -> Self {
        Self {
            severity: Severity::Error,
            place: None,
            message,
        }
    }

    pub(super) fn error(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, place, message)
    }

    pub(super) fn warning(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place, message)
    }

    /// A warning that concerns a whole file, where there may be nothing to point at.
    pub(super) fn about(place: Option<Place>, message: String) -> Self {
        Self {
            severity: Severity::Warning,
            place,
            message,
        }
    }

    fn hint(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Hint, place, message)
    }

    fn new(severity: Severity, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity,
            place: Some(place),
            message: message.into(),
        }
    }
}

// === impl Checker ===

impl Checker {
    /// Triggers whose `scalerAddress` contains one of these count as ours too.
    pub(super) fn new(scaler_addresses: Vec<String>) -> Self {
        Self { scaler_addresses }
    }

    /// Every ScaledObject, those in a `List` included, and what was found in them.
    pub(super) fn check(&self, documents: &[Node]) -> (Vec<Object>, Vec<Finding>) {
        let (mut objects, mut findings) = (Vec::new(), Vec::new());
        for object in yaml::objects(documents) {
            self.document(object, &mut objects, &mut findings);
        }
        (objects, findings)
    }

    fn document(&self, document: &Node, objects: &mut Vec<Object>, findings: &mut Vec<Finding>) {
        match document.text_of("kind") {
            Some(SCALED_OBJECT) => objects.push(self.object(document, findings)),
            Some(predictive_autoscaler::KIND) => {
                objects.push(predictive_autoscaler::check(document, findings));
            }
            Some(SCALED_JOB) => self.job(document, findings),
            _ => {}
        }
    }

    /// A ScaledJob with a trigger of ours does not do what its owner thinks.
    fn job(&self, document: &Node, findings: &mut Vec<Finding>) {
        let triggers = document.get("spec").and_then(|spec| spec.get("triggers"));
        let mut triggers = triggers.map_or(&[][..], Node::items).iter();
        if let Some(trigger) = triggers.find(|trigger| self.is_ours(trigger)) {
            let text = "this trigger of Forescale's stands in a ScaledJob and was not checked: Forescale plans the replicas of a \
                        ScaledObject, and jobs have none";
            findings.push(Finding::warning(trigger.place, text));
        }
    }

    fn object(&self, document: &Node, findings: &mut Vec<Finding>) -> Object {
        let meta = document.get("metadata");
        let named = |key: &str| meta.and_then(|meta| meta.text_of(key));
        let spec = document.get("spec");
        let triggers = spec.and_then(|spec| spec.get("triggers"));
        let mut seen = Vec::new();
        let mut found = Vec::new();
        let triggers = triggers.map_or(&[][..], Node::items).iter().enumerate();
        let triggers: Vec<_> = triggers
            .map(|(index, node)| self.trigger(index, node, &mut seen, &mut found))
            .collect();
        let object = Object {
            kind: SCALED_OBJECT,
            namespace: named("namespace").unwrap_or("default").to_owned(),
            name: named("name").unwrap_or(NO_NAME).to_owned(),
            place: document.place,
            target: spec.and_then(target),
            triggers,
        };
        // A ScaledObject without a trigger of ours is nobody's business here.
        if object.triggers.iter().any(|trigger| trigger.ours) {
            repeated_keys(document, &mut found);
            shape::check(document, &mut found);
            around::check(document, &object, &mut found);
            findings.append(&mut found);
        } else if object.triggers.is_empty() {
            let text = "this ScaledObject has no `spec.triggers`: there is nothing to check in it";
            findings.push(Finding::warning(document.place, text));
        }
        object
    }

    fn trigger(
        &self,
        index: usize,
        node: &Node,
        seen: &mut Vec<trigger::Strings>,
        findings: &mut Vec<Finding>,
    ) -> Trigger {
        let kind = node.text_of("type").unwrap_or("(no type)").to_owned();
        let ours = self.is_ours(node);
        if ours && !TYPES.contains(&kind.as_str()) {
            let place = node.entry("type").map_or(node.place, |entry| entry.place);
            findings.push(Finding::error(place, misspelt(node)));
        }
        let settings = ours.then(|| trigger::check(node, seen, findings)).flatten();
        Trigger {
            index,
            kind,
            place: node.place,
            settings,
            ours,
        }
    }

    fn is_ours(&self, node: &Node) -> bool {
        let Some(metadata) = node.get("metadata") else {
            return false;
        };
        // Of KEDA's triggers only these have an address of a scaler.
        let kind = node.text_of("type");
        let meant = || {
            metadata.entry("scalerAddress").is_some()
                && kind.is_none_or(|kind| !nearest_type(kind).is_empty())
        };
        if !kind.is_some_and(|kind| TYPES.contains(&kind)) && !meant() {
            return false;
        }
        let address = metadata.text_of("scalerAddress").unwrap_or_default();
        let named = |part: &String| address.contains(part.as_str());
        address.contains("forescale")
            || self.scaler_addresses.iter().any(named)
            || metadata.entries().iter().any(trigger::speaks_for_us)
    }
}

/// The type that is meant by one which KEDA does not have.
fn nearest_type(kind: &str) -> String {
    nearest(&kind.to_ascii_lowercase(), TYPES.into_iter())
}

fn misspelt(trigger: &Node) -> String {
    let allowed = TYPES.map(|kind| format!("`{kind}`")).join(" and ");
    match trigger.text_of("type") {
        Some(kind) => {
            let near = nearest_type(kind);
            format!("`type` is `{kind}`: allowed for Forescale are {allowed}{near}")
        }
        None => format!("`type` is missing: allowed for Forescale are {allowed}"),
    }
}

/// What a ScaledObject scales, as far as it says it.
fn target(spec: &Node) -> Option<TargetRef> {
    let target = spec.get("scaleTargetRef")?;
    let text = |key: &str, usual: &str| target.text_of(key).unwrap_or(usual).to_owned();
    let name = text("name", "");
    (!name.is_empty()).then(|| TargetRef {
        api_version: text("apiVersion", "apps/v1"),
        kind: text("kind", "Deployment"),
        name,
    })
}

/// A setting of a trigger, as it would be written.
fn setting<'a>(trigger: &'a Trigger, key: &str) -> Option<&'a str> {
    let settings = trigger.settings.as_ref()?;
    let setting = settings.iter().find(|setting| setting.key == key)?;
    setting.value.as_deref()
}

/// A repeated key is refused by strict tools and silently overridden by others.
fn repeated_keys(node: &Node, findings: &mut Vec<Finding>) {
    let entries = node.entries();
    for (at, entry) in entries.iter().enumerate() {
        let same = |earlier: &&Entry| earlier.key == entry.key;
        if let Some(first) = entries[..at].iter().find(same) {
            let message = format!(
                "the key `{}` is repeated: it stands in line {} already",
                entry.key, first.place.line
            );
            findings.push(Finding::error(entry.place, message));
        }
        repeated_keys(&entry.value, findings);
    }
    for item in node.items() {
        repeated_keys(item, findings);
    }
}
