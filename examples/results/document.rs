//! The page.

use std::fmt::Write as _;

use super::job::{MAIN, Policy, Row, Shows};
use super::reading;
use super::short;
use super::targets;

/// Overloads that are compared, in percent of the time.
pub(crate) const OVERLOADS: [f64; 3] = [0.1, 0.5, 1.0];
/// Policies that foresee, or try to.
const PREDICTIVE: [&str; 5] = ["cron", "phpa", "crane", "kedastral", "aws-hourly-max"];

/// A part of the page under a heading of its own, and what its runs are called.
#[derive(Debug)]
pub(crate) struct Section {
    shows: Shows,
    /// How its heading begins: what it is known by on a page that was written before.
    title: String,
    /// From the heading on; empty where nothing was run for it.
    text: String,
}

/// The page with those of its sections that are shown made anew from `rows`. The others, and sections written by hand
/// below them, stay as they are on the page that was there `before`. Writing to a string can't fail.
pub(crate) fn write(rows: &[Row], names: &[String], only: &[Shows], before: &str) -> String {
    let mut text = String::from(HEAD);
    let mut old: Vec<&str> = before.split("\n## ").skip(1).collect();
    let keep = |text: &mut String, old: &str| {
        let _ = writeln!(text, "\n## {}", old.trim_end());
    };
    for section in sections(rows, names) {
        let at = old.iter().position(|old| old.starts_with(&section.title));
        let old = at.map(|at| old.remove(at));
        if only.contains(&section.shows) {
            text.push_str(&section.text);
        } else if let Some(old) = old {
            keep(&mut text, old);
        }
    }
    for old in old {
        keep(&mut text, old);
    }
    text
}

/// Writes what stands under a heading.
type Write = fn(&mut String, &[Row]);

fn sections(rows: &[Row], names: &[String]) -> Vec<Section> {
    let mut sections = Vec::new();
    for start_up in MAIN {
        let title = format!("{start_up} s from a replica that is wanted to one that is Ready");
        let main: Vec<&Row> = (rows.iter())
            .filter(|row| row.shows == Shows::Policies && row.start_up == start_up)
            .collect();
        let mut text = String::new();
        if !main.is_empty() {
            let (run, of) = (main.len(), names.len());
            let _ = writeln!(text, "\n## {title}, {run} of {of} records\n");
            policies(&mut text, &main, start_up);
        }
        sections.push(Section {
            shows: Shows::Policies,
            title,
            text,
        });
    }
    let tables: [(Shows, &str, Write); 4] = [
        (Shows::Reading, reading::TITLE, reading::write),
        (
            Shows::Cluster,
            "How it moves with start-up time and granularity",
            sensitivity,
        ),
        (Shows::History, short::HISTORY, short::history),
        (Shows::FirstDay, short::FIRST_DAY, short::first_day),
    ];
    for (shows, title, write) in tables {
        let mut text = String::new();
        if rows.iter().any(|row| row.shows == shows) {
            let _ = writeln!(text, "\n## {title}\n");
            write(&mut text, rows);
        }
        sections.push(Section {
            shows,
            title: title.to_owned(),
            text,
        });
    }
    sections
}

fn policies(text: &mut String, main: &[&Row], start_up: u64) {
    summary(text, main);
    targets::write(text, main);
    let _ = writeln!(
        text,
        "\n![Share of the gap that is captured, record by record](results/captured-{start_up}s.svg)\n"
    );
    traces(text, main);
    rivals(text, main);
    worst(text, main);
    if start_up == MAIN[0] {
        text.push_str("\nFrontiers of all policies: ");
        let links = main
            .iter()
            .map(|row| format!("[{0}](results/frontier-{0}.svg)", row.trace));
        let _ = writeln!(text, "{}.", links.collect::<Vec<_>>().join(", "));
    }
}

const HEAD: &str = "# Results

Forescale beside other policies on recorded load, in the simulator, by `forescale backtest`'s own code. Made by

```sh
cargo run --release --example results -- --jobs 2 RECORDS/*.csv.gz
```

