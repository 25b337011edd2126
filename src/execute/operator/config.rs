//! Settings of the operator: the `operator` section of the settings file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::HumanDuration;

/// Settings of the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Whether PredictiveAutoscalers are looked after.
    pub enabled: bool,
    /// A kubeconfig; the pod's ServiceAccount when unset.
    pub kubeconfig: Option<PathBuf>,
    /// Namespaces to look after; all of them when empty.
    pub namespaces: Vec<String>,
    /// What scales: KEDA where it is installed and an HPA elsewhere, or one of them always.
    pub scaler: Scaler,
    /// Where KEDA reaches Forescale.
    pub scaler_address: String,
    /// Further metadata for each trigger, such as `enableTLS: "true"`.
    pub trigger_metadata: BTreeMap<String, String>,
    /// KEDA's TriggerAuthentication for Forescale's certificates.
    pub authentication: Option<Authentication>,
    /// Series that an HPA without KEDA reads from the external metrics API: replicas that Forescale asks for.
    pub external_metric: String,
    /// Whether owned HPAs that the plan alone moves are told to follow every change (`tolerance: 0`); by the cluster's
    /// version when unset.
    pub exact_landing: Option<bool>,
    /// How often a status that has changed only in its numbers is written.
    pub status_every: HumanDuration,
    /// The Lease that one of several replicas holds.
    pub lease: LeaseConfig,
}

/// What scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaler {
    /// KEDA where it is installed, an HPA elsewhere.
    #[default]
    Auto,
    /// A ScaledObject.
    Keda,
    /// An HPA on the external metrics API.
    Hpa,
}

/// KEDA's TriggerAuthentication for Forescale's certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Authentication {
    /// Its name.
    pub name: String,
    /// `ClusterTriggerAuthentication`, or `TriggerAuthentication` in each namespace.
    #[serde(default = "cluster_wide")]
    pub kind: String,
}

/// The Lease that one of several replicas holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct LeaseConfig {
    /// Its name.
    pub name: String,
    /// Its namespace; the pod's own when unset.
    pub namespace: Option<String>,
    /// A Lease that was not renewed for so long may be taken.
    pub duration: HumanDuration,
    /// How often it is renewed, or tried for.
    pub retry: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            kubeconfig: None,
            namespaces: Vec::new(),
            scaler: Scaler::default(),
            scaler_address: "forescale.forescale.svc:6000".to_owned(),
            trigger_metadata: BTreeMap::new(),
            authentication: None,
            external_metric: "forescale_workload_served_replicas".to_owned(),
            exact_landing: None,
            status_every: HumanDuration::from_secs(60),
            lease: LeaseConfig::default(),
        }
    }
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            name: "forescale-operator".to_owned(),
            namespace: None,
            duration: HumanDuration::from_secs(15),
            retry: HumanDuration::from_secs(3),
        }
    }
}

fn cluster_wide() -> String {
    "ClusterTriggerAuthentication".to_owned()
}
