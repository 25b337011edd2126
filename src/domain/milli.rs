//! KEDA's milli-units: how a float on the wire becomes the whole number of thousandths that the HPA divides.
//!
//! Two conversions are in the field and they differ by one thousandth where a float is a hair beside a decimal:
//! `1.001 * 1000` is `1000.9999999999999`, so truncation makes 1000 of it and rounding makes 1001. What Forescale sends
//! must mean the same to both.

/// Smallest target that is not lost in milli-units.
const SMALLEST_TARGET: f64 = 0.001;
/// Above this a target times a replica count no longer fits KEDA's 64-bit milli-units.
const LARGEST_TARGET: f64 = 1e12;

/// Truncation, as in KEDA's `GenerateMetricInMili` and `GetMetricTargetMili` (`pkg/scalers/scaler.go`, 2.x):
/// `int64(value * 1000)`.
pub fn milli_truncated(value: f64) -> i64 {
    (value * 1000.0) as i64
}

/// Rounding, as in later revisions of the same functions (`quantityFromFloat64`): the quantity is read from `%.3f`.
pub fn milli_rounded(value: f64) -> i64 {
    if !value.is_finite() {
        return 0;
    }
    let digits = format!("{value:.3}").replace('.', "");
    digits
        .parse()
        .unwrap_or(if value > 0.0 { i64::MAX } else { i64::MIN })
}

/// The target that stands for `threshold` on the wire: the threshold itself wherever both conversions agree on it,
/// otherwise the nearest float that both read as `threshold` rounded to thousandths.
///
/// `GetMetricSpec` and the plan's numbers must use the same target, or the HPA divides by another number than the one
/// the value was made for. Taking the target of a target changes nothing.
pub fn wire_target(threshold: f64) -> f64 {
    if threshold.is_nan() {
        return SMALLEST_TARGET;
    }
    let threshold = threshold.clamp(SMALLEST_TARGET, LARGEST_TARGET);
    if milli_truncated(threshold) == milli_rounded(threshold) {
        return threshold;
    }
    let milli = milli_rounded(threshold);
    let mut target = milli as f64 / 1000.0;
    // The product falls short of the whole number by at most one float, so one step up is enough.
    if milli_truncated(target) < milli {
        target = target.next_up();
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_a_hair_below_its_decimal_means_the_same_to_both_conversions() {
        assert_eq!((milli_truncated(1.001), milli_rounded(1.001)), (1000, 1001));
        let target = wire_target(1.001);
        assert_eq!(
            (milli_truncated(target), milli_rounded(target)),
            (1001, 1001)
        );
        assert!((target - 1.001).abs() < 1e-12);
    }

    #[test]
    fn every_thousandth_has_a_target_and_it_is_its_own_target() {
        for milli in (1..200_000).chain((1..40).map(|i| 999_999_999_999 / i)) {
            let target = wire_target(milli as f64 / 1000.0);
            assert_eq!(milli_truncated(target), milli, "{target}");
            assert_eq!(milli_rounded(target), milli, "{target}");
            assert_eq!(wire_target(target).to_bits(), target.to_bits());
        }
    }

    #[test]
    fn a_target_is_never_lost_nor_nonsense() {
        for threshold in [0.0, -5.0, 1e-9, f64::NAN] {
            assert_eq!(milli_truncated(wire_target(threshold)), 1, "{threshold}");
        }
        assert_eq!(
            milli_truncated(wire_target(f64::INFINITY)),
            1_000_000_000_000_000
        );
        assert_eq!(milli_rounded(f64::NAN), 0);
        assert_eq!(milli_rounded(1e300), i64::MAX);
    }
}
