use std::collections::BTreeMap;

use super::*;
use crate::domain::{Metadata, WorkloadKey};

fn workload(name: &str, interval: &str) -> Arc<Workload> {
    let metadata: Metadata = BTreeMap::from([
        ("query".to_owned(), "sum(rate(requests[1m]))".to_owned()),
        ("threshold".to_owned(), "10".to_owned()),
        ("interval".to_owned(), interval.to_owned()),
    ]);
    let parsed = crate::execute::keda::parse_metadata(&metadata).unwrap();
    let key = WorkloadKey::new("shop", name, metadata);
    Arc::new(Workload::new(
        key,
        parsed.spec,
        vec![],
        Timestamp::default(),
    ))
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

#[test]
fn a_newcomer_is_due_at_once_and_not_again_while_it_is_in_flight() {
    let mut schedule = Schedule::default();
    let web = workload("web", "15s");
    schedule.add(Arc::clone(&web), at(0), true);
    assert_eq!(schedule.take_due(at(0)).len(), 1);
    assert!(schedule.take_due(at(3600)).is_empty(), "still in flight");
    schedule.done(&web, at(1));
    assert!(schedule.take_due(at(1)).is_empty());
    assert_eq!(schedule.take_due(at(16)).len(), 1);
}

#[test]
fn refreshes_spread_evenly_over_the_interval() {
    let mut schedule = Schedule::default();
    for i in 0..1000 {
        let workload = workload(&format!("web-{i}"), "15s");
        schedule.add(Arc::clone(&workload), at(0), true);
        schedule.take_due(at(0));
        schedule.done(&workload, at(0));
    }
    let mut busiest = 0;
    for second in 1..=15 {
        let due = schedule.take_due(at(second));
        busiest = busiest.max(due.len());
        for workload in due {
            schedule.done(&workload, at(second));
        }
    }
    assert!(busiest < 110, "{busiest} of 1000 in one second of fifteen");
}

#[test]
fn every_replica_refreshes_a_workload_at_the_same_moment() {
    let (here, there) = (workload("web", "15s"), workload("web", "15s"));
    assert_eq!(next_phase(&here, at(3)), next_phase(&there, at(3)));
    let next = next_phase(&here, at(3));
    assert_eq!(next_phase(&here, next), next + Duration::from_secs(15));
}

#[test]
fn a_clock_that_is_set_back_does_not_silence_a_workload() {
    let mut schedule = Schedule::default();
    let web = workload("web", "15s");
    schedule.add(Arc::clone(&web), at(10_000), true);
    schedule.take_due(at(10_000));
    schedule.done(&web, at(10_000));
    assert_eq!(schedule.take_due(at(0)).len(), 1);
}

#[test]
fn a_backfill_waits_its_turn_and_its_retry_time() {
    let mut schedule = Schedule::default();
    let (one, two) = (workload("one", "15s"), workload("two", "15s"));
    schedule.add(Arc::clone(&one), at(0), false);
    schedule.add(two, at(0), true);
    assert!(schedule.take_backfill(at(0)).is_some());
    assert!(
        schedule.take_backfill(at(0)).is_none(),
        "one is running, one needs none"
    );
    let missing = Missing::new(at(-6000), at(-600));
    schedule.backfilled(
        &one,
        Backfill::Pending {
            missing,
            not_before: at(30),
        },
    );
    assert!(schedule.take_backfill(at(29)).is_none());
    assert_eq!(
        schedule.take_backfill(at(30)).unwrap().1,
        missing,
        "goes on where it stopped"
    );
}

#[test]
fn a_refresh_that_takes_long_shows_as_lag_while_it_runs() {
    let mut schedule = Schedule::default();
    let web = workload("web", "15s");
    schedule.add(Arc::clone(&web), at(100), true);
    assert_eq!(schedule.take_due(at(100)).len(), 1);
    assert_eq!(schedule.lag(at(160)), Duration::from_mins(1));
    schedule.done(&web, at(160));
    assert_eq!(schedule.lag(at(160)), Duration::ZERO);
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_a_backfill_waiting() {
    let mut schedule = Schedule::default();
    let web = workload("web", "15s");
    schedule.add(Arc::clone(&web), at(10_000), false);
    let (_, missing) = schedule.take_backfill(at(10_000)).unwrap();
    let failed = Backfill::Pending {
        missing,
        not_before: at(10_030),
    };
    schedule.backfilled(&web, failed);
    assert!(schedule.take_backfill(at(10_010)).is_none());
    assert_eq!(schedule.take_backfill(at(0)).unwrap().1, missing);
}

#[test]
fn a_gap_that_a_backfill_does_not_cover_is_read_after_it() {
    let mut schedule = Schedule::default();
    let web = workload("web", "15s");
    schedule.add(Arc::clone(&web), at(0), false);
    let gap = |from, until| Missing::new(at(from), at(until));
    schedule.gap(&web, gap(60, 7200), at(7260));
    let (_, whole) = schedule.take_backfill(at(7260)).unwrap();
    assert_eq!(whole.until, at(0));
    schedule.gap(&web, gap(7500, 7800), at(7860));
    // Once it has failed and goes on later, the gap still waits.
    let rest = Backfill::Pending {
        missing: gap(-9000, -6000),
        not_before: at(7900),
    };
    schedule.backfilled(&web, rest);
    assert_eq!(
        schedule.take_backfill(at(7900)).unwrap().1,
        gap(-9000, -6000)
    );
    schedule.backfilled(&web, Backfill::Done);
    assert_eq!(schedule.take_backfill(at(7901)).unwrap().1, gap(60, 7800));
    schedule.backfilled(&web, Backfill::Done);
    assert!(schedule.take_backfill(at(8000)).is_none());
}

#[test]
fn a_gap_that_stays_open_is_asked_for_once() {
    let mut schedule = Schedule::default();
    let web = workload("web", "15s");
    schedule.add(Arc::clone(&web), at(0), true);
    let gap = |until| Missing::new(at(-3600), at(until));
    for second in 0..10 {
        schedule.gap(&web, gap(-600), at(second));
        let taken = schedule.take_backfill(at(second));
        assert_eq!(taken.is_some(), second == 0);
        if taken.is_some() {
            schedule.backfilled(&web, Backfill::Done);
        }
    }
    schedule.gap(&web, gap(-540), at(10));
    assert_eq!(schedule.take_backfill(at(10)).unwrap().1, gap(-540));
}

#[test]
fn a_gap_is_read_back_unless_a_backfill_covers_it_already() {
    let mut schedule = Schedule::default();
    let (done, new) = (workload("done", "15s"), workload("new", "15s"));
    schedule.add(Arc::clone(&done), at(0), true);
    schedule.add(Arc::clone(&new), at(0), false);
    let gap = Missing::new(at(-600), at(-60));
    schedule.gap(&done, gap, at(0));
    schedule.gap(&new, gap, at(0));
    let taken = [
        schedule.take_backfill(at(0)).unwrap(),
        schedule.take_backfill(at(0)).unwrap(),
    ];
    let of = |w: &Arc<Workload>| taken.iter().find(|(t, _)| Arc::ptr_eq(t, w)).unwrap().1;
    assert_eq!(of(&done), gap);
    assert!(of(&new).from < gap.from, "the whole history");
}
