//! The little of dense linear algebra that the fit needs; matrices are row-major squares.

/// The lower triangular root of a symmetric positive definite matrix.
pub(super) struct Cholesky {
    size: usize,
    root: Vec<f64>,
}

impl Cholesky {
    /// The root of `matrix`, of which only the lower triangle is read. A pivot that rounding has made nearly zero is
    /// raised a little, as by a tiny ridge; `None` when the matrix holds something that is no number.
    pub(super) fn new(matrix: Vec<f64>, size: usize) -> Option<Self> {
        let mut root = matrix;
        for i in 0..size {
            let (above, row) = root.split_at_mut(i * size);
            for j in 0..i {
                let other = &above[j * size..=j * size + j];
                let known: f64 = row[..j].iter().zip(other).map(|(a, b)| a * b).sum();
                row[j] = (row[j] - known) / other[j];
            }
            let known: f64 = row[..i].iter().map(|a| a * a).sum();
            let pivot = (row[i] - known).max(1e-13 * row[i].abs());
            if !pivot.is_finite() {
                return None;
            }
            row[i] = pivot.max(f64::MIN_POSITIVE).sqrt();
        }
        Some(Self { size, root })
    }

    /// Solves `root x = b` in place.
    pub(super) fn forward(&self, b: &mut [f64]) {
        for i in 0..self.size {
            let row = &self.root[i * self.size..=i * self.size + i];
            let known: f64 = row[..i].iter().zip(&*b).map(|(a, x)| a * x).sum();
            b[i] = (b[i] - known) / row[i];
        }
    }

    /// Solves `root' x = b` in place.
    pub(super) fn backward(&self, b: &mut [f64]) {
        for i in (0..self.size).rev() {
            let row = &self.root[i * self.size..=i * self.size + i];
            b[i] /= row[i];
            let value = b[i];
            for (x, a) in b[..i].iter_mut().zip(row) {
                *x -= a * value;
            }
        }
    }

    /// Solves `matrix x = b` in place.
    pub(super) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        self.backward(b);
    }
}

/// A matrix times a vector.
pub(super) fn product(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    let rows = matrix.chunks_exact(x.len().max(1));
    rows.map(|row| dot(row, x)).collect()
}

/// The sum of the products.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
