use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::map::{Priors, Quadratic, energy_of, maximise, noise};
use super::*;
use crate::domain::EventTimes;

const HOUR: i64 = 3600;

/// `days` of hourly samples of `value(hours since the start)`.
fn hourly(days: i64, value: impl FnMut(f64) -> f64) -> Vec<Point> {
    let start = 1_700_006_400;
    let mut value = value;
    (0..days * 24)
        .map(|hour| Point {
            at: start + hour * HOUR,
            local: start + hour * HOUR + 2 * HOUR,
            value: value(hour as f64),
        })
        .collect()
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

fn noisy(rng: &mut ChaCha8Rng) -> f64 {
    (0..6).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 2.0_f64.sqrt()
}

fn day(hour: f64) -> f64 {
    (std::f64::consts::TAU * hour / 24.0).sin()
}

/// Problems of all sizes: many samples and few, strong priors and weak ones.
fn problems() -> Vec<(Quadratic, Priors)> {
    let mut rng = rng();
    let mut problems = Vec::new();
    for (days, count, scale) in [(3, 3, 0.05), (10, 12, 0.01), (10, 25, 0.5), (2, 10, 5.1)] {
        let mut level = 0.0;
        let points = hourly(days, |hour| {
            level += 0.3 * noisy(&mut rng);
            20.0 + level + 3.0 * day(hour) + noisy(&mut rng)
        });
        let settings = Settings {
            changepoints: count,
            changepoint_prior_scale: scale,
            ..Settings::default()
        };
        let design = Design::new(choose(&settings, days * 24 * HOUR, HOUR));
        let bends = changepoints(&points, &settings);
        let columns: Vec<usize> = (0..design.width()).collect();
        let data = summed(&points, &design, &bends).quadratic(&bends, &columns);
        problems.push((data.unwrap(), priors(&settings, &design)));
    }
    problems
}

#[test]
fn at_the_maximum_no_number_can_be_moved_for_the_better() {
    for (data, priors) in problems() {
        let found = maximise(&data, &priors).unwrap();
        let weight = found.sigma.powi(-2);
        let smooth = priors.precision.len();
        let fitted = matrix::product(&data.gram, &found.values);
        let tolerance = 1e-6 * priors.rate.max(1.0);
        for (i, value) in found.values.iter().enumerate() {
            let slope = weight * (fitted[i] - data.moments[i]);
            if i < smooth {
                let slope = slope + priors.precision[i] * value;
                assert!(slope.abs() < tolerance, "number {i} has slope {slope}");
            } else if *value == 0.0 {
                assert!(slope.abs() <= priors.rate + tolerance, "bend {i}: {slope}");
            } else {
                let slope = slope + priors.rate * value.signum();
                assert!(slope.abs() < tolerance, "bend {i} has slope {slope}");
            }
        }
        let best = noise(data.residual(&found.values), data.count);
        assert!((best / found.sigma - 1.0).abs() < 1e-6);
    }
}

#[test]
fn the_noise_is_where_its_own_posterior_is_highest() {
    for (rss, count) in [(0.5, 100.0), (40.0, 60.0), (1e-4, 1000.0)] {
        let priors = Priors {
            precision: Vec::new(),
            rate: 1.0,
        };
        let energy = |sigma: f64| energy_of(rss, count, &priors, &[], sigma);
        let best = noise(rss, count);
        assert!(energy(best) < energy(1.01 * best) && energy(best) < energy(0.99 * best));
    }
}

/// A slow general way to the same maximum: one number after the other, over and over.
fn coordinate_by_coordinate(data: &Quadratic, priors: &Priors) -> (Vec<f64>, f64) {
    let n = data.moments.len();
    let mut values = vec![0.0; n];
    let mut sigma: f64 = 1.0;
    for _ in 0..20_000 {
        let weight = sigma.powi(-2);
        for i in 0..n {
            let row = &data.gram[i * n..(i + 1) * n];
            let rest = data.moments[i] - matrix::dot(row, &values) + row[i] * values[i];
            values[i] = if let Some(precision) = priors.precision.get(i) {
                weight * rest / (weight * row[i] + precision)
            } else {
                let pull = (weight * rest).abs() - priors.rate;
                pull.max(0.0) * rest.signum() / (weight * row[i])
            };
        }
        sigma = noise(data.residual(&values), data.count);
    }
    (values, sigma)
}

#[test]
fn a_slow_general_optimiser_finds_nothing_better() {
    for (data, priors) in problems().into_iter().take(2) {
        let found = maximise(&data, &priors).unwrap();
        let (values, sigma) = coordinate_by_coordinate(&data, &priors);
        let rss = data.residual(&values);
        let energy = energy_of(rss, data.count, &priors, &values, sigma);
        assert!(found.energy <= energy + 1e-6, "{} {energy}", found.energy);
        assert!(energy - found.energy < 1e-2, "{} {energy}", found.energy);
    }
}

#[test]
fn a_known_trend_and_season_are_found_again() {
    let mut rng = rng();
    let truth = |hour: f64| 50.0 + 0.1 * hour + 10.0 * day(hour);
    let points = hourly(21, |hour| truth(hour) + 0.5 * noisy(&mut rng));
    let fitted = fit(&points, &Settings::default()).unwrap();
    assert_eq!(
        fitted.design.seasons(),
        [
            Season {
                period: Season::WEEK,
                order: 3
            },
            Season {
                period: Season::DAY,
                order: 4
            }
        ]
    );
    let curve = Curve::new(&fitted);
    let ahead = hourly(22, truth).split_off(21 * 24);
    for point in ahead {
        let value = curve.value(point.at, point.local);
        assert!((value - point.value).abs() < 1.0, "{value} {point:?}");
    }
}

#[test]
fn a_flat_trend_has_one_level() {
    let settings = Settings {
        growth: Growth::Flat,
        ..Settings::default()
    };
    let fitted = fit(
        &hourly(8, |hour| 50.0 + 0.1 * hour + 10.0 * day(hour)),
        &settings,
    )
    .unwrap();
    assert!(fitted.changepoints.is_empty() && fitted.k.abs() < 1e-9);
    let curve = Curve::new(&fitted);
    let level = 50.0 + 0.1 * 8.0 * 24.0 / 2.0;
    assert!((curve.trend(1_700_006_400) - level).abs() < 0.5);
    assert!((curve.trend(1_800_000_000) - level).abs() < 0.5);
}

#[test]
fn the_trend_bends_where_the_truth_does_and_nowhere_else() {
    let mut rng = rng();
    let bent = |hour: f64| 100.0 + 0.5 * (hour - 120.0).max(0.0);
    let points = hourly(14, |hour| bent(hour) + 0.5 * noisy(&mut rng));
    let fitted = fit(&points, &Settings::default()).unwrap();
    let curve = Curve::new(&fitted);
    let strong = fitted.delta.iter().map(|d| d.abs()).fold(0.0, f64::max);
    let at = |wanted: f64| {
        let place = fitted.delta.iter().zip(&fitted.changepoints);
        place
            .filter(|(d, _)| d.abs() >= wanted)
            .map(|(_, at)| *at)
            .collect::<Vec<_>>()
    };
    for place in at(0.3 * strong) {
        let hours = (place - points[0].at) / HOUR;
        assert!((90..=150).contains(&hours), "a bend at {hours} h");
    }
    for point in &points {
        assert!(
            (curve.trend(point.at) - bent((point.at - points[0].at) as f64 / 3600.0)).abs() < 3.0
        );
    }
}

#[test]
fn a_season_that_grows_with_the_trend_is_told_by_the_multiplicative_model() {
    let mut rng = rng();
    let truth = |hour: f64| (20.0 + 0.3 * hour) * (1.0 + 0.4 * day(hour));
    let points = hourly(16, |hour| truth(hour) + 0.3 * noisy(&mut rng));
    let additive = fit(&points, &Settings::default()).unwrap();
    let settings = Settings {
        mode: Mode::Multiplicative,
        ..Settings::default()
    };
    let fitted = fit(&points, &settings).unwrap();
    assert!(fitted.sigma < 0.5 * additive.sigma);
    assert!(fitted.log_posterior > additive.log_posterior);
    let curve = Curve::new(&fitted);
    for point in hourly(17, truth).split_off(16 * 24) {
        let value = curve.value(point.at, point.local);
        assert!(
            (value / point.value - 1.0).abs() < 0.05,
            "{value} {point:?}"
        );
    }
}

#[test]
fn no_small_move_improves_the_multiplicative_maximum() {
    let mut rng = rng();
    let points = hourly(5, |hour| {
        (30.0 + 0.1 * hour) * (1.0 + 0.3 * day(hour)) + 2.0 * noisy(&mut rng)
    });
    let settings = Settings {
        mode: Mode::Multiplicative,
        changepoints: 6,
        ..Settings::default()
    };
    let fitted = fit(&points, &settings).unwrap();
    let rows = scaled::Rows::new(&points, &fitted.design, &fitted.changepoints, fitted.unit);
    let priors = priors(&settings, &fitted.design);
    let mut values = vec![fitted.k, fitted.m];
    values.extend(fitted.beta.iter().chain(&fitted.delta));
    let energy = |values: &[f64]| {
        let rss = rows.residual(values);
        energy_of(rss, points.len() as f64, &priors, values, fitted.sigma)
    };
    let best = energy(&values);
    for i in 0..values.len() {
        for step in [-1e-3, 1e-3] {
            let mut moved = values.clone();
            moved[i] += step;
            assert!(energy(&moved) > best, "number {i} moved by {step}");
        }
    }
}

#[test]
fn sums_grown_sample_by_sample_are_those_of_one_batch() {
    let mut rng = rng();
    let points = hourly(20, |hour| {
        30.0 + 0.05 * hour + 5.0 * day(hour) + noisy(&mut rng)
    });
    let settings = Settings::default();
    let seasons = [(Season::WEEK, 3), (Season::DAY, 4)];
    let design = Design::new(
        seasons
            .map(|(period, order)| Season { period, order })
            .to_vec(),
    );
    let mut gram = Gram::new(design.width());
    let mut row = vec![0.0; design.width()];
    for (index, point) in points.iter().enumerate() {
        gram.cut(point.at);
        design.fill(point.local, &mut row);
        gram.add(point.at, &row, point.value);
        // The scales of time and value, the changepoints and, after two weeks, the seasons change as it grows.
        if [3 * 24, 10 * 24, 20 * 24].contains(&(index + 1)) {
            let grown = fit_gram(&gram, &settings, &design, HOUR).unwrap();
            let batch = fit(&points[..=index], &settings).unwrap();
            assert_eq!(grown.changepoints, batch.changepoints);
            assert_eq!(grown.design, batch.design);
            assert!((grown.log_posterior - batch.log_posterior).abs() < 1e-6);
            for (a, b) in grown.beta.iter().zip(&batch.beta) {
                assert!((a - b).abs() < 1e-7);
            }
        }
    }
}

#[test]
fn fewer_cuts_move_changepoints_to_the_nearest_ones() {
    let points = hourly(20, |hour| {
        30.0 + 5.0 * day(hour) + 0.01 * (hour - 200.0).max(0.0)
    });
    let design = Design::new(choose(&Settings::default(), 20 * 24 * HOUR, HOUR));
    let cuts: Vec<i64> = points.iter().step_by(6).map(|p| p.at).collect();
    let gram = summed(&points, &design, &cuts);
    let found = gram.changepoints(&Settings::default());
    let exact = changepoints(&points, &Settings::default());
    assert_eq!(found.len(), exact.len());
    for (a, b) in found.iter().zip(&exact) {
        assert!((a - b).abs() <= 3 * HOUR);
    }
}

#[test]
fn gaps_do_not_move_the_curve() {
    let mut rng = rng();
    let truth = |hour: f64| 50.0 + 10.0 * day(hour);
    let mut points = hourly(20, |hour| truth(hour) + 0.5 * noisy(&mut rng));
    points.retain(|p| {
        let hour = (p.at - 1_700_006_400) / HOUR;
        !(100..190).contains(&hour) && hour % 7 != 3
    });
    let curve = Curve::new(&fit(&points, &Settings::default()).unwrap());
    for point in hourly(20, truth) {
        assert!((curve.value(point.at, point.local) - point.value).abs() < 2.0);
    }
}

#[test]
fn a_flat_series_stays_flat_and_a_tiny_one_is_no_reason_to_panic() {
    let flat = fit(&hourly(4, |_| 7.0), &Settings::default()).unwrap();
    let curve = Curve::new(&flat);
    assert!((curve.value(1_800_000_000, 1_800_000_000) - 7.0).abs() < 1e-9);
    let zero = fit(&hourly(4, |_| 0.0), &Settings::default()).unwrap();
    assert!(Curve::new(&zero).value(1_800_000_000, 0).abs() < 1e-9);
    let some = hourly(1, |hour| 3.0 + hour * hour);
    assert_eq!(fit(&[], &Settings::default()), None);
    assert_eq!(fit(&some[..1], &Settings::default()), None);
    for few in 2..some.len() {
        let fitted = fit(&some[..few], &Settings::default()).unwrap();
        let ahead = Curve::new(&fitted).value(some[few].at, some[few].local);
        assert!(ahead.is_finite(), "{few} samples");
    }
}

#[test]
fn absurd_values_give_a_finite_curve_or_none() {
    for size in [1e-30, 1e30] {
        let mut points = hourly(4, day);
        points[50].value = size;
        if let Some(fitted) = fit(&points, &Settings::default()) {
            assert!(Curve::new(&fitted).value(1_800_000_000, 0).is_finite());
        }
    }
}

#[test]
fn an_event_is_a_column_of_its_own_and_acts_again_when_it_comes_again() {
    let mut rng = rng();
    let start = 1_700_006_400 + 2 * HOUR;
    let windows = [60, 200, 300, 500].map(|h| (start + h * HOUR, start + (h + 6) * HOUR));
    let event = EventTimes {
        name: "sale".to_owned(),
        windows: windows.to_vec(),
    };
    let truth = |hour: f64, local: i64| {
        let lift = if event.is_on(local) { 40.0 } else { 0.0 };
        100.0 + 10.0 * day(hour) + lift
    };
    let mut points = hourly(18, |_| 0.0);
    for point in &mut points {
        let hour = (point.local - start) as f64 / 3600.0;
        point.value = truth(hour, point.local) + noisy(&mut rng);
    }
    let settings = Settings::default();
    let seasons = choose(&settings, 18 * 24 * HOUR, HOUR);
    let design = Design::new(seasons).with_events(vec![event.clone()]);
    let fitted = fit_design(&points, &settings, design).unwrap();
    let curve = Curve::new(&fitted);
    // The last window lies in the future.
    for hour in 495..510 {
        let local = start + hour * HOUR;
        let value = curve.value(local - 2 * HOUR, local);
        assert!(
            (value - truth(hour as f64, local)).abs() < 4.0,
            "{hour} {value}"
        );
    }
    let again = Curve::decode(&curve.encode(), std::slice::from_ref(&event)).unwrap();
    let there = start + 502 * HOUR;
    assert!((again.value(there, there) - curve.value(there, there)).abs() < 0.01);
    let without = Curve::decode(&curve.encode(), &[]).unwrap();
    let effect = curve.value(there, there) - without.value(there, there);
    assert!(
        (effect - 40.0).abs() < 3.0,
        "the event is not named any more: {effect}"
    );
}

#[test]
fn the_numbers_of_a_curve_are_few_and_give_the_curve_again() {
    let mut rng = rng();
    let points = hourly(21, |hour| {
        50.0 + 10.0 * day(hour) + (hour / 30.0).sin() + noisy(&mut rng)
    });
    let curve = Curve::new(&fit(&points, &Settings::default()).unwrap());
    let numbers = curve.encode();
    assert!(numbers.len() < 120, "{} numbers", numbers.len());
    let again = Curve::decode(&numbers, &[]).unwrap();
    for point in &points {
        let (a, b) = (
            curve.value(point.at, point.local),
            again.value(point.at, point.local),
        );
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    for cut in 0..numbers.len() {
        assert_eq!(Curve::decode(&numbers[..cut], &[]), None, "{cut} numbers");
    }
}

#[test]
fn evenly_spaced_samples_give_the_same_sums_all_at_once_and_one_by_one() {
    let mut rng = rng();
    let mut points = hourly(40, |hour| {
        30.0 + 0.05 * hour + 5.0 * day(hour) + noisy(&mut rng)
    });
    // Gaps, a clock that is moved, and orders so high that an hourly grid mistakes them for low ones.
    points.retain(|p| {
        p.at % (97 * HOUR) != 0 && !(300..333).contains(&((p.at - 1_700_006_400) / HOUR))
    });
    for point in &mut points[600..] {
        point.local -= HOUR;
    }
    let seasons = [(Season::YEAR, 2), (Season::WEEK, 5), (Season::DAY, 24)];
    let seasons = seasons.map(|(period, order)| Season { period, order });
    let windows = vec![
        (points[70].local, points[75].local),
        (points[500].local, points[640].local),
    ];
    let design = Design::new(seasons.to_vec()).with_events(vec![EventTimes {
        name: "sale".to_owned(),
        windows,
    }]);
    let bends = changepoints(&points, &Settings::default());
    let columns: Vec<usize> = (0..design.width()).collect();
    let fast = summed(&points, &design, &bends)
        .quadratic(&bends, &columns)
        .unwrap();
    let mut gram = Gram::new(design.width());
    let mut row = vec![0.0; design.width()];
    for (index, point) in points.iter().enumerate() {
        if index == 0 || bends.contains(&point.at) {
            gram.cut(point.at);
        }
        design.fill(point.local, &mut row);
        gram.add(point.at, &row, point.value);
    }
    let slow = gram.quadratic(&bends, &columns).unwrap();
    for (a, b) in fast.gram.iter().zip(&slow.gram) {
        assert!((a - b).abs() < 1e-7, "{a} {b}");
    }
    for (a, b) in fast.moments.iter().zip(&slow.moments) {
        assert!((a - b).abs() < 1e-7, "{a} {b}");
    }
    assert_eq!((fast.count, fast.squares), (slow.count, slow.squares));
}
