use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forescale::domain::{HumanDuration, TriggerSpec};
use forescale::monitor::{Config, FetchErrorKind, Metrics, Monitor, Span};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::fixtures::{
    Seen, Server, minutes, monitor, nobody, ones, prometheus_error, quick, spec,
};

/// Refuses windows of more than `most` evaluation times in the words of `message`.
async fn limited(most: u64, status: u16, message: &'static str) -> Server {
    Server::of(move |_, seen: Seen| -> Response {
        if seen.points() > most {
            return prometheus_error(status, "bad_data", message);
        }
        ones(&seen).into_response()
    })
    .await
}

fn points(windows: &[Span]) -> Vec<u64> {
    windows.iter().map(Span::points).collect()
}

#[tokio::test]
async fn a_long_span_is_read_in_windows_without_gap_or_repetition() {
    let server = Server::of(|_, seen| ones(&seen)).await;
    let mut source = quick(&server.url);
    source.max_points = 1000;
    let fetched = monitor(source).fetch(&spec(), minutes(2500)).await.unwrap();

    let step = minutes(2).step;
    assert_eq!(fetched.samples.len(), 2500);
    assert!(
        fetched
            .samples
            .windows(2)
            .all(|pair| pair[0].at + step == pair[1].at)
    );
    let asked: Vec<u64> = server.seen().iter().map(Seen::points).collect();
    assert_eq!(asked, [500, 1000, 1000]);
}

#[tokio::test]
async fn a_server_with_a_smaller_limit_teaches_it() {
    let server = limited(
        3000,
        422,
        "too many points for the given step=60000, start=1 and end=2: 11000; the maximum number of points is 3000 \
         (see -search.maxPointsPerTimeseries)",
    )
    .await;
    let monitor = monitor(quick(&server.url));
    assert_eq!(points(&monitor.windows(&spec(), minutes(11_000))), [11_000]);

    let fetched = monitor.fetch(&spec(), minutes(11_000)).await.unwrap();
    assert_eq!(fetched.samples.len(), 11_000);
    assert!(
        fetched
            .samples
            .windows(2)
            .all(|pair| pair[0].at < pair[1].at)
    );

    let asked = server.count();
    assert_eq!(
        points(&monitor.windows(&spec(), minutes(11_000))),
        [2750; 4]
    );
    monitor.fetch(&spec(), minutes(11_000)).await.unwrap();
    assert_eq!(server.count(), asked + 4, "not refused again");
}

#[tokio::test]
async fn a_limit_on_time_is_kept_as_time() {
    // A day and one evaluation more is too long.
    let server = limited(
        1441,
        400,
        "the total query time range exceeds the limit (query length: 48h0m0s, limit: 24h0m0s) \
         (err-mimir-max-total-query-length)",
    )
    .await;
    let monitor = monitor(quick(&server.url));
    monitor.fetch(&spec(), minutes(2880)).await.unwrap();

    let coarse = |points: u32| {
        let step = Duration::from_hours(1);
        let from = minutes(1).from;
        Span {
            from,
            until: from + step * (points - 1),
            step,
        }
    };
    let windows = monitor.windows(&spec(), coarse(48));
    assert_eq!(points(&windows), [24, 24], "a day at any step");
}

#[tokio::test]
async fn what_only_one_query_is_too_heavy_for_is_not_held_against_the_others() {
    let server = limited(
        200,
        422,
        "query processing would load too many samples into memory in query execution",
    )
    .await;
    let monitor = monitor(quick(&server.url));
    let fetched = monitor.fetch(&spec(), minutes(1000)).await.unwrap();
    assert_eq!(fetched.samples.len(), 1000);
    assert_eq!(points(&monitor.windows(&spec(), minutes(1000))), [1000]);
}

#[tokio::test]
async fn a_server_that_finds_every_window_too_long_is_not_asked_for_ever() {
    let server = limited(0, 400, "exceeded maximum resolution of 11,000 points").await;
    let monitor = monitor(quick(&server.url));
    let error = monitor.fetch(&spec(), minutes(11_000)).await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Query, "{error}");
    assert!(server.count() <= 16, "{}", server.count());
    assert_eq!(points(&monitor.windows(&spec(), minutes(11_000))), [11_000]);
}

