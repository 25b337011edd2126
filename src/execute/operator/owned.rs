//! What scales in the cluster, as watches have it: ScaledObjects and HPAs of the namespaces that are looked after.
//!
//! Reading an owned object, and asking who else scales its workload, costs no request as long as the watches live. A change
//! of an owned object wakes the look at its owner, a change of somebody else's the looks at those whose workload it scales.
//! Where a watch is refused, every look reads what it needs, and who else has come is asked for once in a while.

mod keeper;
pub(super) mod kept;
mod lists;

use std::sync::Arc;
use std::time::Duration;

use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};

use self::keeper::Keeper;
use self::lists::Lists;
use super::desired::Kind;
use super::metrics::Metrics;
use super::resource::PredictiveAutoscaler;
use crate::execute::kubernetes::watch::{PATIENCE, State};

/// What scales, by kind and scope.
pub(super) struct Owned {
    client: Client,
    watches: Vec<Arc<Watch>>,
    /// What watches may not see.
    lists: Lists,
    /// Told when a kind of object comes to be served, or is no more.
    served: watch::Sender<()>,
}

/// What keeps one scope up to date.
pub(super) struct Scope {
    /// `None` is all of them.
    pub(super) namespace: Option<String>,
    pub(super) keepers: [Keeper; 2],
    /// What has happened.
    pub(super) woken: mpsc::UnboundedReceiver<Woken>,
}

/// Whom a change concerns.
pub(super) enum Woken {
    /// The PredictiveAutoscaler that the object belongs to.
    Owner(ObjectRef<PredictiveAutoscaler>),
    /// Those whose workload this object scales, which is none of theirs.
    Rivals(Box<DynamicObject>),
}

/// One kind in one scope.
struct Watch {
    kind: Kind,
    namespace: Option<String>,
    standing: watch::Sender<Standing>,
    objects: Store<DynamicObject>,
    /// Told when an object has come in.
    changes: watch::Sender<()>,
}

/// How a watch is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Standing {
    state: State,
    /// Whether what is kept may be told: it was listed, and nothing has ended the watch since.
    listed: bool,
}

impl Owned {
    /// Watches of both kinds in each namespace, or one of each in all; nothing runs yet.
    pub(super) fn new(
        client: &Client,
        namespaces: &[String],
        metrics: &Metrics,
    ) -> (Self, Vec<Scope>) {
        let mut owned = Self {
            client: client.clone(),
            watches: Vec::new(),
            lists: Lists::default(),
            served: watch::Sender::new(()),
        };
        let named = namespaces.iter().cloned().map(Some);
        let places: Vec<Option<String>> = if namespaces.is_empty() {
            vec![None]
        } else {
            named.collect()
        };
        let scopes = places
            .into_iter()
            .map(|namespace| owned.scope(namespace, metrics));
        let scopes = scopes.collect();
        (owned, scopes)
    }

    fn scope(&mut self, namespace: Option<String>, metrics: &Metrics) -> Scope {
        let (wake, woken) = mpsc::unbounded_channel();
        let mut keeper = |kind: Kind, scaled_objects: Option<Arc<Watch>>| {
            let (watch, writer) = Watch::new(kind, namespace.clone());
            metrics.stands(kind.name(), None, State::Opening);
            self.watches.push(Arc::clone(&watch));
            Keeper {
                client: self.client.clone(),
                watch,
                writer,
                scaled_objects,
                before: Vec::new(),
                wake: wake.clone(),
                served: self.served.clone(),
                metrics: metrics.clone(),
            }
        };
        let scaled_objects = keeper(Kind::ScaledObject, None);
        let hpas = keeper(Kind::Hpa, Some(Arc::clone(&scaled_objects.watch)));
        Scope {
            namespace,
            keepers: [scaled_objects, hpas],
            woken,
        }
    }

    /// Wakes when a kind of object comes to be served, or is no more.
    pub(super) fn served(&self) -> watch::Receiver<()> {
        self.served.subscribe()
    }

    /// Waits until it is known of each watch of a namespace whether it can be had, but not for long.
    pub(super) async fn settled(&self, namespace: &str) {
        let all = self.watches.iter().filter(|it| it.covers(namespace));
        let each = all.map(|it| async {
            let mut standing = it.standing.subscribe();
            let _ = standing.wait_for(|it| it.state != State::Opening).await;
        });
        let _ = tokio::time::timeout(PATIENCE, futures::future::join_all(each)).await;
    }

