//! A day of each record with little history, or with little time to learn it.

use std::fmt::Write as _;

use super::document::{median, shown};
use super::job::{Policy, Row, Shows};

pub(crate) const HISTORY: &str = "How it moves with history";
pub(crate) const FIRST_DAY: &str = "The first day of a workload that has history";

const SUMMARY: &str = "
| history | records | overload %, median | most | × perfect foresight, median | × the HPA with hindsight at the same overload, median | dearest | \
the HPA at 70 %: overload %, median | ours has less overload on | ours is cheaper on |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

const RECORDS: &str = "
| record | history | overload % | replica hours | × perfect foresight | × the HPA with hindsight | the HPA at 70 %: overload % | replica hours |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

/// The section, but for its heading. Writing to a string can't fail.
pub(crate) fn history(text: &mut String, rows: &[Row]) {
    text.push_str(
        "The last day of a record, of which the metric's store knows no more than so much before it; out of the box (`maxOverload` of 0.5 %), 90 s. Beside it the HPA: with \
         tolerance 0.1 swept with hindsight, at the overload that came about here; and as it mostly is, at 70 % of what a replica carries with its default behavior. While \
         nothing is known, no plan asks for less than the measured load does.\n",
    );
    tables(text, rows, Shows::History);
}

/// The section, but for its heading.
pub(crate) fn first_day(text: &mut String, rows: &[Row]) {
    text.push_str(
        "The last day of a record, lived by a loop that has never seen the workload and reads its history back from the metric's store (`forescale backtest --history 0s \
         --judged …`); out of the box (`maxOverload` of 0.5 %), 90 s. Plans on trial are rehearsed on the trials of the first fit.\n",
    );
    tables(text, rows, Shows::FirstDay);
}

fn tables(text: &mut String, rows: &[Row], shows: Shows) {
    let all = || rows.iter().filter(|row| row.shows == shows);
    let mut histories: Vec<u64> = all().map(|row| row.history).collect();
    histories.sort_unstable();
    histories.dedup();
    text.push_str(SUMMARY);
    for history in histories {
        let of: Vec<&Row> = all().filter(|row| row.history == history).collect();
        summary(text, &of);
    }
    text.push_str(RECORDS);
    for row in all() {
        record(text, row);
    }
}

fn summary(text: &mut String, rows: &[&Row]) {
    let Some(first) = rows.first() else { return };
    let overloads = || rows.iter().map(|row| row.ours().overload);
    let hpa = || {
        rows.iter()
            .filter_map(|row| Some((row.ours(), row.policy("hpa")?)))
    };
    let ratios = || rows.iter().filter_map(|row| beside_hindsight(row));
    let count = |is: fn(&(&Policy, &Policy)) -> bool| hpa().filter(is).count();
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        known(first),
        rows.len(),
        shown(median(overloads()), 2),
        shown(overloads().reduce(f64::max), 2),
        shown(median(rows.iter().filter_map(|row| beside_perfect(row))), 3),
        shown(median(ratios()), 3),
        shown(ratios().reduce(f64::max), 3),
        shown(median(hpa().map(|(_, hpa)| hpa.overload)), 2),
        count(|(ours, hpa)| ours.overload < hpa.overload),
        count(|(ours, hpa)| ours.hours < hpa.hours),
    );
}

fn record(text: &mut String, row: &Row) {
    let (ours, hpa) = (row.ours(), row.policy("hpa"));
    let _ = writeln!(
        text,
        "| {} | {} | {:.2} | {:.0} | {} | {} | {} | {} |",
        row.trace,
        known(row),
        ours.overload,
        ours.hours,
        shown(beside_perfect(row), 3),
        shown(beside_hindsight(row), 3),
        shown(hpa.map(|hpa| hpa.overload), 2),
        shown(hpa.map(|hpa| hpa.hours), 0),
    );
}

fn known(row: &Row) -> String {
    if row.shows == Shows::FirstDay {
        "read back".to_owned()
    } else {
        format!("{} h", row.history / 3600)
    }
}

fn beside_perfect(row: &Row) -> Option<f64> {
    Some(row.ours().hours / row.policy("perfect")?.hours)
}

fn beside_hindsight(row: &Row) -> Option<f64> {
    Some(row.ours().hours / row.hpa_hours_at_ours?)
}
