//! The report for a terminal.

use std::fmt::Write as _;

use super::report::{OF_THE_CHEAPEST, TraceReport};
use super::{Report, equal, gain};
use crate::domain::HumanDuration;
use crate::plot::number;

/// The whole report as text.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    for note in &report.protocol.notes {
        // Writing to a string can't fail.
        let _ = writeln!(text, "note: {note}");
    }
    for left_out in &report.left_out {
        let _ = writeln!(text, "left out: `{}`: {}", left_out.name, left_out.why);
    }
    for trace in &report.traces {
        one(&mut text, report, trace);
    }
    for sentence in equal::medians(report) {
        let _ = writeln!(text, "{sentence}");
    }
    text
}

fn one(text: &mut String, report: &Report, trace: &TraceReport) {
    // Writing to a string can't fail.
    let span = HumanDuration::from_secs(trace.judged_until.since(trace.judged_from).as_secs());
    let start_up = report.protocol.start_up();
    let read = if report.protocol.reads_replicas {
        ", which Forescale reads and is not told"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "{}: the last {span} judged, {start_up} from wanted to Ready{read}, a replica carries {}",
        trace.name,
        number(trace.capacity_per_replica)
    );
    for note in &trace.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let _ = writeln!(
        text,
        "{:<15} {:>9} {:>9} {:>8} {:>8} {:>10} {:>9} {:>8} {:>9}",
        "policy",
        "overload",
        "minutes",
        "SLO min",
        "unmet %",
        "replica h",
        "price",
        "x perf.",
        "changes/h"
    );
    for policy in &trace.policies {
        let figures = &policy.usual.figures;
        let slo = figures.slo_violation_minutes.unwrap_or(f64::NAN);
        let _ = writeln!(
            text,
            "{:<15} {:>8.3}% {:>9.1} {:>8.1} {:>8.3} {:>10.1} {:>9.2} {:>8.2} {:>9.2}",
            policy.policy,
            figures.overload_percent,
            figures.overload_minutes,
            slo,
            figures.unmet_percent,
            figures.replica_hours,
            policy.usual.price,
            policy.usual.cost_vs_perfect,
            figures.changes_per_hour,
        );
    }
    if !trace.against_hpa.is_empty() {
        frontiers(text, report, trace);
        out_of_the_box(text, trace);
    }
    if let Some(told) = gain::told(trace, &report.protocol.currency()) {
        let _ = writeln!(text, "{told}");
    }
    text.push('\n');
}

fn frontiers(text: &mut String, report: &Report, trace: &TraceReport) {
    let overloads = report.protocol.compared_at_overload_percent;
    let [one, two, three] = overloads.map(|overload| format!("{overload} %"));
    let _ = writeln!(
        text,
        "replica hours at equal overload: {one:>13} {two:>10} {three:>10}"
    );
    for (name, cells) in equal::rows(trace) {
        let cells = cells.into_iter().map(|cell| shown(cell, 1));
        let cells = cells.collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "  {name:<30} {cells}");
    }
}

/// Ours at the overload and at the cost of each other policy as it is out of the box.
fn out_of_the_box(text: &mut String, trace: &TraceReport) {
    let all = trace.policies.iter();
    let there = all.filter_map(|policy| Some((policy, policy.forescale_there.as_ref()?)));
    let there: Vec<_> = there.collect();
    if there.is_empty() {
        return;
    }
    text.push_str(
        "out of the box:                    overload, Forescale's hours at it, hours, Forescale's overload at them\n",
    );
    for (policy, there) in &there {
        let figures = &policy.usual.figures;
        let overload = there.overload_percent_at_its_cost;
        let _ = writeln!(
            text,
            "  {:<30} {:>9.3}% {}{} {:>9.1} {:>11}",
            policy.policy,
            figures.overload_percent,
            shown(there.replica_hours_at_its_overload, 1),
            if there.is_of_the_cheapest() { "*" } else { " " },
            figures.replica_hours,
            overload.map_or_else(|| "-".to_owned(), |overload| format!("{overload:.3}%")),
        );
    }
    if there.iter().any(|(_, there)| there.is_of_the_cheapest()) {
        let _ = writeln!(text, "  * {OF_THE_CHEAPEST}");
    }
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(
        || format!("{:>10}", "-"),
        |value| format!("{value:>10.digits$}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::samples;

    #[test]
    fn what_is_known_of_a_record_stands_under_its_name() {
        let mut report = samples::report();
        report.traces[0].notes = vec!["3 rows without a finite value: missing".to_owned()];
        let text = table(&report);
        let name = text.find("web: ").unwrap();
        let note = text.find("note: 3 rows without a finite value").unwrap();
        assert!(name < note, "{text}");
    }

    #[test]
    fn hours_beyond_the_cheapest_setting_are_marked() {
        let mut report = samples::report();
        let trace = &mut report.traces[0];
        trace.policies.push(samples::beside("hpa", 17.4));
        let mut text = String::new();
        out_of_the_box(&mut text, trace);
        let row = text.lines().nth(1).unwrap();
        assert!(row.contains("900.0*") && row.ends_with(" -"), "{text}");
        assert!(text.ends_with("whose overload is less\n"), "{text}");
    }

    #[test]
    fn a_start_up_with_a_spread_is_called_a_median() {
        let mut report = samples::report();
        let text = table(&report);
        assert!(text.contains(" 1m30s from wanted to Ready, a"), "{text}");
        report.protocol.start_up_spread = true;
        report.protocol.reads_replicas = true;
        let text = table(&report);
        assert!(text.contains("1m30s (the median: one in ten"), "{text}");
        assert!(text.contains("Ready, which Forescale reads"), "{text}");
    }
}
