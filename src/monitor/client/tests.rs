use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};

use super::*;

fn certificate() -> String {
    let params = CertificateParams::new(vec!["a".to_owned()]).unwrap();
    params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .pem()
}

fn client(ca: &Path) -> Client {
    let tls = TlsConfig {
        ca_file: Some(ca.to_owned()),
        ..TlsConfig::default()
    };
    Client::new(tls, true, false).unwrap()
}

fn trusts(client: &Client, pem: &str) -> bool {
    client.lock().material.ca.as_deref() == Some(pem.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_used_after_a_while_and_broken_ones_never() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let (first, second) = (certificate(), certificate());
    fs::write(&ca, &first).unwrap();
    let client = client(&ca);

    fs::write(&ca, &second).unwrap();
    client.get().await;
    assert!(
        trusts(&client, &first),
        "files are not read for every request"
    );
    tokio::time::advance(RELOAD_EVERY).await;
    client.get().await;
    assert!(trusts(&client, &second));

    for broken in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        fs::write(&ca, broken).unwrap();
        tokio::time::advance(RELOAD_EVERY).await;
        client.get().await;
        assert!(trusts(&client, &second), "{broken:?}");
    }
    fs::remove_file(&ca).unwrap();
    tokio::time::advance(RELOAD_EVERY).await;
    client.get().await;
    assert!(
        trusts(&client, &second),
        "a missing file keeps the old client"
    );

    fs::write(&ca, &first).unwrap();
    tokio::time::advance(RELOAD_EVERY).await;
    client.get().await;
    assert!(trusts(&client, &first), "and its return is noticed");
}

#[test]
fn files_without_a_certificate_are_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.pem");
    fs::write(&path, "hush").unwrap();
    let ca = TlsConfig {
        ca_file: Some(path.clone()),
        ..TlsConfig::default()
    };
    let identity = TlsConfig {
        cert_file: Some(path.clone()),
        key_file: Some(path),
        ..TlsConfig::default()
    };
    for (tls, key) in [(ca, "tls.caFile"), (identity, "tls.certFile")] {
        let (at, problem) = Client::new(tls, true, false).unwrap_err();
        assert_eq!(at, key);
        assert!(!problem.contains("hush"), "{problem}");
    }
}
