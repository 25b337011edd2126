//! `forescale preprocess`: recorded history to training windows, split by time, with a report on what the history is like.
//!
//! What a window shows of its past is what the server's models would have seen at that moment: the history goes through the
//! server's own preparation (`analyze::prepare`).

mod decompose;
mod diagnose;
mod html;
mod report;
mod split;
mod strength;
#[cfg(test)]
mod tests;
mod windows;
mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};

use self::decompose::{By, Decomposition};
use self::report::{Report, TraceReport};
use self::split::{Part, Split};
use self::windows::Shape;
use super::Failure;
use super::check::Format;
use super::flags::Files;
use super::output::save;
use super::progress::Progress;
use crate::analyze::prepare;
use crate::dataset::Dataset;

const AFTER_HELP: &str = "\
Written to the output folder, for each input:
  NAME.train.parquet, NAME.validation.parquet, NAME.test.parquet   windows, a row each:
      origin        time of the newest value of the context
      context       values up to the origin, oldest first; 0 where there is none
      context_mask  whether there is one
      targets       what was measured after the origin; 0 where nothing was
      target_mask   whether it was
      parts         with `--decompose`: the parts of the context, one after another, each as long as it; they add up to it
  report.json, report.html                                         gaps, outages, anomalies, seasonality, level

Contexts are prepared as the server prepares them and hold nothing that was not known at the origin. Parts follow one another in \
time; targets of a part never lie in a later one. A window needs a measured origin and half of its targets measured.

Exit codes: 0 done, 1 an input can't be read or a file can't be written, 2 wrong usage.

Example:
  forescale preprocess --input traces/*.csv.gz --output windows --context 120 --horizon 30 --stride 10";

/// Turn recorded history into training windows, split by time, with a report on gaps, anomalies and seasonality
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Files of `timestamp_unix,value`: CSV, plain or gzip, or Parquet; `-` reads standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Folder to write to; made if it is missing, files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Shares of the calendar span for training, validation and test, in percent
    #[arg(long, value_name = "A/B/C", default_value = "70/15/15")]
    split: Split,
    /// Steps that a window shows of the past
    #[arg(long, value_name = "STEPS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    context: u32,
    /// Steps that a window asks for
    #[arg(long, value_name = "STEPS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    horizon: u32,
    /// Steps between two windows [default: the horizon]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    stride: Option<u32>,
    /// Split each context into parts: `mstl` seasons, remainder and trend; `ceemdan` modes, the fastest first, and the rest
    #[arg(long, value_enum, value_name = "METHOD", default_value_t)]
    decompose: By,
    /// Steps up to the origin that are decomposed, at least the context [default: four days for `mstl`, the context for `ceemdan`]
    #[arg(long, value_name = "STEPS", requires = "decompose", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    decompose_window: Option<u32>,
    /// How the summary on standard output is written; `json` is the same as `report.json`
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Writes windows and report.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let shape = Shape {
        context: args.context as usize,
        horizon: args.horizon as usize,
        stride: args.stride.unwrap_or(args.horizon) as usize,
    };
    let read = Files::default().with("--input", &args.input);
    read.stdin_once()?;
    let datasets = super::evaluate::read_all(&args.input)?;
    let each = datasets.iter().map(|dataset| {
        let step = dataset.series.step();
        Decomposition::new(args.decompose, args.decompose_window, shape.context, step)
    });
    let decompositions: Vec<Option<Decomposition>> = each
        .collect::<Result<_, _>>()
        .map_err(|text| Failure::usage(anyhow!(text)))?;
    spare_what_is_read(&read, &args.output, &datasets)?;
    fs::create_dir_all(&args.output)
        .with_context(|| format!("failed to make the folder `{}`", args.output.display()))?;
    let progress = Progress::new(datasets.len() as u64, "inputs");
    let mut traces = Vec::with_capacity(datasets.len());
    for (dataset, by) in datasets.iter().zip(&decompositions) {
        let trace = one(dataset, &args.output, args.split, shape, by.as_ref())?;
        traces.push(trace);
        progress.advance(1);
    }
    progress.finish();
    let report = Report::new(args.split, shape, args.decompose, traces);
    let json = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)? + "\n";
    save(&args.output.join("report.json"), &json)?;
    let page = html::html(&report, &datasets);
    save(&args.output.join("report.html"), &page)?;
    match args.format {
        Format::Json => super::print(&json)?,
        Format::Text => super::print(&report.text(&args.output))?,
    }
    let empty = report
        .traces
        .iter()
        .all(|trace| trace.windows_in_all() == 0);
    if empty {
        let longest = datasets.iter().map(|dataset| dataset.series.len()).max();
        return Err(anyhow!(
            "no window was written: {} steps of context and {} of horizon fit into no part of the inputs, of which the longest has {} \
             steps; give `--context` and `--horizon` that are no more than that together, or a longer history",
            shape.context,
            shape.horizon,
            longest.unwrap_or(0)
        )
        .into());
    }
    Ok(ExitCode::SUCCESS)
}

/// That no file of the folder takes the place of an input.
fn spare_what_is_read(
    read: &Files<'_>,
    folder: &Path,
    datasets: &[Dataset],
) -> Result<(), Failure> {
    let windows = datasets
        .iter()
        .flat_map(|dataset| Part::ALL.map(|part| file_of(dataset, part)));
    for name in windows.chain(["report.json".to_owned(), "report.html".to_owned()]) {
        read.spared_by("--output", Some(&folder.join(name)))?;
    }
    Ok(())
}

fn file_of(dataset: &Dataset, part: Part) -> String {
    format!("{}.{}.parquet", dataset.name, part.name())
}

fn one(
    dataset: &Dataset,
    folder: &Path,
    split: Split,
    shape: Shape,
    by: Option<&Decomposition>,
) -> anyhow::Result<TraceReport> {
    let prepared = prepare(&dataset.series);
    let mut counts = [0; 3];
    for (count, part) in counts.iter_mut().zip(Part::ALL) {
        let range = split.range(part, dataset.series.len());
        let windows = windows::Windows::new(&dataset.series, &prepared, range, shape, by);
        let path = folder.join(file_of(dataset, part));
        *count = write::windows(&path, &windows)
            .with_context(|| format!("failed to write `{}`", path.display()))?;
    }
    Ok(TraceReport::new(dataset, &prepared, split, counts))
}
