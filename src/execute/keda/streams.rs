//! The two streams of an `external-push` trigger. Both end cleanly, so that KEDA reconnects at once, when the server
//! shuts down or the workload is forgotten.

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::metrics::Open;
use super::proto::{GetMetricSpecResponse, IsActiveResponse};
use crate::knowledge::Signal;

/// A stream of answers.
pub(super) type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// A subscriber to a workload's state. It holds no workload, so a forgotten one is noticed by its signal closing.
struct Subscriber {
    signal: watch::Receiver<Signal>,
    sent: Option<bool>,
    _open: Open,
}

/// Whether the workload should run: the state once it is known, then each transition. A repeated `true` would put off
/// KEDA's scaling to zero, so none is sent.
pub(super) fn activity(
    signal: watch::Receiver<Signal>,
    open: Open,
    shutdown: CancellationToken,
) -> Answers<IsActiveResponse> {
    let subscriber = Subscriber {
        signal,
        sent: None,
        _open: open,
    };
    stream::unfold(subscriber, |mut subscriber| async move {
        loop {
            let active = subscriber.signal.borrow_and_update().active;
            if let Some(result) = active.filter(|_| active != subscriber.sent) {
                subscriber.sent = active;
                return Some((Ok(IsActiveResponse { result }), subscriber));
            }
            subscriber.signal.changed().await.ok()?;
        }
    })
    .take_until(shutdown.cancelled_owned())
    .boxed()
}

/// The specs, at once. They follow from the metadata alone, which is part of the workload's key, so no later change
/// can come; the stream stays open as KEDA expects.
pub(super) fn specs(
    specs: GetMetricSpecResponse,
    mut signal: watch::Receiver<Signal>,
    open: Open,
    shutdown: CancellationToken,
) -> Answers<GetMetricSpecResponse> {
    let forgotten = async move {
        while signal.changed().await.is_ok() {}
        drop(open);
    };
    stream::iter([Ok(specs)])
        .chain(stream::pending())
        .take_until(forgotten)
        .take_until(shutdown.cancelled_owned())
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::super::metrics::{Metrics, Rpc};
    use super::*;

    fn signal(active: bool) -> Signal {
        Signal {
            active: Some(active),
        }
    }

    #[tokio::test]
    async fn only_transitions_follow_the_first_state_and_a_shutdown_ends_the_stream() {
        let state = watch::Sender::new(Signal::default());
        let shutdown = CancellationToken::new();
        let open = Metrics::default().stream(Rpc::StreamIsActive);
        let mut stream = activity(state.subscribe(), open, shutdown.clone());
        assert!(
            futures::poll!(stream.next()).is_pending(),
            "nothing known yet"
        );
        state.send_replace(signal(true));
        assert!(stream.next().await.unwrap().unwrap().result);
        state.send_replace(signal(true));
        assert!(futures::poll!(stream.next()).is_pending(), "no transition");
        state.send_replace(signal(false));
        assert!(!stream.next().await.unwrap().unwrap().result);
        shutdown.cancel();
        assert!(stream.next().await.is_none(), "a clean end");
    }

    #[tokio::test]
    async fn streams_of_a_forgotten_workload_end() {
        let state = watch::Sender::new(signal(true));
        let metrics = Metrics::default();
        let shutdown = CancellationToken::new();
        let mut active = activity(
            state.subscribe(),
            metrics.stream(Rpc::StreamIsActive),
            shutdown.clone(),
        );
        let mut spec = specs(
            GetMetricSpecResponse::default(),
            state.subscribe(),
            metrics.stream(Rpc::StreamMetricSpec),
            shutdown,
        );
        assert!(active.next().await.is_some() && spec.next().await.is_some());
        drop(state);
        assert!(active.next().await.is_none() && spec.next().await.is_none());
    }
}
