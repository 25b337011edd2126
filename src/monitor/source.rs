//! One server that can be asked: the stack of layers, and the reading of spans that take more than one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tower::limit::ConcurrencyLimitLayer;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};
use tracing::{info, warn};

use super::address::BaseUrl;
use super::breaker::CircuitBreakerLayer;
use super::client::Client;
use super::config::SourceConfig;
use super::credentials::Credentials;
use super::endpoint::{Endpoint, EndpointService};
use super::error::{ConfigError, Failure, FetchError, FetchErrorKind};
use super::metrics::{Metrics, SourceMetrics};
use super::request::{Query, RangeRequest, Rules};
use super::retry::RetryPolicy;
use super::span::{Fetched, Span};
use super::timeout::AttemptTimeoutLayer;
use super::too_long::TooLong;
use crate::domain::HumanDuration;

/// The label of all address sources together.
const ADDRESS_LABEL: &str = "serverAddress";

/// Evaluation times of one read at most: at one a minute, two years.
pub const MAX_POINTS_PER_READ: u64 = 1 << 20;

/// A server's refusals never teach a window smaller than this, so that one odd answer does not turn every back-fill of
/// the source into thousands of requests.
const LEAST_LEARNED_POINTS: u64 = 100;

type Stack = BoxCloneSyncService<RangeRequest, Fetched, Failure>;

/// One server that can be asked.
#[derive(Debug)]
pub(super) struct Source {
    place: String,
    base: BaseUrl,
    rules: Rules,
    stack: Stack,
    timeout: Duration,
    total_timeout: Duration,
    /// For attempts that may take longer than the source's own: fewer than there are slots, so that one tenant's patience
    /// is not everybody's wait.
    patient: Semaphore,
    limits: Limits,
    metrics: SourceMetrics,
}

/// What one request may ask for: the setting, and what the server has refused since the start.
#[derive(Debug)]
struct Limits {
    max_points: AtomicU64,
    max_range_millis: AtomicU64,
}

// === impl Source ===

impl Source {
    /// A source of the settings, which have been validated.
    pub(super) fn named(
        name: &str,
        settings: &SourceConfig,
        metrics: &Metrics,
    ) -> Result<Self, ConfigError> {
        let key = |key: &str| format!("monitor.sources.{name}.{key}");
        let base = BaseUrl::parse(&settings.url)
            .map_err(|problem| ConfigError::new(key("url"), problem))?;
        let client = Client::new(
            settings.tls.clone(),
            base.is_https(),
            settings.proxy_from_environment,
        )
        .map_err(|(at, problem)| ConfigError::new(key(at), problem))?;
        let credentials = Credentials::of(&settings.auth);
        credentials
            .read()
            .map_err(|problem| ConfigError::new(key("auth"), problem))?;
        if settings.tls.insecure_skip_verify {
            warn!(source = name, "certificates of this source are not checked");
        }
        let place = format!("source `{name}` ({base})");
        let client = Arc::new(client);
        Ok(Self::build(
            place,
            base,
            settings,
            client,
            credentials,
            metrics.of(name),
        ))
    }

    /// A source for an allow-listed `serverAddress`: every default, no credentials.
    pub(super) fn at_address(base: &BaseUrl, client: Arc<Client>, metrics: &Metrics) -> Self {
        Self::build(
            format!("serverAddress `{base}`"),
            base.clone(),
            &SourceConfig::default(),
            client,
            Credentials::None,
            metrics.of(ADDRESS_LABEL),
        )
    }

    fn build(
        place: String,
        base: BaseUrl,
        settings: &SourceConfig,
        client: Arc<Client>,
        credentials: Credentials,
        metrics: SourceMetrics,
    ) -> Self {
        let endpoint = EndpointService(Arc::new(Endpoint {
            place: place.clone(),
            url: base.join("api/v1/query_range"),
            client,
            credentials,
            headers: headers(settings),
            parameters: settings.query_parameters.clone().into_iter().collect(),
            max_body_bytes: settings.max_body_bytes,
            use_get: AtomicBool::new(false),
        }));
        let breaker = CircuitBreakerLayer::new(
            place.clone(),
            &settings.circuit_breaker,
            metrics.circuits_open.clone(),
        );
        let retry = RetryPolicy::new(settings.retries.clone(), metrics.retries.clone());
        let stack = ServiceBuilder::new()
            .layer(BoxCloneSyncService::layer())
            .layer(ConcurrencyLimitLayer::new(settings.concurrency))
            .layer(breaker)
            .layer(RetryLayer::new(retry))
            .layer(AttemptTimeoutLayer {
                place: place.clone(),
            })
            .service(endpoint);
        Self {
            rules: Rules::new(place.clone(), settings),
            place,
            base,
            stack,
            timeout: settings.timeout.get(),
            total_timeout: settings.total_timeout.get(),
            patient: Semaphore::new((settings.concurrency / 2).max(1)),
            limits: Limits {
                max_points: AtomicU64::new(settings.max_points),
                max_range_millis: AtomicU64::new(u64::MAX),
            },
            metrics,
        }
    }

