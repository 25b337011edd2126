//! The number on the wire. KEDA turns value and target into milli-units, the HPA divides one by the other and takes
//! the ceiling; in between lie float noise, truncation in one KEDA and rounding in another, and counts beyond 2^53.
//! The value is chosen so that all of them land on exactly the planned replicas, as near to `replicas x threshold` as
//! that allows, so that `kubectl get hpa` reads as planned load over target.

use crate::domain::{Served, milli_rounded, milli_truncated, wire_target};

/// No value goes beyond this many milli-units: KEDA's conversion to a 64-bit integer would overflow.
const LARGEST_MILLI: i128 = 1 << 62;

/// How many floats to either side of `replicas x threshold` are tried.
const REACH: u32 = 16;

/// The numbers on the wire for `replicas` at `threshold`.
///
/// The HPA lands on exactly `replicas` for up to 10,000 replicas and thresholds from 0.001 to 1e9; a threshold outside
/// 0.001 to 1e12 is moved to the nearer bound. The integers are a consistent pair of their own, for a KEDA that does
/// not know the floats; they are rounded, so they only carry the replicas, not the load.
pub fn serve(replicas: u32, threshold: f64) -> Served {
    let target_milli = milli_truncated(wire_target(threshold));
    serve_milli(
        replicas,
        threshold,
        i128::from(replicas) * i128::from(target_milli),
    )
}

/// The same with a value whose ceiling is `replicas` and which is not exactly so many. The integers stay those of
/// `replicas`: they can't carry a part of one.
pub(super) fn serve_value(replicas: u32, threshold: f64, value_milli: i64) -> Served {
    let target_milli = milli_truncated(wire_target(threshold));
    let exact = i64::from(replicas).saturating_mul(target_milli);
    if value_milli == exact {
        serve(replicas, threshold)
    } else {
        serve_milli(replicas, threshold, i128::from(value_milli))
    }
}

fn serve_milli(replicas: u32, threshold: f64, value_milli: i128) -> Served {
    let target = wire_target(threshold);
    let target_int = (target.round() as i64).max(1);
    Served {
        value: value(replicas, milli_truncated(target), value_milli),
        target,
        value_int: i64::from(replicas).saturating_mul(target_int),
        target_int,
    }
}

/// The float nearest to `value_milli` thousandths that lands on `replicas`.
fn value(replicas: u32, target_milli: i64, value_milli: i128) -> f64 {
    let wanted = value_milli.min(LARGEST_MILLI);
    let near = wanted as f64 / 1000.0;
    let exact = |value: f64| both(value).iter().all(|milli| i128::from(*milli) == wanted);
    let lands = |value: f64| {
        both(value)
            .iter()
            .all(|milli| hpa_replicas(*milli, target_milli) == i64::from(replicas))
    };
    // Above 2^53 thousandths a float no longer reaches every whole number, so landing has to do.
    around(near)
        .find(|value| exact(*value))
        .or_else(|| around(near).find(|value| lands(*value)))
        .unwrap_or(near)
}

/// What the two conversions of KEDA make of a value.
fn both(value: f64) -> [i64; 2] {
    [milli_truncated(value), milli_rounded(value)]
}

/// `ceil(usage / target)` of the HPA's `GetExternalPerPodMetricReplicas` (`replica_calculator.go`).
fn hpa_replicas(usage_milli: i64, target_milli: i64) -> i64 {
    (usage_milli as f64 / target_milli as f64).ceil() as i64
}

/// `near` and the floats around it, nearest first.
fn around(near: f64) -> impl Iterator<Item = f64> {
    let (mut above, mut below) = (near, near);
    let others = (0..REACH).flat_map(move |_| {
        above = above.next_up();
        below = below.next_down();
        [above, below]
    });
    std::iter::once(near).chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_reads_as_planned_load_over_target() {
        let served = serve(7, 100.0);
        assert_eq!((served.value, served.target), (700.0, 100.0));
        assert_eq!((served.value_int, served.target_int), (700, 100));
    }

    #[test]
    fn no_replicas_are_zero_in_both_fields() {
        let served = serve(0, 12.5);
        assert_eq!(served.value.to_bits(), 0.0_f64.to_bits());
        assert_eq!((served.value_int, served.target_int), (0, 13));
    }

    #[test]
    fn a_small_threshold_still_has_a_whole_pair() {
        let served = serve(40, 0.004);
        assert_eq!((served.value_int, served.target_int), (40, 1));
        assert!((served.value - 0.16).abs() < 1e-9);
    }

    #[test]
    fn numbers_beyond_every_limit_stay_finite_and_positive() {
        let served = serve(u32::MAX, f64::INFINITY);
        assert!(served.value.is_finite() && milli_truncated(served.value) > 0);
        assert!(served.value_int > 0 && served.target_int > 0);
    }
}
