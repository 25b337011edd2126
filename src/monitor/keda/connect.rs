//! The connection to KEDA's operator: gRPC over mutual TLS, with KEDA's own certificates.
//!
//! KEDA asks every caller for a certificate of its authority. The files are read anew for each connection, so that a
//! rotated certificate counts from the next one on.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use crate::monitor::address::BaseUrl;
use crate::monitor::client::{Material, Problem};
use crate::monitor::config::TlsConfig;
use crate::monitor::endpoint::root_cause;

/// Where KEDA listens, and how one speaks to it.
#[derive(Clone, Debug)]
pub(super) struct Address {
    base: BaseUrl,
    tls: TlsConfig,
    /// For a connection, its handshakes included.
    timeout: Duration,
}

/// TCP, or TLS on top of it.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

// === impl Address ===

impl Address {
    /// Reads the certificate files once, so that a wrong one is a failed start.
    pub(super) fn new(base: BaseUrl, tls: TlsConfig, timeout: Duration) -> Result<Self, Problem> {
        let address = Self { base, tls, timeout };
        address.client_config()?;
        Ok(address)
    }

    /// A new connection, with the certificates as they are now.
    pub(super) async fn connect(&self) -> Result<Channel, String> {
        let this = self.clone();
        let config = tokio::task::spawn_blocking(move || this.client_config()).await;
        let config = config.map_err(|_| "shutting down".to_owned())?;
        let config = config.map_err(|(key, problem)| format!("`{key}` {problem}"))?;
        let (host, port) = (self.base.host().to_owned(), self.base.port());
        let endpoint = Endpoint::from_shared(self.base.to_string())
            .map_err(|error| root_cause(&error))?
            .tcp_nodelay(true)
            .connect_timeout(self.timeout);
        let connector = service_fn(move |_| dial(host.clone(), port, config.clone()));
        let connecting = endpoint.connect_with_connector(connector);
        match tokio::time::timeout(self.timeout, connecting).await {
            Ok(connected) => connected.map_err(|error| root_cause(&error)),
            Err(_) => Err("no connection in time, see `timeout`".to_owned()),
        }
    }

    /// `None` for a plain connection.
    fn client_config(&self) -> Result<Option<Arc<ClientConfig>>, Problem> {
        if !self.base.is_https() {
            return Ok(None);
        }
        let material = Material::read(&self.tls)?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates("tls.caFile", material.ca.as_deref())? {
            roots
                .add(certificate)
                .map_err(|error| ("tls.caFile", format!("can't be used: {error}")))?;
        }
        let chain = certificates("tls.certFile", material.cert.as_deref())?;
        let key = PrivateKeyDer::from_pem_slice(material.key.as_deref().unwrap_or_default())
            .map_err(|error| ("tls.keyFile", format!("holds no usable key: {error}")))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ("tls", error.to_string()))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| ("tls.certFile", format!("can't be used: {error}")))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(Arc::new(config)))
    }
}

fn certificates(
    key: &'static str,
    pem: Option<&[u8]>,
) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.unwrap_or_default()).collect();
    match all {
        Ok(all) if all.is_empty() => Err((key, "holds no PEM certificate".to_owned())),
        Ok(all) => Ok(all),
        Err(error) => Err((key, format!("holds no usable certificates: {error}"))),
    }
}

async fn dial(
    host: String,
    port: u16,
    config: Option<Arc<ClientConfig>>,
) -> std::io::Result<TokioIo<Box<dyn Wire>>> {
    // An IPv6 address stands in brackets in a URL and without them in a socket address.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await?;
    tcp.set_nodelay(true)?;
    let Some(config) = config else {
        return Ok(TokioIo::new(Box::new(tcp)));
    };
    let name = ServerName::try_from(bare.to_owned()).map_err(std::io::Error::other)?;
    let tls = TlsConnector::from(config).connect(name, tcp).await?;
    Ok(TokioIo::new(Box::new(tls)))
}
