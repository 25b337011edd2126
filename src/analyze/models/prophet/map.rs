//! The maximum of the posterior (MAP), from the Gram matrix alone.
//!
//! For a fixed noise level `sigma` the negative log posterior is a convex quadratic with a ridge on most numbers and
//! absolute values (the Laplace prior) on the rate changes. The ridged numbers are eliminated by a Schur complement,
//! what remains is a lasso of about 25 numbers, solved exactly. For fixed numbers the best `sigma` has a closed form. The
//! two take turns until nothing moves: each turn can only raise the posterior.

use super::lasso;
use super::matrix::{Cholesky, dot, product};

/// Noise below this share of the largest value is rounding.
const LEAST_SIGMA: f64 = 1e-6;

/// Turns at most; five or ten are usual.
const MOST_TURNS: usize = 200;

/// Sums of squares of a linear model: `RSS(x) = squares - 2 moments'x + x' gram x`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quadratic {
    /// Row-major square, symmetric.
    pub(super) gram: Vec<f64>,
    /// Products of the columns with the values.
    pub(super) moments: Vec<f64>,
    /// Of the values.
    pub(super) squares: f64,
    /// How many rows.
    pub(super) count: f64,
}

/// The priors. The first numbers have a normal prior, the others a Laplace one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Priors {
    /// One over the variance, for each number with a normal prior.
    pub(super) precision: Vec<f64>,
    /// One over the scale of the Laplace prior.
    pub(super) rate: f64,
}

/// The numbers at the maximum.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Solution {
    /// First those with a normal prior, then those with a Laplace prior.
    pub(super) values: Vec<f64>,
    /// The noise.
    pub(super) sigma: f64,
    /// The negative log posterior, without constants.
    pub(super) energy: f64,
}

/// Finds the maximum. Noise and fit can hold each other up at more than one level when there are few samples: the
/// search starts from plenty of noise and from hardly any, and keeps the better end.
pub(super) fn maximise(data: &Quadratic, priors: &Priors) -> Option<Solution> {
    let plenty = (data.squares / data.count).sqrt().max(LEAST_SIGMA);
    let high = search(data, priors, plenty)?;
    let low = search(data, priors, (1e-3 * high.sigma).max(LEAST_SIGMA))?;
    Some(if low.energy < high.energy { low } else { high })
}

/// Takes turns between the numbers and the noise, from `sigma` on.
fn search(data: &Quadratic, priors: &Priors, mut sigma: f64) -> Option<Solution> {
    let smooth = priors.precision.len();
    let mut changes = vec![0.0; data.moments.len() - smooth];
    let mut values = Vec::new();
    for _ in 0..MOST_TURNS {
        values = given_noise(data, priors, sigma, &changes)?;
        changes.copy_from_slice(&values[smooth..]);
        let next = noise(data.residual(&values), data.count);
        let moved = (next / sigma - 1.0).abs();
        sigma = next;
        if moved < 1e-8 {
            break;
        }
    }
    let energy = energy(data, priors, &values, sigma);
    energy.is_finite().then_some(Solution {
        values,
        sigma,
        energy,
    })
}

/// The best numbers for a noise, with `changes` as the first guess for those with a Laplace prior.
pub(super) fn given_noise(
    data: &Quadratic,
    priors: &Priors,
    sigma: f64,
    changes: &[f64],
) -> Option<Vec<f64>> {
    let (size, smooth) = (data.moments.len(), priors.precision.len());
    let weight = sigma.powi(-2);
    let mut own = Vec::with_capacity(smooth * smooth);
    for i in 0..smooth {
        own.extend(
            data.gram[i * size..i * size + smooth]
                .iter()
                .map(|g| weight * g),
        );
        own[i * smooth + i] += priors.precision[i];
    }
    let root = Cholesky::new(own, smooth)?;
    let mut explained: Vec<f64> = data.moments[..smooth].iter().map(|b| weight * b).collect();
    root.forward(&mut explained);
    // One column of the cross products for each number with a Laplace prior.
    let crossed: Vec<Vec<f64>> = (smooth..size)
        .map(|j| {
            let row = &data.gram[j * size..j * size + smooth];
            let mut column: Vec<f64> = row.iter().map(|g| weight * g).collect();
            root.forward(&mut column);
            column
        })
        .collect();
    let bends = size - smooth;
    let mut q = vec![0.0; bends * bends];
    let mut r = vec![0.0; bends];
    for i in 0..bends {
        r[i] = weight * data.moments[smooth + i] - dot(&crossed[i], &explained);
        for j in 0..=i {
            let left = weight * data.gram[(smooth + i) * size + smooth + j]
                - dot(&crossed[i], &crossed[j]);
            q[i * bends + j] = left;
            q[j * bends + i] = left;
        }
    }
    let changes = lasso::minimise(&q, &r, priors.rate, changes);
    for (column, change) in crossed.iter().zip(&changes) {
        for (e, c) in explained.iter_mut().zip(column) {
            *e -= c * change;
        }
    }
    root.backward(&mut explained);
    explained.extend(changes);
    explained.iter().all(|v| v.is_finite()).then_some(explained)
}

/// The best noise for a sum of squared residuals: where `count ln s + rss / 2 s^2 + 2 s^2` is least; the last term is
/// the prior, half a normal of scale 0.5.
pub(super) fn noise(rss: f64, count: f64) -> f64 {
    let rss = rss.max(0.0);
    let square = 2.0 * rss / (count + (count * count + 16.0 * rss).sqrt());
    square.sqrt().max(LEAST_SIGMA)
}

/// The negative log posterior, without the constants that no number moves.
fn energy(data: &Quadratic, priors: &Priors, values: &[f64], sigma: f64) -> f64 {
    let rss = data.residual(values).max(0.0);
    energy_of(rss, data.count, priors, values, sigma)
}

/// The negative log posterior for a sum of squared residuals.
pub(super) fn energy_of(rss: f64, count: f64, priors: &Priors, values: &[f64], sigma: f64) -> f64 {
    let (smooth, changes) = values.split_at(priors.precision.len());
    let ridge: f64 = smooth
        .iter()
        .zip(&priors.precision)
        .map(|(v, precision)| 0.5 * precision * v * v)
        .sum();
    let laplace: f64 = changes.iter().map(|v| priors.rate * v.abs()).sum();
    0.5 * rss / (sigma * sigma) + count * sigma.ln() + ridge + laplace + 2.0 * sigma * sigma
}

// === impl Quadratic ===

impl Quadratic {
    /// The sum of squared residuals.
    pub(super) fn residual(&self, values: &[f64]) -> f64 {
        let fitted = product(&self.gram, values);
        let bent: f64 = values
            .iter()
            .zip(fitted.iter().zip(&self.moments))
            .map(|(v, (fitted, moment))| v * (fitted - 2.0 * moment))
            .sum();
        self.squares + bent
    }
}
