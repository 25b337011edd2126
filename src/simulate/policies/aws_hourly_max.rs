//! Hourly maxima, as AWS predictive scaling plans with them.
//!
//! Read in "How predictive scaling works" (Amazon EC2 Auto Scaling, Application Auto Scaling user guides): up to 14 days
//! of a load metric, at least 24 hours of it, make an hourly forecast for the next 48 hours that is renewed every 6
//! hours; its capacity is a floor that is raised `SchedulingBufferTime` (300 s) before the hour; it never scales in, which
//! is left to a target-tracking policy beside it, here the HPA on the same target. How AWS forecasts is not published;
//! the stand-in is the mean of the highest loads of the same hour of the past days. The safety setting is the target
//! utilisation.

use std::time::Duration;

use super::{HOUR, hour_of_day};
use crate::domain::Timestamp;
use crate::simulate::cluster::{History, Observed, Policy, Reading, Scene};

const PAST: Duration = Duration::from_hours(14 * 24);
const LEAST_PAST: Duration = Duration::from_hours(24);
const RENEWED: Duration = Duration::from_hours(6);
const SCHEDULING_BUFFER: Duration = Duration::from_mins(5);

/// A floor by hour of the day, under the HPA.
#[derive(Clone, Debug)]
pub struct AwsHourlyMax {
    per_replica: f64,
    /// Highest load to expect in each hour of the day.
    forecast: Option<[f64; 24]>,
    renewed: Option<Timestamp>,
}

impl AwsHourlyMax {
    /// With a target of `setting` times the capacity of a replica.
    pub fn new(scene: &Scene<'_>, setting: f64) -> Self {
        Self {
            per_replica: scene.cluster.capacity * setting,
            forecast: None,
            renewed: None,
        }
    }

    fn renew(&mut self, seen: &Observed<'_>) {
        let due = self.renewed.is_none_or(|last| seen.now >= last + RENEWED);
        if due {
            self.renewed = Some(seen.now);
            self.forecast = forecast(&seen.history.last(PAST));
        }
    }
}

impl Policy for AwsHourlyMax {
    fn name(&self) -> &'static str {
        "aws-hourly-max"
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        self.renew(seen);
        let Some(load) = seen.load else {
            return Reading::Scaler(None);
        };
        let floor = self.forecast.map_or(0.0, |forecast| {
            let of = |at: Timestamp| forecast[hour_of_day(at)];
            of(seen.now).max(of(seen.now + SCHEDULING_BUFFER))
        });
        Reading::load(load.value.max(floor), self.per_replica)
    }
}

/// The mean of each hour's highest loads; `None` with less than a day of past.
fn forecast(past: &History<'_>) -> Option<[f64; 24]> {
    if past.values.len() < past.steps_in(LEAST_PAST) {
        return None;
    }
    let (mut sums, mut days) = ([0.0; 24], [0_u32; 24]);
    let mut close = |hour: Option<(Timestamp, f64)>| {
        if let Some((start, highest)) = hour {
            sums[hour_of_day(start)] += highest;
            days[hour_of_day(start)] += 1;
        }
    };
    let mut open: Option<(Timestamp, f64)> = None;
    for (index, value) in past.values.iter().enumerate() {
        let start = past.time_of(index).floor_to(HOUR);
        if value.is_nan() {
            continue;
        }
        match &mut open {
            Some((hour, highest)) if *hour == start => *highest = highest.max(*value),
            _ => close(open.replace((start, *value))),
        }
    }
    close(open);
    Some(std::array::from_fn(|hour| {
        sums[hour] / f64::from(days[hour].max(1))
    }))
}
