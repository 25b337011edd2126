mod marked;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::analyze::{OnnxEngine, Prepared, fit, prepare};
use crate::domain::{DEFAULT_LEVELS, Quantile, Series, Timestamp};

const MINUTES_PER_DAY: usize = 1440;

/// A Monday, 00:00 UTC.
const MONDAY: i64 = 1_699_833_600;

/// A generator of noise between -1 and 1 that is the same in every run.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 20_001) as f64 / 10_000.0 - 1.0
    }
}

/// A daily wave around 100 with noise, one value a `step`.
fn wave(days: usize, step: u64, seed: u64) -> Vec<f64> {
    let mut noise = noise(seed);
    let per_day = 86_400.0 / step as f64;
    let len = (days as f64 * per_day) as usize;
    (0..len)
        .map(|i| {
            let angle = std::f64::consts::TAU * i as f64 / per_day;
            100.0 + 60.0 * angle.sin() + 5.0 * noise()
        })
        .collect()
}

fn history(step: u64, values: Vec<f64>) -> Prepared {
    let start = Timestamp::from_secs(MONDAY);
    prepare(&Series::new(start, Duration::from_secs(step), values))
}

fn fitted(history: &Prepared, horizon: usize, zone: &str) -> Fit {
    fit(history, horizon, zone, history.series.end())
}

fn input(history: Prepared, fit: Option<Fit>, horizon: usize) -> ForecastInput {
    ForecastInput {
        history: Arc::new(history),
        fit: fit.map(Arc::new),
        horizon_steps: horizon,
        timezone: "UTC".into(),
        levels: DEFAULT_LEVELS.into(),
    }
}

fn registry() -> Registry {
    Registry::new(&Config {
        model_dirs: Vec::new(),
        shipped_networks: false,
        onnx_engine: OnnxEngine::Rten,
        ..Config::default()
    })
    .unwrap()
}

fn named(name: &str) -> ModelChoice {
    ModelChoice::Named(name.to_owned())
}

/// All that a forecast owes its reader.
fn check(forecast: &Forecast, input: &ForecastInput) {
    assert_eq!(forecast.steps(), input.horizon_steps.max(1));
    let last = input.history.series.len() - 1;
    assert_eq!(forecast.origin(), input.history.series.time_of(last));
    for step in 0..forecast.steps() {
        let column: Vec<f32> = (0..forecast.levels().len())
            .map(|level| forecast.path(level)[step])
            .collect();
        assert!(
            column.iter().all(|v| v.is_finite()),
            "step {step}: {column:?}"
        );
        assert!(
            column.windows(2).all(|w| w[0] <= w[1]),
            "step {step}: {column:?}"
        );
    }
}

fn median_at(forecast: &Forecast, step: usize) -> f64 {
    forecast.quantile(Quantile::MEDIAN, step)
}

#[test]
fn a_single_sample_is_enough_for_a_forecast_with_wide_bands() {
    let input = input(history(60, vec![40.0]), None, 30);
    let forecast = stand_in(&input).unwrap();
    check(&forecast, &input);
    assert_eq!(&*forecast.model, "naive");
    assert!((median_at(&forecast, 0) - 40.0).abs() < 1e-3);
    let upper = |step| forecast.quantile(DEFAULT_LEVELS[6], step);
    assert!(upper(0) > 42.0, "{}", upper(0));
    assert!(upper(29) > upper(0), "uncertainty grows");
}

#[test]
fn without_any_sample_there_is_no_forecast_and_no_panic() {
    for values in [vec![], vec![f64::NAN; 100]] {
        let fit = fitted(&history(60, values.clone()), 30, "UTC");
        assert_eq!(crate::analyze::fitting::best(Some(&fit)), NAIVE);
        assert_eq!(stand_in(&input(history(60, values), Some(fit), 30)), None);
    }
}

#[test]
fn minutes_of_history_stay_naive() {
    let history = history(60, wave(1, 60, 3)[..90].to_vec());
    let fit = fitted(&history, 30, "UTC");
    let input = input(history, Some(fit.clone()), 30);
    let auto = registry().get(&ModelChoice::Auto, Some(&fit)).unwrap();
    let forecast = auto
        .forecast(std::slice::from_ref(&input))
        .remove(0)
        .unwrap();
    check(&forecast, &input);
    assert!(fit.profile.is_none());
}

