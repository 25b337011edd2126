//! What a run ends with: the table, the verdict, and the same as JSON.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::setup::WithoutData;
use super::totals::{EqualCost, Totals};
use super::verdict::{Verdict, judge_over};
use crate::cli::flags::tells_no_plan;
use crate::domain::{HumanDuration, Timestamp};
use crate::simulate::demand::Pattern;
use crate::telemetry;

/// Columns of the text.
const WIDTH: usize = 80;

const CAVEAT: &str = "This is one run of one generated workload. On yours, `mode: shadow` publishes the plan beside \
    the number that KEDA gets without acting on it.";

/// A run and what it has shown. Holds nothing that depends on the machine, so that a seed gives the same summary
/// everywhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    version: &'static str,
    commit: &'static str,
    #[serde(flatten)]
    run: Run,
    forescale: Totals,
    plain_hpa: Totals,
    /// `null` when both spent the same, or no plain HPA could be tuned to.
    plain_hpa_at_equal_cost: Option<EqualCost>,
    answers: Answers,
    verdict: Verdict,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    /// Kind of workload.
    pub(super) pattern: Pattern,
    /// Seed of everything that is left to chance.
    pub(super) seed: u64,
    /// Virtual time at the start.
    pub(super) from: Timestamp,
    /// Virtual time that has passed.
    #[serde(serialize_with = "as_seconds", rename = "virtualSeconds")]
    pub(super) length: HumanDuration,
    /// Whether it was ended by hand before its time.
    pub(super) cut_short: bool,
    /// The trigger's metadata.
    pub(super) metadata: BTreeMap<String, String>,
    /// Load that a replica really carries.
    pub(super) capacity_per_replica: f64,
    /// What the plain HPA did while the metric was missing.
    pub(super) plain_hpa_without_data: WithoutData,
}

/// How KEDA's questions were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answers {
    /// Times that KEDA asked.
    pub(super) polls: u64,
    /// Of these, those that failed.
    pub(super) failed: u64,
    /// Of these, those that said the workload should not run.
    pub(super) inactive: u64,
    /// Of these, by what the number rested on: `forecast`, `reactive`, `held`, `restored`.
    pub(super) by_basis: BTreeMap<String, u64>,
    /// Those that rested on a forecast, by model.
    pub(super) by_model: BTreeMap<String, u64>,
}

impl Summary {
    /// Judges a run.
    pub(super) fn new(
        run: Run,
        forescale: Totals,
        plain_hpa: Totals,
        equal_cost: Option<EqualCost>,
        answers: Answers,
    ) -> Self {
        Self {
            version: telemetry::VERSION,
            commit: telemetry::COMMIT,
            verdict: judge_over(run.length, &forescale, &plain_hpa, equal_cost.as_ref()),
            run,
            forescale,
            plain_hpa,
            plain_hpa_at_equal_cost: equal_cost,
            answers,
        }
    }

    /// What may be concluded.
    #[cfg(test)]
    pub(super) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// For machines: the same as JSON.
    ///
    /// # Errors
    /// When a number can't be written as JSON.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let run = &self.run;
        let cut_short = if run.cut_short { ", ended by hand" } else { "" };
        let head = format!(
            "forescale demo: pattern {}, seed {}, {} of virtual time from {}{cut_short}",
            run.pattern, run.seed, run.length, run.from,
        );
        let mut parts = vec![head, self.table()];
        parts.extend(self.without_a_plan().map(|text| wrap(&text, WIDTH)));
        parts.extend([
            wrap(&self.verdict.text, WIDTH),
            wrap(&self.answers_text(), WIDTH),
            wrap(CAVEAT, WIDTH),
        ]);
        parts.join("\n\n")
    }

    /// That what is called Forescale's is not its plan, where that is so.
    fn without_a_plan(&self) -> Option<String> {
        let mode = self.run.metadata.get("mode")?.trim();
        tells_no_plan(mode).then(|| {
            format!(
                "Note: in `mode: {mode}` KEDA is told the reactive number, so that `Forescale` here is what that came to, not the plan."
            )
        })
    }

    fn table(&self) -> String {
        let threshold = self
            .run
            .metadata
            .get("threshold")
            .cloned()
            .unwrap_or_default();
        let mut columns = vec![
            ("Forescale", threshold.clone(), self.forescale),
            ("plain HPA", threshold, self.plain_hpa),
        ];
        if let Some(tuned) = &self.plain_hpa_at_equal_cost {
            let threshold = format!("{:.2}", tuned.threshold);
            columns.push(("plain HPA at equal cost", threshold, tuned.totals));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(std::iter::once("").chain(columns.iter().map(|column| column.0)));
        let rows: [(&str, Cell); 5] = [
            ("overload minutes", |t| format!("{:.1}", t.overload_minutes)),
            ("unmet demand", |t| format!("{:.2} %", t.unmet_percent)),
            ("replica hours", |t| format!("{:.1}", t.replica_hours)),
            ("scale changes", |t| t.changes.to_string()),
            ("most replicas", |t| t.most_replicas.to_string()),
        ];
        for (name, cell) in rows {
            let cells = columns.iter().map(|column| cell(&column.2));
            table.add_row(std::iter::once(name.to_owned()).chain(cells));
        }
        let thresholds = columns.iter().map(|column| column.1.clone());
        table.add_row(std::iter::once("threshold".to_owned()).chain(thresholds));
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.trim_fmt()
    }

    fn answers_text(&self) -> String {
        let list = |name: &str, counts: &BTreeMap<String, u64>| {
            let parts: Vec<_> = counts.iter().map(|(of, n)| format!("{n} {of}")).collect();
            if parts.is_empty() {
                String::new()
            } else {
                format!("; {name} {}", parts.join(", "))
            }
        };
        let Answers {
            polls,
            failed,
            inactive,
            by_basis,
            by_model,
        } = &self.answers;
        format!(
            "KEDA asked {polls} times: {failed} failed, {inactive} inactive{}{}.",
            list("basis", by_basis),
            list("model", by_model),
        )
    }
}

/// How a row of the table writes its number.
type Cell = fn(&Totals) -> String;

/// Breaks `text` between words so that no line is longer than `width`, but for single words that are.
fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last].push_str(word);
        } else if lines[last].chars().count() + 1 + word.chars().count() <= width {
            lines[last].push(' ');
            lines[last].push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

fn as_seconds<S: serde::Serializer>(length: &HumanDuration, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_u64(length.get().as_secs())
}

#[cfg(test)]
mod tests;
