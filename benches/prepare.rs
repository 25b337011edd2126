//! What stands between the stored history and a model at each refresh: unpacking, preparing, looking.
//!
//! `cargo bench --bench prepare`. A refresh of a workload whose fit is still good reads back eight days and four hours;
//! each case is one kind of load, because preparing is quick where values are calm and slower where they are not.
//! `look` is the naive forecast: everything that any built-in model does before and after it thinks.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use forescale::analyze::models::Registry;
use forescale::analyze::{Config, ForecastInput, fit, prepare};
use forescale::domain::{DEFAULT_LEVELS, ModelChoice, Series, Timestamp};
use forescale::knowledge::History;

const STEP: Duration = Duration::from_mins(1);
const DAYS: usize = 14;
const LOOKBACK: usize = 8 * 1440 + 240;

/// A number between -1 and 1, the same in every run.
fn noise(index: usize) -> f64 {
    let mut state = index as u64 + 1;
    for _ in 0..3 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn wave(index: usize) -> f64 {
    1.5 + (index as f64 / 1440.0 * std::f64::consts::TAU).sin()
}

/// A kind of load, by the number of the minute.
type Load = fn(usize) -> f64;

fn calm(index: usize) -> f64 {
    1000.0 * wave(index) * (1.0 + 0.005 * noise(index))
}

fn restless(index: usize) -> f64 {
    1000.0 * wave(index) * (1.0 + 0.15 * noise(index))
}

/// A few requests a minute, none at night, with gaps and spikes.
fn sparse(index: usize) -> f64 {
    match index % 1440 {
        0..300 => 0.0,
        700..720 => f64::NAN,
        minute if minute % 97 == 0 => 400.0,
        _ => (4.0 * wave(index) * (1.0 + noise(index))).round(),
    }
}

fn refresh(criterion: &mut Criterion) {
    let config = Config {
        model_dirs: Vec::new(),
        ..Config::default()
    };
    let registry = Registry::new(&config).expect("the built-in models need nothing");
    let choice = |name: &str| ModelChoice::Named(name.to_owned());
    let loads: [(&str, Load); 3] = [("calm", calm), ("restless", restless), ("sparse", sparse)];
    for (name, load) in loads {
        let start = Timestamp::from_secs(1_699_833_600);
        let mut history = History::new(STEP, DAYS * 1440);
        for index in 0..DAYS * 1440 {
            let at = start + STEP * u32::try_from(index).expect("two weeks of minutes");
            history.record(at, load(index));
        }
        let tail: Series = history.tail(LOOKBACK);
        let prepared = Arc::new(prepare(&tail));
        let fit = Arc::new(fit(
            &prepare(&history.series()),
            30,
            "Europe/Berlin",
            tail.end(),
        ));
        let input = ForecastInput {
            history: Arc::clone(&prepared),
            fit: Some(Arc::clone(&fit)),
            horizon_steps: 30,
            timezone: "Europe/Berlin".into(),
            levels: DEFAULT_LEVELS.into(),
        };
        criterion.bench_function(&format!("{name}/unpack"), |bench| {
            bench.iter(|| black_box(history.tail(LOOKBACK)));
        });
        criterion.bench_function(&format!("{name}/prepare"), |bench| {
            bench.iter(|| black_box(prepare(black_box(&tail))));
        });
        for (what, model) in [("look", "naive"), ("mix", "mix")] {
            let model = registry.get(&choice(model), Some(&fit)).expect("built in");
            criterion.bench_function(&format!("{name}/{what}"), |bench| {
                bench.iter(|| black_box(model.forecast(std::slice::from_ref(black_box(&input)))));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = refresh
}
criterion_main!(benches);
