//! Isolated outliers, found by a causal Hampel filter (Hampel 1974: distance from the median in units of the median
//! absolute deviation) over the points before.
//!
//! Only one or two steps that stand alone are replaced. A longer run is a burst or a new level, and hiding it from
//! the planner would be worse than any noise.

use super::{Mark, Outlier};
use crate::analyze::stats::{Window, median_of};

/// Points before a step that it is compared with.
const WINDOW: usize = 20;

/// Median absolute deviations, made comparable to standard deviations of a normal law, beyond which a step stands out.
const THRESHOLD: f64 = 4.0 * 1.4826;

/// A quiet series must not make every small move an outlier: its deviation counts as at least this share of its level.
const QUIET: f64 = 0.01;

/// Longest run that is still isolated.
pub(super) const LONGEST_OUTLIER: usize = 2;

/// What a run is measured against: fixed when the run begins.
#[derive(Clone, Copy)]
struct Baseline {
    median: f64,
    limit: f64,
}

/// Replaces isolated outliers by the median of the points before them.
pub(super) fn replace(values: &mut [f64], marks: &mut [Mark]) -> Vec<Outlier> {
    let mut window = Window::new(WINDOW);
    let mut run: Option<(usize, Baseline)> = None;
    let mut found = Vec::new();
    for index in 0..values.len() {
        let value = values[index];
        if marks[index] != Mark::Observed {
            // A gap says nothing about whether the run was isolated: leave it.
            run = None;
            continue;
        }
        match run {
            Some((start, base)) if (value - base.median).abs() <= base.limit => {
                for outlier in start..index {
                    found.push(Outlier {
                        index: outlier,
                        original: values[outlier],
                    });
                    values[outlier] = base.median;
                    marks[outlier] = Mark::Outlier;
                }
                run = None;
            }
            Some((start, _)) if index - start >= LONGEST_OUTLIER => run = None,
            Some(_) => {}
            None => run = baseline(&window, value).map(|base| (index, base)),
        }
        window.push(value);
    }
    found
}

/// What `value` stands out from, if it does.
fn baseline(window: &Window, value: f64) -> Option<Baseline> {
    let sorted = window.sorted();
    if sorted.len() < WINDOW {
        return None;
    }
    let median = sorted[WINDOW / 2];
    // The median deviation is no smaller than the nearer quartile's, which shows at once that most values are usual.
    let quartile = (median - sorted[WINDOW / 4]).min(sorted[3 * WINDOW / 4] - median);
    if (value - median).abs() <= THRESHOLD * quartile.max(QUIET * median.abs()) {
        return None;
    }
    let mut deviations: Vec<f64> = sorted.iter().map(|v| (v - median).abs()).collect();
    let mad = median_of(&mut deviations).unwrap_or(0.0);
    let limit = THRESHOLD * mad.max(QUIET * median.abs());
    ((value - median).abs() > limit).then_some(Baseline { median, limit })
}
