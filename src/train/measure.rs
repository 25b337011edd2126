//! How good a network is on a set of windows, beside holding the last value.

use candle_core::{Device, Result, Tensor};

use super::corpus::{Corpus, Examples, REPORTED};
use super::net::Net;
use crate::domain::Quantile;

/// Windows that are answered at once.
const BATCH: usize = 1024;

/// Means over series, each counting the same.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Measures {
    /// Pinball loss of paths and peaks, each series in units of its own change over 15 minutes.
    pub pinball: f64,
    /// Mean absolute error of the median relative to holding the last value, at 5, 15 and 30 steps: geometric means.
    pub rel_mae: [f64; 3],
    /// The same of the pinball loss of the highest value up to there, over all levels.
    pub rel_peak: [f64; 3],
    /// Share of values at or below the 0.9 and the 0.95 quantile, over all steps.
    pub coverage: [f64; 2],
    /// Series and windows.
    pub counted: (usize, usize),
}

/// Sums of one series.
#[derive(Clone, Debug, Default)]
struct Sums {
    pinball: (f64, f64),
    errors: [(f64, f64); 3],
    peaks: [(f64, f64); 3],
    covered: [f64; 2],
    steps: f64,
    windows: usize,
}

/// Measures each series of `examples`: its name and what was found.
///
/// # Errors
/// When the network can't run.
pub fn each(
    net: &Net,
    corpus: &Corpus,
    examples: &Examples,
    card_levels: &[Quantile],
    leads: &[usize],
) -> Result<Vec<(String, Measures)>> {
    let all = sums(net, examples, corpus.members.len(), card_levels, leads)?;
    let named = corpus
        .members
        .iter()
        .zip(all)
        .filter(|(_, sums)| sums.windows > 0);
    Ok(named
        .map(|(member, sums)| {
            (
                member.name.clone(),
                mean(&[(f64::from(member.weight), sums)]),
            )
        })
        .collect())
}

/// Measures all of them together; `recorded` leaves synthetic series out.
///
/// # Errors
/// When the network can't run.
pub fn all(
    net: &Net,
    corpus: &Corpus,
    examples: &Examples,
    card_levels: &[Quantile],
    leads: &[usize],
    recorded: bool,
) -> Result<Measures> {
    let all = sums(net, examples, corpus.members.len(), card_levels, leads)?;
    let wanted = corpus
        .members
        .iter()
        .zip(all)
        .filter(|(member, sums)| sums.windows > 0 && !(recorded && member.cut.is_none()));
    let weighed: Vec<_> = wanted
        .map(|(member, sums)| (f64::from(member.weight), sums))
        .collect();
    Ok(mean(&weighed))
}

fn sums(
    net: &Net,
    examples: &Examples,
    members: usize,
    levels: &[Quantile],
    leads: &[usize],
) -> Result<Vec<Sums>> {
    let width = net.shape.inputs();
    let knots = &net.shape.knots;
    let row = knots.len() + leads.len();
    let mut all = vec![Sums::default(); members];
    for from in (0..examples.len()).step_by(BATCH) {
        let until = (from + BATCH).min(examples.len());
        let inputs = &examples.inputs[from * width..until * width];
        let inputs = Tensor::from_slice(inputs, (until - from, width), &Device::Cpu)?;
        let (paths, peaks) = net.forward(&inputs)?;
        let (paths, peaks) = (paths.to_vec3::<f32>()?, peaks.to_vec3::<f32>()?);
        for (place, index) in (from..until).enumerate() {
            let sums = &mut all[examples.series[index] as usize];
            let targets = &examples.targets[index * row..(index + 1) * row];
            let held = &examples.held[index * row..(index + 1) * row];
            sums.windows += 1;
            let answers = paths[place].iter().chain(&peaks[place]);
            for (item, answer) in answers.enumerate() {
                let mut answer = answer.clone();
                answer.sort_by(f32::total_cmp);
                let lead = if item < knots.len() {
                    Err(knots[item])
                } else {
                    Ok(leads[item - knots.len()])
                };
                sums.add(
                    lead,
                    &answer,
                    targets[item],
                    held[item],
                    examples.units[index],
                    levels,
                );
            }
        }
    }
    Ok(all)
}

// === impl Sums ===

impl Sums {
    /// `lead`: a step ahead as an error, the lead time of a peak otherwise.
    fn add(
        &mut self,
        lead: std::result::Result<usize, usize>,
        answer: &[f32],
        target: f32,
        held: f32,
        unit: f64,
        levels: &[Quantile],
    ) {
        if target.is_nan() {
            return;
        }
        let loss = |value: f32, level: f64| {
            let error = f64::from(target - value);
            (level * error).max((level - 1.0) * error)
        };
        let total: f64 = answer
            .iter()
            .zip(levels)
            .map(|(v, l)| loss(*v, l.get()))
            .sum();
        self.pinball = (
            self.pinball.0 + total / levels.len() as f64,
            self.pinball.1 + 1.0,
        );
        match lead {
            Ok(lead) => {
                let naive: f64 = levels.iter().map(|l| loss(held, l.get())).sum();
                if let Some(place) = REPORTED.iter().position(|r| *r == lead) {
                    self.peaks[place].0 += unit * total;
                    self.peaks[place].1 += unit * naive;
                }
            }
            Err(step) => {
                let median = levels
                    .iter()
                    .position(|l| *l == Quantile::MEDIAN)
                    .unwrap_or(0);
                if let Some(place) = REPORTED.iter().position(|r| *r == step) {
                    self.errors[place].0 += unit * f64::from((answer[median] - target).abs());
                    self.errors[place].1 += unit * f64::from((held - target).abs());
                }
                for (covered, wanted) in self.covered.iter_mut().zip([0.9, 0.95]) {
                    let place = levels.iter().position(|l| l.get() >= wanted);
                    if place.is_some_and(|place| target <= answer[place]) {
                        *covered += 1.0;
                    }
                }
                self.steps += 1.0;
            }
        }
    }
}

fn mean(all: &[(f64, Sums)]) -> Measures {
    let count = all.len().max(1) as f64;
    let average =
        |of: &dyn Fn(f64, &Sums) -> f64| all.iter().map(|(w, s)| of(*w, s)).sum::<f64>() / count;
    let relative = |of: &dyn Fn(&Sums) -> (f64, f64)| {
        let logs: Vec<f64> = all
            .iter()
            .map(|(_, sums)| of(sums))
            .filter(|(own, naive)| *own > 0.0 && *naive > 0.0)
            .map(|(own, naive)| (own / naive).ln())
            .collect();
        (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp()
    };
    Measures {
        pinball: average(&|weight, s| weight * s.pinball.0 / s.pinball.1.max(1.0)),
        rel_mae: [0, 1, 2].map(|i| relative(&|s: &Sums| s.errors[i])),
        rel_peak: [0, 1, 2].map(|i| relative(&|s: &Sums| s.peaks[i])),
        coverage: [0, 1].map(|i| average(&|_, s| s.covered[i] / s.steps.max(1.0))),
        counted: (all.len(), all.iter().map(|(_, s)| s.windows).sum()),
    }
}