    /// An object, from its watch or else from the API server.
    ///
    /// # Errors
    /// When it has to be asked for, and that fails.
    pub(super) async fn get(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<DynamicObject>>, kube::Error> {
        match self.known(kind, namespace) {
            Some(watch) => Ok(watch.get(namespace, name)),
            None => self.read(kind, namespace, name).await,
        }
    }

    /// An object from the API server; as of those that are watched, only what looks read is given.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) async fn read(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<DynamicObject>>, kube::Error> {
        let object = self.api(kind, namespace).get_opt(name).await?;
        Ok(object.map(kept::trim).map(Arc::new))
    }

    /// All objects of a kind in a namespace, from their watch or else from the API server.
    ///
    /// # Errors
    /// When they have to be asked for, and that fails.
    pub(super) async fn all(
        &self,
        kind: Kind,
        namespace: &str,
    ) -> Result<Vec<Arc<DynamicObject>>, kube::Error> {
        if let Some(watch) = self.known(kind, namespace) {
            let is_there = |it: &DynamicObject| it.metadata.namespace.as_deref() == Some(namespace);
            return Ok(watch.objects.state_filter(is_there));
        }
        let api = self.api(kind, namespace);
        let list = api.list(&ListParams::default()).await?;
        Ok(list.items.into_iter().map(Arc::new).collect())
    }

    /// An object of a kind in a namespace that is as it is asked for, if there is one: the watch says so, or where there is none
    /// a list that was asked for no longer ago than `age`.
    ///
    /// # Errors
    /// When it can't be known, for it may be neither watched nor listed: why.
    pub(super) async fn find(
        &self,
        kind: Kind,
        namespace: &str,
        age: Duration,
        is_meant: impl Fn(&DynamicObject) -> bool,
    ) -> Result<Option<Arc<DynamicObject>>, String> {
        if let Some(watch) = self.known(kind, namespace) {
            let is_there = |it: &DynamicObject| it.metadata.namespace.as_deref() == Some(namespace);
            return Ok(watch.objects.find(|it| is_there(it) && is_meant(it)));
        }
        let api = self.api(kind, namespace);
        let objects = self.lists.objects(&api, kind, namespace, age).await?;
        Ok(objects.into_iter().find(|it| is_meant(it)))
    }

    /// Waits until the watch, if there is one, has an object that was just made; not for long.
    pub(super) async fn seen(&self, kind: Kind, namespace: &str, name: &str) {
        let Some(watch) = self.known(kind, namespace) else {
            return;
        };
        let mut changes = watch.changes.subscribe();
        let seen = async {
            while watch.get(namespace, name).is_none() && changes.changed().await.is_ok() {}
        };
        let _ = tokio::time::timeout(PATIENCE, seen).await;
    }

    /// The HPA behind the object of this kind and name, which is that object itself or what KEDA has made for it. `None`
    /// where no watch knows.
    pub(super) fn hpa(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Option<Arc<DynamicObject>> {
        let hpas = self.known(Kind::Hpa, namespace)?;
        if kind == Kind::Hpa {
            return hpas.get(namespace, name);
        }
        let object = self.known(kind, namespace)?.get(namespace, name)?;
        hpas.get(namespace, &kept::hpa_of(&object))
    }

    /// Objects of a kind, to be read or written.
    pub(super) fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind))
    }

    /// The watch of a kind in a namespace, if what it has may be told.
    fn known(&self, kind: Kind, namespace: &str) -> Option<&Watch> {
        let mut all = self.watches.iter();
        let watch = all.find(|it| it.kind == kind && it.covers(namespace))?;
        watch.standing.borrow().listed.then_some(&**watch)
    }
}

impl Watch {
    fn new(kind: Kind, namespace: Option<String>) -> (Arc<Self>, Writer<DynamicObject>) {
        let writer = Writer::new(resource(kind));
        let watch = Self {
            kind,
            namespace,
            standing: watch::Sender::default(),
            objects: writer.as_reader(),
            changes: watch::Sender::new(()),
        };
        (Arc::new(watch), writer)
    }

    fn covers(&self, namespace: &str) -> bool {
        (self.namespace.as_deref()).is_none_or(|it| it == namespace)
    }

    fn get(&self, namespace: &str, name: &str) -> Option<Arc<DynamicObject>> {
        let key = ObjectRef::new_with(name, resource(self.kind)).within(namespace);
        self.objects.get(&key)
    }
}

impl std::fmt::Debug for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let standings = self.watches.iter();
        let standings = standings.map(|it| (it.kind, &it.namespace, *it.standing.borrow()));
        f.debug_list().entries(standings).finish()
    }
}

fn resource(kind: Kind) -> ApiResource {
    let (group, version) = kind.api_version().split_once('/').unwrap_or_default();
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.name()))
}

#[cfg(test)]
mod tests;
