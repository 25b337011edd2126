//! `forescale demo`: the whole loop with nothing else installed.
//!
//! The service of `serve` reads a built-in Prometheus-compatible endpoint, answers a KEDA over real gRPC, and is obeyed
//! by a virtual cluster; beside it the same cluster is driven by a plain HPA on the same metric. [`driver`] moves the
//! virtual time, [`view`] shows it, [`summary`] says what came out and [`verdict`] what may be concluded from it.

mod cluster;
mod driver;
mod frame;
mod plain;
mod play;
mod progress;
mod scaler;
mod screen;
mod setup;
mod stage;
mod summary;
mod totals;
mod verdict;
mod view;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::analyze::{self, models::Registry};
use crate::domain::{HumanDuration, ManualClock};
use crate::simulate::demand::{Demand, Pattern};
use crate::telemetry::{self, LogHandle};
use driver::Driver;
use frame::Doors;
use play::Show;
use progress::Progress;
use scaler::Live;
use screen::Screen;
use setup::{START, Setup, WithoutData};
use stage::{Address, Stage};
use summary::Summary;

/// Virtual seconds a second when somebody watches: a day in a minute.
const WATCHABLE: f64 = 1440.0;
/// One look of the HPA.
const SHORTEST: HumanDuration = HumanDuration::from_secs(15);
const LONGEST: HumanDuration = HumanDuration::from_secs(30 * 86_400);

/// Flags of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Virtual time to run, such as `6h`, `24h` or `7d`
    #[arg(long = "for", value_name = "DURATION", default_value = "24h")]
    length: HumanDuration,
    /// Seed of everything left to chance: the same seed gives the same run on every machine, with the same networks in `models/`
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Kind of workload
    #[arg(long, value_enum, default_value_t = Pattern::Shop)]
    pattern: Pattern,
    /// Virtual seconds a second, or `max` [default: 1440 with the live view, max without]
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<Speed>,
    /// How the summary is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Leave gRPC and HTTP open after the summary, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// No live view, only a line for each virtual hour
    #[arg(long)]
    no_view: bool,
    /// Change a key of the trigger's metadata, such as `--set model=seasonal-naive`; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// What the plain HPA does while the metric is missing
    #[arg(long, value_name = "ACTION", value_enum, default_value_t = WithoutData::Hold)]
    plain_without_data: WithoutData,
    /// Address of the gRPC server [default: 127.0.0.1:6000, or a free port if that is taken]
    #[arg(long, value_name = "ADDR", env = "FORESCALE_GRPC_ADDR")]
    grpc_addr: Option<SocketAddr>,
    /// Address of the HTTP server [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, value_name = "ADDR", env = "FORESCALE_HTTP_ADDR")]
    http_addr: Option<SocketAddr>,
    /// Log filter; the live view hides the log unless stderr goes elsewhere
    #[arg(
        long,
        value_name = "FILTER",
        env = "FORESCALE_LOG",
        default_value = "error"
    )]
    log: String,
}

/// How the summary is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table and a sentence.
    Text,
    /// The same as JSON.
    Json,
}

/// How fast virtual time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Speed {
    Factor(f64),
    Max,
}

/// Runs the demo to its end.
#[expect(
    clippy::needless_pass_by_value,
    reason = "commands own their arguments, as the desk hands them over"
)]
pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    let setup = args.setup().map_err(Failure::usage)?;
    let watched = args.watched();
    // Log lines would tear the view.
    let filter = if watched && std::io::stderr().is_terminal() {
        "off"
    } else {
        &args.log
    };
    let log = telemetry::init(filter, telemetry::Format::Auto)
        .map_err(|text| Failure::usage(anyhow::anyhow!(text)))?;
    known_model(&setup)?;
    super::runtime()?.block_on(show(&args, setup, watched, log))?;
    Ok(ExitCode::SUCCESS)
}

/// That the trigger's model is there: otherwise a stand-in would be shown.
fn known_model(setup: &Setup) -> Result<(), Failure> {
    let models = Registry::new(&analyze::Config::default()).map_err(Failure::usage)?;
    super::flags::known_model("`--set`: `model`", &models, &setup.model)
}

