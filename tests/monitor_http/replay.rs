use std::sync::Arc;

use forescale::domain::{Clock, ManualClock, Timestamp};
use forescale::monitor::FetchErrorKind;
use forescale::monitor::replay::{ReplayServer, ReplaySource};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{minutes, monitor, quick, spec};

/// The minute of the clock, as load.
struct Recording(ManualClock);

impl ReplaySource for Recording {
    fn value(&self, _: &str, at: Timestamp) -> Option<f64> {
        Some((at.as_secs() / 60 % 60) as f64)
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn knows(&self, query: &str) -> bool {
        query == spec().query
    }
}

#[tokio::test]
async fn the_monitor_reads_the_replay_endpoint_as_it_reads_prometheus() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let span = minutes(15_000);
    let recording = Arc::new(Recording(ManualClock::at(span.until)));
    let shutdown = CancellationToken::new();
    let server = ReplayServer::new(listener).run(recording.clone(), shutdown.clone());
    let server = tokio::spawn(server);

    let mut source = quick(&url);
    source.max_points = 100_000;
    let monitor = monitor(source);
    let fetched = monitor.fetch(&spec(), span).await.unwrap();
    assert_eq!(
        fetched.samples.len(),
        15_000,
        "over the limit of 11,000, in two windows"
    );
    assert_eq!(monitor.windows(&spec(), span).len(), 2, "and remembered");

    let half = Timestamp::from_secs(span.from.as_secs() + 60 * 10);
    recording.0.set(half);
    let fetched = monitor.fetch(&spec(), minutes(100)).await.unwrap();
    assert_eq!(fetched.samples.last().unwrap().at, half, "no future");

    let mut other = spec();
    other.query = "something_else".to_owned();
    let error = monitor.fetch(&other, minutes(5)).await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Query, "{error}");

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let response = client.get(format!("{url}{path}")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(get("/-/ready").await.0, 200);
    assert!(get("/api/v1/status/buildinfo").await.1.contains("version"));
    let query = url::form_urlencoded::byte_serialize(spec().query.as_bytes()).collect::<String>();
    let (status, text) = get(&format!("/api/v1/query?query={query}")).await;
    assert_eq!(status, 200);
    assert!(text.contains(r#""resultType":"vector""#), "{text}");
    assert_eq!(get("/api/v1/query?query=x").await.0, 400);

    shutdown.cancel();
    drop(client);
    drop(monitor);
    server.await.unwrap().unwrap();
}
