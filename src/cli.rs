//! The desk: one file a command. Only here is anything written to stdout.

mod backtest;
pub mod check;
mod collect;
mod crd;
mod demo;
mod evaluate;
mod explain;
mod flags;
mod output;
mod preprocess;
mod progress;
mod replay;
mod serve;
#[cfg(feature = "train")]
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::telemetry;

/// A KEDA external scaler that sees load coming.
///
/// Forescale reads a metric's history from Prometheus, forecasts the coming minutes with bands, plans replicas for the
/// worst moment until new pods are Ready, and answers KEDA from memory.
#[derive(Debug, Parser)]
#[command(name = "forescale", version = version(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer KEDA: gRPC on 6000, HTTP on 8080
    Serve(serve::Args),
    /// See it work, with nothing else installed: a generated workload, a virtual cluster, a plain HPA beside it
    Demo(demo::Args),
    /// Validate ScaledObjects, PredictiveAutoscalers and the server's settings offline and print the effective settings
    Check(check::Args),
    /// Measure forecast accuracy on recorded history: rolling origin, models by horizons
    Evaluate(evaluate::Args),
    /// What Forescale would have cost and missed on recorded history, beside the HPA and other policies
    Backtest(backtest::Args),
    /// Make the decisions of a recorded live run again and compare: `serve --record FILE`, then `replay FILE`
    Replay(replay::Args),
    /// Read a metric's history from Prometheus into a CSV or Parquet file, resumably
    Collect(collect::Args),
    /// Turn recorded history into training windows, split by time, with a report on gaps, anomalies and seasonality
    Preprocess(preprocess::Args),
    /// Ask a running Forescale why KEDA is told this number, and get it in plain words
    Explain(explain::Args),
    /// Print the CustomResourceDefinition of PredictiveAutoscaler: `forescale crd | kubectl apply --server-side -f -`
    Crd,
    /// Train a network on recorded history and write it as an ONNX file
    #[cfg(feature = "train")]
    Train(train::Args),
}

/// Exit code for wrong usage or settings, as clap uses it.
const EXIT_USAGE: u8 = 2;

/// Parses the command line, runs the command, and says how the process shall end.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Check(args) => check(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Collect(args) => collect::run(&args),
        Command::Preprocess(args) => preprocess::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Crd => crd::run(),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        complain(&failure.error);
        ExitCode::from(failure.code)
    })
}

fn check(args: &check::Args) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match check::run(args, &mut out) {
        Ok(outcome) => Ok(outcome.exit_code()),
        Err(error) if broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}

/// Writes a report to stdout; a reader who has gone away is no fault of ours.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether the reader of stdout has gone away (`forescale check … | head`), which is no fault of ours.
fn broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A command that could not do its work.
#[derive(Debug)]
struct Failure {
    error: anyhow::Error,
    code: u8,
}

impl Failure {
    /// Wrong usage or settings.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            code: EXIT_USAGE,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { error, code: 1 }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the desk talks to the person who called"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {}", in_full(error));
}

/// The error and its causes, but for those that stand in its own text already.
fn in_full(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn version() -> &'static str {
    const { concat_version() }
}

const fn concat_version() -> &'static str {
    concat!(
        env!("CARGO_PKG_VERSION"),
        " (",
        env!("FORESCALE_COMMIT"),
        ")"
    )
}

/// The runtime of every command that does I/O.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    tracing::debug!(version = telemetry::VERSION, "runtime started");
    Ok(runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("no such disk");
        let path = std::path::PathBuf::from("web.yaml");
        let doubled = crate::settings::SettingsError::Read {
            path,
            source: cause(),
        };
        assert_eq!(
            in_full(&doubled.into()),
            "failed to read settings from `web.yaml`: no such disk"
        );
        let plain = anyhow::Error::from(cause()).context("failed to write");
        assert_eq!(in_full(&plain), "failed to write: no such disk");
    }
}
