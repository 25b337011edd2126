//! `explain` against the real HTTP server, in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::admin::{Config, Heartbeat, Info, Readiness, Server, SourceInfo, State};
use crate::domain::{
    Anomaly, AnomalyKind, Authority, Basis, Grade, Limit, ManualClock, Mode, Reason, Score, Stage,
    Standing, Timestamp, Trust,
};
use crate::knowledge::samples::{self, NOW};
use crate::knowledge::{Board, Fault, FaultKind, Published, SideQuery, Workload};

struct Running {
    addr: SocketAddr,
    board: Arc<Board>,
    readiness: Readiness,
    _stop: DropGuard,
}

/// A server whose clock shows 12 s after the last plan.
async fn running() -> Running {
    let board = Arc::new(Board::new(100));
    let readiness = Readiness::default();
    let later = Timestamp::from_secs(NOW.as_secs() + 12);
    let state = State {
        board: Arc::clone(&board),
        clock: Arc::new(ManualClock::at(later)),
        registry: Arc::default(),
        log: None,
        readiness: readiness.clone(),
        heartbeat: Heartbeat::new(Duration::from_hours(1)),
        planner: Arc::new(serde_json::to_value(crate::plan::Config::default()).unwrap()),
        info: Info {
            version: "1.2.3".into(),
            commit: "abc".into(),
            started_at: NOW,
            onnx_engine: "rten".into(),
            sources: vec![SourceInfo {
                name: "default".into(),
                url: "http://prometheus:9090".into(),
            }],
            settings_fingerprint: "f00d".into(),
        },
    };
    let config = Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Config::default()
    };
    let bound = Server::bind(&config).await.unwrap();
    let addr = bound.addr();
    let stop = CancellationToken::new();
    tokio::spawn(bound.serve(state, stop.clone()));
    Running {
        addr,
        board,
        readiness,
        _stop: stop.drop_guard(),
    }
}

impl Running {
    fn add(&self, name: &str, query: &str) -> Arc<Workload> {
        let key = samples::key(name, &[("query", query)]);
        self.board
            .register(key, samples::spec(), vec![], NOW)
            .unwrap()
    }

    /// A workload of which all is known.
    fn full(&self, name: &str, change: impl FnOnce(&mut Published)) {
        let workload = self.add(name, "up");
        samples::fill(&workload, 120);
        let mut published = samples::published(NOW);
        published.standing = Some(Arc::new(samples::standing(NOW)));
        change(&mut published);
        workload.publish(published);
    }

    async fn ask(&self, target: &str, format: Format) -> anyhow::Result<String> {
        ask(&format!("http://{}", self.addr), target, format).await
    }

    async fn told(&self, target: &str) -> String {
        self.ask(target, Format::Text).await.unwrap()
    }
}

async fn ask(address: &str, target: &str, format: Format) -> anyhow::Result<String> {
    let args = Args {
        target: Some(target.parse().unwrap()),
        address: address.parse().unwrap(),
        format,
        recompute: false,
        record: None,
    };
    explain(&args).await.map(|(text, _)| text)
}

/// Line breaks and indents are for the eye.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(flat(text).contains(part), "`{part}` is missing in\n{text}");
    }
}

