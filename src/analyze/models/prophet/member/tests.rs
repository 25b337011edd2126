use std::time::Duration;

use super::*;
use crate::analyze::models::{HYBRID, Registry};
use crate::analyze::{Config, ForecastInput, Prepared, fit as fit_all, prepare};
use crate::domain::{Events, ModelChoice, Quantile, Series, Timestamp};

const STEP: i64 = 300;
const START: i64 = 1_700_006_400;
const PER_DAY: usize = 288;

fn load(step: usize) -> f64 {
    let turn = std::f64::consts::TAU * step as f64 / PER_DAY as f64;
    // A little of what no curve can know, without a generator.
    let jitter = (step as f64 * 12.9898).sin() * 3.0;
    100.0 + 40.0 * turn.sin() + 0.01 * step as f64 + jitter
}

fn history(values: Vec<f64>) -> Prepared {
    let start = Timestamp::from_secs(START);
    prepare(&Series::new(
        start,
        Duration::from_secs(STEP.cast_unsigned()),
        values,
    ))
}

fn days(count: usize) -> Vec<f64> {
    (0..count * PER_DAY).map(load).collect()
}

/// What is learned until `until` and said from there.
fn learned(history: &Prepared, until: usize) -> (Vec<f32>, Vec<f64>) {
    let view = View::new(history, 12, "UTC");
    let look = Look {
        view: &view,
        profile: None,
        knots: &[1, 6, 12],
    };
    let numbers = Prophet.learn(&look, until).unwrap();
    let points = Prophet.points(&look, &numbers, until - 1).unwrap();
    (numbers, points)
}

#[test]
fn it_is_found_by_its_name_and_forecasts_trend_and_season() {
    let history = history(days(6));
    let fit = fit_all(&history, 12, "UTC", Timestamp::from_secs(0));
    let registry = Registry::new(&Config::default()).unwrap();
    let model = registry
        .get(&ModelChoice::Named("prophet".to_owned()), Some(&fit))
        .unwrap();
    let len = history.series.len();
    let median = Quantile::new(0.5).unwrap();
    let input = ForecastInput {
        history: history.into(),
        fit: Some(fit.into()),
        horizon_steps: 12,
        timezone: "UTC".into(),
        levels: vec![median].into(),
    };
    let forecast = model.forecast(&[input]).remove(0).unwrap();
    for step in 0..12 {
        let said = forecast.quantile(median, step);
        assert!((said - load(len + step)).abs() < 8.0, "{step}: {said}");
    }
}

#[test]
fn what_comes_later_changes_nothing() {
    let until = 5 * PER_DAY;
    let calm = learned(&history(days(6)), until);
    let mut other = days(6);
    for value in &mut other[until..] {
        *value = 7.0 * *value + 1e4;
    }
    assert_eq!(learned(&history(other), until), calm);
}

#[test]
fn less_than_a_day_is_not_learned_from() {
    let history = history(days(2));
    let view = View::new(&history, 12, "UTC");
    let look = Look {
        view: &view,
        profile: None,
        knots: &[1],
    };
    assert_eq!(Prophet.learn(&look, PER_DAY), None);
    assert!(Prophet.learn(&look, PER_DAY + 2).is_some());
    assert_eq!(Prophet.points(&look, &[], 10), None);
}

#[test]
fn the_curve_under_the_hybrid_network_knows_nothing_of_the_last_three_hours() {
    let newest = 3 * PER_DAY / 24;
    let fitted = |values| fit_all(&history(values), 12, "UTC", Timestamp::from_secs(0));
    let calm = fitted(days(6));
    let numbers = calm.coefficients_of(HYBRID).unwrap();
    let until = 6 * PER_DAY - newest;
    assert_eq!(numbers, learned(&history(days(6)), until).0);
    let mut other = days(6);
    for value in &mut other[until..] {
        *value += 500.0;
    }
    let other = fitted(other);
    assert_eq!(other.coefficients_of(HYBRID).unwrap(), numbers);
    assert_ne!(
        other.coefficients_of("prophet"),
        calm.coefficients_of("prophet")
    );
}

#[test]
fn seasons_follow_the_local_clock_when_it_is_moved() {
    // Berlin moves its clock on 2024-03-31 at 01:00 UTC; busy from 08:00 to 20:00 local time.
    let start = Timestamp::from_secs(1_711_238_400);
    let local = |step: usize| {
        let secs = start.as_secs() + STEP * i64::try_from(step).unwrap();
        secs + if secs >= 1_711_846_800 { 7200 } else { 3600 }
    };
    let value = |step: usize| {
        let turn = std::f64::consts::TAU * (local(step) % 86_400) as f64 / 86_400.0;
        100.0 - 50.0 * turn.cos()
    };
    // Until the evening before; the morning after is forecast.
    let len = 6 * PER_DAY + PER_DAY * 20 / 24;
    let series = Series::new(
        start,
        Duration::from_secs(STEP.cast_unsigned()),
        (0..len).map(value).collect(),
    );
    let history = prepare(&series);
    let knots: Vec<u32> = (100..190).collect();
    let view = View::new(&history, 200, "Europe/Berlin");
    let look = Look {
        view: &view,
        profile: None,
        knots: &knots,
    };
    let numbers = Prophet.learn(&look, len).unwrap();
    let points = Prophet.points(&look, &numbers, len - 1).unwrap();
    for (knot, point) in knots.iter().zip(points) {
        let truth = value(len - 1 + *knot as usize);
        assert!((point - truth).abs() < 2.0, "{knot}: {point} {truth}");
    }
}

#[test]
fn an_event_that_has_been_seen_lifts_the_forecast_when_it_comes_again() {
    // Every other day from 12:00 to 15:00, and once more on the morning after the history.
    let noon = |day: i64| START + day * 86_400 - 8 * 3600;
    let text: Vec<String> = [1, 3, 5, 7]
        .iter()
        .map(|day| {
            let at = jiff::Timestamp::from_second(noon(*day)).unwrap();
            let at = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
            format!("{}/3h sale", at.strftime("%Y-%m-%dT%H:%M"))
        })
        .collect();
    let on = |step: usize| {
        let at = START + STEP * i64::try_from(step).unwrap();
        [1, 3, 5, 7]
            .iter()
            .any(|day| (0..3 * 3600).contains(&(at - noon(*day))))
    };
    let values = (0..6 * PER_DAY + 180).map(|step| load(step) + if on(step) { 80.0 } else { 0.0 });
    let mut history = history(values.collect());
    let knots: Vec<u32> = (1..=100).collect();
    let said = |history: &Prepared| {
        let view = View::new(history, 100, "UTC");
        let look = Look {
            view: &view,
            profile: None,
            knots: &knots,
        };
        let numbers = Prophet.learn(&look, view.len()).unwrap();
        Prophet.points(&look, &numbers, view.len() - 1).unwrap()
    };
    history.events = Events::parse(&text.join("; ")).unwrap();
    let told = said(&history);
    let steps: Vec<usize> = (0..100).filter(|k| on(history.series.len() + k)).collect();
    assert_eq!(steps.len(), 36);
    for step in &steps {
        let truth = load(history.series.len() + step) + 80.0;
        assert!(
            (told[*step] - truth).abs() < 15.0,
            "{step}: {}",
            told[*step]
        );
    }
    history.events = Events::default();
    let untold = said(&history);
    assert!(steps.iter().all(|step| told[*step] > untold[*step] + 40.0));
}
