//! What the cluster knows, for workloads that KEDA asks about: the bounds, the tolerance and the behavior of the HPA, the
//! fleet, rollouts, how long pods take to start.
//!
//! Only what is needed is watched, one [`Scope`] at a time: the ScaledObjects, HPAs, Deployments and StatefulSets of a
//! namespace in which there is a workload, the pods of its target's selector. Of what comes in only a few fields are kept
//! ([`objects`]). A scope whose right is missing is left out, told once with the rule that it lacks, and tried again
//! seldom; the others go on. A cluster that can't be reached leaves what was last known, with its moment.
//!
//! `keeper` decides what to watch and writes [`ClusterFacts`](crate::domain::ClusterFacts) on the board (`facts`);
//! `watch` keeps one scope; [`rights`] is the table of what is asked for, from which a test derives the shipped roles.

mod config;
mod facts;
mod keeper;
mod metrics;
pub mod objects;
mod pods;
pub mod rights;
mod scope;
mod shelf;
mod watch;

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use metrics::Metrics;
pub use scope::Scope;

use crate::domain::Clock;
use crate::knowledge::Board;

/// What asks the cluster, not running yet.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    config: Config,
    metrics: Metrics,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Finds out where the cluster is. Nothing is asked of it yet, so that it may be away.
    ///
    /// # Errors
    /// When nothing says where it is.
    pub async fn find(config: &Config, metrics: Metrics) -> anyhow::Result<Self> {
        let client = super::kubernetes::client(config.kubeconfig.as_deref());
        let client = client.await.context(
            "`cluster.enabled` is set, and no cluster is found (`cluster.kubeconfig` may name a kubeconfig)",
        )?;
        Ok(Self {
            client,
            config: config.clone(),
            metrics,
        })
    }

    /// Watches what the board's workloads need, and writes what is known on the board, until `shutdown`.
    pub async fn run(self, board: Arc<Board>, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
        let keeper = keeper::Keeper::new(self.client, &self.config, self.metrics, board, clock);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = keeper.run() => {}
        }
    }
}
