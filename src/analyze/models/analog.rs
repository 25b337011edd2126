//! What came after the moments that looked like this one: nearest neighbours in the workload's own history (the method
//! of analogues, Lorenz 1969). Where a pattern comes back at no fixed time of day (a batch that starts when it is
//! ready, a cache that empties), the other models see noise, and this one has seen it before.

use super::space::Space;
use super::{Look, Member};
use crate::analyze::calendar::{DAY, is_weekend, second_of_day};
use crate::analyze::preprocess::CONFIRM_STEPS;
use crate::analyze::view::View;

/// Five-minute means back from the origin that make a pattern.
const PATTERN: usize = 12;

/// Neighbours that are asked.
const NEIGHBOURS: usize = 12;

/// Two neighbours lie so many bins apart at least: those next to each other are one memory.
const APART: usize = 3;

/// Fewer candidates are no memory.
const FEWEST: usize = 200;

/// What a whole half day of difference in the time of day counts, and the other kind of day, and how far a level twice
/// as high does, each in squares of the typical move.
const CLOCK: f64 = 10.0;
const WEEKEND: f64 = 0.3;
const LEVEL: f64 = 0.3;

/// The method of analogues.
#[derive(Debug)]
pub(super) struct Analog;

impl Member for Analog {
    fn name(&self) -> &'static str {
        "analog"
    }

    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        (until >= FEWEST * look.view.five).then(Vec::new)
    }

    fn points(&self, look: &Look<'_>, _: &[f32], origin: usize) -> Option<Vec<f64>> {
        let view = look.view;
        let space = Space::log(view.magnitude);
        let furthest = *look.knots.iter().max()? as usize;
        let bins = Back::new(view, space, origin);
        let neighbours = neighbours(view, &bins, origin, furthest.div_ceil(view.five))?;
        let now = bins.means[0];
        let points = look.knots.iter().map(|knot| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for (place, weight) in &neighbours {
                let then = origin - place * view.five;
                let after = view.clean[then + *knot as usize];
                if after.is_nan() {
                    continue;
                }
                sum += weight * (space.of(after) - bins.means[*place]);
                weights += weight;
            }
            if weights > 0.0 {
                space.back(now + sum / weights)
            } else {
                f64::NAN
            }
        });
        Some(points.collect())
    }
}

/// Means of five minutes, newest first: the one at `k` ends `k` times five minutes before the origin.
struct Back {
    means: Vec<f64>,
}

impl Back {
    fn new(view: &View<'_>, space: Space, origin: usize) -> Self {
        // Means of coarser bins, further back, show no patterns.
        let count = (origin + 1).saturating_sub(view.fine_from) / view.five;
        let mean = |k: usize| {
            let end = origin - k * view.five;
            // What the user has marked is a pattern only while it goes on.
            let mean = if k < PATTERN && view.marked(origin) {
                view.mean(end, view.five)
            } else {
                view.past_mean(end, view.five)
            };
            mean.map_or(f64::NAN, |v| space.of(v))
        };
        Self {
            means: (0..count).map(mean).collect(),
        }
    }

    /// How far the pattern at `place` is from the newest one.
    fn distance(&self, place: usize) -> f64 {
        let there = &self.means[place..place + PATTERN];
        let here = &self.means[..PATTERN];
        let (a, b) = (there[0], here[0]);
        let mut sum = 0.0;
        for (j, (x, y)) in there.iter().zip(here).enumerate().skip(1) {
            let apart = (x - a) - (y - b);
            sum += apart * apart / (1.0 + 0.25 * j as f64);
        }
        sum
    }
}

/// Places of the most similar moments with their weights.
fn neighbours(
    view: &View<'_>,
    bins: &Back,
    origin: usize,
    skip: usize,
) -> Option<Vec<(usize, f64)>> {
    let means = &bins.means;
    let last = means.len().checked_sub(PATTERN)?;
    // What may still turn out to be an outlier is not remembered yet.
    let first = skip + CONFIRM_STEPS.div_ceil(view.five);
    if last < first + FEWEST || means[..PATTERN].iter().any(|v| v.is_nan()) {
        return None;
    }
    let typical = {
        let moves = (first..last).map(|k| (means[k] - means[k + PATTERN - 1]).powi(2));
        let known: Vec<f64> = moves.filter(|v| v.is_finite()).collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    };
    if typical <= 0.0 {
        return None;
    }
    let local = |k: usize| view.calendar.local(origin - k * view.five);
    let here = local(0);
    let (second, weekend) = (second_of_day(here), is_weekend(here));
    let mut found: Vec<(f64, usize)> = (first..=last)
        .filter_map(|k| {
            let shape = bins.distance(k);
            if !shape.is_finite() {
                return None;
            }
            let there = local(k);
            let apart = (second_of_day(there) - second).abs();
            let clock = apart.min(DAY - apart) as f64 / (DAY as f64 / 2.0);
            let kind = f64::from(u8::from(is_weekend(there) != weekend));
            let level = (means[k] - means[0]) / std::f64::consts::LN_2;
            let distance =
                shape / typical + CLOCK * clock * clock + WEEKEND * kind + LEVEL * level * level;
            Some((distance, k))
        })
        .collect();
    if found.len() < FEWEST {
        return None;
    }
    let most = (NEIGHBOURS * (2 * APART + 1)).min(found.len() - 1);
    found.select_nth_unstable_by(most, |a, b| a.0.total_cmp(&b.0));
    found.truncate(most);
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut chosen: Vec<(f64, usize)> = Vec::with_capacity(NEIGHBOURS);
    for (distance, k) in found {
        if chosen.iter().all(|(_, other)| other.abs_diff(k) >= APART) {
            chosen.push((distance, k));
            if chosen.len() == NEIGHBOURS {
                break;
            }
        }
    }
    let width = chosen.iter().map(|(d, _)| d).sum::<f64>() / chosen.len().max(1) as f64;
    let weight = |d: f64| (-2.0 * d / width.max(1e-12)).exp();
    Some(chosen.into_iter().map(|(d, k)| (k, weight(d))).collect())
}
