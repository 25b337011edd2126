//! Pods whose use is known, and what they are advised to ask for.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const START: Timestamp = Timestamp::from_secs(1_700_000_040);

fn minute(number: u32) -> Timestamp {
    START + Duration::from_mins(u64::from(number))
}

/// Four pods whose CPU use in cores is given minute by minute, with the load on each.
fn cores(uses: impl IntoIterator<Item = (f64, f64)>) -> UsageRecord {
    let each = uses.into_iter().zip(0..);
    each.fold(UsageRecord::default(), |record, ((load, used), number)| {
        let moment = Moment {
            at: minute(number),
            used: 4.0 * used,
            ready: 4.0,
            load: Some(4.0 * load),
        };
        observe(record, Some(moment), None)
    })
}

fn cpu(record: &UsageRecord, peak: Option<f64>) -> ResourceAdvice {
    advise(record, peak).unwrap().cpu.unwrap()
}

/// From 0 to 1.
fn dice(seed: u64) -> impl FnMut() -> f64 {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    move || (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// `found` is at least `truth`, and no more than a bucket and a unit above it; the first buckets are the widest.
fn is_just_above(found: f64, truth: f64) {
    assert!(
        found >= 0.999 * truth && found <= 1.07 * truth + 0.002,
        "{found}, truly {truth}"
    );
}

#[test]
fn requests_and_limits_are_percentiles_of_what_a_pod_used_and_a_margin() {
    let mut unit = dice(1);
    // Evenly from 0.2 to 1.2 cores, whatever the load.
    let record = cores((0..1440).map(|_| (10.0, 0.2 + unit())));
    let advice = cpu(&record, Some(1000.0));
    is_just_above(advice.request, 1.1 * 1.15);
    is_just_above(advice.limit, 1.19 * 1.15);
    assert_eq!(advice.expected, None, "use does not follow load");
    assert_eq!(advice.readings, 1440);
}

#[test]
fn memory_asks_for_more_of_its_range_and_is_limited_to_the_most_of_it() {
    let mut unit = dice(2);
    let mebibyte = 1_048_576.0;
    let each = (0..1440).map(|number| Moment {
        at: minute(number),
        used: 3.0 * (500.0 + 100.0 * unit()) * mebibyte,
        ready: 3.0,
        load: None,
    });
    let record = each.fold(UsageRecord::default(), |record, moment| {
        observe(record, None, Some(moment))
    });
    let advice = advise(&record, None).unwrap();
    assert_eq!(advice.cpu, None);
    let memory = advice.memory.unwrap();
    is_just_above(memory.request / mebibyte, 595.0 * 1.15);
    is_just_above(memory.limit / mebibyte, 600.0 * 1.15);
    assert!(memory.limit >= memory.request);
    assert!(
        (memory.request / mebibyte).fract().abs() < 1e-9,
        "whole mebibytes"
    );
}

#[test]
fn less_than_an_hour_of_readings_gives_no_advice() {
    assert_eq!(advise(&cores(vec![(1.0, 0.5); 59]), Some(1.0)), None);
    assert!(advise(&cores(vec![(1.0, 0.5); 60]), Some(1.0)).is_some());
}

#[test]
fn where_use_follows_load_the_coming_peak_decides() {
    let mut unit = dice(3);
    // A tenth of a core and one more for each 100 of load, give or take 5 %.
    let record = cores((0..600).map(|_| {
        let load = 20.0 + 30.0 * unit();
        (load, (0.1 + load / 100.0) * (0.95 + 0.1 * unit()))
    }));
    let calm = cpu(&record, Some(30.0));
    is_just_above(calm.request, 0.565 * 1.15);
    let busy = cpu(&record, Some(80.0));
    let expected = busy.expected.unwrap();
    assert!(
        (0.88..=0.96).contains(&expected),
        "{expected}, truly 0.9 and a little"
    );
    is_just_above(busy.request, expected * 1.15);
    assert!(busy.limit >= busy.request);
    let absurd = cpu(&record, Some(1e12)).expected.unwrap();
    assert!(absurd <= 1.35, "twice the most that was seen: {absurd}");
}

#[test]
fn yesterday_weighs_half() {
    // A day at 1 core, then a day at 0.2.
    let (old, new) = ((0..1440).map(|_| (1.0, 1.0)), (0..1440).map(|_| (1.0, 0.2)));
    let record = cores(old.clone().chain(new));
    let total: f64 = record.cpu.weights.iter().copied().map(f64::from).sum();
    let high = f64::from(*record.cpu.weights.last().unwrap());
    assert!(
        (0.32..0.35).contains(&(high / total)),
        "a third: {}",
        high / total
    );
    is_just_above(cpu(&record, None).request, 1.15);
    // Four days later it is a thirtieth: within the limit's share, no more within the request's.
    let record = cores(old.chain((0..5 * 1440).map(|_| (1.0, 0.2))));
    is_just_above(cpu(&record, None).request, 0.2 * 1.15);
    is_just_above(cpu(&record, None).limit, 1.15);
}

#[test]
fn a_reading_counts_once_and_only_if_it_is_one() {
    let mut record = cores([(1.0, 0.5)]);
    let moment = |at, used, ready| Moment {
        at,
        used,
        ready,
        load: Some(1.0),
    };
    for bad in [
        moment(minute(0), 2.0, 4.0),
        moment(minute(1), f64::NAN, 4.0),
        moment(minute(1), f64::INFINITY, 4.0),
        moment(minute(1), -1.0, 4.0),
        moment(minute(1), 2.0, 0.0),
        moment(minute(1), 2.0, f64::NAN),
        moment(minute(1), 2.0, -3.0),
    ] {
        record = observe(record, Some(bad), None);
    }
    assert_eq!(record.cpu.readings, 1);
}

#[test]
fn after_weeks_of_silence_one_reading_is_no_advice() {
    let day = cores((0..1440).map(|_| (1.0, 1.0)));
    assert!(advise(&day, None).is_some());
    let after = |minutes: u32| {
        (0..minutes).fold(day.clone(), |record, number| {
            let moment = Moment {
                at: minute(30 * 1440 + number),
                used: 0.2,
                ready: 4.0,
                load: None,
            };
            observe(record, Some(moment), None)
        })
    };
    assert_eq!(advise(&after(1), None), None);
    assert!(advise(&after(60), None).is_some());
}

#[test]
fn what_comes_out_of_order_does_not_count_and_what_a_clock_that_was_set_back_brings_does() {
    let moment = |at| Moment {
        at,
        used: 2.0,
        ready: 4.0,
        load: None,
    };
    let noon = observe(UsageRecord::default(), Some(moment(minute(720))), None);
    let late = observe(noon.clone(), Some(moment(minute(715))), None);
    assert_eq!(late.cpu.readings, 1);
    let back = (700..760).fold(noon, |record, number| {
        observe(record, Some(moment(minute(number))), None)
    });
    assert_eq!(back.cpu.readings, 61);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_readings_give_sound_advice_or_none(
        moments in prop::collection::vec(
            (0_u32..100_000, prop::num::f64::ANY, 0.0_f64..1e6, prop::option::of(prop::num::f64::ANY)),
            60..200,
        ),
        peak in prop::option::of(prop::num::f64::ANY),
    ) {
        let mut record = UsageRecord::default();
        for (number, used, ready, load) in moments {
            let moment = Moment { at: minute(number), used, ready, load };
            record = observe(record, Some(moment), Some(moment));
            prop_assert!(record.cpu.weights.len() <= 223 && record.memory.weights.len() <= 223);
        }
        if let Some(advice) = advise(&record, peak) {
            for one in [advice.cpu, advice.memory].into_iter().flatten() {
                prop_assert!(one.request.is_finite() && one.request > 0.0, "{one:?}");
                prop_assert!(one.limit.is_finite() && one.limit >= one.request, "{one:?}");
            }
        }
    }

    #[test]
    fn a_higher_peak_never_asks_for_less(
        pairs in prop::collection::vec((1.0_f64..100.0, 0.01_f64..2.0), 60..120),
        peaks in prop::collection::vec(0.0_f64..1000.0, 2..6),
    ) {
        let record = cores(pairs);
        let mut peaks = peaks;
        peaks.sort_by(f64::total_cmp);
        let asked: Vec<f64> = peaks.iter().map(|peak| cpu(&record, Some(*peak)).request).collect();
        prop_assert!(asked.is_sorted(), "{asked:?}");
    }

    #[test]
    fn a_bucket_holds_what_falls_into_it(used in 0.0_f64..1000.0) {
        for (resource, used) in [(CPU, used), (MEMORY, used * 1e9)] {
            let bucket = resource.bucket(used);
            let noise = 1e-9 * used;
            prop_assert!(resource.start(bucket) <= used + noise);
            prop_assert!(resource.start(bucket + 1) >= used - noise);
        }
    }
}
