//! Mutual TLS, as KEDA demands it.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::monitor::config::TlsConfig;

/// An authority and what it has signed for `localhost`, as `ca.crt`, `tls.crt` and `tls.key`.
fn authority(dir: &Path) -> TlsConfig {
    std::fs::create_dir_all(dir).unwrap();
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let cert = leaf.signed_by(&key, &issuer).unwrap();
    let files = [
        ("ca.crt", issuer.pem()),
        ("tls.crt", cert.pem()),
        ("tls.key", key.serialize_pem()),
    ];
    for (name, text) in files {
        std::fs::write(dir.join(name), text).unwrap();
    }
    TlsConfig {
        ca_file: Some(dir.join("ca.crt")),
        cert_file: Some(dir.join("tls.crt")),
        key_file: Some(dir.join("tls.key")),
        insecure_skip_verify: false,
    }
}

fn acceptor(files: &TlsConfig) -> TlsAcceptor {
    let certificates = |path: &Option<std::path::PathBuf>| -> Vec<CertificateDer<'static>> {
        let all = CertificateDer::pem_file_iter(path.as_ref().unwrap()).unwrap();
        all.collect::<Result<_, _>>().unwrap()
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&files.ca_file));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let key = PrivateKeyDer::from_pem_file(files.key_file.as_ref().unwrap()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&files.cert_file), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Takes TLS off and hands on to `operator`; its own URL.
async fn in_front_of(operator: &Operator, files: &TlsConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let target = operator.url.strip_prefix("http://").unwrap().to_owned();
    let acceptor = acceptor(files);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut secure) = acceptor.accept(socket).await else {
                continue;
            };
            let mut plain = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn keda_s_own_certificates_let_forescale_in_and_others_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let (own, foreign) = (
        authority(&dir.path().join("own")),
        authority(&dir.path().join("foreign")),
    );
    let operator = Operator::start().await;
    let url = in_front_of(&operator, &own).await;
    let with = |tls: TlsConfig| {
        let settings = SourceConfig {
            tls,
            ..settings(&url)
        };
        source_of(&settings, &Metrics::default()).unwrap()
    };

    let keda = with(own.clone());
    keda.read(&trigger("orders"), span()).await.unwrap();
    operator.say("orders", &[(590, 3.0)]).await;
    read_until(&keda, &[(600, 3.0)]).await;

    let distrusted = with(TlsConfig {
        ca_file: own.ca_file.clone(),
        ..foreign.clone()
    });
    let error = distrusted.read(&trigger("orders"), span()).await;
    assert_eq!(error.unwrap_err().kind, FetchErrorKind::Unreachable);
    let distrusting = with(TlsConfig {
        ca_file: foreign.ca_file.clone(),
        ..own.clone()
    });
    let error = distrusting.read(&trigger("orders"), span()).await;
    let error = error.unwrap_err();
    assert!(
        error.text.contains("invalid peer certificate"),
        "{}",
        error.text
    );
}

#[test]
fn certificates_that_can_t_be_used_are_a_failed_start_that_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let good = authority(dir.path());
    let start = |tls: TlsConfig| {
        let settings = SourceConfig {
            tls,
            ..settings("https://localhost:1")
        };
        source_of(&settings, &Metrics::default()).unwrap_err()
    };
    let missing = start(TlsConfig {
        key_file: Some(dir.path().join("nothing")),
        ..good.clone()
    });
    assert_eq!(missing.key, "monitor.sources.keda.tls.keyFile");
    let not_pem = dir.path().join("text");
    std::fs::write(&not_pem, "no certificate").unwrap();
    let empty = start(TlsConfig {
        ca_file: Some(not_pem),
        ..good
    });
    assert_eq!(
        empty.to_string(),
        "`monitor.sources.keda.tls.caFile`: holds no PEM certificate"
    );
}
