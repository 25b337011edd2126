//! KEDA's cron trigger, one window for each hour of the day.
//!
//! Read in kedacore/keda, `pkg/scalers/cron_scaler.go`: inside a window the metric is `desiredReplicas` with a target of
//! 1, through the HPA as any other metric; several windows are several metrics, of which the highest counts. The number
//! for an hour is what an operator reads off the past: the 95th percentile of the load in that hour of all days (UTC)
//! over the capacity of a replica, times the safety setting. Windows open five minutes early, since pods take time to
//! start. It is set up once, before the judged part.

use std::time::Duration;

use super::hour_of_day;
use crate::domain::Timestamp;
use crate::simulate::cluster::{Observed, Policy, Reading, Scene};

const QUANTILE: f64 = 0.95;
const EARLY: Duration = Duration::from_mins(5);

/// Replicas by hour of the day.
#[derive(Clone, Debug)]
pub struct Cron {
    replicas: [u32; 24],
}

impl Cron {
    /// Read off what was measured before.
    pub fn new(scene: &Scene<'_>, setting: f64) -> Self {
        let mut by_hour: [Vec<f64>; 24] = std::array::from_fn(|_| Vec::new());
        let past = scene.past();
        for (index, value) in past.values.iter().enumerate() {
            if !value.is_nan() {
                by_hour[hour_of_day(past.time_of(index))].push(*value);
            }
        }
        let mut all: Vec<f64> = by_hour.iter().flatten().copied().collect();
        // An hour that was never seen gets what the whole past needs.
        let anywhere = quantile(&mut all);
        let replicas = by_hour.map(|mut values| {
            let load = if values.is_empty() {
                anywhere
            } else {
                quantile(&mut values)
            };
            (setting * load / scene.cluster.capacity).ceil() as u32
        });
        Self { replicas }
    }

    fn at(&self, now: Timestamp) -> u32 {
        self.replicas[hour_of_day(now)]
    }
}

impl Policy for Cron {
    fn name(&self) -> &'static str {
        "cron"
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        let replicas = self.at(seen.now).max(self.at(seen.now + EARLY));
        Reading::replicas(replicas.max(1))
    }
}

fn quantile(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = ((values.len() - 1) as f64 * QUANTILE).round() as usize;
    let (_, value, _) = values.select_nth_unstable_by(rank, f64::total_cmp);
    *value
}
