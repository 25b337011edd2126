//! Histories whose older part is known only as means.

use super::*;

const MINUTE: Duration = Duration::from_mins(1);
const PER_DAY: usize = 1440;

/// Steps in a bin.
const WIDTH: usize = 10;

/// Minutes whose means over bins are held before step `fine`; a bin is the mean of what there is of it.
fn coarse(values: &[f64], fine: usize) -> Series {
    let held = values[..fine].chunks(WIDTH).flat_map(|bin| {
        let there: Vec<f64> = bin.iter().copied().filter(|v| !v.is_nan()).collect();
        let mean = there.iter().sum::<f64>() / there.len().max(1) as f64;
        bin.iter()
            .map(move |v| if v.is_nan() { f64::NAN } else { mean })
    });
    let all = held.chain(values[fine..].iter().copied()).collect();
    Series::new(Timestamp::from_secs(1_700_006_400), MINUTE, all).with_fine_from(fine)
}

/// Days of a wave that falls to a fifth at night, with noise.
fn wave(days: usize) -> Vec<f64> {
    let value = |i: usize| {
        let turn = std::f64::consts::TAU * i as f64 / PER_DAY as f64;
        let noise = (i * 7919 % 1009) as f64 / 1009.0 - 0.5;
        300.0 - 200.0 * turn.cos() + 60.0 * noise
    };
    (0..days * PER_DAY).map(value).collect()
}

#[test]
fn what_is_held_looks_like_nothing_unusual() {
    for values in [vec![250.0; 6 * PER_DAY], wave(6)] {
        let prepared = prepare(&coarse(&values, 4 * PER_DAY));
        assert_eq!(prepared.anomalies(), []);
        assert_eq!(prepared.count(Mark::Observed), values.len());
        assert_eq!(prepared.series.fine_from(), 4 * PER_DAY);
    }
}

#[test]
fn a_spike_that_a_mean_has_swallowed_is_left_and_one_in_the_fine_part_is_found() {
    let mut values = wave(6);
    values[3000] = 9000.0;
    values[5 * PER_DAY + 700] = 9000.0;
    let prepared = prepare(&coarse(&values, 4 * PER_DAY));
    let found: Vec<usize> = prepared.outliers.iter().map(|it| it.index).collect();
    assert_eq!(found, [5 * PER_DAY + 700]);
    let held = &prepared.series.values()[3000..3010];
    assert!(held.iter().all(|v| v.to_bits() == held[0].to_bits()));
}

#[test]
fn an_hour_of_outage_is_still_found_among_means() {
    let mut values = wave(6);
    values[2 * PER_DAY + 723..2 * PER_DAY + 791].fill(0.0);
    let prepared = prepare(&coarse(&values, 4 * PER_DAY));
    assert_eq!(prepared.outages.len(), 1);
    let from = prepared.series.time_of(2 * PER_DAY + 730);
    assert_eq!(
        prepared.outages[0].from, from,
        "the first bin without any load"
    );
    assert!(prepared.count(Mark::Outage) >= 60);
    assert!(prepared.outage_at_end.is_none());
}

#[test]
fn a_night_of_nothing_is_a_habit_among_means_too() {
    let night = |i: usize| i % PER_DAY < 300;
    let values: Vec<f64> = wave(8)
        .into_iter()
        .enumerate()
        .map(|(i, v)| if night(i) { 0.0 } else { v })
        .collect();
    let whole = prepare(&coarse(&values, 0));
    let prepared = prepare(&coarse(&values, 5 * PER_DAY));
    let late = |prepared: &Prepared| {
        let marks = &prepared.marks[4 * PER_DAY..];
        marks.iter().filter(|mark| **mark == Mark::Outage).count()
    };
    assert_eq!((late(&whole), late(&prepared)), (0, 0));
    assert!(prepared.count(Mark::Outage) <= whole.count(Mark::Outage) + 2 * WIDTH);
}

#[test]
fn a_gap_among_means_stays_missing() {
    let mut values = wave(6);
    values[3003..3047].fill(f64::NAN);
    let prepared = prepare(&coarse(&values, 4 * PER_DAY));
    assert_eq!(prepared.count(Mark::Missing), 44 - LONGEST_FILL);
    assert_eq!(prepared.anomalies(), []);
}
