//! `forescale train`: from recorded history to an ONNX file.

mod card;
mod flags;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow};

use super::Failure;
use super::output::{save, tell_left_out};
use super::progress::Progress;
use crate::analyze::OnnxEngine;
use crate::analyze::models::onnx::card::Card;
use crate::analyze::models::onnx::engine::{self, Engine};
use crate::analyze::models::onnx::row::Row;
use crate::dataset::{self, Dataset, LeftOut};
use crate::domain::Series;
use crate::telemetry;
use crate::train::corpus::Corpus;
use crate::train::cutter::Cutter;
use crate::train::export;
use crate::train::measure::{self, Measures};
use crate::train::net::Net;
use crate::train::recipe::{Network, Recipe, SHIPPED};
use crate::train::session::{Outcome, Plan, Session, start_from};
use crate::train::synthetic;

const AFTER_HELP: &str = "\
How it is done:
  Windows are cut from the inputs by the server's own preprocessing and window code. All series of a source (files whose names \
  begin alike, by the recipe) end at the first 70 % of its calendar span; the last 15 % before that say when to stop. Nothing \
  later is looked at, but with `--report-held-out`, after training. Synthetic series are mixed in.
  The network that did best on the validation windows is written, run in every engine that is here, and compared \
  with the trainer's own answers.

Exit codes: 0 done, 1 an input can't be read or the training failed, 2 wrong usage.

