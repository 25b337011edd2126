use std::collections::BTreeMap;

use proptest::prelude::*;

mod older;

use super::block::{BLOCK, BodyRecord};
use super::codec::Packed;
use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn at(index: i64) -> Timestamp {
    Timestamp::from_secs(index * 60)
}

fn filled(capacity: usize, values: impl IntoIterator<Item = f64>) -> History {
    let mut history = History::new(MINUTE, capacity);
    for (index, value) in (0..).zip(values) {
        history.record(at(index), value);
    }
    history
}

/// What the history promises, without packing: a map, trimmed to the capacity, the last write wins.
#[derive(Debug, Default)]
struct Naive(BTreeMap<i64, f64>);

impl Naive {
    fn record(&mut self, capacity: i64, index: i64, value: f64) {
        let newest = self.0.last_key_value().map(|(newest, _)| *newest);
        if !value.is_finite() || newest.is_some_and(|newest| index <= newest - capacity) {
            return;
        }
        self.0.insert(index, value);
        let newest = newest.map_or(index, |newest| newest.max(index));
        self.0 = self.0.split_off(&(newest - capacity + 1));
    }
}

/// The bound on one sealing, for values known to lie on a linear scale.
fn linear_bound(values: &[f64]) -> f64 {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = high / 65_534.0 / 2.0 - low / 65_534.0 / 2.0;
    // Half a code, and the rounding of f64 itself.
    range + low.abs().max(high.abs()) * f64::EPSILON * 4.0
}

fn assert_same_shape(series: &Series, naive: &Naive) {
    let present: Vec<i64> = (0..)
        .zip(series.values())
        .filter(|(_, value)| !value.is_nan())
        .map(|(i, _)| series.start().as_secs() / 60 + i)
        .collect();
    assert_eq!(present, naive.0.keys().copied().collect::<Vec<_>>());
}

#[test]
fn an_empty_history_has_nothing_to_say_and_weighs_nothing() {
    let history = History::new(MINUTE, 100);
    assert!(history.series().is_empty() && history.is_empty());
    assert_eq!(
        (history.last(), history.first(), history.len()),
        (None, None, 0)
    );
    assert_eq!(history.heap_bytes(), 0);
}

#[test]
fn the_newest_sixty_four_steps_are_exact_at_every_moment() {
    let mut history = History::new(MINUTE, 2000);
    let value = |i: i64| (i as f64).sin() * 1000.0 + 1.0 / 3.0;
    for i in 0..1500 {
        history.record(at(i), value(i));
        let tail = history.tail(64);
        for (offset, got) in (0..).zip(tail.values()) {
            let index = tail.start().as_secs() / 60 + offset;
            assert_eq!(
                got.to_bits(),
                value(index).to_bits(),
                "step {index} after {i}"
            );
        }
        assert_eq!(history.last().unwrap().value.to_bits(), value(i).to_bits());
    }
}

#[test]
fn whole_numbers_and_flat_stretches_are_exact_however_old() {
    let counts = filled(5000, (0..3000).map(|i| f64::from(i * 7 % 5000)));
    for (i, value) in (0..).zip(counts.series().values()) {
        assert_eq!(value.to_bits(), f64::from(i * 7 % 5000).to_bits());
    }
    let flat = filled(5000, (0..3000).map(|_| 0.1));
    assert!(
        flat.series()
            .values()
            .iter()
            .all(|value| value.to_bits() == 0.1_f64.to_bits())
    );
    assert!(
        flat.heap_bytes() < 5000,
        "{} bytes for a flat line",
        flat.heap_bytes()
    );
}

#[test]
fn one_lying_sample_does_not_turn_its_neighbours_into_a_dip() {
    let values = |i: i32| {
        if i == 100 {
            1e300
        } else {
            120.0 + f64::from(i % 50) / 7.0
        }
    };
    let history = filled(1000, (0..600).map(values));
    for (i, value) in (0..).zip(history.series().values()) {
        let wanted = values(i);
        let share = (value - wanted).abs() / wanted;
        assert!(share < 0.012, "step {i}: {value} instead of {wanted}");
    }
}

#[test]
fn zeros_stay_zeros_beside_a_wild_sample() {
    let values = |i: i32| {
        if i == 7 {
            1e12
        } else {
            f64::from(i % 2) * 0.25
        }
    };
    let history = filled(1000, (0..600).map(values));
    let series = history.series();
    assert!(series.values().iter().step_by(2).all(|value| *value == 0.0));
    assert!((series.values()[9] - 0.25).abs() < 0.001);
}

