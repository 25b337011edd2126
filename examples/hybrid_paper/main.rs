//! Prophet plus LSTM in the protocol of Guruge and Priyadarshana (Front. Comput. Sci. 7, 2025): one minute ahead on two
//! public series of requests per minute, the first 70 % to learn from, the rest to be judged on.
//!
//! The paper's code predicts the residual of row `i + 1` from that of row `i` and then adds it to the curve of row
//! `i`: the forecast of a minute holds the truth of that minute. Both alignments are measured here, with the same
//! trained network, next to forecasts that need no training at all.
//!
//! `RAYON_NUM_THREADS=1 cargo run --profile quick --features train --example hybrid_paper -- FILE… [--long]`;
//! `--long` adds a network that looks back over an hour.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a report is what it is for"
)]

mod network;
#[path = "../support/traces.rs"]
mod traces;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use forescale::analyze::models::prophet::{Curve, Growth, Order, Point, Settings, fit};
use network::{Network, Recipe};

/// Share of the rows to learn from.
const KNOWN: f64 = 0.7;

/// The paper's network: one row back, up to 20 epochs, patience 5, batches of 16.
const PAPER: Recipe = Recipe {
    look_back: 1,
    epochs: 20,
    patience: 5,
    batch: 16,
    seed: 1,
};

/// An hour back; larger batches and fewer epochs, or it would take hours.
const LONG: Recipe = Recipe {
    look_back: 60,
    epochs: 5,
    batch: 256,
    ..PAPER
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let long = words.iter().any(|word| word == "--long");
    let files: Vec<PathBuf> = words
        .iter()
        .filter(|word| *word != "--long")
        .map(PathBuf::from)
        .collect();
    if files.is_empty() {
        return Err("name a FILE of lines `unix seconds,value`".into());
    }
    for file in files {
        judge(&file, long)?;
    }
    Ok(())
}

/// The table of one series.
fn judge(file: &Path, long: bool) -> Result<(), Box<dyn Error>> {
    let points = traces::read(file)?;
    let known = (KNOWN * points.len() as f64) as usize;
    let values: Vec<f64> = points.iter().map(|point| point.value).collect();
    println!(
        "\n### {}\n",
        file.file_stem().unwrap_or_default().to_string_lossy()
    );
    println!(
        "{} rows to learn from, {} to be judged on.\n",
        known,
        points.len() - known
    );
    println!("| forecast, one minute ahead | RMSE | MSE | MAE | R² |\n|---|---|---|---|---|");
    let judged = known..points.len();
    let row = |name: &str, forecast: &dyn Fn(usize) -> f64| {
        println!(
            "| {name} | {} |",
            Errors::new(judged.clone().map(|i| (values[i], forecast(i))))
        );
    };
    row("last value", &|i| values[i - 1]);
    let smooth = smoothed(&values, 0.2);
    row("EWMA, 0.2 of the newest", &|i| smooth[i - 1]);

    let alone = learned(&values, known, PAPER)?;
    row("LSTM alone", &|i| alone[i - 1]);
    for (growth, trend) in [(Growth::Linear, "linear"), (Growth::Flat, "flat")] {
        let curve = curve(&points, known, growth)?;
        row(&format!("Prophet alone, {trend} trend"), &|i| curve[i]);
        let residuals: Vec<f64> = values.iter().zip(&curve).map(|(v, c)| v - c).collect();
        let hybrid = learned(&residuals, known, PAPER)?;
        let causal = |i: usize| curve[i] + hybrid[i - 1];
        row(&format!("Prophet ({trend}) + LSTM, causal"), &causal);
        let leaky = |i: usize| curve[i] + hybrid[i];
        row(
            &format!("Prophet ({trend}) + LSTM, the paper's alignment"),
            &leaky,
        );
        if long {
            let hybrid = learned(&residuals, known, LONG)?;
            let causal = |i: usize| curve[i] + hybrid[i - 1];
            row(
                &format!("Prophet ({trend}) + LSTM, causal, an hour back"),
                &causal,
            );
        }
    }
    if long {
        let alone = learned(&values, known, LONG)?;
        row("LSTM alone, an hour back", &|i| alone[i - 1]);
    }
    Ok(())
}

/// Prophet's curve at each row, learned from the known ones.
fn curve(points: &[Point], known: usize, growth: Growth) -> Result<Vec<f64>, Box<dyn Error>> {
    let settings = Settings {
        growth,
        changepoint_prior_scale: 5.1,
        seasonality_prior_scale: 30.0,
        weekly: Order::Fixed(20),
        daily: Order::Fixed(50),
        ..Settings::default()
    };
    let began = Instant::now();
    let fitted = fit(&points[..known], &settings).ok_or("too few rows")?;
    eprintln!("  Prophet: {} ms", began.elapsed().as_millis());
    Ok(Curve::new(&fitted).values(points.iter().map(|point| (point.at, point.local))))
}

/// What a network trained on the known part says, row by row, about the next row.
fn learned(series: &[f64], known: usize, recipe: Recipe) -> Result<Vec<f64>, Box<dyn Error>> {
    let network = Network::train(series, known, recipe)?;
    let ahead = network.ahead(series)?;
    // The first rows of a long window have no answer; they lie far before those that are judged.
    Ok(ahead
        .into_iter()
        .map(|answer| answer.unwrap_or(f64::NAN))
        .collect())
}

fn smoothed(values: &[f64], share: f64) -> Vec<f64> {
    let mut level = values.first().copied().unwrap_or_default();
    values
        .iter()
        .map(|value| {
            level += share * (value - level);
            level
        })
        .collect()
}

/// What the paper reports.
struct Errors {
    mse: f64,
    mae: f64,
    explained: f64,
}

impl Errors {
    fn new(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let n = pairs.len() as f64;
        let mean = pairs.iter().map(|(actual, _)| actual).sum::<f64>() / n;
        let mse = pairs.iter().map(|(a, f)| (a - f).powi(2)).sum::<f64>() / n;
        let variance = pairs.iter().map(|(a, _)| (a - mean).powi(2)).sum::<f64>() / n;
        Self {
            mse,
            mae: pairs.iter().map(|(a, f)| (a - f).abs()).sum::<f64>() / n,
            explained: 1.0 - mse / variance,
        }
    }
}

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            mse,
            mae,
            explained,
        } = self;
        write!(
            f,
            "{:.2} | {mse:.1} | {mae:.2} | {explained:.4}",
            mse.sqrt()
        )
    }
}
