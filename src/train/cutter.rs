//! Windows of one series: what the server would have seen at an origin, and what came after it.
//!
//! A window is made by [`Row::new`], as the server makes it. What is learned from is sometimes made poorer first: history
//! that has only just begun, days that are not known, gaps.

use jiff::tz::TimeZone;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::analyze::models::onnx::card::{Card, Input};
use crate::analyze::models::onnx::curve_of;
use crate::analyze::models::onnx::resample::Ratio;
use crate::analyze::models::onnx::row::Row;
use crate::analyze::models::onnx::window::{LEAST_SCALE, lookback_steps, step_seconds};
use crate::analyze::models::prophet::Curve;
use crate::analyze::preprocess::{LONGEST_FILL, Mark, Prepared, prepare};
use crate::domain::{Series, Timestamp};

/// The curve under a hybrid network is learned anew so often.
const REFIT_SECONDS: u64 = 12 * 3600;
/// And speaks of times this long after the last value that it has learned from, as the server's does.
const HONEST_SECONDS: u64 = 3 * 3600;

/// Targets are held within so many units of the context's mean magnitude.
const LARGEST_TARGET: f32 = 30.0;

/// A series with all that windows are cut from.
#[derive(Debug)]
pub struct Cutter<'a> {
    card: &'a Card,
    prepared: Prepared,
    /// For each step that was an outlier: when that was known.
    known_at: Vec<(usize, usize)>,
    ratio: Ratio,
    lookback: usize,
    zone: TimeZone,
    /// The curves and the first origin that each serves.
    curves: Vec<(usize, Curve)>,
}

/// What should have been answered, in normalised units; `NaN` where it is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// At each of the network's coming steps.
    pub steps: Vec<f32>,
    /// The highest value up to each lead time.
    pub peaks: Vec<f32>,
    /// The origin's value, as an answer at each step: what holding the last value would have said.
    pub held: Vec<f32>,
    /// The same, as an answer for each peak.
    pub held_peaks: Vec<f32>,
    /// One normalised unit in the metric's own.
    pub unit: f64,
}

// === impl Cutter ===

impl<'a> Cutter<'a> {
    /// Prepares `raw`, of which nothing is ever looked at but what is given.
    ///
    /// # Errors
    /// When its step doesn't fit the network's.
    pub fn new(card: &'a Card, raw: &Series) -> Result<Self, String> {
        let prepared = prepare(raw);
        let step = step_seconds(card, raw.step());
        let ratio = Ratio::between(raw.step(), std::time::Duration::from_secs(step))?;
        let curves = match card.input {
            Input::Series => Vec::new(),
            Input::Residual => curves(&prepared),
        };
        Ok(Self {
            card,
            known_at: known_at(&prepared),
            ratio,
            lookback: ratio.source_steps(lookback_steps(card, step)),
            zone: TimeZone::UTC,
            curves,
            prepared,
        })
    }

    /// The steps whose targets all lie within `from..until`; the origin's own value was measured.
    pub fn origins(&self, from: Timestamp, until: Timestamp) -> Vec<usize> {
        let series = &self.prepared.series;
        let ahead = self.ahead();
        let first = self.curves.first().map_or(0, |(first, _)| *first);
        let first = match self.card.input {
            Input::Residual if self.curves.is_empty() => series.len(),
            _ => first,
        };
        (first..series.len().saturating_sub(ahead))
            .filter(|origin| {
                series.time_of(*origin) >= from
                    && series.time_of(origin + ahead) <= until
                    && self.measured(*origin).is_some()
            })
            .collect()
    }

    /// The window and what came after it; `None` when nothing of that was measured.
    ///
    /// # Errors
    /// When the window can't be made.
    pub fn cut(
        &self,
        origin: usize,
        poorer: Option<&mut ChaCha8Rng>,
    ) -> Result<Option<(Row, Targets)>, String> {
        let row = self.row(origin, poorer)?;
        Ok(self.targets(origin, &row).map(|targets| (row, targets)))
    }

    /// The window alone: what the server would have seen.
    ///
    /// # Errors
    /// When the window can't be made.
    pub fn row(&self, origin: usize, poorer: Option<&mut ChaCha8Rng>) -> Result<Row, String> {
        let mut values = self.seen(origin);
        if let Some(rng) = poorer {
            make_poorer(&mut values, self.context_steps(), self.day(), rng);
        }
        let series = &self.prepared.series;
        let first = origin + 1 - values.len();
        let history = Series::new(series.time_of(first), series.step(), values);
        Row::new(self.card, &history, self.curve(origin), &self.zone)
    }

    /// Steps of the series that a forecast reaches ahead.
    fn ahead(&self) -> usize {
        match self.ratio {
            Ratio::Coarser(n) => self.card.horizon / n,
            ratio => ratio.source_steps(self.card.horizon),
        }
    }

    fn context_steps(&self) -> usize {
        self.ratio.source_steps(self.card.context)
    }

    fn day(&self) -> usize {
        (86_400 / self.prepared.series.step().as_secs().max(1)) as usize
    }

    fn curve(&self, origin: usize) -> Option<&Curve> {
        let later = self.curves.partition_point(|(first, _)| *first <= origin);
        self.curves.get(later.checked_sub(1)?).map(|(_, c)| c)
    }

