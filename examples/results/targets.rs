//! What this project asks of its planner, and whether the records show it.

use std::fmt::Write as _;

use super::document::{best_rival, cheaper_on, dearer, median, percent};
use super::job::Row;

/// The least share of the gap that is to be captured at an overload in percent of the time, in the median.
const CAPTURED: [(f64, f64); 2] = [(0.1, 0.45), (0.5, 0.60)];
/// The most of the HPA's overload that may be left at its cost, in the median.
const OVERLOAD_LEFT: f64 = 0.3;
/// How much dearer than the HPA it may be on any record, at any of the compared overloads.
const DEARER: f64 = 0.02;
/// Changes of the best predictive rival that may be left.
const CHANGES_LEFT: f64 = 0.6;
/// The share of records on which it is to be cheaper than each rival.
const CHEAPER: f64 = 0.8;

/// The table. Writing to a string can't fail.
pub(crate) fn write(text: &mut String, main: &[&Row]) {
    text.push_str(
        "\n| asked for | measured | met | with tolerance 0.1 | met |\n| --- | --- | --- | --- | --- |\n",
    );
    let met = |is: bool| if is { "yes" } else { "**no**" };
    let mut row = |asked: String, measured: [(String, bool); 2]| {
        let [(all, all_met), (usual, usual_met)] = measured;
        let _ = writeln!(
            text,
            "| {asked} | {all} | {} | {usual} | {} |",
            met(all_met),
            met(usual_met)
        );
    };
    for (overload, least) in CAPTURED {
        let measured = [0, 1].map(|which| {
            let each = main.iter().filter_map(|row| row.at(overload)?.share(which));
            let median = median(each);
            let text = format!("{} %", percent(median));
            (text, median.is_some_and(|share| share >= least))
        });
        let least = 100.0 * least;
        row(
            format!("{least:.0} % of the gap captured at {overload} % overload, median"),
            measured,
        );
    }
    let left = [0, 1].map(|which| {
        let each = main
            .iter()
            .filter_map(|row| row.at(0.5)?.overload_ratio[which]);
        let median = median(each);
        let fewer = median.map(|left| 1.0 - left);
        (
            format!("{} %", percent(fewer)),
            median.is_some_and(|left| left <= OVERLOAD_LEFT),
        )
    });
    let fewer = 100.0 * (1.0 - OVERLOAD_LEFT);
    row(
        format!("{fewer:.0} % fewer overload minutes at the cost of the HPA with 0.5 %, median"),
        left,
    );
    let dear = [0, 1].map(|which| {
        let is =
            |row: &&&Row| (row.against.iter()).any(|at| dearer(at.ours, at.hpa[which]) > DEARER);
        let names: Vec<_> = main
            .iter()
            .filter(is)
            .map(|row| row.trace.as_str())
            .collect();
        if names.is_empty() {
            ("none".to_owned(), true)
        } else {
            (names.join(", "), false)
        }
    });
    row(
        "no record more than 2 % dearer than the HPA at 0.1, 0.5 or 1 %".to_owned(),
        dear,
    );
    if let Some((name, _)) = best_rival(main) {
        let changes = |name: &str| {
            let each = main.iter().filter_map(|row| {
                let policy = row.policies.iter().find(|policy| policy.name == name)?;
                Some(policy.changes)
            });
            median(each).unwrap_or(f64::NAN)
        };
        let (ours, theirs) = (changes("forescale"), changes(name));
        let text = format!("{ours:.1} against {theirs:.1} an hour");
        let is = ours <= CHANGES_LEFT * theirs;
        let asked = format!("40 % fewer changes than the best predictive rival (`{name}`)");
        row(asked, [(text, is), (String::new(), is)]);
    }
    let names = main.first().map_or(&[][..], |row| &row.policies);
    let rivals = names.iter().map(|policy| policy.name.as_str());
    let rivals = rivals.filter(|name| !matches!(*name, "forescale" | "perfect"));
    if let Some((name, on)) = rivals
        .map(|name| (name, cheaper_on(main, name)))
        .min_by_key(|it| it.1)
    {
        let text = format!(
            "{on} of {} against `{name}`, as many or more against the others",
            main.len()
        );
        let is = on as f64 >= CHEAPER * main.len() as f64;
        let asked = "cheaper than each rival at 0.5 % on 4 of 5 records".to_owned();
        row(asked, [(text, is), (String::new(), is)]);
    }
}
