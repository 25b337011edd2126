use std::time::Duration;

use proptest::prelude::*;

mod anomalies;
mod coarse;

use super::*;
use crate::analyze::view::View;

const DAY: usize = 288;
const FIVE_MINUTES: Duration = Duration::from_mins(5);

fn series(values: Vec<f64>) -> Series {
    Series::new(Timestamp::from_secs(1_700_006_400), FIVE_MINUTES, values)
}

/// Busy around 100, with a small ripple.
fn busy(len: usize) -> Vec<f64> {
    (0..len).map(|i| 100.0 + (i % 7) as f64).collect()
}

#[test]
fn the_first_steps_of_a_gap_are_held_and_the_rest_stays_missing() {
    let mut values = busy(60);
    values[20..22].fill(f64::NAN);
    values[40..50].fill(f64::NAN);
    let prepared = prepare(&series(values.clone()));
    let got = prepared.series.values();
    assert_eq!(got[20..22], [values[19], values[19]]);
    assert_eq!(got[40..43], [values[39]; 3]);
    assert!(got[43..50].iter().all(|v| v.is_nan()));
    assert_eq!(prepared.count(Mark::Filled), 5);
    assert_eq!(prepared.count(Mark::Missing), 7);
    assert_eq!(prepared.outages.len(), 1, "the long gap only");
    assert_eq!(prepared.outage_at_end, None);
}

#[test]
fn infinite_values_are_missing_and_absurd_ones_are_tamed() {
    let prepared = prepare(&series(vec![
        f64::INFINITY,
        f64::NEG_INFINITY,
        1.0,
        f64::MAX,
    ]));
    let got = prepared.series.values();
    assert!(got[0].is_nan() && got[1].is_nan());
    assert!(got[3].is_finite() && got[3] <= LARGEST);
}

#[test]
fn an_isolated_outlier_is_replaced_once_it_has_proven_isolated() {
    let mut values = busy(60);
    values[40] = 900.0;
    let early = prepare(&series(values[..=40].to_vec()));
    assert_eq!(
        early.series.values()[40].to_bits(),
        900.0_f64.to_bits(),
        "the newest is never touched"
    );
    let late = prepare(&series(values));
    assert!(late.series.values()[40] < 110.0);
    assert_eq!(
        late.outliers,
        [Outlier {
            index: 40,
            original: 900.0
        }]
    );
    assert_eq!(
        late.seen()[40].to_bits(),
        900.0_f64.to_bits(),
        "a level may still see it"
    );
}

#[test]
fn a_burst_of_three_steps_is_no_outlier() {
    let mut values = busy(60);
    values[40..43].fill(900.0);
    let prepared = prepare(&series(values.clone()));
    assert!(prepared.outliers.is_empty());
    assert_eq!(prepared.series.values(), values);
}

#[test]
fn a_busy_workload_that_falls_to_nothing_and_returns_was_down() {
    let mut values = busy(100);
    values[60..70].fill(0.0);
    let prepared = prepare(&series(values));
    assert!(prepared.series.values()[60..70].iter().all(|v| v.is_nan()));
    assert_eq!(prepared.count(Mark::Outage), 10);
    let start = prepared.series.start();
    let outage = Outage {
        from: start + FIVE_MINUTES * 60,
        until: start + FIVE_MINUTES * 70,
    };
    assert_eq!(prepared.outages, [outage]);
    assert_eq!(prepared.outage_at_end, None);
}

#[test]
fn an_outage_that_goes_on_is_told_from_its_first_step() {
    let mut values = busy(61);
    values[60] = 0.0;
    let prepared = prepare(&series(values.clone()));
    assert_eq!(prepared.outage_at_end, Some(prepared.series.time_of(60)));
    assert_eq!(
        prepared.series.last_observed().map(|s| s.value),
        Some(values[59]),
        "the level is the one before"
    );
}

#[test]
fn silence_for_hours_is_believed_at_last() {
    let mut values = busy(200);
    values[100..].fill(0.0);
    let prepared = prepare(&series(values));
    assert_eq!(prepared.outage_at_end, None);
    assert_eq!(prepared.count(Mark::Outage), 24, "two hours");
    assert_eq!(prepared.series.values()[199].to_bits(), 0.0_f64.to_bits());
}

#[test]
fn a_night_of_nothing_every_day_is_no_outage() {
    let day = |i: usize| {
        if i % DAY < 96 {
            0.0
        } else {
            100.0 + (i % 5) as f64
        }
    };
    let values: Vec<f64> = (0..3 * DAY).map(day).collect();
    let prepared = prepare(&series(values.clone()));
    assert_eq!(prepared.series.values()[DAY + 96..], values[DAY + 96..]);
    assert!(
        prepared.marks[2 * DAY..]
            .iter()
            .all(|mark| *mark == Mark::Observed),
        "the second night is like the first"
    );
}

#[test]
fn a_slow_fade_is_no_outage() {
    let values: Vec<f64> = (0..200).map(|i| 100.0 * 0.95_f64.powi(i)).collect();
    assert_eq!(prepare(&series(values)).count(Mark::Outage), 0);
}

#[test]
fn nothing_comes_of_nothing() {
    let empty = prepare(&series(vec![]));
    assert!(empty.series.is_empty() && empty.outages.is_empty());
    assert!((empty.share_missing() - 1.0).abs() < f64::EPSILON);
    let missing = prepare(&series(vec![f64::NAN; 50]));
    assert!(missing.series.values().iter().all(|v| v.is_nan()));
    assert_eq!(missing.outage_at_end, None, "it has never been up");
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 50.0..150.0,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => 1e3..1e4,
        1 => prop_oneof![Just(f64::INFINITY), Just(-1e300), Just(f64::MAX)],
    ]
}

proptest! {
    #[test]
    fn later_samples_change_nothing_but_the_last_two_steps(
        values in prop::collection::vec(any_value(), 1..200),
        other in prop::collection::vec(any_value(), 0..60),
        share in 0.0..1.0,
    ) {
        let cut = (values.len() as f64 * share) as usize;
        let scrambled = [&values[..cut], &other].concat();
        let (one, two) = (prepare(&series(values)), prepare(&series(scrambled)));
        let bits = |p: &Prepared, n: usize| p.series.values()[..n].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let settled = cut.saturating_sub(CONFIRM_STEPS);
        prop_assert_eq!(bits(&one, settled), bits(&two, settled));
        let seen = |p: &Prepared| p.seen()[..cut].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(seen(&one), seen(&two), "what levels are taken from is strictly causal");
    }

    #[test]
    fn every_step_is_accounted_for(values in prop::collection::vec(any_value(), 0..300)) {
        let prepared = prepare(&series(values.clone()));
        prop_assert_eq!(prepared.series.len(), values.len());
        for (value, mark) in prepared.series.values().iter().zip(&prepared.marks) {
            let gone = matches!(mark, Mark::Outage | Mark::Missing);
            prop_assert_eq!(value.is_nan(), gone);
            prop_assert!(!value.is_infinite());
        }
    }
}
