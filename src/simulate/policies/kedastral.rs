//! Kedastral's baseline model and planner (HatiCode/kedastral).
//!
//! Read there: `pkg/models/baseline.go` (slope of the last 10 minutes of the window, its change since the last 10 of the
//! window's first half, means and maxima by minute of the hour, by hour of the day where a minute is missing, blended
//! by how far they are from the slope's line), `pkg/capacity/planner.go` (`ToReplicas`: load at the lead time over the capacity of a pod,
//! times headroom, at most twice and at least half of the step before), `cmd/forecaster/forecaster.go` (every 30 s, trained on the
//! same window each time; the first planned number is where the next plan starts), `cmd/scaler/scaler.go` (which picks the number at the lead time
//! again, hands it to KEDA with a target of 1, and is active whatever the number, so that the fleet never goes to 0),
//! `cmd/forecaster/config/config.go` (step 1 min, horizon 30 min, lead 5 min, headroom 1.2, factor 2, 50 %). The window is 6 h, of the 6 to 12 that the model's notes call the best, not the
//! 30 min of the flag's default, in which no minute of the hour is ever seen twice. The safety setting is the headroom.

use std::time::Duration;

use super::minutes_of;
use crate::domain::Timestamp;
use crate::simulate::cluster::{Observed, Policy, Reading, Scene};

const INTERVAL: Duration = Duration::from_secs(30);
const WINDOW: Duration = Duration::from_hours(6);
const HORIZON_STEPS: usize = 30;
const LEAD_STEPS: usize = 5;
const UP_FACTOR: f64 = 2.0;
const DOWN_SHARE: f64 = 0.5;
const TREND_POINTS: usize = 10;

/// What it planned last, and from where.
#[derive(Clone, Debug)]
pub struct Kedastral {
    per_pod: f64,
    headroom: f64,
    max: u32,
    min: u32,
    /// Where the next plan starts.
    current: u32,
    served: Option<u32>,
    last_run: Option<Timestamp>,
}

/// Mean and maximum at one place of a cycle.
#[derive(Clone, Copy, Debug, Default)]
struct Pattern {
    sum: f64,
    max: f64,
    count: u32,
}

impl Kedastral {
    /// With this headroom, at least 1 as upstream sees to.
    pub fn new(scene: &Scene<'_>, headroom: f64) -> Self {
        let object = &scene.cluster.object;
        Self {
            per_pod: scene.cluster.capacity,
            headroom: headroom.max(1.0),
            max: object.max_replicas,
            min: object.min_replicas,
            current: object.min_replicas,
            served: None,
            last_run: None,
        }
    }

    fn plan(&mut self, seen: &Observed<'_>) {
        let minutes = minutes_of(&seen.history.last(WINDOW), seen.now);
        let window: Vec<f64> = minutes.iter().copied().filter(|v| !v.is_nan()).collect();
        if window.is_empty() {
            return;
        }
        let forecast = forecast(&window, &minutes, seen.now);
        let planned = self.to_replicas(&forecast);
        self.current = planned[0];
        self.served = Some(planned[LEAD_STEPS]);
    }

    /// `ToReplicas`.
    fn to_replicas(&self, forecast: &[f64; HORIZON_STEPS]) -> [u32; HORIZON_STEPS] {
        let clamp = |replicas: u32| replicas.min(self.max).max(self.min);
        let mut before = clamp(self.current);
        std::array::from_fn(|step| {
            let load = forecast[(step + LEAD_STEPS).min(HORIZON_STEPS - 1)];
            let wanted = (load / self.per_pod * self.headroom).ceil() as u32;
            before = clamp(limited(before, clamp(wanted)));
            before
        })
    }
}

impl Policy for Kedastral {
    fn name(&self) -> &'static str {
        "kedastral"
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        let due = self.last_run.is_none_or(|last| seen.now >= last + INTERVAL);
        if due {
            self.last_run = Some(seen.now);
            self.plan(seen);
        }
        let served = self.served.map(|replicas| replicas.max(1));
        served.map_or(Reading::Scaler(None), Reading::replicas)
    }
}

/// `clampChange`.
fn limited(before: u32, wanted: u32) -> u32 {
    if before == 0 {
        return wanted.min(UP_FACTOR as u32);
    }
    let most = (f64::from(before) * UP_FACTOR).ceil() as u32;
    let least = (f64::from(before) * DOWN_SHARE).floor() as u32;
    wanted.min(most).max(least)
}

