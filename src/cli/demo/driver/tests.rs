use super::*;
use crate::cli::demo::setup::WithoutData;
use crate::cli::demo::verdict::Outcome;
use crate::domain::Served;
use crate::knowledge::Published;
use crate::simulate::demand::Pattern;

/// Answers from the demand itself, so that a run needs no server.
struct Scripted {
    clock: Arc<ManualClock>,
    value: Box<dyn Fn(Timestamp) -> Option<f64>>,
}

impl Scaler for Scripted {
    async fn turn(&mut self) {}

    async fn ask(&mut self) -> Answer {
        let served = |value| Served {
            value,
            target: 20.0,
            value_int: 0,
            target_int: 1,
        };
        (self.value)(self.clock.now()).map(|value| (served(value), true))
    }

    fn target(&self) -> f64 {
        20.0
    }

    fn published(&self) -> Option<Arc<Published>> {
        None
    }
}

async fn run(
    pattern: Pattern,
    hours: u64,
    value: impl Fn(&Demand, Timestamp) -> Option<f64> + 'static,
) -> Driver<Scripted> {
    played(driver(pattern, hours, value)).await
}

async fn played(mut driver: Driver<Scripted>) -> Driver<Scripted> {
    while !driver.finished() {
        driver.tick().await;
    }
    driver
}

fn driver(
    pattern: Pattern,
    hours: u64,
    value: impl Fn(&Demand, Timestamp) -> Option<f64> + 'static,
) -> Driver<Scripted> {
    let length = HumanDuration::from_secs(hours * 3600);
    let setup = Setup::new(pattern, 3, length, &[], WithoutData::Hold).unwrap();
    let clock = Arc::new(ManualClock::at(START));
    let demand = Arc::new(Demand::new(pattern, 3, START));
    let script = Arc::clone(&demand);
    let scaler = Scripted {
        clock: Arc::clone(&clock),
        value: Box::new(move |now| value(&script, now)),
    };
    Driver::new(setup, clock, demand, scaler)
}

#[tokio::test]
async fn under_the_same_hpa_a_scaler_that_answers_the_metric_itself_ties_to_the_last_digit() {
    for pattern in [Pattern::Shop, Pattern::Spiky] {
        let mut driver = driver(pattern, 12, Demand::observed);
        driver.forescale = driver.plain.clone();
        let driver = played(driver).await;
        let (forescale, plain) = driver.totals();
        assert_eq!(forescale, plain);
        assert!(
            plain.overload_minutes > 0.0 && plain.changes > 10,
            "{plain:?}"
        );
        let summary = driver.summary();
        assert_eq!(summary.verdict().outcome, Outcome::Tie);
        assert!(!summary.verdict().gain);
    }
}

#[tokio::test]
async fn knowing_the_next_minutes_is_a_gain_where_there_is_something_to_know() {
    let foresee = |demand: &Demand, now: Timestamp| {
        let ahead = |i: u32| demand.value(now + TICK * 6 * i);
        (0..=5).map(ahead).reduce(f64::max)
    };
    let summary = run(Pattern::Shop, 12, foresee).await.summary();
    assert!(summary.verdict().gain, "{}", summary.text());
}

#[tokio::test]
async fn buying_everything_is_no_gain() {
    let summary = run(Pattern::Flat, 6, |_, _| Some(2000.0)).await.summary();
    assert!(!summary.verdict().gain, "{}", summary.text());
}

#[tokio::test]
async fn failed_calls_are_counted_and_leave_the_fleet_alone() {
    let driver = run(Pattern::Flat, 1, |_, _| None).await;
    let (forescale, _) = driver.totals();
    assert_eq!(forescale.changes, 0);
    let json: serde_json::Value = serde_json::from_str(&driver.summary().json().unwrap()).unwrap();
    assert_eq!(json["answers"]["polls"], 240);
    assert_eq!(json["answers"]["failed"], 240);
}

#[tokio::test]
async fn the_recording_played_again_gives_the_plain_hpas_score() {
    let driver = run(Pattern::Shop, 10, Demand::observed).await;
    let again = driver.recording.play(&driver.setup, driver.setup.threshold);
    assert_eq!(again, driver.totals().1);
}

#[tokio::test]
async fn a_plain_hpa_can_be_tuned_to_a_cost_but_not_to_any() {
    let driver = run(Pattern::Shop, 6, Demand::observed).await;
    let hours = driver.totals().1.replica_hours;
    let tuned = driver
        .recording
        .tuned_to(&driver.setup, 1.3 * hours)
        .unwrap();
    assert!(tuned.threshold < driver.setup.threshold);
    assert!((tuned.totals.replica_hours / (1.3 * hours) - 1.0).abs() < 0.006);
    // 100 replicas for 6 hours are the most that can be spent.
    assert_eq!(driver.recording.tuned_to(&driver.setup, 700.0), None);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_summary() {
    let one = run(Pattern::Api, 3, Demand::observed).await.summary();
    let two = run(Pattern::Api, 3, Demand::observed).await.summary();
    assert_eq!(one.json().unwrap(), two.json().unwrap());
}
