//! Seasons that multiply the trend: `y = trend * (1 + seasons)`.
//!
//! The model is bilinear, so no sums made in advance can do: each step passes over the samples once. The step is
//! Gauss-Newton's with the priors kept exact: the model is linearised at the present numbers, the linear problem is
//! solved as the additive one is, and the step is halved until the true posterior rises.

use super::map::{Priors, Quadratic, Solution, energy_of, given_noise, noise};
use super::{Design, Point};

const MOST_STEPS: usize = 60;
const MOST_HALVINGS: usize = 20;

/// The samples with their columns, in upstream's scaling.
#[derive(Debug)]
pub(super) struct Rows {
    width: usize,
    /// Places of the changepoints, from 0 to 1.
    bends: Vec<f64>,
    /// From 0 to 1.
    times: Vec<f64>,
    values: Vec<f64>,
    columns: Vec<f64>,
}

impl Rows {
    pub(super) fn new(points: &[Point], design: &Design, bends: &[i64], unit: f64) -> Self {
        let width = design.width();
        let start = points.first().map_or(0, |p| p.at);
        let span = points.last().map_or(1, |p| p.at - start).max(1) as f64;
        let place = |at: i64| (at - start) as f64 / span;
        let mut columns = vec![0.0; width * points.len()];
        for (row, point) in columns.chunks_exact_mut(width.max(1)).zip(points) {
            design.fill(point.local, row);
        }
        Self {
            width,
            bends: bends.iter().map(|at| place(*at)).collect(),
            times: points.iter().map(|p| place(p.at)).collect(),
            values: points.iter().map(|p| p.value / unit).collect(),
            columns,
        }
    }

    fn row(&self, index: usize) -> &[f64] {
        &self.columns[index * self.width..(index + 1) * self.width]
    }

    /// Slope, offset, columns, hinges: as in the additive problem.
    fn trend(&self, index: usize, values: &[f64]) -> f64 {
        let t = self.times[index];
        let changes = &values[2 + self.width..];
        let bent = self.bends.iter().zip(changes);
        values[0] * t + values[1] + bent.map(|(c, d)| d * (t - c).max(0.0)).sum::<f64>()
    }

    fn season(&self, index: usize, values: &[f64]) -> f64 {
        let beta = &values[2..2 + self.width];
        self.row(index).iter().zip(beta).map(|(x, b)| x * b).sum()
    }

    /// The sum of squared residuals of the true model.
    pub(super) fn residual(&self, values: &[f64]) -> f64 {
        (0..self.times.len())
            .map(|i| {
                let fitted = self.trend(i, values) * (1.0 + self.season(i, values));
                (self.values[i] - fitted).powi(2)
            })
            .sum()
    }

    /// The least-squares problem of the model linearised at `values`.
    fn linearised(&self, values: &[f64]) -> Quadratic {
        let size = values.len();
        let mut quadratic = Quadratic {
            gram: vec![0.0; size * size],
            moments: vec![0.0; size],
            squares: 0.0,
            count: self.times.len() as f64,
        };
        let mut row = vec![0.0; size];
        for index in 0..self.times.len() {
            let (trend, season) = (self.trend(index, values), self.season(index, values));
            let t = self.times[index];
            row[0] = t * (1.0 + season);
            row[1] = 1.0 + season;
            for (cell, x) in row[2..].iter_mut().zip(self.row(index)) {
                *cell = trend * x;
            }
            for (cell, bend) in row[2 + self.width..].iter_mut().zip(&self.bends) {
                *cell = (t - bend).max(0.0) * (1.0 + season);
            }
            // At `values` the linear model must give what the true one gives: the product counts twice in it.
            quadratic.add(&row, self.values[index] + trend * season);
        }
        quadratic.mirror();
        quadratic
    }
}

/// Finds a maximum of the posterior, starting from the additive solution's trend. `additive` are the sums of the
/// same samples.
pub(super) fn maximise(rows: &Rows, additive: &Quadratic, priors: &Priors) -> Option<Solution> {
    let smooth = priors.precision.len();
    let start = super::map::maximise(additive, priors)?;
    let mut values = start.values;
    values[2..smooth].fill(0.0);
    let mut rss = rows.residual(&values);
    let mut sigma = noise(rss, additive.count);
    let mut energy = energy_of(rss, additive.count, priors, &values, sigma);
    for _ in 0..MOST_STEPS {
        let target = given_noise(&rows.linearised(&values), priors, sigma, &values[smooth..])?;
        let before = energy;
        let mut share = 1.0;
        for _ in 0..MOST_HALVINGS {
            let point: Vec<f64> = values
                .iter()
                .zip(&target)
                .map(|(from, to)| from + share * (to - from))
                .collect();
            rss = rows.residual(&point);
            let next = noise(rss, additive.count);
            let reached = energy_of(rss, additive.count, priors, &point, next);
            if reached < energy {
                (values, sigma, energy) = (point, next, reached);
                break;
            }
            share *= 0.5;
        }
        if before - energy <= 1e-10 * energy.abs().max(1.0) {
            break;
        }
    }
    Some(Solution {
        values,
        sigma,
        energy,
    })
}

// === impl Quadratic ===

impl Quadratic {
    /// Adds a row: the lower triangle only.
    fn add(&mut self, row: &[f64], value: f64) {
        let size = row.len();
        for (i, x) in row.iter().enumerate() {
            // Hinges are 0 until their changepoint.
            if *x == 0.0 {
                continue;
            }
            self.moments[i] += x * value;
            let line = &mut self.gram[i * size..=i * size + i];
            for (cell, other) in line.iter_mut().zip(row) {
                *cell += x * other;
            }
        }
        self.squares += value * value;
    }

    /// Fills the upper triangle.
    fn mirror(&mut self) {
        let size = self.moments.len();
        for i in 0..size {
            for j in 0..i {
                self.gram[j * size + i] = self.gram[i * size + j];
            }
        }
    }
}