The last 30 % of each record is judged; before it Forescale's loop lives through up to 14 days. 20 replicas carry the median load. The metric is
`sum(rate(…[1m]))` over scrapes of 15 s. Between two points of a record lies a straight line: records in steps of 300 s are smoother, and easier on
whoever looks ahead, than the load was. The records are public traces that this project was developed on; on others it will be worse by some
percent. The networks in `models/` take part: without them the medians of a last day come out 0.01 to 0.02 dearer beside the HPA, and single records
better or worse by far more.

- **gap**: what the HPA on the same metric costs more than perfect foresight at the same overload. The HPA is *swept with hindsight*: of 272 settings of target,
  stabilisation window, scale-down policy and tolerance the cheapest on the judged part is taken, at each overload. With *tolerance 0.1* only those count that
  leave the tolerance at its default, as clusters do that can't set it by workload.
- **captured**: how much of that gap Forescale saves, its `maxOverload` swept. 100 % is perfect foresight, below 0 is dearer than the HPA.
- **overload**: share of the time with more load than the Ready replicas carry.
";

pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let high = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], high)
    } else {
        high
    })
}

pub(crate) fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

pub(crate) fn percent(value: Option<f64>) -> String {
    // Where the median record keeps to it at no setting there is no number.
    shown(
        value
            .filter(|value| value.is_finite())
            .map(|value| 100.0 * value),
        0,
    )
}

fn summary(text: &mut String, main: &[&Row]) {
    text.push_str(
        "| at an overload of | captured, median | the same, tolerance 0.1 | overload at the HPA's cost, of its own, median | the same, tolerance 0.1 | \
         perfect foresight saves, of the HPA's hours | the same, tolerance 0.1 | records more than 2 % dearer | the same, tolerance 0.1 |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for overload in OVERLOADS {
        let each = || main.iter().filter_map(|row| row.at(overload));
        let mut cells = Vec::new();
        for which in [0, 1] {
            cells.push(percent(median(each().filter_map(|at| at.share(which)))) + " %");
        }
        for which in [0, 1] {
            let ratio = median(each().filter_map(|at| at.overload_ratio[which]));
            cells.push(percent(ratio) + " %");
        }
        for which in [0, 1] {
            let saved = each().filter_map(|at| Some(1.0 - at.perfect? / at.hpa[which]?));
            cells.push(percent(median(saved)) + " %");
        }
        for which in [0, 1] {
            let dearer = each().filter(|at| dearer(at.ours, at.hpa[which]) > 0.02);
            cells.push(dearer.count().to_string());
        }
        let _ = writeln!(text, "| {overload} % | {} |", cells.join(" | "));
    }
}

/// How much dearer ours is: without end where only the HPA can keep to the overload, nothing where it can't either.
pub(crate) fn dearer(ours: Option<f64>, hpa: Option<f64>) -> f64 {
    hpa.map_or(0.0, |hpa| ours.unwrap_or(f64::INFINITY) / hpa - 1.0)
}

fn traces(text: &mut String, main: &[&Row]) {
    text.push_str(
        "| record | step | days judged | HPA / perfect at 0.5 % | Forescale / perfect | captured at 0.1 / 0.5 / 1 % | the same, tolerance 0.1 | \
         out of the box: overload % | × perfect | changes/h |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in main {
        let over = |hours: Option<f64>| {
            let perfect = row.at(0.5).and_then(|at| at.perfect);
            shown(
                hours.zip(perfect).map(|(hours, perfect)| hours / perfect),
                3,
            )
        };
        let captured = |which: usize| {
            let each = OVERLOADS.map(|at| percent(row.at(at).and_then(|at| at.captured[which])));
            each.join(" / ")
        };
        let ours = row.ours();
        let _ = writeln!(
            text,
            "| {} | {:.0} s | {:.1} | {} | {} | {} | {} | {:.2} | {} | {:.1} |",
            row.trace,
            row.step,
            row.days,
            over(row.at(0.5).and_then(|at| at.hpa[0])),
            over(row.at(0.5).and_then(|at| at.ours)),
            captured(0),
            captured(1),
            ours.overload,
            shown(reading::cost(row), 3),
            ours.changes,
        );
    }
}