#[test]
fn a_clock_that_jumps_by_centuries_costs_nothing() {
    let mut history = filled(20_160, (0..500).map(f64::from));
    let before = history.heap_bytes();
    history.record(at(1_000_000_000), 5.0);
    assert!(history.heap_bytes() <= before);
    assert_eq!(
        history.series().values(),
        [5.0],
        "what was before is out of reach"
    );
    history.record(Timestamp::from_millis(i64::MAX), 6.0);
    assert_eq!(history.last().unwrap().value.to_bits(), 6.0_f64.to_bits());
    history.record(Timestamp::from_millis(i64::MIN), 7.0);
    assert_eq!(history.len(), 1, "too old");
    assert!(history.heap_bytes() < 10_000);
    let mut earliest = History::new(MINUTE, 10);
    earliest.record(Timestamp::from_millis(i64::MIN), 7.0);
    assert_eq!(earliest.len(), 1);
}

#[test]
fn after_the_clock_is_put_right_the_present_counts_again() {
    let mut history = filled(1000, (0..500).map(f64::from));
    history.record(at(900), 1.0);
    history.forget_after(at(499));
    assert_eq!(history.last().unwrap().at, at(499));
    assert_eq!(history.len(), 500);
    history.record(at(500), 500.0);
    assert_eq!(history.len(), 501);
    history.forget_after(at(-1));
    assert!(history.is_empty());
}

#[test]
fn a_young_history_is_small_and_a_full_one_is_two_bytes_a_step() {
    let noise = |i: i32| (f64::from(i) * 0.7).sin() * 500.0 + 500.1;
    let young = filled(20_160, (0..60).map(noise));
    assert!(
        young.heap_bytes() <= 2304,
        "{} bytes for an hour",
        young.heap_bytes()
    );
    let full = filled(20_160, (0..30_000).map(noise));
    assert_eq!(full.len(), 20_160);
    let bytes = full.heap_bytes();
    assert!(
        (40_320..49_500).contains(&bytes),
        "{bytes} bytes for two weeks of minutes"
    );
}

#[test]
fn reading_back_newest_window_first_seals_a_block_once_for_each_window_in_it() {
    let value = |i: i64| (i as f64 * 0.01).sin() * 300.0 + 400.0;
    let mut history = History::new(MINUTE, 20_160);
    for window in (0..4).rev() {
        for i in window * 2500..(window + 1) * 2500 {
            history.record(at(i), value(i));
        }
    }
    assert_eq!(history.len(), 10_000);
    let bound = 2.0 * 600.0 / 65_534.0 / 2.0 + 1e-9;
    for (i, got) in (0..).zip(history.series().values()) {
        assert!(
            (got - value(i)).abs() <= bound,
            "step {i}: sealed again and again"
        );
    }
    assert!(history.open_blocks().len() <= 3);
}

#[test]
fn a_smaller_capacity_forgets_at_once() {
    let mut history = filled(2000, (0..2000).map(f64::from));
    history.resize(100);
    assert_eq!(history.first(), Some(at(1900)));
    assert_eq!(history.series().len(), 100);
}

#[test]
fn records_that_make_no_sense_are_left_out() {
    let history = filled(2000, (0..1000).map(f64::from));
    let mut records: Vec<BlockRecord> = history
        .sealed_since(Part::Fine, None)
        .map(|(_, record)| record)
        .collect();
    records.extend(history.open_blocks());
    records[0].steps = 128;
    records[1].number = i64::MAX;
    if let BodyRecord::Packed(packed) = &records[2].body {
        let mut value = serde_json::to_value(packed).unwrap();
        value["low"] = 9e9.into();
        records[2].body = BodyRecord::Packed(serde_json::from_value(value).unwrap());
    }
    let again = History::from_blocks(MINUTE, 2000, records, None);
    assert_eq!(
        again.first(),
        Some(at(768)),
        "only the open block was sound"
    );
    assert_eq!(again.len(), 232);
}

