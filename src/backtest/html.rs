//! The report as one HTML file with charts.

use std::fmt::Write as _;

use super::compare::frontier_of;
use super::report::{PathPoint, TraceReport};
use super::{FORESCALE, Report};
use crate::domain::Timestamp;
use crate::plot::{Axis, Cell, Chart, Grid, Page, number};

/// Reasons that are told of one bad stretch.
const TOLD: usize = 8;

/// The whole page.
pub fn html(report: &Report) -> String {
    let protocol = &report.protocol;
    let lede = format!(
        "What each policy would have done on {} recorded workloads: the last {:.0} % of each is judged, a replica is Ready {} \
         after it is wanted and costs {} an hour. Forescale {} lived through the time before as it would have in production{}; \
         the load does not depend on the fleet.",
        report.traces.len(),
        100.0 * protocol.judged_share,
        protocol.start_up(),
        protocol.price_per_replica_hour,
        report.forescale,
        if protocol.reads_replicas {
            ", and read its Ready replicas instead of being told how long they take"
        } else {
            ""
        },
    );
    let lede = lede + &noted(&protocol.notes);
    let mut page = Page::new("Backtest", &lede);
    for trace in &report.traces {
        section(&mut page, trace);
    }
    page.render()
}

/// Notes as they follow a sentence.
fn noted(notes: &[String]) -> String {
    let mut text = String::new();
    for note in notes {
        // Writing to a string can't fail.
        let _ = write!(text, " Note: {note}.");
    }
    text
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
    let text = text + &noted(&trace.notes);
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
    let all = &trace.moments.plans;
    // The plan that stood when the window began: kept are plans that differ from the one before, and a plan that stood
    // through the whole window is the only reason for what happened in it.
    let standing = all.iter().rposition(|plan| plan.at <= from).unwrap_or(0);
    let plans = all.iter().skip(standing).filter(|plan| plan.at < until);
    let mut plans: Vec<_> = plans.collect();
    // The decisions around the worst moment are those that mattered.
    let worst = worst_moment(&trace.moments.path, from, until).unwrap_or(from);
    plans.sort_by_key(|plan| {
        let at = plan.at.max(from);
        at.since(worst).max(worst.since(at))
    });
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::backtest::samples;
    use crate::domain::Plan;
    use crate::knowledge::samples::plan;

    fn planned(at: Timestamp, replicas: u32) -> Arc<Plan> {
        Arc::new(Plan {
            replicas,
            ..plan(at)
        })
    }

    #[test]
    fn a_bad_hour_through_which_one_plan_stood_shows_its_reason() {
        let mut report = samples::report();
        let trace = &mut report.traces[0];
        let from = trace.judged_from + Duration::from_hours(2);
        let until = from + Duration::from_hours(2);
        let before = |minutes| trace.judged_from + Duration::from_mins(minutes);
        trace.moments.plans = vec![
            planned(before(10), 7),
            planned(before(90), 12),
            planned(until, 31),
        ];
        trace.moments.worst = vec![(from, until)];
        let page = html(&report);
        assert!(page.contains(": 12 replicas: the 0.95 path"), "{page}");
        for other in [": 7 replicas", ": 31 replicas"] {
            assert!(!page.contains(other), "{other}: {page}");
        }
    }

    #[test]
    fn the_plan_that_stood_is_told_however_many_followed_it() {
        let mut report = samples::report();
        let trace = &mut report.traces[0];
        let from = trace.judged_from + Duration::from_hours(2);
        trace.moments.plans = vec![planned(trace.judged_from, 7)];
        let later = (1..20).map(|minutes| planned(from + Duration::from_mins(minutes), 40));
        trace.moments.plans.extend(later);
        let text = reasons(trace, from, from + Duration::from_hours(2));
        assert!(text.contains(": 7 replicas"), "{text}");
        assert_eq!(text.matches("<li>").count(), TOLD);
    }

    #[test]
    fn notes_and_the_nature_of_the_start_up_are_told() {
        let mut report = samples::report();
        report.protocol.notes = vec!["of the trigger".to_owned()];
        report.traces[0].notes = vec!["of the record".to_owned()];
        let page = html(&report);
        assert!(page.contains("Note: of the trigger."), "{page}");
        assert!(page.contains("Note: of the record."), "{page}");
        assert!(page.contains("Ready 1m30s after"), "{page}");
        report.protocol.start_up_spread = true;
        report.protocol.reads_replicas = true;
        let page = html(&report);
        assert!(page.contains("1m30s (the median"), "{page}");
        assert!(page.contains("read its Ready replicas"), "{page}");
    }
}
