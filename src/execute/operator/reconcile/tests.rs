use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff;

use super::*;
use crate::execute::operator::resource::PlanStatus;

fn at(second: i64, replicas: u32, load: &str) -> PredictiveAutoscalerStatus {
    PredictiveAutoscalerStatus {
        load: Some(load.to_owned()),
        plan: Some(PlanStatus {
            at: Some(Time(jiff::Timestamp::from_second(second).unwrap())),
            replicas,
            ..PlanStatus::default()
        }),
        ..PredictiveAutoscalerStatus::default()
    }
}

#[test]
fn numbers_wait_for_their_time_and_replicas_do_not() {
    let every = Duration::from_mins(1);
    let before = at(0, 5, "500");
    assert!(!is_worth_writing(&before, &at(15, 5, "510"), every));
    assert!(is_worth_writing(&before, &at(60, 5, "510"), every));
    assert!(is_worth_writing(&before, &at(15, 6, "510"), every));
    assert!(!is_worth_writing(&before, &before, every));
    let mut refused = at(15, 5, "500");
    let said = Said::new(READY, false, "TargetTaken", "somebody else");
    conditions::say(
        &mut refused.conditions,
        said,
        None,
        jiff::Timestamp::UNIX_EPOCH,
    );
    assert!(is_worth_writing(&before, &refused, every));
    assert!(is_worth_writing(
        &PredictiveAutoscalerStatus::default(),
        &before,
        every
    ));
}
