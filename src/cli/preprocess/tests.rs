use std::time::Duration;

use proptest::prelude::*;

use super::decompose::{By, Decomposition};
use super::split::{Part, Split};
use super::strength::strength;
use super::windows::{Shape, Window, Windows};
use crate::analyze::prepare;
use crate::domain::{Series, Timestamp};

const MINUTE: Duration = Duration::from_mins(1);

fn series(values: Vec<f64>) -> Series {
    Series::new(Timestamp::from_secs(1_700_000_040), MINUTE, values)
}

fn all(series: &Series, split: Split, part: Part, shape: Shape) -> Vec<Window> {
    decomposed(series, split, part, shape, None)
}

fn decomposed(
    series: &Series,
    split: Split,
    part: Part,
    shape: Shape,
    by: Option<&Decomposition>,
) -> Vec<Window> {
    let prepared = prepare(series);
    let range = split.range(part, series.len());
    Windows::new(series, &prepared, range, shape, by)
        .iter()
        .collect()
}

#[test]
fn a_split_is_three_percentages_that_make_a_whole() {
    let split: Split = "70/15/15".parse().unwrap();
    let ranges = Part::ALL.map(|part| split.range(part, 1001));
    assert_eq!(ranges, [0..700, 700..850, 850..1001]);
    let all: Split = "100/0/0".parse().unwrap();
    assert!(all.range(Part::Test, 1001).is_empty());
    for wrong in ["70/15", "70/15/16", "a/b/c", "0/50/50", "-70/100/70", ""] {
        let error = wrong.parse::<Split>().unwrap_err();
        assert!(error.contains("`70/15/15`"), "{error}");
    }
}

fn history() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        12 => (50.0..150.0_f64).prop_map(|v| v),
        1 => Just(f64::NAN),
        1 => Just(0.0),
        1 => Just(5000.0),
    ];
    prop::collection::vec(value, 60..260)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_window_reaches_over_a_boundary_and_none_is_told_the_future(
        values in history(),
        context in 1_usize..40,
        horizon in 1_usize..20,
        stride in 1_usize..9,
    ) {
        let split: Split = "60/20/20".parse().unwrap();
        let shape = Shape { context, horizon, stride };
        let series = series(values);
        for part in Part::ALL {
            let range = split.range(part, series.len());
            for window in all(&series, split, part, shape) {
                let origin = series.index_of(window.origin).unwrap();
                prop_assert!(origin + 1 >= range.start && origin + horizon < range.end);
                prop_assert_eq!(window.context.len(), context);
                let raw = &series.values()[origin + 1..=origin + horizon];
                let same = window.targets.iter().zip(raw).all(|(a, b)| a.to_bits() == b.to_bits());
                prop_assert!(same, "targets are what was measured");
                // The server, had it lived then.
                let then = prepare(&Series::new(
                    series.start(),
                    series.step(),
                    series.values()[..=origin].to_vec(),
                ));
                let mut known = then.series.values()[origin + 1 - context..].to_vec();
                let seen = then.seen();
                let fresh = context.saturating_sub(crate::analyze::preprocess::CONFIRM_STEPS);
                known[fresh..].copy_from_slice(&seen[origin + 1 - context + fresh..]);
                let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&window.context), bits(&known));
            }
        }
    }
}

/// MSTL on a grid of four hours, where a day is short; CEEMDAN on contexts.
fn decomposition(by: By, context: usize) -> Decomposition {
    let step = Duration::from_hours(4);
    let window = Some(40_u32.max(context as u32));
    let made = Decomposition::new(by, window, context, step).unwrap();
    made.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn samples_that_come_later_change_no_part_of_an_earlier_window(
        values in history(),
        other in history(),
        share in 0.3..1.0_f64,
        context in 16_usize..30,
    ) {
        let whole: Split = "100/0/0".parse().unwrap();
        let shape = Shape { context, horizon: 3, stride: 7 };
        let cut = (values.len() as f64 * share) as usize;
        let longer = [&values[..cut], &other].concat();
        let (early, late) = (series(values[..cut].to_vec()), series(longer));
        for by in [By::Mstl, By::Ceemdan] {
            let by = decomposition(by, context);
            let windows = |series| decomposed(series, whole, Part::Train, shape, Some(&by));
            let (early, late) = (windows(&early), windows(&late));
            prop_assert!(early.len() <= late.len());
            for (one, two) in early.iter().zip(&late) {
                let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(one.origin, two.origin);
                prop_assert_eq!(bits(&one.context), bits(&two.context));
                prop_assert_eq!(bits(&one.parts), bits(&two.parts));
            }
        }
    }
}

