//! Natural cubic splines.

/// The natural cubic spline through `(xs[i], ys[i])`, `xs` rising and at least two of them, at 0, 1, … `len - 1`.
pub(super) fn through(xs: &[f64], ys: &[f64], len: usize) -> Vec<f64> {
    let bends = second_derivatives(xs, ys);
    let mut piece = 0;
    (0..len)
        .map(|index| {
            let x = index as f64;
            while piece + 2 < xs.len() && x > xs[piece + 1] {
                piece += 1;
            }
            let width = xs[piece + 1] - xs[piece];
            let (a, b) = ((xs[piece + 1] - x) / width, (x - xs[piece]) / width);
            let bend = (a * a * a - a) * bends[piece] + (b * b * b - b) * bends[piece + 1];
            a * ys[piece] + b * ys[piece + 1] + bend * width * width / 6.0
        })
        .collect()
}

/// By elimination in the tridiagonal system; 0 at both ends.
fn second_derivatives(xs: &[f64], ys: &[f64]) -> Vec<f64> {
    let len = xs.len();
    let mut bends = vec![0.0; len];
    let mut carried = vec![0.0; len];
    for i in 1..len.saturating_sub(1) {
        let (before, after) = (xs[i] - xs[i - 1], xs[i + 1] - xs[i]);
        let share = before / (before + after);
        let pivot = share * bends[i - 1] + 2.0;
        let slopes = (ys[i + 1] - ys[i]) / after - (ys[i] - ys[i - 1]) / before;
        bends[i] = (share - 1.0) / pivot;
        carried[i] = (6.0 * slopes / (before + after) - share * carried[i - 1]) / pivot;
    }
    for i in (0..len.saturating_sub(1)).rev() {
        bends[i] = bends[i] * bends[i + 1] + carried[i];
    }
    bends
}
