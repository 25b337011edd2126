//! A backtest is production: what a live Forescale decided, with a real Prometheus behind it and KEDA's calls before it,
//! comes out the same when its recording is lived through again. Every decision, every field.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::control::recording::Event;
use forescale::control::rerun::{Report, rerun};
use forescale::domain::{Basis, Limit, Plan, WorkloadId};
use support::exporter::{Exporter, Gauge};
use support::forescale::{Forescale, PATIENCE, PROGRAM, Setup};
use support::keda::Keda;
use support::openmetrics::Backfill;
use support::prometheus::{Prometheus, TOOLS};
use support::shape::Shape;
use support::{eventually, now, say, tools_are_there};
use tempfile::TempDir;

const WEB: &str = r#"requests{app="web"}"#;
const READY: &str = r#"ready{app="web"}"#;

/// A dev build is slow, and what took too long on that day is the one thing that can't be lived through again.
const SETTINGS: &str = "
monitor:
  sources:
    default:
      timeout: 2s
      totalTimeout: 4s
      retries: {maxAttempts: 2, initialBackoff: 50ms, maxBackoff: 100ms}
      circuitBreaker: {failures: 5, openFor: 1s}
analyze: {modelTimeout: 10m}
plan: {staleAfter: 10s}
control: {backfillRetry: 2s}
";

/// The ScaledObjects that are asked about at the same time.
const WORKLOADS: [(&str, &[(&str, &str)]); 4] = [
    ("auto", &[("history", "3h"), ("maxReplicas", "40")]),
    (
        "naive",
        &[
            ("model", "naive"),
            ("quantile", "0.8"),
            ("scaleDownWindow", "5s"),
            // Wide, so that it bites soon whatever the timing of this run is.
            ("hpaTolerance", "0.5"),
            ("replicasQuery", READY),
            ("cpuQuery", "sum(absent_series)"),
        ],
    ),
    ("shadow", &[("mode", "shadow"), ("model", "recent-mean")]),
    ("reactive", &[("mode", "reactive")]),
];

fn trigger<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut metadata = vec![
        ("query", WEB),
        ("threshold", "10"),
        ("interval", "1s"),
        ("step", "10s"),
        ("history", "20m"),
        ("horizon", "5m"),
        ("leadTime", "30s"),
    ];
    metadata.retain(|(key, _)| more.iter().all(|(other, _)| key != other));
    metadata.extend_from_slice(more);
    metadata
}

/// Events so far; a last line that is being written is left for later.
fn events(recording: &Path) -> Vec<Event> {
    let text = fs::read_to_string(recording).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn plans(recording: &Path) -> Vec<Plan> {
    let decided = events(recording)
        .into_iter()
        .filter_map(|event| match event {
            Event::Decided { plan, .. } => plan,
            _ => None,
        });
    decided
        .map(|plan| serde_json::from_value(plan).unwrap())
        .collect()
}

async fn replayed(recording: &Path) -> Report {
    let file = fs::File::open(recording).unwrap();
    rerun(BufReader::new(file)).await.unwrap()
}

/// How many plans each workload has had.
fn planned(recording: &Path) -> BTreeMap<WorkloadId, usize> {
    let mut planned = BTreeMap::new();
    for event in events(recording) {
        if let Event::Decided {
            id, plan: Some(_), ..
        } = event
        {
            *planned.entry(id).or_default() += 1;
        }
    }
    planned
}

/// Waits until each workload has been planned `more` times again.
async fn decisions(recording: &Path, more: usize) {
    let before = planned(recording);
    let what = format!("{more} more decisions on each workload");
    eventually(&what, PATIENCE, async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let planned = planned(recording);
        let again =
            |(id, count): (&WorkloadId, &usize)| *count >= before.get(id).unwrap_or(&0) + more;
        (planned.len() == WORKLOADS.len() && planned.iter().all(again)).then_some(())
    })
    .await;
}

/// Waits until a plan has started from this load.
async fn observed(recording: &Path, load: f64) {
    eventually("the load to be read", PATIENCE, async || {
        let mut seen = plans(recording)
            .into_iter()
            .filter_map(|plan| plan.observed);
        seen.any(|sample| (sample.value - load).abs() < 1e-9)
            .then_some(())
    })
    .await;
}

/// Lets the load do what loads do, and Prometheus what it does on a bad day.
async fn a_bad_day(exporter: &Exporter, prometheus: &mut Prometheus, recording: &Path) {
    for (index, load) in [200.0, 212.0, 221.0, 305.5, 260.0, 199.0, 90.0, 95.0]
        .into_iter()
        .enumerate()
    {
        exporter.set(WEB, Gauge::Fixed(load));
        exporter.set(READY, Gauge::Fixed(18.0 + index as f64));
        decisions(recording, 2).await;
        observed(recording, load).await;
    }
    prometheus.kill();
    decisions(recording, 4).await;
    prometheus.start_again().await;
    decisions(recording, 3).await;
    exporter.set(WEB, Gauge::Fixed(f64::NAN));
    decisions(recording, 4).await;
    exporter.set(WEB, Gauge::Fixed(150.0));
    decisions(recording, 4).await;
    exporter.crash();
    decisions(recording, 2).await;
    exporter.set(WEB, Gauge::Fixed(170.0));
    decisions(recording, 14).await;
    a_climb_within_the_dead_band(exporter, recording).await;
}

