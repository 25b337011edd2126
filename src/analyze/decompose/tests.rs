use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::Timestamp;

fn series(values: Vec<f64>) -> Series {
    Series::new(Timestamp::from_secs(0), Duration::from_mins(1), values)
}

/// A slow wave, a fast one and a trend.
fn mixture(len: usize) -> (Vec<f64>, Vec<f64>) {
    let tau = std::f64::consts::TAU;
    let fast = (0..len).map(|i| 5.0 * (tau * i as f64 / 12.0).sin());
    let fast: Vec<f64> = fast.collect();
    let slow = |i: usize| 20.0 * (tau * i as f64 / 96.0).sin() + 0.05 * i as f64;
    let whole = fast.iter().enumerate().map(|(i, fast)| fast + slow(i));
    (whole.collect(), fast)
}

fn methods(window: usize) -> [Method; 2] {
    [
        Method::Mstl { periods: vec![12] },
        Method::Ceemdan(Ceemdan::new(window, 6, 0.2, 7).unwrap()),
    ]
}

#[test]
fn the_parts_add_up_to_the_window() {
    let (values, _) = mixture(300);
    let history = series(values.clone());
    for method in methods(200) {
        let parts = causal(&history, 259, 200, &method).unwrap().parts;
        assert!(parts.len() >= 3);
        for (i, value) in values[60..260].iter().enumerate() {
            let sum: f64 = parts.iter().map(|part| part[i]).sum();
            assert!((sum - value).abs() < 1e-6, "{method:?} at {i}");
        }
    }
}

#[test]
fn what_oscillates_fast_is_told_from_what_oscillates_slowly() {
    let (values, fast) = mixture(384);
    let history = series(values);
    for method in methods(384) {
        let parts = causal(&history, 383, 384, &method).unwrap().parts;
        // Of CEEMDAN's modes the fastest hold the noise, and which one holds the wave depends on it.
        let least = parts.iter().map(|part| miss(part, &fast));
        let least = least.fold(f64::INFINITY, f64::min);
        assert!(
            least < 1.5,
            "{least} for a wave of 5, {} parts",
            parts.len()
        );
    }
}

/// The mean distance, away from the ends.
fn miss(part: &[f64], wanted: &[f64]) -> f64 {
    let inner = 48..part.len() - 48;
    let total: f64 = inner.clone().map(|i| (part[i] - wanted[i]).abs()).sum();
    total / inner.len() as f64
}

#[test]
fn without_noise_the_first_mode_is_the_fast_wave() {
    let (values, fast) = mixture(384);
    let mode = emd::first_mode(&values).unwrap();
    assert!(miss(&mode, &fast) < 0.5, "{}", miss(&mode, &fast));
    assert_eq!(emd::modes(&values, 1), [mode]);
}

#[test]
fn a_line_has_no_modes_and_noise_needs_a_seed_only_once() {
    let line: Vec<f64> = (0..64).map(f64::from).collect();
    let ceemdan = Ceemdan::new(64, 4, 0.2, 1).unwrap();
    assert_eq!(ceemdan.decompose(&line).unwrap().parts, [line]);
    let (values, _) = mixture(64);
    let again = Ceemdan::new(64, 4, 0.2, 1).unwrap();
    let other = Ceemdan::new(64, 4, 0.2, 2).unwrap();
    let parts = |ceemdan: &Ceemdan| ceemdan.decompose(&values).unwrap();
    assert_eq!(parts(&ceemdan), parts(&again));
    assert_ne!(parts(&ceemdan), parts(&other));
}

#[test]
fn windows_that_do_not_fit_are_named() {
    let history = series(vec![1.0; 50]);
    let day = Method::Mstl { periods: vec![24] };
    let text = |origin, window, method: &Method| {
        causal(&history, origin, window, method)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        text(20, 30, &day),
        "a window of 30 steps that ends at step 20 does not lie within the 50 steps of the series"
    );
    assert_eq!(
        text(49, 40, &day),
        "a season of 24 steps needs a window of at least 48 steps, this one has 40"
    );
    assert!(text(49, 0, &day).contains("a window of 0 steps"));
    let [_, ceemdan] = methods(20);
    assert!(text(49, 30, &ceemdan).contains("20 steps, this one has 30"));
    assert!(Ceemdan::new(8, 50, 0.2, 1).is_err());
    let gaps = series([vec![f64::NAN; 30], vec![1.0; 30]].concat());
    let error = causal(&gaps, 59, 60, &day).unwrap_err();
    assert!(error.to_string().contains("30 of the 60 values"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_after_an_origin_changes_none_of_its_parts(
        values in prop::collection::vec(prop_oneof![9 => -50.0..50.0_f64, 1 => Just(f64::NAN)], 90..140),
        other in prop::collection::vec(-1e6..1e6_f64, 0..60),
        back in 0_usize..30,
    ) {
        let origin = values.len() - 1 - back;
        let scrambled = [&values[..=origin], &other].concat();
        for method in methods(48) {
            let one = causal(&series(values.clone()), origin, 48, &method);
            let two = causal(&series(scrambled.clone()), origin, 48, &method);
            prop_assert_eq!(&one, &two);
            if let Ok(parts) = one {
                prop_assert!(parts.parts.iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
}
