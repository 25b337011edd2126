use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

use super::*;
use crate::execute::operator::conditions::{Said, say};
use crate::execute::operator::resource::{VerticalStatus, Yielded};

fn spec() -> PredictiveAutoscalerSpec {
    serde_json::from_value(json!({
        "targetRef": {"name": "web"},
        "metric": {"query": "load", "target": 100},
        "maxReplicas": 20,
    }))
    .unwrap()
}

fn conditions(ready: Option<bool>, forecasting: Option<bool>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for (kind, holds) in [(READY, ready), (FORECASTING, forecasting)] {
        let said = Said::new(kind, holds, "Because", format!("about {kind}"));
        say(
            &mut conditions,
            said,
            None,
            k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        );
    }
    conditions
}

fn status(ready: Option<bool>, forecasting: Option<bool>) -> PredictiveAutoscalerStatus {
    PredictiveAutoscalerStatus {
        conditions: conditions(ready, forecasting),
        ..PredictiveAutoscalerStatus::default()
    }
}

fn planned(replicas: u32, reactive: u32, limits: &[&str]) -> PredictiveAutoscalerStatus {
    PredictiveAutoscalerStatus {
        plan: Some(PlanStatus {
            replicas,
            planned: replicas,
            reactive: Some(reactive),
            basis: "forecast".to_owned(),
            limits: limits.iter().map(|it| (*it).to_owned()).collect(),
            ..PlanStatus::default()
        }),
        ..PredictiveAutoscalerStatus::default()
    }
}

fn reasons(before: &PredictiveAutoscalerStatus, after: &PredictiveAutoscalerStatus) -> Vec<String> {
    let notes = between(before, after, &spec());
    notes.into_iter().map(|it| it.reason).collect()
}

#[test]
fn a_state_is_told_when_it_changes_and_not_while_it_stays() {
    let (new, good) = (status(None, None), status(Some(true), Some(true)));
    let (bad, fallen) = (status(Some(false), None), status(Some(true), Some(false)));
    assert_eq!(
        reasons(&new, &good),
        ["Scaling"],
        "that it forecasts at last is no news"
    );
    assert_eq!(reasons(&new, &bad), ["NotScaling"]);
    assert_eq!(reasons(&good, &fallen), ["FallenBack"]);
    assert_eq!(reasons(&fallen, &good), ["Forecasting"]);
    assert!(reasons(&good, &good).is_empty());
}

#[test]
fn a_plan_is_told_when_it_gets_ahead_of_the_load_and_when_it_is_cut() {
    let level = planned(5, 5, &[]);
    assert_eq!(reasons(&level, &planned(8, 5, &[])), ["ScalingAhead"]);
    assert!(reasons(&planned(8, 5, &[]), &planned(9, 5, &[])).is_empty());
    assert!(reasons(&planned(1, 1, &[]), &planned(1, 0, &["min-replicas"])).len() <= 1);
    assert_eq!(
        reasons(&level, &planned(20, 19, &["max-replicas"])),
        ["AtMaximum"]
    );
}

#[test]
fn what_others_have_set_is_told_once() {
    let yielded = PredictiveAutoscalerStatus {
        yielded: vec![Yielded {
            field: ".spec.maxReplicaCount".to_owned(),
            manager: "kubectl-edit".to_owned(),
        }],
        ..PredictiveAutoscalerStatus::default()
    };
    let none = PredictiveAutoscalerStatus::default();
    let notes = between(&none, &yielded, &spec());
    assert!(notes[0].note.as_deref().unwrap().contains("kubectl-edit"));
    assert!(between(&yielded, &yielded, &spec()).is_empty());
}

#[test]
fn a_resize_that_failed_is_a_warning() {
    let with = |state: &str, failures| PredictiveAutoscalerStatus {
        vertical: Some(VerticalStatus {
            state: Some(state.to_owned()),
            failures,
            ..VerticalStatus::default()
        }),
        ..PredictiveAutoscalerStatus::default()
    };
    let notes = between(&with("fine", 0), &with("no room", 1), &spec());
    assert_eq!(notes[0].type_, EventType::Warning);
    assert_eq!(notes[0].reason, "ResizeFailed");
}
