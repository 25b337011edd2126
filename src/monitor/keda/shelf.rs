//! The triggers that are followed, with what has been heard of each: readers take from here what the stream brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::proto::{RawMetricsResponse, ScaledObjectRef, SubscriptionRequest};
use super::samples::Values;
use crate::domain::{Clock, Followed, Sample, Timestamp};
use crate::monitor::metrics::StreamMetrics;
use crate::monitor::span::{Fetched, Span};

/// A trigger that was not heard of for this long is subscribed to again.
pub(super) const QUIET: Duration = Duration::from_mins(1);

/// A trigger that nobody has read for this long is let go. Triggers are read at least every 10 minutes.
const UNREAD: Duration = Duration::from_mins(30);

/// Which trigger, as KEDA knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Metric {
    namespace: String,
    scaled_object: String,
    trigger: String,
}

/// How the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing was asked for yet, or the first attempt is under way.
    New,
    /// Everything is subscribed to.
    Up,
    /// Why there is none.
    Down(String),
}

/// What readers and the stream share.
#[derive(Debug)]
pub(super) struct Shelf {
    triggers: Mutex<HashMap<Metric, Trigger>>,
    pub(super) changed: Notify,
    pub(super) link: watch::Sender<Link>,
    pub(super) lookback: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stream: StreamMetrics,
}

#[derive(Debug)]
struct Trigger {
    values: Values,
    read: Instant,
    heard: Instant,
    subscribed: bool,
}

// === impl Metric ===

impl Metric {
    /// `None` while it is not settled in which namespace the trigger is.
    pub(super) fn of(followed: &Followed) -> Option<Self> {
        Some(Self {
            namespace: followed.namespace.clone()?,
            scaled_object: followed.scaled_object.clone()?,
            trigger: followed.trigger.clone(),
        })
    }

    pub(super) fn request(&self, subscriber: &str) -> SubscriptionRequest {
        SubscriptionRequest {
            subscriber: subscriber.to_owned(),
            metric_metadata: Some(ScaledObjectRef {
                name: self.scaled_object.clone(),
                namespace: self.namespace.clone(),
                metric_name: self.trigger.clone(),
            }),
        }
    }
}

impl From<ScaledObjectRef> for Metric {
    fn from(reference: ScaledObjectRef) -> Self {
        Self {
            namespace: reference.namespace,
            scaled_object: reference.name,
            trigger: reference.metric_name,
        }
    }
}

// === impl Shelf ===

impl Shelf {
    pub(super) fn new(lookback: Duration, clock: Arc<dyn Clock>, stream: StreamMetrics) -> Self {
        Self {
            triggers: Mutex::default(),
            changed: Notify::new(),
            link: watch::Sender::new(Link::New),
            lookback,
            clock,
            stream,
        }
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// Has `metric` followed, from now on if it is not yet.
    pub(super) fn want(&self, metric: &Metric) {
        let now = Instant::now();
        let mut triggers = self.lock();
        if let Some(trigger) = triggers.get_mut(metric) {
            trigger.read = now;
            return;
        }
        let trigger = Trigger {
            values: Values::default(),
            read: now,
            heard: now,
            subscribed: false,
        };
        triggers.insert(metric.clone(), trigger);
        self.count(&triggers);
        drop(triggers);
        self.changed.notify_one();
    }

    /// What KEDA has said of `metric`, on the grid of `span`.
    pub(super) fn read(&self, metric: &Metric, span: Span) -> Fetched {
        (self.lock().get_mut(metric)).map_or_else(Fetched::default, |trigger| {
            trigger.values.over(span, self.lookback)
        })
    }

    /// Takes in a message. Several values of one trigger count together, as the HPA adds them up.
    pub(super) fn absorb(&self, message: RawMetricsResponse) {
        let now = self.clock.now();
        let mut sums: HashMap<Metric, Sample> = HashMap::new();
        for value in message.metrics {
            let Some(metadata) = value.metadata else {
                continue;
            };
            let measured = value.timestamp.map_or(now, |at| {
                let millis = at.seconds.saturating_mul(1000);
                Timestamp::from_millis(millis.saturating_add(i64::from(at.nanos) / 1_000_000))
            });
            // No time that has not come: KEDA's clock may be ahead of ours.
            let at = measured.min(now);
            let sum = sums
                .entry(metadata.into())
                .or_insert(Sample { at, value: 0.0 });
            sum.at = sum.at.max(at);
            sum.value += value.value;
        }
        let mut triggers = self.lock();
        for (metric, sample) in sums {
            if let Some(trigger) = triggers.get_mut(&metric) {
                trigger.values.record(sample, self.lookback, now);
                trigger.heard = Instant::now();
                self.stream.values.inc();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// A new session has no subscriptions.
    pub(super) fn begin(&self) {
        for trigger in self.lock().values_mut() {
            trigger.subscribed = false;
        }
    }

    pub(super) fn unsubscribed(&self) -> Vec<Metric> {
        let triggers = self.lock();
        let open = triggers.iter().filter(|(_, trigger)| !trigger.subscribed);
        open.map(|(metric, _)| metric.clone()).collect()
    }

    pub(super) fn subscribed(&self, metric: &Metric) {
        if let Some(trigger) = self.lock().get_mut(metric) {
            trigger.subscribed = true;
            trigger.heard = Instant::now();
        }
    }

    /// Marks those that were not heard of for a while, so that they are subscribed to again.
    pub(super) fn doubt_the_quiet(&self) {
        for trigger in self.lock().values_mut() {
            trigger.subscribed &= trigger.heard.elapsed() < QUIET;
        }
    }

    /// Takes out those that nobody reads any more.
    pub(super) fn take_unread(&self) -> Vec<Metric> {
        let mut triggers = self.lock();
        let gone = triggers.extract_if(|_, trigger| trigger.read.elapsed() > UNREAD);
        let gone = gone.map(|(metric, _)| metric).collect();
        self.count(&triggers);
        gone
    }

    pub(super) fn all(&self) -> Vec<Metric> {
        self.lock().keys().cloned().collect()
    }

    fn count(&self, triggers: &HashMap<Metric, Trigger>) {
        let followed = i64::try_from(triggers.len()).unwrap_or(i64::MAX);
        self.stream.followed.set(followed);
    }

    // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, HashMap<Metric, Trigger>> {
        self.triggers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
