//! `forescale replay`: the decisions of a recorded live run, made again and compared.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use super::Failure;
use crate::control::rerun::{self, Report};

const AFTER_HELP: &str = "\
The recording is written by `forescale serve --record FILE`: every reading with its answer and every decision. Here the same loop gets the \
same answers at the same moments. A decision is equal when replicas, numbers on the wire, reasons and all the rest of the plan are.

Exit codes: 0 all are equal, 1 some are not, there is none to compare, or the recording can't be read, 2 wrong usage.";

/// Make the decisions of a recorded live run again and compare
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The recording
    #[arg(value_name = "FILE")]
    recording: PathBuf,
    /// Write JSON, with the first decisions that differ as they were and as they came out
    #[arg(long)]
    json: bool,
}

/// Replays and reports.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let path = args.recording.display();
    let file = File::open(&args.recording).with_context(|| format!("failed to read `{path}`"))?;
    let replayed = super::runtime()?.block_on(rerun::rerun(BufReader::new(file)));
    let report = replayed.with_context(|| format!("`{path}`"))?;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
        format!("{json}\n")
    } else {
        told(&report)
    };
    super::print(&text)?;
    Ok(if report.is_equal() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn told(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    for it in &report.workloads {
        let _ = match &it.left_out {
            Some(why) => writeln!(text, "{}, since {}: left out, {why}", it.workload, it.since),
            None => writeln!(
                text,
                "{}, since {}: {} of {} decisions are equal",
                it.workload, it.since, it.equal, it.decisions
            ),
        };
        for difference in &it.differences {
            let replicas = |plan: &Option<serde_json::Value>| {
                let replicas = plan.as_ref().map(|plan| plan["replicas"].to_string());
                replicas.unwrap_or_else(|| "none".to_owned())
            };
            let _ = writeln!(
                text,
                "  {}: it was {}, now {}",
                difference.at,
                replicas(&difference.recorded),
                replicas(&difference.replayed)
            );
        }
    }
    for gap in &report.gaps {
        let _ = writeln!(text, "{gap}");
    }
    if report.decisions() == 0 {
        let _ = writeln!(
            text,
            "the recording holds no decision that could be compared"
        );
    }
    text
}
