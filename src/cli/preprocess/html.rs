//! The report with charts: what the history looks like.

use super::report::{Report, TraceReport};
use super::split::Part;
use crate::analyze::preprocess::Outlier;
use crate::analyze::{Prepared, prepare};
use crate::dataset::Dataset;
use crate::domain::Series;
use crate::plot::{Axis, Cell, Chart, Grid, Page, Point, escape, list, number};

/// Points that a chart of the whole history is thinned to.
const POINTS: usize = 900;

/// Outliers that a chart shows.
const OUTLIERS: usize = 30;

/// Steps of the typical day and week that are drawn.
const DAY_BINS: usize = 96;
const WEEK_BINS: usize = 168;

const DAY: f64 = 86_400.0;

/// The whole page.
pub(super) fn html(report: &Report, datasets: &[Dataset]) -> String {
    let lede = format!(
        "{} inputs, split {} by time; windows of {} steps of context and {} of horizon, one every {} steps.",
        report.traces.len(),
        report.split,
        report.window.context,
        report.window.horizon,
        report.window.stride,
    );
    let mut page = Page::new("History and training windows", &lede);
    page.section("Inputs", "Strength of a season runs from 0 (none) to 1 (nothing else); on few periods it comes out too high. The level is steady when the KPSS test of its daily means finds nothing against it at 5 %.", &overview(report));
    for (trace, dataset) in report.traces.iter().zip(datasets) {
        let prepared = prepare(&dataset.series);
        let mut body = history(report, trace, dataset, &prepared);
        body += &typical(
            &prepared.series,
            DAY,
            DAY_BINS,
            3600.0,
            "hour of the day, UTC",
        );
        if trace.seasonality.weekly.is_some() {
            body += &typical(
                &prepared.series,
                7.0 * DAY,
                WEEK_BINS,
                DAY,
                "days since Monday 00:00 UTC",
            );
        }
        body += &details(trace);
        let text = format!(
            "{} steps of {} s from {} to {}.",
            trace.steps, trace.step_seconds, trace.from, trace.until
        );
        page.section(&trace.name, &text, &body);
    }
    page.render()
}

fn overview(report: &Report) -> String {
    let head = [
        "input",
        "step",
        "days",
        "missing",
        "gaps",
        "outages",
        "outliers",
        "daily",
        "weekly",
        "level",
        "train",
        "validation",
        "test",
    ];
    let mut grid = Grid::new(head.map(str::to_owned));
    for trace in &report.traces {
        let strength = |value: Option<f64>| Cell {
            text: value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}")),
            tint: value.unwrap_or(0.0),
            strong: false,
        };
        let mut cells = vec![
            Cell::plain(format!("{} s", trace.step_seconds)),
            Cell::plain(format!("{:.1}", trace.seasonality.days)),
            Cell::plain(format!("{:.1} %", 100.0 * trace.gaps.missing_share)),
            Cell::plain(trace.gaps.count.to_string()),
            Cell::plain(trace.outages.len().to_string()),
            Cell::plain(trace.anomalies.outliers.to_string()),
            strength(trace.seasonality.daily),
            strength(trace.seasonality.weekly),
            Cell::plain(trace.level.words()),
        ];
        let count = |part: Part| trace.windows.get(part.name()).copied().unwrap_or(0);
        cells.extend(Part::ALL.map(|part| Cell::plain(count(part).to_string())));
        grid.row(&trace.name, cells);
    }
    grid.render()
}

