use super::*;

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
