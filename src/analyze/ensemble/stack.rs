//! What the aggregate is still wrong about, learned as it goes: a ridge regression of its error on how far each expert
//! stands from it and on the errors that it made lately, an hour and a day before. A convex combination can't leave the
//! span of its experts; when all of them are late in the same way, this can. Evidence fades, and each error counts by its size
//! rather than its square.

use crate::analyze::solve::Normal;
use crate::domain::Stack;

/// Draws the correction to nothing, as a share of the evidence.
const PENALTY: f64 = 0.1;

/// The correction is no larger than this many times the largest feature.
const LARGEST: f64 = 2.0;

/// Features: the experts' distances from the aggregate, then the known errors, in units of `scale`; 0 where unknown.
pub(super) fn features(points: &[f32], aggregate: f64, lags: &[f32; 3], scale: f64) -> Vec<f64> {
    let known = |value: f64| {
        if value.is_finite() {
            (value / scale).clamp(-50.0, 50.0)
        } else {
            0.0
        }
    };
    let distances = points
        .iter()
        .map(|point| known(f64::from(*point) - aggregate));
    distances
        .chain(lags.iter().map(|lag| known(f64::from(*lag))))
        .collect()
}

/// The expected error of the aggregate, in the unit of the features; 0 before there is evidence.
pub(super) fn correction(stack: &Stack, features: &[f64]) -> f64 {
    let width = features.len();
    if stack.moments.len() != width {
        return 0.0;
    }
    let diagonal: Vec<f64> = (0..width)
        .map(|i| f64::from(stack.gram[place(i, i)]))
        .collect();
    let mean = diagonal.iter().sum::<f64>() / width as f64;
    if mean <= 0.0 || !mean.is_finite() {
        return 0.0;
    }
    let penalty: Vec<f64> = diagonal
        .iter()
        .map(|own| PENALTY * 0.5 * (own + mean) + 1e-9 * mean)
        .collect();
    let gram = |i, j| f64::from(stack.gram[place(i, j)]);
    let moments = stack.moments.iter().map(|v| f64::from(*v));
    let Some(coefficients) = Normal::of(width, gram, moments.collect()).solve(&penalty) else {
        return 0.0;
    };
    let sum: f64 = features.iter().zip(coefficients).map(|(x, c)| x * c).sum();
    let limit = LARGEST * features.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
    if sum.is_finite() {
        sum.clamp(-limit, limit)
    } else {
        0.0
    }
}

/// Takes in the aggregate's error, in the unit of the features. `keep` is the share of the past that still counts.
pub(super) fn learn(stack: &mut Stack, features: &[f64], error: f64, keep: f64) {
    let width = features.len();
    if stack.moments.len() != width {
        stack.moments = vec![0.0; width];
        stack.gram = vec![0.0; place(width, 0)];
        stack.scale = error.abs() as f32;
    }
    let error = error.clamp(-50.0, 50.0);
    stack.scale = (keep * f64::from(stack.scale) + (1.0 - keep) * error.abs()) as f32;
    let weight = 1.0 / error.abs().max(0.5 * f64::from(stack.scale)).max(1e-6);
    for (i, (feature, moment)) in features.iter().zip(&mut stack.moments).enumerate() {
        let weighted = weight * feature;
        *moment = (keep * f64::from(*moment) + weighted * error) as f32;
        let row = &mut stack.gram[place(i, 0)..=place(i, i)];
        for (cell, other) in row.iter_mut().zip(features) {
            *cell = (keep * f64::from(*cell) + weighted * other) as f32;
        }
    }
}

/// The place of row `i`, column `j` in a lower triangle.
fn place(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}
