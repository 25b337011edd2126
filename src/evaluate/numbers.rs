//! Small sums that several files need.

use std::time::Duration;

use crate::domain::HumanDuration;

/// The number, if it is one: JSON knows no other.
pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `part / whole`; `None` when there is no whole.
pub(super) fn ratio(part: f64, whole: f64) -> Option<f64> {
    if whole > 0.0 {
        finite(part / whole)
    } else {
        None
    }
}

/// `ours / theirs` of two errors that are not negative: 1 when neither errs, none when only we do.
pub(super) fn relative(ours: f64, theirs: f64) -> Option<f64> {
    if theirs > 0.0 {
        finite(ours / theirs)
    } else if ours == 0.0 {
        Some(1.0)
    } else {
        None
    }
}

/// The geometric mean of numbers that are not negative, taking the smallest as a millionth; `None` of nothing.
pub(super) fn geometric_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value.max(1e-6).ln();
        count += 1;
    }
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// A length of time to the minute, for people.
pub(super) fn span(length: Duration) -> HumanDuration {
    let seconds = length.as_secs();
    HumanDuration::from_secs(if seconds >= 60 {
        seconds / 60 * 60
    } else {
        seconds
    })
}