#[test]
fn a_cut_through_blocks_is_the_same_as_a_part_of_the_whole() {
    let wild = |i: i32| {
        let base = f64::from(i % 97) + 1.0 / 3.0;
        match i / 256 % 4 {
            1 => f64::from(i % 50),
            2 if i % 60 == 0 => 1e9,
            3 => 7.25,
            _ => base,
        }
    };
    let mut history = filled(5000, (0..2900).map(wild));
    for late in [300, 301, 777] {
        history.record(at(late), 5.5);
    }
    let whole = history.series();
    for steps in [1, 5, 255, 256, 257, 1000, 2899, 2900, 4000] {
        let tail = history.tail(steps);
        let part = &whole.values()[whole.len() - tail.len()..];
        assert_eq!(tail.values(), part, "{steps} steps");
        assert_eq!(tail.end(), whole.end());
    }
}

fn any_load() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1000.0_f64,
        2 => (0..500_u32).prop_map(f64::from),
        1 => Just(0.0),
        1 => -50.0..50.0_f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ]
}

proptest! {
    #[test]
    fn any_values_come_back_within_the_bound_of_their_scale(
        values in prop::collection::vec(
            prop_oneof![
                any::<f64>().prop_filter("finite", |v| v.is_finite()),
                -1e6..1e6_f64,
                Just(1e300), Just(-1.7e308), Just(1.7e308), Just(5e-324), Just(2e-310), Just(0.0),
            ],
            1..=BLOCK,
        )
    ) {
        let packed = Packed::pack(&values);
        let unpacked = packed.unpack();
        let again = Packed::pack(&unpacked).unpack();
        for (i, (value, got)) in values.iter().zip(&unpacked).enumerate() {
            let near = (value - got).abs() <= linear_bound(&values) || (value - got).abs() <= value.abs() * 0.012;
            prop_assert!(got.is_finite() && near, "step {}: {} came back as {}", i, value, got);
        }
        for (one, two) in unpacked.iter().zip(&again) {
            let same = one.to_bits() == two.to_bits() || (one.is_nan() && two.is_nan());
            let near = (one - two).abs() <= linear_bound(&values).max(one.abs() * 0.012);
            prop_assert!(same || near);
        }
        prop_assert!(unpacked[values.len()..].iter().all(|value| value.is_nan()));
    }

    #[test]
    fn ordinary_loads_come_back_within_half_a_code(
        values in prop::collection::vec(100.0..1000.0_f64, 2..=BLOCK)
    ) {
        for (value, got) in values.iter().zip(Packed::pack(&values).unpack()) {
            prop_assert!((value - got).abs() <= linear_bound(&values), "{} came back as {}", value, got);
        }
    }

    #[test]
    fn any_order_of_samples_equals_the_naive_model(
        capacity in 1..1200_i64,
        writes in prop::collection::vec((0..2000_i64, any_load()), 1..400),
        burst in 0..1500_i64,
        snapshot in any::<bool>(),
    ) {
        let mut history = History::new(MINUTE, capacity as usize);
        let mut naive = Naive::default();
        let steady = (0..burst).map(|i| (i, (i % 97) as f64));
        for (index, value) in steady.chain(writes) {
            history.record(at(index), value);
            naive.record(capacity, index, value);
        }
        if snapshot {
            let mut records: Vec<_> = history.sealed_since(Part::Fine, None).map(|(_, record)| record).collect();
            records.extend(history.open_blocks());
            let bytes = rmp_serde::to_vec_named(&records).unwrap();
            let records: Vec<BlockRecord> = rmp_serde::from_slice(&bytes).unwrap();
            let again = History::from_blocks(MINUTE, capacity as usize, records, None);
            let bits = |h: &History| h.series().values().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&again), bits(&history));
            history = again;
        }
        let series = history.series();
        assert_same_shape(&series, &naive);
        prop_assert_eq!(history.len(), naive.0.len());
        prop_assert_eq!(history.first(), naive.0.keys().next().map(|i| at(*i)));
        // Each late write may seal a block anew, so the bound counts for every one of them.
        for (index, value) in &naive.0 {
            let got = series.get(at(*index)).unwrap();
            prop_assert!((got - value).abs() <= 0.5, "{}: {} became {}", index, value, got);
        }
        if let (Some(last), Some((index, value))) = (history.last(), naive.0.last_key_value()) {
            prop_assert_eq!(last.at, at(*index));
            prop_assert_eq!(last.value.to_bits(), value.to_bits());
        }
        let tail = history.tail(30);
        prop_assert_eq!(tail.end(), series.end());
        prop_assert!(tail.len() <= 30);
    }
}
