//! Settings of what is asked of the cluster.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of what is asked of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Whether the cluster is asked at all.
    pub enabled: bool,
    /// The kubeconfig; looked for in the usual places, and in the pod, when unset.
    pub kubeconfig: Option<PathBuf>,
    /// More watches than this are not opened at the same time; workloads beyond have their facts left out.
    pub max_watches: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            kubeconfig: None,
            max_watches: 2000,
        }
    }
}
