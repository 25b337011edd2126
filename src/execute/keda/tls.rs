//! TLS and mutual TLS from files that may be replaced while the server runs, as cert-manager and Kubernetes do.
//!
//! The files are looked at every few seconds. When their contents have changed, a whole new TLS configuration is built
//! from them, client authorities included, and the next handshake uses it; open connections stay. Files that can't be
//! used (half-written, a key that does not match) are reported and the old configuration stays in force. A certificate that has
//! expired is reported too, and shown all the same: clients refuse it, and whoever does not look at dates can still call.

mod validity;

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_util::sync::CancellationToken;

use super::{Metrics, TlsConfig};
use crate::domain::{Clock, SystemClock, Timestamp};

/// A certificate file is at most this large.
const MAX_FILE: u64 = 1024 * 1024;

/// The certificates in force.
#[derive(Debug)]
pub(super) struct Certificates {
    config: TlsConfig,
    current: ArcSwap<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    files: Files,
    server: Arc<ServerConfig>,
    /// When the certificate expires, as far as that can be read.
    expires: Option<Timestamp>,
}

#[derive(PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

// A derived `Debug` would print the private key.
impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When one can't be read or used; the message names the setting and the file.
    pub(super) fn load(config: &TlsConfig) -> io::Result<Self> {
        let loaded = Files::read(config)?.load(config)?;
        Ok(Self {
            config: config.clone(),
            current: ArcSwap::from_pointee(loaded),
        })
    }

    /// For the next handshake.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().server))
    }

    /// Takes over changed files until `shutdown`.
    pub(super) async fn watch(self: Arc<Self>, metrics: Metrics, shutdown: CancellationToken) {
        let (mut refused, mut expired) = (None, false);
        loop {
            metrics.tls_state(refused.is_some(), self.current.load().expires);
            self.tell_of_expiry(&mut expired);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.config.reload_interval.get()) => {}
            }
            let this = Arc::clone(&self);
            // Files may lie on a slow disk, and a key is checked: not on the runtime's own threads.
            let reload = tokio::task::spawn_blocking(move || this.reload()).await;
            match reload.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(false) => refused = None,
                Ok(true) => {
                    refused = None;
                    metrics.tls_reload("taken");
                    tracing::info!(cert_file = %self.config.cert_file.display(), "took over changed certificate files");
                }
                Err(error) => {
                    let text = error.to_string();
                    // Said once for each different trouble, not every few seconds.
                    if refused.as_ref() != Some(&text) {
                        metrics.tls_reload("refused");
                        tracing::error!(%error, "failed to take over changed certificate files, the old ones stay in force");
                    }
                    refused = Some(text);
                }
            }
        }
    }

    /// Says once that the certificate in force has expired.
    fn tell_of_expiry(&self, told: &mut bool) {
        let ended = (self.current.load().expires).filter(|at| *at <= SystemClock.now());
        if let Some(at) = ended
            && !*told
        {
            tracing::error!(
                cert_file = %self.config.cert_file.display(), expired_at = %at,
                "the certificate has expired, clients refuse to connect"
            );
        }
        *told = ended.is_some();
    }

    fn reload(&self) -> io::Result<bool> {
        let files = Files::read(&self.config)?;
        if files == self.current.load().files {
            return Ok(false);
        }
        self.current.store(Arc::new(files.load(&self.config)?));
        Ok(true)
    }
}

impl Files {
    fn read(config: &TlsConfig) -> io::Result<Self> {
        let client_ca = config.client_ca_file.as_deref();
        Ok(Self {
            cert: read("certFile", &config.cert_file)?,
            key: read("keyFile", &config.key_file)?,
            client_ca: client_ca
                .map(|file| read("clientCaFile", file))
                .transpose()?,
        })
    }

    fn load(self, config: &TlsConfig) -> io::Result<Loaded> {
        let chain = certificates("certFile", &config.cert_file, &self.cert)?;
        Ok(Loaded {
            expires: chain.first().and_then(|own| validity::not_after(own)),
            server: self.server_config(config, chain)?,
            files: self,
        })
    }

    fn server_config(
        &self,
        config: &TlsConfig,
        chain: Vec<CertificateDer<'static>>,
    ) -> io::Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| unusable("keyFile", &config.key_file, &error))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = match (&self.client_ca, &config.client_ca_file) {
            (Some(pem), Some(file)) => {
                let verifier = client_verifier(file, pem, provider)?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut server = builder
            .with_single_cert(chain, key)
            .map_err(|error| unusable("certFile", &config.cert_file, &error))?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(server))
    }
}

fn client_verifier(
    file: &Path,
    pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> io::Result<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("clientCaFile", file, pem)? {
        roots
            .add(certificate)
            .map_err(|error| unusable("clientCaFile", file, &error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| unusable("clientCaFile", file, &error))
}

fn certificates(key: &str, file: &Path, pem: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(key, file, &error))?;
    if all.is_empty() {
        return Err(unusable(key, file, &"it holds no certificate"));
    }
    Ok(all)
}

fn read(key: &str, file: &Path) -> io::Result<Vec<u8>> {
    let name = |error: &io::Error| {
        let text = format!(
            "failed to read `{}` (`keda.tls.{key}`): {error}",
            file.display()
        );
        io::Error::new(error.kind(), text)
    };
    let size = std::fs::metadata(file).map_err(|error| name(&error))?.len();
    if size > MAX_FILE {
        return Err(unusable(key, file, &"it is larger than 1 MiB"));
    }
    std::fs::read(file).map_err(|error| name(&error))
}

fn unusable(key: &str, file: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "failed to use `{}` (`keda.tls.{key}`): {error}",
            file.display()
        ),
    )
}
