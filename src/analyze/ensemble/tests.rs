//! What the online part promises: no look-ahead, coverage under drift, refusal, trust lost and won back.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;

use super::{Other, Turn, Wanted, turn};
use crate::analyze::{ForecastInput, fit_and_track, prepare};
use crate::domain::{DEFAULT_LEVELS, Fit, Forecast, Quantile, Series, Timestamp, Track, Trust};

const STEP: Duration = Duration::from_mins(5);
const DAY: usize = 288;
const HORIZON: usize = 6;

fn series(values: &[f64]) -> Series {
    Series::new(Timestamp::from_secs(1_700_000_100), STEP, values.to_vec())
}

/// A day's wave with noise; `shape` may bend it.
fn wave(steps: usize, seed: u64, shape: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    (0..steps)
        .map(|i| {
            let angle = std::f64::consts::TAU * i as f64 / DAY as f64;
            let noise: f64 = (0..4).map(|_| random.random_range(-1.0..1.0)).sum();
            shape(i, 100.0 + 60.0 * angle.sin() + 4.0 * noise).max(0.0)
        })
        .collect()
}

/// Lives through `values` from step `from` on, fitting once before.
struct Life {
    values: Vec<f64>,
    fit: Arc<Fit>,
    track: Track,
}

impl Life {
    fn new(values: Vec<f64>, from: usize) -> Self {
        let history = prepare(&series(&values[..from]));
        let now = Timestamp::from_secs(1_700_000_100);
        let (fit, track) = fit_and_track(&history, HORIZON, "UTC", now, &[]);
        Self {
            values,
            fit: Arc::new(fit),
            track,
        }
    }

    fn at(&mut self, origin: usize) -> Turn {
        self.with(origin, &[])
    }

    fn with(&mut self, origin: usize, others: &[Other]) -> Turn {
        let turn = turn(&self.input(origin), Wanted::Auto, others, Some(&self.track));
        let turn = turn.unwrap();
        self.track = turn.track.clone();
        turn
    }

    fn input(&self, origin: usize) -> ForecastInput {
        ForecastInput {
            history: Arc::new(prepare(&series(&self.values[..=origin]))),
            fit: Some(Arc::clone(&self.fit)),
            horizon_steps: HORIZON,
            timezone: "UTC".into(),
            levels: DEFAULT_LEVELS.into(),
        }
    }
}

#[test]
fn what_comes_after_the_origin_changes_nothing() {
    let values = wave(5 * DAY, 1, |_, v| v);
    let origin = 4 * DAY + 40;
    let mut other = values.clone();
    for value in &mut other[origin + 1..] {
        *value = 7777.0;
    }
    let [mut one, mut two] = [values, other].map(|values| Life::new(values, 4 * DAY));
    for step in 4 * DAY..=origin {
        let (a, b) = (one.at(step), two.at(step));
        assert_eq!(a.forecast, b.forecast, "at step {step}");
        // Standings hold numbers that are none where nothing is known; as text they compare equal.
        assert_eq!(format!("{:?}", a.standing), format!("{:?}", b.standing));
        assert_eq!(format!("{:?}", a.track), format!("{:?}", b.track));
    }
}

#[test]
fn a_track_comes_back_from_its_snapshot_and_goes_on_as_before() {
    let mut life = Life::new(wave(4 * DAY + 60, 2, |_, v| v), 4 * DAY);
    for step in 4 * DAY..4 * DAY + 30 {
        life.at(step);
    }
    let bytes = rmp_serde::to_vec_named(&life.track).unwrap();
    let restored: Track = rmp_serde::from_slice(&bytes).unwrap();
    let before = life.at(4 * DAY + 30).forecast;
    life.track = restored;
    assert_eq!(before, life.at(4 * DAY + 30).forecast);
}

#[test]
fn bands_cover_as_often_as_they_say_though_the_noise_grows() {
    let steps = 8 * DAY;
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let extra: Vec<f64> = (0..steps)
        .map(|_| random.random_range(-20.0..20.0))
        .collect();
    let values = wave(steps, 3, |i, v| if i > 4 * DAY { v + extra[i] } else { v });
    let mut life = Life::new(values, 4 * DAY);
    let level = Quantile::new(0.9).unwrap();
    let (mut covered, mut count) = (0, 0);
    for origin in 4 * DAY..steps - HORIZON {
        let forecast = life.at(origin).forecast;
        // The first day is for learning that it is noisier.
        if origin < 5 * DAY {
            continue;
        }
        count += 1;
        covered += u32::from(life.values[origin + 3] <= forecast.quantile(level, 2));
    }
    let share = f64::from(covered) / f64::from(count);
    assert!((share - 0.9).abs() < 0.03, "{share}");
}

#[test]
fn a_walk_without_pattern_is_left_to_the_last_value() {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    let mut at = 1000.0;
    let values: Vec<f64> = (0..6 * DAY)
        .map(|_| {
            at += random.random_range(-10.0..10.0);
            at
        })
        .collect();
    let mut life = Life::new(values, 4 * DAY);
    let (mut own, mut naive) = (0.0, 0.0);
    for origin in 4 * DAY..6 * DAY - HORIZON {
        let forecast = life.at(origin).forecast;
        let actual = life.values[origin + 3];
        own += (forecast.quantile(Quantile::MEDIAN, 2) - actual).abs();
        naive += (life.values[origin] - actual).abs();
    }
    assert!(own < 1.02 * naive, "{}", own / naive);
}

