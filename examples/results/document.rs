//! The page.

use std::fmt::Write as _;

use super::job::{MAIN, Policy, Row, Shows};
use super::reading;
use super::targets;

/// Overloads that are compared, in percent of the time.
pub(crate) const OVERLOADS: [f64; 3] = [0.1, 0.5, 1.0];
/// Policies that foresee, or try to.
const PREDICTIVE: [&str; 5] = ["cron", "phpa", "crane", "kedastral", "aws-hourly-max"];

/// All of it. Writing to a string can't fail.
pub(crate) fn write(rows: &[Row], names: &[String]) -> String {
    let mut text = String::from(HEAD);
    for start_up in MAIN {
        let main: Vec<&Row> = (rows.iter())
            .filter(|row| row.shows == Shows::Policies && row.start_up == start_up)
            .collect();
        if main.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n## {start_up} s from a replica that is wanted to one that is Ready, {} of {} records\n",
            main.len(),
            names.len()
        );
        summary(&mut text, &main);
        targets::write(&mut text, &main);
        let _ = writeln!(
            text,
            "\n![Share of the gap that is captured, record by record](results/captured-{start_up}s.svg)\n"
        );
        traces(&mut text, &main);
        rivals(&mut text, &main);
        worst(&mut text, &main);
        if start_up == MAIN[0] {
            text.push_str("\nFrontiers of all policies: ");
            let links = main
                .iter()
                .map(|row| format!("[{0}](results/frontier-{0}.svg)", row.trace));
            let _ = writeln!(text, "{}.", links.collect::<Vec<_>>().join(", "));
        }
    }
    reading::write(&mut text, rows);
    sensitivity(&mut text, rows);
    history(&mut text, rows);
    text
}

const HEAD: &str = "# Results

Forescale beside other policies on recorded load, in the simulator, by `forescale backtest`'s own code. Made by

```sh
cargo run --release --example results -- --jobs 2 RECORDS/*.csv.gz
```

The last 30 % of each record is judged; before it Forescale's loop lives through up to 14 days. 20 replicas carry the median load. The metric is
`sum(rate(…[1m]))` over scrapes of 15 s. Between two points of a record lies a straight line: records in steps of 300 s are smoother, and easier on
whoever looks ahead, than the load was. The records are public traces that this project was developed on; on others it will be worse by some
percent.

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
    shown(value.map(|value| 100.0 * value), 0)
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
            cells.push(percent(median(each().filter_map(|at| at.captured[which]))) + " %");
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

/// How much dearer ours is; nothing where one of them can't keep to the overload.
pub(crate) fn dearer(ours: Option<f64>, hpa: Option<f64>) -> f64 {
    ours.zip(hpa).map_or(0.0, |(ours, hpa)| ours / hpa - 1.0)
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
            if dearer > 0.0 {
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
        "\n## How it moves with start-up time and granularity\n\n| record | start-up | replicas at the median | captured at 0.1 / 0.5 / 1 % | the same, tolerance 0.1 | \
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

fn history(text: &mut String, rows: &[Row]) {
    text.push_str(
        "\n## How it moves with history\n\nThe last day of a record, of which the metric's store knows no more than so much before it; out of the box (`maxOverload` of 0.5 %), against the HPA with tolerance 0.1 swept with \
         hindsight at the overload that came about.\n\n| record | history | overload % | replica hours | the HPA's at that overload | ours / HPA |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows.iter().filter(|row| row.shows == Shows::History) {
        let ours = row.ours();
        let ratio = row.hpa_hours_at_ours.map(|hpa| ours.hours / hpa);
        let _ = writeln!(
            text,
            "| {} | {} h | {:.2} | {:.0} | {} | {} |",
            row.trace,
            row.history / 3600,
            ours.overload,
            ours.hours,
            shown(row.hpa_hours_at_ours, 0),
            shown(ratio, 3),
        );
    }
}
