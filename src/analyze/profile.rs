//! The typical day and week: for each bin of local time the median over the days, newer days counting more.

use std::time::Duration;

use super::calendar::{DAY, is_weekend, second_of_day, weekday};
use super::stats::weighted_median;
use super::view::View;
use crate::domain::Profile;

/// Bins are no finer than this: one minute's median over two weeks is mostly noise.
const BIN: i64 = 300;

/// Bins of a whole week are twice as long: they rest on two or three days, and a fit is kept for every workload.
const WEEK_BIN: i64 = 2 * BIN;

/// A day this much older counts half.
const HALF_LIFE_DAYS: f64 = 7.0;

/// How much of the typical day is distinguished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All days alike.
    Day,
    /// Working days and weekends.
    DayOrWeekend,
    /// Each day of the week.
    Week,
}

/// Means by bin and day: what profiles are made of, computed once and used for every cut.
#[derive(Debug)]
pub(crate) struct Cells {
    bin: i64,
    first_day: i64,
    days: Vec<Day>,
}

#[derive(Clone, Debug)]
struct Day {
    weekday: usize,
    weekend: bool,
    /// Sum, count and last step of each bin.
    bins: Vec<(f64, u32, usize)>,
}

/// The bin length for a grid of `step`: the shortest divisor of a day that is no shorter than the step and five minutes.
pub(crate) fn bin_seconds(step: Duration) -> i64 {
    let least = i64::try_from(step.as_secs()).unwrap_or(DAY).clamp(BIN, DAY);
    (least..=DAY).find(|bin| DAY % bin == 0).unwrap_or(DAY)
}

// === impl Cells ===

impl Cells {
    /// The means of the cleaned values of `view`.
    pub(crate) fn new(view: &View<'_>, step: Duration) -> Self {
        let bin = bin_seconds(step);
        let per_day = (DAY / bin) as usize;
        let first_day = view.calendar.local(0).div_euclid(DAY);
        let mut days: Vec<Day> = Vec::new();
        for (index, value) in view.clean.iter().enumerate() {
            if value.is_nan() {
                continue;
            }
            let local = view.calendar.local(index);
            let day = usize::try_from(local.div_euclid(DAY) - first_day).unwrap_or(0);
            while days.len() <= day {
                let midnight = (first_day + i64::try_from(days.len()).unwrap_or(0)) * DAY;
                days.push(Day {
                    weekday: weekday(midnight),
                    weekend: is_weekend(midnight),
                    bins: vec![(0.0, 0, 0); per_day],
                });
            }
            let cell = &mut days[day].bins[(second_of_day(local) / bin) as usize];
            *cell = (cell.0 + value, cell.1 + 1, index);
        }
        Self {
            bin,
            first_day,
            days,
        }
    }

    /// The profile of the steps before `until`; `None` when a bin and its neighbours have nothing.
    pub(crate) fn profile(&self, kind: Kind, until: usize, view: &View<'_>) -> Option<Profile> {
        let newest = (view.calendar.local(until).div_euclid(DAY) - self.first_day).max(0);
        let build = |belongs: &dyn Fn(&Day) -> bool| self.day(belongs, until, newest as usize);
        let all = build(&|_| true)?;
        let values = match kind {
            Kind::Day => all,
            Kind::DayOrWeekend => {
                let working = build(&|day| !day.weekend)?;
                [working, build(&|day| day.weekend)?].concat()
            }
            Kind::Week => (0..7)
                .map(|number| {
                    let weekend = number >= 5;
                    let alike = build(&|day| day.weekend == weekend)?;
                    let own = build(&|day| day.weekday == number)?;
                    // Two or three weeks make a noisy median: half of it is borrowed from the days alike.
                    Some(own.iter().zip(&alike).map(|(o, a)| 0.5 * (o + a)).collect())
                })
                .collect::<Option<Vec<Vec<f64>>>>()?
                .concat(),
        };
        let (bin, values) = if kind == Kind::Week && 2 * self.bin <= WEEK_BIN {
            let pairs = values
                .chunks_exact(2)
                .map(|pair| f64::midpoint(pair[0], pair[1]));
            (2 * self.bin, pairs.collect())
        } else {
            (self.bin, values)
        };
        Some(Profile {
            bin_seconds: bin as u32,
            values: values.into_iter().map(|v| v as f32).collect(),
        })
    }

    fn day(&self, belongs: &dyn Fn(&Day) -> bool, until: usize, newest: usize) -> Option<Vec<f64>> {
        let per_day = (DAY / self.bin) as usize;
        let mut pairs = Vec::with_capacity(self.days.len());
        let medians: Vec<f64> = (0..per_day)
            .map(|bin| {
                pairs.clear();
                for (number, day) in self.days.iter().enumerate().filter(|(_, d)| belongs(d)) {
                    let (sum, count, last) = day.bins[bin];
                    if count > 0 && last < until {
                        let age = newest.saturating_sub(number) as f64;
                        pairs.push((sum / f64::from(count), 0.5_f64.powf(age / HALF_LIFE_DAYS)));
                    }
                }
                weighted_median(&mut pairs).unwrap_or(f64::NAN)
            })
            .collect();
        filled(medians)
    }
}

/// Empty bins filled from their neighbours around the clock; `None` when more than a quarter is empty.
fn filled(mut bins: Vec<f64>) -> Option<Vec<f64>> {
    let empty: Vec<usize> = (0..bins.len()).filter(|i| bins[*i].is_nan()).collect();
    if empty.len() * 4 > bins.len() {
        return None;
    }
    let known = bins.clone();
    let len = known.len();
    for index in empty {
        let before = (1..len).find(|back| !known[(index + len - back) % len].is_nan())?;
        let after = (1..len).find(|on| !known[(index + on) % len].is_nan())?;
        let (low, high) = (
            known[(index + len - before) % len],
            known[(index + after) % len],
        );
        bins[index] = low + (high - low) * before as f64 / (before + after) as f64;
    }
    Some(bins)
}

// === impl Profile ===

impl Profile {
    /// The typical value at `local` seconds of local time for a step of `step` seconds: between the middles of two
    /// bins, linear.
    pub(crate) fn at(&self, local: i64, step: f64) -> Option<f64> {
        let bin = f64::from(self.bin_seconds.max(1));
        let per_day = DAY / i64::from(self.bin_seconds.max(1));
        let days = self.values.len().checked_div(per_day as usize)?;
        // The place within all bins that follow one another: of the week where days differ, else of the day.
        let middle = second_of_day(local) as f64 + step.min(bin) / 2.0;
        let place = middle / bin - 0.5;
        let below = place.floor();
        let share = place - below;
        let low = self.bin(local, below as i64, per_day, days)?;
        let high = self.bin(local, below as i64 + 1, per_day, days)?;
        Some(low + share * (high - low))
    }

    /// Bin `number` of the day of `local`; -1 and one too many are those of the days beside it.
    fn bin(&self, local: i64, number: i64, per_day: i64, days: usize) -> Option<f64> {
        let shift = number.div_euclid(per_day);
        let day = local + shift * DAY;
        let part = match days {
            7 => weekday(day),
            2 => usize::from(is_weekend(day)),
            _ => 0,
        };
        let bin = number.rem_euclid(per_day);
        self.values
            .get(part * per_day as usize + bin as usize)
            .map(|v| f64::from(*v))
    }
}
