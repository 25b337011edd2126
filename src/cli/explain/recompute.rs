//! Makes plans again from their records, and says whether the same comes out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::AskError;
use super::sheet::Sheet;
use crate::domain::PlanRecord;
use crate::plan::{self, replicas};

/// The answer of `GET /api/v1/workloads/{namespace}/{name}/decision`.
#[derive(Debug, Deserialize)]
pub(super) struct Decisions {
    decisions: Vec<Entry>,
}

/// The newest plan of one trigger.
#[derive(Debug, Deserialize)]
struct Entry {
    namespace: String,
    name: String,
    id: String,
    version: String,
    record: Option<PlanRecord<plan::Config>>,
}

/// Reads an answer that was kept in a file.
///
/// # Errors
/// When it is none.
pub(super) fn read(name: &str, text: &str) -> Result<Decisions, AskError> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| AskError::Record {
        file: name.to_owned(),
        why: error.to_string(),
    })
}

/// What came of it in words, and whether all plans are the same.
pub(super) fn tell(decisions: &Decisions) -> (String, bool) {
    let (mut sheet, mut same) = (Sheet::default(), true);
    for (index, entry) in decisions.decisions.iter().enumerate() {
        if index > 0 {
            sheet.gap();
        }
        let id = entry.id.get(..8).unwrap_or(&entry.id);
        sheet.heading(&format!("{}/{}, trigger {id}", entry.namespace, entry.name));
        match &entry.record {
            Some(record) => same &= one(&mut sheet, entry, record),
            None => sheet.paragraph("There is no plan yet since the start."),
        }
    }
    (sheet.finish(), same)
}

/// The answer as it came, to which each decision gets `recomputed`: whether the plan came out the `same`, and what `differences` there
/// are; `null` where there is no plan yet. And whether all plans are the same.
///
/// # Errors
/// When the answer is no JSON.
pub(super) fn as_json(answer: &str, decisions: &Decisions) -> serde_json::Result<(String, bool)> {
    let mut answer: Value = serde_json::from_str(answer)?;
    let all = answer.get_mut("decisions").and_then(Value::as_array_mut);
    let mut all_same = true;
    for (told, entry) in all.into_iter().flatten().zip(&decisions.decisions) {
        let recomputed = entry.record.as_ref().map_or(Value::Null, |record| {
            let differences = record.differences();
            let same = differences.is_empty();
            all_same &= same;
            json!({"same": same, "differences": differences})
        });
        if let Some(told) = told.as_object_mut() {
            told.insert("recomputed".to_owned(), recomputed);
        }
    }
    let mut text = serde_json::to_string_pretty(&answer)?;
    text.push('\n');
    Ok((text, all_same))
}

fn one(sheet: &mut Sheet, entry: &Entry, record: &PlanRecord<plan::Config>) -> bool {
    let plan = &record.plan;
    let made = format!("The plan of {}, {},", plan.at, replicas(plan.replicas));
    let differences = record.differences();
    if differences.is_empty() {
        let reasons = match plan.reasons.len() {
            1 => "reason".to_owned(),
            many => format!("{many} reasons"),
        };
        sheet.paragraph(&format!(
            "{made} was made again from its record: the same number, for the same {reasons}."
        ));
        return true;
    }
    sheet.paragraph(&format!(
        "{made} comes out otherwise when it is made again from its record."
    ));
    sheet.rows("Differs", differences);
    let ours = env!("CARGO_PKG_VERSION");
    if entry.version != ours {
        let theirs = &entry.version;
        sheet.paragraph(&format!(
            "It was made by version {theirs}; this program is {ours}."
        ));
    }
    false
}
