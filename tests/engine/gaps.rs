//! Steps that no tail read has seen: each is read back once, however long a step is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::control::Engine;
use forescale::domain::{Clock, ManualClock, Sample, Timestamp};
use forescale::monitor::{FetchError, FetchErrorKind, Fetched, Monitor, Script, Span};

use super::stage::{START, alone, register_with};

const HOUR: Duration = Duration::from_hours(1);

/// A load that is there but for some time, and a server that may be down.
#[derive(Default)]
struct Source {
    absent: Mutex<Option<(Timestamp, Timestamp)>>,
    down: Mutex<bool>,
    /// What was asked for.
    spans: Mutex<Vec<Span>>,
}

impl Script for Source {
    fn load(&self, _: &str, span: Span) -> Result<Fetched, FetchError> {
        self.spans.lock().unwrap().push(span);
        if *self.down.lock().unwrap() {
            return Err(FetchError::new(FetchErrorKind::Unreachable, "down"));
        }
        let absent = *self.absent.lock().unwrap();
        let times = (0..span.points() as u32).map(|index| span.from + span.step * index);
        let is_there =
            |at: &Timestamp| absent.is_none_or(|(from, until)| *at < from || *at >= until);
        let samples: Vec<Sample> = times
            .filter(is_there)
            .map(|at| Sample { at, value: 100.0 })
            .collect();
        Ok(Fetched {
            series: usize::from(!samples.is_empty()),
            samples,
            ..Fetched::default()
        })
    }

    fn beside(&self, _: &str, _: Span) -> Result<Fetched, FetchError> {
        Ok(Fetched::default())
    }
}

struct Set {
    source: Arc<Source>,
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
}

impl Set {
    /// An hour by hour workload at twenty past, with its history.
    async fn up() -> Self {
        let source = Arc::new(Source::default());
        let monitor = Monitor::scripted(Arc::clone(&source) as Arc<dyn Script>);
        let (engine, clock) = alone(monitor);
        let twenty_past = START.floor_to(HOUR) + HOUR + HOUR / 3;
        clock.set(twenty_past);
        let by_hour = [("step", "1h"), ("history", "7d"), ("horizon", "6h")];
        register_with(&engine, "web", "naive", &by_hour);
        let set = Self {
            source,
            clock,
            engine,
        };
        set.refresh(2).await;
        set
    }

    /// Refreshes a quarter of a minute apart.
    async fn refresh(&self, times: usize) {
        for _ in 0..times {
            self.clock.advance(Duration::from_secs(15));
            self.engine.turn().await;
        }
    }

    fn newest(&self) -> Timestamp {
        let web = &self.engine.board().all()[0];
        let newest = web.learned().history.last();
        newest.unwrap().at
    }

    /// What has been asked for since: on the grid of the live value, and on that of the history.
    fn asked(&self) -> (Vec<Span>, Vec<Span>) {
        let spans = std::mem::take(&mut *self.source.spans.lock().unwrap());
        spans.into_iter().partition(|span| span.step < HOUR)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_passed_while_the_source_was_down_is_read_at_its_own_resolution() {
    let set = Set::up().await;
    let before = set.newest();
    set.refresh(140).await;
    let (tails, back) = {
        set.asked();
        *set.source.down.lock().unwrap() = true;
        // From five to the hour until half past.
        set.refresh(140).await;
        set.asked();
        *set.source.down.lock().unwrap() = false;
        set.refresh(20).await;
        set.asked()
    };
    assert_eq!(set.newest(), before + HOUR);
    assert!(tails.iter().all(|span| span.points() <= 41), "{tails:?}");
    assert_eq!(back.len(), 1, "{back:?}");
    assert_eq!((back[0].points(), back[0].until), (1, before + HOUR));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_which_there_is_nothing_is_read_back_once() {
    let set = Set::up().await;
    let now = set.clock.now();
    // A series that vanishes for seven hours, and is there again at twenty past.
    *set.source.absent.lock().unwrap() = Some((now, now + 7 * HOUR));
    set.refresh(7 * 240 + 1).await;
    set.asked();
    set.refresh(100).await;
    let (tails, back) = set.asked();
    assert_eq!(tails.len(), 100);
    assert!(back.len() <= 1, "{} reads back", back.len());
}