#[test]
fn the_parts_of_a_window_add_up_to_its_context() {
    let wave = |i: u32| 100.0 + 30.0 * (f64::from(i) / 6.0 * std::f64::consts::TAU).sin();
    let series = series((0..200).map(|i| wave(i) + f64::from(i % 5)).collect());
    let shape = Shape {
        context: 24,
        horizon: 3,
        stride: 10,
    };
    let whole: Split = "100/0/0".parse().unwrap();
    for (by, least) in [(By::Mstl, 3), (By::Ceemdan, 2)] {
        let decomposition = decomposition(by, 24);
        let windows = decomposed(&series, whole, Part::Train, shape, Some(&decomposition));
        assert!(windows.len() > 10, "{by:?}: {}", windows.len());
        for window in windows {
            let parts: Vec<&[f64]> = window.parts.chunks_exact(24).collect();
            assert!(parts.len() >= least, "{by:?}: {} parts", parts.len());
            for (index, value) in window.context.iter().enumerate() {
                let sum: f64 = parts.iter().map(|part| part[index]).sum();
                assert!((sum - value).abs() < 1e-6, "{by:?}: {sum} for {value}");
            }
        }
    }
}

#[test]
fn a_window_that_is_too_short_to_decompose_is_refused_with_what_is_needed() {
    let refused = |by, window| {
        let made = Decomposition::new(by, window, 120, MINUTE);
        made.map(|made| made.map(|made| made.window))
    };
    assert_eq!(refused(By::None, None), Ok(None));
    assert_eq!(refused(By::Mstl, None), Ok(Some(4 * 1440)));
    assert_eq!(refused(By::Ceemdan, None), Ok(Some(120)));
    let error = refused(By::Ceemdan, Some(100)).unwrap_err();
    assert!(error.contains("`--decompose-window` 100") && error.contains("120"));
    let error = refused(By::Mstl, Some(2000)).unwrap_err();
    assert!(
        error.contains("2880 steps of 1m") && error.contains("2000"),
        "{error}"
    );
}

#[test]
fn windows_follow_one_another_by_the_stride_and_need_a_measured_origin() {
    let mut values: Vec<f64> = (0..100).map(f64::from).collect();
    values[14] = f64::NAN;
    values[40..60].fill(f64::NAN);
    let series = series(values);
    let shape = Shape {
        context: 10,
        horizon: 5,
        stride: 5,
    };
    let split: Split = "100/0/0".parse().unwrap();
    let windows = all(&series, split, Part::Train, shape);
    let origins: Vec<usize> = (windows.iter())
        .map(|window| series.index_of(window.origin).unwrap())
        .collect();
    assert_eq!(origins, [9, 19, 24, 29, 34, 64, 69, 74, 79, 84, 89, 94]);
    assert!(
        windows[5].context[..5].iter().all(|v| v.is_nan()),
        "the gap shows"
    );
}

#[test]
fn strength_tells_a_daily_shape_from_noise_and_a_moving_level_from_a_steady_one() {
    let noise = |i: usize| {
        let v = (i as f64 * 12.9898).sin() * 43_758.547;
        v - v.floor() - 0.5
    };
    let of = |value: &dyn Fn(usize) -> f64| {
        let values = (0..21 * 288).map(value).collect();
        strength(&Series::new(
            Timestamp::from_secs(0),
            Duration::from_mins(5),
            values,
        ))
    };
    let day = |i: usize| (i as f64 / 288.0 * std::f64::consts::TAU).sin();
    let daily = of(&|i| 100.0 + 20.0 * day(i) + 10.0 * noise(i));
    assert!(daily.daily.unwrap() > 0.9, "{daily:?}");
    assert!(daily.weekly.unwrap() < 0.5, "{daily:?}");
    assert!(
        daily.kpss.unwrap() < super::strength::KPSS_CRITICAL,
        "{daily:?}"
    );
    let only_noise = of(&|i| 100.0 + 10.0 * noise(i));
    assert!(only_noise.daily.unwrap() < 0.3, "{only_noise:?}");
    let weekend = |i: usize| if (i / 288) % 7 >= 5 { 0.3 } else { 1.0 };
    let weekly = of(&|i| 100.0 * weekend(i) * (1.2 + day(i)) + 5.0 * noise(i));
    assert!(weekly.weekly.unwrap() > 0.6, "{weekly:?}");
    let rising = of(&|i| 100.0 + i as f64 / 20.0 + 10.0 * noise(i));
    assert!(
        rising.kpss.unwrap() > super::strength::KPSS_CRITICAL,
        "{rising:?}"
    );
    let short = strength(&series(vec![1.0; 100]));
    assert_eq!(short, super::strength::Strength::default());
}