#[test]
fn a_daily_wave_is_seen_coming() {
    let values = wave(8, 60, 5);
    let (past, future) = values.split_at(7 * MINUTES_PER_DAY + 500);
    let history = history(60, past.to_vec());
    let fit = fitted(&history, 30, "UTC");
    assert!(fit.scores[0].relative_loss < 0.95, "{:?}", fit.scores);
    let input = input(history, Some(fit.clone()), 30);
    for name in [
        "auto",
        "mix",
        "seasonal-naive",
        "holt-winters",
        "linear",
        "linear-log",
    ] {
        let model = registry().get(&named(name), Some(&fit)).unwrap();
        let forecast = model
            .forecast(std::slice::from_ref(&input))
            .remove(0)
            .unwrap();
        check(&forecast, &input);
        let truth = 100.0 + 60.0 * (std::f64::consts::TAU * 529.0 / 1440.0).sin();
        let naive_miss = (past[past.len() - 1] - truth).abs();
        let miss = (median_at(&forecast, 29) - truth).abs();
        assert!(
            miss < 6.0,
            "{name} misses by {miss}, naive by {naive_miss}, {}",
            future[29]
        );
    }
}

#[test]
fn a_fit_is_small_enough_to_be_kept_for_every_workload() {
    let mut values = wave(14, 60, 7);
    for (i, value) in values.iter_mut().enumerate() {
        // Every day of the week is different, so that the largest kind of profile is chosen.
        *value *= 1.0 + 0.2 * ((i / MINUTES_PER_DAY % 7 * 5) % 7) as f64 * (i % 360) as f64 / 360.0;
    }
    let fit = fitted(&history(60, values), 30, "UTC");
    assert_eq!(
        fit.profile.as_ref().map(|p| p.values.len()),
        Some(1008),
        "each day of the week"
    );
    let trees = fit.coefficients_of(crate::analyze::boosted::BOOSTED);
    let trees = trees.map_or(0, size_of_val::<[f32]>);
    let rest = fit.bytes() - trees;
    assert!(trees <= 28 * 1024, "{trees} bytes");
    assert!(rest <= 12 * 1024, "{rest} bytes");
    let packed = rmp_serde::to_vec(&fit).unwrap();
    assert_eq!(rmp_serde::from_slice::<Fit>(&packed).unwrap(), fit);
}

#[test]
fn noise_without_a_pattern_is_not_worse_than_naive() {
    let mut noise = noise(11);
    let mut level = 100.0;
    let walk: Vec<f64> = (0..5 * 288)
        .map(|_| {
            level = (level + 2.0 * noise()).clamp(20.0, 400.0);
            level
        })
        .collect();
    let fit = fitted(&history(300, walk), 6, "UTC");
    let naive = fit.score_of(NAIVE).unwrap();
    assert!((naive.relative_loss - 1.0).abs() < 1e-6);
    let chosen = crate::analyze::fitting::best(Some(&fit)).to_owned();
    assert!(
        fit.score_of(&chosen).unwrap().relative_loss <= 1.0,
        "{chosen}"
    );
}

#[test]
fn a_constant_load_is_forecast_as_such_and_its_bands_do_not_collapse_to_nonsense() {
    let history = history(60, vec![50.0; 3 * MINUTES_PER_DAY]);
    let fit = fitted(&history, 30, "UTC");
    let input = input(history, Some(fit.clone()), 30);
    let model = registry().get(&ModelChoice::Auto, Some(&fit)).unwrap();
    let forecast = model
        .forecast(std::slice::from_ref(&input))
        .remove(0)
        .unwrap();
    check(&forecast, &input);
    assert!((median_at(&forecast, 29) - 50.0).abs() < 0.5);
}

#[test]
fn the_day_follows_the_clock_of_its_time_zone_through_daylight_saving() {
    // Berlin goes to summer time on 2024-03-31. Load jumps at 08:00 local time on every day.
    let start = Timestamp::from_secs(1_711_234_800);
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let local_hour = |secs: i64| {
        let at = jiff::Timestamp::from_second(secs).unwrap();
        at.to_zoned(zone.clone()).hour()
    };
    let load = |i: i64| {
        if local_hour(start.as_secs() + 300 * i) >= 8 {
            200.0
        } else {
            100.0
        }
    };
    // Until 07:45 local time of the day after the change.
    let until = (0..5000)
        .find(|i| start.as_secs() + 300 * *i >= 1_711_950_300)
        .unwrap();
    let values = (0..=until).map(load).collect();
    let history = prepare(&Series::new(start, Duration::from_mins(5), values));
    let fit = fitted(&history, 12, "Europe/Berlin");
    let mut input = input(history, Some(fit.clone()), 12);
    input.timezone = "Europe/Berlin".into();
    let model = registry()
        .get(&named("seasonal-naive"), Some(&fit))
        .unwrap();
    let forecast = model
        .forecast(std::slice::from_ref(&input))
        .remove(0)
        .unwrap();
    assert!(median_at(&forecast, 0) < 130.0, "{forecast:?}");
    assert!(
        median_at(&forecast, 6) > 170.0,
        "the jump comes at 08:00 summer time: {forecast:?}"
    );
}

