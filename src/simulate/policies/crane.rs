//! Crane's effective HPA with its DSP prediction, maximum and margin.
//!
//! Read in gocrane/crane: `pkg/prediction/dsp/prediction.go` (a minute's resolution, whole days of the last 7, renewed
//! every 12 h; gaps of more than an hour cut what lies before them off, shorter ones are filled by a line; what has not a
//! day's period, nor a week's, is not predicted; two cycles at least), `frequency_spectrum.go` (`IsPeriodic`: no longer
//! period has a larger amplitude than the one in question), `estimators.go` (`maxValueEstimator`: the highest of the same
//! moment of all cycles, times 1 + margin), `pkg/metricprovider/custom_metric_provider.go` (what the HPA reads is the
//! highest prediction within the window ahead, an hour by default). The HPA has the measured metric beside the
//! predicted one and takes the higher. Constants: margin 0.1, window 1 h. The safety setting is the HPA's target.

use std::time::Duration;

use super::{HOUR, MINUTE, minutes_of};
use crate::domain::Timestamp;
use crate::simulate::cluster::{Observed, Policy, Reading, Scene};

const MARGIN: f64 = 0.1;
const WINDOW_MINUTES: usize = 60;
const HISTORY: Duration = Duration::from_hours(7 * 24);
const RENEWED: Duration = Duration::from_hours(12);
const DAY_MINUTES: usize = 24 * 60;
const LONGEST_GAP_MINUTES: usize = 60;

/// The HPA on the higher of what is measured and what is predicted.
#[derive(Clone, Debug)]
pub struct Crane {
    per_replica: f64,
    renewed: Option<Timestamp>,
    prediction: Option<Prediction>,
}

/// The cycle to come.
#[derive(Clone, Debug)]
struct Prediction {
    start: Timestamp,
    /// The highest load to expect in the hour from each minute on.
    ahead: Vec<f64>,
}

impl Crane {
    /// With a target of `setting` times the capacity of a replica.
    pub fn new(scene: &Scene<'_>, setting: f64) -> Self {
        Self {
            per_replica: scene.cluster.capacity * setting,
            renewed: None,
            prediction: None,
        }
    }

    fn renew(&mut self, seen: &Observed<'_>) {
        if self.renewed.is_some_and(|last| seen.now < last + RENEWED) {
            return;
        }
        self.renewed = Some(seen.now);
        // An hour more than the history is asked for, and a week is only looked at where two of them are there.
        let minutes = minutes_of(&seen.history.last(HISTORY + HOUR), seen.now);
        let samples = filled(&minutes);
        let start = seen.now.floor_to(MINUTE) + MINUTE;
        self.prediction = predict(&samples).map(|ahead| Prediction { start, ahead });
    }
}

impl Policy for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        self.renew(seen);
        let Some(load) = seen.load else {
            return Reading::Scaler(None);
        };
        let predicted = self
            .prediction
            .as_ref()
            .map_or(0.0, |prediction| prediction.at(seen.now));
        Reading::load(load.value.max(predicted), self.per_replica)
    }
}

impl Prediction {
    fn at(&self, now: Timestamp) -> f64 {
        let minute = now.since(self.start).as_secs() / 60;
        self.ahead.get(minute as usize).copied().unwrap_or(0.0)
    }
}

/// The samples since the last long gap, short ones filled by a straight line.
fn filled(minutes: &[f64]) -> Vec<f64> {
    let mut samples: Vec<f64> = Vec::with_capacity(minutes.len());
    let mut missing = 0;
    for value in minutes {
        if value.is_nan() {
            missing += 1;
            continue;
        }
        if missing >= LONGEST_GAP_MINUTES {
            samples.clear();
        } else if let Some(from) = samples.last().copied() {
            let step = (value - from) / (missing + 1) as f64;
            samples.extend((1..=missing).map(|k| from + step * k as f64));
        }
        missing = 0;
        samples.push(*value);
    }
    samples
}

