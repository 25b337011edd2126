//! `forescale collect`: a metric's history from Prometheus into a file, window by window, so that it can be stopped and go
//! on at any time.

mod moment;
mod part;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;

use self::moment::Moment;
use self::part::{Asked, Part};
use self::report::Report;
use super::Failure;
use super::check::Format;
use super::flags::Files;
use super::output::Output;
use super::progress::Progress;
use crate::dataset::{self, Kind, MAX_ROWS};
use crate::domain::{Clock, HumanDuration, Metadata, SystemClock, Timestamp, TriggerSpec};
use crate::execute::keda::parse_metadata;
use crate::monitor::{DEFAULT_SOURCE, FetchError, FetchErrorKind, Fetched, Metrics, Monitor, Span};
use crate::settings::{Overrides, Settings};

/// Longest wait between two attempts at a window.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
The range is read in windows that the server accepts (11,000 evaluations at most), oldest first, each with retries. What has been read \
is kept in OUTPUT.part: when the command is stopped, run it again with the same flags and it goes on where it was. With other flags it \
refuses, unless `--force` discards that. The finished \
file appears at once and whole. Steps without data have no row: no data is not zero.

Times may be written as a duration before the present (`30d`), as Unix seconds, or as `2026-03-01T00:00:00Z`.

Exit codes: 0 done, 1 the source could not be read or holds no data, 2 wrong usage.

Examples:
  forescale collect --prometheus http://localhost:9090 --query 'sum(rate(http_requests_total[1m]))' --output web.csv.gz
  forescale collect --config forescale.yaml --source thanos --query 'my:rps' --since 90d --step 30s --output web.parquet";

