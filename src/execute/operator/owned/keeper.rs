//! Keeps one kind of object in one scope up to date, and wakes those whom a change concerns.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::api::DynamicObject;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::{mpsc, watch};

use super::{Standing, Watch, Woken, kept, resource};
use crate::execute::kubernetes::watch::{End, Need, SELDOM, State, VERBS, follow};
use crate::execute::operator::metrics::Metrics;
use crate::execute::operator::resource::PredictiveAutoscaler;

/// A resource that is not served, because KEDA is not installed, is looked for again after this.
const LOOK_FOR: Duration = Duration::from_secs(30);

/// Keeps one watch up to date.
pub(in super::super) struct Keeper {
    pub(super) client: Client,
    pub(super) watch: Arc<Watch>,
    pub(super) writer: Writer<DynamicObject>,
    /// For HPAs, which may be KEDA's: what they are made for.
    pub(super) scaled_objects: Option<Arc<Watch>>,
    /// What was known when a new list began.
    pub(super) before: Vec<Arc<DynamicObject>>,
    pub(super) wake: mpsc::UnboundedSender<Woken>,
    pub(super) served: watch::Sender<()>,
    pub(super) metrics: Metrics,
}

impl Keeper {
    /// Keeps it up to date until it is dropped.
    pub(in super::super) async fn keep(mut self) {
        let resource = resource(self.watch.kind);
        let need = Need {
            group: resource.group.clone(),
            resource: resource.plural.clone(),
            subresource: None,
            verbs: &VERBS,
            namespace: self.watch.namespace.clone(),
        };
        let api: Api<DynamicObject> = match &self.watch.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        loop {
            let end = if need.is_granted(&self.client).await {
                follow(api.clone(), None, |heard| self.hear(heard)).await
            } else {
                End::Refused
            };
            self.end(end, &need);
            let pause = match end {
                End::Refused => SELDOM,
                End::NotServed => LOOK_FOR,
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn hear(&mut self, heard: Result<Event<DynamicObject>, watcher::Error>) {
        match heard {
            Ok(Event::Init) => {
                let listed = self.watch.standing.borrow().listed;
                self.before = if listed {
                    self.watch.objects.state()
                } else {
                    Vec::new()
                };
                self.writer.apply_watcher_event(&Event::Init);
            }
            Ok(Event::InitApply(object)) => {
                let event = Event::InitApply(kept::trim(object));
                self.writer.apply_watcher_event(&event);
            }
            Ok(Event::InitDone) => {
                self.writer.apply_watcher_event(&Event::InitDone);
                self.watch.changes.send_replace(());
                self.listed();
            }
            Ok(Event::Apply(object)) => {
                let object = kept::trim(object);
                let known = self
                    .watch
                    .get(&object.namespace().unwrap_or_default(), &object.name_any());
                let is_news = known.is_none_or(|known| *known != object);
                let event = Event::Apply(object);
                self.writer.apply_watcher_event(&event);
                self.watch.changes.send_replace(());
                if let Event::Apply(object) = event
                    && is_news
                {
                    self.wake(&object);
                }
            }
            Ok(Event::Delete(object)) => {
                self.writer
                    .apply_watcher_event(&Event::Delete(object.clone()));
                self.wake(&object);
            }
            Err(error) => self.failed(&error),
        }
    }

    /// A list is whole: what it changed is what happened while the watch was away.
    fn listed(&mut self) {
        let was = self.stand(Standing {
            state: State::Live,
            listed: true,
        });
        let kind = self.watch.kind.name();
        if was.state != State::Live {
            tracing::info!(kind, namespace = ?self.watch.namespace, "watching what scales");
        }
        if was.state == State::NotServed {
            self.served.send_replace(());
        }
        if !was.listed {
            return;
        }
        let mut before: HashMap<_, _> = std::mem::take(&mut self.before)
            .into_iter()
            .map(|it| ((it.namespace(), it.name_any()), it))
            .collect();
        for object in self.watch.objects.state() {
            let known = before.remove(&(object.namespace(), object.name_any()));
            if known.is_none_or(|known| known != object) {
                self.wake(&object);
            }
        }
        for gone in before.values() {
            self.wake(gone);
        }
    }

    fn failed(&self, error: &watcher::Error) {
        let listed = self.watch.standing.borrow().listed;
        let state = State::Away;
        let was = self.stand(Standing { state, listed });
        if was.state != state {
            let kind = self.watch.kind.name();
            tracing::warn!(kind, namespace = ?self.watch.namespace, %error, "what scales can't be watched for now; what was last known counts");
        }
    }

    fn end(&self, end: End, need: &Need) {
        let was = self.stand(Standing {
            state: end.into(),
            listed: false,
        });
        if was.state == end.into() {
            return;
        }
        let kind = self.watch.kind.name();
        match end {
            End::Refused => tracing::warn!(
                kind,
                missing_rule = need.rule(),
                "a right to watch is missing: every look reads what scales, changes of it are seen no sooner, and what else comes to scale a workload later still"
            ),
            End::NotServed => {
                tracing::info!(kind, "the cluster has no such resource");
            }
        }
        if was.listed {
            self.served.send_replace(());
        }
    }

    fn stand(&self, standing: Standing) -> Standing {
        let was = self.watch.standing.send_replace(standing);
        let kind = self.watch.kind.name();
        self.metrics.stands(kind, Some(was.state), standing.state);
        was
    }

    fn wake(&self, object: &DynamicObject) {
        let woken = match self.owner(object) {
            Some(owner) => {
                self.metrics.woken(self.watch.kind.name());
                Woken::Owner(owner)
            }
            None => Woken::Rivals(Box::new(object.clone())),
        };
        // At the end nobody listens any more.
        let _ = self.wake.send(woken);
    }

    /// The PredictiveAutoscaler that an object belongs to. KEDA's HPA belongs to the owner of its ScaledObject.
    fn owner(&self, object: &DynamicObject) -> Option<ObjectRef<PredictiveAutoscaler>> {
        let namespace = object.namespace()?;
        if let Some(name) = kept::owner(object) {
            return Some(ObjectRef::new(name).within(&namespace));
        }
        let above = self.scaled_objects.as_deref()?;
        let above = above.get(&namespace, kept::scaled_object(object)?)?;
        Some(ObjectRef::new(kept::owner(&above)?).within(&namespace))
    }
}
