//! The mix: each model weighs more the better it did of late. Weights fall off exponentially with a model's discounted
//! mean absolute error relative to the best one's, so that a model that fails is gone within hours and comes back when
//! it is good again.

use super::trials::Trials;
use crate::analyze::models::MEMBERS;

/// An error this much older counts half.
const HALF_LIFE_HOURS: f64 = 8.0;

/// How sharply weights fall: a model with twice the best error weighs `exp(-SHARPNESS)` of the best one.
const SHARPNESS: f64 = 6.0;

/// Discounted sums of one model's absolute errors at one knot.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    loss: f64,
    count: f64,
}

/// Adds to each trial what the mix would have said, with weights from what had come by then, and gives the weights at
/// the end: by model and knot.
pub(super) fn weigh(trials: &mut Trials) -> Vec<Vec<f32>> {
    let knots = trials.knots.len();
    let mut last = vec![Vec::with_capacity(knots); MEMBERS.len()];
    let mut mixed = vec![vec![f64::NAN; knots]; trials.all.len()];
    for knot in 0..knots {
        let mut records = vec![Record::default(); MEMBERS.len()];
        let mut known = 0;
        for (trial, mixed) in trials.all.iter().zip(&mut mixed) {
            known = learn(trials, knot, known, trial.origin, &mut records);
            let points = trial.points.iter().map(|points| points[knot]);
            mixed[knot] = blend(points.zip(weights(&records)));
        }
        learn(trials, knot, known, usize::MAX, &mut records);
        for (path, weight) in last.iter_mut().zip(weights(&records)) {
            path.push(weight as f32);
        }
    }
    for (trial, points) in trials.all.iter_mut().zip(mixed) {
        trial.points.push(points);
    }
    last
}

/// The weighted mean of the points that are numbers.
pub(crate) fn blend(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (point, weight) in pairs.filter(|(point, _)| point.is_finite()) {
        sum += weight * point;
        total += weight;
    }
    sum / total
}

/// Takes in the errors of the trials from `known` on whose target had come by `now`; gives the next one to take in.
fn learn(trials: &Trials, knot: usize, known: usize, now: usize, records: &mut [Record]) -> usize {
    let mut next = known;
    let mut before = known.checked_sub(1).map(|i| trials.all[i].origin);
    for trial in &trials.all[known..] {
        if trial.origin + trials.knots[knot] as usize > now {
            break;
        }
        let apart = before.map_or(0, |b| trial.origin - b) as f64 * trials.step_secs;
        let keep = 0.5_f64.powf(apart / (HALF_LIFE_HOURS * 3600.0));
        for (record, points) in records.iter_mut().zip(&trial.points) {
            record.loss *= keep;
            record.count *= keep;
            let error = (trial.actual[knot] - points[knot]).abs();
            if error.is_finite() {
                record.loss += error;
                record.count += 1.0;
            }
        }
        before = Some(trial.origin);
        next += 1;
    }
    next
}

/// Weights that add up to 1; equal ones until there are a few scores.
fn weights(records: &[Record]) -> Vec<f64> {
    let mean = |r: &Record| (r.count >= 2.0).then(|| r.loss / r.count);
    let best = records
        .iter()
        .filter_map(mean)
        .fold(f64::INFINITY, f64::min);
    if !best.is_finite() {
        return vec![1.0 / records.len() as f64; records.len()];
    }
    let each: Vec<f64> = records
        .iter()
        .map(|record| match mean(record) {
            Some(loss) if best > 0.0 => (-SHARPNESS * (loss / best - 1.0)).exp(),
            Some(loss) if loss <= best => 1.0,
            _ => 0.0,
        })
        .collect();
    let total: f64 = each.iter().sum();
    each.into_iter().map(|weight| weight / total).collect()
}
