//! How good forecasts are and who carries them: the API and the metrics.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Running, publish};
use crate::domain::{Anomaly, AnomalyKind, Standing, Timestamp, Trust};
use crate::knowledge::samples::{self, NOW};

async fn only(running: &Running, path: &str) -> Value {
    let (_, mut body) = running.get(path).await;
    body["workloads"][0].take()
}

fn lost() -> Standing {
    Standing {
        trust: Trust::Lost {
            since: Timestamp::from_secs(NOW.as_secs() - 600),
            why: "its error over the last hour was 1.31 of the last value's".into(),
        },
        ..samples::standing(NOW)
    }
}

#[tokio::test]
async fn the_list_says_whom_to_trust_and_by_how_much() {
    let running = Running::start().await;
    publish(&running.add("web"), lost());
    let web = only(&running, "/api/v1/workloads").await;
    assert_eq!(
        (&web["trust"], &web["relativeError"]),
        (&json!("lost"), &json!(0.64))
    );
}

#[tokio::test]
async fn the_list_can_be_narrowed_to_a_part_of_the_name_and_a_state_of_trust() {
    let running = Running::start().await;
    publish(&running.add("web-shop"), lost());
    publish(&running.add("web-admin"), samples::standing(NOW));
    running.add("just-arrived");
    let names = async |query: &str| -> Vec<String> {
        let (_, body) = running.get(&format!("/api/v1/workloads?{query}")).await;
        let all = body["workloads"].as_array().unwrap().iter();
        assert_eq!(body["total"], all.len());
        all.map(|w| w["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("contains=SHOP/web").await, ["web-admin", "web-shop"]);
    assert_eq!(names("contains=arrived").await, ["just-arrived"]);
    assert_eq!(names("trust=lost").await, ["web-shop"]);
    assert_eq!(names("trust=earned&contains=shop/web-s").await, [""; 0]);
}

#[tokio::test]
async fn the_detail_has_each_model_with_its_weights_errors_and_why() {
    let running = Running::start().await;
    publish(&running.add("web"), samples::standing(NOW));
    let standing = &only(&running, "/api/v1/workloads/shop/web").await["standing"];
    assert_eq!(standing["at"], NOW.as_millis());
    assert_eq!(standing["leads"], json!([60, 300, 900, 1800]));
    let expected = json!({
        "model": "linear-log",
        "weights": [0.31, 0.38, 0.43, 0.4],
        "relativeErrors": [0.88, 0.79, 0.71, 0.69],
        "text": "linear-log carries 43 % at 15m: its error is 0.71 of the last value's",
    });
    assert_eq!(standing["experts"][0], expected);
    assert_eq!(
        standing["experts"][2]["relativeErrors"],
        json!([0.95, 0.86, 0.8, null]),
        "what is not known is null"
    );
}

#[tokio::test]
async fn the_detail_has_the_score_and_the_state_of_trust_with_its_reason() {
    let running = Running::start().await;
    publish(&running.add("web"), lost());
    let standing = &only(&running, "/api/v1/workloads/shop/web").await["standing"];
    let score = &standing["score"];
    assert_eq!(
        score["coverage"],
        json!({"0.5": 0.49, "0.8": 0.81, "0.9": 0.912, "0.95": 0.957, "0.99": 0.984})
    );
    for (key, value) in [
        ("origins", 812.0),
        ("mase", 0.58),
        ("relativeError", 0.64),
        ("relativeLoss", 0.61),
    ] {
        assert_eq!(score[key], json!(value), "{key}");
    }
    let trust = &standing["trust"];
    assert_eq!(trust["state"], "lost");
    assert_eq!(trust["since"], NOW.as_millis() - 600_000);
    let why = "its error over the last hour was 1.31 of the last value's";
    assert_eq!(trust["why"], why);
    assert!(trust["text"].as_str().unwrap().contains(why), "{trust}");
}

#[tokio::test]
async fn the_forecast_has_the_quantiles_of_the_peak_where_the_model_knows_them() {
    let running = Running::start().await;
    publish(&running.add("web"), samples::standing(NOW));
    samples::fill(&running.add("plain"), 30);
    let web = only(&running, "/api/v1/workloads/shop/web").await;
    let peaks = &web["forecast"]["peaks"];
    assert_eq!(peaks["leads"], json!([300, 900]));
    assert_eq!(peaks["values"].as_object().unwrap().len(), 9);
    assert_eq!(peaks["values"]["0.05"], json!([900.0, 901.0]));
    assert_eq!(peaks["values"]["0.99"], json!([916.0, 917.0]));
    let plain = only(&running, "/api/v1/workloads/shop/plain").await;
    assert_eq!(plain["forecast"]["peaks"], Value::Null);
    assert_eq!(plain["standing"], Value::Null);
}

#[tokio::test]
async fn metrics_say_how_good_each_forecast_is_and_who_carries_it() {
    let running = Running::start().await;
    publish(&running.add("web"), lost());
    samples::fill(&running.add("plain"), 30);
    let young = Standing {
        score: None,
        leads: vec![],
        ..Standing::default()
    };
    publish(&running.add("young"), young);
    let text = running.ask(Method::GET, "/metrics").await;
    let text = text.text().await.unwrap();
    let of = |name: &str| -> Vec<String> {
        let workload = format!("name=\"{name}\"");
        let lines = text.lines().filter(|line| line.contains(&workload));
        // Without the labels that every series of the workload has.
        let short = lines.filter_map(|line| {
            let (series, rest) = line.split_once("{namespace=\"shop\"")?;
            let (_, own) = rest.split_once("trigger=\"")?;
            Some(format!("{series} {}", &own[9..]))
        });
        let about = |line: &String| line.contains("_forecast_") || line.contains("_model_");
        short.filter(about).collect()
    };
    let web = of("web");
    for expected in [
        "forescale_workload_forecast_trust ,state=\"lost\"} 1.0",
        "forescale_workload_forecast_trust ,state=\"earned\"} 0.0",
        "forescale_workload_forecast_relative_error } 0.64",
        "forescale_workload_forecast_relative_loss } 0.61",
        "forescale_workload_forecast_mase } 0.58",
        "forescale_workload_forecast_coverage ,level=\"0.9\"} 0.912",
        "forescale_workload_model_weight ,model=\"linear-log\"} 0.43",
        "forescale_workload_model_weight ,model=\"naive\"} 0.08",
    ] {
        assert!(
            web.iter().any(|line| line == expected),
            "{expected}: {web:#?}"
        );
    }
    let unknown = |line: &String| !line.starts_with("forescale_workload_forecast_load");
    assert!(!of("plain").iter().any(unknown), "{:#?}", of("plain"));
    let young = of("young");
    assert!(
        young.contains(&"forescale_workload_forecast_trust ,state=\"unproven\"} 1.0".to_owned())
            && !young
                .iter()
                .any(|line| line.contains("_mase") || line.contains("_weight")),
        "{young:#?}"
    );
}

#[tokio::test]
async fn the_detail_says_what_was_unusual_in_words_too() {
    let running = Running::start().await;
    let web = running.add("web");
    publish(&web, samples::standing(NOW));
    let mut published = (*web.published().unwrap()).clone();
    let ago = |minutes: u64| NOW - std::time::Duration::from_mins(minutes);
    published.anomalies = [
        Anomaly {
            kind: AnomalyKind::Outage,
            from: ago(50),
            until: ago(40),
            magnitude: None,
        },
        Anomaly {
            kind: AnomalyKind::ScrapeSpike,
            from: ago(9),
            until: ago(8),
            magnitude: Some(4180.4),
        },
    ]
    .into();
    web.publish(published);
    let detail = only(&running, "/api/v1/workloads/shop/web").await;
    assert_eq!(
        detail["anomalies"],
        json!([
            {
                "kind": "outage", "from": ago(50), "until": ago(40), "magnitude": null,
                "text": "outage of 10m: the workload was down, left out"
            },
            {
                "kind": "scrape-spike", "from": ago(9), "until": ago(8), "magnitude": 4180.4,
                "text": "scrape-spike of 1m, up to 4180: stands alone, replaced"
            }
        ])
    );
}
