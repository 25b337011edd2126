//! Scale-ups as they are seen, and the lead time that comes of them.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::domain::PodBatch;

const START: Timestamp = Timestamp::from_secs(1_700_000_040);
const DEFAULT: Duration = Duration::from_mins(3);
const HORIZON: Duration = Duration::from_mins(30);

fn at(secs: u64) -> Timestamp {
    START + Duration::from_secs(secs)
}

/// Looks at a fleet: each entry is a moment, what KEDA was told and how many were ready.
fn watch(looks: &[(u64, u32, u32)]) -> LeadRecord {
    let each = looks.iter();
    each.fold(LeadRecord::default(), |record, (secs, served, ready)| {
        let sample = Sample {
            at: at(*secs),
            value: f64::from(*ready),
        };
        observe(record, at(*secs), *served, Some(sample))
    })
}

fn seen(record: &LeadRecord) -> Vec<(u32, f32)> {
    let each = record.scale_ups.iter();
    each.map(|it| (it.batch, it.seconds)).collect()
}

fn of(scale_ups: &[(u32, f32)]) -> LeadRecord {
    let mut record = LeadRecord {
        scale_ups: (scale_ups.iter())
            .map(|(batch, seconds)| ScaleUp {
                batch: *batch,
                seconds: *seconds,
            })
            .collect(),
        ..LeadRecord::default()
    };
    record.line = line(&record);
    record
}

fn secs_of(record: &LeadRecord, batch: u32) -> u64 {
    lead(record, DEFAULT, HORIZON, batch).0.as_secs()
}

#[test]
fn a_scale_up_lasts_from_the_decision_until_its_replicas_are_ready() {
    let record = watch(&[
        (0, 5, 5),
        (15, 8, 5),
        (30, 8, 5),
        (45, 8, 7),
        (60, 8, 8),
        (75, 8, 8),
    ]);
    assert_eq!(seen(&record), [(3, 45.0)]);
    assert!(record.pending.is_empty());
}

#[test]
fn scale_ups_that_overlap_are_each_timed_from_their_own_decision() {
    let record = watch(&[
        (0, 5, 5),
        (15, 8, 5),
        (30, 10, 5),
        (45, 10, 5),
        (60, 10, 8),
        (90, 10, 10),
    ]);
    assert_eq!(seen(&record), [(3, 45.0), (5, 60.0)]);
}

#[test]
fn what_was_taken_back_or_needed_no_start_or_ended_unseen_teaches_nothing() {
    for (why, looks) in [
        (
            "taken back",
            &[(0, 5, 5), (15, 9, 5), (30, 6, 5), (60, 9, 9)][..],
        ),
        ("ready already", &[(0, 5, 9), (15, 8, 9), (30, 8, 9)]),
        ("first look", &[(0, 8, 2), (30, 8, 8)]),
        (
            "unseen end",
            &[(0, 5, 5), (15, 8, 5), (30, 8, 5), (150, 8, 8)],
        ),
        (
            "in vain",
            &[
                (0, 5, 5),
                (15, 8, 5),
                (60, 8, 6),
                (3700, 8, 6),
                (3715, 8, 8),
            ],
        ),
        (
            "clock set back",
            &[(600, 5, 5), (615, 8, 5), (0, 8, 5), (15, 8, 8)],
        ),
    ] {
        assert_eq!(seen(&watch(looks)), [], "{why}");
    }
    // A long gap is a small error in something that takes much longer.
    let slow = watch(&[(0, 5, 5), (15, 8, 5), (300, 8, 5), (420, 8, 8)]);
    assert_eq!(seen(&slow), [(3, 405.0)]);
}