#[test]
fn weights_add_up_and_say_who_carries_the_forecast() {
    let mut life = Life::new(wave(5 * DAY, 5, |_, v| v), 4 * DAY);
    let standing = (4 * DAY..4 * DAY + 60)
        .map(|step| life.at(step).standing)
        .last();
    let standing = standing.unwrap();
    for lead in 0..standing.leads.len() {
        let total: f32 = standing
            .experts
            .iter()
            .map(|expert| expert.weights[lead])
            .sum();
        assert!((total - 1.0).abs() < 1e-4, "{total}");
    }
    assert_ne!(&*standing.experts[0].model, "naive");
    assert!(standing.score.unwrap().relative_error < 0.9);
    assert_eq!(standing.trust, Trust::Earned);
}

/// A model that says `value` whatever comes.
fn stubborn(life: &Life, origin: usize, value: f32) -> Other {
    let name: Arc<str> = "stubborn".into();
    let end = life.input(origin).history.series.time_of(origin);
    let levels = vec![Quantile::MEDIAN];
    let path = vec![value; HORIZON];
    let forecast = Forecast::new(Arc::clone(&name), end, STEP, levels, path, None).unwrap();
    Other {
        model: name,
        forecast,
    }
}

#[test]
fn who_joins_experts_with_a_record_says_no_more_than_it_has_shown() {
    let values = wave(6 * DAY, 9, |_, v| v);
    let [mut alone, mut joined] = [values.clone(), values].map(|v| Life::new(v, 4 * DAY));
    let (mut without, mut with) = (0.0, 0.0);
    for origin in 4 * DAY..5 * DAY {
        let other = stubborn(&joined, origin, 100.0);
        let turn = joined.with(origin, std::slice::from_ref(&other));
        let actual = joined.values[origin + 3];
        without += (alone.at(origin).forecast.quantile(Quantile::MEDIAN, 2) - actual).abs();
        with += (turn.forecast.quantile(Quantile::MEDIAN, 2) - actual).abs();
        if origin == 4 * DAY {
            let mut experts = turn.standing.experts.iter();
            let new = experts.find(|it| &*it.model == "stubborn").unwrap();
            assert!(new.weights.iter().all(|w| *w < 0.25), "{:?}", new.weights);
        }
    }
    assert!(with < 1.05 * without, "{with} {without}");
}

#[test]
fn trust_is_lost_within_the_hour_when_everything_turns_and_is_won_back() {
    // The day's wave is followed to the fifth day; then the load swings against it, then the wave is back.
    let turn_at = 4 * DAY + 100;
    let back_at = turn_at + 60;
    let values = wave(7 * DAY, 6, |i, v| {
        if (turn_at..back_at).contains(&i) {
            if i % 2 == 0 { 20.0 } else { 400.0 }
        } else {
            v
        }
    });
    let mut life = Life::new(values, 4 * DAY);
    let mut states = Vec::new();
    for origin in 4 * DAY..7 * DAY - HORIZON {
        states.push(life.at(origin).standing.trust);
    }
    assert_eq!(states[99], Trust::Earned);
    assert_eq!(states.last(), Some(&Trust::Earned));
    let numbers = life.track.lanes.iter().flat_map(|lane| lane.finalists);
    assert!(numbers.clone().all(f32::is_finite));
}

#[test]
fn after_a_clock_that_ran_ahead_learning_goes_on_at_once() {
    let mut life = Life::new(wave(6 * DAY, 9, |_, v| v), 4 * DAY);
    for origin in 4 * DAY..4 * DAY + 20 {
        life.at(origin);
    }
    let right = life.track.clone();
    // A single look from a day ahead.
    life.at(5 * DAY + 20);
    for origin in 4 * DAY + 20..4 * DAY + 40 {
        life.at(origin);
    }
    let settled = |track: &Track| track.lanes[0].settled;
    assert!(settled(&life.track) >= settled(&right) + 15);
    let latest = life.track.at.unwrap();
    for lane in &life.track.lanes {
        let origins: Vec<Timestamp> = lane.issued.iter().map(|it| it.origin).collect();
        assert!(origins.is_sorted_by(|a, b| a < b) && origins.last() <= Some(&latest));
    }
}

#[test]
fn absurd_numbers_and_gaps_break_nothing() {
    let mut values = wave(5 * DAY, 7, |_, v| v);
    for (index, value) in values.iter_mut().enumerate().skip(4 * DAY) {
        match index % 50 {
            0 => *value = 1e29,
            1 => *value = 0.0,
            2..=6 => *value = f64::NAN,
            _ => {}
        }
    }
    let mut life = Life::new(values, 4 * DAY);
    for origin in 4 * DAY..5 * DAY - 1 {
        let answer = turn(&life.input(origin), Wanted::Auto, &[], Some(&life.track));
        if let Ok(turn) = answer {
            life.track = turn.track;
        }
    }
    assert!(life.track.bytes() < 32 * 1024, "{}", life.track.bytes());
}

#[test]
fn a_workload_of_minutes_is_answered_too() {
    let values = wave(12, 8, |_, v| v);
    let input = ForecastInput {
        history: Arc::new(prepare(&series(&values))),
        fit: None,
        horizon_steps: HORIZON,
        timezone: "UTC".into(),
        levels: DEFAULT_LEVELS.into(),
    };
    let turn = turn(&input, Wanted::Auto, &[], None).unwrap();
    assert_eq!(turn.forecast.steps(), HORIZON);
    assert_eq!(turn.standing.trust, Trust::Unproven);
}
