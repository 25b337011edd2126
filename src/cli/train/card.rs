//! What a training came to: a table for the terminal, and a page to ship beside the network.

use std::fmt::Write;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use super::{Args, Trained};
use crate::train::corpus::{Corpus, REPORTED};
use crate::train::measure::Measures;
use crate::train::recipe::{Network, Recipe};

/// For the terminal.
pub(super) fn table(trained: &Trained) -> String {
    let mut text = format!(
        "best of {} steps: {} (validation pinball {:.4}), {:.0} s\n\nvalidation\n{}\n",
        trained.outcome.steps,
        trained.outcome.best.0,
        trained.outcome.best.1,
        trained.seconds,
        measures(&trained.validation, &trained.each)
    );
    if let Some((all, each)) = &trained.held_out {
        let _ = writeln!(
            text,
            "\nheld out (recorded series, after the cuts)\n{}",
            measures(all, each)
        );
    }
    for (engine, difference) in &trained.differences {
        let _ = writeln!(
            text,
            "largest difference from the trainer in {engine}: {difference:.1e} of the largest answer"
        );
    }
    text
}

/// For the folder of networks.
pub(super) fn page(
    args: &Args,
    recipe: &Recipe,
    network: &Network,
    corpus: &Corpus,
    trained: &Trained,
    file: &[u8],
) -> String {
    let name = args
        .output
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let mut page = format!(
        "# {name}\n\n{}. Written by `forescale train`; do not edit the figures by hand.\n\n",
        network.description
    );
    let _ = writeln!(
        page,
        "- weights: {} KiB, licence {}, checksum (SHA-256) `{}`\n- contract: [docs/onnx-contract.md](../docs/onnx-contract.md), 1-minute steps, 120 of context, 30 ahead\n- training: {} of at most {} steps, best at {}, batch {}, AdamW {}, seed {}, {:.0} s on one core\n- windows: {} to learn from, {} to say when to stop\n",
        file.len().div_ceil(1024),
        args.licence,
        sha256(file),
        trained.outcome.steps,
        network.steps,
        trained.outcome.best.0,
        network.batch,
        network.rate,
        args.seed,
        trained.seconds,
        corpus.train.len(),
        corpus.validation.len(),
    );
    let _ = writeln!(
        page,
        "## Command\n\n`DATA` is a folder with the series below as `timestamp_unix,value`.\n\n```sh\n{}\n```\n",
        command(args)
    );
    let _ = writeln!(
        page,
        "## Data\n\nAll series of a source end at the first 70 % of its calendar span, and each at the first 70 % of its own; the\nlast 15 % before that said when to stop. Nothing later was looked at. {} synthetic series were mixed in.\n\n{}\n",
        synthetic(corpus),
        data(recipe, corpus)
    );
    let _ = writeln!(
        page,
        "## Figures\n\nRelMAE: mean absolute error of the median relative to holding the last value, geometric mean over series; peak: pinball\nloss of the highest value up to that time, relative to the same. Below 1 is better than holding. Held values have no spread, so that much of the gain at the peak is the spread alone.\n\nOn the validation windows, by which the best step was chosen:\n\n{}\n",
        measures(&trained.validation, &trained.each)
    );
    if let Some((all, each)) = &trained.held_out {
        let _ = writeln!(
            page,
            "On what lies after the cuts, looked at once training was over:\n\n{}\n",
            measures(all, each)
        );
    }
    for (engine, difference) in &trained.differences {
        let engine = engine.split(" (").next().unwrap_or(engine);
        let _ = writeln!(
            page,
            "Largest difference from the trainer's answers in {engine}: {difference:.1e} of the largest answer."
        );
    }
    let _ = writeln!(page, "\n## Limits\n\n{}", limits(network));
    page
}

fn limits(network: &Network) -> &'static str {
    if network.input == "residual" {
        "It needs the curve of trend and seasons that is fitted to each workload, and so a day of history; before that it answers with an\nerror and a stand-in forecasts. It can't see beyond 30 minutes, nor events that no history announces. Its quantiles are\nnot calibrated for one workload; calibration comes on top. There is no 8-bit version: the file is small as it is."
    } else {
        "It can't see beyond 30 minutes, nor events that no history announces. It knows of a workload two hours, yesterday and\nthe same day last week; with less it answers more broadly. Steps below a minute are averaged to a minute first. Its\nquantiles are not calibrated for one workload; calibration comes on top. There is no 8-bit version: the file is small as it is."
    }
}

fn command(args: &Args) -> String {
    let name = args
        .output
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let mut command = format!(
        "forescale train --network {} --seed {}",
        args.network, args.seed
    );
    if args.synthetic_only {
        command.push_str(" --synthetic-only");
    } else {
        command.push_str(" --input DATA/*.csv.gz");
    }
    for (flag, value) in [
        ("steps", args.steps.map(|n| n.to_string())),
        ("rate", args.rate.map(|r| r.to_string())),
    ] {
        if let Some(value) = value {
            let _ = write!(command, " --{flag} {value}");
        }
    }
    let _ = write!(
        command,
        " --check-every {} --patience {}",
        args.check_every, args.patience
    );
    if args.report_held_out {
        command.push_str(" --report-held-out");
    }
    let _ = write!(
        command,
        " --output models/{name}.onnx --card models/{name}.md"
    );
    command
}

fn synthetic(corpus: &Corpus) -> usize {
    corpus
        .members
        .iter()
        .filter(|member| member.cut.is_none())
        .count()
}

fn data(recipe: &Recipe, corpus: &Corpus) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header([
        "series",
        "learned until",
        "stopped by until",
        "windows",
        "source",
        "licence",
    ]);
    for member in &corpus.members {
        let Some(cut) = member.cut else { continue };
        let source = recipe
            .sources
            .iter()
            .find(|source| source.prefix == member.source);
        let day = |at: crate::domain::Timestamp| at.to_rfc3339().replace('T', " ")[..16].to_owned();
        table.add_row([
            member.name.clone(),
            if member.windows > 0 {
                day(cut.validation)
            } else {
                "nothing".to_owned()
            },
            day(cut.end),
            member.windows.to_string(),
            source.map_or(member.source.clone(), |s| s.origin.clone()),
            source.map_or(String::new(), |s| s.licence.clone()),
        ]);
    }
    table.to_string()
}

fn measures(all: &Measures, each: &[(String, Measures)]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let mut header = vec![
        "series".to_owned(),
        "windows".to_owned(),
        "pinball".to_owned(),
    ];
    header.extend(REPORTED.map(|minutes| format!("RelMAE {minutes} min")));
    header.extend(REPORTED.map(|minutes| format!("peak {minutes} min")));
    header.extend([".9 covers".to_owned(), ".95 covers".to_owned()]);
    table.set_header(header);
    let recorded = each
        .iter()
        .filter(|(name, _)| !name.starts_with("synthetic"));
    let all = ("all".to_owned(), all.clone());
    for (name, measures) in std::iter::once(&all).chain(recorded) {
        let mut row = vec![
            name.clone(),
            measures.counted.1.to_string(),
            format!("{:.4}", measures.pinball),
        ];
        row.extend(
            measures
                .rel_mae
                .iter()
                .chain(&measures.rel_peak)
                .chain(&measures.coverage)
                .map(|v| format!("{v:.3}")),
        );
        table.add_row(row);
    }
    table.to_string()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