    pub(super) fn base(&self) -> &BaseUrl {
        &self.base
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn windows(&self, span: Span) -> Vec<Span> {
        span.windows(self.limits.points(span.step))
    }

    /// Reads `span` window by window, oldest first. A window that the server finds too long is halved, and so are the
    /// ones after it.
    pub(super) async fn read(&self, query: &Arc<Query>, span: Span) -> Result<Fetched, FetchError> {
        if span.points() > MAX_POINTS_PER_READ {
            return Err(FetchError::config(format!(
                "{} evaluation times in one read are more than {MAX_POINTS_PER_READ}: shorten `history` or lengthen \
                 `step`",
                span.points()
            )));
        }
        let mut read = Fetched::default();
        let mut windows = self.windows(span);
        let mut refused: Option<(TooLong, u64)> = None;
        while let Some(window) = windows.pop() {
            if let Some((_, most)) = refused
                && window.points() > most
            {
                windows.extend(window.windows(most));
                continue;
            }
            match self.ask(query, window).await {
                Ok(fetched) => {
                    if let Some((which, most)) = refused
                        && self.limits.learn(which, window.step, most)
                    {
                        info!(
                            source = self.place,
                            points = most,
                            ?which,
                            "smaller windows from here on"
                        );
                    }
                    read.absorb(fetched);
                }
                Err(Failure {
                    too_long: Some(which),
                    ..
                }) if window.points() > 1 => {
                    let most = window.points().div_ceil(2);
                    refused = Some((which, most));
                    windows.extend(window.windows(most));
                }
                Err(failure) => return Err(failure.error),
            }
        }
        Ok(read)
    }

    /// One window, with retries, within the total time-out. Waiting for a free slot counts, so that a slow server can't
    /// make a queue without end.
    async fn ask(&self, query: &Arc<Query>, span: Span) -> Result<Fetched, Failure> {
        let started = Instant::now();
        let timeout = query.timeout.unwrap_or(self.timeout);
        let longer = timeout > self.timeout;
        // A trigger that sets a longer time-out gets at least one attempt of that length.
        let total = self.total_timeout.max(timeout);
        let request = RangeRequest {
            query: Arc::clone(query),
            span,
            timeout,
            hasty: timeout < self.timeout,
            deadline: started + total,
        };
        let deadline = request.deadline;
        let call = async {
            // Never closed, so that there is one for each.
            let _place = if longer {
                self.patient.acquire().await.ok()
            } else {
                None
            };
            self.stack.clone().oneshot(request).await
        };
        // The layers stop at the deadline by themselves and say why; the grace keeps their words.
        let grace = Duration::from_millis(100);
        let result = timeout_at(deadline + grace, call)
            .await
            .unwrap_or_else(|_| {
                Err(Failure::passing(
                    FetchErrorKind::Timeout,
                    format!(
                        "{} had no free slot within {}; it is slow, or `concurrency` is small{}",
                        self.place,
                        HumanDuration(total),
                        if longer {
                            "; half of it is for triggers with a longer `timeout` than the source's"
                        } else {
                            ""
                        }
                    ),
                ))
            });
        let outcome = match &result {
            Ok(_) => "success",
            Err(failure) if failure.too_long.is_some() => "too-long",
            Err(failure) => failure.error.kind.as_str(),
        };
        self.metrics.record(outcome, started.elapsed());
        result
    }
}

// === impl Limits ===

impl Limits {
    /// Evaluation times that one request may ask for at this step.
    fn points(&self, step: Duration) -> u64 {
        let step = (step.as_millis() as u64).max(1);
        let by_range = (self.max_range_millis.load(Ordering::Relaxed) / step).saturating_add(1);
        self.max_points.load(Ordering::Relaxed).min(by_range)
    }

    /// Remembers that the server took `points` and no more; whether that is news. What only this query ran into is not
    /// remembered, since other queries may be lighter.
    fn learn(&self, which: TooLong, step: Duration, points: u64) -> bool {
        let points = points.max(LEAST_LEARNED_POINTS);
        let (limit, value) = match which {
            TooLong::Points => (&self.max_points, points),
            TooLong::Range => {
                let range = step.as_millis() as u64 * (points - 1);
                (&self.max_range_millis, range)
            }
            TooLong::Weight => return false,
        };
        limit.fetch_min(value, Ordering::Relaxed) > value
    }
}

/// Validated before, so that none is left out.
fn headers(settings: &SourceConfig) -> Vec<(HeaderName, HeaderValue)> {
    (settings.headers.iter())
        .filter_map(|(name, value)| {
            let mut value = HeaderValue::try_from(value.as_str()).ok()?;
            // It may be a key; debug output must not show it.
            value.set_sensitive(true);
            Some((HeaderName::try_from(name.as_str()).ok()?, value))
        })
        .collect()
}
