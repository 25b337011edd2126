//! How good the built-in models are on real traces: replays the last 30 % of each trace, refitting on the way, and
//! prints each model's mean absolute error relative to the naive model's and how often its upper bands covered.
//!
//! `FORESCALE_TRACES=folder cargo run --release --example accuracy [NAME…]`, where the folder holds files `NAME.csv.gz`
//! or `NAME.csv` with lines `unix seconds,value`. `FORESCALE_REFIT_HOURS` (default 2) says how often models are
//! fitted anew, `FORESCALE_MODELS` which ones are tried.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forescale::analyze::models::Registry;
use forescale::analyze::{Config, ForecastInput, ModelError, fit_with, prepare};
use forescale::domain::{Fit, Forecast, ModelChoice, Quantile, Sample, Series, Timestamp};

/// Minutes ahead that are reported.
const AHEAD: [u64; 3] = [5, 15, 30];
const HISTORY_DAYS: u64 = 14;

/// Sums for one model on one trace.
#[derive(Clone, Debug, Default)]
struct Tally {
    errors: [f64; 3],
    covered: [[u32; 2]; 3],
    count: [u32; 3],
    missed: u32,
}

struct Report {
    name: String,
    tallies: Vec<Tally>,
    fit_ms: f64,
    forecast_us: f64,
    prepare_us: f64,
    fit_bytes: usize,
    last: Option<Fit>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::var_os("FORESCALE_TRACES") else {
        println!("nothing to do: set FORESCALE_TRACES to a folder of traces");
        return Ok(());
    };
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let models = std::env::var("FORESCALE_MODELS").unwrap_or_else(|_| {
        "naive,auto,mix,seasonal-naive,holt-winters,linear,linear-log,recent-mean".to_owned()
    });
    let models: Vec<&str> = models.split(',').collect();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains(".csv"))
        .filter(|path| wanted.is_empty() || wanted.contains(&stem(path)))
        .collect();
    files.sort();
    let mut reports = Vec::new();
    for file in files {
        let report = replay(&file, &models)?;
        print_one(&report, &models);
        reports.push(report);
    }
    print_means(&reports, &models);
    Ok(())
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn read(path: &Path) -> Result<Series, Box<dyn Error>> {
    let text = if path.extension().is_some_and(|e| e == "gz") {
        String::from_utf8(Command::new("gzip").arg("-dc").arg(path).output()?.stdout)?
    } else {
        std::fs::read_to_string(path)?
    };
    let samples: Vec<Sample> = text
        .lines()
        .filter_map(|line| {
            let (at, value) = line.split_once(',')?;
            Some(Sample {
                at: Timestamp::from_secs(at.parse::<f64>().ok()? as i64),
                value: value.parse().ok()?,
            })
        })
        .collect();
    let mut gaps: Vec<u64> = samples
        .windows(2)
        .map(|w| w[1].at.since(w[0].at).as_secs())
        .collect();
    gaps.sort_unstable();
    let step = gaps.get(gaps.len() / 2).copied().unwrap_or(60);
    Ok(Series::from_samples(Duration::from_secs(step), &samples))
}

fn cut(series: &Series, from: usize, until: usize) -> Series {
    Series::new(
        series.time_of(from),
        series.step(),
        series.values()[from..until].to_vec(),
    )
}

fn replay(file: &Path, names: &[&str]) -> Result<Report, Box<dyn Error>> {
    let series = read(file)?;
    let step = series.step().as_secs();
    let registry = Registry::new(&Config::default())?;
    let levels: Arc<[Quantile]> = [0.5, 0.9, 0.95]
        .map(|l| Quantile::new(l).ok())
        .into_iter()
        .flatten()
        .collect();
    let horizon = (1800 / step).max(1) as usize;
    let history_steps = (HISTORY_DAYS * 86_400 / step) as usize;
    let refit_hours: f64 = std::env::var("FORESCALE_REFIT_HOURS")
        .ok()
        .and_then(|h| h.parse().ok())
        .unwrap_or(2.0);
    let refit_every = ((refit_hours * 3600.0) as u64 / step).max(1) as usize;
    let mut every = ((420 / step).max(1)) as usize;
    if step == 60 {
        every = 7;
    }
    let mut report = Report {
        name: stem(file),
        tallies: vec![Tally::default(); names.len()],
        fit_ms: 0.0,
        forecast_us: 0.0,
        prepare_us: 0.0,
        fit_bytes: 0,
        last: None,
    };
    let (mut fits, mut forecasts) = (0.0, 0.0);
    let mut fitted: Option<(usize, Arc<Fit>)> = None;
    for origin in (series.len() * 7 / 10..series.len().saturating_sub(horizon)).step_by(every) {
        let from = (origin + 1).saturating_sub(history_steps);
        let started = Instant::now();
        let history = Arc::new(prepare(&cut(&series, from, origin + 1)));
        report.prepare_us += started.elapsed().as_secs_f64() * 1e6;
        if fitted
            .as_ref()
            .is_none_or(|(at, _)| origin - at >= refit_every)
        {
            let started = Instant::now();
            let fit = fit_with(&history, horizon, "UTC", series.time_of(origin), names);
            report.fit_ms += started.elapsed().as_secs_f64() * 1e3;
            fits += 1.0;
            report.fit_bytes = report.fit_bytes.max(fit.bytes());
            fitted = Some((origin, Arc::new(fit)));
        }
        let fit = fitted.as_ref().map(|(_, fit)| Arc::clone(fit));
        if series.values()[origin].is_nan() {
            continue;
        }
        let input = ForecastInput {
            history,
            fit: fit.clone(),
            horizon_steps: horizon,
            timezone: "UTC".into(),
            levels: Arc::clone(&levels),
        };
        let answers: Vec<Result<Forecast, ModelError>> = names
            .iter()
            .map(|name| {
                let started = Instant::now();
                let choice = ModelChoice::Named((*name).to_owned());
                let answer = registry
                    .get(&choice, fit.as_deref())?
                    .forecast(std::slice::from_ref(&input))
                    .remove(0);
                report.forecast_us += started.elapsed().as_secs_f64() * 1e6;
                forecasts += 1.0;
                answer
            })
            .collect();
        let naive = answers.first().and_then(|a| a.as_ref().ok()).cloned();
        for (tally, answer) in report.tallies.iter_mut().zip(answers) {
            if answer.is_err() {
                tally.missed += 1;
            }
            if let Some(forecast) = answer.ok().or_else(|| naive.clone()) {
                count(tally, &forecast, &series, origin);
            }
        }
    }
    report.last = fitted.map(|(_, fit)| Arc::unwrap_or_clone(fit));
    report.prepare_us /= forecasts / names.len() as f64;
    report.fit_ms /= fits;
    report.forecast_us /= forecasts;
    Ok(report)
}

