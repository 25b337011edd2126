use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use forescale::domain::TriggerSpec;
use forescale::monitor::{FetchErrorKind, SourceConfig, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::fixtures::{at, matrix, minutes, monitor, monitor_of, quick, spec};

/// A certificate authority in a folder.
struct Authority {
    dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

// === impl Authority ===

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    /// Writes `NAME.pem` and `NAME.key`.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (
            self.path(&format!("{name}.pem")),
            self.path(&format!("{name}.key")),
        );
        fs::write(&paths.0, cert.pem()).unwrap();
        fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An HTTPS server on `localhost` that answers every query with one sample; with `client_certs` only to clients
    /// that this authority knows.
    async fn serve(&self, client_certs: bool) -> String {
        let (cert, key) = self.issue("localhost");
        let acceptor = TlsAcceptor::from(Arc::new(self.server_config(&cert, &key, client_certs)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(acceptor.clone(), stream));
            }
        });
        format!("https://localhost:{port}")
    }

    fn server_config(&self, cert: &Path, key: &Path, client_certs: bool) -> ServerConfig {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if client_certs {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let cert = CertificateDer::from_pem_file(cert).unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        builder.with_single_cert(vec![cert], key).unwrap()
    }
}

async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut request = Vec::new();
    // The form ends with the time-out parameter.
    while !request.ends_with(b"timeout=5") {
        stream
            .read_buf(&mut request)
            .await
            .ok()
            .filter(|read| *read > 0)?;
    }
    let body = matrix(r#"{"metric":{},"values":[[1700000040,"1"]]}"#);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn with_tls(url: &str, tls: TlsConfig) -> SourceConfig {
    SourceConfig { tls, ..quick(url) }
}

async fn outcome(source: SourceConfig) -> Result<usize, FetchErrorKind> {
    let fetched = monitor(source).fetch(&spec(), minutes(5)).await;
    fetched
        .map(|fetched| fetched.samples.len())
        .map_err(|error| error.kind)
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_its_certificate_is_named() {
    let authority = Authority::new();
    let url = authority.serve(false).await;
    let trusting = |name: &str| TlsConfig {
        ca_file: Some(authority.path(name)),
        ..TlsConfig::default()
    };
    assert_eq!(outcome(with_tls(&url, trusting("ca.pem"))).await, Ok(1));

    let stranger = Authority::new();
    fs::copy(stranger.path("ca.pem"), authority.path("stranger.pem")).unwrap();
    let error = monitor(with_tls(&url, trusting("stranger.pem")))
        .fetch(&spec(), minutes(5))
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Unreachable, "{error}");
    assert!(error.text.contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let url = authority
        .serve(false)
        .await
        .replace("localhost", "127.0.0.1");
    let tls = TlsConfig {
        ca_file: Some(authority.path("ca.pem")),
        ..TlsConfig::default()
    };
    assert_eq!(
        outcome(with_tls(&url, tls)).await,
        Err(FetchErrorKind::Unreachable)
    );
}

#[tokio::test]
async fn a_client_certificate_opens_a_server_that_wants_one() {
    let authority = Authority::new();
    let url = authority.serve(true).await;
    let without = TlsConfig {
        ca_file: Some(authority.path("ca.pem")),
        ..TlsConfig::default()
    };
    assert!(outcome(with_tls(&url, without.clone())).await.is_err());

    let (cert, key) = authority.issue("forescale");
    let with = TlsConfig {
        cert_file: Some(cert),
        key_file: Some(key),
        ..without
    };
    assert_eq!(outcome(with_tls(&url, with)).await, Ok(1));
}

#[tokio::test]
async fn checks_are_skipped_only_where_that_is_asked_for() {
    let authority = Authority::new();
    let url = authority.serve(false).await;
    let skip = TlsConfig {
        insecure_skip_verify: true,
        ..TlsConfig::default()
    };
    assert_eq!(outcome(with_tls(&url, skip)).await, Ok(1));

    let monitor = monitor_of(&[], &[&url]);
    let unsafe_ssl = TriggerSpec {
        unsafe_ssl: true,
        ..at(&url)
    };
    assert!(monitor.fetch(&unsafe_ssl, minutes(5)).await.is_ok());
    let error = monitor.fetch(&at(&url), minutes(5)).await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn unsafe_ssl_of_a_trigger_does_not_weaken_a_named_source() {
    let authority = Authority::new();
    let url = authority.serve(false).await;
    let stranger = Authority::new();
    let tls = TlsConfig {
        ca_file: Some(stranger.path("ca.pem")),
        ..TlsConfig::default()
    };
    let monitor = monitor(with_tls(&url, tls));
    for spec in [spec(), at(&url)] {
        let unsafe_ssl = TriggerSpec {
            unsafe_ssl: true,
            ..spec
        };
        let error = monitor.fetch(&unsafe_ssl, minutes(5)).await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Unreachable, "{error}");
    }
}
