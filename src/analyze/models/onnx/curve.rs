//! The curve of trend and seasons under a network on residuals.

use jiff::tz::TimeZone;

use crate::analyze::Prepared;
use crate::analyze::models::prophet::{self, Curve};
use crate::analyze::models::{HYBRID, Look};
use crate::analyze::view::View;
use crate::domain::{Fit, Series, Timestamp};

/// The curve that fitting has stored for a hybrid network: learned until some hours before the fit, so that what is
/// left of the newest values is what an honest forecaster would have missed.
///
/// # Errors
/// When the workload has no fit yet or too little history for a curve.
pub fn decode(fit: Option<&Fit>) -> Result<Curve, String> {
    let numbers = fit.and_then(|fit| fit.coefficients_of(HYBRID)).ok_or(
        "a network on residuals needs the curve of trend and seasons, which is fitted once there is a day of history",
    )?;
    Curve::decode(numbers, &[]).ok_or_else(|| "the stored curve can't be read".to_owned())
}

/// The curve of the steps before `until`, as fitting learns it; `None` when they are too few.
pub fn curve_of(history: &Prepared, until: usize, timezone: &str) -> Option<Curve> {
    let view = View::new(history, 1, timezone);
    let look = Look {
        view: &view,
        profile: None,
        knots: &[],
    };
    Curve::decode(&prophet::learn(&look, until)?, &[])
}

/// What is left of the last `steps` of `series`.
pub(super) fn residual(series: &Series, steps: usize, curve: &Curve, zone: &TimeZone) -> Series {
    let tail = series.tail(steps);
    let moments = (0..tail.len()).map(|index| moment(tail.time_of(index), zone));
    let curve = curve.values(moments);
    let left = tail.values().iter().zip(&curve).map(|(v, c)| v - c);
    Series::new(tail.start(), tail.step(), left.collect())
}

/// A moment as a curve takes it: seconds, and seconds of local time.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> (i64, i64) {
    let seconds = at.as_secs();
    let offset = jiff::Timestamp::from_second(seconds)
        .map_or(0, |at| i64::from(zone.to_offset(at).seconds()));
    (seconds, seconds + offset)
}
