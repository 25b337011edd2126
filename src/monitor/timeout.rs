//! Bounds one attempt, from the first byte sent to the last byte of the body read. A tower layer of its own and not
//! tower's, because the bound differs by request: a trigger may set its own, and no attempt may outlive the read.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout_at};
use tower::{Layer, Service};

use super::error::{Failure, FetchErrorKind};
use super::request::RangeRequest;
use crate::domain::HumanDuration;

/// Makes [`AttemptTimeout`]s.
#[derive(Clone, Debug)]
pub(super) struct AttemptTimeoutLayer {
    pub(super) place: String,
}

/// Bounds each call of the inner service.
#[derive(Clone, Debug)]
pub(super) struct AttemptTimeout<S> {
    inner: S,
    place: String,
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptTimeout {
            inner,
            place: self.place.clone(),
        }
    }
}

impl<S> Service<RangeRequest> for AttemptTimeout<S>
where
    S: Service<RangeRequest, Error = Failure>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<S::Response, Failure>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: RangeRequest) -> Self::Future {
        let now = Instant::now();
        let until = request.deadline.min(now + request.timeout);
        let place = self.place.clone();
        let call = self.inner.call(request);
        Box::pin(async move {
            timeout_at(until, call).await.unwrap_or_else(|_| {
                let waited = HumanDuration(until.duration_since(now));
                Err(Failure::passing(
                    FetchErrorKind::Timeout,
                    format!(
                        "{place} gave no complete answer within {waited}; the server is slow or the query is heavy, \
                         see `timeout`"
                    ),
                ))
            })
        })
    }
}
