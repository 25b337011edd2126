//! What holds over all traces.

use std::collections::BTreeMap;

use serde::Serialize;

use super::numbers::{geometric_mean, mean};
use super::report::{Coverage, Entry, Trace};
use super::{COVERAGE_LEVELS, Protocol};

/// Traces with a step up to this many seconds are summed up by themselves too.
const FINE_SECONDS: u64 = 60;

/// One model at one horizon over several traces.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Which traces: `all`, or `step <= 60 s`.
    pub group: &'static str,
    /// The model.
    pub model: String,
    /// The horizon.
    pub horizon_seconds: u64,
    /// Number of traces that were scored.
    pub traces: usize,
    /// Geometric mean of the MAE relative to naive.
    pub rel_mae_vs_naive: Option<f64>,
    /// The trace that is worst by it.
    pub worst: Option<Worst>,
    /// On so many traces the model's MAE is below naive's.
    pub better_than_naive: usize,
    /// Geometric mean of the weighted quantile loss relative to naive's.
    pub rel_wql_vs_naive: Option<f64>,
    /// Geometric mean of the peaks' weighted quantile loss relative to naive's.
    pub rel_peak_wql_vs_naive: Option<f64>,
    /// Mean MASE.
    pub mase: Option<f64>,
    /// Distance of observed from nominal coverage, by level.
    pub coverage_error: BTreeMap<String, Miss>,
    /// The same without the origins of each trace's first day.
    pub coverage_error_after_first_day: BTreeMap<String, Miss>,
    /// The same for peaks.
    pub peak_coverage_error: BTreeMap<String, Miss>,
    /// Pairs that were scored with a stand-in.
    pub unanswered: u64,
    /// Mean milliseconds of one forecast.
    pub predict_ms: Option<f64>,
}

/// The worst trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worst {
    /// Its name.
    pub trace: String,
    /// Its value.
    pub value: f64,
}

/// How far observed coverage lies from the level, over traces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Miss {
    /// Mean of the absolute distance.
    pub mean: f64,
    /// The trace where it is farthest, and how far it is there.
    pub worst: Worst,
}

/// Sums up by group, model and horizon.
pub(super) fn summarize(protocol: &Protocol, traces: &[Trace]) -> Vec<Summary> {
    let all: Vec<&Trace> = traces.iter().collect();
    let is_fine = |trace: &&Trace| trace.step_seconds <= FINE_SECONDS;
    let fine: Vec<&Trace> = traces.iter().filter(is_fine).collect();
    let mut groups = vec![("all", all)];
    if !fine.is_empty() && fine.len() < traces.len() {
        groups.push(("step <= 60 s", fine));
    }
    let mut summary = Vec::new();
    for (group, traces) in groups {
        for model in &protocol.models {
            for horizon in &protocol.horizons {
                let seconds = horizon.get().as_secs();
                summary.push(one(group, model, seconds, &traces));
            }
        }
    }
    summary
}

fn one(group: &'static str, model: &str, horizon_seconds: u64, traces: &[&Trace]) -> Summary {
    let entries: Vec<(&str, &Entry)> = (traces.iter())
        .filter_map(|trace| Some((trace.name.as_str(), trace.entry(model, horizon_seconds)?)))
        .filter(|(_, entry)| entry.n > 0)
        .collect();
    let values = |of: fn(&Entry) -> Option<f64>| {
        (entries.iter()).filter_map(move |(name, entry)| Some((*name, of(entry)?)))
    };
    let geometric = |of| geometric_mean(values(of).map(|(_, value)| value));
    let relative = |entry: &Entry| entry.rel_mae_vs_naive;
    Summary {
        group,
        model: model.to_owned(),
        horizon_seconds,
        traces: entries.len(),
        rel_mae_vs_naive: geometric(relative),
        worst: worst(values(relative)),
        better_than_naive: values(relative).filter(|(_, value)| *value < 1.0).count(),
        rel_wql_vs_naive: geometric(|entry| entry.rel_wql_vs_naive),
        rel_peak_wql_vs_naive: geometric(|entry| entry.rel_peak_wql_vs_naive),
        mase: mean(values(|entry| entry.mase).map(|(_, value)| value)),
        coverage_error: misses(&entries, |entry| entry.coverage.as_ref()),
        coverage_error_after_first_day: misses(&entries, |entry| {
            entry.coverage_after_first_day.as_ref()
        }),
        peak_coverage_error: misses(&entries, |entry| entry.peak_coverage.as_ref()),
        unanswered: entries.iter().map(|(_, entry)| entry.unanswered).sum(),
        predict_ms: mean(entries.iter().map(|(_, entry)| entry.predict_ms)),
    }
}

fn worst<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> Option<Worst> {
    let (trace, value) = values.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Worst {
        trace: trace.to_owned(),
        value,
    })
}

fn misses(
    entries: &[(&str, &Entry)],
    of: impl Fn(&Entry) -> Option<&Coverage>,
) -> BTreeMap<String, Miss> {
    let at = |level: f64| {
        let key = level.to_string();
        let far = (entries.iter()).filter_map(|(name, entry)| {
            let share = of(entry)?.get(&key)?;
            Some((*name, (share - level).abs()))
        });
        let far: Vec<_> = far.collect();
        let miss = Miss {
            mean: mean(far.iter().map(|(_, miss)| *miss))?,
            worst: worst(far.into_iter())?,
        };
        Some((key, miss))
    };
    COVERAGE_LEVELS.into_iter().filter_map(at).collect()
}
