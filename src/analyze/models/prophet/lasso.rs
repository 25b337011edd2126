//! A quadratic with an absolute-value penalty, minimised exactly: `x'Qx / 2 - r'x + rate * sum |x|`.
//!
//! Feature-sign search (Lee, Battle, Raina and Ng 2007): guess which numbers are not zero and their signs, solve for them,
//! walk there as far as the objective falls, repeat. It ends at the optimum after finitely many steps, however
//! strongly the columns depend on one another; hinges of a trend do so very much, and coordinate descent crawls there.

use super::matrix::{Cholesky, product};

/// Steps for each number before it is left where it is; a handful is usual.
const MOST_STEPS: usize = 40;

/// The minimum, looked for from `start` on.
pub(super) fn minimise(q: &[f64], r: &[f64], rate: f64, start: &[f64]) -> Vec<f64> {
    let n = r.len();
    let problem = Problem { q, r, rate };
    let mut x = start.to_vec();
    let largest = r.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let tolerance = 1e-11 * largest + 1e-9 * rate;
    let mut signs: Vec<f64> = x.iter().map(|v| sign(*v)).collect();
    let mut settled = x.iter().all(|v| *v == 0.0);
    for _ in 0..MOST_STEPS * n {
        if settled {
            let gradient = problem.gradient(&x);
            let worst = (0..n)
                .filter(|i| signs[*i] == 0.0)
                .max_by(|a, b| gradient[*a].abs().total_cmp(&gradient[*b].abs()));
            match worst.filter(|i| gradient[*i].abs() > rate + tolerance) {
                Some(next) => signs[next] = -sign(gradient[next]),
                None => return x,
            }
        }
        let Some(target) = problem.target(&signs) else {
            return x;
        };
        let (next, whole) = problem.walk(&x, &target);
        let stuck = next == x;
        x = next;
        for (s, v) in signs.iter_mut().zip(&x) {
            *s = sign(*v);
        }
        // Rounding can make a step that gains nothing; the next violator would be the same one again.
        if stuck {
            return x;
        }
        settled = whole;
    }
    x
}

struct Problem<'a> {
    q: &'a [f64],
    r: &'a [f64],
    rate: f64,
}

impl Problem<'_> {
    /// Of the quadratic alone.
    fn gradient(&self, x: &[f64]) -> Vec<f64> {
        let mut gradient = product(self.q, x);
        for (g, r) in gradient.iter_mut().zip(self.r) {
            *g -= r;
        }
        gradient
    }

    fn objective(&self, x: &[f64]) -> f64 {
        let curved = product(self.q, x);
        x.iter()
            .zip(curved.iter().zip(self.r))
            .map(|(x, (q, r))| x * (0.5 * q - r) + self.rate * x.abs())
            .sum()
    }

    /// Where the minimum were if these signs held.
    fn target(&self, signs: &[f64]) -> Option<Vec<f64>> {
        let n = self.r.len();
        let active: Vec<usize> = (0..n).filter(|i| signs[*i] != 0.0).collect();
        let mut part = Vec::with_capacity(active.len() * active.len());
        for i in &active {
            part.extend(active.iter().map(|j| self.q[i * n + j]));
        }
        let mut rest: Vec<f64> = active
            .iter()
            .map(|i| self.r[*i] - self.rate * signs[*i])
            .collect();
        Cholesky::new(part, active.len())?.solve(&mut rest);
        let mut target = vec![0.0; n];
        for (i, value) in active.iter().zip(rest) {
            target[*i] = value;
        }
        Some(target)
    }

    /// The best of the target and of the points on the way to it where a number changes its sign; and whether it is
    /// the target itself with all signs kept.
    fn walk(&self, x: &[f64], target: &[f64]) -> (Vec<f64>, bool) {
        let mut best = (target.to_vec(), self.objective(target));
        let mut whole = true;
        for (from, to) in x.iter().zip(target) {
            if from * to >= 0.0 {
                continue;
            }
            whole = false;
            let share = from / (from - to);
            let point: Vec<f64> = x
                .iter()
                .zip(target)
                .map(|(a, b)| {
                    // The one that crosses must be zero, not nearly zero.
                    if std::ptr::eq(a, from) {
                        0.0
                    } else {
                        a + share * (b - a)
                    }
                })
                .collect();
            let objective = self.objective(&point);
            if objective < best.1 {
                best = (point, objective);
            }
        }
        if best.1 > self.objective(x) {
            return (x.to_vec(), false);
        }
        (best.0, whole)
    }
}

fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}
