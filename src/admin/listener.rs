//! Connections that can't be held open for nothing: a request has to arrive within a time limit, a client that is silent
//! between two requests is let go after a longer one, and there is a bound on how many connections there are.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// More connections than this wait to be accepted.
const CONNECTIONS: usize = 512;

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From a request's first moment to its last byte and its answer's first.
    pub(super) request: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(20),
            idle: Duration::from_mins(2),
        }
    }
}

/// A listener whose connections are bounded in number and in patience.
#[derive(Debug)]
pub(super) struct Bounded {
    inner: TcpListener,
    permits: Arc<Semaphore>,
    patience: Patience,
}

/// A connection with a deadline for whatever it waits for.
#[derive(Debug)]
pub(super) struct Timed {
    inner: TcpStream,
    patience: Patience,
    deadline: Pin<Box<Sleep>>,
    /// Whether part of a request has been read since the last answer.
    in_request: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Bounded {
    pub(super) fn new(inner: TcpListener, patience: Patience) -> Self {
        Self {
            inner,
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
            patience,
        }
    }
}

impl Listener for Bounded {
    type Io = Timed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Timed, SocketAddr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        // The inner one logs and waits on its own when the system has no file handle left.
        let (inner, peer) = Listener::accept(&mut self.inner).await;
        let timed = Timed {
            inner,
            patience: self.patience,
            deadline: Box::pin(sleep(self.patience.request)),
            in_request: true,
            _permit: permit,
        };
        (timed, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Timed {
    fn wait_at_most(&mut self, time: Duration) {
        self.deadline.as_mut().reset(Instant::now() + time);
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(result) => {
                // The first byte of a request starts its time; later ones don't prolong it.
                if buf.filled().len() > before && !self.in_request {
                    self.in_request = true;
                    let time = self.patience.request;
                    self.wait_at_most(time);
                }
                Poll::Ready(result)
            }
            Poll::Pending => {
                std::task::ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.in_request = false;
        let time = self.patience.idle;
        self.wait_at_most(time);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
