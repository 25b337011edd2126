//! What was found and written, as it stands in `report.json`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::decompose::By;
use super::diagnose::{Gaps, Stretch, gaps};
use super::split::{Part, Split};
use super::strength::{KPSS_CRITICAL, strength};
use super::windows::Shape;
use crate::analyze::Prepared;
use crate::analyze::preprocess::Mark;
use crate::dataset::Dataset;
use crate::domain::{HumanDuration, Series};

/// The largest outliers that a report names.
const NAMED: usize = 20;

/// The whole report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    forescale: &'static str,
    pub(super) split: Split,
    pub(super) window: Shape,
    pub(super) decompose: By,
    pub(super) traces: Vec<TraceReport>,
}

/// One input.
#[derive(Debug, Serialize)]
pub(super) struct TraceReport {
    pub(super) name: String,
    pub(super) step_seconds: u64,
    pub(super) steps: usize,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) notes: Vec<String>,
    pub(super) gaps: Gaps,
    pub(super) outages: Vec<Stretch>,
    pub(super) anomalies: Anomalies,
    pub(super) seasonality: Seasonality,
    pub(super) level: Level,
    pub(super) windows: BTreeMap<&'static str, usize>,
    /// First moment of the validation and of the test part.
    pub(super) validation_from: String,
    pub(super) test_from: String,
}

/// Steps that preparation has changed, by kind.
#[derive(Debug, Serialize)]
pub(super) struct Anomalies {
    /// Isolated outliers, replaced.
    pub(super) outliers: usize,
    /// Measured while the workload was down, made missing.
    pub(super) outage_steps: usize,
    /// Not measured, the value before held.
    pub(super) filled: usize,
    /// Not measured, left missing.
    pub(super) missing: usize,
    /// The outliers that were changed most.
    pub(super) largest: Vec<Changed>,
}

/// An outlier.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Changed {
    pub(super) at: String,
    pub(super) measured: f64,
    pub(super) replaced_by: f64,
}

/// Strength of the seasons, from 0 to 1; `null` when the series is too short.
#[derive(Debug, Serialize)]
pub(super) struct Seasonality {
    pub(super) daily: Option<f64>,
    pub(super) weekly: Option<f64>,
    /// Days that it rests on.
    pub(super) days: f64,
}

/// Whether the level stays.
#[derive(Debug, Serialize)]
pub(super) struct Level {
    /// KPSS statistic of the daily means.
    pub(super) kpss: Option<f64>,
    /// Whether it lies below its 5 % critical value.
    pub(super) stationary: Option<bool>,
    /// Median of the last third over that of the first.
    pub(super) last_over_first: Option<f64>,
}

// === impl Report ===

impl Report {
    pub(super) fn new(
        split: Split,
        window: Shape,
        decompose: By,
        traces: Vec<TraceReport>,
    ) -> Self {
        Self {
            forescale: crate::telemetry::VERSION,
            split,
            window,
            decompose,
            traces,
        }
    }

    /// For people.
    pub(super) fn text(&self, folder: &Path) -> String {
        let mut text = String::new();
        for trace in &self.traces {
            trace.text(&mut text);
        }
        let windows: usize = self.traces.iter().map(TraceReport::windows_in_all).sum();
        let _ = writeln!(
            text,
            "{windows} windows of {} + {} steps in `{}`; `report.html` there shows the history",
            self.window.context,
            self.window.horizon,
            folder.display()
        );
        text
    }
}

// === impl TraceReport ===

impl TraceReport {
    pub(super) fn new(
        dataset: &Dataset,
        prepared: &Prepared,
        split: Split,
        counts: [usize; 3],
    ) -> Self {
        let series = &dataset.series;
        let strength = strength(&prepared.series);
        let start_of = |part| {
            let first = split.range(part, series.len()).start;
            series.time_of(first).to_rfc3339()
        };
        let outages = prepared.outages.iter().map(|outage| Stretch {
            from: outage.from.to_rfc3339(),
            until: outage.until.to_rfc3339(),
            seconds: outage.until.since(outage.from).as_secs(),
        });
        let days = series.len() as f64 * series.step().as_secs_f64() / 86_400.0;
        Self {
            name: dataset.name.clone(),
            step_seconds: series.step().as_secs(),
            steps: series.len(),
            from: series.start().to_rfc3339(),
            until: series.end().to_rfc3339(),
            notes: dataset.notes.clone(),
            gaps: gaps(series),
            outages: outages.collect(),
            anomalies: Anomalies::of(prepared),
            seasonality: Seasonality {
                daily: strength.daily,
                weekly: strength.weekly,
                days,
            },
            level: Level {
                kpss: strength.kpss,
                stationary: strength.kpss.map(|kpss| kpss < KPSS_CRITICAL),
                last_over_first: last_over_first(series),
            },
            windows: Part::ALL.into_iter().map(Part::name).zip(counts).collect(),
            validation_from: start_of(Part::Validation),
            test_from: start_of(Part::Test),
        }
    }

    pub(super) fn windows_in_all(&self) -> usize {
        self.windows.values().sum()
    }

    fn text(&self, text: &mut String) {
        let share =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
        let counts: Vec<String> = (Part::ALL.iter())
            .map(|part| {
                format!(
                    "{} {}",
                    self.windows.get(part.name()).unwrap_or(&0),
                    part.name()
                )
            })
            .collect();
        let _ = writeln!(
            text,
            "{}: {} steps of {} s from {} to {}\n  \
             {} gaps ({:.1} % missing, the longest {}), {} outages, {} outliers replaced\n  \
             season: daily {}, weekly {}; level {}\n  \
             windows: {}",
            self.name,
            self.steps,
            self.step_seconds,
            self.from,
            self.until,
            self.gaps.count,
            100.0 * self.gaps.missing_share,
            HumanDuration::from_secs(self.gaps.longest_seconds),
            self.outages.len(),
            self.anomalies.outliers,
            share(self.seasonality.daily),
            share(self.seasonality.weekly),
            self.level.words(),
            counts.join(", "),
        );
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
    }
}

// === impl Level ===

impl Level {
    pub(super) fn words(&self) -> &'static str {
        match self.stationary {
            None => "unknown, the series is too short",
            Some(true) => "steady",
            Some(false) => "moves",
        }
    }
}

// === impl Anomalies ===

impl Anomalies {
    fn of(prepared: &Prepared) -> Self {
        let mut changed: Vec<_> = (prepared.outliers.iter())
            .map(|outlier| {
                let replaced = prepared.series.values()[outlier.index];
                let far = (outlier.original - replaced).abs();
                let at = prepared.series.time_of(outlier.index).to_rfc3339();
                let changed = Changed {
                    at,
                    measured: outlier.original,
                    replaced_by: replaced,
                };
                (far, changed)
            })
            .collect();
        changed.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self {
            outliers: prepared.outliers.len(),
            outage_steps: prepared.count(Mark::Outage),
            filled: prepared.count(Mark::Filled),
            missing: prepared.count(Mark::Missing),
            largest: changed.into_iter().take(NAMED).map(|(_, c)| c).collect(),
        }
    }
}

fn last_over_first(series: &Series) -> Option<f64> {
    let third = series.len() / 3;
    let median = |values: &[f64]| {
        let mut values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let first = median(&series.values()[..third])?;
    let last = median(&series.values()[series.len() - third..])?;
    (first > 0.0).then(|| last / first)
}
