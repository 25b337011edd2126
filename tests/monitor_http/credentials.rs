use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use forescale::domain::TriggerSpec;
use forescale::monitor::{AuthConfig, BasicAuthConfig, FetchErrorKind, SourceConfig};

use crate::fixtures::{Seen, Server, at, minutes, monitor, monitor_of, ones, quick, spec};

fn file(dir: &Path, name: &str, content: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    path
}

fn bearer(url: &str, token: PathBuf) -> SourceConfig {
    SourceConfig {
        auth: AuthConfig {
            bearer_token_file: Some(token),
            basic: None,
        },
        ..quick(url)
    }
}

fn basic(url: &str, password_file: PathBuf) -> SourceConfig {
    SourceConfig {
        auth: AuthConfig {
            bearer_token_file: None,
            basic: Some(BasicAuthConfig {
                username: "scaler".to_owned(),
                password_file,
            }),
        },
        ..quick(url)
    }
}

fn authorizations(server: &Server) -> Vec<String> {
    let of = |seen: &Seen| seen.header("authorization").to_owned();
    server.seen().iter().map(of).collect()
}

#[tokio::test]
async fn a_token_that_rotates_on_disk_counts_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let token = file(dir.path(), "token", "first-token\n");
    let server = Server::of(|_, seen| ones(&seen)).await;
    let monitor = monitor(bearer(&server.url, token.clone()));

    monitor.fetch(&spec(), minutes(5)).await.unwrap();
    fs::write(&token, "second-token").unwrap();
    monitor.fetch(&spec(), minutes(5)).await.unwrap();
    assert_eq!(
        authorizations(&server),
        ["Bearer first-token", "Bearer second-token"]
    );

    fs::remove_file(&token).unwrap();
    let error = monitor.fetch(&spec(), minutes(5)).await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Config, "{error}");
    assert!(error.text.contains("token"), "{error}");
    assert_eq!(server.count(), 2, "never asked without the token");
}

#[tokio::test]
async fn a_password_comes_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let password = file(dir.path(), "password", "open sesame");
    let server = Server::of(|_, seen| ones(&seen)).await;
    let monitor = monitor(basic(&server.url, password));
    monitor.fetch(&spec(), minutes(5)).await.unwrap();
    // base64 of `scaler:open sesame`.
    assert_eq!(authorizations(&server), ["Basic c2NhbGVyOm9wZW4gc2VzYW1l"]);
}

#[tokio::test]
async fn credentials_go_to_their_own_server_and_to_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let token = file(dir.path(), "token", "hush-hush");
    let own = Server::of(|_, seen| ones(&seen)).await;
    let other = Server::of(|_, seen| ones(&seen)).await;
    let source = bearer(&format!("{}/prom", own.url), token);
    let monitor = monitor_of(&[("default", source)], &[&own.url, &other.url]);

    monitor.fetch(&at(&other.url), minutes(5)).await.unwrap();
    assert_eq!(authorizations(&other), [""], "another server");

    monitor.fetch(&at(&own.url), minutes(5)).await.unwrap();
    let elsewhere = format!("{}/prom/x", own.url);
    monitor.fetch(&at(&elsewhere), minutes(5)).await.unwrap();
    assert_eq!(authorizations(&own), ["", ""], "other paths of the server");

    let exact = format!("{}/prom/", own.url);
    monitor.fetch(&at(&exact), minutes(5)).await.unwrap();
    assert_eq!(
        authorizations(&own).last().unwrap(),
        "Bearer hush-hush",
        "the source's very url"
    );
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_asked() {
    let server = Server::of(|_, seen| ones(&seen)).await;
    let monitor = monitor_of(&[], &["http://prometheus:9090"]);
    let error = monitor.fetch(&at(&server.url), minutes(5)).await;
    assert_eq!(error.unwrap_err().kind, FetchErrorKind::Config);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let token = file(dir.path(), "token", "hush-hush");
    let other = Server::of(|_, seen| ones(&seen)).await;
    for status in [301, 302, 307, 308] {
        let target = other.url.clone();
        let server = Server::of(move |_, _| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::LOCATION, target.clone())])
        })
        .await;
        let monitor = monitor(bearer(&server.url, token.clone()));
        let error = monitor.fetch(&spec(), minutes(5)).await.unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Status, "{error}");
        assert!(error.text.contains(&other.url), "{error}");
    }
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn a_server_that_echoes_the_credentials_does_not_get_them_into_texts() {
    let dir = tempfile::tempdir().unwrap();
    let secret = file(dir.path(), "secret", "hush-hush");
    for status in [200, 400, 401, 500] {
        let server = Server::of(move |_, seen| {
            let status = StatusCode::from_u16(status).unwrap();
            let echo = seen.header("authorization").to_owned();
            let body = serde_json::json!({
                "status": "error", "errorType": "bad_data", "error": format!("{echo} hush-hush")
            });
            match seen.get("plain") {
                "" => (status, body.to_string()).into_response(),
                _ => (status, format!("you sent {echo} hush-hush")).into_response(),
            }
        })
        .await;
        for source in [
            bearer(&server.url, secret.clone()),
            basic(&server.url, secret.clone()),
        ] {
            let monitor = monitor(source);
            let plain = TriggerSpec {
                query_parameters: vec![("plain".to_owned(), "1".to_owned())],
                ..spec()
            };
            for spec in [spec(), plain] {
                let error = monitor.fetch(&spec, minutes(5)).await.unwrap_err();
                let all = format!("{error} {error:?} {monitor:?}");
                // base64 of `scaler:hush-hush` is the other spelling.
                assert!(!all.contains("hush-hush"), "{all}");
                assert!(!all.contains("c2NhbGVyOmh1c2gtaHVzaA"), "{all}");
                assert!(error.text.contains("***"), "{error}");
            }
        }
    }
}
