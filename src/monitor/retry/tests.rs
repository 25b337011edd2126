use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tower::retry::RetryLayer;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::super::error::FetchErrorKind;
use super::super::request::{Query, Rules};
use super::super::span::Span;
use super::*;
use crate::domain::{HumanDuration, Timestamp};
use crate::monitor::tests::spec;

/// Answers with one failure after another, then with success.
async fn attempts(settings: RetryConfig, failures: &[Failure], total: Duration) -> (u32, bool) {
    let count = Arc::new(AtomicU32::new(0));
    let (counted, failures) = (Arc::clone(&count), failures.to_vec());
    let server = service_fn(move |_: RangeRequest| {
        let turn = counted.fetch_add(1, Ordering::SeqCst) as usize;
        let result = failures.get(turn).cloned().map_or(Ok(()), Err);
        async move { result }
    });
    let policy = RetryPolicy::new(settings, Counter::default());
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .service(server);
    let fine = service.oneshot(request(total)).await.is_ok();
    (count.load(Ordering::SeqCst), fine)
}

fn request(total: Duration) -> RangeRequest {
    let query = Query::of(&spec(), &Rules::default()).unwrap();
    RangeRequest {
        query: Arc::new(query),
        span: Span {
            from: Timestamp::from_secs(0),
            until: Timestamp::from_secs(60),
            step: Duration::from_mins(1),
        },
        timeout: Duration::from_secs(5),
        hasty: false,
        deadline: Instant::now() + total,
    }
}

fn settings(max_attempts: u32) -> RetryConfig {
    RetryConfig {
        max_attempts,
        initial_backoff: HumanDuration::from_secs(1),
        max_backoff: HumanDuration::from_secs(8),
        jitter: 0.0,
    }
}

fn passing(retry_after: Option<u64>) -> Failure {
    Failure::passing(FetchErrorKind::RateLimited, "busy".to_owned())
        .with_retry_after(retry_after.map(Duration::from_secs))
}

#[tokio::test(start_paused = true)]
async fn what_may_mend_is_tried_again_up_to_the_limit() {
    let long = Duration::from_secs(100);
    let ill = [passing(None), passing(None), passing(None)];
    assert_eq!(
        attempts(settings(3), &ill[..2], long).await,
        (3, true),
        "mended"
    );
    assert_eq!(
        attempts(settings(3), &ill, long).await,
        (3, false),
        "given up"
    );
    assert_eq!(
        attempts(settings(1), &ill, long).await,
        (1, false),
        "no retries"
    );
}

#[tokio::test(start_paused = true)]
async fn what_will_not_mend_is_not_tried_again() {
    let refused = [Failure::lasting(
        FetchErrorKind::Query,
        "parse error".into(),
    )];
    let tried = attempts(settings(3), &refused, Duration::from_secs(100)).await;
    assert_eq!(tried, (1, false));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_when_the_deadline_allows() {
    let started = Instant::now();
    let tried = attempts(settings(3), &[passing(Some(7))], Duration::from_secs(10)).await;
    assert_eq!(tried, (2, true));
    // Virtual time: exact, whatever the machine does.
    let waited = started.elapsed().as_millis();
    assert!((7000..7010).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_could_not_start_in_time_is_not_waited_for() {
    let started = Instant::now();
    let tried = attempts(settings(3), &[passing(Some(60))], Duration::from_secs(10)).await;
    assert_eq!(tried, (1, false));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[test]
fn waits_double_up_to_the_longest_and_chance_only_shortens_them() {
    let mut settings = settings(10);
    let seconds: Vec<f64> = (1..=6)
        .map(|attempt| backoff(&settings, attempt, 0.7).as_secs_f64())
        .collect();
    assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]);

    settings.jitter = 0.5;
    for chance in [0.0, 0.25, 0.5, 1.0] {
        let wait = backoff(&settings, 2, chance).as_secs_f64();
        assert!((1.0..=2.0).contains(&wait), "{wait}");
    }
    assert_eq!(
        backoff(&settings, u32::MAX, 0.0),
        Duration::from_secs(8),
        "no overflow"
    );
}
