//! The JSON about workloads.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Running;
use crate::domain::Timestamp;
use crate::knowledge::samples::{self, NOW};

#[tokio::test]
async fn the_list_is_sorted_and_filtered_and_says_what_is_planned() {
    let running = Running::start().await;
    for name in ["web", "api"] {
        samples::fill(&running.add(name), 30);
    }
    let (status, body) = running.get("/api/v1/workloads").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["total"], 2);
    let first = &body["workloads"][0];
    assert_eq!(body["workloads"][1]["name"], "web");
    let plan = serde_json::to_value(samples::plan(NOW)).unwrap();
    let id = running.board.of_scaled_object("shop", "api")[0]
        .key
        .id()
        .to_string();
    let expected = json!({
        "namespace": "shop", "name": "api", "id": id, "mode": "predictive", "model": "auto",
        "query": samples::spec().query, "registeredAt": NOW.as_millis(), "registeredBy": "keda", "lastAskedAt": NOW.as_millis(),
        "plan": plan, "trust": null, "relativeError": null,
        "health": {
            "lastSuccess": NOW.as_millis(), "fault": null, "faultsInARow": 0, "warnings": [], "backfilled": true,
        },
        "warnings": ["`horizon` is longer than `history`"],
    });
    assert_eq!(*first, expected);
    let (_, none) = running.get("/api/v1/workloads?namespace=other").await;
    assert_eq!(none, json!({"total": 0, "workloads": []}));
    let (_, second) = running
        .get("/api/v1/workloads?namespace=shop&limit=1&offset=1")
        .await;
    assert_eq!(
        (&second["total"], &second["workloads"][0]["name"]),
        (&json!(2), &json!("web"))
    );
}

#[tokio::test]
async fn the_detail_has_history_forecast_settings_and_one_entry_for_each_trigger() {
    let running = Running::start().await;
    let workload = running.add("web");
    samples::fill(&workload, 500);
    let gap = Timestamp::from_secs(NOW.as_secs() + 120);
    workload.learned().history.record(gap, 42.5);
    let other = samples::key("web", &[("query", "other")]);
    running
        .board
        .register(other, samples::spec(), vec![], NOW)
        .unwrap();
    let (status, body) = running.get("/api/v1/workloads/shop/web?since=5m").await;
    assert_eq!(status, StatusCode::OK);
    let all = body["workloads"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    let (full, empty) = if all[0]["plan"].is_null() {
        (&all[1], &all[0])
    } else {
        (&all[0], &all[1])
    };
    let history = &full["history"];
    assert_eq!(history["stepSeconds"], 60);
    assert_eq!(
        history["start"],
        Timestamp::from_secs(NOW.as_secs() - 120).as_millis()
    );
    let values = history["values"].as_array().unwrap();
    assert_eq!(
        (values.len(), &values[3], &values[4]),
        (5, &Value::Null, &json!(42.5))
    );
    let forecast = &full["forecast"];
    assert_eq!(forecast["origin"], NOW.as_millis());
    assert_eq!(
        (&forecast["model"], &forecast["standIn"]),
        (&json!("seasonal-naive"), &Value::Null)
    );
    assert_eq!(forecast["paths"]["0.95"].as_array().unwrap().len(), 30);
    assert_eq!(forecast["levels"].as_array().unwrap().len(), 9);
    assert_eq!(full["spec"]["threshold"], 50.0);
    assert_eq!(full["recentPlans"].as_array().unwrap().len(), 60);
    assert_eq!(full["fit"]["scores"][0]["model"], "seasonal-naive");
    assert!(
        !body.to_string().contains("hush"),
        "a header's value is nobody's business"
    );
    assert_eq!(empty["history"]["values"], json!([]));
    assert_eq!(empty["forecast"], Value::Null);
    let (_, thin) = running
        .get("/api/v1/workloads/shop/web?since=8h&points=48")
        .await;
    let thin = thin["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .find(|w| !w["plan"].is_null())
        .unwrap();
    assert_eq!(thin["history"]["stepSeconds"], 600);
    assert_eq!(thin["history"]["values"].as_array().unwrap().len(), 48);
}

#[tokio::test]
async fn an_unknown_workload_gets_the_nearest_names() {
    let running = Running::start().await;
    let (status, body) = running.get("/api/v1/workloads/shop/wbe").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        body["hint"]
            .as_str()
            .unwrap()
            .starts_with("no workload is registered"),
        "{body}"
    );
    running.add("web");
    running.add("checkout");
    let (_, body) = running.get("/api/v1/workloads/shop/wbe").await;
    let expected = json!({
        "error": "there is no workload `shop/wbe`",
        "hint": "the nearest known ones are `shop/web`, `shop/checkout`",
    });
    assert_eq!(body, expected);
}
