//! Seasons that multiply the trend: `y = trend * (1 + seasons)`.
//!
//! The model is bilinear, so no sums made in advance can do: each step passes over the samples. The step is
//! Gauss-Newton's with the priors kept exact: the model is linearised at the present numbers, the linear problem is
//! solved as the additive one is, and the step is halved until the true posterior rises.

use super::gram::Gram;
use super::map::{Priors, Quadratic, Solution, energy_of, given_noise, noise};
use super::{Design, Point};

const MOST_STEPS: usize = 100;
const MOST_HALVINGS: usize = 20;

/// Less gain than this, in the log posterior, is no reason to go on.
const LEAST_GAIN: f64 = 1e-7;

/// The samples with their columns, in upstream's scaling.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    width: usize,
    points: &'a [Point],
    changepoints: &'a [i64],
    /// The largest value by size.
    unit: f64,
    columns: Vec<f64>,
}

/// What some numbers make of each sample.
#[derive(Debug)]
struct Parts {
    trend: Vec<f64>,
    season: Vec<f64>,
    /// The sum of squared residuals.
    rss: f64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        points: &'a [Point],
        design: &Design,
        changepoints: &'a [i64],
        unit: f64,
    ) -> Self {
        let width = design.width();
        let mut columns = vec![0.0; width * points.len()];
        for (row, point) in columns.chunks_exact_mut(width.max(1)).zip(points) {
            design.fill(point.local, row);
        }
        Self {
            width,
            points,
            changepoints,
            unit,
            columns,
        }
    }

    fn row(&self, index: usize) -> &[f64] {
        &self.columns[index * self.width..(index + 1) * self.width]
    }

    /// Seconds from the first sample to `at`, and from the first to the last.
    fn place(&self, at: i64) -> f64 {
        let start = self.points.first().map_or(0, |p| p.at);
        let span = self.points.last().map_or(1, |p| p.at - start).max(1);
        (at - start) as f64 / span as f64
    }

    /// `values` are slope, offset, coefficients and changes of the slope.
    fn parts(&self, values: &[f64]) -> Parts {
        let (beta, changes) = values[2..].split_at(self.width);
        let (mut slope, mut level) = (values[0], values[1]);
        let mut bends = self.changepoints.iter().zip(changes).peekable();
        let mut parts = Parts {
            trend: Vec::with_capacity(self.points.len()),
            season: Vec::with_capacity(self.points.len()),
            rss: 0.0,
        };
        for (index, point) in self.points.iter().enumerate() {
            while let Some((at, change)) = bends.next_if(|(at, _)| **at <= point.at) {
                slope += change;
                level -= change * self.place(*at);
            }
            let trend = level + slope * self.place(point.at);
            let season: f64 = self.row(index).iter().zip(beta).map(|(x, b)| x * b).sum();
            parts.rss += (point.value / self.unit - trend * (1.0 + season)).powi(2);
            parts.trend.push(trend);
            parts.season.push(season);
        }
        parts
    }

    /// The sum of squared residuals of the true model.
    #[cfg(test)]
    pub(super) fn residual(&self, values: &[f64]) -> f64 {
        self.parts(values).rss
    }

    /// The least-squares problem of the model linearised where it has these parts.
    fn linearised(&self, parts: &Parts) -> Option<Quadratic> {
        let mut gram = Gram::new(self.width);
        let mut row = vec![0.0; self.width];
        let mut cuts = self.changepoints.iter().peekable();
        for (index, point) in self.points.iter().enumerate() {
            while let Some(at) = cuts.next_if(|at| **at <= point.at && index > 0) {
                gram.cut(*at);
            }
            let (trend, season) = (parts.trend[index], parts.season[index]);
            for (cell, x) in row.iter_mut().zip(self.row(index)) {
                *cell = trend * x;
            }
            // At the present numbers the linear model must give what the true one gives: the product counts twice in
            // it.
            let value = point.value / self.unit + trend * season;
            gram.add_weighted(point.at, &row, value, 1.0 + season);
        }
        let columns: Vec<usize> = (0..self.width).collect();
        let mut quadratic = gram.quadratic_in(1.0, self.changepoints, &columns)?;
        quadratic.count = self.points.len() as f64;
        Some(quadratic)
    }
}

/// Finds a maximum of the posterior, starting from the additive solution's trend. `additive` are the sums of the
/// same samples.
pub(super) fn maximise(rows: &Rows<'_>, additive: &Quadratic, priors: &Priors) -> Option<Solution> {
    let smooth = priors.precision.len();
    let mut values = super::map::maximise(additive, priors)?.values;
    values[2..smooth].fill(0.0);
    let count = additive.count;
    let mut parts = rows.parts(&values);
    let mut sigma = noise(parts.rss, count);
    let mut energy = energy_of(parts.rss, count, priors, &values, sigma);
    for _ in 0..MOST_STEPS {
        let linear = rows.linearised(&parts)?;
        let target = given_noise(&linear, priors, sigma, &values[smooth..])?;
        let before = energy;
        let mut share = 1.0;
        for _ in 0..MOST_HALVINGS {
            let between = values.iter().zip(&target);
            let point: Vec<f64> = between.map(|(a, b)| a + share * (b - a)).collect();
            let next = rows.parts(&point);
            let noise = noise(next.rss, count);
            let reached = energy_of(next.rss, count, priors, &point, noise);
            if reached < energy {
                (values, parts, sigma, energy) = (point, next, noise, reached);
                break;
            }
            share *= 0.5;
        }
        if before - energy <= LEAST_GAIN {
            break;
        }
    }
    Some(Solution {
        values,
        sigma,
        energy,
    })
}
