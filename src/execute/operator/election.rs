//! One of several replicas writes: the one that holds a `coordination.k8s.io/v1` Lease.
//!
//! The rules are those of client-go's `leaderelection`: whether a Lease has run out is judged by how long it has been seen
//! unchanged here, never by comparing clocks of two machines; every write names the version it read, so that of two that
//! try at once one fails; a holder that could not renew in time stops by itself before another may take over.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::config::LeaseConfig;
use super::metrics::Metrics;
use crate::domain::Clock;

/// Whether this replica is the one that writes.
#[derive(Clone, Debug)]
pub(super) struct Leadership {
    holds: watch::Sender<bool>,
    metrics: Metrics,
}

/// One replica's try for the Lease.
#[derive(Debug)]
pub(super) struct Election {
    api: Api<Lease>,
    config: LeaseConfig,
    identity: String,
    clock: Arc<dyn Clock>,
    leadership: Leadership,
    /// The Lease as it was last seen to change, and when that was.
    seen: Option<(LeaseSpec, Instant)>,
    renewed: Option<Instant>,
}

// === impl Leadership ===

impl Leadership {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            holds: watch::Sender::new(false),
            metrics,
        }
    }

    pub(super) fn holds(&self) -> bool {
        *self.holds.borrow()
    }

    /// Wakes at every change.
    pub(super) fn follow(&self) -> watch::Receiver<bool> {
        self.holds.subscribe()
    }

    pub(super) fn set(&self, holds: bool) {
        self.metrics.leads(holds);
        self.holds
            .send_if_modified(|held| std::mem::replace(held, holds) != holds);
    }
}

// === impl Election ===

impl Election {
    pub(super) fn new(
        client: Client,
        config: LeaseConfig,
        identity: String,
        clock: Arc<dyn Clock>,
        leadership: Leadership,
    ) -> Self {
        let api = match &config.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::default_namespaced(client),
        };
        Self {
            api,
            config,
            identity,
            clock,
            leadership,
            seen: None,
            renewed: None,
        }
    }

    /// Tries for the Lease and renews it until `shutdown`, then gives it back so that another need not wait.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let retry = self.config.retry.get().max(Duration::from_millis(100));
        let mut failing = false;
        loop {
            // A call that hangs must not keep a holder from noticing that its time is over.
            let tried = tokio::time::timeout(self.config.duration.get() / 3, self.attempt()).await;
            let tried = tried.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            match tried {
                Ok(holds) => {
                    failing = false;
                    self.note(holds);
                }
                Err(why) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(lease = %self.config.name, %why, "failed to renew or take the lease, trying on");
                    }
                    let held = self
                        .renewed
                        .is_some_and(|at| at.elapsed() < self.deadline());
                    if self.leadership.holds() && !held {
                        self.note(false);
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(retry) => {}
                () = shutdown.cancelled() => break,
            }
        }
        if self.leadership.holds() {
            self.note(false);
            if let Err(why) = self.release().await {
                tracing::warn!(%why, "failed to give the lease back; another replica takes it when it runs out");
            }
        }
    }

    fn note(&mut self, holds: bool) {
        if holds {
            self.renewed = Some(Instant::now());
        }
        if holds != self.leadership.holds() {
            let (lease, identity) = (&self.config.name, &self.identity);
            tracing::info!(%lease, %identity, leads = holds, "leadership of the operator changed");
        }
        self.leadership.set(holds);
    }

    /// A holder stops writing so long after its last renewal: before the Lease has run out for others.
    fn deadline(&self) -> Duration {
        self.config.duration.get() * 2 / 3
    }

    /// Takes or renews the Lease if it may; says whether this replica holds it.
    async fn attempt(&mut self) -> Result<bool, String> {
        let text = |error: kube::Error| error.to_string();
        let found = self.api.get_opt(&self.config.name).await.map_err(text)?;
        let now = MicroTime(self.now());
        let Some(mut lease) = found else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.config.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.mine(now.clone(), now, 0)),
            };
            let made = self.api.create(&PostParams::default(), &lease).await;
            return settled(made);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let ours = holder == self.identity;
        if !ours && !holder.is_empty() && !self.has_run_out(&spec) {
            return Ok(false);
        }
        let changes = spec.lease_transitions.unwrap_or(0);
        let since = spec.acquire_time.clone().filter(|_| ours);
        let since = since.unwrap_or_else(|| now.clone());
        lease.spec = Some(self.mine(since, now, changes + i32::from(!ours)));
        // The Lease carries the version that was read: whoever wrote in between wins.
        let name = self.config.name.clone();
        settled(
            self.api
                .replace(&name, &PostParams::default(), &lease)
                .await,
        )
    }

    /// Whether it has been seen unchanged for longer than it holds.
    fn has_run_out(&mut self, spec: &LeaseSpec) -> bool {
        let unchanged = self.seen.as_ref().filter(|(seen, _)| seen == spec);
        let Some((_, since)) = unchanged else {
            self.seen = Some((spec.clone(), Instant::now()));
            return false;
        };
        let seconds = spec.lease_duration_seconds.unwrap_or(0).max(0);
        let holds = Duration::from_secs(u64::from(seconds.unsigned_abs()));
        since.elapsed() > holds.max(self.config.retry.get())
    }

    fn mine(&self, since: MicroTime, now: MicroTime, changes: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.config.duration.get().as_secs().max(1)).ok(),
            acquire_time: Some(since),
            renew_time: Some(now),
            lease_transitions: Some(changes),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) -> Result<(), String> {
        let text = |error: kube::Error| error.to_string();
        let Some(mut lease) = self.api.get_opt(&self.config.name).await.map_err(text)? else {
            return Ok(());
        };
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(self.now()));
        let params = PostParams::default();
        let replaced = self.api.replace(&self.config.name, &params, &lease).await;
        replaced.map(drop).map_err(text)
    }

    fn now(&self) -> jiff::Timestamp {
        super::time(self.clock.now())
    }
}

/// A write that lost to another one is no fault.
fn settled(written: Result<Lease, kube::Error>) -> Result<bool, String> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {
            Ok(false)
        }
        Err(error) => Err(error.to_string()),
    }
}
