//! From Prometheus' result to samples.
//!
//! A trigger's query must give one number at each moment. Over a stretch of time that may still be several series: a pod
//! is replaced, and the series goes on under another label. So moments are judged one by one, as KEDA's instant queries
//! do: several series at the newest moment is a failure; several at an earlier moment (while one pod took over from
//! another) leaves that moment out.

use std::collections::BTreeSet;

use super::super::error::{Failure, FetchErrorKind};
use super::super::json::{Data, Labels, Point, Series, Value};
use super::super::span::Fetched;
use super::Asked;
use crate::domain::{Sample, Timestamp};

/// Label sets that are named when there are too many series.
const MAX_NAMED: usize = 3;

/// A value of one series.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Timestamp,
    series: usize,
    value: f64,
}

// === impl Asked ===

impl Asked<'_> {
    pub(super) fn samples(&self, data: Data) -> Result<Fetched, Failure> {
        let series = self.series_of(data)?;
        let readings = self.readings(&series);
        let mut fetched = Fetched {
            series: series.len().min(1),
            ..Fetched::default()
        };
        let mut crowded = 0_usize;
        let moments: Vec<&[Reading]> = readings.chunk_by(|a, b| a.at == b.at).collect();
        for (index, moment) in moments.iter().enumerate() {
            let Some(last) = moment.last() else { continue };
            if moment.iter().any(|reading| reading.series != last.series) {
                if index + 1 == moments.len() {
                    return Err(self.many_series(&series, moment));
                }
                crowded += 1;
            } else if last.value.is_finite() {
                // A time that is given twice: the last one given counts.
                fetched.samples.push(Sample {
                    at: last.at,
                    value: last.value,
                });
            } else {
                fetched.not_finite += 1;
            }
        }
        if series.len() > 1 {
            fetched.warnings.push(format!(
                "{} series took turns within the window and were read as one; at {crowded} of {} moments there was more \
                 than one, and those were left out: aggregate the query, for example with `sum(…)`",
                series.len(),
                moments.len()
            ));
        }
        Ok(fetched)
    }

    fn series_of(&self, data: Data) -> Result<Vec<Series>, Failure> {
        let bare = |point: Point| Series {
            metric: Labels::new(),
            values: vec![point],
            histograms: Vec::new(),
        };
        let series = match data {
            Data::Matrix(series) => series.unwrap_or_default(),
            Data::Vector(instants) => (instants.unwrap_or_default().into_iter())
                .map(|instant| Series {
                    metric: instant.metric,
                    values: instant.value.into_iter().collect(),
                    histograms: instant.histogram.into_iter().collect(),
                })
                .collect(),
            Data::Scalar(point) => vec![bare(point)],
            Data::String(_) => return Err(self.no_number("a string")),
        };
        if series.iter().any(|one| !one.histograms.is_empty()) {
            return Err(self.no_number(
                "native histograms; take a number out of them, for example with `histogram_quantile` or \
                 `histogram_count`",
            ));
        }
        Ok(series)
    }

    fn no_number(&self, what: &str) -> Failure {
        Failure::lasting(
            FetchErrorKind::Query,
            format!(
                "{}: query `{}` returned {what}",
                self.place,
                self.quote(self.query, 200)
            ),
        )
    }

    /// Every value within the span, by time; at one time in the order of the answer.
    fn readings(&self, series: &[Series]) -> Vec<Reading> {
        let mut readings: Vec<Reading> = (series.iter().enumerate())
            .flat_map(|(index, one)| {
                (one.values.iter()).map(move |Point(seconds, Value(value))| Reading {
                    at: Timestamp::from_millis((seconds * 1000.0).round() as i64),
                    series: index,
                    value: *value,
                })
            })
            // Nobody asked for other times, and a sample from the future would look fresh for long.
            .filter(|reading| (self.span.from..=self.span.until).contains(&reading.at))
            .collect();
        readings.sort_by_key(|reading| reading.at);
        readings
    }

    fn many_series(&self, series: &[Series], moment: &[Reading]) -> Failure {
        let there: BTreeSet<usize> = moment.iter().map(|reading| reading.series).collect();
        let named: Vec<String> = (there.iter().take(MAX_NAMED))
            .map(|index| self.quote(&labels(&series[*index].metric), 160))
            .collect();
        let more = match there.len().saturating_sub(MAX_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Failure::lasting(
            FetchErrorKind::ManySeries,
            format!(
                "{}: query `{}` returned {} series where one is needed: {}{more}; aggregate it, for example with \
                 `sum(…)`",
                self.place,
                self.quote(self.query, 200),
                there.len(),
                named.join(", ")
            ),
        )
    }
}

fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = (labels.iter())
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
