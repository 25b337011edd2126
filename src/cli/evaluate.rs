//! `forescale evaluate`: how good each model is on recorded history.

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::output::{Format, Output, nothing_but, tell_left_out};
use super::progress::Progress;
use super::{Failure, flags};
use crate::analyze::models::Registry;
use crate::analyze::{Config, OnnxEngine};
use crate::dataset::{self, Dataset, LeftOut};
use crate::domain::{Events, HumanDuration};
use crate::evaluate::{self, Protocol};

const AFTER_HELP: &str = "\
How it is done:
  The last part of each input (`--test-fraction` of its calendar span) is forecast from an origin every `--stride`. At each origin \
  every model sees the history up to it (at most `--history`), is fitted anew every `--refit`, and forecasts all horizons. Every \
  model is scored on the same pairs of forecast and measured value; one that can't answer is scored with the stand-in that the \
  server would use, and counted as `unanswered`. Nothing after an origin can be seen by a model.

Columns:
  RelMAE  mean absolute error of the median relative to `naive`, the last value held: below 1 is better
  RelWQL  weighted quantile loss over the levels .1 .5 .9 .95 relative to `naive` with the bands of its fit; the row `naive` has bands \
that are calibrated as the server does, and so is not 1 here
  peak    the same for the highest value between origin and horizon
  .9 .95  observed share of values at or below that quantile; in the summary, its mean distance from the level

Exit codes: 0 done, 1 an input can't be read or scored (the others are reported), 2 wrong usage.

