//! The curve over pairs of load and latency, where it reaches an objective, and whether it has changed.

use std::collections::VecDeque;
use std::time::Duration;

use super::ENOUGH;
use crate::domain::LoadLatency;

/// Pairs in a bin, about.
const BIN: usize = 12;
/// Loads in a bin differ by no more than this share.
const WIDTH: f64 = 0.15;
/// The share of a bin's latencies that lie at or below its knot; of few pairs more.
const LEVEL: f64 = 0.9;
/// A pair this much older than the newest one weighs half as much.
const HALF_LIFE: Duration = Duration::from_hours(72);
/// Beyond the loads that were seen no more than this share is claimed.
const BEYOND: f64 = 0.1;
/// Loads that differ by this factor show whether latency depends on load,
const WIDE: f64 = 1.5;
/// which it does if it differs by this one.
const RISES: f64 = 1.2;
/// Loads within this share of one another are the same load.
const SAME_LOAD: f64 = 0.1;
/// Older pairs at the same load that a new one needs, to be compared.
const NEIGHBOURS: usize = 5;
/// The curve has changed when new pairs are slower than this share of older ones, or faster,
const BEYOND_CHANCE: f64 = 0.85;
/// and by this factor in the middle.
const CHANGED: f64 = 1.25;

/// A point of the curve: latency stays at or below `latency` at this load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Knot {
    pub(super) load: f64,
    pub(super) latency: f64,
    weight: f64,
}

/// Where the curve reaches an objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// Between two loads that were seen.
    Within(f64),
    /// Not before this load.
    AtLeast(f64),
    /// Before this load, if anywhere.
    AtMost(f64),
    /// Latency is above it, and does not depend on load.
    Unrelated,
}

/// The curve, rising in load and never falling in latency; empty when there are too few pairs.
pub(super) fn curve(pairs: &VecDeque<LoadLatency>) -> Vec<Knot> {
    if pairs.len() < ENOUGH {
        return Vec::new();
    }
    let newest = pairs.iter().map(|pair| pair.0).max().unwrap_or_default();
    let mut weighted: Vec<Knot> = (pairs.iter())
        .map(|LoadLatency(at, load, latency)| Knot {
            load: f64::from(*load),
            latency: f64::from(*latency),
            weight: weight(newest.since(*at)),
        })
        .collect();
    weighted.sort_by(|a, b| a.load.total_cmp(&b.load));
    let mut knots = Vec::with_capacity(weighted.len() / BIN + 1);
    while !weighted.is_empty() {
        let mut bin: Vec<Knot> = weighted.drain(..bin_length(&weighted)).collect();
        knots.push(knot(&mut bin));
    }
    pool(&knots)
}

/// How many of the pairs that are left, in rising order of load, make the next bin: a dozen, all that are left where a
/// dozen would leave too few for another, but none beyond a gap.
fn bin_length(left: &[Knot]) -> usize {
    let near = left.partition_point(|it| it.load <= left[0].load * (1.0 + WIDTH));
    let together = if near < 2 * BIN { near } else { BIN };
    together.max(1)
}

/// However old, a pair never weighs nothing.
fn weight(age: Duration) -> f64 {
    0.5_f64
        .powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64())
        .max(1e-6)
}

/// One knot of a bin: its mean load, and a high quantile of its latencies.
fn knot(bin: &mut [Knot]) -> Knot {
    let weight: f64 = bin.iter().map(|it| it.weight).sum();
    let load = bin.iter().map(|it| it.load * it.weight).sum::<f64>() / weight;
    bin.sort_by(|a, b| a.latency.total_cmp(&b.latency));
    let count = bin.len() as f64;
    // The next one is to lie below, not only those that were seen.
    let wanted = weight * (LEVEL * (count + 1.0) / count).min(1.0 - 0.5 / count);
    let mut below = 0.0;
    let high = bin.iter().find(|it| {
        below += it.weight;
        below >= wanted
    });
    let latency = high.or(bin.last()).map_or(0.0, |it| it.latency);
    Knot {
        load,
        latency,
        weight,
    }
}

