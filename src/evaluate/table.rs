//! The report for people, on a terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::Report;
use super::numbers::span;
use super::report::{Coverage, Entry, Trace};
use super::summary::{Miss, Summary};
use crate::domain::HumanDuration;

/// The report as text: a table for each trace, then the summary.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for left_out in &report.left_out {
        let _ = writeln!(text, "left out: `{}`: {}", left_out.name, left_out.why);
    }
    for trace in &report.traces {
        one(&mut text, report, trace);
    }
    let mut groups: Vec<&str> = Vec::new();
    for summary in &report.summary {
        if !groups.contains(&summary.group) {
            groups.push(summary.group);
        }
    }
    for group in groups {
        whole(&mut text, report, group);
    }
    text
}

/// What stands above the columns of one horizon.
const COLUMNS: [&str; 5] = ["RelMAE", "RelWQL", "peak", ".9", ".95"];

fn head(report: &Report, first: &[&str]) -> Vec<String> {
    let first = first.iter().map(|name| (*name).to_owned());
    let rest = report
        .protocol
        .horizons
        .iter()
        .flat_map(|horizon| COLUMNS.map(|column| format!("{horizon}\n{column}")));
    first.chain(rest).collect()
}

fn lay(rows: Vec<Vec<String>>, head: Vec<String>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn one(text: &mut String, report: &Report, trace: &Trace) {
    let _ = writeln!(
        text,
        "{}: {} steps of {} s, {} missing; {} origins from {} on, {} fits of {:.1} ms and up to {} bytes, preparing {:.2} ms",
        trace.name,
        trace.steps,
        trace.step_seconds,
        trace.missing,
        trace.origins,
        trace.test_from,
        trace.fits,
        trace.models.first().map_or(0.0, |entry| entry.fit_ms),
        trace.fit_bytes,
        trace.prepare_ms,
    );
    let rows = report.protocol.models.iter().map(|model| {
        let entries: Vec<&Entry> = (trace.models.iter())
            .filter(|entry| entry.model == *model)
            .collect();
        let unanswered = entries.iter().map(|entry| entry.unanswered).max();
        let ms = entries.first().map_or(0.0, |entry| entry.predict_ms);
        let mut row = vec![
            model.clone(),
            format!("{ms:.2}"),
            unanswered.unwrap_or(0).to_string(),
        ];
        for entry in entries {
            let share = |level| {
                entry
                    .coverage
                    .as_ref()
                    .and_then(|c: &Coverage| c.get(level))
            };
            row.push(digits(entry.rel_mae_vs_naive));
            row.push(digits(entry.rel_wql_vs_naive));
            row.push(digits(entry.rel_peak_wql_vs_naive));
            row.push(digits(share("0.9").copied()));
            row.push(digits(share("0.95").copied()));
        }
        row
    });
    let head = head(report, &["model", "ms", "unanswered"]);
    let _ = writeln!(text, "{}", lay(rows.collect(), head));
    for note in &trace.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text.push('\n');
}

fn whole(text: &mut String, report: &Report, group: &str) {
    let of = |model: &str, horizon: HumanDuration| {
        report.summary.iter().find(|summary: &&Summary| {
            summary.group == group
                && summary.model == model
                && summary.horizon_seconds == horizon.get().as_secs()
        })
    };
    let traces = report
        .summary
        .iter()
        .filter(|summary| summary.group == group);
    let count = traces.map(|summary| summary.traces).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "Over {count} trace{} ({group}): geometric means relative to `naive` of MAE, quantile loss and the peak's quantile loss; \
         mean distance of coverage from .9 and .95. Losses are relative to `naive` with the bands of its fit: the row `naive`, whose \
         bands are calibrated as the server does, is not 1 there",
        if count == 1 { "" } else { "s" },
    );
    let rows = report.protocol.models.iter().map(|model| {
        let mut row = vec![model.clone()];
        for horizon in &report.protocol.horizons {
            let Some(summary) = of(model, *horizon) else {
                row.extend(std::iter::repeat_n("–".to_owned(), COLUMNS.len()));
                continue;
            };
            let miss = |level| summary.coverage_error.get(level).map(|m: &Miss| m.mean);
            row.push(digits(summary.rel_mae_vs_naive));
            row.push(digits(summary.rel_wql_vs_naive));
            row.push(digits(summary.rel_peak_wql_vs_naive));
            row.push(digits(miss("0.9")));
            row.push(digits(miss("0.95")));
        }
        row
    });
    let _ = writeln!(text, "{}", lay(rows.collect(), head(report, &["model"])));
    let _ = writeln!(
        text,
        "Worst trace by MAE relative to `naive`, and on how many traces a model is better than it"
    );
    let rows = report.protocol.models.iter().map(|model| {
        let mut row = vec![model.clone()];
        for horizon in &report.protocol.horizons {
            let summary = of(model, *horizon);
            row.push(summary.map_or_else(String::new, |summary| {
                let worst = summary.worst.as_ref();
                let worst = worst.map_or_else(
                    || "–".to_owned(),
                    |worst| format!("{:.3} {}", worst.value, worst.trace),
                );
                format!("{worst} ({}/{})", summary.better_than_naive, summary.traces)
            }));
        }
        row
    });
    let horizons = report.protocol.horizons.iter();
    let head =
        std::iter::once("model".to_owned()).chain(horizons.map(|h| span(h.get()).to_string()));
    let _ = writeln!(text, "{}\n", lay(rows.collect(), head.collect()));
}

fn digits(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}
