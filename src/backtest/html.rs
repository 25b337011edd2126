//! The report as one HTML file with charts.

use std::fmt::Write as _;

use super::compare::frontier_of;
use super::gain;
use super::moments::{Moments, PathPoint, Replicas, Stretch, Why};
use super::report::{OF_THE_CHEAPEST, PolicyReport, TraceReport};
use super::{FORESCALE, Report, equal};
use crate::domain::Timestamp;
use crate::plot::{Axis, Cell, Chart, Grid, Page, number};
use crate::simulate::policies::Kind;

/// Reasons that are told of one stretch.
const TOLD: usize = 8;
/// Overload of none is drawn as this, in percent: the axis is a logarithm.
const LEAST_DRAWN: f64 = 0.001;

/// The whole page.
pub fn html(report: &Report) -> String {
    let protocol = &report.protocol;
    let lede = format!(
        "What each policy would have done on {}: the last {:.0} % of each is judged, a replica is Ready {} \
         after it is wanted and costs {}{} an hour. SLO minutes are those in which {} Forescale {} lived through the time before as it would have in production{}; \
         the load does not depend on the fleet.",
        match report.traces.len() {
            1 => "a recorded workload".to_owned(),
            many => format!("{many} recorded workloads"),
        },
        100.0 * protocol.judged_share,
        protocol.start_up(),
        protocol.price_per_replica_hour,
        protocol.currency(),
        protocol.slo.missed() + ".",
        report.forescale,
        if protocol.reads_replicas {
            ", and read its Ready replicas instead of being told how long they take"
        } else {
            ""
        },
    );
    let mut lede = lede + &noted(&protocol.notes);
    for left_out in &report.left_out {
        let _ = write!(lede, " Left out: `{}`: {}.", left_out.name, left_out.why);
    }
    for sentence in equal::medians(report) {
        let _ = write!(lede, " In short: {sentence}.");
    }
    let mut page = Page::new("Backtest", &lede);
    for trace in &report.traces {
        section(&mut page, report, trace);
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

fn section(page: &mut Page, report: &Report, trace: &TraceReport) {
    let currency = &report.protocol.currency();
    let mut html = figures(trace);
    let judged = (trace.judged_from, trace.judged_until);
    html.push_str(&load(trace, judged));
    let swept = |policy: &PolicyReport| policy.frontier.is_some();
    if trace.policies.iter().any(swept) {
        html.push_str("<h3>Overload against cost, each policy over its safety setting</h3>");
        html.push_str(&frontiers(trace));
        html.push_str("<h3>Replica hours at equal overload</h3>");
        html.push_str(&at_equal_overload(report, trace));
        html.push_str("<h3>Forescale beside each policy out of the box</h3>");
        html.push_str(&out_of_the_box(trace));
    }
    let moments = &trace.moments;
    for stretch in &moments.shown {
        let window = (stretch.from, stretch.until);
        let _ = write!(
            html,
            "<h3>{}: {} to {}</h3>",
            why(stretch, &moments.beside),
            stretch.from,
            stretch.until
        );
        html.push_str(&load(trace, window));
        html.push_str(&replicas(moments, window));
        html.push_str(&reasons(trace, window));
    }
    let mut text = format!(
        "Judged from {} to {}; a replica carries {}.",
        trace.judged_from,
        trace.judged_until,
        number(trace.capacity_per_replica)
    );
    if let Some(told) = gain::told(trace, currency) {
        let _ = write!(text, " In short: {told}.");
    }
    let text = text + &noted(&trace.notes);
    page.section(&trace.name, &text, &html);
}

/// What is to be seen in a stretch.
fn why(stretch: &Stretch, beside: &str) -> String {
    match stretch.why {
        Why::Short => format!(
            "Load that Ready replicas did not carry, Forescale's or those of {}",
            crate::plot::escape(beside)
        ),
        Why::Tight => "Least to spare, and nothing unmet".to_owned(),
        Why::Saved => format!("Most saved beside {}", crate::plot::escape(beside)),
        Why::Dear => format!("Most spent beside {}", crate::plot::escape(beside)),
    }
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
            shown(figures.slo_violation_minutes, 1),
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

/// Moments within a window, as points of a line.
fn points(
    moments: &Moments,
    (from, until): (Timestamp, Timestamp),
    of: impl Fn(&PathPoint) -> f64,
) -> Vec<(f64, f64)> {
    let inside = moments.path.iter();
    let inside = inside.filter(|point| (from..=until).contains(&point.at));
    inside
        .map(|point| (point.at.as_secs() as f64, of(point)))
        .collect()
}

fn load(trace: &TraceReport, window: (Timestamp, Timestamp)) -> String {
    let moments = &trace.moments;
    let carried = |replicas: Replicas| trace.capacity_per_replica * f64::from(replicas.ready);
    let line = |of: &dyn Fn(&PathPoint) -> f64| points(moments, window, of);
    let mut chart = Chart::new(Axis::Time, Axis::Linear)
        .titled("", "load, and what Ready replicas carry")
        .ink(line(&|point| point.load), "load")
        .line(line(&|point| carried(point.ours)), 0, "Forescale carries");
    if !moments.beside.is_empty() {
        let label = format!("{} carries", moments.beside);
        chart = chart.line(line(&|point| carried(point.other)), 1, &label);
    }
    chart.render()
}

/// What the HPA wants, and what is Ready a start-up later.
fn replicas(moments: &Moments, window: (Timestamp, Timestamp)) -> String {
    let line = |of: fn(&PathPoint) -> u32| points(moments, window, |it| f64::from(of(it)));
    let mut chart = Chart::new(Axis::Time, Axis::Linear)
        .titled("", "replicas")
        .line(line(|it| it.ours.wanted), 0, "Forescale: wanted")
        .line(line(|it| it.ours.ready), 2, "Forescale: Ready");
    if !moments.beside.is_empty() {
        let label = format!("{}: wanted", moments.beside);
        chart = chart.line(line(|it| it.other.wanted), 1, &label);
    }
    chart.render()
}

fn frontiers(trace: &TraceReport) -> String {
    let mut chart = Chart::new(Axis::Linear, Axis::Log)
        .titled("replica hours", "overload, percent of the time");
    let place = |hours: f64, overload: f64| (hours, overload.max(LEAST_DRAWN));
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut reach = |policy: &str, points: &[(f64, f64)]| {
        // A fleet that never changes, or one that can't see load above its limit, would leave the others a corner.
        let drawn = [FORESCALE, Kind::Hpa.name(), Kind::Perfect.name()].contains(&policy);
        for (hours, _) in points.iter().filter(|_| drawn) {
            (low, high) = (low.min(*hours), high.max(*hours));
        }
    };
    let perfect = Kind::Perfect.name();
    let mut colour = 0;
    for policy in &trace.policies {
        let name = policy.policy.as_str();
        let figures = &policy.usual.figures;
        let usual = place(figures.replica_hours, figures.overload_percent);
        let label = format!("{name}, out of the box");
        if let Some(swept) = &policy.frontier {
            let frontier = frontier_of(swept);
            let points = frontier.points().iter();
            let points: Vec<_> = points
                .map(|point| place(point.replica_hours, point.overload_percent))
                .collect();
            reach(name, &points);
            if name == perfect {
                chart = chart.ink(points, name);
                continue;
            }
            chart = chart.line(points, colour, name);
        }
        if name == FORESCALE || policy.frontier.is_none() {
            reach(FORESCALE, &[usual]);
            chart = chart.dots(vec![(usual, label.clone())], colour, &label);
        }
        colour += 1;
    }
    if low < high {
        chart = chart.from_to(0.98 * low, 1.02 * high);
    }
    chart.render()
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn at_equal_overload(report: &Report, trace: &TraceReport) -> String {
    let overloads = report.protocol.compared_at_overload_percent;
    let overloads = overloads.iter().map(|overload| format!("at {overload} %"));
    let mut grid = Grid::new(std::iter::once("policy".to_owned()).chain(overloads));
    for (name, cells) in equal::rows(trace) {
        let cells = cells.into_iter().map(|cell| Cell::plain(shown(cell, 1)));
        grid.row(name.trim(), cells.collect());
    }
    grid.render()
}

/// Ours at the overload and at the cost of each other policy as it is out of the box.
fn out_of_the_box(trace: &TraceReport) -> String {
    let head = [
        "policy, out of the box",
        "overload %",
        "replica h",
        "Forescale at that overload, h",
        "Forescale at that cost, overload %",
    ];
    let mut grid = Grid::new(head.map(str::to_owned));
    let mut marked = false;
    for policy in &trace.policies {
        let Some(there) = &policy.forescale_there else {
            continue;
        };
        let figures = &policy.usual.figures;
        let mark = if there.is_of_the_cheapest() { "*" } else { "" };
        let cells = [
            format!("{:.3}", figures.overload_percent),
            format!("{:.1}", figures.replica_hours),
            shown(there.replica_hours_at_its_overload, 1) + mark,
            shown(there.overload_percent_at_its_cost, 3),
        ];
        marked |= there.is_of_the_cheapest();
        grid.row(&policy.policy, cells.into_iter().map(Cell::plain).collect());
    }
    let mut html = grid.render();
    if marked {
        let _ = write!(html, "<p>* {OF_THE_CHEAPEST}</p>");
    }
    html
}

/// When our Ready replicas left most load unmet, or the least spare, between `from` and `until`.
fn worst_moment(trace: &TraceReport, from: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let within = trace.moments.path.iter();
    let within = within.filter(|it| (from..until).contains(&it.at));
    let known = within.filter(|point| !point.load.is_nan());
    let capacity = trace.capacity_per_replica;
    let spare = |point: &PathPoint| capacity * f64::from(point.ours.ready) - point.load;
    let worst = known.min_by(|a, b| spare(a).total_cmp(&spare(b)))?;
    Some(worst.at)
}

fn reasons(trace: &TraceReport, (from, until): (Timestamp, Timestamp)) -> String {
    let all = &trace.moments.plans;
    // The plan that stood when the window began: kept are plans that differ from the one before, and a plan that stood
    // through the whole window is the only reason for what happened in it.
    let standing = all.iter().rposition(|plan| plan.at <= from).unwrap_or(0);
    let plans = all.iter().skip(standing).filter(|plan| plan.at < until);
    let mut plans: Vec<_> = plans.collect();
    // The decisions around the worst moment are those that mattered.
    let worst = worst_moment(trace, from, until).unwrap_or(from);
    plans.sort_by_key(|plan| plan.at.max(from).apart(worst));
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
    fn a_stretch_through_which_one_plan_stood_shows_its_reason() {
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
        trace.moments.shown = vec![Stretch {
            from,
            until,
            why: Why::Dear,
        }];
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
        let text = reasons(trace, (from, from + Duration::from_hours(2)));
        assert!(text.contains(": 7 replicas"), "{text}");
        assert_eq!(text.matches("<li>").count(), TOLD);
    }

    #[test]
    fn the_comparison_at_equal_overload_is_on_the_page_too() {
        let mut report = samples::report();
        report.traces.push(report.traces[0].clone());
        for trace in &mut report.traces {
            trace.policies.push(samples::beside("hpa", 17.4));
            trace.against_hpa = samples::against_hpa();
        }
        let page = html(&report);
        for part in [
            "Replica hours at equal overload",
            "hpa, swept with hindsight",
            "% of its gap captured",
            "40.0",
            "captures 40 % of the gap",
            "900.0*",
            OF_THE_CHEAPEST,
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
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
