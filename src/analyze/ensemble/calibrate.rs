//! Adaptive conformal calibration: for each level an offset is tracked so that the wanted share of what comes lies at or
//! below it, whatever the distribution does (Gibbs & Candès, "Adaptive conformal inference under distribution shift",
//! 2021, in the form of quantile tracking of Angelopoulos, Candès & Tibshirani, "Conformal PID control", 2023). An offset
//! is raised by a step after a miss and lowered a little after none, in proportion to the level, so that over time
//! misses are as frequent as they should be; the step is bounded by the typical error, so that one burst can't throw it off.
//!
//! Offsets are tracked in several units side by side (constant, by level, by restlessness, by what a network thinks of its
//! own spread, by how far the load has moved at this time on the days before, by the band that trees see around a middle
//! of their own); bands are the mean of all,
//! in which those that have lost least have the most say.

use std::cmp::Ordering;

use crate::analyze::stats::pinball;
use crate::domain::{Calibration, DEFAULT_LEVELS, Issued, Quantile, UnitCalibration};

/// Units in which offsets are tracked.
pub(super) const UNITS: usize = 7;
/// Those of them in [`Issued::units`]; the last of these is the network's.
const PLAIN: usize = 5;
/// The place of that of the trees.
const TREES: usize = UNITS - 1;

/// The units at one lead time; not a number, or 0, where one is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Units {
    /// Of the path.
    pub(super) path: [f32; UNITS],
    /// Of the peak: its own spread as a network sees it, moves up only, and the band that trees see.
    pub(super) peak: [f32; UNITS],
    /// The middle of the peak as trees see it: what their band lies around.
    pub(super) middle: f32,
}

impl Units {
    /// From those that path and peak share, those of the network, those of the days before, and the middle and band that
    /// trees see.
    pub(super) fn new(
        shared: [f32; PLAIN - 1],
        network: [f32; 2],
        moves: [f32; 2],
        [middle, band]: [f32; 2],
    ) -> Self {
        let [constant, level, spread, both] = shared;
        let of = |it: usize, band| [constant, level, spread, both, network[it], moves[it], band];
        Self {
            path: of(0, f32::NAN),
            peak: of(1, band),
            middle,
        }
    }

    /// How far the middle of the peak's band lies above `peak`, by unit.
    pub(super) fn shifts(&self, peak: f64) -> [f64; UNITS] {
        let mut shifts = [0.0; UNITS];
        shifts[TREES] = f64::from(self.middle) - peak;
        shifts
    }

    /// Those of a forecast that was made.
    pub(super) fn of(issued: &Issued) -> Self {
        let [constant, level, spread, both, network] = issued.units;
        let shared = [constant, level, spread, both];
        let network = [network, issued.peak_spread];
        Self::new(shared, network, issued.moves, issued.foreseen)
    }
}

/// Step of an offset for forecasts five minutes apart, as a share of the typical score.
const STEP: f64 = 0.065;

/// The least step of a wide offset, as a share of the offset times [`STEP`].
const SHRINK: f64 = 0.6;

/// A score counts for no more than this many typical ones in the typical score.
const LARGEST: f64 = 20.0;

/// So many scores are needed before bands are drawn from them.
pub(super) const ENOUGH: u32 = 30;

/// How sharply a unit's say falls with its loss relative to the least: half at 2 % more.
const SHARPNESS: f64 = 40.0;

/// What a miss counts at each default level when units are compared.
pub(super) type Weights = [f64; 9];
/// Of a path all levels count alike.
pub(super) const ALIKE: Weights = [1.0; 9];
/// Of a peak only those that plans buy safety at: 0.9, 0.95, 0.98 and 0.99, by the root of how rarely they are missed.
pub(super) const UPPER: Weights = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.4, 2.2, 3.2];

/// Half-life of losses and typical scores, in hours.
const HALF_LIFE_HOURS: f64 = 24.0;

/// Takes in the error `miss` of a forecast, whose bands lay around it with `shifts`; `seconds` have passed since the one
/// before it.
pub(super) fn learn(
    calibration: &mut Calibration,
    miss: f64,
    (units, shifts): (&[f32; UNITS], &[f64; UNITS]),
    weights: &Weights,
    seconds: f64,
) {
    calibration.units.resize(UNITS, UnitCalibration::default());
    let record = Record::of(calibration);
    for (own, (unit, shift)) in (calibration.units.iter_mut()).zip(units.iter().zip(shifts)) {
        let miss = miss - shift;
        learn_one(own, miss, f64::from(*unit), weights, (seconds, record));
    }
}

/// What units have shown before one of them takes in an error.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// Scores of the one that has most.
    scores: u32,
    /// The loss of the one that has lost least.
    loss: f32,
}

impl Record {
    fn of(calibration: &Calibration) -> Self {
        let known = calibration.units.iter().filter(|own| own.scores > 0);
        let losses = known.clone().map(|own| own.loss);
        Self {
            scores: known.map(|own| own.scores).max().unwrap_or(0),
            loss: losses.reduce(f32::min).unwrap_or(0.0),
        }
    }
}

