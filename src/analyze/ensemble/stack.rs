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

/// Known errors among the features.
const LAGS: usize = 3;

/// Features: the experts' distances from the aggregate, then the known errors, in units of `scale`; 0 where unknown.
pub(super) fn features(points: &[f32], aggregate: f64, lags: &[f32; LAGS], scale: f64) -> Vec<f64> {
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

/// What has been learned, for experts in another order: at each of the places `from` stood one of the old ones, or none, of
/// whom nothing is known. The known errors stay behind them.
pub(super) fn reordered(old: &Stack, from: &[Option<usize>]) -> Stack {
    let Some(experts) = old.moments.len().checked_sub(LAGS) else {
        return Stack::default();
    };
    let of_experts = from.iter().map(|place| place.filter(|old| *old < experts));
    let from: Vec<Option<usize>> = of_experts
        .chain((experts..experts + LAGS).map(Some))
        .collect();
    let moment = |old_place: &Option<usize>| old_place.map_or(0.0, |at| old.moments[at]);
    let cells = (0..from.len()).flat_map(|i| (0..=i).map(move |j| (i, j)));
    let cell = |(i, j): (usize, usize)| match (from[i], from[j]) {
        (Some(a), Some(b)) => {
            let known = old.gram.get(place(a.max(b), a.min(b)));
            known.copied().unwrap_or_default()
        }
        _ => 0.0,
    };
    Stack {
        gram: cells.map(cell).collect(),
        moments: from.iter().map(moment).collect(),
        scale: old.scale,
    }
}

/// The place of row `i`, column `j` in a lower triangle.
fn place(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_experts_that_stay_is_kept_in_another_order() {
        let mut old = Stack::default();
        for i in 0..200_i16 {
            let [a, b] = [f32::from(i % 7) - 3.0, f32::from(i % 5) - 2.0];
            let features = features(&[a, b], 0.0, &[0.5, f32::NAN, -0.5], 1.0);
            learn(
                &mut old,
                &features,
                0.4 * f64::from(a) - 0.2 * f64::from(b),
                0.99,
            );
        }
        let said = |stack: &Stack, points: &[f32]| {
            correction(stack, &features(points, 0.0, &[0.5, f32::NAN, -0.5], 1.0))
        };
        let before = said(&old, &[2.0, 1.0]);
        let swapped = reordered(&old, &[Some(1), Some(0)]);
        assert!((said(&swapped, &[1.0, 2.0]) - before).abs() < 1e-9);
        // Whatever a newcomer says, nothing is known about it yet.
        let joined = reordered(&old, &[Some(0), Some(1), None]);
        let [one, two] = [-9.0, 9.0].map(|own| said(&joined, &[2.0, 1.0, own]));
        assert!((one - two).abs() < 1e-9 && (one - before).abs() < 0.1 * before.abs());
        let gone = reordered(&joined, &[Some(0), None]);
        assert_eq!(gone.moments.len(), 2 + LAGS);
        assert_eq!(reordered(&Stack::default(), &[None]), Stack::default());
    }
}
