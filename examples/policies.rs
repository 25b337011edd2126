//! The policies of the simulator on recorded load: overload and replica hours of each over its safety settings.
//!
//! `cargo run --profile quick --example policies -- FILE…`, with CSV or Parquet files. Judged is the last 30 % of each, with
//! 90 s from a replica that is wanted to one that is Ready and 20 replicas at the median load; `START_UP` (seconds)
//! and `POLICIES` (names, comma-separated) change that.
#![expect(clippy::print_stdout, reason = "a report is what it is for")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use forescale::dataset;
use forescale::simulate::cluster::{Cluster, Scene};
use forescale::simulate::frontier::{Frontier, Point};
use forescale::simulate::policies::{Family, Kind, Search};
use forescale::simulate::trace::Trace;

const OVERLOADS: [f64; 3] = [0.1, 0.5, 1.0];

fn main() -> Result<(), Box<dyn Error>> {
    let start_up = std::env::var("START_UP").map_or(Ok(90), |secs| secs.parse())?;
    let names = std::env::var("POLICIES").unwrap_or_default();
    let wanted = |kind: &Kind| names.is_empty() || names.split(',').any(|name| name == kind.name());
    for file in std::env::args().skip(1) {
        let trace = Trace::new(&dataset::read(Path::new(&file))?.series);
        let median = trace.median(trace.start(), trace.end()).unwrap_or(1.0);
        let cluster = Cluster::new(median / 20.0, Duration::from_secs(start_up));
        let judged = trace.end().since(trace.start()).mul_f64(0.7);
        let scene = Scene::new(&cluster, &trace, trace.start() + judged, trace.end());
        println!("\n{file}, judged for {:.1} days", days(&scene));
        println!(
            "{:<16} {:>9} {:>9} {:>9} {:>24} {:>7} {:>7}",
            "policy", "h at 0.1%", "at 0.5%", "at 1%", "usual: overload % / h", "chg/h", "s"
        );
        for kind in Kind::ALL.into_iter().filter(wanted) {
            row(kind, &scene);
        }
        if wanted(&Kind::Hpa) {
            let frontier = Search::on(&scene).frontier();
            println!("{:<16} {}", "hpa in hindsight", costs(&frontier));
        }
    }
    Ok(())
}

fn row(kind: Kind, scene: &Scene<'_>) {
    let began = Instant::now();
    let family = Family::new(kind, scene);
    let runs = family.sweep(kind.settings());
    let frontier = Frontier::new(
        runs.iter()
            .map(|(setting, figures)| Point::of(*setting, figures)),
    );
    let usual = family.run(kind.usual());
    println!(
        "{:<16} {} {:>14.3} / {:>7.0} {:>7.1} {:>7.1}",
        kind.name(),
        costs(&frontier),
        usual.overload_percent(),
        usual.replica_hours(),
        usual.changes_per_hour(),
        began.elapsed().as_secs_f64(),
    );
}

fn costs(frontier: &Frontier) -> String {
    let cost = |overload| {
        frontier
            .hours_at(overload)
            .map_or_else(|| "-".to_owned(), |hours| format!("{hours:.0}"))
    };
    let [first, second, third] = OVERLOADS.map(cost);
    format!("{first:>9} {second:>9} {third:>9}")
}

fn days(scene: &Scene<'_>) -> f64 {
    scene.until().since(scene.from()).as_secs_f64() / 86_400.0
}
