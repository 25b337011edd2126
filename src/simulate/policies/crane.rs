//! Crane's effective HPA with its DSP prediction, maximum and margin.
//!
//! Read in gocrane/crane: `pkg/prediction/dsp/prediction.go` (a minute's resolution, the last 7 days and an hour, renewed
//! every 12 h; what has not a day's period, nor a week's, is not predicted; two cycles at least; the prediction begins one
//! step after the last sample, and is repeated for as many cycles as were seen), `preprocessing.go` (`fillMissingData`: gaps
//! of more than an hour cut what lies before them off, shorter ones are filled by a line, and whole hours are kept;
//! `removeExtremeOutliers`: what is above the 99.9th percentile or below the 0.1th becomes the sample before it, as that
//! has become), `Percentile` of montanaflynn/stats 0.6.6, which it is built with, `frequency_spectrum.go` (`IsPeriodic`: no longer
//! period has a larger amplitude than the one in question), `estimators.go` (`maxValueEstimator`: the highest of the same
//! moment of all cycles, times 1 + margin), `pkg/metricprovider/custom_metric_provider.go` (what the HPA reads is the
//! highest prediction within the window ahead, an hour by default). The HPA has the measured metric beside the
//! predicted one and takes the higher; it is a plain one that Crane makes (`pkg/controller/ehpa/hpa.go`), so that nobody goes
//! to 0 replicas. Constants: margin 0.1, window 1 h. The safety setting is the HPA's target.

use std::time::Duration;

use super::{HOUR, MINUTE, minutes_of};
use crate::domain::Timestamp;
use crate::simulate::cluster::{Manifest, Observed, Policy, Reading, Scene};

const MARGIN: f64 = 0.1;
const WINDOW_MINUTES: usize = 60;
const HISTORY: Duration = Duration::from_hours(7 * 24);
const RENEWED: Duration = Duration::from_hours(12);
const HOUR_MINUTES: usize = 60;
const DAY_MINUTES: usize = 24 * HOUR_MINUTES;
const LONGEST_GAP_MINUTES: usize = 60;

/// The HPA on the higher of what is measured and what is predicted.
#[derive(Clone, Debug)]
pub struct Crane {
    per_replica: f64,
    renewed: Option<Timestamp>,
    prediction: Option<Prediction>,
}

/// The cycles to come.
#[derive(Clone, Debug)]
struct Prediction {
    start: Timestamp,
    cycle: Cycle,
}

/// What every cycle is to look like.
#[derive(Clone, Debug)]
struct Cycle {
    /// The highest load to expect in the hour from each minute on.
    ahead: Vec<f64>,
    /// As many are foretold as were seen.
    repeated: usize,
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
        let unseen = minutes.iter().rev().take_while(|value| value.is_nan());
        let last = seen.now.floor_to(MINUTE) - MINUTE * unseen.count() as u32;
        let start = last + MINUTE;
        self.prediction = predict(&preprocessed(&minutes)).map(|cycle| Prediction { start, cycle });
    }
}

impl Policy for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            activated: false,
            ..Manifest::default()
        }
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
        let minute = (now.since(self.start).as_secs() / 60) as usize;
        let ahead = &self.cycle.ahead;
        if minute >= ahead.len() * self.cycle.repeated {
            return 0.0;
        }
        ahead[minute % ahead.len()]
    }
}

/// `preProcessTimeSeries`.
fn preprocessed(minutes: &[f64]) -> Vec<f64> {
    let mut samples = filled(minutes);
    samples.drain(..samples.len() % HOUR_MINUTES);
    remove_extreme_outliers(&mut samples);
    samples
}

/// `removeExtremeOutliers`: nothing is removed where there are too few samples for one of the percentiles.
fn remove_extreme_outliers(samples: &mut [f64]) {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(high), Some(low)) = (percentile(&sorted, 99.9), percentile(&sorted, 0.1)) else {
        return;
    };
    let mut before = samples[0];
    for value in &mut samples[1..] {
        if *value > high || *value < low {
            *value = before;
        }
        before = *value;
    }
}

/// `Percentile`: the value of that rank, or the mean of the two around it; `None` before the first rank.
fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let rank = percent / 100.0 * sorted.len() as f64;
    let below = rank as usize;
    let value = *sorted.get(below.checked_sub(1)?)?;
    if rank.fract() > 0.0 {
        return Some(0.5 * (value + sorted.get(below)?));
    }
    Some(value)
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

