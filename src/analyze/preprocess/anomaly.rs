//! What was unusual in a history, in words for the page, the API and reports.

use std::ops::Range;

use serde::Serialize;

use super::{CONFIRM_STEPS, Mark, Prepared};
use crate::domain::{Anomaly, AnomalyKind};

/// How many anomalies of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Anomalies {
    /// Of [`AnomalyKind::ScrapeSpike`].
    pub scrape_spikes: u32,
    /// Of [`AnomalyKind::CounterReset`].
    pub counter_resets: u32,
    /// Of [`AnomalyKind::Outage`].
    pub outages: u32,
    /// Of [`AnomalyKind::RetryStorm`].
    pub retry_storms: u32,
    /// Of [`AnomalyKind::Marked`].
    pub marked: u32,
}

impl Anomalies {
    /// Counts them.
    pub fn count(anomalies: &[Anomaly]) -> Self {
        let mut counts = Self::default();
        for anomaly in anomalies {
            let count = match anomaly.kind {
                AnomalyKind::ScrapeSpike => &mut counts.scrape_spikes,
                AnomalyKind::CounterReset => &mut counts.counter_resets,
                AnomalyKind::Outage => &mut counts.outages,
                AnomalyKind::RetryStorm => &mut counts.retry_storms,
                AnomalyKind::Marked => &mut counts.marked,
            };
            *count += 1;
        }
        counts
    }
}

/// Runs of one mark. Missing steps within a run belong to it.
pub(super) fn list(prepared: &Prepared) -> Vec<Anomaly> {
    let mut found: Vec<Anomaly> = Vec::new();
    let mut run: Option<(Mark, usize, usize)> = None;
    let end = prepared.marks.len();
    for (index, mark) in prepared.marks.iter().copied().enumerate() {
        if matches!(mark, Mark::Filled | Mark::Missing) {
            continue;
        }
        match &mut run {
            Some((known, _, until)) if *known == mark => *until = index + 1,
            _ => {
                found.extend(run.and_then(|run| anomaly(prepared, run, index < end)));
                run = Some((mark, index, index + 1));
            }
        }
    }
    found.extend(run.and_then(|run| anomaly(prepared, run, false)));
    found
}

/// The anomaly that a run is, and whether it is `over`.
fn anomaly(
    prepared: &Prepared,
    (mark, from, until): (Mark, usize, usize),
    over: bool,
) -> Option<Anomaly> {
    let kind = match mark {
        Mark::Observed | Mark::Filled | Mark::Missing => return None,
        Mark::Outlier => AnomalyKind::ScrapeSpike,
        Mark::Reset => AnomalyKind::CounterReset,
        // The first step of silence may be the beginning of an outage; if the load is back at once, it was none.
        Mark::Outage if over && until - from <= CONFIRM_STEPS => AnomalyKind::CounterReset,
        Mark::Outage => AnomalyKind::Outage,
        Mark::Storm => AnomalyKind::RetryStorm,
        Mark::Excluded => AnomalyKind::Marked,
    };
    Some(Anomaly {
        kind,
        from: prepared.series.time_of(from),
        until: prepared.series.time_of(until),
        magnitude: magnitude(prepared, from..until),
    })
}

/// What was measured within these steps and is furthest from 0.
fn magnitude(prepared: &Prepared, steps: Range<usize>) -> Option<f64> {
    let end = steps.end;
    let first = prepared
        .outliers
        .partition_point(|it| it.index < steps.start);
    let replaced = prepared.outliers[first..].iter();
    let originals = replaced
        .take_while(|it| it.index < end)
        .map(|it| it.original);
    let kept = steps.filter(|step| !matches!(prepared.marks[*step], Mark::Outlier | Mark::Reset));
    let kept = kept.map(|step| prepared.series.values()[step]);
    originals
        .chain(kept)
        .filter(|value| !value.is_nan())
        .reduce(|most, value| {
            if value.abs() > most.abs() {
                value
            } else {
                most
            }
        })
}
