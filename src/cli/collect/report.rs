//! What was collected, in words and for machines.

use std::path::Path;

use serde_json::{Value, json};

use super::part::Read;
use crate::domain::HumanDuration;
use crate::monitor::Span;
use crate::plot::number;

/// What was collected.
#[derive(Debug)]
pub(super) struct Report {
    output: String,
    span: Span,
    rows: usize,
    gaps: usize,
    missing: u64,
    longest_gap_seconds: u64,
    not_finite: usize,
    resumed: bool,
    range: Option<(f64, f64, f64)>,
    warnings: Vec<String>,
}

// === impl Report ===

impl Report {
    pub(super) fn new(span: Span, read: &Read, output: &Path) -> Self {
        let step = span.step.as_millis().max(1) as u64;
        let rows = read.samples.len();
        let steps_between = |from: i64, until: i64| until.abs_diff(from) / step;
        // Evaluations without a sample before the first row, between rows, and behind the last one.
        let mut holes: Vec<u64> = (read.samples.windows(2))
            .map(|pair| steps_between(pair[0].at.as_millis(), pair[1].at.as_millis()))
            .map(|steps| steps.saturating_sub(1))
            .collect();
        if let (Some(first), Some(last)) = (read.samples.first(), read.samples.last()) {
            holes.push(steps_between(span.from.as_millis(), first.at.as_millis()));
            holes.push(steps_between(last.at.as_millis(), span.until.as_millis()));
        }
        holes.retain(|steps| *steps > 0);
        let mut values: Vec<f64> = read.samples.iter().map(|sample| sample.value).collect();
        values.sort_by(f64::total_cmp);
        let range = values.first().zip(values.last());
        Self {
            output: output.display().to_string(),
            span,
            rows,
            gaps: holes.len(),
            missing: span.points() - (rows as u64).min(span.points()),
            longest_gap_seconds: holes.iter().max().copied().unwrap_or(0) * step / 1000,
            not_finite: read.not_finite,
            resumed: read.resumed,
            range: range.map(|(low, high)| (*low, values[values.len() / 2], *high)),
            warnings: read.warnings.clone(),
        }
    }

    pub(super) fn text(&self) -> String {
        let share = 100.0 * self.missing as f64 / self.span.points().max(1) as f64;
        let mut lines = vec![
            format!(
                "{}: {} rows from {} to {}, step {}{}",
                self.output,
                self.rows,
                self.span.from,
                self.span.until,
                HumanDuration(self.span.step),
                if self.resumed {
                    ", a part of them read by an earlier run"
                } else {
                    ""
                }
            ),
            if self.gaps == 0 {
                "no gaps".to_owned()
            } else {
                format!(
                    "{} gap{}, {} evaluations without data ({share:.1} %), the longest lasts {}",
                    self.gaps,
                    if self.gaps == 1 { "" } else { "s" },
                    self.missing,
                    HumanDuration::from_secs(self.longest_gap_seconds)
                )
            },
        ];
        if let Some((low, median, high)) = self.range {
            lines.push(format!(
                "lowest {}, median {}, highest {}",
                number(low),
                number(median),
                number(high)
            ));
        }
        if self.not_finite > 0 {
            lines.push(format!(
                "{} values were NaN or infinite and are left out",
                self.not_finite
            ));
        }
        lines.extend(self.warnings.iter().map(|text| format!("warning: {text}")));
        lines.join("\n") + "\n"
    }

    pub(super) fn json(&self) -> Value {
        let range = self.range.unwrap_or((f64::NAN, f64::NAN, f64::NAN));
        json!({
            "output": self.output,
            "from": self.span.from.to_rfc3339(),
            "until": self.span.until.to_rfc3339(),
            "step_seconds": self.span.step.as_secs(),
            "rows": self.rows,
            "gaps": self.gaps,
            "missing_steps": self.missing,
            "longest_gap_seconds": self.longest_gap_seconds,
            "not_finite": self.not_finite,
            "resumed": self.resumed,
            "min": range.0,
            "median": range.1,
            "max": range.2,
            "warnings": self.warnings,
        })
    }
}
