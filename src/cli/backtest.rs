//! `forescale backtest`: what Forescale would have cost and missed on recorded history, beside others.

mod all;
mod history;
mod left_out;
mod manifest;
mod numbers;
mod requests;
#[cfg(test)]
mod tests;
mod trigger;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::output::{Format, Output, tell_left_out};
use super::{Failure, flags};
use crate::analyze::models::Registry;
use crate::backtest::{self, Case, Report, Settings};
use crate::domain::HumanDuration;
use crate::settings::{self, Overrides};
use crate::simulate::policies::Kind;
use requests::{Nodes, Slo};

const AFTER_HELP: &str = "\
How it is done:
  The record is measured as `sum(rate(…[1m]))` would have measured it, or over the range of the trigger's query. Forescale's own \
  loop lives through it on a virtual clock, with up to `--history` before the judged part to learn from, and tells a simulated KEDA \
  and HPA what to do; pods take `--startup` to be Ready, which it is told unless it can read it. Every other policy runs in the same \
  cluster. The load does not depend on the fleet.
  `--frontier` sweeps each policy over its safety setting, so that they compare at equal overload and at equal cost.

Columns:
  overload   share of the time with more load than the Ready replicas carry
  SLO min    minutes in which more requests than `--slo` allows would have taken longer than it says
  x perf.    replica hours over those of perfect foresight
  Below it: what a month would have taken beside what runs today, which is the manifest's own trigger or the HPA at 70 %.

Exit codes: 0 done, 1 a record can't be read or judged on (the others are reported), 2 wrong usage.

Examples:
  forescale backtest --input web.csv.gz --startup 2m --capacity 50 --price 0.12 --currency EUR
  forescale backtest --prometheus http://localhost:9090 --query 'sum(rate(http_requests_total[1m]))' --since 14d
  forescale backtest --config forescale.yaml --source thanos --scaled-object web.yaml
  forescale backtest --scaled-object web.yaml --prometheus http://localhost:9090 --frontier --format html --output web.html";

