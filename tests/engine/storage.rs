//! Storage that answers in part, and queries that fail at one moment of many.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::control::Engine;
use forescale::domain::{Basis, Clock, ManualClock, Plan, Sample, Timestamp};
use forescale::knowledge::{FaultKind, Workload};
use forescale::monitor::{FetchError, FetchErrorKind, Fetched, Monitor, Script, Span};

use super::stage::{alone, register};

/// A load of its own, and what is wrong with it.
struct Storage {
    load: Mutex<f64>,
    partial: Mutex<bool>,
    /// At this moment labels match twice.
    conflict: Mutex<Option<Timestamp>>,
    asked: Mutex<u32>,
}

impl Script for Storage {
    fn load(&self, _: &str, span: Span) -> Result<Fetched, FetchError> {
        *self.asked.lock().unwrap() += 1;
        let inside = |at: &Timestamp| (span.from..=span.until).contains(at);
        if self.conflict.lock().unwrap().is_some_and(|at| inside(&at)) {
            let error = FetchError::new(FetchErrorKind::Status, "many-to-many matching");
            return Err(FetchError {
                while_running: true,
                ..error
            });
        }
        let value = *self.load.lock().unwrap();
        let times = (0..span.points() as u32).map(|index| span.from + span.step * index);
        Ok(Fetched {
            samples: times.map(|at| Sample { at, value }).collect(),
            series: 1,
            partial: *self.partial.lock().unwrap(),
            ..Fetched::default()
        })
    }

    fn beside(&self, _: &str, _: Span) -> Result<Fetched, FetchError> {
        Ok(Fetched::default())
    }
}

struct Set {
    storage: Arc<Storage>,
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
    workload: Arc<Workload>,
}

impl Set {
    fn up() -> Self {
        let storage = Arc::new(Storage {
            load: Mutex::new(1000.0),
            partial: Mutex::new(false),
            conflict: Mutex::new(None),
            asked: Mutex::new(0),
        });
        let monitor = Monitor::scripted(Arc::clone(&storage) as Arc<dyn Script>);
        let (engine, clock) = alone(monitor);
        let workload = register(&engine, "web", "naive");
        Self {
            storage,
            clock,
            engine,
            workload,
        }
    }

    async fn pass(&self, secs: u64) -> Arc<Plan> {
        self.clock.advance(Duration::from_secs(secs));
        self.engine.turn().await;
        Arc::clone(&self.workload.published().unwrap().plan)
    }

    fn says(&self, load: f64, partial: bool) {
        *self.storage.load.lock().unwrap() = load;
        *self.storage.partial.lock().unwrap() = partial;
    }

    fn fault(&self) -> Option<FaultKind> {
        let published = self.workload.published().unwrap();
        published.health.fault.as_ref().map(|fault| fault.kind)
    }

    fn kept(&self) -> Vec<f64> {
        let learned = self.workload.learned();
        learned.history.tail(4).values().to_vec()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_part_raises_the_plan_and_never_lowers_it() {
    let set = Set::up();
    set.pass(15).await;
    let whole = set.pass(15).await.replicas;
    assert!(whole >= 100, "{whole}");
    set.says(400.0, true);
    let part = set.pass(15).await;
    assert_eq!((part.basis, part.replicas), (Basis::Held, whole));
    assert_eq!(set.fault(), Some(FaultKind::Partial));
    set.says(5000.0, true);
    let part = set.pass(15).await;
    assert_eq!((part.basis, part.replicas), (Basis::Held, 500), "{part:#?}");
    // What is known in part goes into no history, and stands nowhere once the whole is known.
    set.says(900.0, false);
    for _ in 0..20 {
        set.pass(15).await;
    }
    assert_eq!(set.fault(), None);
    assert!(
        set.kept().iter().all(|value| (value - 900.0).abs() < 1.0),
        "{:?}",
        set.kept()
    );
    let after = set.pass(15).await;
    assert_ne!(after.basis, Basis::Held);
    assert!((after.observed.unwrap().value - 900.0).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_answer_in_part_is_no_answer() {
    let set = Set::up();
    set.says(400.0, true);
    for _ in 0..10 {
        set.clock.advance(Duration::from_secs(15));
        set.engine.turn().await;
    }
    assert!(set.workload.published().is_none());
    let fault = set.workload.first_fault().unwrap();
    assert_eq!(fault.kind, FaultKind::Partial);
    assert_eq!(
        set.workload.learned().history.series().observed(),
        0,
        "nor any history"
    );
    set.says(1000.0, false);
    assert!(set.pass(15).await.replicas >= 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_is_never_whole_is_believed_after_an_hour() {
    let set = Set::up();
    set.pass(15).await;
    set.pass(15).await;
    set.says(400.0, true);
    for minute in 0..59 {
        assert_eq!(set.pass(60).await.basis, Basis::Held, "{minute}");
    }
    set.pass(120).await;
    let plan = set.pass(60).await;
    assert_ne!(plan.basis, Basis::Held);
    assert!((plan.observed.unwrap().value - 400.0).abs() < 1e-9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_at_which_the_query_fails_does_not_hide_the_present_once_it_has_passed() {
    let set = Set::up();
    set.pass(15).await;
    set.pass(15).await;
    let bad = set.clock.now().floor_to(Duration::from_secs(15)) + Duration::from_secs(15);
    *set.storage.conflict.lock().unwrap() = Some(bad);
    let plan = set.pass(15).await;
    assert_eq!(
        (plan.basis, set.fault()),
        (Basis::Held, Some(FaultKind::Status))
    );
    set.says(3000.0, false);
    // Four moments later nothing but the newest are asked for.
    for _ in 0..4 {
        set.pass(15).await;
    }
    let plan = set.pass(15).await;
    assert_eq!(set.fault(), None);
    assert!(plan.replicas >= 300, "{plan:#?}");
    // The history is read back around it: a moment that lies on its grid stays unknown, and the others don't.
    for _ in 0..60 {
        set.pass(15).await;
    }
    let kept = set.workload.learned().history.tail(17);
    let unknown = kept.values().iter().filter(|value| value.is_nan()).count();
    assert!(unknown <= 1, "{:?}", kept.values());
}