fn rivals(text: &mut String, main: &[&Row]) {
    text.push_str(
        "\n| policy | its hours / ours at 0.1 %, median | at 0.5 % | at 1 % | Forescale cheaper at 0.5 % on | changes/h, median | SLO minutes a day, median |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let Some(first) = main.first() else { return };
    for name in first.policies.iter().map(|policy| policy.name.as_str()) {
        let pairs: Vec<(&Row, &Policy)> = (main.iter())
            .filter_map(|row| Some((*row, row.policy(name)?)))
            .collect();
        let ratio = |place: usize| {
            let each = pairs.iter().filter_map(|(row, policy)| {
                Some(policy.hours_at[place]? / row.ours().hours_at[place]?)
            });
            shown(median(each), 3)
        };
        let slo = pairs
            .iter()
            .filter_map(|(row, policy)| Some(policy.slo_minutes? / row.days));
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} of {} | {} | {} |",
            ratio(0),
            ratio(1),
            ratio(2),
            cheaper_on(main, name),
            pairs.len(),
            shown(median(pairs.iter().map(|(_, policy)| policy.changes)), 1),
            shown(median(slo), 1),
        );
    }
    if let Some((name, ratio)) = best_rival(main) {
        let _ = writeln!(
            text,
            "\nThe best predictive rival at 0.5 % is `{name}`, at {ratio:.3} of Forescale's hours. A policy that keeps to an overload at no setting counts as dearer \
             there. `hpa-cpu` scales on CPU use, which cannot rise above a pod's limit, so that it sees no load beyond that."
        );
    }
}

/// On how many records ours is cheaper than the policy of this name at 0.5 %.
pub(crate) fn cheaper_on(main: &[&Row], name: &str) -> usize {
    let cheaper = main.iter().filter(|row| {
        let policy = row.policy(name);
        let ours = row.ours().hours_at[1];
        policy
            .zip(ours)
            .is_some_and(|(policy, ours)| policy.hours_at[1].is_none_or(|hours| ours < hours))
    });
    cheaper.count()
}

/// The predictive rival that is cheapest at 0.5 %, and its hours over ours, in the median.
pub(crate) fn best_rival(main: &[&Row]) -> Option<(&'static str, f64)> {
    let each = PREDICTIVE.iter().filter_map(|name| {
        let hours = main.iter().filter_map(|row| {
            let policy = row.policy(name)?;
            Some(policy.hours_at[1]? / row.ours().hours_at[1]?)
        });
        Some((*name, median(hours)?))
    });
    each.min_by(|a, b| a.1.total_cmp(&b.1))
}

fn worst(text: &mut String, main: &[&Row]) {
    let mut lost: Vec<String> = Vec::new();
    for row in main {
        for at in &row.against {
            let dearer = dearer(at.ours, at.hpa[0]);
            if dearer > 0.0 && dearer.is_finite() {
                lost.push(format!(
                    "{} at {} % ({:.1} %)",
                    row.trace,
                    at.overload,
                    100.0 * dearer
                ));
            }
            if at.ours.is_none() && at.hpa[0].is_some() {
                lost.push(format!(
                    "{} at {} % (no setting keeps to it)",
                    row.trace, at.overload
                ));
            }
        }
    }
    if lost.is_empty() {
        lost.push("none".to_owned());
    }
    let _ = writeln!(
        text,
        "\nDearer than the HPA swept with hindsight over tolerance too: {}.",
        lost.join(", ")
    );
}

fn sensitivity(text: &mut String, rows: &[Row]) {
    text.push_str(
        "| record | start-up | replicas at the median | captured at 0.1 / 0.5 / 1 % | the same, tolerance 0.1 | \
         out of the box: overload % | changes/h |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows.iter().filter(|row| row.shows == Shows::Cluster) {
        let captured = |which: usize| {
            let each = OVERLOADS.map(|at| percent(row.at(at).and_then(|at| at.captured[which])));
            each.join(" / ")
        };
        let _ = writeln!(
            text,
            "| {} | {} s | {} | {} | {} | {:.2} | {:.1} |",
            row.trace,
            row.start_up,
            row.replicas,
            captured(0),
            captured(1),
            row.ours().overload,
            row.ours().changes
        );
    }
    text.push_str("\n![By start-up time](results/by-start-up.svg)\n\n![By granularity](results/by-replicas.svg)\n");
}
