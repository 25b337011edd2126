//! What the plan would have cost and missed, how much of it counts, and what it was made from.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;

use super::Running;
use crate::domain::{Authority, Grade, Mode, PlanInputs, Score, Stage};
use crate::knowledge::samples::{self, NOW};
use crate::knowledge::{Decision, Workload};

fn score(replicas: f64, short: u32) -> Score {
    let mut score = Score::default();
    for minute in 0..120 {
        score.ask(replicas);
        score.add(1.0, minute < short);
    }
    score
}

/// In `auto` mode, as far as scaling out.
fn graded(running: &Running) -> Arc<Workload> {
    let workload = running.add("web");
    samples::fill(&workload, 30);
    workload.learned().memory.grade = Some(Arc::new(Grade {
        since: Some(NOW),
        plan: score(9.0, 0),
        reactive: score(10.0, 12),
        ..Grade::default()
    }));
    let mut published = samples::published(NOW);
    let mut plan = samples::plan(NOW);
    plan.mode = Mode::Auto;
    plan.authority = Some(Authority {
        stage: Stage::ScaleOut,
        since: NOW,
        why: "the plan has earned it".into(),
        next: Some("predictive is not unlocked: 2h of grades are too few".into()),
    });
    published.plan = Arc::new(plan);
    workload.publish(published);
    workload
}

#[tokio::test]
async fn the_detail_has_the_score_and_the_stage_with_what_led_there() {
    let running = Running::start().await;
    graded(&running);
    let (_, body) = running.get("/api/v1/workloads/shop/web").await;
    let web = &body["workloads"][0];
    let authority = &web["plan"]["authority"];
    assert_eq!(authority["stage"], "scale-out");
    assert_eq!(authority["why"], "the plan has earned it");
    let all = &web["grade"]["all"];
    assert_eq!(all["plan"]["replicaHours"], 18.0);
    assert_eq!(all["plan"]["costRatio"], 0.9);
    assert_eq!(all["reactive"]["overloadMinutes"], 12.0);
    assert_eq!(all["actual"], json!(null));
    let (_, body) = running.get("/api/v1/workloads").await;
    assert_eq!(
        body["workloads"][0]["plan"]["authority"]["stage"],
        "scale-out"
    );
}

#[tokio::test]
async fn metrics_have_the_score_of_each_way_to_scale_and_the_stage() {
    let running = Running::start().await;
    graded(&running);
    samples::fill(&running.add("other"), 30);
    let text = running
        .ask(Method::GET, "/metrics")
        .await
        .text()
        .await
        .unwrap();
    let has = |family: &str, labels: &str, value: &str| {
        let line = |line: &str| {
            line.starts_with(&format!("{family}{{namespace=\"shop\",name=\"web\""))
                && line.ends_with(&format!("{labels}}} {value}"))
        };
        assert!(
            text.lines().any(line),
            "{family} {labels} {value} is not in {text}"
        );
    };
    let authority = "forescale_workload_authority";
    has(authority, "stage=\"scale-out\"", "1.0");
    has(authority, "stage=\"predictive\"", "0.0");
    let grade = |of: &str| format!("forescale_workload_grade_{of}");
    has(&grade("replica_hours"), "way=\"plan\",over=\"all\"", "18.0");
    has(
        &grade("overload_minutes"),
        "way=\"reactive\",over=\"all\"",
        "12.0",
    );
    has(&grade("changes"), "way=\"plan\",over=\"day\"", "0.0");
    assert!(
        !text.contains("way=\"actual\""),
        "nobody reads what is ready"
    );
    let of_other = |line: &&str| line.contains("name=\"other\"") && line.contains("authority");
    assert_eq!(text.lines().find(of_other), None, "it is not in auto mode");
}

/// Leaves a decision behind, as the loop does.
fn decide(workload: &Workload) {
    let mut learned = workload.learned();
    learned.decision = Some(Arc::new(Decision {
        inputs: PlanInputs {
            now: NOW,
            observed: learned.live,
            ready: None,
            facts: None,
            fault: Some("no answer within 5s".into()),
            forecast: Some(Arc::new(samples::forecast(NOW))),
            distrust: None,
            memory: learned.memory.clone(),
        },
        plan: Arc::new(samples::plan(NOW)),
    }));
}

#[tokio::test]
async fn a_decision_is_shown_with_all_that_it_was_made_from() {
    let running = Running::start().await;
    let workload = running.add("web");
    let path = "/api/v1/workloads/shop/web/decision";
    let (_, body) = running.get(path).await;
    assert_eq!(body["decisions"][0]["record"], json!(null));
    samples::fill(&workload, 30);
    decide(&workload);
    let text = running.ask(Method::GET, path).await.text().await.unwrap();
    assert!(!text.contains("hush"), "a secret is shown: {text}");
    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
    let record = &body["decisions"][0]["record"];
    assert_eq!(record["inputs"]["fault"], "no answer within 5s");
    assert_eq!(record["plan"]["replicas"], 12);
    assert_eq!(record["spec"]["timezone"], "Europe/Berlin");
    let (status, body) = running.get("/api/v1/workloads/shop/wbe/decision").await;
    assert_eq!(status, 404);
    assert!(
        body["hint"].as_str().unwrap().contains("`shop/web`"),
        "{body}"
    );
}
