//! The report as one HTML file with charts.

use std::fmt::Write as _;

use super::Report;
use super::report::{Entry, Trace};
use super::summary::Summary;
use super::{COVERAGE_LEVELS, numbers};
use crate::domain::HumanDuration;
use crate::plot::{Axis, COLOURS, Cell, Chart, Grid, Page, number};

/// Forecasts are drawn over this long, at the end of a trace.
const DRAWN_SECONDS: f64 = 2.0 * 86_400.0;

/// The whole page.
pub fn html(report: &Report) -> String {
    let protocol = &report.protocol;
    let horizons: Vec<String> = protocol.horizons.iter().map(ToString::to_string).collect();
    let lede = format!(
        "{} traces; the last {:.0} % of each is forecast, every {}, for {} ahead, from at most {} of history before that \
         moment, with models fitted anew every {}. Every model is scored on the same pairs. Forescale {}.",
        report.traces.len(),
        100.0 * protocol.test_fraction,
        protocol.stride,
        horizons.join(", "),
        protocol.history,
        protocol.refit,
        report.forescale,
    );
    let left_out = report.left_out.iter();
    let left_out = left_out.map(|it| format!(" Left out: `{}`: {}.", it.name, it.why));
    let lede = lede + &left_out.collect::<String>();
    let mut page = Page::new("Forecast accuracy", &lede);
    summary(&mut page, report);
    by_trace(&mut page, report);
    reliability(&mut page, report);
    for trace in &report.traces {
        detail(&mut page, report, trace);
    }
    page.render()
}

fn summary(page: &mut Page, report: &Report) {
    let mut groups: Vec<&str> = report.summary.iter().map(|s| s.group).collect();
    groups.dedup();
    for group in groups {
        let of_group = |s: &&Summary| s.group == group;
        let most = report.summary.iter().filter(of_group).map(|s| s.traces);
        let text = format!(
            "Geometric means over {} traces relative to naive: absolute error of the median, weighted quantile loss, and that \
             of the peak; below 1 is better than holding the last value. Losses are relative to naive with the bands of its fit; the \
             row naive has calibrated ones and is not 1 there. Then the mean distance of observed from nominal \
             coverage, and the worst trace by absolute error.",
            most.max().unwrap_or(0)
        );
        let mut tables = String::new();
        for horizon in &report.protocol.horizons {
            let seconds = horizon.get().as_secs();
            let rows: Vec<&Summary> = (report.summary.iter().filter(of_group))
                .filter(|summary| summary.horizon_seconds == seconds)
                .collect();
            let _ = write!(tables, "<h3>{horizon} ahead</h3>{}", summary_grid(&rows));
        }
        let heading = if group == "all" {
            "Summary".to_owned()
        } else {
            format!("Summary, {group}")
        };
        page.section(&heading, &text, &tables);
    }
}

fn summary_grid(rows: &[&Summary]) -> String {
    let head = [
        "model",
        "RelMAE",
        "RelWQL",
        "peak RelWQL",
        "MASE",
        "cov .9 ±",
        "cov .95 ±",
        "better",
        "worst",
        "on",
        "ms",
    ];
    let mut grid = Grid::new(head.map(str::to_owned));
    let best = |of: fn(&Summary) -> Option<f64>| {
        rows.iter()
            .filter_map(|s| of(s))
            .fold(f64::INFINITY, f64::min)
    };
    let columns: [fn(&Summary) -> Option<f64>; 3] = [
        |s| s.rel_mae_vs_naive,
        |s| s.rel_wql_vs_naive,
        |s| s.rel_peak_wql_vs_naive,
    ];
    for summary in rows {
        let mut cells: Vec<Cell> = columns
            .iter()
            .map(|of| relative_cell(of(summary), of(summary).is_some_and(|v| v <= best(*of))))
            .collect();
        let miss = |level: &str| summary.coverage_error.get(level).map(|miss| miss.mean);
        cells.push(Cell::plain(shown(summary.mase)));
        cells.extend(["0.9", "0.95"].map(|level| miss_cell(miss(level))));
        cells.push(Cell::plain(format!(
            "{}/{}",
            summary.better_than_naive, summary.traces
        )));
        let worst = summary.worst.as_ref();
        cells.push(relative_cell(worst.map(|worst| worst.value), false));
        cells.push(Cell::plain(worst.map_or("–", |worst| &worst.trace)));
        cells.push(Cell::plain(shown(summary.predict_ms)));
        grid.row(&summary.model, cells);
    }
    grid.render()
}

/// Better than naive is green, worse is red.
fn relative_cell(value: Option<f64>, strong: bool) -> Cell {
    Cell {
        text: shown(value),
        tint: value.map_or(0.0, |value| -2.0 * value.max(1e-3).ln()),
        strong,
    }
}

