//! A circuit breaker as a tower layer: after some failures in a row a server is left alone for a while, so that it can
//! recover and so that the refresh loop does not spend its time on waiting.
//!
//! - **Closed**: calls pass. A failure that may mend (see [`Failure::mends`]) counts; anything else, a refused query
//!   included, shows that the server is well and starts the count anew. One workload's heavy query therefore opens the
//!   circuit only if nobody else is served in between. Calls that are under way together and fail count as one: a server that
//!   stands still for some seconds has failed once, however many were waiting.
//! - **Open**: calls fail at once with `CircuitOpen`, the remaining time and the last failure's text.
//! - **Half-open**: when the time is up, one call passes as a probe and the others still fail at once. If the probe
//!   succeeds the circuit closes, if it fails it opens for the same time again; a probe that is dropped (its caller
//!   gave up) leaves room for the next one.
//!
//! A call that waits less long than the source would ([`Patience`]) says nothing about the server when it runs out of time: its
//! time-outs neither count nor open the circuit again. It probes beside the others and takes no place from them, once within the
//! time that an open circuit stays open.
//!
//! The layer sits outside of retries, so that it counts reads and not attempts. Time is tokio's, so that tests run on a
//! paused clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{self, BoxFuture};
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::{info, warn};

use super::config::BreakerConfig;
use super::error::{Failure, FetchErrorKind};
use super::request::RangeRequest;
use crate::domain::HumanDuration;

/// How long a call waits for its answer, as far as the circuit cares.
pub(super) trait Patience {
    /// Whether it gives up sooner than the source would by itself.
    fn is_hasty(&self) -> bool;
}

impl Patience for RangeRequest {
    fn is_hasty(&self) -> bool {
        self.hasty
    }
}

/// Makes [`CircuitBreaker`]s; all of one layer share one circuit.
#[derive(Clone, Debug)]
pub(super) struct CircuitBreakerLayer {
    circuit: Arc<Circuit>,
}

/// Guards the inner service.
#[derive(Clone, Debug)]
pub(super) struct CircuitBreaker<S> {
    inner: S,
    circuit: Arc<Circuit>,
}

#[derive(Debug)]
struct Circuit {
    place: String,
    failures: u32,
    open_for: Duration,
    gauge: Gauge,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        last: String,
    },
    HalfOpen {
        probing: bool,
        /// When a hasty call may probe.
        hasty_from: Instant,
        last: String,
    },
}

/// A call that was let through. Dropped unsettled, it frees the probe's place.
#[derive(Debug)]
struct Permit {
    circuit: Arc<Circuit>,
    probe: bool,
    hasty: bool,
    /// Failures in a row when it began.
    failures: u32,
    settled: bool,
}

// === impl CircuitBreakerLayer ===

impl CircuitBreakerLayer {
    pub(super) fn new(place: String, settings: &BreakerConfig, gauge: Gauge) -> Self {
        Self {
            circuit: Arc::new(Circuit {
                place,
                failures: settings.failures.max(1),
                open_for: settings.open_for.get(),
                gauge,
                state: Mutex::new(State::Closed { failures: 0 }),
            }),
        }
    }
}

impl<S> Layer<S> for CircuitBreakerLayer {
    type Service = CircuitBreaker<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreaker {
            inner,
            circuit: Arc::clone(&self.circuit),
        }
    }
}

// === impl CircuitBreaker ===

impl<S, Request> Service<Request> for CircuitBreaker<S>
where
    S: Service<Request, Error = Failure>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    Request: Patience,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<S::Response, Failure>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let permit = match self.circuit.admit(request.is_hasty()) {
            Ok(permit) => permit,
            Err(refused) => return Box::pin(future::ready(Err(refused))),
        };
        let call = self.inner.call(request);
        Box::pin(async move {
            let result = call.await;
            permit.settle(result.as_ref().err().filter(|failure| failure.mends));
            result
        })
    }
}

// === impl Circuit ===

