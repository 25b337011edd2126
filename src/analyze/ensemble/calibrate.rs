//! Adaptive conformal calibration: for each level an offset is tracked so that the wanted share of what comes lies at or
//! below it, whatever the distribution does (Gibbs & Candès, "Adaptive conformal inference under distribution shift",
//! 2021, in the form of quantile tracking of Angelopoulos, Candès & Tibshirani, "Conformal PID control", 2023). An offset
//! is raised by a step after a miss and lowered a little after none, in proportion to the level, so that over time
//! misses are as frequent as they should be; the step is bounded by the typical error, so that one burst can't throw it off.
//!
//! Offsets are tracked in several units side by side (constant, by level, by restlessness, by what a network thinks of its
//! own spread); bands are drawn in the unit that has lost least.

use std::cmp::Ordering;

use crate::analyze::stats::pinball;
use crate::domain::{Calibration, DEFAULT_LEVELS, Issued, Quantile, UnitCalibration};

/// Units of [`Issued::units`].
pub(super) const UNITS: usize = 5;

/// Step of an offset for forecasts five minutes apart, as a share of the typical score.
const STEP: f64 = 0.065;

/// The least step of a wide offset, as a share of the offset times [`STEP`].
const SHRINK: f64 = 0.6;

/// A score counts for no more than this many typical ones in the typical score.
const LARGEST: f64 = 20.0;

/// So many scores are needed before bands are drawn from them.
pub(super) const ENOUGH: u32 = 30;

/// Half-life of losses and typical scores, in hours.
const HALF_LIFE_HOURS: f64 = 24.0;

/// Takes in the error `miss` of a forecast; `seconds` have passed since the one before it.
pub(super) fn learn(calibration: &mut Calibration, miss: f64, units: &[f32; UNITS], seconds: f64) {
    calibration.units.resize(UNITS, UnitCalibration::default());
    for (own, unit) in calibration.units.iter_mut().zip(units) {
        learn_one(own, miss, f64::from(*unit), seconds);
    }
}

/// Takes in an error in one unit.
pub(super) fn learn_one(own: &mut UnitCalibration, miss: f64, unit: f64, seconds: f64) {
    let score = miss / unit;
    if !(unit > 0.0 && score.is_finite()) {
        return;
    }
    let keep = 0.5_f64.powf(seconds / (HALF_LIFE_HOURS * 3600.0));
    let loss: f64 = DEFAULT_LEVELS
        .iter()
        .zip(own.offsets)
        .map(|(level, offset)| pinball(level.get(), miss, f64::from(offset) * unit))
        .sum();
    // In the beginning means are those of what there is.
    let fresh = (1.0 / (f64::from(own.scores) + 1.0)).max(1.0 - keep);
    let size = f64::from(own.size);
    let bounded = if own.scores == 0 {
        score.abs()
    } else {
        score.abs().min(LARGEST * size.max(1e-12))
    };
    own.size = ((1.0 - fresh) * size + fresh * bounded) as f32;
    own.loss = ((1.0 - fresh) * f64::from(own.loss) + fresh * loss) as f32;
    let step = (STEP * seconds / 300.0)
        .min(3.0 * STEP)
        .max(1.5 / (f64::from(own.scores) + 4.0));
    let step = step.min(0.4);
    for (level, offset) in DEFAULT_LEVELS.iter().zip(&mut own.offsets) {
        // An offset that has become far too wide must shrink in its own measure, not in that of the errors, which have
        // become small.
        let step = step * f64::from(own.size).max(SHRINK * f64::from(offset.abs()));
        let missed = f64::from(u8::from(score > f64::from(*offset)));
        *offset += (step * (missed - (1.0 - level.get()))) as f32;
    }
    own.scores = own.scores.saturating_add(1);
}

/// The offsets in the metric's own unit for a forecast with these units, by default level, rising; `None` before there
/// are enough scores.
pub(super) fn offsets(calibration: &Calibration, units: &[f32; UNITS]) -> Option<[f64; 9]> {
    let usable = calibration.units.iter().zip(units).filter(|(own, unit)| {
        own.scores >= ENOUGH && unit.is_finite() && **unit > 0.0 && own.loss.is_finite()
    });
    let (own, unit) = usable.min_by(|a, b| a.0.loss.total_cmp(&b.0.loss))?;
    Some(scaled(own, f64::from(*unit)))
}

/// Offsets around a point that is the median itself: it was chosen for the least absolute error, and a correction of it
/// is learned elsewhere.
pub(super) fn centred(mut offsets: [f64; 9]) -> [f64; 9] {
    for (level, offset) in DEFAULT_LEVELS.iter().zip(&mut offsets) {
        *offset = match level.partial_cmp(&Quantile::MEDIAN) {
            Some(Ordering::Less) => offset.min(0.0),
            Some(Ordering::Greater) => offset.max(0.0),
            _ => 0.0,
        };
    }
    offsets
}

/// Offsets of one unit, rising.
pub(super) fn scaled(own: &UnitCalibration, unit: f64) -> [f64; 9] {
    let mut offsets = own.offsets.map(|offset| f64::from(offset) * unit);
    offsets.sort_by(f64::total_cmp);
    offsets
}

/// The units of a peak: those of the path, with a network's spread of the peak in place of that of the path.
pub(super) fn peak_units(issued: &Issued) -> [f32; UNITS] {
    let mut units = issued.units;
    units[UNITS - 1] = issued.peak_spread;
    units
}