/// For each minute of the coming cycle the highest load within the window from it on; `None` for what is not periodic.
fn predict(samples: &[f64]) -> Option<Vec<f64>> {
    let whole_days = &samples[samples.len() % DAY_MINUTES..];
    let cycle = [DAY_MINUTES, 7 * DAY_MINUTES]
        .into_iter()
        .find(|cycle| is_periodic(whole_days, *cycle))?;
    let whole_cycles = &whole_days[whole_days.len() % cycle..];
    let highest: Vec<f64> = (0..cycle)
        .map(|place| {
            let same_moment = whole_cycles[place..].iter().step_by(cycle);
            same_moment.copied().fold(0.0, f64::max) * (1.0 + MARGIN)
        })
        .collect();
    let ahead = |minute: usize| {
        let window = highest[minute..].iter().take(WINDOW_MINUTES + 1);
        window.copied().fold(0.0, f64::max)
    };
    Some((0..cycle).map(ahead).collect())
}

/// `IsPeriodic`: of all components with a period of at least `cycle`, the one of exactly `cycle` is the largest.
fn is_periodic(samples: &[f64], cycle: usize) -> bool {
    let cycles = samples.len() / cycle;
    if cycles < 2 {
        return false;
    }
    let whole = &samples[samples.len() - cycles * cycle..];
    let of_cycle = amplitude(whole, cycles);
    (1..cycles).all(|slower| amplitude(whole, slower) <= of_cycle)
}

/// Amplitude of the component that turns `turns` times within the samples.
fn amplitude(samples: &[f64], turns: usize) -> f64 {
    let angle = std::f64::consts::TAU * turns as f64 / samples.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (index, value) in samples.iter().enumerate() {
        let (sin, cos) = (angle * index as f64).sin_cos();
        re += value * cos;
        im -= value * sin;
    }
    re.hypot(im) / samples.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: usize, value: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        (0..count * DAY_MINUTES)
            .map(|minute| value(minute / DAY_MINUTES, minute % DAY_MINUTES))
            .collect()
    }

    fn wave(minute: usize) -> f64 {
        100.0 + 50.0 * (std::f64::consts::TAU * minute as f64 / DAY_MINUTES as f64).sin()
    }

    #[test]
    fn a_daily_wave_is_periodic_and_a_slope_is_not() {
        assert!(is_periodic(&days(5, |_, minute| wave(minute)), DAY_MINUTES));
        let slope = days(5, |day, minute| (day * DAY_MINUTES + minute) as f64);
        assert!(!is_periodic(&slope, DAY_MINUTES));
        assert!(!is_periodic(
            &days(1, |_, minute| wave(minute)),
            DAY_MINUTES
        ));
    }

    #[test]
    fn the_prediction_is_the_highest_of_all_days_in_the_coming_hour_plus_the_margin() {
        // A spike at 12:00 on one of the days only.
        let samples = days(4, |day, minute| {
            wave(minute)
                + if (day, minute) == (1, 720) {
                    500.0
                } else {
                    0.0
                }
        });
        let ahead = predict(&samples).unwrap();
        let spike = (wave(720) + 500.0) * 1.1;
        assert!((ahead[720] - spike).abs() < 1e-6);
        assert!((ahead[660] - spike).abs() < 1e-6, "an hour before it");
        assert!(ahead[659] < spike && ahead[721] < spike);
    }

    #[test]
    fn a_long_gap_cuts_off_what_lies_before_it_and_a_short_one_is_filled() {
        let mut minutes = vec![1.0, f64::NAN, 3.0];
        minutes.extend([f64::NAN; 60]);
        minutes.extend([5.0, f64::NAN, f64::NAN, 8.0]);
        assert_eq!(filled(&minutes), [5.0, 6.0, 7.0, 8.0]);
        assert_eq!(filled(&minutes[..3]), [1.0, 2.0, 3.0]);
    }
}
