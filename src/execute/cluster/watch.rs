//! One scope, kept up to date for as long as somebody wants it.

use std::sync::Arc;
use std::time::Duration;

use kube::core::DynamicObject;
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metrics::Metrics;
use super::objects::{self, Object, Target, TargetRef};
use super::rights::Right;
use super::scope::Scope;
use super::shelf::{Change, Shelf};
use crate::domain::Clock;
use crate::execute::kubernetes::watch::{End, PATIENCE, SELDOM, State, follow};

/// A `/scale` is read this often.
const POLL: Duration = Duration::from_secs(15);

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

impl Watcher {
    /// Keeps `scope` up to date until it is dropped.
    pub(super) async fn keep(self, scope: Scope) {
        loop {
            let permit = Arc::clone(&self.opening).acquire_owned().await.ok();
            let end = if scope.need().is_granted(&self.client).await {
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
            self.tell(&scope, end);
            tokio::time::sleep(SELDOM).await;
        }
    }

    /// Says once what is missing, and why.
    fn tell(&self, scope: &Scope, end: End) {
        self.metrics.failure(scope.resource());
        if !self.shelf.set(scope, end.into()) {
            return;
        }
        match end {
            End::Refused => tracing::warn!(
                left_out = %scope.feature(),
                missing_rule = scope.rule(),
                "a right is missing in the cluster; everything else works on without it"
            ),
            End::NotServed => tracing::warn!(
                left_out = %scope.feature(),
                resource = scope.resource(),
                namespace = %scope.namespace(),
                "the cluster has no such resource"
            ),
        }
    }

    async fn watch(
        &self,
        scope: &Scope,
        right: Right,
        selector: Option<&str>,
        mut permit: Option<OwnedSemaphorePermit>,
    ) -> End {
        let hear = |heard: Result<_, watcher::Error>| match heard {
            Ok(event) => {
                let Some(change) = self.change(right, event) else {
                    return;
                };
                if matches!(change, Change::ListEnded) {
                    drop(permit.take());
                }
                self.shelf.apply(scope, change, self.clock.now());
            }
            Err(error) => {
                // Others may open while this one waits for its next try.
                drop(permit.take());
                self.failed(scope, &error);
            }
        };
        follow(self.api(scope), selector, hear).await
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
                    if let kube::Error::Api(status) = &error
                        && let Some(end) = End::of(status.code)
                    {
                        return end;
                    }
                    self.failed(scope, &error);
                }
                Err(late) => self.failed(scope, &late),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Notes a failure that may pass by itself.
    fn failed(&self, scope: &Scope, error: &dyn std::error::Error) {
        self.metrics.failure(scope.resource());
        if self.shelf.set(scope, State::Away) {
            tracing::warn!(
                resource = scope.resource(),
                namespace = %scope.namespace(),
                error = %error,
                "the cluster can't be asked; what was last known counts for 5 min"
            );
        }
    }

    fn api(&self, scope: &Scope) -> Api<DynamicObject> {
        let resource = scope.api_resource();
        Api::namespaced_with(self.client.clone(), scope.namespace(), &resource)
    }
}
