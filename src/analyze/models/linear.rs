//! A linear model for each step ahead (direct forecasting) on recent and seasonal lags, by ridge regression. Once in
//! the metric's own unit and once in logarithms: the former suits a steady level, the latter bursts.

mod features;

use super::space::Space;
use super::{Look, Member};
use crate::analyze::fitting::origins;
use crate::analyze::solve::Normal;
use features::{COUNT, Recent};

/// Origins that the coefficients are fitted on, and below which there is no fitting.
const ORIGINS: usize = 800;
const FEWEST: usize = 300;

/// Draws coefficients to 0, as a share of the number of origins.
const PENALTY: f64 = 0.003;

/// Features are cut at so many standard deviations, so that a burst does not shoot the forecast off the scale.
const CUT: f32 = 6.0;

/// The forecast stays below this multiple of the largest value that was fitted on.
const CEILING: f64 = 3.0;

/// Ridge regression on lags.
#[derive(Debug)]
pub(super) struct Linear {
    log: bool,
}

impl Linear {
    /// In the metric's own unit.
    pub(super) const PLAIN: Self = Self { log: false };
    /// In logarithms.
    pub(super) const LOG: Self = Self { log: true };

    fn space(&self, unit: f64) -> Space {
        if self.log {
            Space::Log { unit }
        } else {
            Space::Plain
        }
    }
}

impl Member for Linear {
    fn name(&self) -> &'static str {
        if self.log { "linear-log" } else { "linear" }
    }

    /// Layout: the unit of the space, the ceiling, the cut of each feature, then the coefficients, knot by knot.
    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        let view = look.view;
        let unit = match Space::log(view.magnitude) {
            Space::Log { unit } => unit as f32,
            Space::Plain => 1.0,
        };
        let space = self.space(f64::from(unit));
        let design = Design::new(look, until, space)?;
        let cuts = design.cuts();
        let largest = view.past()[..until.min(view.len())]
            .iter()
            .fold(0.0_f64, |a, b| a.max(b.abs()));
        let mut learned = vec![unit, (CEILING * largest) as f32];
        learned.extend(&cuts);
        for knot in &design.knots {
            let coefficients = knot.solve(&cuts)?;
            learned.extend(coefficients.into_iter().map(|c| c as f32));
        }
        Some(learned)
    }

    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>> {
        let ([unit, ceiling], rest) = learned.split_first_chunk()?;
        // A marked load may be higher than any that was learned from; while it goes on it is the load there is.
        let ceiling = match look.view.seen.get(origin) {
            Some(last) if look.view.marked(origin) => f64::from(*ceiling).max(last.abs()),
            _ => f64::from(*ceiling),
        };
        let (cuts, coefficients) = rest.split_at_checked(COUNT)?;
        let space = self.space(f64::from(*unit));
        let recent = Recent::new(look, space, origin)?;
        let knots = look.knots.iter().zip(coefficients.chunks_exact(COUNT));
        let points = knots.map(|(knot, coefficients)| {
            let mut row = recent.row(look, space, *knot as usize);
            cut(&mut row, cuts);
            let change: f64 = row
                .iter()
                .zip(coefficients)
                .map(|(x, c)| x * f64::from(*c))
                .sum();
            let point = space.back(recent.last + change);
            point.clamp(-ceiling, ceiling)
        });
        Some(points.collect())
    }
}

fn cut(row: &mut [f64], cuts: &[f32]) {
    for (x, cut) in row.iter_mut().zip(cuts) {
        *x = x.clamp(-f64::from(*cut), f64::from(*cut));
    }
}

/// Rows and targets for each knot.
struct Design {
    knots: Vec<Rows>,
}

#[derive(Default)]
struct Rows {
    rows: Vec<f64>,
    targets: Vec<f64>,
}

impl Design {
    fn new(look: &Look<'_>, until: usize, space: Space) -> Option<Self> {
        let view = look.view;
        let mut knots: Vec<Rows> = look.knots.iter().map(|_| Rows::default()).collect();
        for origin in origins(view, view.steps(120.0), until, ORIGINS) {
            let Some(recent) = Recent::new(look, space, origin) else {
                continue;
            };
            for (ahead, rows) in look.knots.iter().map(|k| *k as usize).zip(&mut knots) {
                if origin + ahead < until && view.measured(origin + ahead) {
                    rows.rows.extend(recent.row(look, space, ahead));
                    rows.targets
                        .push(space.of(view.seen[origin + ahead]) - recent.last);
                }
            }
        }
        knots
            .iter()
            .all(|rows| rows.targets.len() >= FEWEST)
            .then_some(Self { knots })
    }

    /// Where each feature is cut.
    fn cuts(&self) -> Vec<f32> {
        let mut cuts = vec![0.0_f32; COUNT];
        for rows in &self.knots {
            let mut squares = [0.0; COUNT];
            for row in rows.rows.chunks_exact(COUNT) {
                for (square, x) in squares.iter_mut().zip(row) {
                    *square += x * x;
                }
            }
            for (limit, square) in cuts.iter_mut().zip(squares) {
                let deviation = (square / rows.targets.len() as f64).sqrt() as f32;
                *limit = limit.max(CUT * deviation);
            }
        }
        cuts
    }
}

impl Rows {
    fn solve(&self, cuts: &[f32]) -> Option<Vec<f64>> {
        // A feature that never moves is left out: its size would be 0.
        let sizes: Vec<f64> = cuts
            .iter()
            .map(|limit| f64::from(*limit) / f64::from(CUT))
            .collect();
        let typical = self.targets.iter().map(|t| t.abs()).sum::<f64>() / self.targets.len() as f64;
        if typical <= 0.0 {
            return Some(vec![0.0; COUNT]);
        }
        let mut scaled = vec![0.0; self.rows.len()];
        for (row, original) in scaled
            .chunks_exact_mut(COUNT)
            .zip(self.rows.chunks_exact(COUNT))
        {
            row.copy_from_slice(original);
            cut(row, cuts);
            for (x, size) in row.iter_mut().zip(&sizes) {
                *x = if *size > 0.0 { *x / size } else { 0.0 };
            }
        }
        let penalty = vec![PENALTY * self.targets.len() as f64; COUNT];
        // Errors count by their size, not by its square, as far as one weighting can bring that about: the weights
        // are those of the naive model's errors.
        let mut normal = Normal::new(COUNT);
        for (row, target) in scaled.chunks_exact(COUNT).zip(&self.targets) {
            let target = target / typical;
            normal.add(row, target, 1.0 / target.abs().max(1.0));
        }
        let answer = normal.solve(&penalty)?;
        let back = answer.iter().zip(&sizes);
        Some(
            back.map(|(c, size)| if *size > 0.0 { c * typical / size } else { 0.0 })
                .collect(),
        )
    }
}
