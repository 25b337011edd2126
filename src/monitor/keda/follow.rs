//! Follows triggers: subscribes to their metrics, listens to the stream, and begins anew when that ends.
//!
//! One connection and one stream carry everything of a source. Each session has a subscriber name of its own: should KEDA
//! hold a half-dead stream of the one before, that would otherwise take every other value away. A trigger that was not
//! heard of for a minute is subscribed to again, which also shows whether KEDA is still there; keep-alive pings would not
//! do, since KEDA's gRPC server hangs up on clients that ping it often. A trigger that nobody reads is let go.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tracing::{info, warn};

use super::connect::Address;
use super::proto::RawMetricsRequest;
use super::proto::raw_metrics_service_client::RawMetricsServiceClient;
use super::shelf::{Link, QUIET, Shelf};
use crate::monitor::config::RetryConfig;
use crate::monitor::error::shorten;
use crate::monitor::metrics::SourceMetrics;
use crate::monitor::retry::backoff;

/// Subscriptions made at the same time.
const SUBSCRIBING: usize = 16;

/// Largest message that is taken: KEDA sends one trigger at a time.
const MAX_MESSAGE: usize = 1024 * 1024;

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
        look.reset();
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
            for metric in self.shelf.take_unread() {
                let mut client = client.clone();
                let asked = client.unsubscribe_metric(metric.request(subscriber));
                self.bounded(asked).await?;
            }
            tokio::select! {
                () = self.shelf.changed.notified() => {}
                _ = look.tick() => {
                    // A connection that lasts: the next one may be tried at once.
                    *failures = 0;
                    self.shelf.doubt_the_quiet();
                }
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