impl Circuit {
    fn admit(self: &Arc<Self>, hasty: bool) -> Result<Permit, Failure> {
        let mut state = self.lock();
        let now = Instant::now();
        if let State::Open { until, last } = &mut *state
            && now >= *until
        {
            let last = std::mem::take(last);
            *state = State::HalfOpen {
                probing: false,
                hasty_from: now,
                last,
            };
        }
        let (probe, failures) = match &mut *state {
            State::Closed { failures } => (false, *failures),
            State::Open { until, last } => {
                return Err(self.refuse(until.duration_since(now), last));
            }
            State::HalfOpen {
                hasty_from, last, ..
            } if hasty => {
                if now < *hasty_from {
                    return Err(self.refuse(hasty_from.duration_since(now), last));
                }
                *hasty_from = now + self.open_for;
                (true, 0)
            }
            State::HalfOpen {
                probing: true,
                last,
                ..
            } => return Err(self.refuse(Duration::ZERO, last)),
            State::HalfOpen { probing, .. } => {
                *probing = true;
                (true, 0)
            }
        };
        drop(state);
        Ok(Permit {
            circuit: Arc::clone(self),
            probe,
            hasty,
            failures,
            settled: false,
        })
    }

    fn refuse(&self, remaining: Duration, last: &str) -> Failure {
        let remaining = Duration::from_secs(remaining.as_millis().div_ceil(1000) as u64);
        let when = if remaining.is_zero() {
            "a probe is under way".to_owned()
        } else {
            format!("the next attempt is in {}", HumanDuration(remaining))
        };
        Failure::lasting(
            FetchErrorKind::CircuitOpen,
            format!(
                "{} is left alone after {} failed reads in a row, {when}; the last one: {last}",
                self.place, self.failures
            ),
        )
        .with_retry_after(Some(remaining))
    }

    /// Notes how a call ended. Calls let through before the circuit opened no longer
    /// count, nor does a failure that another has told of meanwhile.
    fn settle(&self, permit: &Permit, failure: Option<&Failure>) {
        let out_of_time = |failure: &Failure| failure.error.kind == FetchErrorKind::Timeout;
        if permit.hasty && failure.is_some_and(out_of_time) {
            return;
        }
        let (probe, before) = (permit.probe, permit.failures);
        let mut state = self.lock();
        match (&mut *state, failure) {
            (State::Closed { failures }, None) => *failures = 0,
            (State::Closed { failures }, Some(_)) if before < *failures => {}
            (State::Closed { failures }, Some(failure)) => {
                *failures += 1;
                if *failures >= self.failures {
                    self.gauge.inc();
                    warn!(source = self.place, error = %failure.error, "circuit opens");
                    *state = self.open(failure);
                }
            }
            (State::HalfOpen { .. }, None) if probe => {
                self.gauge.dec();
                info!(source = self.place, "circuit closes");
                *state = State::Closed { failures: 0 };
            }
            (State::HalfOpen { .. }, Some(failure)) if probe => *state = self.open(failure),
            _ => {}
        }
    }

    fn open(&self, failure: &Failure) -> State {
        State::Open {
            until: Instant::now() + self.open_for,
            last: failure.error.text.clone(),
        }
    }

    fn free_probe(&self, hasty: bool) {
        if let State::HalfOpen {
            probing,
            hasty_from,
            ..
        } = &mut *self.lock()
        {
            if hasty {
                *hasty_from = Instant::now();
            } else {
                *probing = false;
            }
        }
    }

    // Nothing panics while the lock is held, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Circuit {
    /// An address source may be dropped with its circuit open.
    fn drop(&mut self) {
        if !matches!(*self.lock(), State::Closed { .. }) {
            self.gauge.dec();
        }
    }
}

// === impl Permit ===

impl Permit {
    fn settle(mut self, failure: Option<&Failure>) {
        self.settled = true;
        self.circuit.settle(&self, failure);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.probe && !self.settled {
            self.circuit.free_probe(self.hasty);
        }
    }
}

#[cfg(test)]
mod tests;
