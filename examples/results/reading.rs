//! What a trigger makes of reading its Ready replicas, beside one that is told how long they take.

use std::fmt::Write as _;

use super::document::{OVERLOADS, median, percent, shown};
use super::job::{MAIN, Row, Shows};

pub(crate) const TITLE: &str = "A trigger that reads its Ready replicas";

const HEAD: &str = "\
Above, Forescale is told how long replicas take to start. Here it reads its Ready replicas instead (`replicasQuery`, or the cluster where it may read it; `forescale \
backtest --reads-replicas`): from 3 minutes, the server's default, it learns its lead time from each scale-up, and what its fleet really was short moves what its plans aim at. \
Out of the box is `maxOverload` of 0.5 %.

| start-up | trigger | captured at 0.1 / 0.5 / 1 %, median | the same, tolerance 0.1 | out of the box: overload %, median | most | × perfect, median | changes/h, median |
| --- | --- | --- | --- | --- | --- | --- | --- |
";

/// The section, but for its heading: of the records that were run both ways.
pub(crate) fn write(text: &mut String, rows: &[Row]) {
    let pairs = |start_up: u64| -> Vec<(&Row, &Row)> {
        let of = |shows| move |row: &&Row| row.shows == shows && row.start_up == start_up;
        let read = rows.iter().filter(of(Shows::Reading));
        read.filter_map(|read| {
            let mut told = rows.iter().filter(of(Shows::Policies));
            Some((told.find(|told| told.trace == read.trace)?, read))
        })
        .collect()
    };
    text.push_str(HEAD);
    for start_up in MAIN {
        let pairs = pairs(start_up);
        let (told, read): (Vec<&Row>, Vec<&Row>) = pairs.into_iter().unzip();
        line(text, start_up, "told", &told);
        line(text, start_up, "reads", &read);
    }
    text.push_str(
        "\n| record | start-up | overload %, told | reads | × perfect, told | reads |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for (start_up, (told, read)) in MAIN.iter().flat_map(|start_up| {
        pairs(*start_up)
            .into_iter()
            .map(move |pair| (start_up, pair))
    }) {
        let _ = writeln!(
            text,
            "| {} | {start_up} s | {:.2} | {:.2} | {} | {} |",
            read.trace,
            told.ours().overload,
            read.ours().overload,
            shown(cost(told), 3),
            shown(cost(read), 3),
        );
    }
}

fn line(text: &mut String, start_up: u64, trigger: &str, rows: &[&Row]) {
    let captured = |which: usize| {
        let at = |overload| {
            let each = rows.iter().filter_map(|row| row.at(overload));
            percent(median(each.filter_map(|at| at.share(which))))
        };
        OVERLOADS.map(at).join(" / ")
    };
    let overloads = || rows.iter().map(|row| row.ours().overload);
    let _ = writeln!(
        text,
        "| {start_up} s | {trigger} | {} | {} | {} | {} | {} | {} |",
        captured(0),
        captured(1),
        shown(median(overloads()), 2),
        shown(overloads().reduce(f64::max), 2),
        shown(median(rows.iter().filter_map(|row| cost(row))), 3),
        shown(median(rows.iter().map(|row| row.ours().changes)), 1),
    );
}

/// Replica hours out of the box over those of perfect foresight.
pub(crate) fn cost(row: &Row) -> Option<f64> {
    Some(row.ours().hours / row.policy("perfect")?.hours)
}
