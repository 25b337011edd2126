//! Listens, serves and drains.
//!
//! A shutdown goes in this order: the port closes, health says "not serving", streams end with a clean status (so that
//! KEDA reconnects, to another replica), calls in progress are answered, connections are told to go away and close. What
//! has not closed within [`super::Config::drain_grace`] is left to end with the process.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Router, Server as Transport};
use tonic_health::server::HealthReporter;

use super::incoming::{self, Limits};
use super::proto::external_scaler_server::ExternalScalerServer;
use super::service::Service;
use super::tls::Certificates;
use super::{Config, Context, Metrics, Readiness, proto};

/// The gRPC server.
#[derive(Debug)]
pub struct Server;

/// A server that holds its port and has read its certificates, but answers nobody yet.
#[derive(Debug)]
pub struct Bound {
    config: Config,
    listener: std::net::TcpListener,
    certificates: Option<Arc<Certificates>>,
    metrics: Metrics,
    readiness: Readiness,
    patience: Duration,
}

impl Server {
    /// Takes the port (0 for any) and reads the certificates.
    ///
    /// # Errors
    /// When the address is taken, or a certificate file can't be read or used; the message names it.
    pub fn bind(config: Config) -> io::Result<Bound> {
        let certificates = config.tls.as_ref().map(Certificates::load).transpose()?;
        let listener = std::net::TcpListener::bind(config.addr).map_err(|error| {
            let text = format!(
                "failed to listen on `{}` (`keda.addr`): {error}",
                config.addr
            );
            io::Error::new(error.kind(), text)
        })?;
        listener.set_nonblocking(true)?;
        Ok(Bound {
            config,
            listener,
            metrics: Metrics::new(certificates.is_some()),
            certificates: certificates.map(Arc::new),
            readiness: Readiness::default(),
            patience: incoming::PATIENCE,
        })
    }
}

impl Bound {
    /// The address that is listened on.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The server's metrics, to be registered.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Says on the health service whether answers can be given; not ready until it is set.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves until `shutdown` is cancelled and everything has drained, or the grace period is over.
    ///
    /// # Errors
    /// When the listener can't be used.
    pub async fn serve(self, context: Context, shutdown: CancellationToken) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let reporter = HealthReporter::new();
        let router = router(&self.config, &reporter, context, &self.metrics, &shutdown)?;
        let helpers = tokio_util::task::TaskTracker::new();
        // Of its own, so that the helpers also end when serving ends for another reason.
        let ending = shutdown.child_token();
        helpers.spawn(self.readiness.report(reporter, ending.clone()));
        if let Some(certificates) = &self.certificates {
            let watch = Arc::clone(certificates).watch(self.metrics.clone(), ending.clone());
            helpers.spawn(watch);
        }
        let limits = Limits {
            connections: self.config.max_connections,
            certificates: self.certificates,
            patience: self.patience,
        };
        let incoming = incoming::accept(listener, limits, self.metrics, shutdown.clone());
        let serving =
            router.serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
        let overdue = async {
            shutdown.cancelled().await;
            tokio::time::sleep(self.config.drain_grace.get()).await;
        };
        tokio::select! {
            served = serving => served.map_err(io::Error::other)?,
            () = overdue => tracing::warn!(
                grace = %self.config.drain_grace,
                "stopped waiting for open gRPC connections to close"
            ),
        }
        ending.cancel();
        helpers.close();
        helpers.wait().await;
        Ok(())
    }
}

fn router(
    config: &Config,
    reporter: &HealthReporter,
    context: Context,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) -> io::Result<Router> {
    let service = Service::new(
        context,
        metrics.clone(),
        config.first_answer_wait.get(),
        shutdown.clone(),
    );
    let scaler =
        ExternalScalerServer::new(service).max_decoding_message_size(config.max_message_bytes);
    let health = tonic_health::server::HealthService::from_health_reporter(reporter.clone());
    let health = tonic_health::pb::health_server::HealthServer::new(health);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Old tools ask by v1alpha.
    let v1 = reflection().build_v1().map_err(io::Error::other)?;
    let v1alpha = reflection().build_v1alpha().map_err(io::Error::other)?;
    Ok(Transport::builder()
        .max_concurrent_streams(config.max_concurrent_streams)
        .http2_keepalive_interval(Some(config.keep_alive_interval.get()))
        .http2_keepalive_timeout(Some(config.keep_alive_timeout.get()))
        .http2_max_header_list_size(16 * 1024)
        .add_service(scaler)
        .add_service(health)
        .add_service(v1)
        .add_service(v1alpha))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;
    use crate::domain::{Metadata, SystemClock};
    use crate::execute::keda::Client;
    use crate::knowledge::Board;

    #[tokio::test]
    async fn peers_that_never_speak_give_up_their_seats() {
        let mut bound = Server::bind(Config {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_connections: 2,
            ..Config::default()
        })
        .unwrap();
        bound.patience = Duration::from_millis(100);
        let addr = bound.local_addr().unwrap();
        let context = Context {
            board: Arc::new(Board::new(1)),
            clock: Arc::new(SystemClock),
        };
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(bound.serve(context, shutdown.clone()));
        let silent = [
            TcpStream::connect(addr).await.unwrap(),
            TcpStream::connect(addr).await.unwrap(),
        ];
        let metadata: Metadata = [("query", "sum(up)"), ("threshold", "10")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let addr = addr.to_string();
        let answered = async {
            // On a busy machine the client, too, may be slow to begin.
            while Client::connect(&addr, "shop", "web", &metadata)
                .await
                .is_err()
            {}
        };
        tokio::time::timeout(Duration::from_secs(30), answered)
            .await
            .expect("the silent ones still hold their seats");
        drop(silent);
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }
}