#[tokio::test]
async fn more_evaluation_times_than_anyone_needs_are_refused_before_they_are_asked_for() {
    let server = Server::of(|_, seen| ones(&seen)).await;
    let error = monitor(quick(&server.url))
        .fetch(&spec(), minutes(2_000_000))
        .await;
    assert_eq!(error.unwrap_err().kind, FetchErrorKind::Config);
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn no_more_requests_than_the_limit_are_under_way() {
    let gate = Arc::new(Semaphore::new(0));
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (held, now, peak) = (Arc::clone(&gate), Arc::clone(&under_way), Arc::clone(&most));
    let server = Server::start(move |_, seen| {
        let (held, now, peak) = (Arc::clone(&held), Arc::clone(&now), Arc::clone(&peak));
        Box::pin(async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            held.acquire().await.unwrap().forget();
            now.fetch_sub(1, Ordering::SeqCst);
            ones(&seen).into_response()
        })
    })
    .await;
    let mut source = quick(&server.url);
    source.concurrency = 3;
    let monitor = Arc::new(monitor(source));
    let reads: Vec<_> = (0..12)
        .map(|_| {
            let monitor = Arc::clone(&monitor);
            tokio::spawn(async move { monitor.fetch(&spec(), minutes(5)).await })
        })
        .collect();
    while under_way.load(Ordering::SeqCst) < 3 {
        tokio::task::yield_now().await;
    }
    // Time for a fourth to come, if it could.
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.add_permits(12);
    for read in reads {
        read.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn triggers_with_a_longer_time_out_leave_slots_to_the_others() {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let server = Server::start(move |_, seen| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            if seen.get("query") == "slow" {
                held.acquire().await.unwrap().forget();
            }
            ones(&seen).into_response()
        })
    })
    .await;
    let mut source = quick(&server.url);
    source.concurrency = 4;
    let monitor = Arc::new(monitor(source));
    let slow = TriggerSpec {
        query: "slow".to_owned(),
        timeout: Some(HumanDuration::from_secs(120)),
        ..spec()
    };
    let reads: Vec<_> = (0..4)
        .map(|_| {
            let (monitor, slow) = (Arc::clone(&monitor), slow.clone());
            tokio::spawn(async move { monitor.fetch(&slow, minutes(5)).await })
        })
        .collect();
    while server.count() < 2 {
        tokio::task::yield_now().await;
    }
    // Time for a third to come, if it could.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fetched = monitor.fetch(&spec(), minutes(5)).await.unwrap();
    assert_eq!(fetched.samples.len(), 5);
    assert_eq!(server.count(), 3, "two slow ones wait for their turn");
    gate.add_permits(4);
    for read in reads {
        read.await.unwrap().unwrap();
    }
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn waiting_for_a_slot_ends_with_the_read_s_time() {
    let never = Server::start(|_, _| Box::pin(std::future::pending())).await;
    let mut source = quick(&never.url);
    source.concurrency = 1;
    source.timeout = HumanDuration(Duration::from_millis(400));
    source.total_timeout = HumanDuration(Duration::from_millis(400));
    source.retries.max_attempts = 1;
    let monitor = monitor(source);
    let (spec, span) = (spec(), minutes(5));
    let (first, second) = tokio::join!(monitor.fetch(&spec, span), monitor.fetch(&spec, span));
    assert_eq!(first.unwrap_err().kind, FetchErrorKind::Timeout);
    assert_eq!(second.unwrap_err().kind, FetchErrorKind::Timeout);
}

#[tokio::test]
async fn a_failing_server_is_left_alone_and_probed_later() {
    let well = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&well);
    let server = Server::of(move |_, seen| {
        if state.load(Ordering::SeqCst) {
            return ones(&seen).into_response();
        }
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
    .await;
    let mut source = quick(&server.url);
    source.retries.max_attempts = 1;
    source.circuit_breaker.failures = 2;
    source.circuit_breaker.open_for = HumanDuration(Duration::from_secs(3));
    let monitor = monitor(source);
    let read = async || monitor.fetch(&spec(), minutes(5)).await;

    for _ in 0..2 {
        assert_eq!(read().await.unwrap_err().kind, FetchErrorKind::Status);
    }
    let error = read().await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::CircuitOpen, "{error}");
    assert!(error.text.contains("status 500"), "{error}");
    assert!(error.retry_after.is_some());
    assert_eq!(server.count(), 2);

    well.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    assert_eq!(read().await.unwrap().samples.len(), 5);
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn what_happens_can_be_watched() {
    let server = Server::of(|turn, seen| match turn {
        0 => StatusCode::BAD_GATEWAY.into_response(),
        _ => ones(&seen).into_response(),
    })
    .await;
    let mut broken = quick(&format!("http://{}", nobody().await));
    broken.circuit_breaker.failures = 1;
    let config = Config {
        sources: [
            ("default".to_owned(), quick(&server.url)),
            ("broken".to_owned(), broken),
        ]
        .into(),
        allowed_server_addresses: vec![server.url.replace("127.0.0.1", "localhost")],
    };
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    let monitor = Monitor::new(&config, metrics).unwrap();

    let mut spec = spec();
    monitor.fetch(&spec, minutes(5)).await.unwrap();
    spec.source = forescale::domain::SourceRef::Named("broken".to_owned());
    for _ in 0..2 {
        monitor.fetch(&spec, minutes(5)).await.unwrap_err();
    }
    spec.source = forescale::domain::SourceRef::Address(config.allowed_server_addresses[0].clone());
    let _ = monitor.fetch(&spec, minutes(5)).await;

    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        r#"forescale_monitor_requests_total{source="default",outcome="success"} 1"#,
        r#"forescale_monitor_requests_total{source="broken",outcome="unreachable"} 1"#,
        r#"forescale_monitor_requests_total{source="broken",outcome="circuit-open"} 1"#,
        r#"forescale_monitor_requests_total{source="serverAddress","#,
        r#"forescale_monitor_retries_total{source="default"} 1"#,
        r#"forescale_monitor_retries_total{source="broken"} 2"#,
        r#"forescale_monitor_circuits_open{source="default"} 0"#,
        r#"forescale_monitor_circuits_open{source="broken"} 1"#,
        r#"forescale_monitor_request_duration_seconds_count{source="default"} 1"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