#[test]
fn an_old_level_is_left_to_the_naive_model_and_widens_the_bands() {
    let mut values = wave(4, 60, 13);
    let fresh = values.len();
    values.extend([f64::NAN; 120]);
    let whole = history(60, values.clone());
    let fit = fitted(&whole, 30, "UTC");
    let old = input(whole, Some(fit.clone()), 30);
    let error = BuiltIn::named(MIX).one(&old).unwrap_err();
    assert!(error.to_string().contains("120 steps old"), "{error}");
    let old = stand_in(&old).unwrap();
    assert_eq!(&*old.model, "naive");
    let new = input(history(60, values[..fresh].to_vec()), Some(fit), 30);
    let new = BuiltIn::named(NAIVE).one(&new).unwrap();
    let width = |f: &Forecast| f.quantile(DEFAULT_LEVELS[6], 29) - median_at(f, 29);
    assert!(width(&old) > 1.5 * width(&new));
}

#[test]
fn the_registry_says_what_there_is() {
    let registry = registry();
    let error = |name: &str| registry.get(&named(name), None).unwrap_err().to_string();
    let unknown = error("crystal-ball");
    assert!(
        unknown.contains("no model `crystal-ball`") && unknown.contains("`seasonal-naive`"),
        "{unknown}"
    );
    assert!(
        registry.get(&named("mstl"), None).is_ok(),
        "fitted where it is asked for"
    );
    assert!(
        registry.get(&named("gru"), None).is_err(),
        "there is no such file"
    );
    assert_eq!(
        registry.get(&ModelChoice::Auto, None).unwrap().name(),
        "naive"
    );
    for member in MEMBERS {
        assert_eq!(
            registry.get(&named(member.name()), None).unwrap().name(),
            member.name()
        );
    }
}

#[test]
fn a_model_that_has_not_learned_says_so() {
    let input = input(history(60, vec![1.0; 10]), None, 5);
    for name in [
        "seasonal-naive",
        "holt-winters",
        "linear",
        "linear-log",
        "mix",
    ] {
        let model = registry().get(&named(name), None).unwrap();
        let answer = model.forecast(std::slice::from_ref(&input)).remove(0);
        assert!(answer.unwrap_err().to_string().contains(name));
    }
}

#[test]
fn no_member_looks_past_its_origin() {
    let values = wave(4, 300, 17);
    let origin = 3 * 288 + 100;
    let mut scrambled = values.clone();
    let mut noise = noise(23);
    scrambled[origin + 1..].fill_with(|| 1000.0 * (1.0 + noise()));
    // The size of the metric is taken from the whole history, so it is held alike; what counts is the rest.
    let (one, two) = (history(300, values), history(300, scrambled));
    let (mut seen, mut other) = (View::new(&one, 6, "UTC"), View::new(&two, 6, "UTC"));
    seen.magnitude = 100.0;
    other.magnitude = 100.0;
    let cells = |view: &View<'_>| {
        let cells = crate::analyze::profile::Cells::new(view, Duration::from_mins(5));
        cells.profile(crate::analyze::profile::Kind::Day, origin + 1, view)
    };
    let profiles = (cells(&seen), cells(&other));
    assert_eq!(profiles.0, profiles.1);
    let knots = [1, 3, 6];
    let look = |view| Look {
        view,
        profile: profiles.0.as_ref(),
        knots: &knots,
    };
    for member in MEMBERS.iter().chain(ON_REQUEST) {
        let learned = member.learn(&look(&seen), origin + 1).unwrap();
        assert_eq!(
            Some(&learned),
            member.learn(&look(&other), origin + 1).as_ref(),
            "{member:?}"
        );
        let points = member.points(&look(&seen), &learned, origin).unwrap();
        assert_eq!(
            Some(points),
            member.points(&look(&other), &learned, origin),
            "{member:?}"
        );
    }
}

