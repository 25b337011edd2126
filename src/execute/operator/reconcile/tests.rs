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
    assert_eq!(news(&before, &told(5, "510"), false), News::None);
    assert_eq!(news(&before, &told(5, "510"), true), News::Numbers);
    assert_eq!(news(&before, &told(6, "510"), false), News::State);
    assert_eq!(news(&before, &before, true), News::None);
    let none = PredictiveAutoscalerStatus::default();
    assert_eq!(news(&none, &before, false), News::State);
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
    assert_eq!(news(&before, &later, false), News::None);
    assert_eq!(news(&before, &later, true), News::Numbers);
    let other = fault("Fault", "refused");
    assert_eq!(news(&before, &other, false), News::State);
}
