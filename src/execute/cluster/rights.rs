//! What is asked of the Kubernetes API, one feature at a time. `keda/components/cluster-knowledge/rbac.yaml` holds exactly these
//! rights, a role for each feature; a test compares them.

use std::fmt;

/// A right in an RBAC rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Right {
    /// What it is for.
    pub feature: Feature,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version of the group.
    pub version: &'static str,
    /// The resource, in the plural.
    pub resource: &'static str,
    /// Its kind.
    pub kind: &'static str,
}

/// What is left out without a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// The ScaledObject and its HPA.
    Scaling,
    /// What is scaled.
    Targets,
    /// Its pods.
    Pods,
}

/// The verbs of every right: lists and watches, nothing is ever changed.
pub use crate::execute::kubernetes::watch::VERBS;

/// ScaledObjects.
pub const SCALED_OBJECTS: Right = right(
    Feature::Scaling,
    ("keda.sh", "v1alpha1"),
    "scaledobjects",
    "ScaledObject",
);
/// HPAs.
pub const HPAS: Right = right(
    Feature::Scaling,
    ("autoscaling", "v2"),
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
);
/// Deployments.
pub const DEPLOYMENTS: Right = right(
    Feature::Targets,
    ("apps", "v1"),
    "deployments",
    "Deployment",
);
/// StatefulSets.
pub const STATEFUL_SETS: Right = right(
    Feature::Targets,
    ("apps", "v1"),
    "statefulsets",
    "StatefulSet",
);
/// Pods.
pub const PODS: Right = right(Feature::Pods, ("", "v1"), "pods", "Pod");

/// All rights that are asked for. Targets of other kinds are read through their `/scale`, which takes a rule of its own
/// for each kind.
pub const RIGHTS: [Right; 5] = [SCALED_OBJECTS, HPAS, DEPLOYMENTS, STATEFUL_SETS, PODS];

const fn right(
    feature: Feature,
    (group, version): (&'static str, &'static str),
    resource: &'static str,
    kind: &'static str,
) -> Right {
    Right {
        feature,
        group,
        version,
        resource,
        kind,
    }
}

impl Feature {
    /// The role that holds its rights.
    pub fn role(self) -> String {
        let name = match self {
            Self::Scaling => "scaling",
            Self::Targets => "targets",
            Self::Pods => "pods",
        };
        format!("forescale-cluster-{name}")
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scaling => "min and max, tolerance and behavior",
            Self::Targets => "current and ready replicas, rollouts",
            Self::Pods => "how long pods take to start",
        })
    }
}
