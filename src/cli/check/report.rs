//! The result for people and for machines.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use super::scaled_object::{Finding, Object, SCALED_OBJECT, Severity};
use super::{Checked, Outcome, predictive_autoscaler, server};

/// A source line is shown up to this many characters.
const LINE: usize = 160;

pub(super) fn text(files: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    for file in files {
        for finding in &file.findings {
            pointed(file, finding, out)?;
        }
        for object in &file.objects {
            settings(file, object, out)?;
        }
    }
    summary(files, out)
}

/// A finding with its place, the line it points at, and a caret.
fn pointed(file: &Checked, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    };
    writeln!(out, "{severity}: {}", finding.message)?;
    let Some(place) = finding.place else {
        return writeln!(out);
    };
    writeln!(out, "  --> {}:{}:{}", file.file, place.line, place.column)?;
    let Some(line) = file.text.lines().nth(place.line.saturating_sub(1)) else {
        return writeln!(out);
    };
    let shown: String = line.chars().take(LINE).collect();
    let gutter = " ".repeat(place.line.to_string().len());
    // Tabs are kept, so that the caret stands below what it points at.
    let before: String = line
        .chars()
        .take(place.column - 1)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    writeln!(out, " {gutter} |")?;
    writeln!(out, " {} | {shown}", place.line)?;
    writeln!(out, " {gutter} | {before}{}\n", "^".repeat(place.width))
}

/// The effective settings of an object's triggers.
fn settings(file: &Checked, object: &Object, out: &mut dyn Write) -> io::Result<()> {
    for trigger in object.triggers.iter().filter(|trigger| trigger.ours) {
        let Some(settings) = &trigger.settings else {
            continue;
        };
        write!(
            out,
            "{}:{}: {} `{}/{}`",
            file.file, trigger.place.line, object.kind, object.namespace, object.name,
        )?;
        // Of a PredictiveAutoscaler the operator makes the one trigger.
        if object.kind == predictive_autoscaler::KIND {
            writeln!(out)?;
        } else {
            writeln!(out, ", trigger {} ({})", trigger.index, trigger.kind)?;
        }
        for setting in settings {
            writeln!(out, "  {:<22}{}", setting.key, setting.text())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn summary(files: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    let objects: Vec<_> = files.iter().flat_map(|file| &file.objects).collect();
    let triggers = objects.iter().flat_map(|object| &object.triggers);
    let (ours, others): (Vec<_>, Vec<_>) = triggers.partition(|trigger| trigger.ours);
    let count = |severity| {
        let all = files.iter().flat_map(|file| &file.findings);
        all.filter(|finding| finding.severity == severity).count()
    };
    for file in files.iter().filter(|file| file.settings) {
        writeln!(out, "{}: read as settings of the server", file.file)?;
    }
    writeln!(
        out,
        "{} of Forescale in {}, {} left alone: {}, {}, {}",
        counted(ours.len(), "trigger"),
        kinds(&objects),
        counted(others.len(), "other trigger"),
        counted(count(Severity::Error), "mistake"),
        counted(count(Severity::Warning), "warning"),
        counted(count(Severity::Hint), "hint"),
    )
}

/// How many there are of each kind, ScaledObjects in any case where there is nothing else.
fn kinds(objects: &[&Object]) -> String {
    let all = [SCALED_OBJECT, predictive_autoscaler::KIND, server::KIND];
    let of = |kind: &str| objects.iter().filter(|object| object.kind == kind).count();
    let counts = all.into_iter().map(|kind| (of(kind), kind));
    let there = counts.filter(|(count, _)| *count > 0);
    let there: Vec<String> = there.map(|(count, kind)| counted(count, kind)).collect();
    if there.is_empty() {
        counted(0, SCALED_OBJECT)
    } else {
        there.join(" and ")
    }
}

fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}

pub(super) fn json(files: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    let worst = files.iter().map(|file| file.outcome).max();
    let files: Vec<_> = files.iter().map(file_json).collect();
    let whole = json!({
        "ok": worst.is_none_or(|worst| worst == Outcome::Fine),
        "files": files,
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}

fn file_json(file: &Checked) -> Json {
    let findings: Vec<_> = file
        .findings
        .iter()
        .map(|finding| {
            json!({
                "severity": finding.severity,
                "line": finding.place.map(|place| place.line),
                "column": finding.place.map(|place| place.column),
                "message": finding.message,
            })
        })
        .collect();
    let objects: Vec<_> = file.objects.iter().map(object_json).collect();
    json!({
        "file": file.file,
        "readable": file.outcome != Outcome::Unreadable,
        "serverSettings": file.settings,
        "findings": findings,
        "scaledObjects": objects,
    })
}

fn object_json(object: &Object) -> Json {
    let triggers: Vec<_> = object
        .triggers
        .iter()
        .map(|trigger| {
            json!({
                "index": trigger.index,
                "type": trigger.kind,
                "line": trigger.place.line,
                "ours": trigger.ours,
                "settings": trigger.settings,
            })
        })
        .collect();
    json!({
        "kind": object.kind,
        "namespace": object.namespace,
        "name": object.name,
        "line": object.place.line,
        "triggers": triggers,
    })
}
