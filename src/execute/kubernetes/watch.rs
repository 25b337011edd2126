//! A watch of the Kubernetes API: what it needs, how it is kept open, how it is doing and what ends it.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};

/// The verbs that a watch needs.
pub const VERBS: [&str; 2] = ["list", "watch"];

/// What is refused is asked for again after this.
pub(in crate::execute) const SELDOM: Duration = Duration::from_mins(10);
/// A request takes no longer than this, or it counts as failed.
pub(in crate::execute) const PATIENCE: Duration = Duration::from_secs(10);
/// A watch is opened anew after so many seconds, and a connection that has died silently is noticed by then.
const WATCH_SECS: u32 = 60;

/// How what is watched is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::execute) enum State {
    /// It has not been read yet.
    #[default]
    Opening,
    /// What is kept is how it is.
    Live,
    /// The last request failed: what is kept is how it was.
    Away,
    /// A right is missing.
    Refused,
    /// The API server does not have this resource.
    NotServed,
}

/// Why something can't be watched for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::execute) enum End {
    /// A right is missing.
    Refused,
    /// The API server does not have this resource.
    NotServed,
}

/// A right that a request takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::execute) struct Need {
    /// API group; empty for the core group.
    pub(in crate::execute) group: String,
    /// The resource, in the plural.
    pub(in crate::execute) resource: String,
    /// Such as `scale`.
    pub(in crate::execute) subresource: Option<&'static str>,
    /// Such as `list`.
    pub(in crate::execute) verbs: &'static [&'static str],
    /// Where; `None` is everywhere.
    pub(in crate::execute) namespace: Option<String>,
}

// === impl State ===

impl State {
    pub(in crate::execute) const ALL: [Self; 5] = [
        Self::Opening,
        Self::Live,
        Self::Away,
        Self::Refused,
        Self::NotServed,
    ];

    /// Its name in metrics.
    pub(in crate::execute) fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Live => "live",
            Self::Away => "away",
            Self::Refused => "refused",
            Self::NotServed => "not-served",
        }
    }
}

// === impl End ===

impl End {
    /// The end that an HTTP status means, if it is one that does not pass by itself.
    pub(in crate::execute) fn of(code: u16) -> Option<Self> {
        match code {
            403 => Some(Self::Refused),
            404 => Some(Self::NotServed),
            _ => None,
        }
    }
}

impl From<End> for State {
    fn from(end: End) -> Self {
        match end {
            End::Refused => Self::Refused,
            End::NotServed => Self::NotServed,
        }
    }
}

// === impl Need ===

impl Need {
    /// Whether the cluster grants it; a cluster that does not say lets it be tried.
    pub(in crate::execute) async fn is_granted(&self, client: &Client) -> bool {
        let reviews = Api::<SelfSubjectAccessReview>::all(client.clone());
        for verb in self.verbs {
            let attributes = ResourceAttributes {
                namespace: self.namespace.clone(),
                group: Some(self.group.clone()),
                resource: Some(self.resource.clone()),
                subresource: self.subresource.map(str::to_owned),
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
            let params = PostParams::default();
            let answer = tokio::time::timeout(PATIENCE, reviews.create(&params, &review)).await;
            if let Ok(Ok(review)) = answer
                && review.status.is_some_and(|status| !status.allowed)
            {
                return false;
            }
        }
        true
    }

    /// The rule that grants it as it stands in a Role, in one line.
    pub(in crate::execute) fn rule(&self) -> String {
        let resource = match self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource),
            None => self.resource.clone(),
        };
        let quoted: Vec<String> = (self.verbs.iter())
            .map(|verb| format!("\"{verb}\""))
            .collect();
        let place = match &self.namespace {
            Some(namespace) => format!("in the namespace `{namespace}`"),
            None => "in all namespaces".to_owned(),
        };
        format!(
            "{{apiGroups: [\"{}\"], resources: [\"{resource}\"], verbs: [{}]}} {place}",
            self.group,
            quoted.join(", ")
        )
    }
}

/// Watches objects until that can't be done any more, and lets `hear` know what comes in and what fails meanwhile.
/// Failures that pass by themselves are tried again, later and later; the first event after one is a new list.
pub(in crate::execute) async fn follow(
    api: Api<DynamicObject>,
    selector: Option<&str>,
    mut hear: impl FnMut(Result<watcher::Event<DynamicObject>, watcher::Error>),
) -> End {
    let mut config = watcher::Config::default().timeout(WATCH_SECS);
    config.label_selector = selector.map(str::to_owned);
    let events = watcher(api, config).default_backoff();
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let Err(error) = &event else {
            hear(event);
            continue;
        };
        let code = code(error);
        let end = code.and_then(End::of);
        // A list that is too old to go on from is read anew: nothing is wrong.
        if code != Some(410) && end.is_none() {
            hear(event);
        }
        if let Some(end) = end {
            return end;
        }
    }
    // A watcher's stream has no end.
    End::NotServed
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
