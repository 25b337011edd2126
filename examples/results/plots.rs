//! The drawings.

use forescale::plot::{Axis, Chart};

use super::job::{MAIN, Row, Shows};

/// Each file's name and what is in it, of the sections that are shown.
pub(crate) fn all(rows: &[Row], only: &[Shows]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    if only.contains(&Shows::Policies) {
        for start_up in MAIN {
            let file = format!("captured-{start_up}s.svg");
            files.push((file, captured(rows, start_up)));
        }
        let frontiers = rows
            .iter()
            .filter(|row| row.shows == Shows::Policies && row.start_up == MAIN[0]);
        for row in frontiers {
            files.push((format!("frontier-{}.svg", row.trace), frontier(row)));
        }
    }
    if only.contains(&Shows::Cluster) {
        for (file, title, of) in SENSITIVITY {
            files.push((format!("by-{file}.svg"), sensitivity(rows, title, of)));
        }
    }
    files
}

type Along = fn(&Row) -> Option<f64>;

/// What a run is moved along, if it is one of those.
const SENSITIVITY: [(&str, &str, Along); 2] = [
    ("start-up", "start-up time in seconds", |row| {
        ((row.replicas - 20.0).abs() < 0.5).then_some(row.start_up as f64)
    }),
    ("replicas", "replicas at the median", |row| {
        (row.start_up == MAIN[0]).then_some(row.replicas)
    }),
];

fn captured(rows: &[Row], start_up: u64) -> String {
    let mut of_main: Vec<&Row> = (rows.iter())
        .filter(|row| row.shows == Shows::Policies && row.start_up == start_up)
        .collect();
    let share = |row: &Row| row.at(0.5)?.captured[1];
    of_main.sort_by(|a, b| {
        let (a, b) = (share(a).unwrap_or(-9.0), share(b).unwrap_or(-9.0));
        b.total_cmp(&a)
    });
    let names = of_main.iter().map(|row| row.trace.clone()).collect();
    let mut chart = Chart::new(Axis::Linear, Axis::Names(names))
        .titled(
            "% of the gap between the HPA and perfect foresight",
            "captured at 0.5 % overload",
        )
        .from_to(-40.0, 100.0)
        .upright(0.0);
    let labels = [
        "HPA with tolerance 0 or 0.1, the better",
        "HPA with tolerance 0.1",
    ];
    for (which, label) in labels.iter().enumerate() {
        let dots = of_main.iter().enumerate().filter_map(|(place, row)| {
            let share = 100.0 * row.at(0.5)?.captured[which]?;
            let text = format!("{}: {share:.0} %", row.trace);
            Some(((share.max(-40.0), place as f64), text))
        });
        chart = chart.dots(dots.collect(), which, label);
    }
    chart.standalone()
}

fn frontier(row: &Row) -> String {
    let mut chart = Chart::new(Axis::Linear, Axis::Log)
        .titled("replica hours", "overload, percent of the time");
    for (index, policy) in row.policies.iter().enumerate() {
        let mut points: Vec<(f64, f64)> = (policy.frontier.iter())
            .map(|(hours, overload)| (*hours, overload.max(0.001)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        // What costs more and misses more than another setting is left out.
        let mut best = f64::INFINITY;
        points.retain(|(_, overload)| {
            let better = *overload < best;
            best = best.min(*overload);
            better
        });
        chart = if policy.name == "perfect" {
            chart.ink(points, &policy.name)
        } else {
            chart.line(points, index, &policy.name)
        };
    }
    let dearest = row.at(0.1).and_then(|at| at.hpa[1]);
    let least = row.at(1.0).and_then(|at| at.perfect);
    if let (Some(most), Some(least)) = (dearest, least) {
        chart = chart.from_to(0.98 * least, 1.3 * most);
    }
    chart.standalone()
}

fn sensitivity(rows: &[Row], title: &str, along: Along) -> String {
    let of_cluster = rows.iter().filter(|row| row.shows == Shows::Cluster);
    let mut traces: Vec<&str> = of_cluster.clone().map(|row| row.trace.as_str()).collect();
    traces.dedup();
    let mut chart = Chart::new(Axis::Log, Axis::Linear)
        .titled(
            title,
            "% captured at 0.5 % overload, HPA with tolerance 0.1",
        )
        .level(0.0);
    for (index, trace) in traces.iter().enumerate() {
        let mut points: Vec<(f64, f64)> = (of_cluster.clone())
            .filter(|row| row.trace == *trace)
            .filter_map(|row| Some((along(row)?, 100.0 * row.at(0.5)?.captured[1]?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        chart = chart.line(points, index, trace);
    }
    chart.standalone()
}
