//! Follows triggers: subscribes to their metrics, listens to the stream, and begins anew when that ends.
//!
//! One connection and one stream carry everything of a source. Each session has a subscriber name of its own: should KEDA
//! hold a half-dead stream of the one before, that would otherwise take every other value away. A trigger that was not
//! heard of for a minute is subscribed to again, which also shows whether KEDA is still there; keep-alive pings would not
//! do, since KEDA's gRPC server hangs up on clients that ping it often. A trigger that nobody reads is let go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tracing::{info, warn};

use super::connect::Address;
use super::proto::raw_metrics_service_client::RawMetricsServiceClient;
use super::proto::{RawMetricsRequest, RawMetricsResponse, ScaledObjectRef, SubscriptionRequest};
use super::samples::Values;
use crate::domain::{Clock, Followed, Sample, Timestamp};
use crate::monitor::config::RetryConfig;
use crate::monitor::error::shorten;
use crate::monitor::metrics::{SourceMetrics, StreamMetrics};
use crate::monitor::retry::backoff;
use crate::monitor::span::{Fetched, Span};

/// A trigger that was not heard of for this long is subscribed to again.
const QUIET: Duration = Duration::from_mins(1);

/// A trigger that nobody has read for this long is let go. Triggers are read at least every 10 minutes.
const UNREAD: Duration = Duration::from_mins(30);

/// Subscriptions made at the same time.
const SUBSCRIBING: usize = 16;

/// Largest message that is taken: KEDA sends one trigger at a time.
const MAX_MESSAGE: usize = 1024 * 1024;

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
    changed: Notify,
    link: watch::Sender<Link>,
    pub(super) lookback: Duration,
    pub(super) clock: Arc<dyn Clock>,
    stream: StreamMetrics,
}

#[derive(Debug)]
struct Trigger {
    values: Values,
    read: Instant,
    heard: Instant,
    subscribed: bool,
}

/// Keeps a shelf full.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) place: String,
    pub(super) address: Address,
    pub(super) shelf: Arc<Shelf>,
    /// How long a connection is waited for before the next attempt.
    pub(super) retries: RetryConfig,
    /// For one call.
    pub(super) timeout: Duration,
    /// What this process is called, and no other.
    pub(super) subscriber: String,
    pub(super) metrics: SourceMetrics,
}

