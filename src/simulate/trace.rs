//! Demand as it was recorded, made continuous: a straight line between the points of its grid.
//!
//! Where the record has a gap, demand is not known: short gaps are bridged, in longer ones nothing arrives that could be
//! counted, and nobody is judged on them.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::domain::{Series, Timestamp};

/// A gap of at most this long, or of two steps where that is longer, is bridged by a straight line.
const BRIDGED: Duration = Duration::from_mins(10);

/// Demand over time, in the metric's own unit (per second, or whatever rate it is recorded in).
#[derive(Clone, Debug)]
pub struct Trace {
    start: Timestamp,
    step_millis: i64,
    step_secs: f64,
    /// `NaN` where not known.
    values: Vec<f64>,
    /// Demand times seconds from the start up to each point, stretches that are not known left out.
    integral: Vec<f64>,
}

impl Trace {
    /// The demand of `series`; negative and infinite values are taken for missing.
    pub fn new(series: &Series) -> Self {
        let step_secs = series.step().as_secs_f64();
        let usable = |value: &f64| value.is_finite() && *value >= 0.0;
        let mut values: Vec<f64> = series
            .values()
            .iter()
            .map(|value| if usable(value) { *value } else { f64::NAN })
            .collect();
        let bridged = (BRIDGED.as_secs_f64() / step_secs).floor() as usize;
        bridge(&mut values, bridged.max(2));
        let integral = integrate(&values, step_secs);
        Self {
            start: series.start(),
            step_millis: i64::try_from(series.step().as_millis()).unwrap_or(i64::MAX),
            step_secs,
            values,
            integral,
        }
    }

    /// Its first moment.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Its last moment; demand is known up to it, not beyond.
    pub fn end(&self) -> Timestamp {
        self.time_of(self.values.len().saturating_sub(1))
    }

    /// Distance between two points of its grid.
    pub fn step(&self) -> Duration {
        Duration::from_millis(self.step_millis.unsigned_abs())
    }

    /// Its values, `NaN` where not known.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Time of point `index`.
    pub fn time_of(&self, index: usize) -> Timestamp {
        let after =
            i64::try_from(index).map_or(i64::MAX, |index| index.saturating_mul(self.step_millis));
        Timestamp::from_millis(self.start.as_millis().saturating_add(after))
    }

    /// How much of the time from `from` to `to` is known.
    pub fn known(&self, from: Timestamp, to: Timestamp) -> Duration {
        let within = |index: &usize| {
            let at = self.time_of(*index);
            at >= from && at < to
        };
        let known = |index: usize| self.values.get(index).is_some_and(|value| !value.is_nan());
        let stretches = (0..self.values.len().saturating_sub(1)).filter(within);
        let known = stretches.filter(|index| known(*index) && known(index + 1));
        let many = u32::try_from(known.count()).unwrap_or(u32::MAX);
        self.step().saturating_mul(many).min(to.since(from))
    }

    /// Demand at `at`; `None` outside and in a gap.
    pub fn rate(&self, at: Timestamp) -> Option<f64> {
        let (index, share) = self.place(at)?;
        let from = self.values[index];
        let to = if share > 0.0 {
            *self.values.get(index + 1)?
        } else {
            from
        };
        let value = from + share * (to - from);
        (!value.is_nan()).then_some(value)
    }

    /// Mean demand from `from` to `to`; `None` when a part of it is not known.
    pub fn mean(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        let secs = to.since(from).as_secs_f64();
        if secs <= 0.0 {
            return self.rate(from);
        }
        // The integral leaves gaps out, so both ends have to be known, and so has what lies between them. A gap is
        // longer than any stretch this is asked for, so the ends say it all.
        self.rate(from)?;
        self.rate(to)?;
        Some((self.total_before(to)? - self.total_before(from)?) / secs)
    }

    /// The median of what is known between `from` and `to`; `None` when nothing is.
    pub fn median(&self, from: Timestamp, to: Timestamp) -> Option<f64> {
        let within = |index: usize| (from..to).contains(&self.time_of(index));
        let mut known: Vec<f64> = self
            .values
            .iter()
            .enumerate()
            .filter(|(index, value)| within(*index) && !value.is_nan())
            .map(|(_, value)| *value)
            .collect();
        let middle = known.len() / 2;
        if known.is_empty() {
            return None;
        }
        let (_, median, _) = known.select_nth_unstable_by(middle, f64::total_cmp);
        Some(*median)
    }

    /// Demand times seconds from the start to `at`.
    fn total_before(&self, at: Timestamp) -> Option<f64> {
        let (index, share) = self.place(at)?;
        let before = self.integral[index];
        if share <= 0.0 {
            return Some(before);
        }
        let (from, to) = (self.values[index], *self.values.get(index + 1)?);
        Some(before + self.step_secs * share * (from + 0.5 * share * (to - from)))
    }

    /// The point at or before `at`, and how far `at` is on the way to the next one.
    fn place(&self, at: Timestamp) -> Option<(usize, f64)> {
        let millis = at.as_millis() - self.start.as_millis();
        if millis < 0 {
            return None;
        }
        let index = (millis / self.step_millis) as usize;
        let rest = millis % self.step_millis;
        (index < self.values.len()).then(|| (index, rest as f64 / self.step_millis as f64))
    }
}

/// Fills runs of at most `longest` missing values between two known ones.
fn bridge(values: &mut [f64], longest: usize) {
    let mut last: Option<usize> = None;
    for index in 0..values.len() {
        if values[index].is_nan() {
            continue;
        }
        if let Some(last) = last {
            let missing = index - last - 1;
            let (from, to) = (values[last], values[index]);
            if missing > 0 && missing <= longest {
                for (k, value) in values[last + 1..index].iter_mut().enumerate() {
                    let share = (k + 1) as f64 / (missing + 1) as f64;
                    *value = from + share * (to - from);
                }
            }
        }
        last = Some(index);
    }
}

fn integrate(values: &[f64], step_secs: f64) -> Vec<f64> {
    let mut total = 0.0;
    let mut integral = Vec::with_capacity(values.len());
    integral.extend(values.first().map(|_| 0.0));
    for pair in values.windows(2) {
        let area = 0.5 * (pair[0] + pair[1]) * step_secs;
        total += if area.is_nan() { 0.0 } else { area };
        integral.push(total);
    }
    integral
}
