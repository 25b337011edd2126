//! What every look at a PredictiveAutoscaler shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::events::{Event, Recorder, Reporter};
use kube::{Api, Client, Resource as _};
use tokio::sync::{OwnedMutexGuard, Semaphore, watch};
use tokio::time::Instant;

use super::config::{Config, Scaler};
use super::desired::Kind;
use super::election::Leadership;
use super::memory::Memory;
use super::metrics::Metrics;
use super::owned::Owned;
use super::resource::PredictiveAutoscaler;
use super::trigger::Trigger;
use super::{CONCURRENCY, Parts};
use crate::domain::Clock;
use crate::domain::{HumanDuration, Timestamp, WorkloadKey};
use crate::knowledge::{Board, BoardFull, Workload};

/// What the cluster offers is asked again after this.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// How often a PredictiveAutoscaler is looked at when nothing about it changes.
const AGAIN: Duration = Duration::from_secs(15);

/// Looks in which what no watch may see is listed once.
const SELDOM: u32 = 4;

/// From this minor version on an HPA's `tolerance` needs no feature gate to be set (KEP-4951, beta in 1.35).
const TOLERANCE_SINCE: u32 = 35;

/// What every look shares.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) config: Config,
    pub(super) leadership: Leadership,
    pub(super) metrics: Metrics,
    recorder: Recorder,
    /// What scales, as it is watched.
    pub(super) owned: Owned,
    /// Statuses that are written at the same time although only numbers have changed.
    pub(super) numbers: Semaphore,
    /// What was done with the looks before.
    pub(super) memory: Memory,
    /// How often a PredictiveAutoscaler is looked at when nothing about it changes.
    pub(super) again: Duration,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    forget_after: HumanDuration,
    offers: tokio::sync::Mutex<Asked>,
    kinds: Mutex<HashMap<GroupVersionKind, ApiResource>>,
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// What the cluster offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offers {
    /// What scales.
    pub(super) kind: Kind,
    /// Whether KEDA's resources exist.
    pub(super) keda: bool,
    /// Whether an HPA can be told to follow every change.
    pub(super) exact: bool,
}

/// What the cluster was last asked.
struct Asked {
    offers: Option<(Offers, Instant)>,
    /// KEDA has come or gone.
    served: watch::Receiver<()>,
}

impl Context {
    pub(super) fn new(
        client: Client,
        parts: Parts,
        leadership: Leadership,
        owned: Owned,
        identity: String,
    ) -> Self {
        let reporter = Reporter {
            controller: "forescale".to_owned(),
            instance: Some(identity),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            config: parts.config,
            leadership,
            metrics: parts.metrics,
            board: parts.board,
            clock: parts.clock,
            forget_after: parts.forget_after,
            offers: tokio::sync::Mutex::new(Asked {
                offers: None,
                served: owned.served(),
            }),
            owned,
            numbers: Semaphore::new(usize::from(CONCURRENCY) / 2),
            memory: Memory::default(),
            again: AGAIN,
            kinds: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Writes an event about `owner`; one that can't be written is logged, and nothing waits for it.
    pub(super) async fn tell(&self, owner: &PredictiveAutoscaler, event: &Event) {
        let told = self.recorder.publish(event, &owner.object_ref(&())).await;
        if let Err(error) = told {
            tracing::warn!(%error, reason = %event.reason, "failed to write an event");
        }
    }

    /// How old a list may be of what no watch may see.
    pub(super) fn seldom(&self) -> Duration {
        self.again * SELDOM
    }

    /// What the cluster offers, at most a minute old, and asked anew when a kind of object that scales comes or goes.
    pub(super) async fn offers(&self) -> Result<Offers, kube::Error> {
        let mut asked = self.offers.lock().await;
        let changed = asked.served.has_changed().unwrap_or(false);
        if let Some((offers, since)) = asked.offers
            && since.elapsed() < ASK_AGAIN
            && !changed
        {
            return Ok(offers);
        }
        asked.served.mark_unchanged();
        let groups = self.client.list_api_groups().await?;
        let keda = groups.groups.iter().any(|it| it.name == "keda.sh");
        let exact = if let Some(exact) = self.config.exact_landing {
            exact
        } else {
            let version = self.client.apiserver_version().await?;
            let minor = version.minor.trim_end_matches('+').parse::<u32>();
            minor.is_ok_and(|minor| minor >= TOLERANCE_SINCE)
        };
        let kind = match self.config.scaler {
            Scaler::Keda => Kind::ScaledObject,
            Scaler::Hpa => Kind::Hpa,
            Scaler::Auto => Kind::found(keda),
        };
        let offers = Offers { kind, keda, exact };
        asked.offers = Some((offers, Instant::now()));
        Ok(offers)
    }

    /// Objects of any kind; the API server is asked once how it calls them.
    pub(super) async fn objects(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
    ) -> Result<Api<DynamicObject>, kube::Error> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, kind);
        let known = self.kinds().get(&kind).cloned();
        let resource = if let Some(resource) = known {
            resource
        } else {
            let (resource, _) = kube::discovery::pinned_kind(&self.client, &kind).await?;
            self.kinds().insert(kind, resource.clone());
            resource
        };
        Ok(Api::namespaced_with(
            self.client.clone(),
            namespace,
            &resource,
        ))
    }

    /// Puts the trigger on the board, or finds it there. The board drops what nobody asks about; what the operator looks
    /// after it keeps, without making it seem that KEDA had asked lately.
    pub(super) fn register(
        &self,
        namespace: &str,
        name: &str,
        trigger: &Trigger,
        asked_by_nobody: bool,
    ) -> Result<Arc<Workload>, BoardFull> {
        let now = self.now();
        let key = WorkloadKey::new(namespace, name, trigger.metadata.clone());
        let (spec, warnings) = (trigger.spec.clone(), trigger.warnings.clone());
        let workload = self.board.register(key, spec, warnings, now)?;
        let silent = now.since(workload.last_asked());
        if asked_by_nobody || silent > self.forget_after.get() / 2 {
            workload.touch(now);
        }
        let kept = asked_by_nobody.then_some(&workload);
        self.memory.keep(namespace, name, kept);
        Ok(workload)
    }

    /// Waits until nobody puts something in place for this workload, and keeps others from it until what is given is dropped:
    /// two PredictiveAutoscalers that name one workload must not both find it free.
    pub(super) async fn turn(&self, namespace: &str, workload: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let key = format!("{namespace}/{workload}");
            let under_way = turns.get(&key).and_then(Weak::upgrade);
            under_way.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(key, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn kinds(&self) -> MutexGuard<'_, HashMap<GroupVersionKind, ApiResource>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
