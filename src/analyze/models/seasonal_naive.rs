//! The typical day, corrected by the recent level: the last value, plus a share of what the profile will change, plus
//! a share of the way back to the profile, plus a share of the way to the recent mean. The three shares are fitted for
//! each step ahead by least absolute deviations; with all three at 0 it is the naive model, with 0, 1 and 1 the
//! profile itself.

use super::space::Space;
use super::{Look, Member};
use crate::analyze::fitting::origins;
use crate::analyze::solve::{least_absolute, solution};

/// Shares for each step ahead.
const SHARES: usize = 3;

/// Origins that the shares are fitted on.
const ORIGINS: usize = 800;

/// Fewer are no evidence.
const FEWEST: usize = 60;

/// The profile, corrected by the recent level.
#[derive(Debug)]
pub(super) struct SeasonalNaive;

impl Member for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal-naive"
    }

    /// Layout: the unit of the logarithmic space (0 for the plain one), then the shares, knot by knot.
    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        look.profile?;
        let spaces = [Space::Plain, Space::log(look.view.magnitude)];
        let fitted = spaces
            .into_iter()
            .filter_map(|space| fitted(look, until, space));
        let (_, values) = fitted.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(values)
    }

    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>> {
        let (unit, shares) = learned.split_first()?;
        let space = space_of(*unit);
        let last = space.of(look.view.last(origin)?);
        let knots = look.knots.iter().zip(shares.chunks_exact(SHARES));
        knots
            .map(|(knot, shares)| {
                let parts = parts(look, space, origin, *knot as usize)?;
                let change: f64 = parts
                    .iter()
                    .zip(shares)
                    .map(|(p, s)| p * f64::from(*s))
                    .sum();
                Some(space.back(last + change))
            })
            .collect()
    }
}

/// How much of the profile's change each knot believes in, from 0 to 1.
pub(super) fn trust(learned: &[f32]) -> Vec<f64> {
    let shares = learned.get(1..).unwrap_or_default().chunks_exact(SHARES);
    shares.map(|s| f64::from(s[2]).clamp(0.0, 1.0)).collect()
}

fn space_of(unit: f32) -> Space {
    if unit > 0.0 {
        Space::Log {
            unit: f64::from(unit),
        }
    } else {
        Space::Plain
    }
}

/// The way to the recent mean, from there to the profile, and the profile's change, in `space`.
fn parts(look: &Look<'_>, space: Space, origin: usize, ahead: usize) -> Option<[f64; SHARES]> {
    let view = look.view;
    let profile = |index| {
        let value = look
            .profile?
            .at(view.calendar.local(index), view.step_secs)?;
        Some(space.of(value))
    };
    let (last, mean) = (space.of(view.last(origin)?), space.of(view.level(origin)?));
    let (now, then) = (profile(origin)?, profile(origin + ahead)?);
    Some([mean - last, now - mean, then - now])
}

/// The mean absolute error on what it was fitted on, and the layout of [`SeasonalNaive::learn`].
fn fitted(look: &Look<'_>, until: usize, space: Space) -> Option<(f64, Vec<f32>)> {
    let view = look.view;
    let unit = match space {
        Space::Plain => 0.0,
        Space::Log { unit } => unit as f32,
    };
    let space = space_of(unit);
    let mut values = vec![unit];
    let mut loss = 0.0;
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    for knot in look.knots.iter().map(|k| *k as usize) {
        rows.clear();
        targets.clear();
        let mut actuals = Vec::new();
        for origin in origins(view, view.steps(60.0), until.saturating_sub(knot), ORIGINS) {
            if !view.measured(origin + knot) {
                continue;
            }
            let Some(parts) = parts(look, space, origin, knot) else {
                continue;
            };
            let (last, actual) = (space.of(view.seen[origin]), view.seen[origin + knot]);
            rows.extend(parts);
            targets.push(space.of(actual) - last);
            actuals.push((last, actual));
        }
        if targets.len() < FEWEST {
            return None;
        }
        let shares = least_absolute(&rows, &targets, SHARES)?;
        let misses = rows.chunks_exact(SHARES).zip(&actuals);
        loss += misses
            .map(|(row, (last, actual))| (space.back(last + solution(row, &shares)) - actual).abs())
            .sum::<f64>()
            / actuals.len() as f64;
        values.extend(shares.iter().map(|s| *s as f32));
    }
    Some((loss, values))
}