    /// The newest values as they were known at `origin`, as many as a row looks at.
    fn seen(&self, origin: usize) -> Vec<f64> {
        let from = (origin + 1).saturating_sub(self.lookback);
        let mut values = self.prepared.series.values()[from..=origin].to_vec();
        let fresh = self.known_at.partition_point(|(known, _)| *known <= origin);
        for (_, outlier) in &self.known_at[fresh..] {
            let outlier = self.prepared.outliers[*outlier];
            if outlier.index > origin {
                break;
            }
            if outlier.index >= from {
                values[outlier.index - from] = outlier.original;
            }
        }
        values
    }

    /// The value of a step, if it was measured and the workload was up.
    fn measured(&self, index: usize) -> Option<f64> {
        match self.prepared.marks.get(index)? {
            Mark::Observed => Some(self.prepared.series.values()[index]),
            Mark::Outlier => {
                let outliers = &self.prepared.outliers;
                let place = outliers.binary_search_by_key(&index, |o| o.index).ok()?;
                Some(outliers[place].original)
            }
            _ => None,
        }
    }

    fn targets(&self, origin: usize, row: &Row) -> Option<Targets> {
        let ahead = self.ahead();
        let after: Vec<f64> = (origin + 1..=origin + ahead)
            .map(|index| self.measured(index).unwrap_or(f64::NAN))
            .collect();
        // Of a coarser workload only every n-th step is known.
        let steps: Vec<f64> = match self.ratio {
            Ratio::Coarser(n) => {
                let mut steps = vec![f64::NAN; self.card.horizon];
                for (place, value) in after.iter().enumerate() {
                    steps[(place + 1) * n - 1] = *value;
                }
                steps
            }
            ratio => ratio.to_network(&after).into_owned(),
        };
        // Where all of the context is 0 there is no scale to answer on.
        if steps.iter().all(|value| value.is_nan()) || row.window.scale.unit() <= LEAST_SCALE {
            return None;
        }
        let last = self.measured(origin)?;
        let leads = &self.card.peak_leads;
        let peak = |lead: usize| -> f64 {
            let Some(own) = self.ratio.workload_steps(lead) else {
                return f64::NAN;
            };
            let part = &after[..own.min(after.len())];
            // A maximum with something missing is none.
            part.iter().fold(f64::NEG_INFINITY, |a, b| {
                if b.is_nan() || a.is_nan() {
                    f64::NAN
                } else {
                    a.max(*b)
                }
            })
        };
        let indices = 0..self.card.horizon;
        Some(Targets {
            held: indices.clone().map(|i| row.target(i, last)).collect(),
            steps: indices.map(|i| bounded(row.target(i, steps[i]))).collect(),
            peaks: (leads.iter())
                .map(|lead| bounded(row.peak_target(*lead, peak(*lead))))
                .collect(),
            held_peaks: leads.iter().map(|l| row.peak_target(*l, last)).collect(),
            unit: row.window.scale.unit(),
        })
    }
}

/// One target beyond all measure must not silence all others.
fn bounded(target: f32) -> f32 {
    target.clamp(-LARGEST_TARGET, LARGEST_TARGET)
}

/// For each outlier, when it was known to be one (the first step after its run) and its place in the list.
fn known_at(prepared: &Prepared) -> Vec<(usize, usize)> {
    let outliers = &prepared.outliers;
    let mut known: Vec<(usize, usize)> = Vec::with_capacity(outliers.len());
    for (place, outlier) in outliers.iter().enumerate() {
        let mut after = outlier.index + 1;
        while prepared.marks.get(after) == Some(&Mark::Outlier) {
            after += 1;
        }
        known.push((after, place));
    }
    known
}

fn curves(prepared: &Prepared) -> Vec<(usize, Curve)> {
    let step = prepared.series.step().as_secs().max(1);
    let steps = |seconds: u64| (seconds / step).max(1) as usize;
    (0..prepared.series.len())
        .step_by(steps(REFIT_SECONDS))
        .skip(1)
        .filter_map(|until| {
            Some((
                until + steps(HONEST_SECONDS),
                curve_of(prepared, until, "UTC")?,
            ))
        })
        .collect()
}

/// What a window may lack in production.
fn make_poorer(values: &mut Vec<f64>, context: usize, day: usize, rng: &mut ChaCha8Rng) {
    let keep = match rng.random_range(0.0_f64..1.0) {
        // Just started.
        p if p < 0.04 => rng.random_range(1..=(context / 12).max(1)),
        p if p < 0.12 => rng.random_range(1..=context),
        // No day before.
        p if p < 0.30 => rng.random_range(context..=(day - day / 12).max(context)),
        // No week before.
        p if p < 0.45 => rng.random_range(day + day / 12..=6 * day),
        _ => values.len(),
    };
    if keep < values.len() {
        values.drain(..values.len() - keep);
    }
    if rng.random_range(0.0_f64..1.0) < 0.1 && values.len() > 4 {
        let length = rng.random_range(1..=(context / 2).min(values.len() - 2));
        let reach = values.len() - 1;
        let from = reach - rng.random_range(length..=reach.min(context + length).max(length));
        // Preprocessing holds the last value over the first steps of a gap.
        for (place, value) in values[from..from + length].iter_mut().enumerate() {
            if place >= LONGEST_FILL {
                *value = f64::NAN;
            }
        }
    }
}

/// A generator of its own for each thing that is drawn.
pub fn seeded(seed: u64, name: &str) -> ChaCha8Rng {
    // FNV-1a: the same on every machine.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ChaCha8Rng::seed_from_u64(seed ^ hash)
}