/// `BaselineModel.Predict`, trained on `minutes`, from those that are known, the `window`.
fn forecast(window: &[f64], minutes: &[f64], now: Timestamp) -> [f64; HORIZON_STEPS] {
    let newest = now.as_secs().div_euclid(60);
    let (mut by_minute, mut by_hour) = ([Pattern::default(); 60], [Pattern::default(); 24]);
    let known = (0_i64..).zip(minutes.iter().rev());
    for (back, value) in known.filter(|(_, value)| !value.is_nan()) {
        let minute = newest - back;
        by_minute[minute.rem_euclid(60) as usize].add(*value);
        by_hour[minute.div_euclid(60).rem_euclid(24) as usize].add(*value);
    }
    let current = window[window.len() - 1];
    let (trend, momentum) = (trend(window), momentum(window));
    std::array::from_fn(|step| {
        let minutes_ahead = step as u32 + 1;
        let secs = 60.0 * f64::from(minutes_ahead);
        let line = current + trend * secs + 0.5 * momentum * secs * secs / 60.0;
        let minute = newest + i64::from(minutes_ahead);
        // The hour ahead is counted in whole hours from now, which within the horizon is the present one.
        let hour = newest.div_euclid(60);
        let pattern = by_minute[minute.rem_euclid(60) as usize]
            .value(momentum)
            .or_else(|| by_hour[hour.rem_euclid(24) as usize].value(momentum));
        pattern
            .map_or(line, |pattern| blended(line, pattern))
            .max(0.0)
    })
}

/// The further the pattern lies from the line, the more it is trusted.
fn blended(line: f64, pattern: f64) -> f64 {
    let ratio = pattern / (line + 1.0);
    let share = if ratio > 1.5 {
        0.8
    } else if ratio > 1.2 {
        0.7
    } else if ratio < 0.8 {
        0.6
    } else {
        0.5
    };
    (1.0 - share) * line + share * pattern
}

/// Slope of the last ten values per second, at one a minute.
fn trend(values: &[f64]) -> f64 {
    let recent = &values[values.len().saturating_sub(TREND_POINTS)..];
    if recent.len() < 2 {
        return 0.0;
    }
    let n = recent.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = recent.iter().sum::<f64>() / n;
    let (mut along, mut across) = (0.0, 0.0);
    for (index, value) in recent.iter().enumerate() {
        let x = index as f64 - middle;
        along += x * (value - mean);
        across += x * x;
    }
    along / across / 60.0
}

/// The slope of the newer half less that of the older one.
fn momentum(values: &[f64]) -> f64 {
    if values.len() < 6 {
        return 0.0;
    }
    let (older, newer) = values.split_at(values.len() / 2);
    trend(newer) - trend(older)
}

impl Pattern {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.max = if self.count == 0 {
            value
        } else {
            self.max.max(value)
        };
        self.count += 1;
    }

    /// The mean, nearer to the maximum while load gathers pace; `None` when it was seen less than twice.
    fn value(&self, momentum: f64) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let mean = self.sum / f64::from(self.count);
        Some(if momentum > 0.0 && self.max > mean {
            0.7 * mean + 0.3 * self.max
        } else {
            mean
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_and_its_change_are_those_of_the_least_squares_lines() {
        let line: Vec<f64> = (0..30).map(|i| 60.0 * f64::from(i)).collect();
        assert!((trend(&line) - 1.0).abs() < 1e-12);
        assert!(momentum(&line).abs() < 1e-12);
        let bent: Vec<f64> = (0..30).map(|i| f64::from((i - 15).max(0)) * 60.0).collect();
        assert!((momentum(&bent) - 1.0).abs() < 1e-12);
        assert!(trend(&[1.0]).abs() < 1e-12 && momentum(&[1.0; 5]).abs() < 1e-12);
    }

    #[test]
    fn a_pattern_is_trusted_the_more_the_further_it_is_from_the_line() {
        // (line, pattern, blended)
        let table = [
            (99.0, 100.0, 99.5),
            (99.0, 130.0, 120.7),
            (99.0, 200.0, 179.8),
            (99.0, 50.0, 69.6),
        ];
        for (line, pattern, expected) in table {
            let got = blended(line, pattern);
            assert!((got - expected).abs() < 1e-9, "{line} and {pattern}: {got}");
        }
    }

    #[test]
    fn a_step_at_most_doubles_and_at_most_halves() {
        let table = [
            (10, 100, 20),
            (10, 1, 5),
            (10, 12, 12),
            (0, 9, 2),
            (5, 1, 2),
        ];
        for (before, wanted, after) in table {
            assert_eq!(limited(before, wanted), after, "{before} to {wanted}");
        }
    }
}
