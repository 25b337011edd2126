//! The page.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use tokio_util::sync::CancellationToken;

use super::{Running, info};
use crate::admin::{Config, Heartbeat, Readiness, Server, State};
use crate::domain::{Basis, ManualClock, Standing, Timestamp, Trust};
use crate::knowledge::samples::{self, NOW};
use crate::knowledge::{Board, Fault, FaultKind};

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_says_so_to_the_browser() {
    let running = Running::start().await;
    let (one, two) = (
        running.ask(Method::GET, "/").await,
        running.ask(Method::GET, "/").await,
    );
    let policy = |response: &reqwest::Response| {
        response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (first, second) = (policy(&one), policy(&two));
    assert_ne!(first, second, "a new number for each answer");
    assert!(
        first.contains("default-src 'none'") && !first.contains("unsafe"),
        "{first}"
    );
    let html = one.text().await.unwrap();
    let nonce = first
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert_eq!(html.matches(nonce).count(), 2, "the script and the style");
    let outside = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http://") && !outside.contains("https://") && !html.contains("{{"));
    assert!(
        !html.contains("innerHTML"),
        "names come from tenants and must stay text"
    );
}

/// `cargo test --lib page_for_the_eye -- --ignored`, then open <http://127.0.0.1:8099> for a minute.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "for looking at the page, proves nothing"]
async fn page_for_the_eye() {
    let config = Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 8099)),
        ..Config::default()
    };
    let board = Arc::new(Board::new(100));
    let add = |name: &str| {
        let key = samples::key(name, &[("query", "up")]);
        board.register(key, samples::spec(), vec![], NOW).unwrap()
    };
    samples::fill(&add("web"), 20_160);
    super::publish(&add("checkout"), samples::standing(NOW));
    add("just-arrived");
    let unproven = Standing {
        score: None,
        trust: Trust::Unproven,
        ..samples::standing(NOW)
    };
    super::publish(&add("young"), unproven);
    let held = add("search-with-a-rather-long-name-in-production");
    samples::fill(&held, 3000);
    let mut published = samples::published(NOW);
    published.standing = Some(Arc::new(Standing {
        trust: Trust::Lost {
            since: Timestamp::from_secs(NOW.as_secs() - 780),
            why: "its error over the last 60 forecasts was 1.31 of the last value's".into(),
        },
        ..samples::standing(NOW)
    }));
    let mut plan = samples::plan(NOW);
    plan.basis = Basis::Held;
    published.plan = Arc::new(plan);
    published.forecast = None;
    published.health.faults_in_a_row = 4;
    published.health.fault = Some(Fault {
        at: Timestamp::from_secs(NOW.as_secs() - 70),
        kind: FaultKind::Timeout,
        text: "source `default`: no answer within 5s from http://prometheus-server.monitoring:9090"
            .into(),
    });
    held.publish(published);
    let state = State {
        board: Arc::clone(&board),
        clock: Arc::new(ManualClock::at(NOW)),
        registry: Arc::default(),
        log: None,
        readiness: Readiness::default(),
        heartbeat: Heartbeat::new(Duration::from_hours(1)),
        planner: Arc::default(),
        info: info(),
    };
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_mins(1)).await;
        stop.cancel();
    });
    Server::bind(&config)
        .await
        .unwrap()
        .serve(state, shutdown)
        .await
        .unwrap();
}
