//! Isolated outliers, found by a causal Hampel filter (Hampel 1974: distance from the median in units of the median
//! absolute deviation) over the points before.
//!
//! Only one or two steps that stand alone are replaced. A longer run is a burst or a new level, and hiding it from
//! the planner would be worse than any noise.
//!
//! This runs over days of history at each refresh of thousands of workloads. Most stretches are calm: their values and
//! those before lie so close together that no median can make one of them stand out, which lowest and highest value
//! tell without sorting. Elsewhere the points before are kept sorted without a branch ([`ranks`]).

mod ranks;
#[cfg(test)]
mod tests;

use super::{Mark, Outlier};
use ranks::Ranks;

/// Points before a step that it is compared with.
const WINDOW: usize = 20;

/// Median absolute deviations, made comparable to standard deviations of a normal law, beyond which a step stands out.
const THRESHOLD: f64 = 4.0 * 1.4826;

/// A quiet series must not make every small move an outlier: its deviation counts as at least this share of its level.
const QUIET: f64 = 0.01;

/// Longest run that is still isolated.
pub(super) const LONGEST_OUTLIER: usize = 2;

/// An isolated step at or below this share of the usual value, or at or above that many times as much, is what a
/// counter's restart leaves.
const NOTHING: f64 = 0.02;
const ABSURD: f64 = 100.0;

/// Steps that are looked at together to see whether they are calm.
const STRETCH: usize = 8;

/// Room for points, so that the oldest are thrown away many at a time.
const ROOM: usize = 128;

/// The median lies between the lowest and the highest of any so many points of the window: of that many, not all can
/// lie on one side of it.
const MAJORITY: usize = WINDOW / 2 + 1;

/// What a run is measured against: fixed when the run begins.
#[derive(Clone, Copy)]
struct Baseline {
    median: f64,
    limit: f64,
}

/// Replaces isolated outliers among the steps from `first` on by the median of the points before them.
pub(super) fn replace(values: &mut [f64], marks: &mut [Mark], first: usize) -> Vec<Outlier> {
    let mut filter = Filter {
        before: Before::new(),
        run: None,
        found: Vec::new(),
    };
    let mut from = first;
    while from < values.len() {
        let until = (from + STRETCH).min(values.len());
        if filter.run.is_none()
            && filter
                .before
                .is_calm(&values[from..until], &marks[from..until])
        {
            filter
                .before
                .extend(&values[from..until], &marks[from..until]);
        } else {
            for index in from..until {
                filter.step(index, values, marks);
            }
        }
        from = until;
    }
    filter.found
}

/// What an isolated value is taken for.
fn kind(original: f64, median: f64) -> Mark {
    let nothing = original <= NOTHING * median;
    let absurd = original >= ABSURD * median;
    if median > 0.0 && (nothing || absurd) {
        Mark::Reset
    } else {
        Mark::Outlier
    }
}

struct Filter {
    before: Before,
    /// Where a run began, and what it is measured against.
    run: Option<(usize, Baseline)>,
    found: Vec<Outlier>,
}

impl Filter {
    #[inline]
    fn step(&mut self, index: usize, values: &mut [f64], marks: &mut [Mark]) {
        let value = values[index];
        if marks[index] != Mark::Observed {
            // A gap says nothing about whether the run was isolated: leave it.
            self.run = None;
            return;
        }
        match self.run {
            Some((start, base)) if (value - base.median).abs() <= base.limit => {
                for outlier in start..index {
                    let original = values[outlier];
                    self.found.push(Outlier {
                        index: outlier,
                        original,
                    });
                    values[outlier] = base.median;
                    marks[outlier] = kind(original, base.median);
                }
                self.run = None;
            }
            Some((start, _)) if index - start >= LONGEST_OUTLIER => self.run = None,
            Some(_) => {}
            None => {
                self.run = self
                    .before
                    .sorted()
                    .and_then(|sorted| baseline(sorted, value))
                    .map(|base| (index, base));
            }
        }
        self.before.push(value);
    }
}

/// The points before a step, as they were measured.
struct Before {
    /// The newest [`WINDOW`] points end at `len`.
    points: [f64; ROOM],
    len: usize,
    /// The window by size; not kept through a calm stretch.
    by_size: Option<Ranks>,
}

impl Before {
    fn new() -> Self {
        Self {
            points: [0.0; ROOM],
            len: 0,
            by_size: None,
        }
    }

    #[inline]
    fn push(&mut self, value: f64) {
        if self.len == ROOM {
            self.points.copy_within(ROOM - WINDOW.., 0);
            self.len = WINDOW;
        }
        self.points[self.len] = value;
        if let Some(ranks) = &mut self.by_size {
            ranks.replace(self.points[self.len - WINDOW], value);
        }
        self.len += 1;
    }

    /// By size; `None` until there are enough.
    #[inline]
    fn sorted(&mut self) -> Option<&[f64]> {
        let window = self.points[..self.len].last_chunk()?;
        let ranks = self.by_size.get_or_insert_with(|| Ranks::of(window));
        Some(ranks.sorted())
    }

    /// Whether no value of a stretch can stand out, whatever the medians are: all of them and the majority before, which
    /// tells where a median lies, are nearer to one another than the limit of the smallest.
    fn is_calm(&self, values: &[f64], marks: &[Mark]) -> bool {
        let mut range = Range::of(&self.points[self.len.saturating_sub(MAJORITY)..self.len]);
        for index in 0..values.len().min(marks.len()) {
            if marks[index] == Mark::Observed {
                range.take_in(values[index]);
            }
        }
        range.low > 0.0 && range.high - range.low <= THRESHOLD * (QUIET * range.low)
    }

    /// Takes in a calm stretch.
    fn extend(&mut self, values: &[f64], marks: &[Mark]) {
        self.by_size = None;
        for index in 0..values.len().min(marks.len()) {
            if marks[index] == Mark::Observed {
                self.push(values[index]);
            }
        }
    }
}

/// Lowest and highest of some numbers.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    #[inline]
    fn of(values: &[f64]) -> Self {
        let mut range = Self {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        };
        for value in values {
            range.take_in(*value);
        }
        range
    }

    #[inline]
    fn take_in(&mut self, value: f64) {
        self.low = if value < self.low { value } else { self.low };
        self.high = if value > self.high { value } else { self.high };
    }
}

/// What `value` stands out from, if it does.
#[inline]
fn baseline(sorted: &[f64], value: f64) -> Option<Baseline> {
    let median = sorted[WINDOW / 2];
    // The median deviation is no smaller than the nearer quartile's, which shows at once that most values are usual.
    let quartile = (median - sorted[WINDOW / 4]).min(sorted[3 * WINDOW / 4] - median);
    if (value - median).abs() <= THRESHOLD * quartile.max(QUIET * median.abs()) {
        return None;
    }
    let limit = THRESHOLD * deviation(sorted).max(QUIET * median.abs());
    ((value - median).abs() > limit).then_some(Baseline { median, limit })
}

/// The median absolute deviation from the median: going outwards from the middle, the nearer side first.
fn deviation(sorted: &[f64]) -> f64 {
    let median = sorted[WINDOW / 2];
    let (mut below, mut above) = (WINDOW / 2, WINDOW / 2 + 1);
    let mut deviation = 0.0;
    for _ in 0..WINDOW / 2 {
        // Below there is always one left: half of the window lies there.
        let low = median - sorted[below - 1];
        let high = sorted.get(above).map_or(f64::INFINITY, |v| v - median);
        if low <= high {
            deviation = low;
            below -= 1;
        } else {
            deviation = high;
            above += 1;
        }
    }
    deviation
}
