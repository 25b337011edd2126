//! Puts an hour of readings of CPU into a snapshot, as if Forescale had made them while it ran: advice on CPU and memory takes
//! an hour, which the end-to-end scenarios don't have.
//!
//! ```text
//! cargo run --example hour_of_readings -- DATA_DIR CORES_OF_A_POD
//! ```
//!
//! No Forescale may run with this data folder. Every workload in it that reads CPU is given one reading a minute, with the
//! replicas of its newest plan; what it knew of CPU before is forgotten, for it came later.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example prints"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use forescale::domain::{Clock as _, Plan, PodUsage, Sample, SystemClock, Timestamp};
use forescale::execute::keda::parse_metadata;
use forescale::knowledge::{Board, Store, Workload};
use forescale::plan::{Readings, learn};

/// Minutes of readings, some more than advice takes.
const MINUTES: u64 = 65;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match &args[..] {
        [dir, cores] => fill(Path::new(dir), cores),
        _ => Err("which data folder, and how many cores does a pod use?".into()),
    };
    match done {
        Ok(filled) => {
            println!("{MINUTES} minutes of readings are in the snapshot, workloads: {filled}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fill(dir: &Path, cores: &str) -> Result<usize, Box<dyn Error>> {
    let cores: f64 = cores
        .parse()
        .map_err(|_| format!("`{cores}` is no number of cores"))?;
    let now = SystemClock.now();
    let store = Store::open(dir)?;
    let found = store.load()?;
    let board = Board::new(found.len().max(1));
    let mut filled = 0;
    for restored in found {
        let key = restored.key.clone();
        let parsed = parse_metadata(&key.metadata).map_err(|errors| {
            format!(
                "{key}: {}",
                errors.first().map_or_else(String::new, ToString::to_string)
            )
        })?;
        let reads_cpu = parsed.spec.cpu_query.is_some();
        let workload = board.restore(restored, parsed.spec, parsed.warnings)?;
        let Some(published) = workload.published().filter(|_| reads_cpu) else {
            continue;
        };
        read(&workload, &published.plan, cores, now);
        filled += 1;
    }
    if filled == 0 {
        return Err(format!(
            "no workload in `{}` has a plan and reads CPU",
            dir.display()
        )
        .into());
    }
    store.save(&board.all(), now)?;
    Ok(filled)
}

/// Learns one reading a minute, the last of them a minute ago.
fn read(workload: &Workload, plan: &Plan, cores: f64, now: Timestamp) {
    let mut learned = workload.learned();
    let mut memory = std::mem::take(&mut learned.memory);
    if let Some(experience) = memory.experience.as_mut() {
        Arc::make_mut(experience).usage.cpu = PodUsage::default();
    }
    let ready = f64::from(plan.replicas.max(1));
    for minute in (1..=MINUTES).rev() {
        let at = now - Duration::from_secs(60 * minute);
        let sample = |value| Some(Sample { at, value });
        let readings = Readings {
            load: plan.observed.map(|load| Sample { at, ..load }),
            ready: sample(ready),
            cpu: sample(cores * ready),
            ..Readings::default()
        };
        memory = learn(&workload.spec, at, plan, &readings, None, memory);
    }
    learned.memory = memory;
}
