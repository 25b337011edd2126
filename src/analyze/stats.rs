//! Small robust statistics.

/// The median (the upper one of two); reorders `values`, which must be numbers.
pub(crate) fn median_of(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The value below which half of the weight lies; reorders `pairs` of value and weight.
pub(crate) fn weighted_median(pairs: &mut [(f64, f64)]) -> Option<f64> {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = pairs.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let mut before: Option<f64> = None;
    for (value, weight) in pairs.iter() {
        if below + weight >= half {
            // Halfway between two neighbours when the half falls exactly between them.
            let exact = before.filter(|_| (below - half).abs() < 1e-12);
            return Some(exact.map_or(*value, |previous| f64::midpoint(previous, *value)));
        }
        below += weight;
        before = Some(*value);
    }
    before
}

/// The quantile of sorted numbers, linear between neighbours, by the conformal rank `level * (n + 1)` on either side,
/// which is what covers a new value with the wanted probability when the values are exchangeable.
pub(crate) fn conformal_quantile(sorted: &[f64], level: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let rank = (level * (sorted.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
    let below = rank.floor() as usize;
    let above = (below + 1).min(last);
    let share = rank - below as f64;
    Some(sorted[below] + share * (sorted[above] - sorted[below]))
}

/// The pinball loss of forecasting `forecast` at `level` when `actual` came.
pub(crate) fn pinball(level: f64, actual: f64, forecast: f64) -> f64 {
    let over = actual - forecast;
    (level * over).max((level - 1.0) * over)
}

/// Interpolates linearly in `(xs, ys)`, `xs` rising; the outermost value beyond them; 0 when there is none.
pub(crate) fn interpolate(xs: &[u32], ys: &[f64], x: f64) -> f64 {
    let len = xs.len().min(ys.len());
    let (xs, ys) = (&xs[..len], &ys[..len]);
    let above = xs.partition_point(|known| f64::from(*known) < x);
    match (above.checked_sub(1), xs.get(above)) {
        (None, _) => ys.first().copied().unwrap_or(0.0),
        (Some(below), None) => ys[below],
        (Some(below), Some(upper)) => {
            let (from, to) = (f64::from(xs[below]), f64::from(*upper));
            ys[below] + (ys[above] - ys[below]) * (x - from) / (to - from)
        }
    }
}