type Client = RawMetricsServiceClient<Channel>;

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

    fn request(&self, subscriber: &str) -> SubscriptionRequest {
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
    fn absorb(&self, message: RawMetricsResponse) {
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
                trigger.values.record(sample, self.lookback);
                trigger.heard = Instant::now();
                self.stream.values.inc();
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// A new session has no subscriptions.
    fn begin(&self) {
        for trigger in self.lock().values_mut() {
            trigger.subscribed = false;
        }
    }

    fn unsubscribed(&self) -> Vec<Metric> {
        let triggers = self.lock();
        let open = triggers.iter().filter(|(_, trigger)| !trigger.subscribed);
        open.map(|(metric, _)| metric.clone()).collect()
    }

    fn subscribed(&self, metric: &Metric) {
        if let Some(trigger) = self.lock().get_mut(metric) {
            trigger.subscribed = true;
            trigger.heard = Instant::now();
        }
    }

    /// Marks those that were not heard of for a while, so that they are subscribed to again.
    fn doubt_the_quiet(&self) {
        for trigger in self.lock().values_mut() {
            trigger.subscribed &= trigger.heard.elapsed() < QUIET;
        }
    }

    /// Takes out those that nobody reads any more.
    fn take_unread(&self) -> Vec<Metric> {
        let mut triggers = self.lock();
        let gone = triggers.extract_if(|_, trigger| trigger.read.elapsed() > UNREAD);
        let gone = gone.map(|(metric, _)| metric).collect();
        self.count(&triggers);
        gone
    }

    fn all(&self) -> Vec<Metric> {
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

// === impl Follower ===

impl Follower {
    /// Follows until `stop`, then takes leave of KEDA, which would otherwise hold values back for a subscriber that is gone.
    pub(super) async fn run(self, stop: CancellationToken) {
        let (mut failures, mut sessions) = (0_u32, 0_u32);
        loop {
            sessions = sessions.wrapping_add(1);
            let subscriber = format!("{}-{sessions}", self.subscriber);
            let why = tokio::select! {
                () = stop.cancelled() => return,
                connected = self.connect() => match connected {
                    Err(why) => why,
                    Ok(client) => {
                        let session = self.session(&client, &subscriber, &mut failures);
                        tokio::select! {
                            () = stop.cancelled() => {
                                self.leave(&client, &subscriber).await;
                                return;
                            }
                            why = session => why,
                        }
                    }
                },
            };
            self.shelf.stream.up.set(0);
            if self.shelf.is_empty() {
                // With the last trigger KEDA ends the stream as well.
                self.shelf.link.send_replace(Link::New);
                continue;
            }
            self.complain(&why);
            failures = failures.saturating_add(1);
            self.metrics.retries.inc();
            let wait = backoff(&self.retries, failures, rand::random());
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Connects as soon as there is something to follow.
    async fn connect(&self) -> Result<Client, String> {
        while self.shelf.is_empty() {
            self.shelf.changed.notified().await;
        }
        let channel = self.address.connect().await?;
        Ok(Client::new(channel).max_decoding_message_size(MAX_MESSAGE))
    }

    /// Listens and subscribes side by side; says why it ended. KEDA's answer to the stream's request comes with the first
    /// value, which does not come before something is subscribed to.
    async fn session(&self, client: &Client, subscriber: &str, failures: &mut u32) -> String {
        self.shelf.begin();
        let ended = tokio::select! {
            ended = self.listen(client.clone(), subscriber) => ended,
            ended = self.subscribe(client, subscriber, failures) => ended,
        };
        match ended {
            Ok(()) => "KEDA has ended the stream".to_owned(),
            Err(status) => in_words(&status),
        }
    }

    async fn listen(&self, mut client: Client, subscriber: &str) -> Result<(), tonic::Status> {
        let subscriber = subscriber.to_owned();
        let opened = client.get_raw_metrics_stream(RawMetricsRequest { subscriber });
        let mut messages = opened.await?.into_inner();
        while let Some(message) = messages.message().await? {
            self.shelf.absorb(message);
        }
        Ok(())
    }

    async fn subscribe(
        &self,
        client: &Client,
        subscriber: &str,
        failures: &mut u32,
    ) -> Result<(), tonic::Status> {
        let mut look = interval(QUIET / 4);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            stream::iter(self.shelf.unsubscribed())
                .map(Ok)
                .try_for_each_concurrent(SUBSCRIBING, async |metric| {
                    let mut client = client.clone();
                    let asked = client.subscribe_metric(metric.request(subscriber));
                    self.bounded(asked).await?;
                    self.shelf.subscribed(&metric);
                    Ok::<_, tonic::Status>(())
                })
                .await?;
            self.note_up();
            *failures = 0;
            for metric in self.shelf.take_unread() {
                let mut client = client.clone();
                let asked = client.unsubscribe_metric(metric.request(subscriber));
                self.bounded(asked).await?;
            }
            tokio::select! {
                () = self.shelf.changed.notified() => {}
                _ = look.tick() => self.shelf.doubt_the_quiet(),
            }
        }
    }

    /// Best effort: KEDA lets go of a subscriber that does not listen by itself, only later.
    async fn leave(&self, client: &Client, subscriber: &str) {
        let leaving = stream::iter(self.shelf.all()).for_each_concurrent(SUBSCRIBING, async |it| {
            let mut client = client.clone();
            let _ = client.unsubscribe_metric(it.request(subscriber)).await;
        });
        let _ = timeout(self.timeout, leaving).await;
        self.shelf.stream.up.set(0);
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, tonic::Status>>,
    ) -> Result<T, tonic::Status> {
        let late = |_| tonic::Status::deadline_exceeded("no answer in time, see `timeout`");
        timeout(self.timeout, call)
            .await
            .unwrap_or_else(|it| Err(late(it)))
    }

    fn note_up(&self) {
        let news = self.shelf.link.send_replace(Link::Up) != Link::Up;
        self.shelf.stream.up.set(1);
        if news {
            info!(source = self.place, "following KEDA's triggers");
        }
    }

    fn complain(&self, why: &str) {
        let link = Link::Down(why.to_owned());
        if self.shelf.link.send_replace(link.clone()) != link {
            warn!(
                source = self.place,
                why, "not following KEDA's triggers, trying again"
            );
        }
    }
}

fn in_words(status: &tonic::Status) -> String {
    use std::error::Error as _;
    let text = match status.source() {
        Some(cause) => crate::monitor::endpoint::root_cause(cause),
        None => shorten(status.message(), 200),
    };
    let hint = match status.code() {
        tonic::Code::Unimplemented => "; KEDA knows the RawMetricsService since 2.18",
        _ => "",
    };
    format!("{text} ({:?}){hint}", status.code())
}