/// The whole history: mean and range of each stretch, outages, outliers, where it is split.
fn history(report: &Report, trace: &TraceReport, dataset: &Dataset, prepared: &Prepared) -> String {
    let series = &dataset.series;
    let width = series.len().div_ceil(POINTS).max(1);
    let (mut range, mut middle) = (Vec::new(), Vec::new());
    for (index, chunk) in series.values().chunks(width).enumerate() {
        let at = series.time_of(index * width).as_secs_f64();
        let finite = || chunk.iter().copied().filter(|v| v.is_finite());
        let low = finite().fold(f64::NAN, f64::min);
        let high = finite().fold(f64::NAN, f64::max);
        range.push((at, low, high));
        middle.push((at, finite().sum::<f64>() / finite().count() as f64));
    }
    let mut chart = Chart::new(Axis::Time, Axis::Linear)
        .titled("UTC", "measured")
        .band(range, 0.25, "lowest to highest")
        .line(middle, 0, "mean");
    for outage in &prepared.outages {
        let (from, until) = (outage.from.as_secs_f64(), outage.until.as_secs_f64());
        chart = chart.shade(from, until, "outage or gap");
    }
    let outliers = largest_outliers(prepared);
    if !outliers.is_empty() {
        chart = chart.dots(outliers, 1, "largest outliers, replaced");
    }
    for part in [Part::Validation, Part::Test] {
        let first = report.split.range(part, series.len()).start;
        chart = chart.upright(series.time_of(first).as_secs_f64());
    }
    let caption = format!(
        "<h3>History; dashed: validation from {}, test from {}</h3>",
        escape(&trace.validation_from),
        escape(&trace.test_from)
    );
    caption + &chart.render()
}

/// The outliers that preparation has moved farthest, as dots.
fn largest_outliers(prepared: &Prepared) -> Vec<(Point, String)> {
    let values = prepared.series.values();
    let mut outliers = prepared.outliers.clone();
    let far = |outlier: &Outlier| (outlier.original - values[outlier.index]).abs();
    outliers.sort_by(|a, b| far(b).total_cmp(&far(a)));
    let dots = outliers.iter().take(OUTLIERS).map(|outlier| {
        let at = prepared.series.time_of(outlier.index);
        let text = format!(
            "{at}: {} replaced by {}",
            number(outlier.original),
            number(values[outlier.index])
        );
        ((at.as_secs_f64(), outlier.original), text)
    });
    dots.collect()
}

/// Median and the middle 80 % of each part of a period; `unit` seconds count as 1 on the axis.
fn typical(series: &Series, period: f64, bins: usize, unit: f64, title: &str) -> String {
    // The epoch was a Thursday; days of the week are counted from Monday.
    let shift = 3.0 * DAY;
    let mut groups: Vec<Vec<f64>> = vec![Vec::new(); bins];
    for (index, value) in series.values().iter().enumerate() {
        if value.is_finite() {
            let within = (series.time_of(index).as_secs_f64() + shift).rem_euclid(period);
            let bin = (within / period * bins as f64) as usize;
            groups[bin.min(bins - 1)].push(*value);
        }
    }
    let (mut range, mut middle) = (Vec::new(), Vec::new());
    for (bin, group) in groups.iter_mut().enumerate() {
        group.sort_by(f64::total_cmp);
        let at = bin as f64 * period / bins as f64 / unit;
        let rank = |level: f64| {
            let place = (level * group.len().saturating_sub(1) as f64).round() as usize;
            group.get(place).copied().unwrap_or(f64::NAN)
        };
        range.push((at, rank(0.1), rank(0.9)));
        middle.push((at, rank(0.5)));
    }
    Chart::new(Axis::Linear, Axis::Linear)
        .titled(title, "typical")
        .sized(860.0, 190.0)
        .from_to(0.0, period / unit)
        .band(range, 0.2, "middle 80 %")
        .line(middle, 0, "median")
        .render()
}

fn details(trace: &TraceReport) -> String {
    let mut items: Vec<String> = trace.notes.clone();
    let anomalies = &trace.anomalies;
    items.push(format!(
        "{} outliers replaced, {} steps measured during outages left out, {} missing steps filled, {} left missing",
        anomalies.outliers, anomalies.outage_steps, anomalies.filled, anomalies.missing
    ));
    if let Some(kpss) = trace.level.kpss {
        let ratio = trace.level.last_over_first;
        let ratio = ratio.map_or_else(String::new, |ratio| {
            format!("; the last third's median is {ratio:.2} times the first's")
        });
        items.push(format!(
            "level {}: KPSS {kpss:.3} (below 0.463 is steady){ratio}",
            trace.level.words()
        ));
    }
    items.extend(
        trace
            .gaps
            .longest
            .iter()
            .take(5)
            .map(|gap| format!("gap from {} to {}", gap.from, gap.until)),
    );
    list(&items)
}