#[tokio::test]
async fn a_person_on_call_reads_the_number_and_everything_it_rests_on() {
    let running = running().await;
    running.full("web", |_| {});
    let text = running.told("shop/web").await;
    assert_says(
        &text,
        &[
            "KEDA is told 12 replicas (a load of 600 at 50 for each). That rests on the forecast; the measured load \
             alone asks for 9.",
            ", 12s ago, at 2023-11-14T22:14:00Z; 15m before that it was",
            "a peak of 571.3 within the next 3m (at 2023-11-14T22:17:00Z, in 2m48s), by seasonal-naive: at or \
             below that in 95 % of cases",
            "Why 12 1. forecast, 0 to 12: the 0.95 path peaks at 571.3",
            "2. scale-down-window, 12: 12 replicas were planned within the last 5m (planned 12s ago)",
            "Forecast linear-log carries 43 % at 15m: its error is 0.71 of the last value's",
            "Score over about 812 forecasts lately its error is 0.64 of the last value's",
            "its levels covered 49 % of loads (nominal 50 %)",
            "91.2 % of loads (nominal 90 %)",
            "Trust earned: its error is 0.64 of the last value's",
            "Data source `default` (http://prometheus:9090) last gave a usable sample 12s ago",
        ],
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}

#[tokio::test]
async fn without_fresh_data_it_says_what_is_wrong_and_that_the_plan_is_held() {
    let running = running().await;
    running.full("web", |published| {
        let mut plan = samples::plan(NOW);
        plan.basis = Basis::Held;
        (plan.observed, plan.peak) = (None, None);
        plan.reasons = vec![Reason {
            limit: Limit::Hold,
            from: 12,
            to: 12,
            text: "the last good plan is held".into(),
        }];
        published.plan = Arc::new(plan);
        published.health.faults_in_a_row = 4;
        published.health.fault = Some(Fault {
            at: NOW,
            kind: FaultKind::Timeout,
            text: "no answer within 5s".into(),
        });
    });
    let text = running.told("shop/web").await;
    assert_says(
        &text,
        &[
            "That is the last good plan, held or raised, because there is no fresh data.",
            "Measured nothing that still counts",
            "Expected no forecast was used",
            "1. hold, 12: the last good plan is held",
            "fault (timeout, 12s ago, 4 in a row): no answer within 5s",
        ],
    );
}

#[tokio::test]
async fn lost_trust_is_told_with_its_reason_and_since_when() {
    let running = running().await;
    running.full("web", |published| {
        published.standing = Some(Arc::new(Standing {
            trust: Trust::Lost {
                since: Timestamp::from_secs(NOW.as_secs() - 600),
                why: "its error was 1.31 of the last value's".into(),
            },
            ..samples::standing(NOW)
        }));
    });
    assert_says(
        &running.told("shop/web").await,
        &[
            "Trust lost: its error was 1.31 of the last value's; the measured load decides until the forecast has earned \
             its place again (since 2023-11-14T22:04:00Z, 10m12s ago)",
        ],
    );
}

#[tokio::test]
async fn shadow_mode_and_a_number_of_zero_are_not_mistaken_for_the_plan() {
    let running = running().await;
    running.full("web", |published| {
        let mut plan = samples::plan(NOW);
        (plan.mode, plan.basis) = (Mode::Shadow, Basis::Reactive);
        (plan.replicas, plan.active) = (0, false);
        published.plan = Arc::new(plan);
    });
    assert_says(
        &running.told("shop/web").await,
        &[
            "KEDA is told 0 replicas",
            "in shadow mode the plan of 12 replicas is only published.",
            "counts as inactive, so KEDA may scale it to zero.",
        ],
    );
}

#[tokio::test]
async fn a_plan_that_may_only_add_is_told_so() {
    let running = running().await;
    running.full("web", |published| {
        let mut plan = samples::plan(NOW);
        (plan.mode, plan.basis, plan.replicas) = (Mode::ScaleOut, Basis::Reactive, 15);
        published.plan = Arc::new(plan);
    });
    assert_says(
        &running.told("shop/web").await,
        &[
            "KEDA is told 15 replicas",
            "in scale-out mode the plan of 12 replicas may only add replicas.",
        ],
    );
}

#[tokio::test]
async fn auto_mode_tells_what_was_earned_and_what_is_missing_beside_the_score() {
    let running = running().await;
    running.full("web", |published| {
        let mut plan = samples::plan(NOW);
        (plan.mode, plan.basis, plan.replicas) = (Mode::Auto, Basis::Reactive, 9);
        plan.authority = Some(Authority {
            stage: Stage::Shadow,
            since: NOW,
            why: "the plan is graded before it has a say".into(),
            next: Some(
                "scale-out is not unlocked: 2h of grades are too few, 1d are asked for".into(),
            ),
        });
        published.plan = Arc::new(plan);
    });
    let workload = &running.board.of_scaled_object("shop", "web")[0];
    let mut score = Score::default();
    score.ask(4.0);
    score.add(120.0, false);
    workload.learned().memory.grade = Some(Arc::new(Grade {
        since: Some(NOW),
        plan: score,
        reactive: score,
        ..Grade::default()
    }));
    assert_says(
        &running.told("shop/web").await,
        &[
            "in auto mode the plan of 12 replicas is only published.",
            "Authority shadow since 2023-11-14T22:14:00Z, 12s ago: the plan is graded before it has a say",
            "scale-out is not unlocked: 2h of grades are too few",
            "Grade over the last day, of which 2h are scored: the plan takes 8.0 replica hours",
        ],
    );
}

#[tokio::test]
async fn several_triggers_are_told_one_after_the_other_also_one_without_a_plan() {
    let running = running().await;
    running.full("web", |_| {});
    let young = running.add("web", "other");
    young.note_first_fault(Fault {
        at: NOW,
        kind: FaultKind::Empty,
        text: "the query gives no series".into(),
    });
    {
        let mut learned = young.learned();
        let reading = learned.side.of_mut(SideQuery::Replicas);
        (reading.asked, reading.fault) = (Some(NOW), Some("it returned no data".into()));
    }
    let _waiting = running.readiness.latch("the snapshot");
    let text = running.told("shop/web").await;
    assert_says(
        &text,
        &[
            "(1 of 2)",
            "(2 of 2)",
            "KEDA is told 12 replicas",
            "There is no plan yet, and KEDA is told so instead of a number.",
            "nothing is known yet of how well forecasts do",
            "source `default` (http://prometheus:9090) has never given a usable sample",
            "fault (empty, 12s ago): the query gives no series",
            "its history has not been read back to the end yet",
            "`replicasQuery` teaches nothing at present: it returned no data",
            "this Forescale is not ready: waiting for the snapshot",
        ],
    );
}

#[tokio::test]
async fn json_is_the_answer_of_the_api_itself() {
    let running = running().await;
    running.full("web", |_| {});
    let json = running.ask("shop/web", Format::Json).await.unwrap();
    let url = format!("http://{}/api/v1/workloads/shop/web", running.addr);
    let body = reqwest::get(url).await.unwrap().text().await.unwrap();
    assert_eq!(json.trim_end(), body);
    assert!(
        json.contains("\"text\":\"linear-log carries 43 %"),
        "{json}"
    );
}

#[tokio::test]
async fn an_unknown_workload_gets_the_near_names() {
    let running = running().await;
    running.add("web", "up");
    running.add("checkout", "up");
    for format in [Format::Text, Format::Json] {
        let error = running.ask("shop/wbe", format).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no workload `shop/wbe`\nhint: the nearest known ones are `shop/web`, `shop/checkout`"
        );
    }
}