/// What Forescale would have cost and missed on recorded history, beside the HPA and other policies
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(super) struct Args {
    /// Files of `timestamp_unix,value`: CSV, plain or gzip, or Parquet; `-` reads standard input
    #[arg(long, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    /// Prometheus to read the history from, with `--query` or `--scaled-object`
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// Settings file as `serve` takes it: how the server plans and forecasts, its calendars, and, in the place of `--prometheus`, named
    /// sources with their credentials
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Name of the source in the settings file [default: default]
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,
    /// The load; one series
    #[arg(long, value_name = "PROMQL")]
    query: Option<String>,
    /// A manifest with a ScaledObject whose trigger is Forescale's, or KEDA's prometheus trigger, also in a `List`; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    scaled_object: Option<PathBuf>,
    /// Which of the manifest's ScaledObjects, where it holds several [default: the first that can be backtested]
    #[arg(long, value_name = "[NAMESPACE/]NAME", requires = "scaled_object")]
    name: Option<String>,
    /// Forescale is run under the object's own `behavior`, as after changing KEDA's trigger and nothing else
    #[arg(long, requires = "scaled_object")]
    own_behavior: bool,
    /// How much history is read from the Prometheus, up to now; of files all is read
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "14d",
        value_parser = numbers::since,
        conflicts_with = "input"
    )]
    since: HumanDuration,
    /// Further keys of the trigger, as in its metadata
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// From a replica that is wanted to one that is Ready
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "90s",
        value_parser = numbers::start_up,
        allow_hyphen_values = true
    )]
    startup: HumanDuration,
    /// Pods differ: `--startup` is their median, two thirds of it are fixed, and one in ten takes 1.3 times as long or longer
    #[arg(long)]
    startup_spread: bool,
    /// The trigger reads its Ready replicas, as with `replicasQuery` or where Forescale may read the cluster: it is not told
    /// `--startup` but learns its lead time, and holds `maxOverload` by what its fleet shows
    #[arg(long)]
    reads_replicas: bool,
    /// Nodes of so many pods, each of which takes so long to come; without it there is always room
    #[arg(long, value_name = "PODS:DURATION[:SPARE]")]
    nodes: Option<Nodes>,
    /// Load that one replica carries; Forescale's `threshold` is set to it [default: the trigger's threshold, or that of `--replicas`]
    #[arg(
        long,
        value_name = "LOAD",
        value_parser = numbers::capacity,
        allow_hyphen_values = true
    )]
    capacity: Option<f64>,
    /// So many replicas carry the median load, when no capacity is known
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20.0,
        value_parser = numbers::replicas,
        allow_hyphen_values = true
    )]
    replicas: f64,
    /// What a replica costs an hour
    #[arg(
        long,
        value_name = "PRICE",
        default_value_t = 0.05,
        value_parser = numbers::price,
        allow_hyphen_values = true
    )]
    price: f64,
    /// What the price is counted in, to stand behind sums
    #[arg(long, value_name = "NAME")]
    currency: Option<String>,
    /// What a latency objective promises: so many of the requests of a minute within this time
    #[arg(long, value_name = "PERCENT<DURATION", default_value_t)]
    slo: Slo,
    /// Mean time that a request takes on a replica with nothing else to do, for SLO minutes
    #[arg(long, value_name = "DURATION", default_value = "50ms")]
    service_time: HumanDuration,
    /// Requests that one replica works on at once, for SLO minutes
    #[arg(long, value_name = "N", default_value_t = 16)]
    concurrency: u32,
    /// The last share of the record that is judged
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.3,
        value_parser = numbers::share,
        allow_hyphen_values = true
    )]
    judged: f64,
    /// How much history before the judged part the loop lives through, at most
    #[arg(long, value_name = "DURATION", default_value = "14d")]
    history: HumanDuration,
    /// Policies to compare with, comma-separated: `hpa`, `hpa-cpu`, `hpa-tuned`, `cron`, `phpa`, `crane`, `kedastral`, `aws-hourly-max`,
    /// `fixed`, `perfect`; `none` for none [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    policies: Vec<String>,
    /// Sweep each policy over its safety setting
    #[arg(long)]
    frontier: bool,
    /// Seed of the simulated cluster, for `--startup-spread`
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Folders with `NAME.onnx`, looked through before `models` and those of `--config`
    #[arg(long, value_name = "DIR")]
    model_dir: Vec<PathBuf>,
    /// Records that are run at the same time [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = flags::jobs, allow_hyphen_values = true)]
    jobs: Option<NonZero<usize>>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Where to write it [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs and reports.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    requests::check(args.service_time, args.concurrency, args.slo)
        .map_err(|text| Failure::usage(anyhow::anyhow!(text)))?;
    let server = server(args)?;
    spare_what_is_read(args, &server)?;
    flags::model_dirs(&args.model_dir)?;
    let given = trigger::given(args)?;
    let models = Arc::new(Registry::new(&server.analyze).map_err(Failure::usage)?);
    let place = given.place_of_the_model.as_str();
    flags::known_model(place, &models, &given.trigger.model)?;
    let mut notes = given.notes.clone();
    let without = models.without_networks();
    notes.extend(without.map(|text| format!("{text}; `--model-dir` names another folder")));
    let settings = Settings {
        start_up: args.startup,
        start_up_spread: args.startup_spread,
        nodes: args.nodes.map(Into::into),
        capacity: given.capacity,
        replicas_at_median: args.replicas,
        judged: args.judged,
        history: args.history,
        price: args.price,
        currency: args.currency.clone(),
        trigger: given.trigger.clone(),
        configured: given.configured.clone(),
        notes,
        rivals: rivals(&args.policies)?,
        frontier: args.frontier,
        service: args.slo.service(args.service_time, args.concurrency),
        plan: server.plan.clone(),
        analyze: server.analyze.clone(),
        seed: args.seed,
    };
    let (datasets, mut left_out) =
        super::runtime()?.block_on(history::read(args, &server, &given))?;
    let mut cases = Vec::with_capacity(datasets.len());
    for dataset in &datasets {
        match Case::new(dataset, &settings) {
            Ok(case) => cases.push(case),
            Err(error) => left_out.push(error.into()),
        }
    }
    let output = Output::open(args.output.as_deref())?;
    let (traces, failed) = all::run(&cases, &settings, &models, args.jobs)?;
    left_out.extend(failed);
    if traces.is_empty() {
        return Err(super::output::nothing_but(&left_out).into());
    }
    let report = Report {
        forescale: crate::telemetry::VERSION.to_owned(),
        protocol: settings.protocol(),
        traces,
        left_out,
    };
    let text = args
        .format
        .render(&report, backtest::table, backtest::html::html)?;
    output.write(&text)?;
    Ok(tell_left_out(&report.left_out))
}

/// That the report takes the place of nothing that is read.
fn spare_what_is_read(args: &Args, server: &settings::Settings) -> Result<(), Failure> {
    let calendars = server.plan.calendars.values();
    let read = flags::Files::default()
        .with("--input", &args.input)
        .with("--scaled-object", &args.scaled_object)
        .with("--config", &args.config)
        .with("--config", calendars.map(|calendar| &calendar.path));
    read.stdin_once()?;
    read.spared_by("--output", args.output.as_deref())
}

/// The server whose loop is run: by default one that was given no settings.
fn server(args: &Args) -> Result<settings::Settings, Failure> {
    let overrides = Overrides {
        prometheus: args.prometheus.clone(),
        ..Overrides::default()
    };
    let file = args.config.as_deref();
    let mut server = settings::Settings::load(file, overrides).map_err(Failure::usage)?;
    let folders = args.model_dir.iter().cloned();
    server.analyze.model_dirs.splice(0..0, folders);
    Ok(server)
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
