//! Retries of what may mend: no connection, no answer in time, a cut-off body, 5xx and 429. A query that the server
//! refuses is refused again, so it is never retried.
//!
//! Waits grow exponentially and are partly left to chance, so that workloads which failed together do not come back
//! together. `Retry-After` lengthens a wait. A retry that could not start before the read's deadline is not waited for.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, Sleep, sleep};
use tower::retry::Policy;
use tracing::debug;

use super::config::RetryConfig;
use super::error::Failure;
use super::request::RangeRequest;

/// Decides on retries; cloned for each read, so that it counts the attempts of one.
#[derive(Clone, Debug)]
pub(super) struct RetryPolicy {
    settings: RetryConfig,
    attempts: u32,
    retries: Counter,
}

// === impl RetryPolicy ===

impl RetryPolicy {
    pub(super) fn new(settings: RetryConfig, retries: Counter) -> Self {
        Self {
            settings,
            attempts: 0,
            retries,
        }
    }
}

impl<R> Policy<RangeRequest, R, Failure> for RetryPolicy {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut RangeRequest,
        result: &mut Result<R, Failure>,
    ) -> Option<Sleep> {
        let failure = result.as_ref().err()?;
        self.attempts += 1;
        if !failure.mends || self.attempts >= self.settings.max_attempts {
            return None;
        }
        let wait = backoff(&self.settings, self.attempts, rand::random())
            .max(failure.error.retry_after.unwrap_or_default());
        if Instant::now() + wait >= request.deadline {
            return None;
        }
        debug!(error = %failure.error, attempt = self.attempts, ?wait, "retrying");
        self.retries.inc();
        Some(sleep(wait))
    }

    fn clone_request(&mut self, request: &RangeRequest) -> Option<RangeRequest> {
        Some(request.clone())
    }
}

/// The wait after attempt number `attempt` (from 1), where `chance` lies in 0 to 1.
pub(super) fn backoff(settings: &RetryConfig, attempt: u32, chance: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let full = (settings.initial_backoff.get())
        .saturating_mul(1 << doublings)
        .min(settings.max_backoff.get());
    full.mul_f64(1.0 - settings.jitter.clamp(0.0, 1.0) * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
