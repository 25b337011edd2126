//! A policy as a frontier: overload against cost over all its safety settings, so that policies compare at equal overload
//! and at equal cost and not at one point.
//!
//! Between two settings cost is interpolated against the logarithm of the overload, since halving the overload is what is
//! paid for; below [`LEAST_OVERLOAD`] all is as good as none.

#[cfg(test)]
mod tests;

use serde::Serialize;

use super::figures::Figures;

/// Overload, in percent, that is taken for none: a few minutes in a year.
pub const LEAST_OVERLOAD: f64 = 0.001;

/// A policy at one safety setting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The setting.
    pub setting: f64,
    /// Overload in percent of the time.
    pub overload_percent: f64,
    /// What it cost.
    pub replica_hours: f64,
}

/// The points that no other one beats in both overload and cost, cheapest last.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Frontier {
    points: Vec<Point>,
}

impl Point {
    /// The score of a run at `setting`.
    pub fn of(setting: f64, figures: &Figures) -> Self {
        Self {
            setting,
            overload_percent: figures.overload_percent(),
            replica_hours: figures.replica_hours(),
        }
    }

    fn log_overload(&self) -> f64 {
        log(self.overload_percent)
    }
}

impl Frontier {
    /// The best of `points`; those that are no numbers are left out.
    pub fn new(points: impl IntoIterator<Item = Point>) -> Self {
        let usable =
            |point: &Point| point.overload_percent.is_finite() && point.replica_hours.is_finite();
        let mut sorted: Vec<Point> = points.into_iter().filter(usable).collect();
        sorted.sort_by(|a, b| {
            let overload = a.log_overload().total_cmp(&b.log_overload());
            overload.then(a.replica_hours.total_cmp(&b.replica_hours))
        });
        let mut points: Vec<Point> = Vec::with_capacity(sorted.len());
        for point in sorted {
            let cheaper = |best: &Point| point.replica_hours < best.replica_hours;
            if points.last().is_none_or(cheaper) {
                points.push(point);
            }
        }
        Self { points }
    }

    /// Its points, the least overloaded first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Replica hours it takes to stay within this overload, in percent; `None` if no setting does. Allowing more than the
    /// cheapest setting needs saves nothing more.
    pub fn hours_at(&self, overload_percent: f64) -> Option<f64> {
        let wanted = log(overload_percent);
        let after = self
            .points
            .partition_point(|point| point.log_overload() <= wanted);
        let below = self.points[..after].last()?;
        let Some(above) = self.points.get(after) else {
            return Some(below.replica_hours);
        };
        let share = (wanted - below.log_overload()) / (above.log_overload() - below.log_overload());
        Some(below.replica_hours + share * (above.replica_hours - below.replica_hours))
    }

    /// Overload, in percent, that it has at this cost; `None` if no setting is as cheap. Paying more than the safest
    /// setting costs buys nothing more.
    pub fn overload_at(&self, replica_hours: f64) -> Option<f64> {
        let first = self
            .points
            .partition_point(|point| point.replica_hours > replica_hours);
        let cheap = self.points.get(first)?;
        let Some(dear) = first.checked_sub(1).map(|index| &self.points[index]) else {
            return Some(cheap.overload_percent);
        };
        let share =
            (dear.replica_hours - replica_hours) / (dear.replica_hours - cheap.replica_hours);
        let overload = dear.log_overload() + share * (cheap.log_overload() - dear.log_overload());
        Some(overload.exp())
    }

    /// `other`'s overload at the cost that this frontier has within `overload_percent`, over this one's own overload at that
    /// cost, which is less than what is allowed where even its cheapest setting needs less. `None` where one of them cannot
    /// keep to it, and where the own overload is below [`LEAST_OVERLOAD`]: of none there is no multiple.
    pub fn overload_ratio_of(&self, other: &Self, overload_percent: f64) -> Option<f64> {
        let hours = self.hours_at(overload_percent)?;
        let own = self.overload_at(hours)?;
        let others = other.overload_at(hours)?;
        (own >= LEAST_OVERLOAD).then(|| others / own)
    }

    /// Share of the way from this frontier's cost to `limit`'s that `other` goes, at this overload: 1 is as cheap as the
    /// limit, below 0 is dearer than this. `None` where one of them cannot keep to the overload, or nothing is to be had.
    pub fn captured_by(&self, other: &Self, limit: &Self, overload_percent: f64) -> Option<f64> {
        let ours = self.hours_at(overload_percent)?;
        let gap = ours - limit.hours_at(overload_percent)?;
        let saved = ours - other.hours_at(overload_percent)?;
        (gap > 0.0).then(|| saved / gap)
    }
}

fn log(overload_percent: f64) -> f64 {
    overload_percent.max(LEAST_OVERLOAD).ln()
}
