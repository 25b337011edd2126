//! What the shipped networks cost: one forecast and a batch of 256, in each engine that is here, through the seam that
//! production uses (`Forecaster::forecast`: window, calendar, inference, levels, checks).
//!
//! `cargo bench --bench onnx`; `scripts/fetch-onnxruntime.sh` before it for ONNX Runtime's half.
//! `scripts/compare-onnx-engines.py` runs it beside Python's onnxruntime on the same files.

#[path = "../tests/support/onnx.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod support;

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use forescale::analyze::ForecastInput;
use forescale::analyze::models::onnx::Networks;

/// The networks that need no fit of the workload's own; the hybrid's graph is the LSTM's.
const SHIPPED: [&str; 3] = ["mlp", "gru", "lstm"];

const BATCHES: [usize; 2] = [1, 256];

fn networks(criterion: &mut Criterion) {
    let wave = |i: usize| 50.0 + 20.0 * (i as f64 / 60.0).sin();
    let week: Vec<f64> = (0..8 * 1440).map(wave).collect();
    let batch: Vec<ForecastInput> = (0..256)
        .map(|_| support::workload(60, week.clone(), 30))
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for config in support::configs(&folder) {
        let networks = Networks::new(&config).expect("an engine");
        let engine = networks.engine();
        let engine = engine.split(' ').next().unwrap_or_default();
        for name in SHIPPED {
            let model = networks.load(name).expect("a network");
            for size in BATCHES {
                criterion.bench_function(&format!("{name}/{engine}/b{size}"), |bench| {
                    bench.iter(|| black_box(model.forecast(black_box(&batch[..size]))));
                });
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = networks
}
criterion_main!(benches);
