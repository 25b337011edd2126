//! What the cluster says is part of a recording, and so is what was put off because of others: the same decisions come out of
//! it, and others without it.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::control::recording::Recorder;
use crate::control::{Config, Engine, Metrics, Parts};
use crate::domain::{
    BoundBy, Clock, ClusterFacts, Fleet, HumanDuration, ManualClock, Metadata, PodBatch, PodStarts,
    Scaling, ScalingBound, ScalingRules,
};
use crate::execute::keda::parse_metadata;
use crate::knowledge::{self, Board};
use crate::monitor::Monitor;
use crate::monitor::replay::ReplaySource;

const START: Timestamp = Timestamp::from_secs(1_780_000_020);

/// A load that climbs and falls within ten minutes.
#[derive(Debug)]
struct Load(Arc<ManualClock>);

impl ReplaySource for Load {
    fn value(&self, _: &str, at: Timestamp) -> Option<f64> {
        Some(200.0 + 150.0 * (at.as_secs_f64() / 100.0).sin())
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A cluster in which everything changes: its bounds, its fleet, and pods that start.
fn facts(now: Timestamp, turn: u32) -> ClusterFacts {
    let bound = |replicas| {
        let by = BoundBy::ScaledObject;
        Some(ScalingBound { replicas, by })
    };
    let batch = |index: u64| PodBatch {
        created: now - Duration::from_mins(1),
        ready: now - Duration::from_secs(10 + index),
        pods: 1 + turn % 3,
    };
    ClusterFacts {
        scaling: Some(Scaling {
            at: now,
            min: bound(2 + turn % 4),
            max: bound(25 + turn % 5),
            up: ScalingRules::usual_up(),
            down: ScalingRules::usual_down(),
            paused: false,
        }),
        fleet: Some(Fleet {
            at: now,
            replicas: 10 + turn % 12,
            ready: Some(10),
            rollout: turn.is_multiple_of(9),
        }),
        starts: Some(PodStarts {
            at: now,
            batches: (0..2).map(batch).collect(),
        }),
        ..ClusterFacts::default()
    }
}

/// Lives for so many refreshes of so many workloads, four a minute; the recording, line by line.
async fn live(count: usize, turns: u32) -> Vec<String> {
    let clock = Arc::new(ManualClock::at(START));
    let settings = (
        plan::Config::default(),
        analyze::Config {
            model_timeout: HumanDuration::from_secs(3600),
            ..analyze::Config::default()
        },
    );
    let kept = Kept::default();
    let began = Event::Began {
        at: START,
        forescale: "test".to_owned(),
        plan: settings.0.clone(),
        analyze: settings.1.clone(),
    };
    let metadata: Metadata = [
        ("query", "load"),
        ("threshold", "10"),
        ("model", "recent-mean"),
        ("history", "2h"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    let spec = parse_metadata(&metadata).unwrap().spec;
    let board = Arc::new(Board::new(count));
    let register = |index: usize| {
        let key = WorkloadKey::new("shop", &format!("web-{index}"), metadata.clone());
        let registered = board.register(key, spec.clone(), Vec::new(), START);
        registered.unwrap()
    };
    let workloads: Vec<_> = (0..count).map(register).collect();
    let engine = Engine::new(Parts {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        board: Arc::clone(&board),
        monitor: Monitor::recorded(Arc::new(Load(Arc::clone(&clock)))),
        models: Arc::new(Registry::new(&settings.1).unwrap()),
        store: None,
        control: Config::default(),
        analyze: settings.1,
        plan: settings.0,
        knowledge: knowledge::Config::default(),
        metrics: Metrics::default(),
        recorder: Some(Recorder::to(kept.clone(), &began).unwrap()),
        enrolled: Vec::new(),
    });
    for turn in 0..turns {
        let now = START + Duration::from_secs(15 * u64::from(turn));
        clock.set(now);
        // Now and then there is nothing to be had, and most of the time nothing new.
        if turn % 4 == 1 {
            workloads[0].note_cluster((turn % 16 != 1).then(|| Arc::new(facts(now, turn))));
        }
        engine.turn().await;
    }
    // The recording is whole once nobody holds the engine any more.
    while Arc::strong_count(&engine) > 1 {
        tokio::task::yield_now().await;
    }
    drop(engine);
    let bytes = kept.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_the_cluster_said_is_recorded_and_leads_to_the_same_decisions() {
    let recording = live(1, 60).await;
    let of_cluster = |line: &&String| line.contains(r#""event":"cluster""#);
    let told = recording.iter().filter(of_cluster).count();
    assert_eq!(told, 14, "each change once, and nothing for what stays");
    let report = rerun(recording.join("\n").as_bytes()).await.unwrap();
    let workload = &report.workloads[0];
    assert!(report.is_equal(), "{workload:#?}");
    assert!(workload.decisions >= 50, "{}", workload.decisions);

    let without: Vec<String> = (recording.iter())
        .filter(|line| !of_cluster(line))
        .cloned()
        .collect();
    let report = rerun(without.join("\n").as_bytes()).await.unwrap();
    assert!(!report.is_equal(), "the facts had a part in it");

    let report = rerun(recording[0].as_bytes()).await.unwrap();
    assert_eq!(report.decisions(), 0, "only the beginning");
    assert!(!report.is_equal(), "nothing was compared");
}

#[tokio::test]
async fn a_fit_that_was_put_off_is_put_off_again() {
    let recording = live(12, 10).await;
    let put_off = r#","putOff":true"#;
    let times = recording.iter().filter(|line| line.contains(put_off));
    let times = times.count();
    assert!(times >= 4, "{times}");
    let text = recording.join("\n");
    let report = rerun(text.as_bytes()).await.unwrap();
    assert_eq!(report.workloads.len(), 12);
    assert!(report.is_equal(), "{:#?}", report.workloads);

    let without = text.replace(put_off, "");
    let report = rerun(without.as_bytes()).await.unwrap();
    assert!(!report.is_equal(), "that had a part in it");
}