#[test]
fn readings_that_are_old_or_no_numbers_are_no_readings() {
    let mut record = watch(&[(0, 5, 5)]);
    let bad = [f64::NAN, f64::INFINITY, -3.0].map(|value| Some(Sample { at: at(15), value }));
    for ready in bad.into_iter().chain([None]) {
        record = observe(record, at(15), 8, ready);
    }
    assert!(record.pending.is_empty(), "nobody knows what was missing");
    let old = Sample {
        at: at(15),
        value: 5.0,
    };
    record = observe(record, at(200), 20, Some(old));
    assert!(record.pending.is_empty());
    let huge = Sample {
        at: at(215),
        value: 1e300,
    };
    assert!(
        observe(record, at(215), 30, Some(huge))
            .scale_ups
            .is_empty()
    );
}

#[test]
fn few_scale_ups_may_raise_the_default_a_little_and_never_lower_it() {
    for (scale_ups, secs) in [
        (&[][..], 180),
        (&[(1, 20.0), (1, 25.0), (2, 22.0), (1, 30.0)], 180),
        (&[(3, 240.0)], 240),
        (&[(3, 1500.0)], 360),
    ] {
        let (lead, source) = lead(&of(scale_ups), DEFAULT, HORIZON, 3);
        assert_eq!(lead.as_secs(), secs, "{scale_ups:?}");
        let seen = scale_ups.len() as u32;
        assert_eq!(source, LeadSource::Default { seen });
    }
    let short = lead(&of(&[]), DEFAULT, Duration::from_mins(1), 3).0;
    assert_eq!(short, Duration::from_mins(1), "never beyond the horizon");
}

#[test]
fn enough_scale_ups_are_the_lead_time_and_no_shorter_than_ten_seconds() {
    let record = of(&[(1, 40.0), (1, 55.0), (1, 45.0), (1, 50.0), (1, 60.0)]);
    let (time, source) = lead(&record, DEFAULT, HORIZON, 1);
    assert_eq!(time.as_secs(), 60);
    assert_eq!(
        source,
        LeadSource::Learned {
            scale_ups: 5,
            batch: 1
        }
    );
    assert_eq!(secs_of(&of(&[(1, 2.0); 9]), 1), 10);
}

/// Start-ups of 30 s and 4 s more for each replica, up to 20 s of chance.
fn grown(seed: u64, count: usize) -> Vec<(u32, f32)> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut unit = || (dice.next_u64() >> 40) as f32 / (1_u64 << 24) as f32;
    (0..count)
        .map(|_| {
            let batch = 1 + (unit() * 20.0) as u32;
            (batch, 30.0 + 4.0 * batch as f32 + 20.0 * unit())
        })
        .collect()
}

#[test]
fn it_grows_with_the_batch_as_what_was_seen_does() {
    for seed in 0..20 {
        let record = of(&grown(seed, KEPT));
        for batch in [2, 10, 20] {
            // The 0.9 quantile of the truth.
            let truth = 30.0 + 4.0 * f64::from(batch) + 18.0;
            let learned = secs_of(&record, batch) as f64;
            assert!(
                (learned - truth).abs() < 9.0,
                "seed {seed}, batch {batch}: {learned} s, truly {truth} s"
            );
        }
    }
}

#[test]
fn nine_in_ten_of_the_scale_ups_that_follow_end_within_it() {
    let (mut within, mut all) = (0_u32, 0_u32);
    for seed in 0..200 {
        let each = grown(seed, KEPT + 10);
        let record = of(&each[..KEPT]);
        for (batch, seconds) in &each[KEPT..] {
            all += 1;
            within += u32::from(
                f64::from(*seconds) <= lead(&record, DEFAULT, HORIZON, *batch).0.as_secs_f64(),
            );
        }
    }
    let share = f64::from(within) / f64::from(all);
    assert!((0.87..=0.96).contains(&share), "{share}");
}

#[test]
fn small_batches_that_happened_to_be_slow_do_not_make_large_ones_fast() {
    let falling = [
        (1, 90.0),
        (2, 80.0),
        (4, 70.0),
        (8, 60.0),
        (16, 50.0),
        (20, 45.0),
    ];
    let record = of(&falling);
    assert_eq!(secs_of(&record, 1), 90);
    assert_eq!(secs_of(&record, 20), 90);
}

