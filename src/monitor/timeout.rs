//! Bounds one attempt, from the first byte sent to the last byte of the body read. A tower layer of its own and not
//! tower's, because the bound differs by request: a trigger may set its own, and no attempt may outlive the read.

use std::task::{Context, Poll};
use std::time::Duration;

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
        let limit = if request.deadline < now + request.timeout {
            "what was left of `totalTimeout`"
        } else if request.query.timeout.is_some() {
            "the trigger's own `timeout`, where a number without a unit is milliseconds"
        } else {
            "`timeout` of the source"
        };
        let place = self.place.clone();
        let call = self.inner.call(request);
        Box::pin(async move {
            timeout_at(until, call).await.unwrap_or_else(|_| {
                let waited = rounded(until.duration_since(now));
                Err(Failure::passing(
                    FetchErrorKind::Timeout,
                    format!(
                        "{place} gave no complete answer within {waited} ({limit}); the server is slow or the query is \
                         heavy"
                    ),
                ))
            })
        })
    }
}

/// To tenths of a second, below one to milliseconds: nobody reads more.
fn rounded(time: Duration) -> HumanDuration {
    let grain = if time < Duration::from_secs(1) {
        1
    } else {
        100
    };
    let millis = (time.as_millis() as u64).next_multiple_of(grain);
    HumanDuration(Duration::from_millis(millis.max(1)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tower::{ServiceExt, service_fn};

    use super::super::request::{Query, Rules};
    use super::super::span::Span;
    use super::*;
    use crate::domain::Timestamp;
    use crate::monitor::tests::spec;

    /// What is said when the server is silent.
    async fn said(own: Option<&str>, timeout: Duration, left: Duration) -> String {
        let mut spec = spec();
        spec.timeout = own.map(|own| own.parse().unwrap());
        let request = RangeRequest {
            query: Arc::new(Query::of(&spec, &Rules::default()).unwrap()),
            span: Span {
                from: Timestamp::from_secs(0),
                until: Timestamp::from_secs(60),
                step: Duration::from_mins(1),
            },
            timeout,
            hasty: false,
            deadline: Instant::now() + left,
        };
        let silent = service_fn(|_: RangeRequest| std::future::pending::<Result<(), Failure>>());
        let layer = AttemptTimeoutLayer {
            place: "source `x`".to_owned(),
        };
        let failure = layer.layer(silent).oneshot(request).await.unwrap_err();
        assert_eq!(failure.error.kind, FetchErrorKind::Timeout);
        failure.error.text
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_out_says_whose_limit_it_was_in_a_number_that_can_be_read() {
        let (short, long) = (Duration::from_millis(5), Duration::from_secs(5));
        let left = Duration::from_nanos(4_810_742_812);
        for (own, timeout, left, expected) in [
            (
                Some("5ms"),
                short,
                long,
                "within 5ms (the trigger's own `timeout`",
            ),
            (None, long, long, "within 5s (`timeout` of the source)"),
            (
                None,
                long,
                left,
                "within 4s 900ms (what was left of `totalTimeout`)",
            ),
        ] {
            let said = said(own, timeout, left).await;
            assert!(said.contains(expected), "{said}");
        }
    }
}
