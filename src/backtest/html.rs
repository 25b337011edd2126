//! The report as one HTML file with charts.

use std::fmt::Write as _;

use super::compare::frontier_of;
use super::report::{PathPoint, TraceReport};
use super::{FORESCALE, Report};
use crate::domain::{HumanDuration, Timestamp};
use crate::plot::{Axis, Cell, Chart, Grid, Page, number};

/// Reasons that are told of one bad stretch.
const TOLD: usize = 8;

/// The whole page.
pub fn html(report: &Report) -> String {
    let protocol = &report.protocol;
    let lede = format!(
        "What each policy would have done on {} recorded workloads: the last {:.0} % of each is judged, a replica is Ready {} \
         after it is wanted and costs {} an hour. Forescale {} lived through the time before as it would have in production; \
         the load does not depend on the fleet.",
        report.traces.len(),
        100.0 * protocol.judged_share,
        HumanDuration::from_secs(protocol.start_up_seconds),
        protocol.price_per_replica_hour,
        report.forescale,
    );
    let notes = protocol.notes.iter().map(|note| format!(" Note: {note}."));
    let lede = lede + &notes.collect::<String>();
    let mut page = Page::new("Backtest", &lede);
    for trace in &report.traces {
        section(&mut page, trace);
    }
    page.render()
}

fn section(page: &mut Page, trace: &TraceReport) {
    let mut html = figures(trace);
    html.push_str(&path(trace, trace.judged_from, trace.judged_until));
    if trace
        .policies
        .iter()
        .any(|policy| policy.frontier.is_some())
    {
        html.push_str("<h3>Overload against cost, each policy over its safety setting</h3>");
        html.push_str(&frontiers(trace));
    }
    for (from, until) in &trace.moments.worst {
        let _ = write!(html, "<h3>A bad hour: {from}</h3>");
        html.push_str(&path(trace, *from, *until));
        html.push_str(&reasons(trace, *from, *until));
    }
    let text = format!(
        "Judged from {} to {}; a replica carries {}.",
        trace.judged_from,
        trace.judged_until,
        number(trace.capacity_per_replica)
    );
    page.section(&trace.name, &text, &html);
}

fn figures(trace: &TraceReport) -> String {
    let head = [
        "policy",
        "overload %",
        "overload min",
        "SLO min",
        "unmet %",
        "replica h",
        "price",
        "× perfect",
        "changes/h",
    ];
    let mut grid = Grid::new(head.map(str::to_owned));
    for policy in &trace.policies {
        let own = &policy.usual;
        let figures = &own.figures;
        let cells = [
            format!("{:.3}", figures.overload_percent),
            format!("{:.1}", figures.overload_minutes),
            figures
                .slo_violation_minutes
                .map_or_else(|| "–".to_owned(), |minutes| format!("{minutes:.1}")),
            format!("{:.3}", figures.unmet_percent),
            format!("{:.1}", figures.replica_hours),
            format!("{:.2}", own.price),
            format!("{:.2}", own.cost_vs_perfect),
            format!("{:.1}", figures.changes_per_hour),
        ];
        grid.row(&policy.policy, cells.into_iter().map(Cell::plain).collect());
    }
    grid.render()
}

fn path(trace: &TraceReport, from: Timestamp, until: Timestamp) -> String {
    let inside: Vec<&PathPoint> = (trace.moments.path.iter())
        .filter(|point| (from..=until).contains(&point.at))
        .collect();
    let points = |of: fn(&PathPoint) -> f64| {
        let each = inside.iter().map(|p| (p.at.as_secs() as f64, of(p)));
        each.collect::<Vec<_>>()
    };
    Chart::new(Axis::Time, Axis::Linear)
        .titled("", "load, and what Ready replicas carry")
        .ink(points(|p| p.load), "load")
        .line(points(|p| p.forescale), 0, "Forescale carries")
        .line(points(|p| p.hpa), 1, "plain HPA at 0.7 carries")
        .render()
}

fn frontiers(trace: &TraceReport) -> String {
    let mut chart = Chart::new(Axis::Linear, Axis::Log)
        .titled("replica hours", "overload, percent of the time");
    for (index, policy) in trace.policies.iter().enumerate() {
        let Some(swept) = &policy.frontier else {
            continue;
        };
        let points = frontier_of(swept)
            .points()
            .iter()
            .map(|point| {
                let overload = point.overload_percent.max(0.001);
                (point.replica_hours, overload)
            })
            .collect();
        chart = chart.line(points, index, &policy.policy);
    }
    chart.render()
}

/// When our Ready replicas left most load unmet, or the least spare, between `from` and `until`.
fn worst_moment(path: &[PathPoint], from: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let within = path.iter().filter(|it| (from..until).contains(&it.at));
    let known = within.filter(|point| !point.load.is_nan());
    let spare = |point: &PathPoint| point.forescale - point.load;
    let worst = known.min_by(|a, b| spare(a).total_cmp(&spare(b)))?;
    Some(worst.at)
}

fn reasons(trace: &TraceReport, from: Timestamp, until: Timestamp) -> String {
    let plans = (trace.moments.plans.iter()).filter(|plan| (from..until).contains(&plan.at));
    let mut plans: Vec<_> = plans.collect();
    // The decisions around the worst moment are those that mattered.
    let worst = worst_moment(&trace.moments.path, from, until).unwrap_or(from);
    plans.sort_by_key(|plan| plan.at.since(worst).max(worst.since(plan.at)));
    plans.truncate(TOLD);
    plans.sort_by_key(|plan| plan.at);
    let mut html = format!("<p>What {FORESCALE} told KEDA, and why:</p><ul>");
    for plan in plans {
        let last = plan.reasons.iter().map(|reason| reason.text.as_str());
        let text = crate::plot::escape(&last.collect::<Vec<_>>().join("; "));
        let _ = write!(
            html,
            "<li>{}: {} replicas: {text}</li>",
            plan.at, plan.replicas
        );
    }
    html.push_str("</ul>");
    html
}
