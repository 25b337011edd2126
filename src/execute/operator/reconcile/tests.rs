use k8s_openapi::jiff;

use super::*;
use crate::execute::operator::resource::PlanStatus;

fn told(replicas: u32, load: &str) -> PredictiveAutoscalerStatus {
    PredictiveAutoscalerStatus {
        load: Some(load.to_owned()),
        plan: Some(PlanStatus {
            replicas,
            ..PlanStatus::default()
        }),
        ..PredictiveAutoscalerStatus::default()
    }
}

#[test]
fn numbers_wait_for_their_time_and_replicas_do_not() {
    let before = told(5, "500");
    assert!(!is_worth_writing(&before, &told(5, "510"), false));
    assert!(is_worth_writing(&before, &told(5, "510"), true));
    assert!(is_worth_writing(&before, &told(6, "510"), false));
    assert!(!is_worth_writing(&before, &before, true));
    let none = PredictiveAutoscalerStatus::default();
    assert!(is_worth_writing(&none, &before, false));
}

#[test]
fn a_state_is_told_at_once_and_another_text_for_it_waits() {
    let fault = |reason: &str, text: &str| {
        let mut status = PredictiveAutoscalerStatus::default();
        let said = Said::new(DATA_FRESH, false, reason, text);
        let at = jiff::Timestamp::UNIX_EPOCH;
        conditions::say(&mut status.conditions, said, None, at);
        status
    };
    let before = fault("NoData", "the next attempt is in 12s");
    let later = fault("NoData", "the next attempt is in 9s");
    assert!(!is_worth_writing(&before, &later, false));
    assert!(is_worth_writing(&before, &later, true));
    assert!(is_worth_writing(&before, &fault("Fault", "refused"), false));
}