fn miss_cell(value: Option<f64>) -> Cell {
    Cell {
        text: shown(value),
        tint: value.map_or(0.0, |value| {
            if value > 0.03 {
                -1.0
            } else {
                0.5 - value / 0.02
            }
        }),
        strong: false,
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn by_trace(page: &mut Page, report: &Report) {
    let names: Vec<String> = report.traces.iter().map(|t| t.name.clone()).collect();
    let mut charts = String::new();
    for horizon in &report.protocol.horizons {
        let seconds = horizon.get().as_secs();
        let mut chart = Chart::new(Axis::Log, Axis::Names(names.clone()))
            .titled(
                &format!("MAE relative to naive, {horizon} ahead (log scale)"),
                "",
            )
            .upright(1.0);
        for (index, model) in report.protocol.models.iter().enumerate().rev() {
            let dots = report.traces.iter().enumerate().filter_map(|(row, trace)| {
                let value = trace.entry(model, seconds)?.rel_mae_vs_naive?;
                let text = format!("{model} on {}: {value:.3}", trace.name);
                Some(((value, row as f64), text))
            });
            chart = chart.dots(dots.collect(), index % COLOURS, model);
        }
        charts += &chart.topmost_first().render();
    }
    let text = "Left of the dashed line a model is better than holding the last value.";
    page.section("Each trace", text, &charts);
}

/// Observed against nominal coverage of each model, as a mean over traces; the first model's traces as thin lines.
fn reliability(page: &mut Page, report: &Report) {
    let mut charts = String::new();
    for horizon in &report.protocol.horizons {
        let seconds = horizon.get().as_secs();
        let mut chart = Chart::new(Axis::Linear, Axis::Linear)
            .titled(
                "nominal level",
                &format!("observed minus nominal coverage, {horizon} ahead"),
            )
            .from_to(0.48, 1.0)
            .level(0.0);
        let first = report.protocol.models.first();
        for trace in &report.traces {
            let entry = first.and_then(|model| trace.entry(model, seconds));
            chart = chart.thin(coverage_line(entry.into_iter()), 8);
        }
        for (index, model) in report.protocol.models.iter().enumerate().rev() {
            let entries = report.traces.iter().filter_map(|t| t.entry(model, seconds));
            chart = chart.line(coverage_line(entries), index % COLOURS, model);
        }
        charts += &chart.topmost_first().render();
    }
    let text = format!(
        "On the dashed line a level covers as often as it says, below it too rarely. Thick: the mean over traces; thin: each \
         trace of `{}`.",
        report.protocol.models.first().map_or("", String::as_str)
    );
    page.section("Coverage", &text, &charts);
}

fn coverage_line<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<(f64, f64)> {
    let entries: Vec<&Entry> = entries.collect();
    let point = |level: f64| {
        let key = level.to_string();
        let shares = (entries.iter()).filter_map(|entry| entry.coverage.as_ref()?.get(&key));
        let mean = numbers::mean(shares.copied())?;
        Some((level, mean - level))
    };
    COVERAGE_LEVELS.into_iter().filter_map(point).collect()
}

fn detail(page: &mut Page, report: &Report, trace: &Trace) {
    let text = format!(
        "{} steps of {} s, {} of them missing. {} origins from {} on; {} fits of {} ms, preparing {} ms for each origin.",
        trace.steps,
        trace.step_seconds,
        trace.missing,
        trace.origins,
        trace.test_from,
        trace.fits,
        number(trace.models.first().map_or(0.0, |entry| entry.fit_ms)),
        number(trace.prepare_ms),
    );
    let mut body = sample_chart(report, trace);
    body += &trace_grid(report, trace);
    body += &crate::plot::list(&trace.notes);
    page.section(&trace.name, &text, &body);
}

fn sample_chart(report: &Report, trace: &Trace) -> String {
    let Some(last) = trace.samples.iter().rev().find(|s| !s.came.is_nan()) else {
        return String::new();
    };
    let from = last.at.as_secs_f64() - DRAWN_SECONDS;
    let shown: Vec<_> = (trace.samples.iter())
        .filter(|s| s.at.as_secs_f64() >= from && s.at <= last.at)
        .map(|s| (s.at.as_secs_f64(), s))
        .collect();
    let horizons = &report.protocol.horizons;
    let horizon: HumanDuration = horizons[horizons.len() / 2];
    let model = report.protocol.models.first().map_or("", String::as_str);
    let band = |low: usize, high: usize| {
        let edges = shown
            .iter()
            .map(|(at, s)| (*at, s.quantiles[low], s.quantiles[high]));
        edges.collect::<Vec<_>>()
    };
    let line = |of: usize| shown.iter().map(|(at, s)| (*at, s.quantiles[of])).collect();
    Chart::new(Axis::Time, Axis::Linear)
        .titled(
            "UTC",
            &format!("`{model}`, {horizon} before each moment, at the end of the trace"),
        )
        .band(band(0, 4), 0.13, ".1 to .99")
        .band(band(0, 2), 0.2, ".1 to .9")
        .line(line(1), 0, "median")
        .ink(
            shown.iter().map(|(at, s)| (*at, s.came)).collect(),
            "measured",
        )
        .render()
}

fn trace_grid(report: &Report, trace: &Trace) -> String {
    let horizons = &report.protocol.horizons;
    let head = std::iter::once("model".to_owned()).chain(horizons.iter().flat_map(|horizon| {
        ["RelMAE", "MAE", "RelWQL", "peak", "cov .9", "cov .95"]
            .map(|what| format!("{what} {horizon}"))
    }));
    let mut grid = Grid::new(head);
    let best = |seconds: u64| {
        let entries = trace.models.iter().filter(|e| e.horizon_seconds == seconds);
        entries
            .filter_map(|e| e.rel_mae_vs_naive)
            .fold(f64::INFINITY, f64::min)
    };
    for model in &report.protocol.models {
        let mut cells = Vec::new();
        for horizon in horizons {
            let seconds = horizon.get().as_secs();
            let Some(entry) = trace.entry(model, seconds) else {
                continue;
            };
            let relative = entry.rel_mae_vs_naive;
            cells.push(relative_cell(
                relative,
                relative.is_some_and(|v| v <= best(seconds)),
            ));
            cells.push(Cell::plain(entry.mae.map_or("–".to_owned(), number)));
            cells.push(relative_cell(entry.rel_wql_vs_naive, false));
            cells.push(relative_cell(entry.rel_peak_wql_vs_naive, false));
            for level in ["0.9", "0.95"] {
                let share = entry.coverage.as_ref().and_then(|c| c.get(level)).copied();
                cells.push(Cell::plain(shown(share)));
            }
        }
        grid.row(model, cells);
    }
    grid.render()
}
