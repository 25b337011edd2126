//! One scope, kept up to date for as long as somebody wants it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metrics::Metrics;
use super::objects::{self, Object, Target, TargetRef};
use super::rights::Right;
use super::scope::Scope;
use super::shelf::{Change, Shelf, State};
use crate::domain::Clock;

/// What is refused, or not there at all, is asked for again after this.
const SELDOM: Duration = Duration::from_mins(10);
/// A `/scale` is read this often.
const POLL: Duration = Duration::from_secs(15);
/// A watch is opened anew after so many seconds, and a connection that has died silently is noticed by then.
const WATCH_SECS: u32 = 60;
/// A request takes no longer than this, or it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a watch needs.
#[derive(Clone)]
pub(super) struct Watcher {
    pub(super) client: Client,
    pub(super) shelf: Arc<Shelf>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Metrics,
    /// First lists at the same time.
    pub(super) opening: Arc<Semaphore>,
}

/// Why a scope can't be kept up to date for now.
enum End {
    Refused,
    NotServed,
}

impl Watcher {
    /// Keeps `scope` up to date until it is dropped.
    pub(super) async fn keep(self, scope: Scope) {
        loop {
            let permit = Arc::clone(&self.opening).acquire_owned().await.ok();
            let end = if self.may(&scope).await {
                match &scope {
                    Scope::Objects {
                        right, selector, ..
                    } => {
                        self.watch(&scope, *right, selector.as_deref(), permit)
                            .await
                    }
                    Scope::Scale { target, .. } => {
                        drop(permit);
                        self.poll(&scope, target).await
                    }
                }
            } else {
                drop(permit);
                End::Refused
            };
            self.tell(&scope, &end);
            tokio::time::sleep(SELDOM).await;
        }
    }

    /// Says once what is missing, and why.
    fn tell(&self, scope: &Scope, end: &End) {
        self.metrics.failure(scope.resource());
        match end {
            End::Refused => {
                if self.shelf.set(scope, State::Refused) {
                    tracing::warn!(
                        left_out = %scope.feature(),
                        missing_rule = scope.rule(),
                        "a right is missing in the cluster; everything else works on without it"
                    );
                }
            }
            End::NotServed => {
                if self.shelf.set(scope, State::NotServed) {
                    tracing::warn!(
                        left_out = %scope.feature(),
                        resource = scope.resource(),
                        namespace = %scope.namespace(),
                        "the cluster has no such resource"
                    );
                }
            }
        }
    }

    /// Whether the cluster grants what the scope needs; a cluster that does not say lets it be tried.
    async fn may(&self, scope: &Scope) -> bool {
        let (group, resource, subresource, verbs) = scope.needs();
        for verb in verbs {
            let attributes = ResourceAttributes {
                namespace: Some(scope.namespace().to_string()),
                group: Some(group.clone()),
                resource: Some(resource.clone()),
                subresource: subresource.map(str::to_owned),
                verb: Some((*verb).to_owned()),
                ..ResourceAttributes::default()
            };
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(attributes),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let api = Api::<SelfSubjectAccessReview>::all(self.client.clone());
            let params = PostParams::default();
            let answer = tokio::time::timeout(PATIENCE, api.create(&params, &review)).await;
            if let Ok(Ok(review)) = answer
                && review.status.is_some_and(|status| !status.allowed)
            {
                return false;
            }
        }
        true
    }

    async fn watch(
        &self,
        scope: &Scope,
        right: Right,
        selector: Option<&str>,
        mut permit: Option<OwnedSemaphorePermit>,
    ) -> End {
        let mut config = watcher::Config::default().timeout(WATCH_SECS);
        config.label_selector = selector.map(str::to_owned);
        let events = watcher(self.api(scope), config).default_backoff();
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            let change = match event {
                Ok(event) => match self.change(right, event) {
                    Some(change) => change,
                    None => continue,
                },
                Err(error) => {
                    // Others may open while this one waits for its next try.
                    drop(permit.take());
                    if let Some(end) = self.failed(scope, code(&error), &error) {
                        return end;
                    }
                    continue;
                }
            };
            if matches!(change, Change::ListEnded) {
                drop(permit.take());
            }
            self.shelf.apply(scope, change, self.clock.now());
        }
        // A watcher's stream has no end.
        End::NotServed
    }

    /// The few fields that are kept; the rest of the object goes at once.
    fn change(&self, right: Right, event: watcher::Event<DynamicObject>) -> Option<Change> {
        let read = |object: &DynamicObject| {
            self.metrics.event(right.resource);
            objects::read(right, object)
        };
        match event {
            watcher::Event::Init => Some(Change::Listing),
            watcher::Event::InitApply(object) => {
                read(&object).map(|(name, object)| Change::Listed(name, object))
            }
            watcher::Event::InitDone => Some(Change::ListEnded),
            watcher::Event::Apply(object) => {
                read(&object).map(|(name, object)| Change::Applied(name, object))
            }
            watcher::Event::Delete(object) => object.metadata.name.map(Change::Deleted),
        }
    }

    async fn poll(&self, scope: &Scope, target: &TargetRef) -> End {
        let api = self.api(scope);
        loop {
            match tokio::time::timeout(PATIENCE, api.get_scale(&target.name)).await {
                Ok(Ok(scale)) => {
                    self.metrics.event(scope.resource());
                    let status = scale.status.unwrap_or_default();
                    let object = Object::Target(Target {
                        replicas: u32::try_from(status.replicas).unwrap_or(0),
                        ready: None,
                        rollout: false,
                        selector: (status.selector)
                            .filter(|selector| !selector.is_empty())
                            .map(Into::into),
                    });
                    let change = Change::Applied(target.name.clone(), object);
                    self.shelf.apply(scope, change, self.clock.now());
                }
                Ok(Err(error)) => {
                    let code = match &error {
                        kube::Error::Api(status) => Some(status.code),
                        _ => None,
                    };
                    if let Some(end) = self.failed(scope, code, &error) {
                        return end;
                    }
                }
                Err(late) => {
                    self.failed(scope, None, &late);
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Notes a failure; the end if it is one that does not pass by itself.
    fn failed(
        &self,
        scope: &Scope,
        code: Option<u16>,
        error: &dyn std::error::Error,
    ) -> Option<End> {
        match code {
            Some(403) => return Some(End::Refused),
            Some(404) => return Some(End::NotServed),
            // The list is too old to go on from and is read anew: nothing is wrong.
            Some(410) => return None,
            _ => {}
        }
        self.metrics.failure(scope.resource());
        if self.shelf.set(scope, State::Away) {
            tracing::warn!(
                resource = scope.resource(),
                namespace = %scope.namespace(),
                error = %error,
                "the cluster can't be asked; what was last known counts for 5 min"
            );
        }
        None
    }

    fn api(&self, scope: &Scope) -> Api<DynamicObject> {
        let resource = scope.api_resource();
        Api::namespaced_with(self.client.clone(), scope.namespace(), &resource)
    }
}

/// The HTTP status behind an error, if the API server gave one.
fn code(error: &watcher::Error) -> Option<u16> {
    let inner = match error {
        watcher::Error::WatchError(status) => return Some(status.code),
        watcher::Error::InitialListFailed(inner)
        | watcher::Error::WatchStartFailed(inner)
        | watcher::Error::WatchFailed(inner) => inner,
        watcher::Error::NoResourceVersion => return None,
    };
    match inner {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