/// For each minute of a coming cycle the highest load within the window from it on; `None` for what is not periodic.
fn predict(samples: &[f64]) -> Option<Cycle> {
    let cycle = [DAY_MINUTES, 7 * DAY_MINUTES]
        .into_iter()
        .find(|cycle| is_periodic(samples, *cycle))?;
    let whole_cycles = &samples[samples.len() % cycle..];
    let highest: Vec<f64> = (0..cycle)
        .map(|place| {
            let same_moment = whole_cycles[place..].iter().step_by(cycle);
            same_moment.copied().fold(0.0, f64::max) * (1.0 + MARGIN)
        })
        .collect();
    let ahead = |minute: usize| {
        let on = highest.iter().cycle().skip(minute);
        on.take(WINDOW_MINUTES + 1).copied().fold(0.0, f64::max)
    };
    Some(Cycle {
        ahead: (0..cycle).map(ahead).collect(),
        repeated: whole_cycles.len() / cycle,
    })
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
    use crate::simulate::cluster::History;
    use crate::simulate::hpa::Fleet;

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
        // Half an hour from 12:00 on, on one of the days only.
        let samples = days(4, |day, minute| {
            if day == 1 && (720..750).contains(&minute) {
                700.0
            } else {
                wave(minute)
            }
        });
        let cycle = predict(&preprocessed(&samples)).unwrap();
        assert_eq!((cycle.ahead.len(), cycle.repeated), (DAY_MINUTES, 4));
        let high = |minute: usize| (cycle.ahead[minute] - 770.0).abs() < 1e-6;
        assert!(high(720) && high(749) && high(660), "an hour before it");
        assert!(cycle.ahead[659] < 200.0 && cycle.ahead[750] < 200.0);
    }

    #[test]
    fn a_minute_that_is_far_out_is_taken_for_the_minute_before() {
        let samples = days(4, |day, minute| match (day, minute) {
            (1, 720) => 5000.0,
            (2, 300) => 0.0,
            _ => wave(minute),
        });
        let kept = preprocessed(&samples);
        let place = |day: usize, minute: usize| day * DAY_MINUTES + minute;
        assert!((kept[place(1, 720)] - wave(719)).abs() < 1e-12);
        assert!((kept[place(2, 300)] - wave(299)).abs() < 1e-12);
        let highest = predict(&kept)
            .unwrap()
            .ahead
            .into_iter()
            .fold(0.0, f64::max);
        assert!(highest < 151.0 * 1.1, "{highest}");
        // Too few for the 0.1th percentile: nothing is removed at all.
        let few = preprocessed(&samples[place(1, 0)..place(1, 960)]);
        assert!(few.contains(&5000.0) && few.len() == 960);
    }

    #[test]
    fn a_percentile_is_a_value_or_the_mean_of_two() {
        let sorted: Vec<f64> = (1..=1500).map(f64::from).collect();
        // (values, percent, percentile)
        let table = [
            (1000, 0.1, Some(1.0)),
            (1500, 0.1, Some(1.5)),
            (1500, 50.0, Some(750.0)),
            (999, 0.1, None),
            (1500, 100.0, Some(1500.0)),
            (0, 99.9, None),
        ];
        for (count, percent, value) in table {
            let got = percentile(&sorted[..count], percent);
            assert_eq!(got, value, "{percent} of {count}");
        }
    }

    #[test]
    fn whole_hours_are_kept() {
        assert_eq!(preprocessed(&[1.0; 200]).len(), 180);
        assert!(preprocessed(&[f64::NAN; 200]).is_empty());
    }

    /// Crane at minute `now` of a history in which each day from 12 to 13 twice as much arrives, and from minute `unseen` on
    /// nothing is known.
    fn at_minute(now: usize, unseen: usize) -> (Crane, Timestamp) {
        let value = |minute: usize| match minute {
            _ if minute >= unseen => f64::NAN,
            _ if (720..780).contains(&(minute % DAY_MINUTES)) => 200.0,
            _ => 100.0,
        };
        let values: Vec<f64> = (0..=now).map(value).collect();
        let start = Timestamp::from_secs(0);
        let seen = Observed {
            now: start + MINUTE * now as u32,
            load: None,
            fleet: Fleet {
                spec: 1,
                status: 1,
                ready: 1,
            },
            history: History {
                start,
                step: MINUTE,
                values: &values,
            },
        };
        let mut crane = Crane {
            per_replica: 1.0,
            renewed: None,
            prediction: None,
        };
        crane.renew(&seen);
        (crane, seen.now)
    }

    #[test]
    fn a_gap_up_to_the_renewal_does_not_shift_the_prediction() {
        let ten = 4 * DAY_MINUTES + 600;
        for missing in [0, 30, 120, 20 * 60] {
            let (crane, now) = at_minute(ten, ten + 1 - missing);
            let prediction = crane.prediction.unwrap();
            let expected = |minutes: u32| prediction.at(now + MINUTE * minutes);
            // (minutes after ten, highest of the hour from then on)
            for (minutes, highest) in [
                (1, 110.0),
                (59, 110.0),
                (60, 220.0),
                (179, 220.0),
                (180, 110.0),
            ] {
                let got = expected(minutes);
                assert!(
                    (got - highest).abs() < 1e-6,
                    "{missing} missing, {minutes} after: {got}"
                );
            }
        }
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
