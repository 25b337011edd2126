//! TLS and mutual TLS with certificates that are replaced while the server runs.
//!
//! The client speaks plain gRPC to a tunnel of this test, which speaks TLS to the server, certificate and all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use forescale::execute::keda::proto::external_scaler_client::ExternalScalerClient;
use forescale::execute::keda::{Config, Server, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tonic::transport::Endpoint;

use crate::helpers::{Running, config, start};
use crate::keda::Keda;

const TRIGGER: [(&str, &str); 2] = [("query", "sum(up)"), ("threshold", "10")];

/// A certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap());
        Self(issuer.unwrap())
    }

    fn sign(&self, name: &str) -> Identity {
        self.sign_until(name, 4096)
    }

    /// A certificate that expires as that year begins.
    fn sign_until(&self, name: &str, year: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        Identity {
            cert: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Everything that mutual TLS between KEDA and the server needs, as files.
pub(crate) struct Papers {
    pub(crate) folder: tempfile::TempDir,
    server_ca: Authority,
    client_ca: Authority,
}

impl Papers {
    pub(crate) fn new() -> Self {
        let papers = Self {
            folder: tempfile::tempdir().unwrap(),
            server_ca: Authority::new(),
            client_ca: Authority::new(),
        };
        let server = papers.server_ca.sign("localhost");
        let client = papers.client_ca.sign("keda-operator");
        for (name, text) in [
            ("server.crt", &server.cert),
            ("server.key", &server.key),
            ("client-ca.crt", &papers.client_ca.0.pem()),
            ("server-ca.crt", &papers.server_ca.0.pem()),
            ("client.crt", &client.cert),
            ("client.key", &client.key),
        ] {
            papers.write(name, text);
        }
        papers
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            tls: Some(TlsConfig {
                cert_file: self.path("server.crt"),
                key_file: self.path("server.key"),
                client_ca_file: Some(self.path("client-ca.crt")),
                reload_interval: "20ms".parse().unwrap(),
            }),
            ..config()
        }
    }
}

/// A client configuration that trusts `server_ca` and shows `identity`.
fn trusting(server_ca: &Authority, identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(server_ca.0.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut client = match identity {
        Some(identity) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    client.alpn_protocols = vec![b"h2".to_vec()];
    client
}

/// Whether a call gets through with this client configuration.
async fn call(server: &Running, client: ClientConfig) -> bool {
    let Ok(tunnel) = tunnel(server.addr, client).await else {
        return false;
    };
    let channel = Endpoint::from_shared(format!("http://{tunnel}"))
        .unwrap()
        .connect_lazy();
    let mut keda = Keda::over(ExternalScalerClient::new(channel), &TRIGGER);
    keda.build_hpa().await.is_ok()
}

/// A local port for one plain connection that goes on to `server` over TLS.
async fn tunnel(server: SocketAddr, client: ClientConfig) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let addr = listener.local_addr()?;
    let outer = TcpStream::connect(server).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut outer = TlsConnector::from(Arc::new(client))
        .connect(name, outer)
        .await?;
    tokio::spawn(async move {
        let (mut inner, _) = listener.accept().await.unwrap();
        // Ends with the connection, or with an error that the client sees as well.
        let _ = tokio::io::copy_bidirectional(&mut inner, &mut outer).await;
    });
    Ok(addr)
}

#[tokio::test]
async fn with_a_client_authority_only_its_certificates_may_call() {
    let papers = Papers::new();
    let server = start(papers.config());
    let known = papers.client_ca.sign("keda-operator");
    let stranger = Authority::new().sign("keda-operator");
    let trust = |identity| trusting(&papers.server_ca, identity);
    assert!(call(&server, trust(Some(&known))).await);
    assert!(!call(&server, trust(Some(&stranger))).await);
    assert!(!call(&server, trust(None)).await);
    assert!(
        !call(&server, trusting(&Authority::new(), Some(&known))).await,
        "the server shows the certificate it was given"
    );
    server.stop().await;
}

#[tokio::test]
async fn replaced_certificates_are_taken_over_and_bad_ones_are_not() {
    let papers = Papers::new();
    let server = start(papers.config());
    let client = papers.client_ca.sign("keda-operator");
    assert!(call(&server, trusting(&papers.server_ca, Some(&client))).await);

    papers.write("server.crt", "half a file");
    wait_for(
        &server,
        "forescale_keda_tls_reloads_total{result=\"refused\"} 1",
    )
    .await;
    wait_for(&server, "forescale_keda_tls_refused 1").await;
    assert!(
        call(&server, trusting(&papers.server_ca, Some(&client))).await,
        "the old certificate stays in force"
    );

    let (new_server_ca, new_client_ca) = (Authority::new(), Authority::new());
    let renewed = new_server_ca.sign("localhost");
    papers.write("server.key", &renewed.key);
    papers.write("client-ca.crt", &new_client_ca.0.pem());
    papers.write("server.crt", &renewed.cert);
    wait_for(
        &server,
        "forescale_keda_tls_reloads_total{result=\"taken\"} 1",
    )
    .await;
    wait_for(&server, "forescale_keda_tls_refused 0").await;
    let new_client = new_client_ca.sign("keda-operator");
    assert!(call(&server, trusting(&new_server_ca, Some(&new_client))).await);
    assert!(!call(&server, trusting(&papers.server_ca, Some(&new_client))).await);
    assert!(!call(&server, trusting(&new_server_ca, Some(&client))).await);
    server.stop().await;
}

#[tokio::test]
async fn the_end_of_the_certificate_is_shown_and_one_that_has_expired_is_served_all_the_same() {
    let papers = Papers::new();
    let ended = papers.server_ca.sign_until("localhost", 2001);
    papers.write("server.crt", &ended.cert);
    papers.write("server.key", &ended.key);
    let server = start(papers.config());
    let end = |seconds: &str| format!("forescale_keda_tls_expires_timestamp_seconds {seconds}");
    wait_for(&server, &end("978307200.0")).await;
    let renewed = papers.server_ca.sign_until("localhost", 2100);
    papers.write("server.key", &renewed.key);
    papers.write("server.crt", &renewed.cert);
    wait_for(&server, &end("4102444800.0")).await;
    server.stop().await;
}

async fn wait_for(server: &Running, line: &str) {
    let seen = async {
        while !server.metrics_text().contains(line) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(crate::helpers::PATIENCE, seen).await;
    assert!(waited.is_ok(), "{line}\n{}", server.metrics_text());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_an_error_at_the_start_that_names_it() {
    let papers = Papers::new();
    let refused = |settings| Server::bind(settings).unwrap_err().to_string();
    let mut settings = papers.config();
    settings.tls.as_mut().unwrap().key_file = Path::new("no/such.key").to_owned();
    let text = refused(settings);
    assert!(
        text.contains("`no/such.key` (`keda.tls.keyFile`)"),
        "{text}"
    );
    papers.write("server.key", &papers.server_ca.sign("localhost").key);
    let text = refused(papers.config());
    assert!(
        text.contains("`keda.tls.certFile`"),
        "a key of another certificate: {text}"
    );
}