/// Takes in an error in one unit, `seconds` after the one before it. Losses are compared, so that all must be means over the
/// same time: who joins units with a `record` is taken for as good as the best of them, and shows by and by what it is. Its own few
/// hours alone may have been those of a calm night.
pub(super) fn learn_one(
    own: &mut UnitCalibration,
    miss: f64,
    unit: f64,
    weights: &Weights,
    (seconds, record): (f64, Record),
) {
    let score = miss / unit;
    if !(unit > 0.0 && score.is_finite()) {
        return;
    }
    let keep = 0.5_f64.powf(seconds / (HALF_LIFE_HOURS * 3600.0));
    let loss: f64 = DEFAULT_LEVELS
        .iter()
        .zip(own.offsets)
        .zip(weights)
        .map(|((level, offset), weight)| {
            weight * pinball(level.get(), miss, f64::from(offset) * unit)
        })
        .sum();
    // In the beginning means are those of what there is.
    let fresh_after = |scores: u32| (1.0 / (f64::from(scores) + 1.0)).max(1.0 - keep);
    let fresh = fresh_after(own.scores);
    if own.scores == 0 {
        own.loss = record.loss;
    }
    let size = f64::from(own.size);
    let bounded = if own.scores == 0 {
        score.abs()
    } else {
        score.abs().min(LARGEST * size.max(1e-12))
    };
    own.size = ((1.0 - fresh) * size + fresh * bounded) as f32;
    let fresh = fresh_after(own.scores.max(record.scores));
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
/// are enough scores. Each unit's say falls with what it has lost.
pub(super) fn offsets(
    calibration: &Calibration,
    (units, shifts): (&[f32; UNITS], &[f64; UNITS]),
) -> Option<[f64; 9]> {
    let units = units.iter().zip(shifts);
    let usable = (calibration.units.iter().zip(units)).filter(|(own, (unit, shift))| {
        let known = unit.is_finite() && **unit > 0.0 && shift.is_finite();
        own.scores >= ENOUGH && known && own.loss.is_finite()
    });
    let least = usable
        .clone()
        .map(|(own, _)| f64::from(own.loss))
        .reduce(f64::min)?;
    let (mut sum, mut weights) = ([0.0; 9], 0.0);
    for (own, (unit, shift)) in usable {
        let loss = f64::from(own.loss);
        let weight = if loss <= least {
            1.0
        } else {
            (-SHARPNESS * (loss / least - 1.0)).exp()
        };
        for (sum, offset) in sum.iter_mut().zip(scaled(own, f64::from(*unit))) {
            *sum += weight * (shift + offset);
        }
        weights += weight;
    }
    Some(sum.map(|sum| sum / weights))
}

/// The bands of all units lie around the forecast itself.
pub(super) const CENTRED: [f64; UNITS] = [0.0; UNITS];

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores of a day, five minutes apart.
    const DAY: usize = 288;

    /// Learns from `days` of errors of about 40 by day and 2 by night, beginning with a day; a unit that is known joins.
    fn learned(days: f64, joins_after: f64) -> Calibration {
        let mut calibration = Calibration::default();
        for index in 0..(days * DAY as f64) as usize {
            let by_day = index % DAY < DAY / 2;
            let noise = ((index * 7919) % 101) as f64 / 50.0 - 1.0;
            let miss = noise * if by_day { 40.0 } else { 2.0 };
            let mut units = [f32::NAN; UNITS];
            units[0] = 100.0;
            if index as f64 >= joins_after * DAY as f64 {
                units[TREES] = 100.0;
            }
            learn(&mut calibration, miss, (&units, &CENTRED), &UPPER, 300.0);
        }
        calibration
    }

    #[test]
    fn who_joins_at_night_is_not_taken_for_the_better_one() {
        // Both are the same unit, and three hours of a night are all that one of them has seen.
        let calibration = learned(1.75, 1.6);
        let [old, new] = [0, TREES].map(|unit| calibration.units[unit]);
        assert!(new.scores >= ENOUGH && old.scores > 10 * new.scores);
        let ratio = new.loss / old.loss;
        assert!((0.9..1.1).contains(&ratio), "{ratio}");
    }

    #[test]
    fn who_joins_and_is_worse_loses_its_say_within_days() {
        let mut calibration = learned(2.0, 9.0);
        for index in 0..DAY {
            let mut units = [f32::NAN; UNITS];
            units[0] = 100.0;
            units[TREES] = 100.0;
            let mut shifts = CENTRED;
            // Its band lies anywhere.
            shifts[TREES] = ((index * 31) % 17) as f64 * 20.0;
            learn(&mut calibration, 1.0, (&units, &shifts), &UPPER, 300.0);
        }
        let [old, new] = [0, TREES].map(|unit| calibration.units[unit].loss);
        assert!(new > 1.5 * old, "{new} {old}");
    }

    #[test]
    fn units_that_began_together_are_means_of_what_there_was() {
        let calibration = learned(0.1, 0.0);
        let [one, other] = [0, TREES].map(|unit| calibration.units[unit]);
        assert_eq!((one.scores, one.loss), (other.scores, other.loss));
        assert!(one.loss > 0.0);
    }
}