/// Pools adjacent violators: where latency would fall, both sides get their weighted mean.
fn pool(knots: &[Knot]) -> Vec<Knot> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(knots.len());
    for knot in knots {
        let mut block = (knot.latency, knot.weight, 1);
        while let Some(before) = blocks.pop_if(|before| before.0 >= block.0) {
            let weight = before.1 + block.1;
            let latency = (before.0 * before.1 + block.0 * block.1) / weight;
            block = (latency, weight, before.2 + block.2);
        }
        blocks.push(block);
    }
    let latencies =
        (blocks.iter()).flat_map(|(latency, _, count)| std::iter::repeat_n(*latency, *count));
    knots
        .iter()
        .zip(latencies)
        .map(|(knot, latency)| Knot { latency, ..*knot })
        .collect()
}

/// Where the curve reaches `objective`; `None` without a curve.
pub(super) fn reach(knots: &[Knot], objective: f64) -> Option<Found> {
    let (first, last) = (knots.first()?, knots.last()?);
    let above = knots.iter().position(|knot| knot.latency > objective);
    Some(match above {
        Some(0) => {
            let wide = last.load >= WIDE * first.load;
            if wide && last.latency < RISES * first.latency {
                Found::Unrelated
            } else {
                Found::AtMost(first.load * (1.0 - BEYOND))
            }
        }
        Some(above) => Found::Within(crossing(knots[above - 1], knots[above], objective)),
        None => {
            let limit = last.load * (1.0 + BEYOND);
            let lower = knots.iter().rev().find(|knot| knot.latency < last.latency);
            Found::AtLeast(match lower {
                Some(lower) => crossing(*lower, *last, objective).clamp(last.load, limit),
                None => limit,
            })
        }
    })
}

/// The load at which the latency between two knots, the second of them higher, or beyond it, reaches `latency`: on a straight
/// line of its logarithm, above which no queue's latency lies between the two.
fn crossing(a: Knot, b: Knot, latency: f64) -> f64 {
    let share = if a.latency > 0.0 {
        (latency / a.latency).ln() / (b.latency / a.latency).ln()
    } else {
        (latency - a.latency) / (b.latency - a.latency)
    };
    a.load + (b.load - a.load) * share
}

/// Whether the newest pairs are slower, or faster, than older ones at the same load.
pub(super) fn has_changed(pairs: &VecDeque<LoadLatency>) -> bool {
    if pairs.len() < 2 * ENOUGH {
        return false;
    }
    let older = pairs.len() - ENOUGH;
    let (mut ranks, mut factors) = (Vec::new(), Vec::new());
    for LoadLatency(_, load, latency) in pairs.range(older..) {
        let same = |pair: &&LoadLatency| f64::from((pair.1 / load - 1.0).abs()) <= SAME_LOAD;
        let mut before: Vec<f32> = pairs.range(..older).filter(same).map(|p| p.2).collect();
        if before.len() < NEIGHBOURS {
            continue;
        }
        before.sort_by(f32::total_cmp);
        let below = before.partition_point(|it| it < latency);
        let up_to = before.partition_point(|it| it <= latency);
        ranks.push((below + up_to) as f64 / (2 * before.len()) as f64);
        factors.push(f64::from(latency / before[before.len() / 2]));
    }
    // Most of them must have something to be compared with.
    if ranks.len() < ENOUGH * 2 / 3 {
        return false;
    }
    factors.sort_by(f64::total_cmp);
    let rank = ranks.iter().sum::<f64>() / ranks.len() as f64;
    let factor = factors[factors.len() / 2];
    (rank > BEYOND_CHANCE && factor > CHANGED)
        || (rank < 1.0 - BEYOND_CHANCE && factor < 1.0 / CHANGED)
}
