//! Lists of what no watch may see: taken once in a while, however many looks in a namespace ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Api;
use kube::api::{DynamicObject, ListParams, ObjectList};
use tokio::time::Instant;

use super::kept;
use crate::execute::operator::desired::Kind;

/// A list that nobody has asked for in so many times its age is dropped.
const FORGOTTEN: u32 = 10;

/// The newest lists.
#[derive(Default)]
pub(super) struct Lists {
    /// By kind and namespace.
    lists: Mutex<HashMap<(Kind, String), List>>,
}

struct List {
    asked: Instant,
    objects: Vec<Arc<DynamicObject>>,
    /// Why there is none, in the API server's words.
    refused: Option<String>,
}

impl Lists {
    /// The objects of a kind in a namespace, from a list that was asked for no longer ago than `age`. While the API server
    /// does not answer, those of the list before.
    ///
    /// # Errors
    /// When the list is refused: why.
    pub(super) async fn objects(
        &self,
        api: &Api<DynamicObject>,
        kind: Kind,
        namespace: &str,
        age: Duration,
    ) -> Result<Vec<Arc<DynamicObject>>, String> {
        let key = (kind, namespace.to_owned());
        if self.is_due(&key, age) {
            let answer = api.list(&ListParams::default()).await;
            self.note(&key, answer);
        }
        let lists = self.lists();
        let Some(list) = lists.get(&key) else {
            return Ok(Vec::new());
        };
        match &list.refused {
            Some(why) => Err(why.clone()),
            None => Ok(list.objects.clone()),
        }
    }

    /// Whether the list has to be asked for now. Who asks next is told that it was.
    fn is_due(&self, key: &(Kind, String), age: Duration) -> bool {
        let now = Instant::now();
        let mut lists = self.lists();
        lists.retain(|other, list| other == key || list.asked.elapsed() < age * FORGOTTEN);
        match lists.get_mut(key) {
            Some(list) if list.asked.elapsed() < age => false,
            Some(list) => {
                list.asked = now;
                true
            }
            None => {
                let list = List {
                    asked: now,
                    objects: Vec::new(),
                    refused: None,
                };
                lists.insert(key.clone(), list);
                true
            }
        }
    }

    fn note(&self, key: &(Kind, String), answer: Result<ObjectList<DynamicObject>, kube::Error>) {
        let (kind, namespace) = (key.0.name(), &key.1);
        let mut lists = self.lists();
        let Some(list) = lists.get_mut(key) else {
            return;
        };
        match answer {
            Ok(answer) => {
                let objects = answer.items.into_iter().map(kept::trim).map(Arc::new);
                list.objects = objects.collect();
                list.refused = None;
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                if list.refused.is_none() {
                    tracing::warn!(kind, namespace, why = %status.message, "whether anything else comes to scale a workload can't be seen: it may be neither watched nor listed");
                }
                list.objects.clear();
                list.refused = Some(status.message);
            }
            Err(error) => tracing::debug!(kind, namespace, %error, "failed to list what scales"),
        }
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn lists(&self) -> MutexGuard<'_, HashMap<(Kind, String), List>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kube::core::{ApiResource, GroupVersionKind};
    use serde_json::json;

    use super::*;
    use crate::execute::operator::tests::scripted::{Scripted, refusal};

    const LIST: &str = "GET /apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";
    const AGE: Duration = Duration::from_mins(1);

    fn hpas(client: kube::Client) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("autoscaling", "v2", Kind::Hpa.name());
        Api::namespaced_with(client, "shop", &ApiResource::from_gvk(&kind))
    }

    #[tokio::test(start_paused = true)]
    async fn many_looks_in_a_namespace_share_a_list_for_as_long_as_it_is_young() {
        let scripted = Scripted::default();
        let list = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscalerList", "metadata": {},
            "items": [{"metadata": {"name": "web", "namespace": "shop"}, "spec": {}}],
        });
        let api = hpas(scripted.client(move |_| (200, list.clone())));
        let lists = Lists::default();
        for _ in 0..5 {
            let objects = lists.objects(&api, Kind::Hpa, "shop", AGE).await;
            assert_eq!(objects.unwrap().len(), 1);
        }
        assert_eq!(scripted.count(LIST), 1);
        tokio::time::advance(AGE).await;
        lists.objects(&api, Kind::Hpa, "shop", AGE).await.unwrap();
        assert_eq!(scripted.count(LIST), 2);
        tokio::time::advance(AGE * FORGOTTEN).await;
        lists.is_due(&(Kind::Hpa, "park".to_owned()), AGE);
        assert_eq!(lists.lists().len(), 1, "who asks no more is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_refused_says_why_and_one_that_fails_leaves_the_last() {
        let code = Arc::new(Mutex::new(200));
        let scripted = Scripted::default();
        let answer = Arc::clone(&code);
        let list = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscalerList", "metadata": {},
            "items": [{"metadata": {"name": "web", "namespace": "shop"}, "spec": {}}],
        });
        let api = hpas(scripted.client(move |_| match *answer.lock().unwrap() {
            200 => (200, list.clone()),
            403 => refusal(403, "Forbidden"),
            code => refusal(code, "InternalError"),
        }));
        let lists = Lists::default();
        for (answered, wanted) in [
            (200, Ok(1)),
            (500, Ok(1)),
            (403, Err("Forbidden")),
            (200, Ok(1)),
        ] {
            *code.lock().unwrap() = answered;
            let objects = lists.objects(&api, Kind::Hpa, "shop", AGE).await;
            let found = objects.map(|it| it.len());
            assert_eq!(
                found.as_ref().map_err(String::as_str),
                wanted.as_ref().map_err(|it| *it),
                "{answered}"
            );
            tokio::time::advance(AGE).await;
        }
    }
}