Examples:
  forescale train --network mlp --input history/*.csv.gz --output models/mine.onnx
  forescale train --network mlp --input mine.csv --fine-tune mlp.safetensors --steps 500 --rate 3e-4 --output models/mine.onnx
  forescale train --network gru --synthetic-only --output models/general.onnx";

/// Train a network on recorded history and write it as an ONNX file
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Files of `timestamp_unix,value`: CSV, plain or gzip, or Parquet; `-` reads standard input
    #[arg(long, num_args = 1.., value_name = "FILE", required_unless_present = "synthetic_only")]
    input: Vec<PathBuf>,
    /// Which network of the recipe
    #[arg(long, value_name = "NAME")]
    network: String,
    /// Where the network is written, NAME.onnx; its name is the file's
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// A recipe in YAML [default: that of the shipped networks]
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// A page about the network, in Markdown: data, command, checksum, figures
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Licence of the weights
    #[arg(long, value_name = "NAME", default_value = "MIT")]
    licence: String,
    /// Everything drawn follows from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Steps at most [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = flags::count, allow_hyphen_values = true)]
    steps: Option<usize>,
    /// The highest learning rate [default: the recipe's]
    #[arg(long, value_name = "RATE", value_parser = flags::rate, allow_hyphen_values = true)]
    rate: Option<f64>,
    /// Steps from one look at the validation windows to the next
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = flags::count, allow_hyphen_values = true)]
    check_every: usize,
    /// Looks without a better one before it is stopped
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = flags::count, allow_hyphen_values = true)]
    patience: usize,
    /// Where weights and the optimiser's state are kept at each look
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Take up the training that `--checkpoint` holds
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    /// Start from the best weights of this checkpoint
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    fine_tune: Option<PathBuf>,
    /// Learn from synthetic series only
    #[arg(long, conflicts_with = "input")]
    synthetic_only: bool,
    /// Report on what lies after the cuts, once training is over
    #[arg(long)]
    report_held_out: bool,
    /// ONNX Runtime's shared library, to compare with [default: `ORT_DYLIB_PATH`, then the usual places]
    #[arg(long, value_name = "FILE")]
    onnx_library: Option<PathBuf>,
}

/// What a training came to.
#[derive(Debug)]
struct Trained {
    outcome: Outcome,
    seconds: f64,
    validation: Measures,
    each: Vec<(String, Measures)>,
    held_out: Option<(Measures, Vec<(String, Measures)>)>,
    /// The largest relative difference in each engine.
    differences: Vec<(String, f64)>,
}

/// Trains and writes.
pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    if !std::io::stderr().is_terminal() {
        // Where there is no bar, the log tells how far it is; one that runs already is as good.
        let _ = telemetry::init("forescale=info", telemetry::Format::Text);
    }
    flags::check_files(args)?;
    let recipe = recipe(args.recipe.as_deref()).map_err(Failure::usage)?;
    let network = network(&recipe, args).map_err(Failure::usage)?;
    let mut card = network
        .card(&args.licence)
        .map_err(|why| Failure::usage(anyhow!(why)))?;
    let datasets: Vec<Dataset> = args
        .input
        .iter()
        .map(|path| dataset::read(path).map_err(anyhow::Error::from))
        .collect::<anyhow::Result<_>>()?;
    let corpus = gather(args, &recipe, &network, &card, &datasets)?;
    card.trained_until = corpus.until().map(|at| at.to_rfc3339()[..10].to_owned());
    let net = Net::new(network.shape(&card), args.seed).context("the network can't be built")?;
    let trained = train(args, &network, &net, &corpus, &card)?;
    let file =
        export::to_onnx(&net, &card).map_err(|why| anyhow!("the file can't be written: {why}"))?;
    let trained = Trained {
        differences: compare(args, &net, &card, &file, &datasets)?,
        ..trained
    };
    save(&args.output, &file)?;
    super::print(&card::table(&trained))?;
    if let Some(path) = &args.card {
        let page = card::page(args, &recipe, &network, &corpus, &trained, &file);
        save(path, page)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn recipe(path: Option<&Path>) -> anyhow::Result<Recipe> {
    let Some(path) = path else {
        return Recipe::read(SHIPPED).map_err(|why| anyhow!(why));
    };
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("`{}` can't be read", path.display()))?;
    Recipe::read(&text).map_err(|why| anyhow!("recipe `{}`: {why}", path.display()))
}

fn network(recipe: &Recipe, args: &Args) -> anyhow::Result<Network> {
    let mut network = recipe.networks.get(&args.network).cloned().ok_or_else(|| {
        let known: Vec<String> = recipe
            .networks
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        anyhow!(
            "the recipe has no network `{}`; it has {}",
            args.network,
            known.join(", ")
        )
    })?;
    flags::check_network(&args.network, &network)?;
    network.steps = args.steps.unwrap_or(network.steps);
    network.rate = args.rate.unwrap_or(network.rate);
    Ok(network)
}

fn gather(
    args: &Args,
    recipe: &Recipe,
    network: &Network,
    card: &Card,
    datasets: &[Dataset],
) -> anyhow::Result<Corpus> {
    let amounts = recipe.amounts(args.seed);
    let bar = Progress::new((datasets.len() + amounts.synthetic) as u64, "series");
    let corpus = Corpus::gather(
        card,
        &network.shape(card),
        datasets,
        &recipe.sources,
        amounts,
        args.report_held_out,
        |name| {
            bar.say(name.to_owned());
            bar.advance(1);
        },
    );
    bar.finish();
    let corpus = corpus.map_err(|why| anyhow!(why))?;
    let without = corpus.without_windows().map(|(name, why)| LeftOut {
        name: name.to_owned(),
        why,
    });
    // The others are learned from, which is a success.
    let _ = tell_left_out(&without.collect::<Vec<_>>());
    tracing::info!(
        train = corpus.train.len(),
        validation = corpus.validation.len(),
        held_out = corpus.held_out.len(),
        "windows are cut"
    );
    Ok(corpus)
}

fn train(
    args: &Args,
    network: &Network,
    net: &Net,
    corpus: &Corpus,
    card: &Card,
) -> anyhow::Result<Trained> {
    let plan = Plan {
        steps: network.steps,
        batch: network.batch,
        rate: network.rate,
        check_every: args.check_every,
        patience: args.patience,
        seed: args.seed,
        checkpoint: args.checkpoint.clone(),
    };
    if let Some(path) = &args.fine_tune {
        start_from(net, path).with_context(|| format!("checkpoint `{}`", path.display()))?;
    }
    let started = Instant::now();
    let mut session = Session::new(net, corpus, &plan, &card.levels, &card.peak_leads)?;
    if let Some(path) = args
        .checkpoint
        .as_deref()
        .filter(|path| args.resume && path.exists())
    {
        session
            .resume(path)
            .with_context(|| format!("checkpoint `{}`", path.display()))?;
    }
    let bar = Progress::new(plan.steps as u64, "steps");
    let outcome = session.run(|step, loss| {
        bar.advance(1);
        if let Some(loss) = loss {
            bar.say(format!("validation {loss:.4}"));
            tracing::info!(step, loss, "looked at the validation windows");
        }
    });
    bar.finish();
    let (levels, leads) = (&card.levels, &card.peak_leads);
    let seconds = started.elapsed().as_secs_f64();
    let held_out = if args.report_held_out {
        let examples = &corpus.held_out;
        Some((
            measure::all(net, corpus, examples, levels, leads, true)?,
            measure::each(net, corpus, examples, levels, leads)?,
        ))
    } else {
        None
    };
    Ok(Trained {
        outcome: outcome?,
        seconds,
        validation: measure::all(net, corpus, &corpus.validation, levels, leads, false)?,
        each: measure::each(net, corpus, &corpus.validation, levels, leads)?,
        held_out,
        differences: Vec::new(),
    })
}

/// Runs the file in the engines that are here, on windows of the first series that gives any.
fn compare(
    args: &Args,
    net: &Net,
    card: &Card,
    file: &[u8],
    datasets: &[Dataset],
) -> anyhow::Result<Vec<(String, f64)>> {
    let recorded = datasets.iter().map(|it| it.series.tail(20_000));
    let all = recorded.chain([synthetic::series(args.seed, 0)]);
    let mut rows = Vec::new();
    for series in all {
        rows = windows_of(card, &series)?;
        if !rows.is_empty() {
            break;
        }
    }
    let mut found = Vec::new();
    for engine in engines(args) {
        let difference = export::difference(net, card, file, &*engine, &rows)
            .map_err(|why| anyhow!("{}: {why}", engine.name()))?;
        found.push((engine.name(), difference));
    }
    Ok(found)
}

/// Some windows, evenly spread over a series.
fn windows_of(card: &Card, series: &Series) -> anyhow::Result<Vec<Row>> {
    let cutter = Cutter::new(card, series).map_err(|why| anyhow!(why))?;
    let origins = cutter.origins(series.start(), series.end());
    let every = (origins.len() / 64).max(1);
    let rows = origins
        .into_iter()
        .step_by(every)
        .filter_map(|origin| cutter.cut(origin, None).ok().flatten());
    Ok(rows.map(|(row, _)| row).collect())
}

fn engines(args: &Args) -> Vec<std::sync::Arc<dyn Engine>> {
    let env = |name: &str| std::env::var_os(name);
    let library = args.onnx_library.as_deref();
    [OnnxEngine::Rten, OnnxEngine::OnnxRuntime]
        .into_iter()
        .filter_map(|choice| engine::open(choice, library, env).ok())
        .collect()
}
