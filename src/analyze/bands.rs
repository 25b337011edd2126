//! Bands: empirical quantiles of a model's own errors by step ahead, in the manner of split conformal prediction, in a
//! unit that widens and narrows with the workload.
//!
//! The unit is chosen by the loss it gives. Where evidence is thin, bands are drawn to a default that is honest
//! about it: wide, in proportion to the level, widening with the root of time. Coverage is right on average over
//! time; it is no promise about each burst.

use super::stats::{conformal_quantile, interpolate, pinball};
use super::view::View;
use crate::domain::{BandScale, BandSet, DEFAULT_LEVELS, Quantile};

/// Independent errors that count as much as the default.
const PRIOR: f64 = 8.0;

/// Below so many independent errors the default still has a say.
const ENOUGH: f64 = 60.0;

/// No offset is larger, so that it fits its type whatever the data.
const LARGEST: f64 = 1e30;

/// The units that are tried.
pub(crate) const SCALES: [BandScale; 4] = [
    BandScale::Constant,
    BandScale::Level,
    BandScale::Spread,
    BandScale::LevelAndSpread,
];

/// Errors at one step ahead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors {
    /// `actual - point`.
    pub(crate) misses: Vec<f64>,
    /// The units at their origins, by [`SCALES`].
    pub(crate) units: Vec<[f64; 4]>,
    /// How many of them are independent: errors whose spans overlap are not.
    pub(crate) independent: f64,
}

/// The units of bands at `origin`, by [`SCALES`]; none of them is 0, so that no band collapses.
pub(crate) fn units(view: &View<'_>, origin: usize) -> [f64; 4] {
    let least = if view.magnitude > 0.0 {
        0.02 * view.magnitude
    } else {
        1e-9
    };
    let level = view
        .level(origin)
        .unwrap_or(view.magnitude)
        .abs()
        .max(least);
    let spread = view
        .spread(origin)
        .unwrap_or(0.05 * level)
        .max(0.005 * level)
        .max(0.1 * least);
    [1.0, level, spread, (level * spread).sqrt()]
}

/// The place of `scale` in [`SCALES`].
pub(crate) fn place(scale: BandScale) -> usize {
    SCALES.iter().position(|known| *known == scale).unwrap_or(1)
}

/// Bands of `model` from its errors at each knot.
pub(crate) fn measure(model: &str, knots: &[u32], errors: &[Errors], step_secs: f64) -> BandSet {
    let thin = errors.iter().any(|at| at.independent < ENOUGH);
    let scale = if thin {
        BandScale::Level
    } else {
        best_scale(errors)
    };
    let mut by_knot = Vec::with_capacity(errors.len());
    for (knot, at) in knots.iter().zip(errors) {
        let mut offsets = offsets(at, place(scale));
        if scale == BandScale::Level {
            let trust = at.independent / (at.independent + PRIOR);
            let fallback = default_offsets(f64::from(*knot) * step_secs);
            if thin {
                draw_to(&mut offsets, &fallback, trust);
            }
        }
        by_knot.push(offsets);
    }
    let offsets = (0..DEFAULT_LEVELS.len())
        .flat_map(|level| {
            by_knot
                .iter()
                .map(move |offsets| offsets[level].clamp(-LARGEST, LARGEST) as f32)
        })
        .collect();
    BandSet {
        model: model.into(),
        scale,
        offsets,
        steps: knots.to_vec(),
        samples: errors
            .iter()
            .map(|at| at.misses.len() as u32)
            .min()
            .unwrap_or(0),
    }
}

/// Bands without any evidence.
pub(crate) fn by_default(model: &str, knots: &[u32], step_secs: f64) -> BandSet {
    let none: Vec<Errors> = knots.iter().map(|_| Errors::default()).collect();
    measure(model, knots, &none, step_secs)
}

/// The mean pinball loss over the levels of `levels` of bands of this scale on their own errors.
pub(crate) fn loss(
    set: &BandSet,
    knot: usize,
    at: &Errors,
    index: usize,
    levels: &[Quantile],
) -> f64 {
    let unit = at.units[index][place(set.scale)];
    let each = levels.iter().map(|level| {
        let offset = offset(set, *level, f64::from(set.steps[knot]));
        pinball(level.get(), at.misses[index], offset * unit)
    });
    each.sum::<f64>() / levels.len() as f64
}

/// The offset of `level` at `ahead` steps, linear between levels and steps; beyond the last step it grows with the
/// root of time.
pub(crate) fn offset(set: &BandSet, level: Quantile, ahead: f64) -> f64 {
    let knots = set.steps.len();
    let last = set.steps.last().map_or(1.0, |s| f64::from(*s));
    let at = |row: usize| {
        let path = set
            .offsets
            .get(row * knots..(row + 1) * knots)
            .unwrap_or_default();
        let values: Vec<f64> = path.iter().map(|v| f64::from(*v)).collect();
        let beyond = (ahead / last).max(1.0).sqrt();
        interpolate(&set.steps, &values, ahead) * beyond
    };
    level.among(&DEFAULT_LEVELS, at)
}

fn best_scale(errors: &[Errors]) -> BandScale {
    let total = |scale: BandScale| -> f64 {
        let unit = place(scale);
        let each = errors.iter().map(|at| {
            let offsets = offsets(at, unit);
            let losses = at.misses.iter().zip(&at.units).map(|(error, units)| {
                let levels = DEFAULT_LEVELS.iter().zip(&offsets);
                levels
                    .map(|(level, offset)| pinball(level.get(), *error, offset * units[unit]))
                    .sum::<f64>()
            });
            losses.sum::<f64>()
        });
        each.sum()
    };
    let mut best = (f64::INFINITY, BandScale::Level);
    for scale in SCALES {
        let loss = total(scale);
        if loss < best.0 {
            best = (loss, scale);
        }
    }
    best.1
}

/// Quantiles of the errors in the unit at `unit`, one for each default level.
fn offsets(at: &Errors, unit: usize) -> [f64; 9] {
    let mut sorted: Vec<f64> = at
        .misses
        .iter()
        .zip(&at.units)
        .map(|(e, units)| e / units[unit])
        .collect();
    sorted.sort_unstable_by(f64::total_cmp);
    DEFAULT_LEVELS.map(|level| conformal_quantile(&sorted, level.get()).unwrap_or(0.0))
}

/// Offsets in shares of the level that assume little: a standard deviation of a tenth of the level in five minutes.
fn default_offsets(ahead_secs: f64) -> [f64; 9] {
    const NORMAL: [f64; 9] = [
        -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 2.054, 2.326,
    ];
    let deviation = 0.05 + 0.05 * (ahead_secs / 300.0).max(0.0).sqrt();
    NORMAL.map(|z| z * deviation)
}

/// Moves each offset towards the default, which here may widen a band but never narrow it.
fn draw_to(offsets: &mut [f64; 9], fallback: &[f64; 9], trust: f64) {
    for (offset, default) in offsets.iter_mut().zip(fallback) {
        let wider = if *default < 0.0 {
            offset.min(*default)
        } else if *default > 0.0 {
            offset.max(*default)
        } else {
            0.0
        };
        *offset = trust * *offset + (1.0 - trust) * wider;
    }
}