#[tokio::test]
async fn a_name_with_strange_letters_is_asked_for_as_it_is() {
    let running = running().await;
    running.add("we b?x=1#%2F", "up");
    let text = running.told("shop/we b?x=1#%2F").await;
    assert!(text.starts_with("shop/we b?x=1#%2F, trigger "), "{text}");
}

#[tokio::test]
async fn an_address_where_nobody_is_gets_named_with_what_to_try() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);
    let error = ask(&addr.to_string(), "shop/web", Format::Text).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("can't reach Forescale at `http://{addr}`: "))
            && error.contains("port-forward")
            && error.contains("--address"),
        "{error}"
    );
}

#[tokio::test]
async fn somebody_else_at_the_address_is_told_from_forescale() {
    use axum::routing::get;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = axum::Router::new().route("/api/v1/status", get(async || "{\"now\": \"noon\"}"));
    tokio::spawn(async move { axum::serve(listener, other).await });
    let error = ask(&address, "shop/web", Format::Text).await.unwrap_err();
    assert_says(
        &error.to_string(),
        &[
            "does not speak this Forescale's API: now: invalid type",
            "not the gRPC one",
        ],
    );
    let error = ask(&address, "shop/web", Format::Json).await.unwrap_err();
    assert_says(&error.to_string(), &["HTTP status 404"]);
}

#[test]
fn targets_and_addresses_that_can_not_be_meant_are_refused() {
    for target in ["web", "shop/", "/web", "a/b/c", ""] {
        assert!(target.parse::<Target>().is_err(), "{target}");
    }
    for address in ["ftp://x", "http://", "unix:///run/x", "http://a b"] {
        assert!(address.parse::<Address>().is_err(), "{address}");
    }
    let bare: Address = "localhost:8080".parse().unwrap();
    assert_eq!(bare.to_string(), "http://localhost:8080");
    let prefixed: Address = "https://example.test/forescale/".parse().unwrap();
    assert_eq!(prefixed.to_string(), "https://example.test/forescale");
}

#[tokio::test]
async fn what_was_unusual_is_told_the_newest_first() {
    let running = running().await;
    running.full("calm", |_| {});
    assert!(!running.told("shop/calm").await.contains("Unusual"));
    running.full("web", |published| {
        let spike = |minutes: u64| Anomaly {
            kind: AnomalyKind::ScrapeSpike,
            from: NOW - Duration::from_mins(minutes),
            until: NOW - Duration::from_mins(minutes - 1),
            magnitude: Some(4180.0),
        };
        published.anomalies = [90, 70, 50, 30, 10].map(spike).into();
    });
    let text = running.told("shop/web").await;
    assert_says(
        &text,
        &[
            "Unusual scrape-spike of 1m, up to 4180: stands alone, replaced (from 2023-11-14T22:04:00Z, 10m12s ago)",
            "and 2 more before that",
        ],
    );
}
