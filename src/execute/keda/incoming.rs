//! From listening socket to connections: a bound on their number, and peers that hold up nobody else when they are slow to
//! shake hands or say nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::metrics::{Metrics, Open};
use super::tls::Certificates;

/// A client that takes longer to shake hands, or then to begin to speak HTTP/2, is cut off.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes with which every HTTP/2 client begins. From then on keep-alive pings find out who is gone.
const PREFACE: usize = 24;

/// Pause after a failed accept, such as one for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are taken.
#[derive(Debug)]
pub(super) struct Limits {
    /// More connections than this wait.
    pub(super) connections: usize,
    /// With these, every connection must speak TLS.
    pub(super) certificates: Option<Arc<Certificates>>,
    /// How long a peer may take to shake hands, and then to begin.
    pub(super) patience: Duration,
}

/// A connection, counted while it is open.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    /// Until the peer has begun: without an end to it, a peer that never speaks would keep its seat for ever.
    opening: Option<Opening>,
    #[expect(dead_code, reason = "held for as long as the connection is open")]
    seat: Seat,
}

/// What a peer still has to say, and until when.
#[derive(Debug)]
struct Opening {
    bytes: usize,
    deadline: Pin<Box<Sleep>>,
}

/// A connection's place among the allowed ones, and its count.
#[derive(Debug)]
struct Seat {
    _place: OwnedSemaphorePermit,
    _open: Open,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Accepts connections until `shutdown`, then closes the port.
pub(super) fn accept(
    listener: TcpListener,
    limits: Limits,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (ready, connections) = mpsc::channel(64);
    tokio::spawn(async move {
        let accepting = accept_all(&listener, &limits, &metrics, &ready);
        tokio::select! {
            () = accepting => {}
            () = shutdown.cancelled() => {}
        }
    });
    ReceiverStream::new(connections)
}

async fn accept_all(
    listener: &TcpListener,
    limits: &Limits,
    metrics: &Metrics,
    ready: &mpsc::Sender<io::Result<Connection>>,
) {
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    // The semaphore is never closed, so this never ends.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a gRPC connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small: they must not wait for more data to send along.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY");
        }
        let seat = Seat {
            _place: place,
            _open: metrics.connection(),
        };
        let Some(certificates) = &limits.certificates else {
            let connection = Connection::new(Transport::Plain(socket), limits.patience, seat);
            if ready.send(Ok(connection)).await.is_err() {
                return;
            }
            continue;
        };
        tokio::spawn(handshake(
            certificates.acceptor(),
            socket,
            limits.patience,
            seat,
            ready.clone(),
        ));
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    patience: Duration,
    seat: Seat,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    match tokio::time::timeout(patience, acceptor.accept(socket)).await {
        Ok(Ok(stream)) => {
            let connection = Connection::new(Transport::Tls(Box::new(stream)), patience, seat);
            // The receiver is gone only when the server is shutting down.
            let _ = ready.send(Ok(connection)).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "failed TLS handshake"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

// === impl Connection ===

impl Connection {
    fn new(transport: Transport, patience: Duration, seat: Seat) -> Self {
        Self {
            transport,
            opening: Some(Opening {
                bytes: PREFACE,
                deadline: Box::pin(tokio::time::sleep(patience)),
            }),
            seat,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        match &self.transport {
            Transport::Plain(socket) => socket.connect_info(),
            Transport::Tls(stream) => stream.get_ref().0.connect_info(),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let Some(opening) = &mut self.opening else {
            return read;
        };
        if read.is_pending() {
            let late = opening.deadline.as_mut().poll(cx);
            return late.map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        opening.bytes = (opening.bytes).saturating_sub(buf.filled().len() - before);
        if opening.bytes == 0 {
            self.opening = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(socket) => socket.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
