//! The score of a run, so that two policies on the same demand can be compared: what users missed, what it cost, how
//! often the fleet changed.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::domain::Timestamp;

/// Demand this little (relatively) above capacity is float noise, no overload.
const NOISE: f64 = 1e-9;
const SECONDS_PER_HOUR: f64 = 3600.0;

/// Running totals of one policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    seconds: f64,
    overload_seconds: f64,
    demand: f64,
    unmet: f64,
    replica_seconds: f64,
    ready_seconds: f64,
    peak_replicas: u32,
    changes: u64,
    last_total: Option<u32>,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
}

/// The totals as they are reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Length of the run, in hours of simulated time.
    pub hours: f64,
    /// Minutes in which demand was above ready capacity.
    pub overload_minutes: f64,
    /// The same in percent of the run.
    pub overload_percent: f64,
    /// Demand that no ready capacity met, in percent of all demand.
    pub unmet_percent: f64,
    /// Replicas times hours, the starting ones included.
    pub replica_hours: f64,
    /// Most replicas at once.
    pub peak_replicas: u32,
    /// How often the replica count changed.
    pub changes: u64,
    /// The same per hour.
    pub changes_per_hour: f64,
}

impl Figures {
    /// Empty totals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stretch of `dt` from `now` on, in which `demand` (in the metric's unit) met `ready` replicas that carry
    /// `capacity_per_replica` each, of `total` that exist and cost. Demand that is no number counts as none.
    pub fn tick(
        &mut self,
        now: Timestamp,
        dt: Duration,
        demand: f64,
        capacity_per_replica: f64,
        ready: u32,
        total: u32,
    ) {
        let secs = dt.as_secs_f64();
        let demand = if demand.is_finite() {
            demand.max(0.0)
        } else {
            0.0
        };
        let capacity = capacity_per_replica * f64::from(ready);
        self.seconds += secs;
        self.demand += demand * secs;
        if demand > capacity * (1.0 + NOISE) {
            self.overload_seconds += secs;
            self.unmet += (demand - capacity) * secs;
        }
        self.replica_seconds += f64::from(total) * secs;
        self.ready_seconds += f64::from(ready) * secs;
        self.peak_replicas = self.peak_replicas.max(total);
        if self.last_total.is_some_and(|last| last != total) {
            self.changes += 1;
        }
        self.last_total = Some(total);
        self.began = self.began.or(Some(now));
        self.ended = Some(now + dt);
    }

    /// Length of the run in hours of simulated time.
    pub fn hours(&self) -> f64 {
        self.seconds / SECONDS_PER_HOUR
    }

    /// When the run began and ended.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.began.zip(self.ended)
    }

    /// Minutes in which demand was above ready capacity.
    pub fn overload_minutes(&self) -> f64 {
        self.overload_seconds / 60.0
    }

    /// The same in percent of the run.
    pub fn overload_percent(&self) -> f64 {
        100.0 * ratio(self.overload_seconds, self.seconds)
    }

    /// Share of the demand, 0 to 1, that no ready capacity met.
    pub fn unmet_share(&self) -> f64 {
        ratio(self.unmet, self.demand)
    }

    /// Replicas times hours, the starting ones included.
    pub fn replica_hours(&self) -> f64 {
        self.replica_seconds / SECONDS_PER_HOUR
    }

    /// Ready replicas times hours.
    pub fn ready_hours(&self) -> f64 {
        self.ready_seconds / SECONDS_PER_HOUR
    }

    /// Most replicas at once.
    pub fn peak_replicas(&self) -> u32 {
        self.peak_replicas
    }

    /// How often the replica count changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The same per hour.
    pub fn changes_per_hour(&self) -> f64 {
        ratio(self.changes as f64, self.hours())
    }

    /// The totals as they are reported.
    pub fn summary(&self) -> Summary {
        Summary {
            hours: self.hours(),
            overload_minutes: self.overload_minutes(),
            overload_percent: self.overload_percent(),
            unmet_percent: 100.0 * self.unmet_share(),
            replica_hours: self.replica_hours(),
            peak_replicas: self.peak_replicas(),
            changes: self.changes(),
            changes_per_hour: self.changes_per_hour(),
        }
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}

/// A share of nothing is nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn minute(figures: &mut Figures, number: i64, demand: f64, ready: u32, total: u32) {
        let now = Timestamp::from_secs(number * 60);
        figures.tick(now, MINUTE, demand, 100.0, ready, total);
    }

    #[test]
    fn an_hour_with_six_minutes_short_of_one_replica_in_ten_is_counted() {
        let mut figures = Figures::new();
        for number in 0..54 {
            minute(&mut figures, number, 1000.0, 10, 10);
        }
        for number in 54..60 {
            minute(&mut figures, number, 1000.0, 9, 12);
        }
        let summary = figures.summary();
        assert!((summary.overload_minutes - 6.0).abs() < 1e-9);
        assert!((summary.overload_percent - 10.0).abs() < 1e-9);
        assert!(
            (summary.unmet_percent - 1.0).abs() < 1e-9,
            "{}",
            summary.unmet_percent
        );
        assert!((summary.replica_hours - (54.0 * 10.0 + 6.0 * 12.0) / 60.0).abs() < 1e-9);
        assert_eq!((summary.changes, summary.peak_replicas), (1, 12));
        assert_eq!(
            figures.span(),
            Some((Timestamp::from_secs(0), Timestamp::from_secs(3600)))
        );
    }

    #[test]
    fn demand_that_fills_capacity_to_the_brim_is_no_overload() {
        let mut figures = Figures::new();
        figures.tick(Timestamp::default(), MINUTE, 0.1 + 0.2, 0.1, 3, 3);
        assert!(figures.overload_minutes() < 1e-9);
    }

    #[test]
    fn a_run_of_no_length_and_demand_that_is_no_number_divide_nothing_by_zero() {
        let mut figures = Figures::new();
        assert!(figures.overload_percent() < 1e-9 && figures.unmet_share() < 1e-9);
        minute(&mut figures, 0, f64::NAN, 0, 0);
        assert!(figures.unmet_share() < 1e-9 && figures.changes_per_hour() < 1e-9);
    }

    #[test]
    fn figures_are_reported_with_their_units_in_the_names() {
        let json = serde_json::to_value(Figures::new()).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert!(
            keys.contains(&"overload_minutes".to_owned())
                && keys.contains(&"replica_hours".to_owned())
        );
    }
}
