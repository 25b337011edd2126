//! Online aggregation of experts: Bernstein online aggregation (Wintenberger, "Optimal learning with Bernstein online
//! aggregation", Machine Learning 106, 2017) of the absolute loss with the gradient trick, so that the aggregate competes
//! with the best convex combination and not only with the best expert. Each expert has a learning rate of its own, from
//! the losses that it has shown. Regrets fade, so that an expert that has become the better one is not held to its past;
//! an expert without an answer sleeps: it neither gains nor loses.

use crate::domain::{Issued, Lane, Regret};

/// No learning rate is larger: with few losses seen, weights would jump.
const FASTEST: f64 = 4.0;

/// A single loss counts for no more than this many typical errors.
const LARGEST: f64 = 10.0;

/// The weight of each expert of `lane` that is `awake`; they add up to 1, unless nobody is awake.
pub(super) fn weights(lane: &Lane, awake: &[bool]) -> Vec<f64> {
    let count = lane.experts.len().max(2) as f64;
    let rates: Vec<f64> = lane.experts.iter().map(|it| rate(it, count)).collect();
    let scores = || {
        lane.experts
            .iter()
            .zip(&rates)
            .map(|(it, rate)| rate * f64::from(it.regret))
    };
    let best = scores()
        .zip(awake)
        .filter(|(_, awake)| **awake)
        .map(|(score, _)| score)
        .fold(f64::NEG_INFINITY, f64::max);
    let each: Vec<f64> = scores()
        .zip(&rates)
        .zip(awake)
        .map(|((score, rate), awake)| {
            if *awake {
                rate * (score - best).exp()
            } else {
                0.0
            }
        })
        .collect();
    let total: f64 = each.iter().sum();
    if total > 0.0 && total.is_finite() {
        each.into_iter().map(|weight| weight / total).collect()
    } else {
        let awake_count = awake.iter().filter(|awake| **awake).count().max(1) as f64;
        awake
            .iter()
            .map(|awake| if *awake { 1.0 / awake_count } else { 0.0 })
            .collect()
    }
}

/// The weighted mean of the experts that have an answer, and their weights; `None` when nobody has.
pub(super) fn blend(lane: &Lane, points: &[f32]) -> Option<(f64, Vec<f64>)> {
    let awake: Vec<bool> = points.iter().map(|point| point.is_finite()).collect();
    let weights = weights(lane, &awake);
    let of = points
        .iter()
        .zip(&weights)
        .filter(|(point, _)| point.is_finite());
    let mean = of
        .map(|(point, weight)| f64::from(*point) * weight)
        .sum::<f64>();
    (awake.contains(&true) && mean.is_finite()).then_some((mean, weights))
}

/// Takes in what came of a forecast. `keep` is the share of the past that still counts.
pub(super) fn learn(lane: &mut Lane, issued: &Issued, actual: f64, keep: f64) {
    let count = lane.experts.len().max(2) as f64;
    let scale = f64::from(lane.scale);
    let aggregate = f64::from(issued.finals[0]);
    let naive = (actual - f64::from(issued.points[0])).abs();
    let slope = (aggregate - actual).signum();
    for (expert, point) in lane.experts.iter_mut().zip(&issued.points) {
        expert.regret *= keep as f32;
        expert.variance *= keep as f32;
        expert.largest *= keep as f32;
        expert.loss *= keep as f32;
        expert.naive *= keep as f32;
        if !point.is_finite() || scale <= 0.0 {
            continue;
        }
        let point = f64::from(*point);
        expert.loss += ((actual - point).abs() / scale) as f32;
        expert.naive += (naive / scale) as f32;
        let regret = (slope * (aggregate - point) / scale).clamp(-LARGEST, LARGEST);
        let rate = rate(expert, count);
        expert.largest = expert.largest.max(regret.abs() as f32);
        expert.variance += (regret * regret) as f32;
        expert.regret += (regret - rate * regret * regret) as f32;
    }
}

/// An expert's absolute error relative to the naive model's on the same forecasts; `None` before there is any.
pub(super) fn relative_error(expert: &Regret) -> Option<f64> {
    (expert.naive > 0.0).then(|| f64::from(expert.loss) / f64::from(expert.naive))
}

/// The record of an expert that joins others, of whom the naive one has shown this.
pub(super) fn newcomer(naive: Regret) -> Regret {
    Regret {
        loss: naive.naive,
        ..naive
    }
}

fn rate(expert: &Regret, count: f64) -> f64 {
    let by_variance = (count.ln() / f64::from(expert.variance).max(1e-9)).sqrt();
    let by_range = 0.5 / f64::from(expert.largest).max(1e-9);
    by_variance.min(by_range).min(FASTEST)
}
