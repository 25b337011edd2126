//! Networks with seeded weights, their forward pass in plain Rust, and the engines that can be tested here.

#![expect(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forescale::analyze::models::onnx::calendar::Feature;
use forescale::analyze::models::onnx::card::{Card, Normalisation, Step};
use forescale::analyze::models::onnx::engine::{self, Engine};
use forescale::analyze::{Config, ForecastInput, OnnxEngine, Prepared};
use forescale::domain::{Quantile, Series, Timestamp};
use forescale::train::networks::{Cell, Dense, Mlp, Recurrent};
use forescale::train::onnx_file::Recurrence;

/// A card for small networks: 24 minutes of context, 6 minutes ahead, three levels.
pub fn card() -> Card {
    Card {
        context: 24,
        horizon: 6,
        step: Step::Seconds(60),
        levels: levels(&[0.1, 0.5, 0.9]),
        normalisation: Normalisation::Level { window: 3 },
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

pub fn levels(levels: &[f64]) -> Vec<Quantile> {
    levels.iter().map(|l| Quantile::new(*l).unwrap()).collect()
}

/// A workload with a history that ends on Friday 2026-01-09 at 12:00 UTC.
pub fn workload(step_seconds: u64, values: Vec<f64>, horizon: usize) -> ForecastInput {
    let step = Duration::from_secs(step_seconds);
    let end = Timestamp::from_secs(1_767_960_000);
    let start = end - step * u32::try_from(values.len() - 1).unwrap();
    ForecastInput {
        history: Arc::new(Prepared {
            series: Series::new(start, step, values),
        }),
        fit: None,
        horizon_steps: horizon,
        timezone: "Europe/Berlin".into(),
        levels: levels(&[0.1, 0.5, 0.9]).into(),
    }
}

/// Where ONNX Runtime is on this machine, if it is.
pub fn library() -> Option<PathBuf> {
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
pub fn configs(folder: &Path) -> Vec<Config> {
    let config = |onnx_engine, onnx_library| Config {
        model_dirs: vec![folder.to_path_buf()],
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

pub fn engines() -> Vec<Arc<dyn Engine>> {
    configs(Path::new("."))
        .iter()
        .map(|c| engine::open(c.onnx_engine, c.onnx_library.as_deref(), |_| None).unwrap())
        .collect()
}

// === seeded weights ===

/// Numbers that are the same everywhere and for ever: SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Seeded(pub u64);

impl Seeded {
    /// Between -1 and 1.
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let unit = ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32;
        unit * 2.0 - 1.0
    }

    pub fn many(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * scale).collect()
    }

    pub fn dense(&mut self, inputs: usize, outputs: usize) -> Dense {
        let scale = (1.0 / inputs as f32).sqrt();
        Dense {
            outputs,
            weights: self.many(outputs * inputs, scale),
            bias: self.many(outputs, 0.2),
        }
    }

    pub fn recurrence(&mut self, cell: Cell, inputs: usize, hidden: usize) -> Recurrence {
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

pub fn mlp(card: &Card, hidden: usize) -> Mlp {
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

pub fn recurrent(card: &Card, cell: Cell, hidden: usize, layers: usize) -> Recurrent {
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

// === the forward pass, in double precision and without a matrix library ===

/// One row of inputs.
pub struct Row {
    pub context: Vec<f32>,
    pub mask: Vec<f32>,
    pub calendar: Vec<f32>,
}

pub fn row(card: &Card, seed: u64) -> Row {
    let mut seeded = Seeded(seed);
    let mask: Vec<f32> = (0..card.context)
        .map(|_| if seeded.next() > -0.8 { 1.0 } else { 0.0 })
        .collect();
    let context = mask.iter().map(|seen| seeded.next() * 2.0 * seen).collect();
    Row {
        context,
        mask,
        calendar: seeded.many(card.horizon * card.calendar.len(), 1.0),
    }
}

pub fn forward_mlp(mlp: &Mlp, row: &Row) -> Vec<f64> {
    let mut x = wide(&[&row.context[..], &row.mask, &row.calendar].concat());
    for (i, layer) in mlp.layers.iter().enumerate() {
        if i > 0 {
            x.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        x = affine(&layer.weights, &layer.bias, &x);
    }
    x
}

pub fn forward_recurrent(network: &Recurrent, row: &Row) -> Vec<f64> {
    let pair = |(value, seen): (&f32, &f32)| vec![f64::from(*value), f64::from(*seen)];
    let mut steps: Vec<Vec<f64>> = row.context.iter().zip(&row.mask).map(pair).collect();
    for layer in &network.layers {
        steps = match network.cell {
            Cell::Gru => gru(layer, &steps),
            Cell::Lstm => lstm(layer, &steps),
        };
    }
    let mut x = steps.pop().unwrap();
    x.extend(wide(&row.calendar));
    affine(&network.head.weights, &network.head.bias, &x)
}

/// The equations of the ONNX operator `GRU` with `linear_before_reset`, gates z, r, h.
fn gru(layer: &Recurrence, steps: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = layer.hidden;
    let (input_bias, state_bias) = layer.bias.split_at(3 * n);
    let mut state = vec![0.0; n];
    steps
        .iter()
        .map(|x| {
            let from_input = affine(&layer.input_weights, input_bias, x);
            let from_state = affine(&layer.state_weights, state_bias, &state);
            state = (0..n)
                .map(|i| {
                    let update = logistic(from_input[i] + from_state[i]);
                    let reset = logistic(from_input[n + i] + from_state[n + i]);
                    let new = (from_input[2 * n + i] + reset * from_state[2 * n + i]).tanh();
                    (1.0 - update) * new + update * state[i]
                })
                .collect();
            state.clone()
        })
        .collect()
}

/// The equations of the ONNX operator `LSTM`, gates i, o, f, c.
fn lstm(layer: &Recurrence, steps: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = layer.hidden;
    let (input_bias, state_bias) = layer.bias.split_at(4 * n);
    let (mut state, mut cell) = (vec![0.0; n], vec![0.0; n]);
    steps
        .iter()
        .map(|x| {
            let a = affine(&layer.input_weights, input_bias, x);
            let b = affine(&layer.state_weights, state_bias, &state);
            let gate = |k: usize, i: usize| a[k * n + i] + b[k * n + i];
            for i in 0..n {
                let keep = logistic(gate(2, i)) * cell[i];
                cell[i] = keep + logistic(gate(0, i)) * gate(3, i).tanh();
            }
            state = (0..n)
                .map(|i| logistic(gate(1, i)) * cell[i].tanh())
                .collect();
            state.clone()
        })
        .collect()
}

fn affine(weights: &[f32], bias: &[f32], x: &[f64]) -> Vec<f64> {
    weights
        .chunks_exact(x.len())
        .zip(bias)
        .map(|(row, bias)| {
            let dot: f64 = row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum();
            dot + f64::from(*bias)
        })
        .collect()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
