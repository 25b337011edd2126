//! What becomes of networks that keep the contract, and of those that don't.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as they do")]

#[path = "onnx_contract/files.rs"]
mod files;
#[path = "support/onnx.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use forescale::analyze::models::onnx::Networks;
use forescale::analyze::models::onnx::calendar::Feature;
use forescale::analyze::models::onnx::card::Input;
use forescale::analyze::models::onnx::card::{Card, Normalisation, Step};
use forescale::analyze::models::prophet::{Curve, Point, Settings, fit};
use forescale::analyze::{ForecastInput, ModelError};
use forescale::domain::Forecast;
use forescale::domain::{Coefficients, Fit, Quantile};
use forescale::train::onnx_file::Graph;
use support::{card, configs, levels, workload};
use tempfile::TempDir;

/// A card without a calendar.
fn plain() -> Card {
    Card {
        calendar: vec![],
        ..card()
    }
}

/// A network that answers `bias` (`[horizon, levels]`, normalised) whatever it sees.
fn constant(card: &Card, bias: &[f32]) -> Vec<u8> {
    let mut graph = Graph::new();
    let context = graph.context(card);
    let flat = graph.dense(
        &context,
        bias.len(),
        &vec![0.0; bias.len() * card.context],
        bias,
    );
    graph.quantiles(card, &flat);
    graph.to_bytes(card).unwrap()
}

/// A history of ones with a two at the end of it: level 4/3 and unit 25/24 over 24 steps.
fn nearly_flat(horizon: usize) -> ForecastInput {
    let mut values = vec![1.0; 40];
    values[39] = 2.0;
    workload(60, values, horizon)
}

fn folder_with(name: &str, file: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), name, file);
    folder
}

fn put(folder: &Path, name: &str, file: &[u8]) {
    std::fs::write(folder.join(format!("{name}.onnx")), file).unwrap();
}

fn pure_rust(folder: &Path) -> Networks {
    Networks::new(&configs(folder)[0]).unwrap()
}

/// The answers for `batch` in every engine that is here, each with the engine's name.
fn answers(
    file: &[u8],
    batch: &[ForecastInput],
) -> Vec<(String, Vec<Result<Forecast, ModelError>>)> {
    let folder = folder_with("net", file);
    configs(folder.path())
        .iter()
        .map(|config| {
            let networks = Networks::new(config).unwrap();
            (
                networks.engine(),
                networks.load("net").unwrap().forecast(batch),
            )
        })
        .collect()
}

/// The error of loading `file` is the same in every engine that is here.
fn refusal(file: &[u8]) -> String {
    let folder = folder_with("net", file);
    let errors: Vec<String> = configs(folder.path())
        .iter()
        .map(|config| {
            Networks::new(config)
                .unwrap()
                .load("net")
                .unwrap_err()
                .to_string()
        })
        .collect();
    for error in &errors {
        assert!(error.contains("net.onnx`: "), "names the file: {error}");
        assert_eq!(error, &errors[0]);
    }
    errors[0].clone()
}