Examples:
  forescale evaluate --input web.csv.gz
  forescale evaluate --input traces/*.csv.gz --models auto,naive,onnx:mine --model-dir ./models --format html --output report.html";

/// Measure forecast accuracy on recorded history: rolling origin, models by horizons
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Files of `timestamp_unix,value`: CSV, plain or gzip, or Parquet; `-` reads standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Models, comma-separated [default: `auto` and every model there is]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    models: Vec<String>,
    /// How far ahead forecasts are scored, comma-separated
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "DURATION",
        default_value = "5m,15m,30m"
    )]
    horizons: Vec<HumanDuration>,
    /// The last share of the calendar span that is forecast
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    test_fraction: f64,
    /// Time between two origins
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    stride: HumanDuration,
    /// How much history before its origin a model sees
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    history: HumanDuration,
    /// How often models are fitted anew
    #[arg(long, value_name = "DURATION", default_value = "6h")]
    refit: HumanDuration,
    /// Folders searched first for NAME.onnx of `onnx:NAME`
    #[arg(long, num_args = 1.., value_name = "DIR")]
    model_dir: Vec<PathBuf>,
    /// Engine of ONNX models: `auto`, `onnx-runtime` (a missing library is fatal) or `rten` [default: auto]
    #[arg(long, value_name = "ENGINE", value_parser = super::serve::engine)]
    onnx_engine: Option<OnnxEngine>,
    /// ONNX Runtime's shared library [default: `ORT_DYLIB_PATH`, then the usual places]
    #[arg(long, value_name = "FILE")]
    onnx_library: Option<PathBuf>,
    /// IANA time zone in which days and weeks begin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Known events, as in a trigger's `events`; what it excludes is neither learned from nor scored
    #[arg(long, value_name = "TEXT", value_parser = Events::parse, default_value_t)]
    events: Events,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Inputs that are evaluated at the same time [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = flags::jobs, allow_hyphen_values = true)]
    jobs: Option<NonZero<usize>>,
}

/// Evaluates and reports.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let read = flags::Files::default()
        .with("--input", &args.input)
        .with("--onnx-library", &args.onnx_library);
    read.stdin_once()?;
    read.spared_by("--output", args.output.as_deref())?;
    flags::model_dirs(&args.model_dir)?;
    let config = Config {
        model_dirs: (args.model_dir.iter().cloned())
            .chain(Config::default().model_dirs)
            .collect(),
        onnx_engine: args.onnx_engine.unwrap_or_default(),
        onnx_library: args.onnx_library.clone(),
        ..Config::default()
    };
    let registry = Registry::new(&config).map_err(Failure::usage)?;
    let protocol = protocol(args, &registry)?;
    let (datasets, unread) = read_what_can_be(&args.input);
    let output = Output::open(args.output.as_deref())?;
    let origins = datasets
        .iter()
        .map(|d| evaluate::origins(&d.series, &protocol));
    let progress = Progress::new(origins.sum(), "origins");
    let jobs = args
        .jobs
        .or_else(|| std::thread::available_parallelism().ok());
    let mut report = evaluate::run(
        &datasets,
        &protocol,
        &Arc::new(registry),
        jobs.unwrap_or(NonZero::<usize>::MIN),
        &|done| progress.advance(done),
    );
    progress.finish();
    report.left_out.splice(0..0, unread);
    if report.traces.is_empty() {
        return Err(nothing_but(&report.left_out).into());
    }
    let text = args
        .format
        .render(&report, evaluate::table, evaluate::html::html)?;
    output.write(&text)?;
    Ok(tell_left_out(&report.left_out))
}

fn protocol(args: &Args, registry: &Registry) -> Result<Protocol, Failure> {
    let usage = |text: String| Failure::usage(anyhow::anyhow!(text));
    let models = if args.models.is_empty() {
        registry.names()
    } else {
        let mut models: Vec<String> = Vec::new();
        for name in args.models.iter().map(|name| name.trim().to_owned()) {
            flags::known_model("`--models`", registry, &evaluate::choice_of(&name))?;
            if !models.contains(&name) {
                models.push(name);
            }
        }
        models
    };
    if let Err(error) = jiff::tz::TimeZone::get(&args.timezone) {
        return Err(usage(format!("`--timezone`: {error}")));
    }
    let protocol = Protocol {
        models,
        horizons: args.horizons.clone(),
        test_fraction: args.test_fraction,
        stride: args.stride,
        history: args.history,
        refit: args.refit,
        timezone: args.timezone.clone(),
        events: args.events.clone(),
    };
    protocol.validate().map_err(usage)?;
    Ok(protocol)
}

/// Reads every file; two of the same name are told apart by a number.
pub(super) fn read_all(files: &[PathBuf]) -> Result<Vec<Dataset>, Failure> {
    let mut datasets: Vec<Dataset> = Vec::with_capacity(files.len());
    for file in files {
        add(
            &mut datasets,
            dataset::read(file).map_err(anyhow::Error::from)?,
        );
    }
    Ok(datasets)
}

/// Reads each file that can be read; two of the same name get a number. What is wrong with the others stands beside them.
pub(super) fn read_what_can_be(files: &[PathBuf]) -> (Vec<Dataset>, Vec<LeftOut>) {
    let mut datasets: Vec<Dataset> = Vec::with_capacity(files.len());
    let mut left_out = Vec::new();
    for file in files {
        match dataset::read(file) {
            Ok(dataset) => add(&mut datasets, dataset),
            Err(error) => left_out.push(LeftOut {
                name: dataset::name_of(file),
                why: error.to_string(),
            }),
        }
    }
    (datasets, left_out)
}

/// Under a name that no other one has.
fn add(datasets: &mut Vec<Dataset>, mut dataset: Dataset) {
    let plain = dataset.name.clone();
    let mut number = 1;
    while datasets.iter().any(|known| known.name == dataset.name) {
        number += 1;
        dataset.name = format!("{plain}-{number}");
    }
    datasets.push(dataset);
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn the_help_has_a_line_for_each_column() {
        let mut command = Args::augment_args(clap::Command::new("evaluate"));
        let help = command.render_long_help().to_string();
        for column in ["RelMAE", "RelWQL", "peak", ".9 .95"] {
            let start = format!("  {column} ");
            let told = help.lines().any(|line| line.starts_with(&start));
            assert!(told, "{column}: {help}");
        }
    }
}
