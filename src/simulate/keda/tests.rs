use super::*;
use crate::plan::serve;
use crate::simulate::hpa::{Behavior, Hpa, Policy};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "an answer that came, where one may fail"
)]
fn says(replicas: u32, active: bool) -> Answer {
    Some((serve(replicas, 100.0), active))
}

fn keda(object: ScaledObject) -> Keda {
    Keda::new(object, 100.0, at(0))
}

#[test]
fn the_own_loop_runs_every_polling_interval() {
    let mut keda = keda(ScaledObject::default());
    assert!(keda.due(at(0)));
    keda.poll(at(0), 1, says(1, true));
    assert!(!keda.due(at(29)));
    assert!(keda.due(at(30)));
}

#[test]
fn an_active_target_at_zero_starts_with_one_or_the_minimum() {
    for (min, expected) in [(0, 1), (1, 1), (5, 5)] {
        let mut keda = keda(ScaledObject {
            min_replicas: min,
            ..ScaledObject::default()
        });
        assert_eq!(keda.poll(at(0), 0, says(40, true)), expected);
    }
}

#[test]
fn an_active_target_above_zero_is_the_hpas_business() {
    assert_eq!(
        keda(ScaledObject::default()).poll(at(0), 7, says(40, true)),
        7
    );
}

#[test]
fn an_inactive_target_goes_to_zero_when_its_cooldown_is_over() {
    let mut keda = keda(ScaledObject::default());
    keda.poll(at(0), 3, says(3, true));
    assert_eq!(keda.poll(at(300), 3, says(0, false)), 3);
    assert_eq!(keda.poll(at(301), 3, says(0, false)), 0);
}

#[test]
fn a_target_that_never_was_active_waits_for_the_initial_cooldown() {
    let mut keda = keda(ScaledObject {
        initial_cooldown_period: Duration::from_mins(2),
        ..ScaledObject::default()
    });
    assert_eq!(keda.poll(at(120), 3, says(0, false)), 3);
    assert_eq!(keda.poll(at(121), 3, says(0, false)), 0);
}

#[test]
fn with_a_minimum_nothing_goes_to_zero_and_too_few_are_raised() {
    let mut keda = keda(ScaledObject {
        min_replicas: 2,
        ..ScaledObject::default()
    });
    assert_eq!(keda.poll(at(9999), 3, says(0, false)), 3);
    assert_eq!(keda.poll(at(9999), 1, says(0, false)), 2);
}

#[test]
fn an_error_without_fallback_changes_nothing() {
    let mut keda = keda(ScaledObject::default());
    assert_eq!(keda.poll(at(9999), 3, None), 3);
    assert_eq!(keda.read(3, || None), None);
}

#[test]
fn the_fallback_comes_in_when_failures_exceed_the_threshold_and_leaves_with_the_first_success() {
    let mut keda = keda(ScaledObject {
        fallback: Some(Fallback {
            failure_threshold: 3,
            replicas: 6,
            behavior: FallbackBehavior::Static,
        }),
        ..ScaledObject::default()
    });
    let metric = |value_milli| {
        Some(Metric {
            value_milli,
            target_milli: 100_000,
        })
    };
    let reads: Vec<_> = (0..4).map(|_| keda.read(10, || None)).collect();
    assert_eq!(reads, [None, None, None, metric(600_000)]);
    assert_eq!(keda.read(10, || says(8, true)), metric(800_000));
    assert_eq!(keda.read(10, || None), None, "the count starts again");
}

#[test]
fn the_own_loop_leaves_the_fallback_to_the_hpa_but_for_one_of_no_replicas() {
    let failing = |min_replicas, replicas| {
        let mut keda = keda(ScaledObject {
            min_replicas,
            fallback: Some(Fallback {
                failure_threshold: 0,
                replicas,
                behavior: FallbackBehavior::Static,
            }),
            ..ScaledObject::default()
        });
        keda.poll(at(0), 10, says(8, true));
        move |secs, current| keda.poll(at(secs), current, None)
    };
    let mut some = failing(2, 6);
    assert_eq!((some(30, 10), some(9999, 1)), (10, 1));
    let mut none = failing(0, 0);
    assert_eq!(
        (none(300, 10), none(301, 10)),
        (10, 0),
        "after the cooldown"
    );
    assert_eq!(failing(2, 0)(30, 1), 2, "up to the minimum");
}

#[test]
fn the_fallback_meets_the_current_replicas_as_its_behavior_says() {
    let table = [
        (FallbackBehavior::Static, 4, 6),
        (FallbackBehavior::CurrentReplicas, 4, 4),
        (FallbackBehavior::CurrentReplicasIfHigher, 4, 6),
        (FallbackBehavior::CurrentReplicasIfHigher, 9, 9),
        (FallbackBehavior::CurrentReplicasIfLower, 4, 4),
        (FallbackBehavior::CurrentReplicasIfLower, 9, 6),
    ];
    for (behavior, current, expected) in table {
        let fallback = Fallback {
            failure_threshold: 0,
            replicas: 6,
            behavior,
        };
        assert_eq!(
            fallback.replicas_beside(current),
            expected,
            "{behavior:?} at {current}"
        );
    }
}

#[test]
fn the_hpa_reads_fresh_answers_unless_they_are_cached() {
    for (use_cached_metrics, value_milli) in [(false, 900_000), (true, 300_000)] {
        let mut keda = keda(ScaledObject {
            use_cached_metrics,
            ..ScaledObject::default()
        });
        keda.poll(at(0), 3, says(3, true));
        let read = keda.read(3, || says(9, true));
        assert_eq!(read.map(|metric| metric.value_milli), Some(value_milli));
    }
}

#[test]
fn a_float_of_zero_is_read_from_the_integer_and_negatives_count_as_zero() {
    let mut keda = keda(ScaledObject::default());
    let odd = Served {
        value: 0.0,
        target: 100.0,
        value_int: 250,
        target_int: 100,
    };
    let negative = Served {
        value: -1.0,
        value_int: -1,
        ..odd
    };
    assert_eq!(
        keda.read(1, || Some((odd, true))).map(|m| m.value_milli),
        Some(250_000)
    );
    assert_eq!(
        keda.read(1, || Some((negative, true)))
            .map(|m| m.value_milli),
        Some(0)
    );
}

#[test]
fn the_hpa_keda_makes_never_goes_to_zero() {
    let keda = keda(ScaledObject::default());
    assert_eq!((keda.hpa_min(), keda.hpa_max()), (1, 100));
}

#[test]
fn the_plans_number_lands_on_the_plan_through_keda_and_an_hpa_without_tolerance() {
    let mut behavior = Behavior::default().with_tolerance(0.0);
    behavior.scale_up.policies = vec![Policy::pods(1000, 15)];
    behavior.scale_down.stabilization = Duration::ZERO;
    for threshold in [0.001, 0.3, 1.001, 33.3, 1e9] {
        for (from, to) in [(1, 2), (20, 21), (21, 20), (499, 500), (500, 3), (3, 1)] {
            let target = serve(0, threshold).target;
            let mut keda = Keda::new(ScaledObject::default(), target, at(0));
            let mut hpa = Hpa::new(1, 1000, behavior.clone());
            let metric = keda.read(from, || Some((serve(to, threshold), true)));
            let landed = hpa.sync(at(0), from, &[metric]);
            assert_eq!(landed, to, "{from} to {to} at {threshold}");
        }
    }
}
