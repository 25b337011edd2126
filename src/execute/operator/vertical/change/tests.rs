#![expect(clippy::needless_pass_by_value, reason = "`json!` makes a value")]

use serde_json::json;

use super::*;

const MI: f64 = 1024.0 * 1024.0;

fn advice(cpu: Option<(f64, f64)>, memory: Option<(f64, f64)>) -> Vertical {
    let of = |pair: Option<(f64, f64)>| {
        pair.map(|(request, limit)| ResourceAdvice {
            request,
            limit,
            expected: None,
            readings: 500,
        })
    };
    Vertical {
        cpu: of(cpu),
        memory: of(memory),
    }
}

fn spec(more: Value) -> VerticalSpec {
    let mut spec = json!({"mode": "resize", "cpuQuery": "cpu"});
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn changed(resources: Value, advice: Vertical, more: Value) -> Option<Value> {
    change(&resources, advice, &spec(more), false)
        .unwrap()
        .map(|it| it.resources)
}

#[test]
fn a_burstable_container_gets_what_is_advised() {
    let is = json!({"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}});
    let becomes = changed(
        is,
        advice(Some((0.75, 1.5)), Some((640.0 * MI, 1200.0 * MI))),
        json!({}),
    );
    assert_eq!(
        becomes,
        Some(
            json!({"requests": {"cpu": "750m", "memory": "640Mi"}, "limits": {"memory": "1200Mi"}})
        ),
        "a limit that is not there is not made"
    );
}

#[test]
fn near_enough_is_left_alone() {
    let is = json!({"requests": {"cpu": "500m"}});
    assert_eq!(
        changed(is.clone(), advice(Some((0.53, 1.0)), None), json!({})),
        None
    );
    let fine = json!({"minChangePercent": 5});
    assert!(changed(is, advice(Some((0.53, 1.0)), None), fine).is_some());
}

#[test]
fn one_change_goes_no_further_than_it_may() {
    let is = json!({"requests": {"cpu": "1"}});
    let up = changed(is.clone(), advice(Some((9.0, 9.0)), None), json!({}));
    assert_eq!(up, Some(json!({"requests": {"cpu": "2"}})));
    let down = changed(is.clone(), advice(Some((0.1, 0.1)), None), json!({}));
    assert_eq!(down, Some(json!({"requests": {"cpu": "500m"}})));
    let bounded = json!({"maxAllowed": {"cpu": "1500m"}, "maxChangePercent": 1000});
    let up = changed(is.clone(), advice(Some((9.0, 9.0)), None), bounded);
    assert_eq!(up, Some(json!({"requests": {"cpu": "1500m"}})));
    let least = json!({"minAllowed": {"cpu": "800m"}});
    let down = changed(is, advice(Some((0.1, 0.1)), None), least);
    assert_eq!(down, Some(json!({"requests": {"cpu": "800m"}})));
}

#[test]
fn memory_is_not_taken_away_unless_that_is_allowed() {
    let is = json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}});
    let less = advice(None, Some((700.0 * MI, 1500.0 * MI)));
    assert_eq!(changed(is.clone(), less, json!({})), None);
    let becomes = changed(is, less, json!({"allowMemoryDecrease": true}));
    assert_eq!(
        becomes,
        Some(json!({"requests": {"memory": "700Mi"}, "limits": {"memory": "1500Mi"}}))
    );
}

#[test]
fn the_quality_of_service_stays_as_it_is() {
    let guaranteed =
        json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
    let becomes = changed(
        guaranteed,
        advice(Some((1.2, 1.5)), Some((1100.0 * MI, 1500.0 * MI))),
        json!({}),
    );
    let becomes = becomes.unwrap();
    assert_eq!(becomes["requests"], becomes["limits"]);
    assert_eq!(becomes["limits"]["cpu"], "1500m");
    let best_effort = change(
        &json!({}),
        advice(Some((1.0, 2.0)), None),
        &spec(json!({})),
        false,
    );
    assert!(best_effort.unwrap_err().contains("quality of service"));
}

#[test]
fn a_request_never_passes_its_limit() {
    let is = json!({"requests": {"cpu": "500m"}, "limits": {"cpu": "600m"}});
    let becomes = changed(is, advice(Some((5.0, 0.62)), None), json!({}));
    assert_eq!(becomes.unwrap()["requests"]["cpu"], "600m");
}

#[test]
fn a_template_without_resources_gets_some() {
    let wanted = advice(Some((0.4, 0.9)), Some((300.0 * MI, 600.0 * MI)));
    let begun = change(
        &json!({}),
        wanted,
        &spec(json!({"minAllowed": {"cpu": "500m"}})),
        true,
    );
    assert_eq!(
        begun.unwrap().unwrap().resources,
        json!({"requests": {"cpu": "500m", "memory": "300Mi"}, "limits": {"memory": "600Mi"}})
    );
}
