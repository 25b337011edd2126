//! `forescale backtest`: what Forescale would have cost and missed on recorded history, beside others.

mod history;
mod left_out;
mod manifest;
#[cfg(test)]
mod tests;
mod trigger;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Failure;
use super::output::{Format, Output};
use super::progress::Progress;
use crate::analyze::Config;
use crate::analyze::models::Registry;
use crate::backtest::{self, Case, Report, Settings};
use crate::domain::HumanDuration;
use crate::simulate::policies::Kind;
use crate::simulate::queueing::Service;

const AFTER_HELP: &str = "\
How it is done:
  The record is measured as `sum(rate(…[1m]))` would have measured it, or over the range of the trigger's query. Forescale's own
  loop lives through it on a virtual clock, with up to `--history` before the judged part to learn from, and tells a simulated KEDA
  and HPA what to do; pods take `--startup` to be Ready, which it is told unless it can read it. Every other policy runs in the same
  cluster. The load does not depend on the fleet.
  `--frontier` sweeps each policy over its safety setting, so that they compare at equal overload and at equal cost.

Columns:
  overload   share of the time with more load than the Ready replicas carry
  SLO min    minutes in which more than 5 % of requests would have taken over 250 ms
  x perf.    replica hours over those of perfect foresight

Exit codes: 0 done, 1 a record can't be read or judged on, 2 wrong usage.

Examples:
  forescale backtest --input web.csv.gz --startup 2m --capacity 50
  forescale backtest --prometheus http://localhost:9090 --query 'sum(rate(http_requests_total[1m]))' --since 14d
  forescale backtest --config forescale.yaml --source thanos --scaled-object web.yaml
  forescale backtest --scaled-object web.yaml --prometheus http://localhost:9090 --frontier --format html --output web.html";

/// What Forescale would have cost and missed on recorded history, beside the HPA and other policies
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Files of `timestamp_unix,value`: CSV, plain or gzip, or Parquet
    #[arg(long, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Prometheus to read the history from, with `--query` or `--scaled-object`
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// Settings file with named sources and their credentials, as `serve` takes it, in the place of `--prometheus`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Name of the source in the settings file [default: default]
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,
    /// The load; one series
    #[arg(long, value_name = "PROMQL")]
    query: Option<String>,
    /// A manifest with a ScaledObject whose trigger is Forescale's, or KEDA's prometheus trigger
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    scaled_object: Option<PathBuf>,
    /// How much history is read, up to now
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    since: HumanDuration,
    /// Further keys of the trigger, as in its metadata
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// From a replica that is wanted to one that is Ready
    #[arg(long, value_name = "DURATION", default_value = "90s")]
    startup: HumanDuration,
    /// Pods differ: `--startup` is their median, two thirds of it are fixed, and one in ten takes 1.3 times as long or longer
    #[arg(long)]
    startup_spread: bool,
    /// The trigger reads its Ready replicas, as with `replicasQuery` or where Forescale may read the cluster: it is not told
    /// `--startup` but learns its lead time, and holds `maxOverload` by what its fleet shows
    #[arg(long)]
    reads_replicas: bool,
    /// Load that one replica carries; Forescale's `threshold` is set to it [default: the trigger's threshold, or that of `--replicas`]
    #[arg(long, value_name = "LOAD")]
    capacity: Option<f64>,
    /// So many replicas carry the median load, when no capacity is known
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    replicas: f64,
    /// What a replica costs an hour
    #[arg(long, value_name = "PRICE", default_value_t = 0.05)]
    price: f64,
    /// The last share of the record that is judged
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    judged: f64,
    /// How much history before the judged part the loop lives through, at most
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    history: HumanDuration,
    /// Policies to compare with, comma-separated; `none` for none [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    policies: Vec<String>,
    /// Sweep each policy over its safety setting
    #[arg(long)]
    frontier: bool,
    /// Seed of the simulated cluster, for `--startup-spread`
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs and reports.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let runtime = super::runtime()?;
    let given = trigger::given(args)?;
    let settings = Settings {
        start_up: args.startup,
        start_up_spread: args.startup_spread,
        capacity: given.capacity,
        replicas_at_median: args.replicas,
        judged: args.judged,
        history: args.history,
        price: args.price,
        trigger: given.trigger,
        configured: given.configured,
        notes: given.notes,
        rivals: rivals(&args.policies)?,
        frontier: args.frontier,
        service: Service::default(),
        seed: args.seed,
    };
    check(args)?;
    let datasets = runtime.block_on(history::read(args, &settings.trigger))?;
    let cases = datasets
        .iter()
        .map(|dataset| Case::new(dataset, &settings))
        .collect::<Result<Vec<_>, _>>()
        .map_err(anyhow::Error::from)?;
    let output = Output::open(args.output.as_deref())?;
    let models = Arc::new(Registry::new(&Config::default()).map_err(Failure::usage)?);
    let progress = Progress::new(cases.iter().map(|c| c.ticks(&settings)).sum(), "ticks");
    let mut traces = Vec::with_capacity(cases.len());
    for case in &cases {
        let stage = Stage::of(case.name(), case.ticks(&settings));
        progress.say(format!("{}: {}", case.name(), backtest::FORESCALE));
        let passed = |ticks| {
            progress.advance(ticks);
            if let Some(text) = stage.after(ticks) {
                progress.say(text);
            }
        };
        let report = runtime.block_on(case.run(&settings, &models, &passed));
        traces.push(report.map_err(anyhow::Error::from)?);
    }
    progress.finish();
    let report = Report {
        forescale: crate::telemetry::VERSION.to_owned(),
        protocol: settings.protocol(),
        traces,
    };
    let text = args
        .format
        .render(&report, backtest::table, backtest::html::html)?;
    output.write(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What a backtest is at, beside a bar that moves with Forescale's own life only: the other policies come after it, and the
/// searches among them take as long again.
struct Stage<'a> {
    trace: &'a str,
    ticks: u64,
    passed: AtomicU64,
}

