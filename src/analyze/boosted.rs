//! The highest load of the next minutes, forecast directly: gradient-boosted trees for how far the load rises above the
//! newest value, its median and its upper band, learned from a workload's own history.
//!
//! A path says when the load comes, and the highest of many restless steps lies above the highest of their medians by an
//! amount that depends on the hour, on what has just happened and on what happened then on the days before. Trees find
//! out on what. They are one more unit of the bands of the peak (`ensemble::calibrate`), with a middle of their own, and have
//! as much of a say as they deserve.

mod features;
#[cfg(test)]
mod tests;
mod trees;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::models::{Look, Space};
use super::view::View;
use features::{COUNT, Seen};
use trees::{NUMBERS, Rows, TREES};

/// The name under which a fit keeps what is learned.
pub(crate) const BOOSTED: &str = "boosted";

/// Lead times that are learned, in minutes: a plan looks as far as replicas take to start, and on.
const LONGEST: f64 = 10.0;

/// The levels of the middle and of the band.
const LEVELS: [f64; 2] = [0.5, 0.95];

/// Rows that are learned from, over all lead times, and from how many those of one are drawn at most.
const ROWS: usize = 20_000;
const CANDIDATES: usize = 20_000;
/// Fewer for a lead time are no evidence.
const FEWEST: usize = 600;

/// Share of the rows that are drawn in proportion to how far the load moved; the others are drawn alike. Days are mostly
/// calm, and what is to be learned is when they are not.
const BY_MOVE: f64 = 0.5;

/// The same history teaches the same.
const SEED: u64 = 1;

/// Numbers before those of the lead times: the unit of the space.
const HEAD: usize = 1;
/// Of each lead time before its trees: itself, and where each level begins.
const OF_LEAD: usize = 1 + LEVELS.len();
/// All of each lead time.
const ALL_OF_LEAD: usize = OF_LEAD + LEVELS.len() * TREES * NUMBERS;

/// What is expected of the highest value up to a lead time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Foreseen {
    /// Its median, in the metric's own unit.
    pub(crate) middle: f64,
    /// How far its 0.95 quantile lies above.
    pub(crate) band: f64,
}

/// Learns from the steps before `until`; `None` where they are too few. Layout: the unit of the space, then for each lead
/// time itself, where each level begins, and the trees of each level. Every lead time has trees of its own: where several
/// share theirs, few trees are spent on what tells lead times apart.
pub(crate) fn learn(look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
    let view = look.view;
    let Space::Log { unit } = Space::log(view.magnitude) else {
        return None;
    };
    let unit = unit as f32;
    let space = Space::Log {
        unit: f64::from(unit),
    };
    let longest = view.steps(LONGEST);
    let leads = look.knots.iter().map(|knot| *knot as usize);
    let leads: Vec<usize> = leads.filter(|lead| *lead <= longest).collect();
    let each = ROWS / leads.len().max(1);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut learned = vec![unit];
    for lead in leads {
        let rises = rises(view, space, lead, until, &mut random);
        let drawn = draw(&rises, each, &mut random)?;
        let seen = drawn
            .iter()
            .filter_map(|row| Some((row, Seen::new(view, space, row.origin)?)));
        let (mut values, mut pairs) = (Vec::with_capacity(each * COUNT), Vec::with_capacity(each));
        for (row, seen) in seen {
            values.extend(seen.row(lead));
            pairs.push((row.rise, row.weight));
        }
        let rows = Rows::new(
            COUNT,
            &values,
            pairs.iter().map(|(_, weight)| *weight).collect(),
        );
        let starts = LEVELS.map(|level| trees::quantile(&mut pairs.clone(), level) as f32);
        learned.push(lead as f32);
        learned.extend(starts);
        for (level, start) in LEVELS.into_iter().zip(starts) {
            let left = pairs.iter().map(|(rise, _)| rise - start).collect();
            learned.extend(rows.learn(level, left, &mut random));
        }
    }
    Some(learned)
}

/// What is expected from `origin` up to each knot; `None` for those that were not learned.
pub(crate) fn foresee(look: &Look<'_>, learned: &[f32], origin: usize) -> Vec<Option<Foreseen>> {
    let nothing = || vec![None; look.knots.len()];
    let Some(([unit], leads)) = learned.split_first_chunk::<HEAD>() else {
        return nothing();
    };
    let space = Space::Log {
        unit: f64::from(*unit),
    };
    let Some(seen) = Seen::new(look.view, space, origin) else {
        return nothing();
    };
    let each = look.knots.iter().map(|knot| {
        let mut leads = leads.chunks_exact(ALL_OF_LEAD);
        let known = leads.find(|known| known[0] as u32 == *knot)?;
        let (starts, trees) = known[1..].split_at(LEVELS.len());
        let row = seen.row(*knot as usize);
        let trees = trees.chunks_exact(TREES * NUMBERS);
        let mut said = starts.iter().zip(trees).map(|(start, trees)| {
            let said = seen.last + f64::from(*start) + trees::sum(trees, &row);
            // What is no number in the space would come back as the highest of all.
            (!said.is_nan()).then(|| space.back(said))
        });
        let (middle, upper) = (said.next()??, said.next()??);
        let band = upper - middle;
        (middle.is_finite() && band.is_finite()).then_some(Foreseen { middle, band })
    });
    each.collect()
}

/// How far the load rose from one origin, in the space.
#[derive(Clone, Copy)]
struct Row {
    origin: usize,
    rise: f32,
    weight: f32,
}

/// From each origin, or from about [`CANDIDATES`] of them, how far the load rose within `lead` steps. Which ones is left to
/// chance: every third step of ten seconds would see two moments of each minute only.
fn rises(
    view: &View<'_>,
    space: Space,
    lead: usize,
    until: usize,
    random: &mut ChaCha8Rng,
) -> Vec<Row> {
    let from = view.first_fine();
    let past = view.past();
    let until = until.min(view.len()).saturating_sub(lead);
    let every = (until.saturating_sub(from) / CANDIDATES).max(1);
    let origins = (from..until).rev();
    let origins = origins.filter(|_| random.random_ratio(1, every as u32));
    let each = origins.filter(|origin| view.measured(*origin));
    let each = each.filter_map(|origin| {
        let rise = space.of(view.highest(origin, origin + lead)?) - space.of(past[origin]);
        rise.is_finite().then_some(Row {
            origin,
            rise: rise as f32,
            weight: 1.0,
        })
    });
    each.collect()
}

/// Draws about `wanted` of `all`: those that moved far more often, and each the less of a weight the more likely it was.
fn draw(all: &[Row], wanted: usize, random: &mut ChaCha8Rng) -> Option<Vec<Row>> {
    if all.len() < FEWEST {
        return None;
    }
    let sizes = || all.iter().map(|row| f64::from(row.rise.abs()));
    let total: f64 = sizes().sum();
    let typical = total / all.len() as f64;
    if typical <= 0.0 {
        return None;
    }
    let usual = wanted as f64 / all.len() as f64;
    let chance = |size: f64| usual * (1.0 - BY_MOVE + BY_MOVE * size / typical);
    let each = all.iter().zip(sizes());
    let rows = each.filter_map(|(row, size)| {
        let chance = chance(size).min(1.0);
        random.random_bool(chance).then_some(Row {
            weight: (usual.min(1.0) / chance) as f32,
            ..*row
        })
    });
    Some(rows.collect())
}
