//! A kill at any moment loses at most what was being saved, never the file.
//!
//! The test starts itself again as a child that saves in a loop, says which rounds are done, and is killed with SIGKILL
//! in the middle of it. A second test fills the disk up to a limit on the file's size.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "a test, whose helper functions clippy takes for something else; its numbers are small"
)]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use forescale::domain::{
    Basis, Fit, HumanDuration, LeadSource, LeadTime, Mode, ModelChoice, PastPlan, Plan, Profile,
    Quantile, Served, SourceRef, Timestamp, TriggerSpec, WorkloadKey,
};
use forescale::knowledge::{Health, Published, Store, Workload};

const CHILD: &str = "FORESCALE_TEST_SAVES_INTO";
const WORKLOADS: usize = 25;
const KILLS: u64 = 20;
/// Every round adds this many minutes, so that blocks are sealed all the time.
const MINUTES: i64 = 40;

fn spec() -> TriggerSpec {
    TriggerSpec {
        query: "up".into(),
        follows: None,
        source: SourceRef::Default,
        threshold: 1.0,
        activation_threshold: 0.0,
        query_parameters: vec![],
        custom_headers: vec![],
        namespace: None,
        ignore_null_values: true,
        unsafe_ssl: false,
        timeout: None,
        mode: Mode::Predictive,
        model: ModelChoice::Auto,
        horizon: HumanDuration::from_secs(1800),
        step: HumanDuration::from_secs(60),
        history: HumanDuration::from_secs(86_400),
        interval: HumanDuration::from_secs(15),
        lead_time: LeadTime::Auto,
        metric_lag: None,
        headroom: 0.0,
        quantile: Quantile::MEDIAN,
        max_overload: None,
        shortage_cost: None,
        min_replicas: None,
        max_replicas: None,
        bounds: None,
        calendar: None,
        max_changes_per_hour: None,
        ramp_up: None,
        ramp_down: None,
        scale_down_window: Some(HumanDuration::from_secs(300)),
        hpa_tolerance: Some(0.1),
        timezone: "UTC".into(),
        max_replica_hours_per_day: None,
        latency_query: None,
        latency_slo: None,
        replicas_query: None,
        cpu_query: None,
        memory_query: None,
        events: None,
    }
}

fn workload(number: usize) -> Arc<Workload> {
    let metadata = [("query".to_owned(), format!("sum(x{number})"))].into();
    let key = WorkloadKey::new("shop", &format!("web-{number}"), metadata);
    Arc::new(Workload::new(key, spec(), vec![], Timestamp::from_secs(0)))
}

fn value(number: usize, minute: i64) -> f64 {
    ((minute * 7 + number as i64) % 5000) as f64
}

/// Brings a workload to the state of `round`; everything in it can be told from the round.
fn advance(workload: &Workload, number: usize, round: i64) {
    let at = |minute: i64| Timestamp::from_secs(minute * 60);
    let mut learned = workload.learned();
    for minute in (round - 1) * MINUTES..round * MINUTES {
        learned.history.record(at(minute), value(number, minute));
    }
    if round % 5 == 0 {
        learned.fit = Some(Arc::new(Fit {
            at: Timestamp::from_secs(round),
            profile: Some(Profile {
                bin_seconds: 300,
                values: vec![round as f32; 2016],
            }),
            bands: vec![],
            scores: vec![],
            ..Fit::default()
        }));
    }
    learned.memory.recent.clear();
    learned.memory.recent.push_back(PastPlan {
        at: Timestamp::from_secs(round),
        raw: round as u32,
        planned: round as u32,
    });
    drop(learned);
    workload.publish(Published {
        plan: Arc::new(plan(round)),
        forecast: None,
        standing: None,
        anomalies: Arc::default(),
        health: Health::default(),
    });
}

fn plan(round: i64) -> Plan {
    Plan {
        at: Timestamp::from_secs(round),
        mode: Mode::Predictive,
        basis: Basis::Reactive,
        replicas: round as u32,
        planned: round as u32,
        reactive: Some(round as u32),
        active: true,
        served: Served {
            value: round as f64,
            target: 1.0,
            value_int: round,
            target_int: 1,
        },
        observed: None,
        peak: None,
        quantile: Quantile::MEDIAN,
        lead_time: HumanDuration::from_secs(180),
        lead_source: LeadSource::Given,
        capacity: None,
        vertical: None,
        model: None,
        chosen: None,
        authority: None,
        reasons: vec![],
    }
}

