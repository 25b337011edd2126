use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::sync::Notify;
use tower::{ServiceExt, service_fn};

use super::*;

/// A call as patient as the source.
struct Patient;

/// One that gives up sooner.
struct Hasty;

impl Patience for Patient {
    fn is_hasty(&self) -> bool {
        false
    }
}

impl Patience for Hasty {
    fn is_hasty(&self) -> bool {
        true
    }
}

/// A server that can be ill, behind a breaker that opens for 10 s after 3 failures.
struct Scenario {
    circuit: CircuitBreakerLayer,
    gauge: Gauge,
    ill: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Scenario {
    fn new() -> Self {
        let gauge = Gauge::default();
        let settings = BreakerConfig {
            failures: 3,
            open_for: HumanDuration::from_secs(10),
        };
        Self {
            circuit: CircuitBreakerLayer::new("source `x`".into(), &settings, gauge.clone()),
            gauge,
            ill: Arc::new(AtomicBool::new(false)),
            calls: Arc::default(),
        }
    }

    async fn ask(&self) -> Result<(), Failure> {
        let (ill, calls) = (Arc::clone(&self.ill), Arc::clone(&self.calls));
        let server = service_fn(move |_: Patient| {
            calls.fetch_add(1, Ordering::SeqCst);
            let result = if ill.load(Ordering::SeqCst) {
                Err(Failure::passing(
                    FetchErrorKind::Status,
                    "status 503".into(),
                ))
            } else {
                Ok(())
            };
            async move { result }
        });
        self.circuit.layer(server).oneshot(Patient).await
    }

    /// A hasty call that ends in this way.
    async fn hurry(&self, ends: Result<(), FetchErrorKind>) -> Option<FetchErrorKind> {
        let server = service_fn(move |_: Hasty| async move {
            ends.map_err(|kind| Failure::passing(kind, "no answer".into()))
        });
        let result = self.circuit.layer(server).oneshot(Hasty).await;
        result.err().map(|failure| failure.error.kind)
    }

    async fn ask_kind(&self) -> Option<FetchErrorKind> {
        self.ask().await.err().map(|failure| failure.error.kind)
    }

    fn set_ill(&self, ill: bool) {
        self.ill.store(ill, Ordering::SeqCst);
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    async fn open(&self) {
        self.set_ill(true);
        for _ in 0..3 {
            assert_eq!(self.ask_kind().await, Some(FetchErrorKind::Status));
        }
        assert_eq!(self.gauge.get(), 1);
    }
}

async fn wait(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_failures_in_a_row_and_then_asks_nobody() {
    let scenario = Scenario::new();
    scenario.open().await;

    let failure = scenario.ask().await.unwrap_err();
    assert_eq!(scenario.calls(), 3, "the server is left alone");
    assert_eq!(failure.error.kind, FetchErrorKind::CircuitOpen);
    assert_eq!(failure.error.retry_after, Some(Duration::from_secs(10)));
    for word in ["source `x`", "10s", "status 503"] {
        assert!(failure.error.text.contains(word), "{}", failure.error.text);
    }
    assert!(!failure.mends, "waiting a moment would not help");
}

#[tokio::test(start_paused = true)]
async fn a_success_in_between_starts_the_count_anew() {
    let scenario = Scenario::new();
    for _ in 0..5 {
        scenario.set_ill(true);
        scenario.ask().await.unwrap_err();
        scenario.ask().await.unwrap_err();
        scenario.set_ill(false);
        scenario.ask().await.unwrap();
    }
    assert_eq!(scenario.gauge.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_that_fail_together_are_one_failure() {
    let scenario = Scenario::new();
    let slow = || {
        let server = service_fn(|_: Patient| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Err::<(), _>(Failure::passing(FetchErrorKind::Timeout, "late".into()))
        });
        scenario.circuit.layer(server).oneshot(Patient)
    };
    for round in 1..=3 {
        assert_eq!(scenario.gauge.get(), 0, "before round {round}");
        let failed = futures::future::join_all((0..20).map(|_| slow())).await;
        assert!(failed.iter().all(Result::is_err));
    }
    assert_eq!(scenario.gauge.get(), 1, "three rounds are three failures");
}

#[tokio::test(start_paused = true)]
async fn refused_queries_never_open_it() {
    let circuit = Scenario::new().circuit;
    for _ in 0..20 {
        let refusing = service_fn(|_: Patient| async {
            Err::<(), _>(Failure::lasting(
                FetchErrorKind::Query,
                "parse error".into(),
            ))
        });
        let failure = circuit.layer(refusing).oneshot(Patient).await.unwrap_err();
        assert_eq!(failure.error.kind, FetchErrorKind::Query);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_succeeds_closes_it() {
    let scenario = Scenario::new();
    scenario.open().await;
    scenario.set_ill(false);

    wait(9).await;
    assert_eq!(
        scenario.ask_kind().await,
        Some(FetchErrorKind::CircuitOpen),
        "not yet"
    );
    wait(1).await;
    assert_eq!(scenario.ask_kind().await, None);
    assert_eq!(scenario.ask_kind().await, None);
    assert_eq!(scenario.gauge.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again_for_the_whole_time() {
    let scenario = Scenario::new();
    scenario.open().await;

    wait(10).await;
    assert_eq!(scenario.ask_kind().await, Some(FetchErrorKind::Status));
    assert_eq!(scenario.calls(), 4);
    wait(9).await;
    assert_eq!(scenario.ask_kind().await, Some(FetchErrorKind::CircuitOpen));
    assert_eq!(scenario.calls(), 4);
    assert_eq!(scenario.gauge.get(), 1, "counted once");
}

#[tokio::test(start_paused = true)]
async fn only_one_probe_is_under_way_and_a_dropped_one_makes_room() {
    let scenario = Scenario::new();
    scenario.open().await;
    scenario.set_ill(false);
    wait(10).await;

    let never = service_fn(|_: Patient| async {
        Notify::new().notified().await;
        Ok::<(), Failure>(())
    });
    let mut probe = Box::pin(scenario.circuit.layer(never).oneshot(Patient));
    assert!(futures::poll!(&mut probe).is_pending());

    let failure = scenario.ask().await.unwrap_err();
    assert_eq!(failure.error.kind, FetchErrorKind::CircuitOpen);
    assert!(
        failure.error.text.contains("probe"),
        "{}",
        failure.error.text
    );

    drop(probe);
    assert_eq!(scenario.ask_kind().await, None, "the next one may probe");
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_it_opened_do_not_close_it() {
    let scenario = Scenario::new();
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let slow = service_fn(move |_: Patient| {
        let held = Arc::clone(&held);
        async move {
            held.notified().await;
            Ok::<(), Failure>(())
        }
    });
    let mut early = Box::pin(scenario.circuit.layer(slow).oneshot(Patient));
    assert!(futures::poll!(&mut early).is_pending());

    scenario.open().await;
    gate.notify_one();
    early.await.unwrap();
    assert_eq!(scenario.ask_kind().await, Some(FetchErrorKind::CircuitOpen));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_that_is_dropped_is_no_longer_counted() {
    let scenario = Scenario::new();
    scenario.open().await;
    let gauge = scenario.gauge.clone();
    drop(scenario);
    assert_eq!(gauge.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn time_outs_of_the_hasty_never_open_it_and_their_other_failures_do() {
    let scenario = Scenario::new();
    let late = Err(FetchErrorKind::Timeout);
    for _ in 0..20 {
        assert_eq!(scenario.hurry(late).await, late.err());
    }
    assert_eq!(scenario.gauge.get(), 0, "they say nothing about the server");

    let gone = Err(FetchErrorKind::Unreachable);
    for _ in 0..3 {
        // What says nothing does not start the count anew either.
        scenario.hurry(late).await;
        assert_eq!(scenario.hurry(gone).await, gone.err());
    }
    assert_eq!(scenario.gauge.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_hasty_take_no_probe_from_the_others_and_keep_nothing_open() {
    let scenario = Scenario::new();
    scenario.open().await;
    scenario.set_ill(false);
    wait(10).await;

    let never = service_fn(|_: Hasty| std::future::pending::<Result<(), Failure>>());
    let mut first = Box::pin(scenario.circuit.layer(never).oneshot(Hasty));
    assert!(futures::poll!(&mut first).is_pending());
    let late = Err(FetchErrorKind::Timeout);
    assert_eq!(
        scenario.hurry(late).await,
        Some(FetchErrorKind::CircuitOpen),
        "one at a time"
    );
    drop(first);
    assert_eq!(scenario.hurry(late).await, Some(FetchErrorKind::Timeout));
    assert_eq!(
        scenario.hurry(late).await,
        Some(FetchErrorKind::CircuitOpen),
        "and after a time-out not soon again"
    );
    assert_eq!(scenario.ask_kind().await, None, "the probe of the others");
    assert_eq!(scenario.gauge.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_all_are_hasty_one_of_them_closes_it() {
    let scenario = Scenario::new();
    scenario.open().await;
    wait(10).await;
    let late = Err(FetchErrorKind::Timeout);
    assert_eq!(scenario.hurry(late).await, Some(FetchErrorKind::Timeout));
    wait(9).await;
    assert_eq!(
        scenario.hurry(Ok(())).await,
        Some(FetchErrorKind::CircuitOpen)
    );
    wait(1).await;
    assert_eq!(scenario.hurry(Ok(())).await, None);
    assert_eq!(scenario.gauge.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hasty_probe_that_finds_nobody_opens_it_again() {
    let scenario = Scenario::new();
    scenario.open().await;
    wait(10).await;
    let gone = Err(FetchErrorKind::Unreachable);
    assert_eq!(scenario.hurry(gone).await, gone.err());
    assert_eq!(scenario.ask_kind().await, Some(FetchErrorKind::CircuitOpen));
    assert_eq!(scenario.gauge.get(), 1);
}
