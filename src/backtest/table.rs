//! The report for a terminal.

use std::fmt::Write as _;

use super::report::{AgainstHpa, PolicyReport, TraceReport};
use super::{Report, gain};
use crate::domain::HumanDuration;

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
    if report.traces.len() > 1 {
        medians(&mut text, report);
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
        "{}: the last {span} judged, {start_up} from wanted to Ready{read}, a replica carries {:.4}",
        trace.name, trace.capacity_per_replica
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
        equal(text, trace);
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
    let swept = |policy: &&PolicyReport| !policy.replica_hours_at.is_empty();
    for policy in trace.policies.iter().filter(swept) {
        let _ = writeln!(text, "  {:<30} {}", policy.policy, hours(policy));
    }
    let hours_of = |of: fn(&AgainstHpa) -> Option<f64>| {
        let cells = trace.against_hpa.iter().map(|at| shown(of(at), 1));
        cells.collect::<Vec<_>>().join(" ")
    };
    for (name, cells) in [
        ("hpa, swept with hindsight", hours_of(|at| at.hpa.hpa_hours)),
        (
            "  % of its gap captured",
            hours_of(|at| at.hpa.captured.map(|share| 100.0 * share)),
        ),
        (
            "the same, tolerance 0.1",
            hours_of(|at| at.default_tolerance.hpa_hours),
        ),
        (
            "  % of its gap captured",
            hours_of(|at| at.default_tolerance.captured.map(|share| 100.0 * share)),
        ),
    ] {
        let _ = writeln!(text, "  {name:<30} {cells}");
    }
}

/// Ours at the overload and at the cost of each other policy as it is out of the box.
fn equal(text: &mut String, trace: &TraceReport) {
    let all = trace.policies.iter();
    let mut there = all.filter_map(|policy| Some((policy, policy.forescale_there.as_ref()?)));
    let mut head = Some(
        "out of the box:                    overload, Forescale's hours at it, hours, Forescale's overload at them",
    );
    there.by_ref().for_each(|(policy, there)| {
        if let Some(head) = head.take() {
            let _ = writeln!(text, "{head}");
        }
        let figures = &policy.usual.figures;
        let _ = writeln!(
            text,
            "  {:<30} {:>9.3}% {} {:>10.1} {}",
            policy.policy,
            figures.overload_percent,
            shown(there.replica_hours_at_its_overload, 1),
            figures.replica_hours,
            shown(there.overload_percent_at_its_cost, 3) + "%",
        );
    });
}

fn hours(policy: &PolicyReport) -> String {
    let cells = policy.replica_hours_at.iter().map(|hours| shown(*hours, 1));
    cells.collect::<Vec<_>>().join(" ")
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(
        || format!("{:>10}", "-"),
        |value| format!("{value:>10.digits$}"),
    )
}

/// Medians over the records that have a gap at that overload.
fn medians(text: &mut String, report: &Report) {
    let overloads = report.protocol.compared_at_overload_percent;
    for (place, overload) in overloads.iter().enumerate() {
        let of = |captured: fn(&AgainstHpa) -> Option<f64>| {
            let against = report
                .traces
                .iter()
                .filter_map(|trace| trace.against_hpa.get(place));
            median(against.filter_map(captured).collect())
        };
        let (hard, usual) = (
            of(|at| at.captured(&at.hpa)),
            of(|at| at.captured(&at.default_tolerance)),
        );
        if let (Some((hard, records)), Some((usual, _))) = (hard, usual) {
            let percent = |share: f64| {
                if share.is_finite() {
                    format!("{:.0} %", 100.0 * share)
                } else {
                    "nothing".to_owned()
                }
            };
            let _ = writeln!(
                text,
                "at {overload} % overload, Forescale captures {} of the gap between the HPA and perfect foresight in the median \
                 over {records} records, {} if the HPA keeps its default tolerance",
                percent(hard),
                percent(usual),
            );
        }
    }
}

/// The middle of the values, between two of them the mean, and how many they are.
fn median(mut values: Vec<f64>) -> Option<(f64, usize)> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let high = *values.get(middle)?;
    let median = if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], high)
    } else {
        high
    };
    Some((median, values.len()))
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