/// The child: saves round after round until it is killed, going on where the file is.
fn save_for_ever(dir: &Path) {
    let store = Store::open(dir).unwrap();
    let all: Vec<_> = (0..WORKLOADS).map(workload).collect();
    let done = store
        .load()
        .unwrap()
        .first()
        .map_or(0, |restored| round_of(restored.published.as_ref()));
    for round in 1..=done {
        all.iter()
            .enumerate()
            .for_each(|(number, workload)| advance(workload, number, round));
    }
    for round in done + 1.. {
        all.iter()
            .enumerate()
            .for_each(|(number, workload)| advance(workload, number, round));
        if let Err(error) = store.save(&all, Timestamp::from_secs(round)) {
            report(&format!("failed {error}"));
            return;
        }
        report(&format!("saved {round}"));
    }
}

fn report(line: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "@{line}").unwrap();
}

fn round_of(published: Option<&Published>) -> i64 {
    published.map_or(0, |published| published.plan.at.as_secs())
}

/// Opens the file, checks that it is one whole round, and gives its number.
fn check(dir: &Path) -> i64 {
    let store = Store::open(dir).expect("the file opens after every kill");
    let restored = store.load().unwrap();
    let damaged = std::fs::read_dir(dir).unwrap().count();
    assert_eq!(damaged, 1, "nothing was moved aside");
    let Some(round) = restored
        .first()
        .map(|restored| round_of(restored.published.as_ref()))
    else {
        return 0;
    };
    assert_eq!(restored.len(), WORKLOADS, "all workloads of a save or none");
    for workload in &restored {
        assert_eq!(
            round_of(workload.published.as_ref()),
            round,
            "no workload of another round"
        );
        assert_eq!(workload.saved_at, Timestamp::from_secs(round));
        assert_eq!(workload.learned.memory.recent[0].at.as_secs(), round);
        let fitted = workload
            .learned
            .fit
            .as_ref()
            .map_or(0, |fit| fit.at.as_secs());
        assert_eq!(fitted, round / 5 * 5, "the fit of this round");
        let number: usize = workload
            .key
            .name
            .strip_prefix("web-")
            .unwrap()
            .parse()
            .unwrap();
        let series = workload.learned.history.series();
        assert_eq!(
            series.end().as_secs() / 60,
            round * MINUTES,
            "the history of this round"
        );
        assert_eq!(series.len() as i64, (round * MINUTES).min(1440));
        for (minute, got) in (series.start().as_secs() / 60..).zip(series.values()) {
            assert_eq!(
                got.to_bits(),
                value(number, minute).to_bits(),
                "minute {minute}"
            );
        }
    }
    round
}

fn child(dir: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "the_file_survives_every_kill", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The child's reports, as they come.
fn reports(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines
        .map_while(Result::ok)
        .filter_map(|line| Some(line.strip_prefix('@')?.to_owned()))
}

fn saved(report: &str) -> Option<i64> {
    report.strip_prefix("saved ")?.parse().ok()
}

#[test]
fn the_file_survives_every_kill() {
    if let Some(dir) = env::var_os(CHILD) {
        save_for_ever(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for kill in 0..KILLS {
        let mut child = child(dir.path()).spawn().unwrap();
        let mut reports = reports(&mut child);
        // At least one save of this life, then a moment that falls anywhere in the next ones.
        let mut done = reports
            .by_ref()
            .find_map(|report| saved(&report))
            .expect("the child saves");
        thread::sleep(Duration::from_micros(kill * 7919 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        done = reports
            .filter_map(|report| saved(&report))
            .last()
            .unwrap_or(done);
        let found = check(dir.path());
        assert!(
            found >= done,
            "kill {kill}: round {done} was saved, {found} was found"
        );
        assert!(found > last, "kill {kill}: {found} after {last}");
        last = found;
    }
}

#[test]
fn a_full_disk_fails_the_save_and_keeps_the_last_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let plain = child(dir.path());
    // The kernel refuses to grow any file beyond this, as it does on a full disk.
    let mut limited = Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 1200; exec \"$0\" \"$@\""])
        .arg(plain.get_program());
    limited
        .args(plain.get_args())
        .env(CHILD, dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = limited.spawn().unwrap();
    let all: Vec<String> = reports(&mut child).collect();
    assert!(
        child.wait().unwrap().success(),
        "the child sees an error, no panic"
    );
    let done = all
        .iter()
        .filter_map(|report| saved(report))
        .next_back()
        .expect("some saves fit");
    let failure = all.last().unwrap();
    assert!(
        failure.starts_with("failed ") && failure.contains("the previous snapshot is whole"),
        "{failure}"
    );
    assert!(
        failure.contains("forescale.redb") && failure.contains("space left"),
        "{failure}"
    );
    assert_eq!(check(dir.path()), done);
}
