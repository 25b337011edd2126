//! The number KEDA gets lands on exactly the planned replicas, whatever float noise, truncation and rounding do to it.
//!
//! KEDA's and the HPA's arithmetic is written here from their own formulas, apart from the code under test:
//! - KEDA `pkg/scalers/scaler.go`: `GenerateMetricInMili` and `GetMetricTargetMili` (`int64(x * 1000)`), their later form
//!   `quantityFromFloat64` (the quantity is parsed from `%.3f`), and `GetMetricTarget` for whole targets;
//! - KEDA `pkg/scalers/external_scaler.go`: `buildMetricSpecs` and `GetMetricsAndActivity` take a float field only when
//!   it is above zero, otherwise the integer one;
//! - Kubernetes `pkg/controller/podautoscaler/replica_calculator.go`: `GetExternalPerPodMetricReplicas`.

use forescale::domain::Served;
use forescale::plan::serve;
use proptest::prelude::*;

/// A KEDA's way from a float to milli-units.
type ToMilli = fn(f64) -> i64;

/// Every KEDA that may be on the other side.
const KEDAS: [(&str, ToMilli); 2] = [("truncating", truncating), ("rounding", rounding)];

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is KEDA's own conversion"
)]
fn truncating(value: f64) -> i64 {
    (value * 1000.0) as i64
}

fn rounding(value: f64) -> i64 {
    let text = format!("{value:.3}");
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    digits
        .parse()
        .expect("three decimals of a finite number are digits")
}

/// Target and value in milli-units, as a KEDA that knows the float fields sets up the HPA.
fn through_floats(served: &Served, to_milli: ToMilli) -> (i64, i64) {
    let value = if served.value > 0.0 {
        served.value
    } else {
        served.value_int as f64
    };
    let target = if served.target > 0.0 {
        to_milli(served.target)
    } else {
        served.target_int * 1000
    };
    (to_milli(value), target)
}

/// The same through a KEDA that knows only the integer fields.
fn through_integers(served: &Served, to_milli: ToMilli) -> (i64, i64) {
    (to_milli(served.value_int as f64), served.target_int * 1000)
}

/// `GetExternalPerPodMetricReplicas` outside the tolerance.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the HPA converts to a whole count as well"
)]
fn hpa((value, target): (i64, i64)) -> i64 {
    (value as f64 / target as f64).ceil() as i64
}

/// The usage ratio that decides about the tolerance.
fn ratio((value, target): (i64, i64), status_replicas: u32) -> f64 {
    value as f64 / (target as f64 * f64::from(status_replicas))
}

/// The float as it comes out of a protobuf message on the other side.
fn over_the_wire(value: f64) -> f64 {
    let bytes = prost::Message::encode_to_vec(&value);
    prost::Message::decode(bytes.as_slice()).expect("it was just encoded")
}

fn check(replicas: u32, threshold: f64) {
    let sent = serve(replicas, threshold);
    let served = Served {
        value: over_the_wire(sent.value),
        target: over_the_wire(sent.target),
        ..sent
    };
    for (name, to_milli) in KEDAS {
        let floats = through_floats(&served, to_milli);
        assert!(
            hpa(floats) == i64::from(replicas),
            "{name} KEDA: {replicas} x {threshold} became {floats:?}, sent as {served:?}"
        );
        assert!(floats.1 >= 1, "{name} KEDA lost the target of {threshold}");
        let integers = through_integers(&served, to_milli);
        assert!(
            hpa(integers) == i64::from(replicas),
            "old {name} KEDA: {replicas} x {threshold} became {integers:?}, sent as {served:?}"
        );
        if replicas > 0 {
            let at_rest = ratio(floats, replicas);
            assert!(
                (at_rest - 1.0).abs() < 1e-9,
                "at {replicas} x {threshold} the HPA rests at a ratio of {at_rest}"
            );
        }
    }
    // `kubectl get hpa` reads as planned load over target: off by no more than the thousandth that the target loses.
    let load = f64::from(replicas) * threshold;
    let lost = f64::from(replicas) * 0.001_000_001 + load * 1e-12;
    assert!(
        (served.value - load).abs() <= lost,
        "{load} is sent as {}",
        served.value
    );
    assert!((served.target - threshold).abs() < 0.001);
}

/// Thresholds that people write, noisy decimals, powers and edges of 0.001 to 1e9.
fn thresholds() -> Vec<f64> {
    let mut all = vec![
        0.001,
        0.002,
        0.003,
        0.0015,
        0.001_999_999,
        0.01,
        0.1,
        0.3,
        0.7,
        1.0,
        1.001,
    ];
    all.extend([
        1.1,
        2.3,
        4.35,
        9.95,
        33.3,
        100.0 / 3.0,
        1e9 / 3.0,
        999.999,
        1e9,
        1e9 - 0.001,
    ]);
    all.extend([
        4_503_599_627.370_496,
        900_719_925.474_099_2,
        999_999_999.999,
        123_456_789.123,
    ]);
    all.extend(
        (0..60)
            .map(|i| 0.001 * 1.583_f64.powi(i))
            .filter(|t| *t <= 1e9),
    );
    all.extend((1..=50).map(|i| f64::from(i) * 1.001));
    all.extend((0..50).map(|i| 0.001 + f64::from(i) * 0.001));
    all.extend((1..=20).map(|i| 1e6 + f64::from(i) / 7.0));
    all
}

#[test]
fn every_replica_count_lands_on_itself_at_two_hundred_thresholds() {
    let thresholds = thresholds();
    assert!(thresholds.len() >= 200, "{} thresholds", thresholds.len());
    for threshold in thresholds {
        for replicas in 0..=10_000 {
            check(replicas, threshold);
        }
    }
}

#[test]
fn a_target_is_the_same_for_every_replica_count_so_that_the_spec_can_be_told_once() {
    for threshold in thresholds() {
        let spec = serve(0, threshold);
        for replicas in [1, 2, 77, 10_000] {
            let served = serve(replicas, threshold);
            assert_eq!(served.target.to_bits(), spec.target.to_bits());
            assert_eq!(served.target_int, spec.target_int);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_threshold_and_any_count_land(replicas in 0_u32..=10_000, exponent in -3.0_f64..9.0) {
        check(replicas, 10_f64.powf(exponent).clamp(0.001, 1e9));
    }

    #[test]
    fn any_thousandth_lands(replicas in 1_u32..=10_000, milli in 1_u64..=1_000_000_000_000) {
        check(replicas, milli as f64 / 1000.0);
    }
}