fn assert_near(found: f32, expected: f64) {
    let found = f64::from(found);
    assert!(
        (found - expected).abs() < 1e-5 * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

// === what is served ===

#[test]
fn a_forecast_is_brought_back_into_the_workloads_unit_and_to_the_levels_wanted() {
    let card = plain();
    let bias: Vec<f32> = (0..6).flat_map(|step| [-1.0, step as f32, 10.0]).collect();
    let mut input = nearly_flat(4);
    input.levels = levels(&[0.1, 0.3, 0.5, 0.9, 0.99]).into();
    let (level, unit) = (4.0 / 3.0, 25.0 / 24.0);
    for (engine, answer) in answers(&constant(&card, &bias), &[input]) {
        let forecast = answer[0].as_ref().unwrap();
        assert_eq!(&*forecast.model, "onnx:net", "{engine}");
        assert_eq!(forecast.steps(), 4);
        assert_eq!(forecast.origin().to_rfc3339(), "2026-01-09T12:00:00Z");
        for step in 0..4 {
            let median = level + unit * step as f64;
            assert_near(forecast.path(2)[step], median);
            assert_near(forecast.path(0)[step], level - unit);
            assert_near(forecast.path(1)[step], (median + level - unit) / 2.0);
            assert_near(forecast.path(3)[step], level + unit * 10.0);
            assert!(
                forecast.path(4)[step] > forecast.path(3)[step] + 1.0,
                "0.99 lies above 0.9"
            );
        }
    }
}

/// A network that answers two biases, one for each output, whatever it sees.
fn constant_with_peaks(card: &Card, paths: &[f32], peaks: &[f32]) -> Vec<u8> {
    let mut graph = Graph::new();
    let context = graph.context(card);
    let mut flat = |bias: &[f32]| {
        let weights = vec![0.0; bias.len() * card.context];
        graph.dense(&context, bias.len(), &weights, bias)
    };
    let (paths, peaks) = (flat(paths), flat(peaks));
    graph.quantiles(card, &paths);
    graph.peaks(card, &peaks);
    graph.to_bytes(card).unwrap()
}

#[test]
fn peaks_come_back_in_the_workloads_unit_on_its_step_and_at_the_levels_wanted() {
    let mut card = plain();
    card.peak_leads = vec![1, 4, 6];
    let peaks: Vec<f32> = (0..3)
        .flat_map(|lead| [0.0, 1.0 + lead as f32, 9.0])
        .collect();
    let file = constant_with_peaks(&card, &[0.0; 18], &peaks);
    let (level, unit) = (4.0 / 3.0, 25.0 / 24.0);
    let q90 = Quantile::new(0.9).unwrap();
    for (engine, answer) in answers(&file, &[nearly_flat(6)]) {
        let forecast = answer[0].as_ref().unwrap();
        assert_eq!(forecast.peak_leads(), [1, 4, 6], "{engine}");
        for (place, lead) in [1, 4, 6].into_iter().enumerate() {
            let median = level + unit * (1.0 + place as f64);
            assert_near(forecast.peak(Quantile::MEDIAN, lead) as f32, median);
            assert_near(forecast.peak(q90, lead) as f32, level + unit * 9.0);
        }
    }
    // A shorter horizon knows fewer lead times, a coarser step only those that are whole steps of it.
    let short = nearly_flat(4);
    let minutes = workload(120, vec![1.0; 40], 3);
    let seconds = workload(30, vec![1.0; 100], 12);
    for (_, answer) in answers(&file, &[short, minutes, seconds]) {
        let leads: Vec<&[u32]> = answer
            .iter()
            .map(|a| a.as_ref().unwrap().peak_leads())
            .collect();
        assert_eq!(leads, [&[1, 4][..], &[2, 3], &[2, 8, 12]]);
    }
}

/// Two days that rise steadily, and what fitting has learned of them.
fn rising(card: &Card) -> (Vec<u8>, ForecastInput, Vec<f32>) {
    let values: Vec<f64> = (0..2880).map(|i| 100.0 + 0.5 * f64::from(i)).collect();
    let input = workload(60, values, 6);
    let series = &input.history.series;
    let points: Vec<Point> = (0..series.len())
        .map(|i| Point {
            at: series.time_of(i).as_secs(),
            local: series.time_of(i).as_secs() + 3600,
            value: series.values()[i],
        })
        .collect();
    let curve = Curve::new(&fit(&points, &Settings::default()).unwrap());
    let file = constant_with_peaks(card, &[0.0; 18], &[0.0; 6]);
    (file, input, curve.encode())
}

#[test]
fn a_network_on_residuals_speaks_of_the_curve_and_needs_one() {
    let mut card = plain();
    card.input = Input::Residual;
    card.peak_leads = vec![2, 6];
    let (file, mut input, curve) = rising(&card);
    for (_, answer) in answers(&file, std::slice::from_ref(&input)) {
        let error = answer[0].as_ref().unwrap_err().to_string();
        assert!(
            error.contains("needs the curve of trend and seasons"),
            "{error}"
        );
    }
    input.fit = Some(Arc::new(Fit {
        coefficients: vec![Coefficients {
            model: "hybrid".into(),
            values: curve,
        }],
        ..Fit::default()
    }));
    for (engine, answer) in answers(&file, &[input]) {
        let forecast = answer[0].as_ref().unwrap();
        let last = 100.0 + 0.5 * 2879.0;
        for step in 0..6 {
            // It says that nothing is added to the curve, and the curve goes on rising.
            let expected = last + 0.5 * (step + 1) as f64;
            let found = f64::from(forecast.path(1)[step]);
            assert!(
                (found - expected).abs() < 2.0,
                "{engine}: {found}, not {expected}"
            );
        }
        let highest = forecast.peak(Quantile::MEDIAN, 6);
        assert!((highest - (last + 3.0)).abs() < 2.0, "{engine}: {highest}");
        assert!(forecast.path(1)[5] > forecast.path(1)[0] + 1.0);
    }
}

#[test]
fn crossing_levels_are_sorted_and_a_rate_does_not_fall_below_zero() {
    let card = plain();
    let bias = [3.0, -50.0, 1.0].repeat(6);
    for (_, answer) in answers(&constant(&card, &bias), &[nearly_flat(1)]) {
        let forecast = answer[0].as_ref().unwrap();
        let (level, unit) = (4.0 / 3.0, 25.0 / 24.0);
        assert_near(forecast.path(0)[0], 0.0);
        assert_near(forecast.path(1)[0], level + unit);
        assert_near(forecast.path(2)[0], level + 3.0 * unit);
    }
}

#[test]
fn a_network_can_repeat_yesterday() {
    let mut card = card();
    card.calendar = vec![Feature::YesterdayKnown, Feature::Yesterday];
    card.levels = levels(&[0.5]);
    let mut graph = Graph::new();
    graph.context(&card);
    let calendar = graph.calendar(&card).unwrap();
    let yesterday = graph.slice(&calendar, 2, 1, 2);
    let flat = graph.reshape(&yesterday, &[-1, 6]);
    graph.quantiles(&card, &flat);
    let day = 24 * 60;
    let values: Vec<f64> = (0..day + 60).map(f64::from).collect();
    let input = workload(60, values, 6);
    for (engine, answer) in answers(&graph.to_bytes(&card).unwrap(), &[input]) {
        let forecast = answer[0].as_ref().unwrap();
        for step in 0..6 {
            // Step 0 speaks of one minute after the last value, which is 1499.
            let found = f64::from(forecast.path(0)[step]);
            assert!(
                (found - (60.0 + step as f64)).abs() < 0.01,
                "{engine}, step {step}: {found}"
            );
        }
    }
}

#[test]
fn a_workload_on_another_step_is_resampled_when_one_step_divides_the_other() {
    let card = plain();
    let bias: Vec<f32> = (1..=6).flat_map(|step| [step as f32; 3]).collect();
    let file = constant(&card, &bias);
    let flat = |step, horizon| workload(step, vec![4.0; 80], horizon);
    let batch = [flat(30, 5), flat(120, 3), flat(45, 3)];
    for (_, answer) in answers(&file, &batch) {
        let path = |i: usize| answer[i].as_ref().unwrap().path(1).to_vec();
        assert_eq!(
            path(0),
            [8.0, 8.0, 10.0, 12.0, 14.0],
            "between minutes it is linear"
        );
        assert_eq!(path(1), [12.0, 20.0, 28.0], "every second minute");
        let error = answer[2].as_ref().unwrap_err().to_string();
        assert!(error.contains("45s") && error.contains("60s"), "{error}");
    }
}

#[test]
fn a_network_for_any_step_takes_the_workloads() {
    let card = Card {
        step: Step::Any,
        normalisation: Normalisation::None,
        ..plain()
    };
    let file = constant(&card, &[2.0; 18]);
    for (_, answer) in answers(&file, &[workload(45, vec![4.0; 24], 6)]) {
        let forecast = answer[0].as_ref().unwrap();
        assert_eq!(forecast.step().as_secs(), 45);
        assert_eq!(forecast.path(0), [2.0; 6]);
    }
}

#[test]
fn what_a_network_cannot_forecast_is_an_error_of_that_workload_alone() {
    let card = plain();
    let mut gaps = vec![f64::NAN; 40];
    gaps[39] = 1.0;
    let batch = [
        nearly_flat(6),
        nearly_flat(7),
        workload(60, gaps, 3),
        nearly_flat(2),
    ];
    for (_, answer) in answers(&constant(&card, &[0.0; 18]), &batch) {
        assert!(answer[0].is_ok() && answer[3].is_ok());
        let horizon = answer[1].as_ref().unwrap_err().to_string();
        assert!(
            horizon.contains("7 steps") && horizon.contains("6 steps"),
            "{horizon}"
        );
        let few = answer[2].as_ref().unwrap_err().to_string();
        assert!(
            few.contains("1 observed values, the network needs 12"),
            "{few}"
        );
    }
}

#[test]
fn nonsense_is_never_served_and_spoils_no_neighbour() {
    // The root of the newest value: not a number below the level, which is where a falling load stands.
    let card = plain();
    let mut graph = Graph::new();
    let context = graph.context(&card);
    let newest = graph.slice(&context, 1, 23, 24);
    let root = graph.node("Sqrt", &[&newest], &[]);
    let flat = graph.concat(&[&root; 18], 1);
    graph.quantiles(&card, &flat);
    let falling = workload(60, (0..40).rev().map(f64::from).collect(), 6);
    let rising = workload(60, (0..40).map(f64::from).collect(), 6);
    for (engine, answer) in answers(&graph.to_bytes(&card).unwrap(), &[falling, rising]) {
        let error = answer[0].as_ref().unwrap_err().to_string();
        assert!(error.contains("nonsense: NaN"), "{engine}: {error}");
        assert!(answer[1].is_ok(), "{engine}");
    }
    for (engine, answer) in answers(&constant(&card, &[5000.0; 18]), &[nearly_flat(1)]) {
        let error = answer[0].as_ref().unwrap_err().to_string();
        assert!(
            error.contains("nonsense") && error.contains("largest magnitude is 2"),
            "{engine}: {error}"
        );
    }
}

// === what is refused ===