/// Read a metric's history from Prometheus into a CSV or Parquet file, resumably
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Base URL of the Prometheus to read from
    #[arg(
        long,
        value_name = "URL",
        env = "FORESCALE_PROMETHEUS",
        required_unless_present = "config"
    )]
    prometheus: Option<String>,
    /// Settings file with named sources and their credentials, as `serve` takes it
    #[arg(long, value_name = "FILE", env = "FORESCALE_CONFIG")]
    config: Option<PathBuf>,
    /// Name of the source in the settings file [default: default]
    #[arg(long, value_name = "NAME", requires = "config")]
    source: Option<String>,
    /// PromQL expression; it must return one series
    #[arg(long, value_name = "PROMQL")]
    query: String,
    /// From when on
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: Moment,
    /// Until when [default: the present]
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Distance of two evaluations
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    step: HumanDuration,
    /// Where to write it; the name says the kind: `.csv`, `.csv.gz` or `.parquet`
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Replace OUTPUT if it exists, and discard OUTPUT.part if it was begun with other flags
    #[arg(long)]
    force: bool,
    /// Time that one request may take
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    timeout: HumanDuration,
    /// Attempts at a window that fails for a reason that may pass, each with the source's own retries
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    attempts: u32,
    /// How the report is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads and writes.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let usage = |text: String| Failure::usage(anyhow!(text));
    Kind::of(&args.output).map_err(Failure::usage)?;
    if args.output.exists() && !args.force {
        let output = args.output.display();
        return Err(usage(format!(
            "`--output`: `{output}` exists already; choose another name, or give `--force` to replace it"
        )));
    }
    let settings = Files::default().with("--config", &args.config);
    settings.spared_by("--output", Some(&args.output))?;
    let step = args.step.get();
    if step < Duration::from_secs(1) || step.subsec_nanos() != 0 {
        return Err(usage(format!(
            "`--step` {} is out of range: allowed are whole seconds from 1s on",
            args.step
        )));
    }
    let spec = spec(args)?;
    let (monitor, place) = monitor(args)?;
    monitor.check(&spec).map_err(|error| usage(error.text))?;
    let now = SystemClock.now();
    let span = span(args, now).map_err(usage)?;
    let asked = Asked::of(args, place);
    Output::open(Some(&args.output))?;
    let mut part = Part::open(&args.output, &asked, span, args.force)?;
    super::runtime()?.block_on(read(&monitor, &spec, &mut part, args.attempts))?;
    let (span, read) = part.finish()?;
    let report = Report::new(span, &read, &args.output);
    if read.samples.is_empty() {
        Part::remove(&args.output)?;
        return Err(anyhow!(
            "the query `{}` returned no data between {} and {}; nothing is written, no data is not zero",
            args.query,
            span.from,
            span.until
        )
        .into());
    }
    dataset::write(&args.output, &read.samples).map_err(anyhow::Error::from)?;
    Part::remove(&args.output)?;
    match args.format {
        Format::Text => super::print(&report.text())?,
        Format::Json => super::print(&format!("{:#}\n", report.json()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The query as a trigger would ask it.
fn spec(args: &Args) -> Result<TriggerSpec, Failure> {
    let mut metadata = Metadata::new();
    for (key, value) in [("query", args.query.as_str()), ("threshold", "1")] {
        metadata.insert(key.to_owned(), value.to_owned());
    }
    if let Some(source) = &args.source {
        metadata.insert("source".to_owned(), source.clone());
    }
    let parsed = parse_metadata(&metadata).map_err(|mistakes| {
        let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Failure::usage(anyhow!(texts.join("; ")))
    })?;
    Ok(TriggerSpec {
        step: args.step,
        timeout: Some(args.timeout),
        ..parsed.spec
    })
}

/// The sources, and in words which of them is read.
fn monitor(args: &Args) -> Result<(Monitor, String), Failure> {
    let overrides = Overrides {
        prometheus: args.prometheus.clone(),
        ..Overrides::default()
    };
    let settings = Settings::load(args.config.as_deref(), overrides).map_err(Failure::usage)?;
    let name = args.source.as_deref().unwrap_or(DEFAULT_SOURCE);
    let source = settings.monitor.sources.get(name);
    let place = source.map_or_else(|| name.to_owned(), |source| source.url.clone());
    let monitor = Monitor::new(&settings.monitor, Metrics::default()).map_err(Failure::usage)?;
    Ok((monitor, place))
}

/// What the flags ask for, on the grid.
fn span(args: &Args, now: Timestamp) -> Result<Span, String> {
    let step = args.step.get();
    let until = args.until.map_or(now, |until| until.at(now)).min(now);
    let from = args.since.at(now);
    let span = Span {
        from: from.floor_to(step),
        until: until.floor_to(step),
        step,
    };
    if span.points() < 2 {
        return Err(format!(
            "`--since` {from} must lie at least one step before `--until` {until}"
        ));
    }
    if span.points() > MAX_ROWS as u64 {
        return Err(format!(
            "{} evaluations are more than {MAX_ROWS}: shorten the range or lengthen `--step`",
            span.points()
        ));
    }
    Ok(span)
}

/// Reads what the part file lacks, oldest window first, and puts each window into it.
async fn read(
    monitor: &Monitor,
    spec: &TriggerSpec,
    part: &mut Part,
    attempts: u32,
) -> anyhow::Result<()> {
    let progress = Progress::new(part.span().points(), "evaluations");
    progress.advance(part.span().points() - part.left().map_or(0, |left| left.points()));
    while let Some(left) = part.left() {
        // Cut anew each time: the source learns what its server accepts.
        let Some(window) = monitor.windows(spec, left).pop() else {
            break;
        };
        let fetched = window_with_patience(monitor, spec, window, attempts, &progress)
            .await
            .map_err(|error| stopped(part, window, &error))?;
        part.add(window, &fetched)?;
        progress.advance(window.points());
    }
    progress.finish();
    Ok(())
}

/// Why a window could not be read, and what has been read before it.
fn stopped(part: &Part, window: Span, error: &FetchError) -> anyhow::Error {
    let error = anyhow!(error.text.clone());
    if !part.is_begun() {
        return error.context(format!("nothing could be read, from {} on", window.from));
    }
    error.context(format!(
        "stopped at {}; what has been read is kept in `{}`: run the same command again to go on",
        window.from,
        part.path().display()
    ))
}

async fn window_with_patience(
    monitor: &Monitor,
    spec: &TriggerSpec,
    window: Span,
    attempts: u32,
    progress: &Progress,
) -> Result<Fetched, FetchError> {
    let mut wait = Duration::from_secs(1);
    let mut attempt = 1;
    loop {
        let error = match monitor.fetch(spec, window).await {
            Ok(fetched) => return Ok(fetched),
            Err(error) => error,
        };
        if attempt >= attempts || !may_pass(error.kind) {
            return Err(error);
        }
        let pause = error
            .retry_after
            .unwrap_or(wait)
            .clamp(wait, 10 * LONGEST_WAIT);
        let pause_words = HumanDuration::from_secs(pause.as_secs());
        progress.say(format!("(attempt {attempt} failed, next in {pause_words})"));
        tokio::time::sleep(pause).await;
        progress.say(String::new());
        wait = (2 * wait).min(LONGEST_WAIT);
        attempt += 1;
    }
}

/// Whether asking again later may help.
fn may_pass(kind: FetchErrorKind) -> bool {
    matches!(
        kind,
        FetchErrorKind::Unreachable
            | FetchErrorKind::Timeout
            | FetchErrorKind::Status
            | FetchErrorKind::RateLimited
            | FetchErrorKind::Body
            | FetchErrorKind::CircuitOpen
    )
}