fn count(tally: &mut Tally, forecast: &Forecast, series: &Series, origin: usize) {
    for (place, minutes) in AHEAD.iter().enumerate() {
        let steps = (minutes * 60 / series.step().as_secs()).max(1) as usize;
        let Some(actual) = series.values().get(origin + steps).filter(|v| !v.is_nan()) else {
            continue;
        };
        let at = |level: f64| {
            Quantile::new(level).map_or(f64::NAN, |level| forecast.quantile(level, steps - 1))
        };
        tally.errors[place] += (actual - at(0.5)).abs();
        tally.count[place] += 1;
        for (which, level) in [0.9, 0.95].into_iter().enumerate() {
            tally.covered[place][which] += u32::from(*actual <= at(level) * (1.0 + 1e-6));
        }
    }
}

fn relative(report: &Report, model: usize, place: usize) -> f64 {
    report.tallies[model].errors[place] / report.tallies[0].errors[place].max(1e-12)
}

fn coverage(tally: &Tally, place: usize, which: usize) -> f64 {
    f64::from(tally.covered[place][which]) / f64::from(tally.count[place].max(1))
}

fn print_one(report: &Report, names: &[&str]) {
    println!(
        "{}: fit {:.1} ms, {} bytes; prepare {:.0} us; forecast {:.0} us",
        report.name, report.fit_ms, report.fit_bytes, report.prepare_us, report.forecast_us
    );
    if let Some(fit) = &report.last {
        let scores = fit
            .scores
            .iter()
            .map(|s| format!("{} {:.2}", s.model, s.relative_loss));
        let profile = fit.profile.as_ref().map_or(0, |p| p.values.len());
        println!(
            "  profile {profile}; {}",
            scores.collect::<Vec<_>>().join(", ")
        );
    }
    for (model, name) in names.iter().enumerate() {
        let tally = &report.tallies[model];
        let relative = [0, 1, 2]
            .map(|place| format!("{:.3}", relative(report, model, place)))
            .join(" ");
        let covered = [0, 1, 2]
            .map(|place| {
                format!(
                    "{:.3}/{:.3}",
                    coverage(tally, place, 0),
                    coverage(tally, place, 1)
                )
            })
            .join(" ");
        println!(
            "  {name:16} {relative}   covered {covered}   unanswered {}",
            tally.missed
        );
    }
}

fn print_means(reports: &[Report], names: &[&str]) {
    println!(
        "over {} traces: geometric mean at 5, 15, 30 min; worst at each; mean miss of coverage .9/.95 at 15 min",
        reports.len()
    );
    for (model, name) in names.iter().enumerate() {
        let mean = |place| {
            let sum: f64 = reports
                .iter()
                .map(|r| relative(r, model, place).max(1e-6).ln())
                .sum();
            format!("{:.3}", (sum / reports.len().max(1) as f64).exp())
        };
        let worst = |place| {
            let most = reports
                .iter()
                .map(|r| relative(r, model, place))
                .fold(0.0, f64::max);
            format!("{most:.3}")
        };
        let miss = |which: usize, level: f64| {
            let sum: f64 = reports
                .iter()
                .map(|r| (coverage(&r.tallies[model], 1, which) - level).abs())
                .sum();
            format!("{:.4}", sum / reports.len().max(1) as f64)
        };
        println!(
            "  {name:16} {}   worst {}   {} {}",
            [0, 1, 2].map(mean).join(" "),
            [0, 1, 2].map(worst).join(" "),
            miss(0, 0.9),
            miss(1, 0.95)
        );
    }
}
