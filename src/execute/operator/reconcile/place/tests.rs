use super::*;

/// An object with these conditions, each a type, a status and a reason.
fn object(conditions: &[[&str; 3]], annotations: &Value) -> DynamicObject {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|[kind, status, reason]| {
            json!({"type": kind, "status": status, "reason": reason, "message": "so it is"})
        })
        .collect();
    let object = json!({
        "metadata": {"name": "web", "annotations": annotations},
        "status": {"conditions": conditions},
    });
    kept::trim(serde_json::from_value(object).unwrap())
}

/// What is said of it: `scales` or the reason why not.
fn verdict(kind: Kind, conditions: &[[&str; 3]], annotations: &Value) -> String {
    let place = place(kind, &object(conditions, annotations), Vec::new());
    match place.refused {
        Some((reason, _)) => reason,
        None if place.accepted => "scales".to_owned(),
        None => "waits".to_owned(),
    }
}

#[test]
fn a_scaled_object_that_keda_calls_ready_may_be_paused_or_its_hpa_idle() {
    let ready = ["Ready", "True", "ScaledObjectReady"];
    let of = |conditions: &[[&str; 3]]| verdict(Kind::ScaledObject, conditions, &json!({}));
    assert_eq!(of(&[]), "waits");
    assert_eq!(of(&[ready]), "scales");
    assert_eq!(
        of(&[
            ready,
            ["Paused", "False", ""],
            ["HPAActive", "True", "HPAActive"]
        ]),
        "scales"
    );
    assert_eq!(
        of(&[ready, ["HPAActive", "False", "AmbiguousSelector"]]),
        "AmbiguousSelector"
    );
    let paused = ["Paused", "True", "ScaledObjectPaused"];
    assert_eq!(of(&[ready, paused]), "ScaledObjectPaused");
    assert_eq!(of(&[["Ready", "False", ""]]), "NotReady");
    let one_way = json!({"autoscaling.keda.sh/paused-scale-in": "true"});
    assert_eq!(
        verdict(Kind::ScaledObject, &[ready, paused], &one_way),
        "scales"
    );
}

#[test]
fn an_hpa_scales_when_it_can_and_does() {
    let of = |able: &str, active: &str| {
        let conditions = [
            ["ScalingActive", active, "FailedGetExternalMetric"],
            ["AbleToScale", able, "FailedGetScale"],
            ["ScalingLimited", "True", "TooManyReplicas"],
        ];
        verdict(Kind::Hpa, &conditions, &json!({}))
    };
    assert_eq!(of("True", "True"), "scales");
    assert_eq!(of("True", "False"), "FailedGetExternalMetric");
    assert_eq!(of("False", "True"), "FailedGetScale");
    assert_eq!(of("True", "Unknown"), "waits");
}

/// An HPA as it was applied, and as it is now: generation and `maxReplicas`.
fn is_unchanged(applied: (Option<i64>, u32), now: (Option<i64>, u32)) -> bool {
    let hpa = |(generation, most): (Option<i64>, u32)| {
        let object = json!({
            "metadata": {"name": "web", "uid": "1", "generation": generation},
            "spec": {"maxReplicas": most},
        });
        kept::trim(serde_json::from_value(object).unwrap())
    };
    let applied = hpa(applied);
    let before = Applied {
        desired: json!({}),
        uid: applied.metadata.uid.clone(),
        generation: applied.metadata.generation,
        spec_hash: kept::spec_hash(&applied),
        yielded: Vec::new(),
    };
    is_as_applied(&hpa(now), &before)
}

#[test]
fn an_edit_is_seen_with_and_without_generations() {
    assert!(is_unchanged((Some(2), 9), (Some(2), 9)));
    assert!(!is_unchanged((Some(2), 9), (Some(3), 5)));
    assert!(
        !is_unchanged((Some(2), 9), (Some(3), 9)),
        "set and set back"
    );
    assert!(
        is_unchanged((Some(2), 9), (Some(1), 5)),
        "the watch is behind"
    );
    assert!(is_unchanged((None, 9), (None, 9)));
    assert!(!is_unchanged((None, 9), (None, 5)));
    assert!(!is_unchanged((None, 9), (Some(1), 9)));
    assert!(!is_unchanged((Some(2), 9), (None, 9)));
}
