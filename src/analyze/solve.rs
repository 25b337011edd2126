//! Small linear problems: ridge regression and least absolute deviations.

/// The normal equations of weighted least squares, filled row by row.
#[derive(Clone, Debug)]
pub(crate) struct Normal {
    width: usize,
    /// Lower triangle of the products of the columns, row-major in a full square.
    gram: Vec<f64>,
    moments: Vec<f64>,
}

impl Normal {
    /// For rows of `width` numbers.
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            gram: vec![0.0; width * width],
            moments: vec![0.0; width],
        }
    }

    /// From the products of the columns with one another, `gram(i, j)` for `j <= i`, and with the target.
    pub(crate) fn of(width: usize, gram: impl Fn(usize, usize) -> f64, moments: Vec<f64>) -> Self {
        let mut normal = Self::new(width);
        normal.moments = moments;
        for i in 0..width {
            for j in 0..=i {
                normal.gram[i * width + j] = gram(i, j);
            }
        }
        normal
    }

    /// Adds a row with its target and weight.
    pub(crate) fn add(&mut self, row: &[f64], target: f64, weight: f64) {
        for (i, x) in row.iter().enumerate() {
            let weighted = weight * x;
            self.moments[i] += weighted * target;
            let line = &mut self.gram[i * self.width..=i * self.width + i];
            for (cell, y) in line.iter_mut().zip(row) {
                *cell += weighted * y;
            }
        }
    }

    /// The coefficients with `penalty[i]` added to the diagonal; `None` when there is no sound solution.
    pub(crate) fn solve(&self, penalty: &[f64]) -> Option<Vec<f64>> {
        let n = self.width;
        // Cholesky: the gram matrix is symmetric and, with a penalty, positive definite.
        let mut root = self.gram.clone();
        for i in 0..n {
            for j in 0..=i {
                let (above, below) = root.split_at(i * n);
                let row_j = if i == j {
                    &below[..j]
                } else {
                    &above[j * n..j * n + j]
                };
                let known: f64 = below[..j].iter().zip(row_j).map(|(a, b)| a * b).sum();
                let rest = root[i * n + j] - known;
                if i == j {
                    let pivot = rest + penalty.get(i).copied().unwrap_or(0.0);
                    if !(pivot > 0.0 && pivot.is_finite()) {
                        return None;
                    }
                    root[i * n + i] = pivot.sqrt();
                } else {
                    root[i * n + j] = rest / root[j * n + j];
                }
            }
        }
        let mut answer = self.moments.clone();
        for i in 0..n {
            let known: f64 = (0..i).map(|j| root[i * n + j] * answer[j]).sum();
            answer[i] = (answer[i] - known) / root[i * n + i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n).map(|j| root[j * n + i] * answer[j]).sum();
            answer[i] = (answer[i] - known) / root[i * n + i];
        }
        answer.iter().all(|a| a.is_finite()).then_some(answer)
    }
}

/// What `coefficients` make of a row.
pub(crate) fn solution(row: &[f64], coefficients: &[f64]) -> f64 {
    row.iter().zip(coefficients).map(|(x, c)| x * c).sum()
}

/// Coefficients with the least sum of absolute errors, by iteratively reweighted least squares, slightly drawn to 0.
pub(crate) fn least_absolute(rows: &[f64], targets: &[f64], width: usize) -> Option<Vec<f64>> {
    const ROUNDS: usize = 6;
    let typical = targets.iter().map(|t| t.abs()).sum::<f64>() / targets.len().max(1) as f64;
    if typical <= 0.0 {
        return Some(vec![0.0; width]);
    }
    // Columns are brought to the size of the targets, so that one penalty fits all units.
    let mut sizes = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (size, x) in sizes.iter_mut().zip(row) {
            *size += x.abs();
        }
    }
    let scale: Vec<f64> = sizes
        .iter()
        .map(|size| (size / targets.len() as f64).max(1e-9 * typical))
        .collect();
    let mut coefficients = vec![0.0; width];
    let mut scaled = vec![0.0; width];
    for _ in 0..ROUNDS {
        let mut normal = Normal::new(width);
        for (row, target) in rows.chunks_exact(width).zip(targets) {
            for ((s, x), size) in scaled.iter_mut().zip(row).zip(&scale) {
                *s = x / size;
            }
            let target = target / typical;
            let miss = (target - solution(&scaled, &coefficients)).abs();
            normal.add(&scaled, target, 1.0 / miss.max(0.02));
        }
        coefficients = normal.solve(&vec![1e-3 * targets.len() as f64; width])?;
    }
    let back = coefficients
        .iter()
        .zip(&scale)
        .map(|(c, size)| c * typical / size);
    Some(back.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again() {
        let mut normal = Normal::new(2);
        for x in 0..10 {
            normal.add(&[f64::from(x), 1.0], 3.0 * f64::from(x) - 2.0, 1.0);
        }
        let answer = normal.solve(&[0.0, 0.0]).unwrap();
        assert!((answer[0] - 3.0).abs() < 1e-9 && (answer[1] + 2.0).abs() < 1e-9);
    }

    #[test]
    fn without_information_there_is_no_solution_unless_a_penalty_makes_one() {
        let normal = Normal::new(2);
        assert_eq!(normal.solve(&[0.0, 0.0]), None);
        assert_eq!(normal.solve(&[1.0, 1.0]), Some(vec![0.0, 0.0]));
    }

    #[test]
    fn absolute_deviations_ignore_a_few_wild_targets() {
        let rows: Vec<f64> = (1..=50).map(f64::from).collect();
        let mut targets: Vec<f64> = rows.iter().map(|x| 0.5 * x).collect();
        targets[10] = 1e4;
        targets[40] = -1e4;
        let share = least_absolute(&rows, &targets, 1).unwrap()[0];
        assert!((share - 0.5).abs() < 0.05, "{share}");
    }
}
