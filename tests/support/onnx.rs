//! Networks with seeded weights, workloads for them, and the engines that can be tested here.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests and benches fail and speak as they do"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forescale::analyze::models::onnx::calendar::Feature;
use forescale::analyze::models::onnx::card::{Card, Input, Normalisation, Step};
use forescale::analyze::{Config, ForecastInput, OnnxEngine, Prepared};
use forescale::domain::{Events, Quantile, Series, Timestamp};
use forescale::train::networks::{Cell, Dense, Mlp, Recurrent};
use forescale::train::onnx_file::Recurrence;

/// A card for small networks: 24 minutes of context, 6 minutes ahead, three levels.
pub(crate) fn card() -> Card {
    Card {
        context: 24,
        horizon: 6,
        step: Step::Seconds(60),
        levels: levels(&[0.1, 0.5, 0.9]),
        normalisation: Normalisation::Level { window: 3 },
        input: Input::Series,
        clip: None,
        min_observed: 12,
        calendar: vec![
            Feature::TimeOfDaySin,
            Feature::TimeOfDayCos,
            Feature::Weekend,
        ],
        peak_leads: vec![],
        description: Some("seeded weights for tests".to_owned()),
        licence: Some("MIT".to_owned()),
        trained_until: None,
    }
}

pub(crate) fn levels(levels: &[f64]) -> Vec<Quantile> {
    levels.iter().map(|l| Quantile::new(*l).unwrap()).collect()
}

/// A workload with a history that ends on Friday 2026-01-09 at 12:00 UTC.
pub(crate) fn workload(step_seconds: u64, values: Vec<f64>, horizon: usize) -> ForecastInput {
    let step = Duration::from_secs(step_seconds);
    let end = Timestamp::from_secs(1_767_960_000);
    let start = end - step * u32::try_from(values.len() - 1).unwrap();
    ForecastInput {
        history: Arc::new(Prepared {
            series: Series::new(start, step, values),
            marks: vec![],
            outliers: vec![],
            outages: vec![],
            outage_at_end: None,
            events: Events::default(),
        }),
        fit: None,
        horizon_steps: horizon,
        timezone: "Europe/Berlin".into(),
        levels: levels(&[0.1, 0.5, 0.9]).into(),
    }
}

/// Where ONNX Runtime is on this machine, if it is.
pub(crate) fn library() -> Option<PathBuf> {
    let set = ["FORESCALE_TEST_ORT", "ORT_DYLIB_PATH"]
        .into_iter()
        .find_map(|name| std::env::var_os(name).filter(|path| !path.is_empty()));
    if let Some(path) = set {
        return Some(path.into());
    }
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/onnxruntime");
    fetched.is_dir().then_some(fetched)
}

/// Both engines; only the pure-Rust one, and a word about it, when ONNX Runtime isn't here and nobody demands it.
pub(crate) fn configs(folder: &Path) -> Vec<Config> {
    let config = |onnx_engine, onnx_library| Config {
        model_dirs: vec![folder.to_path_buf()],
        shipped_networks: false,
        onnx_engine,
        onnx_library,
        ..Config::default()
    };
    let mut configs = vec![config(OnnxEngine::Rten, None)];
    match library() {
        Some(path) => configs.push(config(OnnxEngine::OnnxRuntime, Some(path))),
        None if std::env::var_os("FORESCALE_REQUIRE_ORT").is_some_and(|v| v == "1") => panic!(
            "FORESCALE_REQUIRE_ORT=1, but there is no ONNX Runtime: run scripts/fetch-onnxruntime.sh or set \
             FORESCALE_TEST_ORT"
        ),
        None => eprintln!(
            "skipped: the half of this test that needs ONNX Runtime; scripts/fetch-onnxruntime.sh gets it"
        ),
    }
    configs
}

// === seeded weights ===

/// Numbers that are the same everywhere and for ever: `SplitMix64` (Steele, Lea and Flood, 2014).
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// Between -1 and 1.
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let unit = ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32;
        unit * 2.0 - 1.0
    }

    pub(crate) fn many(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * scale).collect()
    }

    pub(crate) fn dense(&mut self, inputs: usize, outputs: usize) -> Dense {
        let scale = (1.0 / inputs as f32).sqrt();
        Dense {
            outputs,
            weights: self.many(outputs * inputs, scale),
            bias: self.many(outputs, 0.2),
        }
    }

    pub(crate) fn recurrence(&mut self, cell: Cell, inputs: usize, hidden: usize) -> Recurrence {
        let rows = hidden * gates(cell);
        Recurrence {
            hidden,
            inputs,
            input_weights: self.many(rows * inputs, 0.5),
            state_weights: self.many(rows * hidden, (1.0 / hidden as f32).sqrt()),
            bias: self.many(2 * rows, 0.2),
        }
    }
}

pub(crate) fn mlp(card: &Card, hidden: usize) -> Mlp {
    let mut seeded = Seeded(1);
    let inputs = 2 * card.context + card.horizon * card.calendar.len();
    Mlp {
        layers: vec![
            seeded.dense(inputs, hidden),
            seeded.dense(hidden, hidden),
            seeded.dense(hidden, card.horizon * card.levels.len()),
        ],
    }
}

pub(crate) fn recurrent(card: &Card, cell: Cell, hidden: usize, layers: usize) -> Recurrent {
    let mut seeded = Seeded(2);
    let inputs = |layer| if layer == 0 { 2 } else { hidden };
    let recurrences = (0..layers)
        .map(|layer| seeded.recurrence(cell, inputs(layer), hidden))
        .collect();
    let columns = hidden + card.horizon * card.calendar.len();
    Recurrent {
        cell,
        layers: recurrences,
        head: seeded.dense(columns, card.horizon * card.levels.len()),
    }
}

fn gates(cell: Cell) -> usize {
    match cell {
        Cell::Gru => 3,
        Cell::Lstm => 4,
    }
}