/// Raises the load by a fifth at a time, well within `hpaTolerance`, until the dead band bites. Which step does it depends
/// on where the fleet of this run stands.
async fn a_climb_within_the_dead_band(exporter: &Exporter, recording: &Path) {
    let before = plans(recording).len();
    let mut load = 170.0;
    eventually("the dead band bites", PATIENCE, async || {
        load *= 1.2;
        exporter.set(WEB, Gauge::Fixed(load));
        decisions(recording, 3).await;
        limited(&plans(recording)[before..], Limit::Tolerance).then_some(())
    })
    .await;
}

fn limited(plans: &[Plan], by: Limit) -> bool {
    let mut reasons = plans.iter().flat_map(|plan| &plan.reasons);
    reasons.any(|it| it.limit == by)
}

/// Polls as KEDA does; the values that it was told.
fn polled(forescale: &Forescale) -> (Arc<Mutex<BTreeSet<i64>>>, tokio::task::JoinHandle<()>) {
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let (addr, kept) = (forescale.grpc, Arc::clone(&told));
    let polling = tokio::spawn(async move {
        let mut kedas = Vec::new();
        for (name, more) in WORKLOADS {
            kedas.push(Keda::of(addr, "shop", name, &trigger(more)).await);
        }
        loop {
            for keda in &mut kedas {
                if let Ok(reading) = keda.read().await {
                    kept.lock().unwrap().insert(reading.value_milli);
                }
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    });
    (told, polling)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_decisions_of_a_live_run_come_out_the_same_when_its_recording_is_replayed() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let recording = folder.path().join("live.jsonl");
    let exporter =
        Exporter::start(&[(WEB, Gauge::Fixed(195.0)), (READY, Gauge::Fixed(17.0))]).await;
    let now = now().as_secs();
    let written = Backfill {
        metric: "requests",
        labels: r#"app="web""#,
        shape: Shape::SHOP,
        from: now - 4 * 3600,
        until: now - 2,
        every: 10,
    };
    let mut prometheus = Prometheus::start(&[written], &[exporter.addr]).await;
    let mut forescale = Forescale::start(&Setup {
        prometheus: prometheus.url(),
        settings: SETTINGS.to_owned(),
        args: vec!["--record".to_owned(), recording.display().to_string()],
        ..Setup::default()
    })
    .await;
    let (told, polling) = polled(&forescale);
    decisions(&recording, 5).await;
    a_bad_day(&exporter, &mut prometheus, &recording).await;
    polling.abort();
    forescale.terminate();
    assert_eq!(forescale.ended().await.code(), Some(0));

    let report = replayed(&recording).await;
    say(format!(
        "{:?}",
        (report.workloads.iter())
            .map(|it| (&it.workload, it.equal, it.decisions))
            .collect::<Vec<_>>()
    ));
    for it in &report.workloads {
        assert_eq!(it.equal, it.decisions, "{it:#?}");
        assert_eq!(it.left_out, None);
        assert!(it.decisions > 40, "{}: {}", it.workload, it.decisions);
    }
    assert_eq!((report.workloads.len(), &report.gaps), (4, &vec![]));

    // The run was worth replaying, and what KEDA was told is what was recorded.
    let plans = plans(&recording);
    for basis in [Basis::Forecast, Basis::Reactive, Basis::Held] {
        assert!(plans.iter().any(|plan| plan.basis == basis), "{basis}");
    }
    for limit in [Limit::Tolerance, Limit::Hold] {
        assert!(limited(&plans, limit), "{limit:?}");
    }
    let recorded: BTreeSet<i64> = plans
        .iter()
        .map(|plan| forescale::domain::milli_truncated(plan.served.value))
        .collect();
    let told = told.lock().unwrap().clone();
    assert!(
        told.len() > 5 && told.is_subset(&recorded),
        "{told:?} {recorded:?}"
    );

    the_command_says_so(&recording);
}

/// `forescale replay` as a person runs it: on the recording, and on one in which a number was changed.
fn the_command_says_so(recording: &Path) {
    let run = |file: &Path| {
        let output = Command::new(PROGRAM)
            .arg("replay")
            .arg(file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            said + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, said) = run(recording);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("shop/auto") && said.contains("decisions are equal"),
        "{said}"
    );

    let text = fs::read_to_string(recording).unwrap();
    let forged = recording.with_extension("forged");
    fs::write(&forged, text.replace("\"305.5\"", "\"915.5\"")).unwrap();
    let (code, said) = run(&forged);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it was") && said.contains("now"), "{said}");

    let cut = recording.with_extension("cut");
    fs::write(&cut, &text[..text.len() - 20]).unwrap();
    let (code, said) = run(&cut);
    assert_eq!(
        code,
        Some(0),
        "a line that a kill has cut off is no difference: {said}"
    );
    assert!(said.contains("cut off"), "{said}");

    fs::write(&cut, "load,replicas\n1,2\n").unwrap();
    let (code, said) = run(&cut);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("line 1") && said.contains("--record"),
        "{said}"
    );
}
