//! Many workloads that are due for a fit at once.

use std::sync::Arc;
use std::time::Duration;

use forescale::control::Engine;
use forescale::domain::{Basis, Clock, Fit, ManualClock, Sample, Timestamp};
use forescale::knowledge::Workload;
use forescale::monitor::{FetchError, Fetched, Monitor, Script, Span};

use super::stage::{alone, register_with};

/// As many as are fitted in one turn.
const AT_ONCE: usize = 8;

/// A load that rises.
struct Load;

impl Script for Load {
    fn load(&self, _: &str, span: Span) -> Result<Fetched, FetchError> {
        let times = (0..span.points() as u32).map(|index| span.from + span.step * index);
        let value = |at: Timestamp| 100.0 + (at.as_secs() % 3600) as f64 / 60.0;
        Ok(Fetched {
            samples: times
                .map(|at| Sample {
                    at,
                    value: value(at),
                })
                .collect(),
            series: 1,
            ..Fetched::default()
        })
    }

    fn beside(&self, _: &str, _: Span) -> Result<Fetched, FetchError> {
        Ok(Fetched::default())
    }
}

struct Herd {
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
    workloads: Vec<Arc<Workload>>,
}

impl Herd {
    fn of(count: usize) -> Self {
        let (engine, clock) = alone(Monitor::scripted(Arc::new(Load)));
        let name = |index| format!("web-{index}");
        let workloads = (0..count)
            .map(|index| register_with(&engine, &name(index), "naive", &[]))
            .collect();
        Self {
            clock,
            engine,
            workloads,
        }
    }

    /// Turns once all of them are due.
    async fn turn(&self, after: Duration) {
        self.clock.advance(after);
        self.engine.turn().await;
    }

    /// How many have a plan of now that rests on this.
    fn planned(&self, on: Basis) -> usize {
        let now = self.clock.now();
        let plans = self.workloads.iter().filter_map(|it| it.published());
        plans
            .filter(|it| it.plan.at == now && it.plan.basis == on)
            .count()
    }

    /// How many have a fit that was made since.
    fn fitted(&self, since: Timestamp) -> usize {
        let all = self.workloads.iter();
        all.filter(|it| it.learned().fit.as_ref().is_some_and(|fit| fit.at >= since))
            .count()
    }

    /// Makes the fits of all an hour old.
    fn outdate(&self) {
        let then = self.clock.now() - Duration::from_hours(1);
        for workload in &self.workloads {
            let mut learned = workload.learned();
            let fit = learned.fit.as_deref().cloned().unwrap();
            learned.fit = Some(Arc::new(Fit { at: then, ..fit }));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_are_planned_at_once_and_fitted_a_few_at_a_time() {
    let herd = Herd::of(3 * AT_ONCE);
    let start = herd.clock.now();
    herd.turn(Duration::ZERO).await;
    assert_eq!(herd.fitted(start), AT_ONCE);
    let (foreseen, measured) = (herd.planned(Basis::Forecast), herd.planned(Basis::Reactive));
    assert_eq!(foreseen + measured, 3 * AT_ONCE, "everybody is answered");
    assert!(measured >= 2 * AT_ONCE, "{measured}");
    for turns in 2..=3 {
        herd.turn(Duration::from_secs(30)).await;
        assert!(herd.fitted(start) <= turns * AT_ONCE);
    }
    // Those that were fitted are due again, for their history has been read back meanwhile.
    for _ in 0..6 {
        herd.turn(Duration::from_secs(30)).await;
    }
    assert_eq!(herd.fitted(start), 3 * AT_ONCE, "and nobody is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_many_outdated_fits_everybody_is_answered_from_the_old_ones() {
    let herd = Herd::of(3 * AT_ONCE);
    for _ in 0..12 {
        herd.turn(Duration::from_secs(30)).await;
    }
    herd.outdate();
    let since = herd.clock.now();
    for turn in 1..=6 {
        herd.turn(Duration::from_mins(1)).await;
        let now = herd.fitted(herd.clock.now());
        assert!(now == AT_ONCE || turn > 3 && now < AT_ONCE, "{now}");
        let fresh = |it: &&Arc<Workload>| {
            let published = it.published().unwrap();
            let origin = published.forecast.as_ref().unwrap().origin();
            published.plan.at == herd.clock.now() && herd.clock.now().since(origin).as_secs() < 60
        };
        let fresh = herd.workloads.iter().filter(fresh).count();
        assert_eq!(fresh, 3 * AT_ONCE, "a forecast of now for everybody");
    }
    assert_eq!(herd.fitted(since), 3 * AT_ONCE, "and nobody is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handful_is_never_put_off() {
    let herd = Herd::of(AT_ONCE);
    let start = herd.clock.now();
    herd.turn(Duration::ZERO).await;
    assert_eq!(herd.fitted(start), AT_ONCE);
    herd.turn(Duration::from_secs(30)).await;
    herd.outdate();
    let since = herd.clock.now();
    herd.turn(Duration::from_secs(30)).await;
    assert_eq!(herd.fitted(since), AT_ONCE);
}
