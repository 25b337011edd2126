//! KEDA as a source: its RawMetricsService hands on what the operator's scalers measure, so that the metric of any trigger
//! (the lag of a queue, say) can be forecast without a Prometheus.
//!
//! KEDA keeps no history and answers no query. Forescale subscribes to a trigger when its workload is first read, and keeps
//! what the stream brings ([`samples`]) until a tail read has taken it over into the workload's history; reads are
//! answered from memory. Faults are those of every source: no connection and nothing fresh is `unreachable`, a trigger
//! that has fallen silent has no samples.

mod connect;
mod follow;
mod proto;
mod samples;
mod shelf;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::connect::Address;
use self::follow::Follower;
use self::shelf::{Link, Metric, Shelf};
use super::address::BaseUrl;
use super::config::SourceConfig;
use super::error::{ConfigError, FetchError, FetchErrorKind};
use super::metrics::{Metrics, SourceMetrics};
use super::span::{Fetched, Span};
use crate::domain::{Clock, Followed, HumanDuration};

/// A KEDA whose triggers can be followed.
#[derive(Debug)]
pub(super) struct KedaSource {
    place: String,
    shelf: Arc<Shelf>,
    /// Before the first read: who will follow, not yet started. After it: the running task.
    task: Mutex<Task>,
    stop: CancellationToken,
    _stops_when_dropped: DropGuard,
    timeout: Duration,
    metrics: SourceMetrics,
}

#[derive(Debug)]
enum Task {
    Ready(Box<Follower>),
    Running(JoinHandle<()>),
    Over,
}

// === impl KedaSource ===

impl KedaSource {
    /// A source of the settings, which have been validated. Opens no connection.
    pub(super) fn named(
        name: &str,
        settings: &SourceConfig,
        metrics: &Metrics,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let key = |key: &str| format!("monitor.sources.{name}.{key}");
        let base = BaseUrl::parse(&settings.url)
            .map_err(|problem| ConfigError::new(key("url"), problem))?;
        let place = format!("source `{name}` ({base})");
        let timeout = settings.timeout.get();
        let address = Address::new(base, settings.tls.clone(), timeout)
            .map_err(|(at, problem)| ConfigError::new(key(at), problem))?;
        let lookback = settings.lookback.get();
        let shelf = Arc::new(Shelf::new(lookback, clock, metrics.stream_of(name)));
        let follower = Follower {
            place: place.clone(),
            address,
            shelf: Arc::clone(&shelf),
            retries: settings.retries.clone(),
            timeout,
            subscriber: subscriber(),
            metrics: metrics.of(name),
        };
        let stop = CancellationToken::new();
        Ok(Self {
            place,
            shelf,
            task: Mutex::new(Task::Ready(Box::new(follower))),
            stop: stop.clone(),
            _stops_when_dropped: stop.drop_guard(),
            timeout,
            metrics: metrics.of(name),
        })
    }

    /// What KEDA has said of a trigger, on the grid of `span`; subscribes to it if nobody has read it before.
    pub(super) async fn read(
        &self,
        followed: &Followed,
        span: Span,
    ) -> Result<Fetched, FetchError> {
        let started = Instant::now();
        let metric = Metric::of(followed).ok_or_else(|| {
            FetchError::config(format!(
                "the {followed} can be followed for a workload only, whose namespace is known"
            ))
        })?;
        self.start();
        self.shelf.want(&metric);
        let mut link = self.shelf.link();
        // The very first read waits for the connection, so that it can say what is wrong with it.
        let settled = link.wait_for(|link| *link != Link::New);
        let _ = timeout(self.timeout, settled).await;
        let fetched = self.shelf.read(&metric, span);
        let result = match &*link.borrow() {
            Link::Down(why) if !is_fresh(&fetched, span) => Err(self.unreachable(why)),
            Link::New | Link::Up | Link::Down(_) => Ok(fetched),
        };
        let outcome = result
            .as_ref()
            .map_or_else(|error| error.kind.as_str(), |_| "success");
        self.metrics.record(outcome, started.elapsed());
        result
    }

    /// Takes leave of KEDA; later reads find what was known.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        let task = std::mem::replace(&mut *self.lock(), Task::Over);
        if let Task::Running(task) = task {
            // A panic there has been logged; leaving has a time-out of its own.
            let _ = timeout(self.timeout * 2, task).await;
        }
    }

    fn start(&self) {
        let mut task = self.lock();
        *task = match std::mem::replace(&mut *task, Task::Over) {
            Task::Ready(follower) => Task::Running(tokio::spawn(follower.run(self.stop.clone()))),
            already => already,
        };
    }

    fn unreachable(&self, why: &str) -> FetchError {
        let lookback = HumanDuration(self.shelf.lookback);
        FetchError::new(
            FetchErrorKind::Unreachable,
            format!(
                "{} can't be reached, and nothing it said is younger than {lookback}: {why}",
                self.place
            ),
        )
    }

    // Nothing panics while the lock is held, so a poisoned lock is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, Task> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a read reaches its end, so that nothing is missed of the present.
fn is_fresh(fetched: &Fetched, span: Span) -> bool {
    let newest = fetched.samples.last();
    newest.is_some_and(|newest| newest.at + span.step > span.until)
}

/// A name that no other process has, and that tells an operator of KEDA who it is.
fn subscriber() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_default();
    let host = super::error::shorten(&host, 63);
    format!("forescale-{host}-{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests;