#[test]
fn a_burst_that_comes_at_no_fixed_time_is_known_by_its_beginning() {
    // A job of forty minutes begins whenever it is ready: up for twenty minutes, down for twenty.
    let mut noise = noise(31);
    let mut values = Vec::new();
    while values.len() < 6 * MINUTES_PER_DAY {
        let quiet = (110.0 + 60.0 * noise()) as usize;
        let job = (0..40).map(|i: usize| 5.0 * i.min(40 - i) as f64);
        let load = std::iter::repeat_n(0.0, quiet).chain(job);
        values.extend(load.map(|extra| 50.0 + extra + noise()));
    }
    let history = history(60, values);
    let view = View::new(&history, 15, "UTC");
    let knots = [15];
    let look = Look {
        view: &view,
        profile: None,
        knots: &knots,
    };
    let until = 5 * MINUTES_PER_DAY;
    let learned = |member: &dyn Member| member.learn(&look, until).unwrap();
    let error = |member: &dyn Member| {
        let learned = learned(member);
        let origins = (until..view.len() - 15).step_by(7);
        let missed = origins.map(|origin| {
            let point = member.points(&look, &learned, origin).unwrap()[0];
            (view.seen[origin + 15] - point).abs()
        });
        missed.sum::<f64>()
    };
    let (naive, linear, analog) = (
        error(&naive::Naive),
        error(&linear::Linear::PLAIN),
        error(&analog::Analog),
    );
    assert!(analog < 0.65 * naive, "{analog} against {naive}");
    assert!(analog < linear, "{analog} against {linear}");
}

#[test]
fn a_model_that_is_asked_for_is_fitted_scored_and_forecasts() {
    let history = history(300, wave(5, 300, 5));
    let end = history.series.end();
    let plain = fit(&history, 6, "UTC", end);
    for name in ["ets", "mstl"] {
        assert!(plain.score_of(name).is_none(), "it is dear");
        let fit = crate::analyze::fit_and_track(&history, 6, "UTC", end, &[name, "naive"]).0;
        assert_eq!(fit.mix, plain.mix, "the mix is as it was");
        let score = fit.score_of(name).unwrap();
        if name == "mstl" {
            assert!(score.relative_loss < 1.0, "{score:?}");
        }
        let input = input(history.clone(), Some(fit.clone()), 6);
        let model = registry().get(&named(name), Some(&fit)).unwrap();
        let forecast = model
            .forecast(std::slice::from_ref(&input))
            .remove(0)
            .unwrap();
        check(&forecast, &input);
        assert!(
            fit.bytes() < plain.bytes() + 3 * 1024,
            "{} bytes",
            fit.bytes()
        );
    }
    let both = crate::analyze::fit_and_track(&history, 6, "UTC", end, &["ets", "mstl"]).0;
    assert_eq!(both.bands.len(), plain.bands.len() + 2);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..500.0,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(1e300), Just(1e-300), Just(-5.0)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_prometheus_says_makes_a_model_panic_or_talk_nonsense(
        step in prop_oneof![Just(1_u64), Just(10), Just(60), Just(300), Just(420), Just(3600), Just(200_000)],
        pattern in prop::collection::vec(any_value(), 1..40),
        len in 1_usize..1500,
        horizon in 0_usize..200,
        scale in prop_oneof![Just(1.0), Just(1e-12), Just(1e25)],
    ) {
        let values: Vec<f64> = (0..len).map(|i| scale * pattern[i * i % pattern.len()]).collect();
        let history = history(step, values);
        let end = history.series.end();
        let asked: &[&str] = if len % 4 == 0 { &["ets", "mstl"] } else { &[] };
        let fit = crate::analyze::fit_and_track(&history, horizon, "America/Sao_Paulo", end, asked).0;
        let negative = history.series.values().iter().any(|v| *v < 0.0);
        let input = input(history, Some(fit.clone()), horizon);
        let forecast = stand_in(&input);
        let observed = input.history.series.observed() > 0;
        prop_assert_eq!(forecast.is_some(), observed, "{:?}", BuiltIn::named(NAIVE).one(&input));
        for name in registry().names() {
            let model = registry().get(&named(&name), Some(&fit)).unwrap();
            let Ok(forecast) = model.forecast(std::slice::from_ref(&input)).remove(0) else {
                continue;
            };
            check(&forecast, &input);
            if !negative {
                prop_assert!(forecast.path(0).iter().all(|v| *v >= 0.0), "{}", name);
            }
        }
    }
}
