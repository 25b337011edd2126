//! One refresh of 10,000 workloads with `model: auto`, on all cores: prepare the history that a refresh looks at, run the
//! network that competes, let the models make their points, aggregate, calibrate, score and draw the forecast.
//!
//! `cargo bench --bench refresh`, with `FORESCALE_WORKLOADS` for another number. The histories are 8 days and 4 hours of
//! minutes, as between two fits in the server; fits themselves are not in it, they are due every six hours.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use forescale::analyze::ensemble::{self, Other, Wanted};
use forescale::analyze::models::Registry;
use forescale::analyze::{Config, ForecastInput, fit_and_track, prepare};
use forescale::domain::{DEFAULT_LEVELS, Fit, Series, Timestamp, Track};
use rand::{RngExt as _, SeedableRng as _};

const STEPS: usize = (8 * 24 + 4) * 60;
const HORIZON: usize = 30;
/// Different histories; each is refreshed many times over.
const KINDS: usize = 40;
/// Workloads of one batch, as the loop takes them.
const BATCH: usize = 64;

struct Kind {
    series: Series,
    fit: Arc<Fit>,
    track: Track,
}

fn kind(seed: u64) -> Kind {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let height = random.random_range(20.0..500.0);
    let values = (0..STEPS).map(|i| {
        let angle = std::f64::consts::TAU * i as f64 / 1440.0;
        let noise: f64 = random.random_range(-0.1..0.1);
        height * (1.2 + angle.sin() + noise)
    });
    let series = Series::new(
        Timestamp::from_secs(1_700_000_040),
        Duration::from_mins(1),
        values.collect(),
    );
    let now = series.time_of(STEPS - 1);
    let (fit, track) = fit_and_track(&prepare(&series), HORIZON, "UTC", now, &[]);
    Kind {
        series,
        fit: Arc::new(fit),
        track,
    }
}

fn refresh(registry: &Registry, kinds: &[Kind], from: usize) -> usize {
    let batch: Vec<&Kind> = (from..from + BATCH)
        .map(|i| &kinds[i % kinds.len()])
        .collect();
    let inputs: Vec<ForecastInput> = batch
        .iter()
        .map(|kind| ForecastInput {
            history: Arc::new(prepare(&kind.series)),
            fit: Some(Arc::clone(&kind.fit)),
            horizon_steps: HORIZON,
            timezone: "UTC".into(),
            levels: DEFAULT_LEVELS.into(),
        })
        .collect();
    let mut others: Vec<Vec<Other>> = vec![Vec::new(); inputs.len()];
    for network in registry.competitors() {
        for (others, answer) in others.iter_mut().zip(network.forecast(&inputs)) {
            others.extend(answer.ok().map(|forecast| Other {
                model: network.name().into(),
                forecast,
            }));
        }
    }
    let turns = batch.iter().zip(&inputs).zip(&others);
    turns
        .filter(|((kind, input), others)| {
            ensemble::turn(input, Wanted::Auto, others, Some(&kind.track)).is_ok()
        })
        .count()
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::var("FORESCALE_WORKLOADS").ok();
    // `cargo test` runs benches too, unoptimised: then it only shows that it works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let usual = if measuring { 10_000 } else { BATCH };
    let workloads: usize = wanted.map_or(Ok(usual), |n| n.parse())?;
    let registry = Registry::new(&Config::default())?;
    let different = if measuring { KINDS } else { 1 };
    let kinds: Vec<Kind> = (0..different as u64).map(kind).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= workloads {
                        break;
                    }
                    done.fetch_add(refresh(&registry, &kinds, from), Ordering::Relaxed);
                }
            });
        }
    });
    let took = started.elapsed().as_secs_f64();
    let done = done.into_inner();
    println!(
        "{done} forecasts on {threads} threads with {} and {} competing networks: {took:.2} s, {:.2} ms of one core each; \
         fit {} bytes, track {} bytes",
        registry.onnx_engine(),
        registry.competitors().len(),
        1e3 * took * threads as f64 / done as f64,
        kinds[0].fit.bytes(),
        kinds[0].track.bytes(),
    );
    Ok(())
}