#[test]
fn only_the_newest_fifty_count() {
    let mut record = LeadRecord::default();
    let mut secs = 0;
    for round in 0..120 {
        let takes = if round < 60 { 150 } else { 45 };
        for (wait, served, ready) in [(0, 2, 2), (15, 4, 2), (takes, 4, 4)] {
            // The reading just before, so that the end is seen.
            let reading = |secs: u64, ready: u32| Sample {
                at: at(secs),
                value: f64::from(ready),
            };
            if wait > 15 {
                let before = at(secs + wait - 15);
                record = observe(record, before, 4, Some(reading(secs + wait - 15, 2)));
            }
            secs += wait;
            record = observe(record, at(secs), served, Some(reading(secs, ready)));
        }
        secs += 15;
    }
    assert_eq!(record.scale_ups.len(), KEPT);
    assert_eq!(secs_of(&record, 2), 45);
    let (pending, seen) = (record.pending.len(), record.scale_ups.len());
    assert!(pending <= WATCHED && seen <= KEPT);
}

proptest! {
    #[test]
    fn whatever_was_seen_the_lead_time_is_bounded_and_rises_with_the_batch(
        scale_ups in prop::collection::vec((0_u32..=u32::MAX, prop::num::f32::ANY), 0..60),
        batches in prop::collection::vec(0_u32..=u32::MAX, 2..10),
        horizon in 1_u64..100_000,
    ) {
        let record = of(&scale_ups);
        let most = Duration::from_secs(horizon);
        let mut batches = batches;
        batches.sort_unstable();
        let leads: Vec<Duration> = batches
            .iter()
            .map(|batch| lead(&record, DEFAULT, most, *batch).0)
            .collect();
        prop_assert!(leads.is_sorted(), "{leads:?}");
        for lead in leads {
            prop_assert!(lead <= most && lead >= SHORTEST.min(most), "{lead:?}");
        }
    }

    #[test]
    fn whatever_is_read_the_record_stays_small_and_sound(
        looks in prop::collection::vec((-600_i64..600, 0_u32..30, prop::option::of(prop::num::f64::ANY)), 1..200),
    ) {
        let mut record = LeadRecord::default();
        let mut now = START;
        for (step, served, ready) in looks {
            now = Timestamp::from_secs(now.as_secs() + step);
            let ready = ready.map(|value| Sample { at: now, value });
            record = observe(record, now, served, ready);
            prop_assert!(record.pending.len() <= WATCHED && record.scale_ups.len() <= KEPT);
            prop_assert!(record.scale_ups.iter().all(|it| it.seconds > 0.0 && it.seconds <= 3600.0 && it.batch > 0));
        }
    }
}

#[test]
fn pods_that_were_timed_by_a_clock_that_is_wrong_teach_nothing() {
    let now = Timestamp::from_secs(1_700_000_040);
    let batch = |created: i64, ready: i64| PodBatch {
        created: Timestamp::from_secs(now.as_secs() + created),
        ready: Timestamp::from_secs(now.as_secs() + ready),
        pods: 3,
    };
    let starts = PodStarts {
        at: now,
        batches: vec![
            batch(-300, -200),
            // A node that is 90 s behind, and one that is a day ahead.
            batch(-100, -130),
            batch(-100, 86_400),
        ],
    };
    let ahead = LeadRecord {
        pods_until: Some(now + Duration::from_hours(24)),
        ..LeadRecord::default()
    };
    for record in [LeadRecord::default(), ahead] {
        let learned = learn_starts(record, &starts);
        assert_eq!(seen(&learned), [(3, 115.0)]);
        assert_eq!(learned.pods_until, Some(starts.batches[0].ready));
    }
}