async fn show(args: &Args, setup: Setup, watched: bool, log: LogHandle) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    on_signal(&stop)?;
    let clock = Arc::new(ManualClock::at(START));
    let demand = Arc::new(Demand::new(setup.pattern, setup.seed, START));
    let (grpc, http) = args.addresses();
    let stage = Stage::set(
        Arc::clone(&demand),
        Arc::clone(&clock),
        grpc,
        http,
        Some(log),
    )
    .await?;
    let doors = Doors::new(stage.grpc, stage.http, setup.name(), setup.metadata_json());
    let engine = Arc::clone(&stage.engine);
    let scaler = Live::connect(engine, stage.grpc, setup.name(), &setup.metadata).await?;
    let mut driver = Driver::new(setup, clock, demand, scaler);
    let mut show = if watched {
        Show::Screen(Box::new(Screen::take(colours())?))
    } else {
        if let Some(without) = stage.engine.models().without_networks() {
            tell(&format!("note: {without}"));
        }
        announce(&doors);
        Show::Lines(Progress::default())
    };
    let pace = args.pace(watched);
    play::play(&mut driver, &mut show, pace, &doors, &stop).await?;
    // The summary goes to the ordinary screen.
    drop(show);
    print(&driver.summary(), args.format)?;
    if args.keep && !stop.is_cancelled() {
        if watched {
            announce(&doors);
        }
        tell("the servers stay open, Ctrl-C ends");
        stop.cancelled().await;
    }
    drop(driver);
    stage.clear().await
}

impl Args {
    fn setup(&self) -> anyhow::Result<Setup> {
        ensure!(
            (SHORTEST..=LONGEST).contains(&self.length),
            "`--for` is `{}`: write a duration from {SHORTEST} to {LONGEST}",
            self.length
        );
        Setup::new(
            self.pattern,
            self.seed,
            self.length,
            &self.set,
            self.plain_without_data,
        )
    }

    /// Whether there is a person to show the view to.
    fn watched(&self) -> bool {
        self.format == Format::Text
            && !self.no_view
            && std::io::stdout().is_terminal()
            && std::io::stdin().is_terminal()
    }

    fn pace(&self, watched: bool) -> Option<f64> {
        match self.speed {
            Some(Speed::Factor(factor)) => Some(factor),
            Some(Speed::Max) => None,
            None => watched.then_some(WATCHABLE),
        }
    }

    fn addresses(&self) -> (Address, Address) {
        let address = |wanted, usual_port| Address { wanted, usual_port };
        (address(self.grpc_addr, 6000), address(self.http_addr, 8080))
    }
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    match text.parse() {
        Ok(factor) if (0.001..=1e9).contains(&factor) => Ok(Speed::Factor(factor)),
        _ => Err("write a number above 0, such as `1440`, or `max`".to_owned()),
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as `model=seasonal-naive`".to_owned()),
    }
}

/// Whether colours are welcome (<https://no-color.org>).
fn colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Cancels `stop` on SIGINT or SIGTERM; a second signal ends the process at once.
fn on_signal(stop: &CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let stop = stop.clone();
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if again {
                ratatui::restore();
                std::process::exit(130);
            }
            stop.cancel();
        }
    });
    Ok(())
}

fn announce(doors: &Doors) {
    tell("try from another terminal:");
    let commands = [
        doors.curl_workload(),
        doors.curl_metrics(),
        doors.grpcurl_list(),
    ];
    for line in commands.iter().chain(&doors.grpcurl_metric()) {
        tell(&format!("  {line}"));
    }
}

/// Tells a person something that is no result. Nobody needs to know that stderr is closed.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn print(summary: &Summary, format: Format) -> anyhow::Result<()> {
    let text = match format {
        Format::Text => summary.text(),
        Format::Json => summary
            .json()
            .context("failed to write the summary as JSON")?,
    };
    match writeln!(std::io::stdout().lock(), "{text}") {
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("failed to write the summary"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_positive_number_or_max() {
        assert_eq!(speed("1440"), Ok(Speed::Factor(1440.0)));
        assert_eq!(speed("max"), Ok(Speed::Max));
        for bad in ["0", "-1", "NaN", "inf", "fast", ""] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_set_with_the_first_equals_sign() {
        let set = key_value("customHeaders=a=b").unwrap();
        assert_eq!(set, ("customHeaders".to_owned(), "a=b".to_owned()));
        assert!(key_value("model").is_err() && key_value("=x").is_err());
    }
}
