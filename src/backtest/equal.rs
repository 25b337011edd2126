//! What is said of policies at equal overload, in the table and on the page alike.

use super::Report;
use super::report::{AgainstHpa, TraceReport};

const CAPTURED: &str = "  % of its gap captured";

/// What stands in a row at one overload.
type Cell = fn(&AgainstHpa) -> Option<f64>;

/// Replica hours at each of the compared overloads, a row for each policy and for the HPA swept with hindsight, and how much
/// of its gap to perfect foresight is captured; `None` where no setting keeps to the overload.
pub(super) fn rows(trace: &TraceReport) -> Vec<(String, Vec<Option<f64>>)> {
    let swept = trace.policies.iter();
    let swept = swept.filter(|policy| !policy.replica_hours_at.is_empty());
    let swept = swept.map(|policy| (policy.policy.clone(), policy.replica_hours_at.clone()));
    let of_the_hpa: [(&str, Cell); 4] = [
        ("hpa, swept with hindsight", |at| at.hpa.hpa_hours),
        (CAPTURED, |at| at.hpa.captured.map(|share| 100.0 * share)),
        ("the same, tolerance 0.1", |at| {
            at.default_tolerance.hpa_hours
        }),
        (CAPTURED, |at| {
            at.default_tolerance.captured.map(|share| 100.0 * share)
        }),
    ];
    let of_the_hpa = of_the_hpa.map(|(name, of)| {
        let cells = trace.against_hpa.iter().map(of).collect();
        (name.to_owned(), cells)
    });
    swept.chain(of_the_hpa).collect()
}

/// Medians over the records that have a gap at that overload, a sentence for each overload; none for a single record.
pub(super) fn medians(report: &Report) -> Vec<String> {
    if report.traces.len() < 2 {
        return Vec::new();
    }
    let overloads = report.protocol.compared_at_overload_percent.iter();
    let sentence = |(place, overload): (usize, &f64)| {
        let of = |captured: Cell| {
            let against = report
                .traces
                .iter()
                .filter_map(|trace| trace.against_hpa.get(place));
            median(against.filter_map(captured).collect())
        };
        let (hard, records) = of(|at| at.captured(&at.hpa))?;
        let (usual, _) = of(|at| at.captured(&at.default_tolerance))?;
        let percent = |share: f64| {
            if share.is_finite() {
                format!("{:.0} %", 100.0 * share)
            } else {
                "nothing".to_owned()
            }
        };
        Some(format!(
            "at {overload} % overload, Forescale captures {} of the gap between the HPA and perfect foresight in the median \
             over {records} records, {} if the HPA keeps its default tolerance",
            percent(hard),
            percent(usual),
        ))
    };
    overloads.enumerate().filter_map(sentence).collect()
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
