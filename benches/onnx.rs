//! What a network costs: one forecast and a batch of 64, in each engine that is here, through the seam that production
//! uses (`Forecaster::forecast`: window, calendar, inference, levels, checks).
//!
//! `cargo bench --bench onnx`; `scripts/fetch-onnxruntime.sh` before it for ONNX Runtime's half.

#[path = "../tests/support/onnx.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use forescale::analyze::ForecastInput;
use forescale::analyze::models::onnx::Networks;
use forescale::analyze::models::onnx::card::Card;
use forescale::train::networks::Cell;

/// Four hours of minutes, half an hour ahead, nine levels.
fn large() -> Card {
    Card {
        context: 240,
        horizon: 30,
        min_observed: 120,
        levels: support::levels(&[0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99]),
        ..support::card()
    }
}

fn networks(criterion: &mut Criterion) {
    let card = large();
    let folder = tempfile::tempdir().expect("a folder for the networks");
    let files = [
        ("mlp-256", support::mlp(&card, 256).to_onnx(&card)),
        (
            "gru-64",
            support::recurrent(&card, Cell::Gru, 64, 1).to_onnx(&card),
        ),
    ];
    for (name, file) in files {
        let path = folder.path().join(format!("{name}.onnx"));
        std::fs::write(path, file.expect("a network that keeps the contract")).expect("written");
    }
    let wave = |i: usize| 50.0 + 20.0 * (i as f64 / 60.0).sin();
    let day: Vec<f64> = (0..1440).map(wave).collect();
    let batch: Vec<ForecastInput> = (0..64)
        .map(|_| support::workload(60, day.clone(), 30))
        .collect();
    for config in support::configs(folder.path()) {
        let networks = Networks::new(&config).expect("an engine");
        let engine = networks.engine();
        let engine = engine.split(' ').next().unwrap_or_default();
        for name in ["mlp-256", "gru-64"] {
            let model = networks.load(name).expect("a network");
            for size in [1, 64] {
                criterion.bench_function(&format!("{name}/{engine}/b{size}"), |bench| {
                    bench.iter(|| black_box(model.forecast(black_box(&batch[..size]))));
                });
            }
        }
    }
}

criterion_group!(benches, networks);
criterion_main!(benches);
