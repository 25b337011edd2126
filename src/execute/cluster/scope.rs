//! One thing that is kept up to date: objects of a kind in a namespace, or the `/scale` of one object.

use std::sync::Arc;

use kube::core::{ApiResource, GroupVersionKind};

use super::objects::TargetRef;
use super::rights::{DEPLOYMENTS, Feature, PODS, Right, STATEFUL_SETS, VERBS};
use crate::execute::kubernetes::watch::Need;

/// What the `/scale` of objects is called in metrics.
pub(super) const SCALE: &str = "scale";

/// One thing that is kept up to date.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Objects of a kind in a namespace, watched.
    Objects {
        /// Of which kind.
        right: Right,
        /// Where.
        namespace: Arc<str>,
        /// Which of them, by labels; all when `None`.
        selector: Option<Arc<str>>,
    },
    /// The `/scale` of one object, read every few seconds: it can't be watched.
    Scale {
        /// Where.
        namespace: Arc<str>,
        /// Which.
        target: TargetRef,
    },
}

impl Scope {
    /// All objects of a kind in a namespace.
    pub(super) fn all(right: Right, namespace: &Arc<str>) -> Self {
        Self::Objects {
            right,
            namespace: Arc::clone(namespace),
            selector: None,
        }
    }

    /// The pods of a selector.
    pub(super) fn pods(namespace: &Arc<str>, selector: &Arc<str>) -> Self {
        Self::Objects {
            right: PODS,
            namespace: Arc::clone(namespace),
            selector: Some(Arc::clone(selector)),
        }
    }

    /// Where a target is read.
    pub(super) fn of_target(namespace: &Arc<str>, target: &TargetRef) -> Self {
        for right in [DEPLOYMENTS, STATEFUL_SETS] {
            if target.kind == right.kind && target.group() == right.group {
                return Self::all(right, namespace);
            }
        }
        Self::Scale {
            namespace: Arc::clone(namespace),
            target: target.clone(),
        }
    }

    /// What is left out without it.
    pub(super) fn feature(&self) -> Feature {
        match self {
            Self::Objects { right, .. } => right.feature,
            Self::Scale { .. } => Feature::Targets,
        }
    }

    /// The resource, for metrics and logs.
    pub(super) fn resource(&self) -> &'static str {
        match self {
            Self::Objects { right, .. } => right.resource,
            Self::Scale { .. } => SCALE,
        }
    }

    pub(super) fn namespace(&self) -> &Arc<str> {
        match self {
            Self::Objects { namespace, .. } | Self::Scale { namespace, .. } => namespace,
        }
    }

    /// The right that it needs.
    pub(super) fn need(&self) -> Need {
        let namespace = Some(self.namespace().to_string());
        match self {
            Self::Objects { right, .. } => Need {
                group: right.group.to_owned(),
                resource: right.resource.to_owned(),
                subresource: None,
                verbs: &VERBS,
                namespace,
            },
            Self::Scale { target, .. } => {
                let api = target.api_resource();
                Need {
                    group: api.group,
                    resource: api.plural,
                    subresource: Some(SCALE),
                    verbs: &["get"],
                    namespace,
                }
            }
        }
    }

    /// The rule that it needs, as it stands in a Role.
    pub(super) fn rule(&self) -> String {
        self.need().rule()
    }

    pub(super) fn api_resource(&self) -> ApiResource {
        match self {
            Self::Objects { right, .. } => {
                let kind = GroupVersionKind::gvk(right.group, right.version, right.kind);
                ApiResource::from_gvk_with_plural(&kind, right.resource)
            }
            Self::Scale { target, .. } => target.api_resource(),
        }
    }
}
