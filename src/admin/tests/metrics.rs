//! The series of each workload.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;

use super::Running;
use crate::admin::listener::Patience;
use crate::admin::{Config, Heartbeat};
use crate::domain::{Basis, Sample};
use crate::knowledge::samples::{self, NOW};
use crate::knowledge::{Fault, FaultKind, SideQuery};

#[expect(clippy::too_many_lines, reason = "one list of series")]
#[tokio::test]
async fn metrics_hold_a_set_of_series_for_each_workload() {
    let running = Running::start().await;
    let web = running.add("web");
    samples::fill(&web, 30);
    {
        let mut learned = web.learned();
        for (query, failures) in [(SideQuery::Replicas, 0), (SideQuery::Latency, 2)] {
            let reading = learned.side.of_mut(query);
            reading.newest = Some(Sample {
                at: NOW,
                value: 7.0,
            });
            reading.failures = failures;
        }
    }
    let young = running.add("young");
    young.enroll();
    young.note_first_fault(Fault {
        at: NOW,
        kind: FaultKind::Config,
        text: "no such source".into(),
    });
    let held = running.add("held");
    let mut published = samples::published(NOW);
    let mut plan = samples::plan(NOW);
    plan.basis = Basis::Held;
    plan.reactive = None;
    published.plan = Arc::new(plan);
    published.forecast = None;
    published.health.faults_in_a_row = 4;
    published.health.fault = Some(Fault {
        at: NOW,
        kind: FaultKind::Timeout,
        text: "no answer".into(),
    });
    held.publish(published);
    let response = running.ask(Method::GET, "/metrics").await;
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = response.text().await.unwrap();
    assert!(
        text.contains("forescale_build_info{version=") && text.ends_with("# EOF\n"),
        "{text}"
    );
    let web = running.board.of_scaled_object("shop", "web")[0]
        .key
        .id()
        .to_string();
    let trigger = &web[..8];
    let of_web = |line: &&str| line.contains("name=\"web\"");
    let lines: Vec<String> = text
        .lines()
        .filter(of_web)
        .map(|line| line.replace(trigger, "TRIGGER"))
        .collect();
    let labels = "namespace=\"shop\",name=\"web\",trigger=\"TRIGGER\"";
    for expected in [
        format!("forescale_workload_planned_replicas{{{labels}}} 12.0"),
        format!("forescale_workload_reactive_replicas{{{labels}}} 9.0"),
        format!("forescale_workload_active{{{labels}}} 1.0"),
        format!("forescale_workload_history_samples{{{labels}}} 30.0"),
        format!("forescale_workload_basis{{{labels},basis=\"forecast\"}} 1.0"),
        format!("forescale_workload_basis{{{labels},basis=\"held\"}} 0.0"),
        format!("forescale_workload_last_success_timestamp_seconds{{{labels}}} 1700000040.0"),
        format!(
            "forescale_workload_info{{{labels},mode=\"predictive\",model=\"auto\",registered_by=\"keda\"}} 1"
        ),
        format!("forescale_workload_plan_limit{{{labels},limit=\"forecast\"}} 1.0"),
        format!("forescale_workload_reading{{{labels},query=\"replicas\"}} 7.0"),
    ] {
        assert!(lines.contains(&expected), "{expected} is not in {lines:#?}");
    }
    // A limit that changed nothing, a reading that has failed since, and a fault that is not there.
    for absent in [
        "scale-down-window",
        "query=\"latency\"",
        "forescale_workload_fault{",
    ] {
        let shown = lines.iter().find(|line| line.contains(absent));
        assert_eq!(shown, None, "{absent}");
    }
    let quantiles: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("forescale_workload_forecast_load"))
        .collect();
    assert_eq!(quantiles.len(), 4, "{quantiles:?}");
    assert!(
        text.contains("name=\"held\"")
            && !text.contains("reactive_replicas{namespace=\"shop\",name=\"held\"")
    );
    assert!(text.contains("forescale_workload_faults_in_a_row{namespace=\"shop\",name=\"held\""));
    for (name, kind) in [("held", "timeout"), ("young", "config")] {
        let name = format!("name=\"{name}\"");
        let kind = format!("kind=\"{kind}\"}} 1.0");
        let fault = |line: &str| {
            line.starts_with("forescale_workload_fault{")
                && line.contains(&name)
                && line.ends_with(&kind)
        };
        assert!(text.lines().any(fault), "{kind} of {name}: {text}");
    }
    // What the alert on workloads without a plan compares.
    let of_young = |series: &str| {
        let begins = format!("{series}{{namespace=\"shop\",name=\"young\"");
        text.contains(&begins)
    };
    assert!(of_young("forescale_workload_info"));
    // What the alert on workloads that nobody asks about leaves out.
    assert_eq!(text.matches("registered_by=\"settings\"").count(), 1);
    assert!(!of_young("forescale_workload_plan_timestamp_seconds"));
    let off = Config {
        workload_metrics: false,
        ..Config::default()
    };
    let quiet = Running::with(
        off,
        Heartbeat::new(Duration::from_mins(1)),
        Patience::default(),
    )
    .await;
    quiet.add("web");
    let text = quiet
        .ask(Method::GET, "/metrics")
        .await
        .text()
        .await
        .unwrap();
    assert!(!text.contains("forescale_workload_"));
}
