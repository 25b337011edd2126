//! Hourly maxima, as AWS predictive scaling plans with them.
//!
//! Read in "How predictive scaling works" (Amazon EC2 Auto Scaling, Application Auto Scaling user guides): up to 14 days
//! of a load metric, at least 24 hours of it, make an hourly forecast for the next 48 hours that is renewed every 6
//! hours; its capacity is a floor, which no tolerance softens and no missing metric suspends, that is raised
//! `SchedulingBufferTime` (300 s) before the hour and honours the maximum (`HonorMaxCapacity`); it never scales in, which
//! is left to a target-tracking policy beside it, here the HPA on the same target. How AWS forecasts is not published;
//! the stand-in is the mean of the highest loads of the same hour of the past days, as far as the hour is there from
//! beginning to end. The safety setting is the target utilisation.

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
    /// Highest load to expect in each hour of the day; 0 for one that was never seen whole.
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
            self.forecast = forecast(&seen.history.last(PAST), seen.now);
        }
    }

    /// Replicas that are to be there at `now`.
    fn floor(&self, now: Timestamp) -> u32 {
        self.forecast.map_or(0, |forecast| {
            let of = |at: Timestamp| forecast[hour_of_day(at)];
            let load = of(now).max(of(now + SCHEDULING_BUFFER));
            (load / self.per_replica).ceil() as u32
        })
    }
}

impl Policy for AwsHourlyMax {
    fn name(&self) -> &'static str {
        "aws-hourly-max"
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        self.renew(seen);
        let load = seen.load.map(|load| load.value);
        Reading::load_above(load, self.per_replica, self.floor(seen.now))
    }
}

/// The mean of each hour's highest loads up to `now`; `None` with less than a day of past. The hour that the past begins
/// in the midst of and the one that goes on at `now` have not shown their highest load and are left out.
fn forecast(past: &History<'_>, now: Timestamp) -> Option<[f64; 24]> {
    if past.values.len() < past.steps_in(LEAST_PAST) {
        return None;
    }
    let begun = past.start.floor_to(HOUR);
    let first = if begun < past.start {
        begun + HOUR
    } else {
        begun
    };
    let whole = first..now.floor_to(HOUR);
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
        if value.is_nan() || !whole.contains(&start) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Sample;
    use crate::simulate::hpa::Fleet;
    use crate::simulate::policies::MINUTE;

    #[test]
    fn what_is_forecast_is_a_minimum_also_where_nothing_is_measured() {
        let now = Timestamp::from_secs(0);
        let mut aws = AwsHourlyMax {
            per_replica: 80.0,
            forecast: Some([1000.0; 24]),
            renewed: Some(now),
        };
        for measured in [Some(10.0), Some(990.0), None] {
            let seen = Observed {
                now,
                load: measured.map(|value| Sample { at: now, value }),
                fleet: Fleet {
                    spec: 12,
                    status: 12,
                    ready: 12,
                },
                history: History {
                    start: now,
                    step: MINUTE,
                    values: &[],
                },
            };
            let expected = Reading::load_above(measured, 80.0, 13);
            assert_eq!(aws.answer(&seen), expected, "{measured:?}");
        }
    }

    #[test]
    fn an_hour_that_is_not_there_from_beginning_to_end_does_not_count() {
        // 100 at a quarter to each hour, else 10; from 00:50 on the first day to 05:20 on the fourth.
        let start = Timestamp::from_secs(50 * 60);
        let minutes = 3 * 1440 + 270;
        let load = |minute: usize| {
            if (minute + 50) % 60 == 45 {
                100.0
            } else {
                10.0
            }
        };
        let values: Vec<f64> = (0..=minutes).map(load).collect();
        let past = History {
            start,
            step: MINUTE,
            values: &values,
        };
        let forecast = forecast(&past, start + MINUTE * minutes as u32).unwrap();
        assert!(
            forecast.iter().all(|load| (load - 100.0).abs() < 0.5),
            "{forecast:?}"
        );
    }
}