impl<'a> Stage<'a> {
    /// Before the first of `ticks`.
    fn of(trace: &'a str, ticks: u64) -> Self {
        Self {
            trace,
            ticks,
            passed: AtomicU64::new(0),
        }
    }

    /// What is to be said once so many more ticks have passed; `None` where nothing is new.
    fn after(&self, ticks: u64) -> Option<String> {
        let before = self.passed.fetch_add(ticks, Ordering::Relaxed);
        let done = before < self.ticks && before + ticks >= self.ticks;
        done.then(|| format!("{}: other policies", self.trace))
    }
}

fn check(args: &Args) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::usage(anyhow::anyhow!(text)));
    if !(args.judged > 0.0 && args.judged < 1.0) {
        return usage(format!(
            "`--judged` {} is out of range: allowed is a share above 0 and below 1, such as 0.3",
            args.judged
        ));
    }
    if !(args.replicas >= 1.0 && args.replicas <= 100_000.0) {
        return usage(format!(
            "`--replicas` {} is out of range: allowed are 1 to 100000",
            args.replicas
        ));
    }
    if args.startup.get() > std::time::Duration::from_hours(1) {
        return usage(format!(
            "`--startup` {} is out of range: allowed are 0s to 1h",
            args.startup
        ));
    }
    if args
        .capacity
        .is_some_and(|capacity| !(capacity > 0.0 && capacity.is_finite()))
    {
        return usage(
            "`--capacity` is the load that one replica carries: it must be above 0".to_owned(),
        );
    }
    Ok(())
}

fn rivals(names: &[String]) -> Result<Vec<Kind>, Failure> {
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    let known = names.iter().map(|name| name.trim()).filter(|name| {
        let ours = *name == backtest::FORESCALE;
        !ours && *name != "none"
    });
    known
        .map(|name| {
            Kind::from_name(name).ok_or_else(|| {
                let all = Kind::ALL.map(|kind| format!("`{}`", kind.name()));
                Failure::usage(anyhow::anyhow!(
                    "`--policies`: there is no policy `{name}`; there are {}, and `none`",
                    all.join(", ")
                ))
            })
        })
        .collect()
}
