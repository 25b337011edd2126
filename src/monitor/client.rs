//! The HTTP client of a source, with its TLS. Certificates and keys on disk are looked at again now and then, and a change
//! makes a new client; while the new files can't be used, the old client goes on.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Identity};
use tokio::time::Instant;
use tracing::{info, warn};

use super::config::TlsConfig;

/// How often the files are looked at.
const RELOAD_EVERY: Duration = Duration::from_secs(10);

/// Largest certificate or key file that is read.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// An HTTP client that follows its certificate files.
#[derive(Debug)]
pub(super) struct Client {
    tls: TlsConfig,
    https: bool,
    proxy: bool,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    client: reqwest::Client,
    material: Material,
    looked_at: Instant,
}

/// What the files hold.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Material {
    pub(super) ca: Option<Vec<u8>>,
    pub(super) cert: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
}

/// A key under the source, and what is wrong with it.
pub(super) type Problem = (&'static str, String);

// === impl Client ===

impl Client {
    /// Reads the files and builds the client.
    pub(super) fn new(tls: TlsConfig, https: bool, proxy: bool) -> Result<Self, Problem> {
        let material = Material::read(&tls)?;
        let client = build(&tls, https, proxy, &material)?;
        Ok(Self {
            tls,
            https,
            proxy,
            current: Mutex::new(Current {
                client,
                material,
                looked_at: Instant::now(),
            }),
        })
    }

    /// The client to use now.
    pub(super) async fn get(&self) -> reqwest::Client {
        let (client, known) = {
            let mut current = self.lock();
            let has_files = current.material != Material::default();
            if !has_files || current.looked_at.elapsed() < RELOAD_EVERY {
                return current.client.clone();
            }
            // Set first, so that one request looks and the others go on.
            current.looked_at = Instant::now();
            (current.client.clone(), current.material.clone())
        };
        let tls = self.tls.clone();
        let read = tokio::task::spawn_blocking(move || Material::read(&tls)).await;
        let fresh = match read {
            Ok(Ok(fresh)) if fresh == known => return client,
            Ok(Ok(fresh)) => fresh,
            Ok(Err((key, problem))) => {
                warn!(
                    key,
                    problem, "failed to reload TLS files, keeping the old ones"
                );
                return client;
            }
            // The runtime is shutting down.
            Err(_) => return client,
        };
        match build(&self.tls, self.https, self.proxy, &fresh) {
            Ok(rebuilt) => {
                info!("TLS files changed, using the new ones");
                let mut current = self.lock();
                current.client = rebuilt.clone();
                current.material = fresh;
                rebuilt
            }
            Err((key, problem)) => {
                warn!(
                    key,
                    problem, "failed to use changed TLS files, keeping the old ones"
                );
                client
            }
        }
    }

    // A panic while the lock is held can't leave it half-changed, so a poisoned lock is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Material ===

impl Material {
    pub(super) fn read(tls: &TlsConfig) -> Result<Self, Problem> {
        Ok(Self {
            ca: read_pem("tls.caFile", tls.ca_file.as_ref())?,
            cert: read_pem("tls.certFile", tls.cert_file.as_ref())?,
            key: read_pem("tls.keyFile", tls.key_file.as_ref())?,
        })
    }
}

impl std::fmt::Debug for Material {
    /// Holds a private key, so it shows nothing.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Material")
    }
}

fn read_pem(key: &'static str, path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, Problem> {
    let Some(path) = path else { return Ok(None) };
    let failed =
        |error: std::io::Error| (key, format!("failed to read `{}`: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_PEM_BYTES {
        return Err((
            key,
            format!("`{}` is larger than {MAX_PEM_BYTES} bytes", path.display()),
        ));
    }
    std::fs::read(path).map(Some).map_err(failed)
}

fn build(
    tls: &TlsConfig,
    https: bool,
    proxy: bool,
    material: &Material,
) -> Result<reqwest::Client, Problem> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("forescale/", env!("CARGO_PKG_VERSION")))
        // A redirect could carry credentials to another server.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Retries are a layer of their own, with a budget of their own.
        .retry(reqwest::retry::never());
    if !proxy {
        builder = builder.no_proxy();
    }
    if let Some(ca) = &material.ca {
        let authorities = Certificate::from_pem_bundle(ca).map_err(|error| {
            (
                "tls.caFile",
                format!("holds no usable certificates: {error}"),
            )
        })?;
        if authorities.is_empty() {
            return Err(("tls.caFile", "holds no PEM certificate".to_owned()));
        }
        builder = builder.tls_certs_only(authorities);
    } else if !https {
        // Plain HTTP needs no authorities, and an image without any must still start.
        builder = builder.tls_certs_only([]);
    }
    if let (Some(cert), Some(key)) = (&material.cert, &material.key) {
        let pem = [cert.as_slice(), b"\n", key.as_slice()].concat();
        let identity = Identity::from_pem(&pem).map_err(|_| {
            (
                "tls.certFile",
                "`certFile` and `keyFile` are no PEM certificate and key".to_owned(),
            )
        })?;
        builder = builder.identity(identity);
    }
    if https && tls.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    builder.build().map_err(|error| {
        let cause = super::endpoint::root_cause(&error);
        (
            "tls",
            format!("failed to set up TLS ({cause}): set `tls.caFile` where the system has no certificate authorities"),
        )
    })
}

#[cfg(test)]
mod tests;
