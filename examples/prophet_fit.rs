//! Fits the native Prophet to one trace and prints what it found as JSON: `scripts/compare-prophet.py` holds it
//! against the upstream package.
//!
//! `cargo run --profile quick --example prophet_fit -- FILE [--mode multiplicative] [--hold-out SECONDS] [--runs N]`,
//! where FILE has lines `unix seconds,value`, plain or gzip. The last `SECONDS` (default: a day) are not learned from;
//! the curve is printed for every sample, those among them.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

#[path = "support/traces.rs"]
mod traces;

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use forescale::analyze::models::prophet::{Curve, Fitted, Mode, Settings, fit};
use serde_json::json;

struct Arguments {
    file: PathBuf,
    settings: Settings,
    hold_out: i64,
    runs: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let points = traces::read(&arguments.file)?;
    let end = points.last().map_or(0, |point| point.at);
    let known = points.partition_point(|point| point.at <= end - arguments.hold_out);
    let mut times = Vec::new();
    let mut fitted = None;
    for _ in 0..arguments.runs.max(1) {
        let began = Instant::now();
        fitted = fit(&points[..known], &arguments.settings);
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let fitted = fitted.ok_or("too few samples to fit")?;
    let curve = Curve::new(&fitted).values(points.iter().map(|point| (point.at, point.local)));
    println!("{}", report(&fitted, &curve, known, times[times.len() / 2]));
    Ok(())
}

fn report(fitted: &Fitted, curve: &[f64], known: usize, fit_ms: f64) -> serde_json::Value {
    let seasons = fitted.design.seasons().iter();
    let place = |at: &i64| (at - fitted.start) as f64 / fitted.span;
    json!({
        "samples": known,
        "fit_ms": fit_ms,
        "k": fitted.k,
        "m": fitted.m,
        "delta": fitted.delta,
        "beta": fitted.beta,
        "sigma": fitted.sigma,
        "changepoints": fitted.changepoints.iter().map(place).collect::<Vec<_>>(),
        "seasons": seasons.map(|s| (s.period, s.order)).collect::<Vec<_>>(),
        "log_posterior": fitted.log_posterior,
        "curve": curve,
    })
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut arguments = Arguments {
        file: PathBuf::from(words.next().ok_or("name a FILE")?),
        settings: Settings::default(),
        hold_out: 86_400,
        runs: 9,
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{word}` needs a value"))?;
        match word.as_str() {
            "--mode" if value == "multiplicative" => arguments.settings.mode = Mode::Multiplicative,
            "--mode" if value == "additive" => arguments.settings.mode = Mode::Additive,
            "--hold-out" => arguments.hold_out = value.parse()?,
            "--runs" => arguments.runs = value.parse()?,
            _ => return Err(format!("unknown argument `{word} {value}`").into()),
        }
    }
    Ok(arguments)
}
