//! The operator: it looks after `PredictiveAutoscaler` objects.
//!
//! For each it makes and keeps what scales the workload, a KEDA ScaledObject or, where there is no KEDA, an HPA on the
//! external metrics API; puts its trigger on the board, so that there is a plan before anybody asks; and tells in the
//! status what is planned and why. Every replica of Forescale does the second, the one that holds a Lease (`election`)
//! does the rest. What somebody else sets in an owned object is theirs from then on (`apply`).

mod apply;
mod conditions;
mod config;
mod context;
mod desired;
mod election;
mod memory;
mod metrics;
mod notes;
mod owned;
mod reconcile;
mod remove;
pub mod resource;
mod status;
mod target;
mod trigger;
mod vertical;
mod waking;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::jiff;
use kube::Api;
use kube::runtime::controller::{self, Action};
use kube::runtime::{Controller, watcher};
use tokio::task::JoinSet;
use tokio_stream::wrappers::{UnboundedReceiverStream, WatchStream};
use tokio_util::sync::CancellationToken;

pub use self::config::{Authentication, Config, LeaseConfig, Scaler};
use self::context::Context;
use self::election::{Election, Leadership};
pub use self::metrics::Metrics;
use self::owned::{Owned, Scope, Woken};
use self::resource::PredictiveAutoscaler;
pub use self::resource::crd_yaml;
use crate::domain::{Clock, HumanDuration, Metadata, Timestamp};
use crate::knowledge::Board;

/// PredictiveAutoscalers that are looked at in parallel.
const CONCURRENCY: u16 = 16;

/// What could not be done is tried again after this.
const RETRY: Duration = Duration::from_secs(10);

/// What the operator needs.
#[derive(Debug)]
pub struct Parts {
    /// Its settings.
    pub config: Config,
    /// Where plans are.
    pub board: Arc<Board>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// After how long the board drops a workload that nobody asks about.
    pub forget_after: HumanDuration,
    /// What it counts.
    pub metrics: Metrics,
}

/// Looks after PredictiveAutoscalers until `shutdown`. An API server that can't be reached is waited for.
///
/// # Errors
/// When there is no way to reach an API server at all.
pub async fn run(parts: Parts, shutdown: CancellationToken) -> anyhow::Result<()> {
    let client = super::kubernetes::client(parts.config.kubeconfig.as_deref()).await?;
    let identity = identity();
    let leadership = Leadership::new(parts.metrics.clone());
    let election = Election::new(
        client.clone(),
        parts.config.lease.clone(),
        identity.clone(),
        Arc::clone(&parts.clock),
        leadership.clone(),
    );
    // The lease is given back after the last write.
    let written = CancellationToken::new();
    let elected = tokio::spawn(election.run(written.clone()));
    let namespaces = &parts.config.namespaces;
    tracing::info!(?namespaces, "operator started");
    let (owned, scopes) = Owned::new(&client, namespaces, &parts.metrics);
    let context = Arc::new(Context::new(client, parts, leadership, owned, identity));
    let scopes = scopes
        .into_iter()
        .map(|scope| look_after(scope, Arc::clone(&context), shutdown.clone()));
    futures::future::join_all(scopes).await;
    written.cancel();
    elected.await.context("the lease's task died")
}

/// Looks after the PredictiveAutoscalers of a scope until `shutdown`.
async fn look_after(scope: Scope, context: Arc<Context>, shutdown: CancellationToken) {
    let api: Api<PredictiveAutoscaler> = match &scope.namespace {
        Some(namespace) => Api::namespaced(context.client.clone(), namespace),
        None => Api::all(context.client.clone()),
    };
    // Dropped with the last look.
    let mut keepers = JoinSet::new();
    for keeper in scope.keepers {
        keepers.spawn(keeper.keep());
    }
    // A new leader looks at everything at once, and so does one whose cluster has got KEDA.
    let leader = WatchStream::from_changes(context.leadership.follow()).map(|_| ());
    let served = WatchStream::from_changes(context.owned.served());
    let config = controller::Config::default().concurrency(CONCURRENCY);
    let controller = Controller::new(api, watcher::Config::default());
    let store = controller.store();
    let known = store.clone();
    let woken = UnboundedReceiverStream::new(scope.woken).flat_map(move |woken| {
        futures::stream::iter(match woken {
            Woken::Owner(owner) => vec![owner],
            Woken::Rivals(object) => target::concerned(&object, &known),
        })
    });
    let looking = controller
        .with_config(config)
        .reconcile_all_on(leader)
        .reconcile_all_on(served)
        .reconcile_on(woken)
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(reconcile::reconcile, on_error, Arc::clone(&context))
        .for_each(|outcome| {
            match outcome {
                Ok(_) => {}
                // A look that was due after its PredictiveAutoscaler was deleted.
                Err(controller::Error::ObjectNotFound(gone)) => {
                    let namespace = gone.namespace.as_deref().unwrap_or_default();
                    context.memory.forget(namespace, &gone.name);
                }
                Err(error) => {
                    tracing::debug!(%error, "a look at a PredictiveAutoscaler ended early");
                }
            }
            std::future::ready(())
        });
    // kube's controller ends gracefully only once it has listed the objects. Where it never could (no definition, no right,
    // no API server) it has begun nothing that could be finished, and would be waited for without end.
    let nothing_begun = async {
        shutdown.cancelled().await;
        if store.wait_until_ready().now_or_never().is_some() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = looking => {}
        () = nothing_begun => {}
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn on_error(
    object: Arc<PredictiveAutoscaler>,
    error: &reconcile::Error,
    context: Arc<Context>,
) -> Action {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    tracing::warn!(namespace, name, %error, "failed to look after a PredictiveAutoscaler, trying again");
    context.metrics.reconciled("error");
    Action::requeue(RETRY)
}

/// A PredictiveAutoscaler that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where, such as `spec.metric.target`.
    pub path: String,
    /// Why.
    pub why: String,
}

/// The trigger metadata that the operator would make of a PredictiveAutoscaler, on a server that says nothing of its own. It
/// is not judged.
///
/// # Errors
/// When the manifest is not one that the resource's types allow.
pub fn trigger_metadata(manifest: serde_json::Value) -> Result<Metadata, Misread> {
    let misread = |path: String, why: String| Misread { path, why };
    let read: Result<PredictiveAutoscaler, _> = serde_path_to_error::deserialize(manifest);
    let object =
        read.map_err(|error| misread(error.path().to_string(), error.inner().to_string()))?;
    trigger::metadata(&object.spec, &Config::default(), true)
        .map_err(|why| misread("spec.triggerMetadata".to_owned(), why))
}

/// This replica's name in the Lease: the pod's.
fn identity() -> String {
    let pod = std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME"));
    let host = pod.unwrap_or_else(|_| "forescale".to_owned());
    format!("{host}_{:08x}", rand::random::<u32>())
}

/// A moment in Kubernetes' types; the first one of all for what they can't hold.
fn time(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
