//! What all policies on one record have in common.

use std::time::Duration;

use super::{Cluster, History, TICK};
use crate::domain::{Series, Timestamp};
use crate::simulate::figures::required;
use crate::simulate::metric::Meter;
use crate::simulate::trace::Trace;

/// How long before the judged part a run begins, so that nobody is judged on where it was put down.
const SETTLING: Duration = Duration::from_hours(1);
/// Utilisation at which the fleet is put down.
const FIRST_UTILISATION: f64 = 0.8;
/// Step that the history is queried with, however coarse the record is: the metric is there at any step. A minute is what
/// Kedastral (`cmd/forecaster/config/config.go`, its step) and Crane (`pkg/prediction/dsp/config.go`,
/// `historyResolution`) have by default.
const QUERY_STEP: Duration = Duration::from_mins(1);

/// A cluster, a record of demand, and the part of it that is judged. What was measured before is worked out once.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Demand.
    pub trace: &'a Trace,
    begin: Timestamp,
    from: Timestamp,
    until: Timestamp,
    /// What the query returned on the history's grid before `begin`.
    past: Vec<f64>,
}

impl<'a> Scene<'a> {
    /// Judged from `from` to `until`, both rounded down to ticks and brought inside the record.
    pub fn new(cluster: &'a Cluster, trace: &'a Trace, from: Timestamp, until: Timestamp) -> Self {
        let first = first_tick(trace);
        let until = until.min(trace.end()).floor_to(TICK).max(first);
        let from = from.floor_to(TICK).clamp(first, until);
        let begin = (from - SETTLING).max(first);
        Self {
            cluster,
            trace,
            begin,
            from,
            until,
            past: measured(cluster, trace, begin),
        }
    }

    /// The same record judged on another part.
    #[must_use]
    pub fn judged(&self, from: Timestamp, until: Timestamp) -> Self {
        Self::new(self.cluster, self.trace, from, until)
    }

    /// The same, but that the run begins at `begin` already, or with the record.
    #[must_use]
    pub fn begun(&self, begin: Timestamp) -> Self {
        let begin = begin.floor_to(TICK);
        let begin = begin.clamp(first_tick(self.trace), self.from);
        Self {
            begin,
            past: measured(self.cluster, self.trace, begin),
            ..*self
        }
    }

    /// When the run begins.
    pub fn begin(&self) -> Timestamp {
        self.begin
    }

    /// When judging begins.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// When the run ends.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// What was measured before the run begins: all that a policy may be fitted on.
    pub fn past(&self) -> History<'_> {
        self.history(&self.past)
    }

    /// `values` on the history's grid: of the record, but no coarser than [`QUERY_STEP`].
    pub(super) fn history<'h>(&self, values: &'h [f64]) -> History<'h> {
        History {
            start: self.trace.start(),
            step: history_step(self.trace),
            values,
        }
    }

    /// Replicas that a fleet of at least `min` and at most `max` is put down with.
    pub(super) fn first_fleet(&self, min: u32, max: u32) -> u32 {
        let demand = self.trace.rate(self.begin).unwrap_or(0.0);
        required(demand, self.cluster.capacity * FIRST_UTILISATION).clamp(min, max)
    }

    /// A meter that has been at work since before the run begins.
    pub(super) fn meter(&self) -> Meter {
        let path = self.cluster.metric;
        let warm = path.rate_window + path.delay + 2 * path.scrape_interval;
        let from = (self.begin - warm).max(self.trace.start());
        watched(self.cluster, self.trace, from, self.begin, |_, _| {})
    }

    /// What the query returned at every tick of the whole record; `NaN` where the result was empty.
    pub fn measured(&self) -> Series {
        let start = self.trace.start().floor_to(TICK);
        let until = self.trace.end() + Duration::from_millis(1);
        let mut values = Vec::new();
        watched(self.cluster, self.trace, start, until, |now, meter| {
            values.push(meter.read(now).map_or(f64::NAN, |sample| sample.value));
        });
        Series::new(start, TICK, values)
    }
}

fn history_step(trace: &Trace) -> Duration {
    trace.step().min(QUERY_STEP)
}

/// The first tick that lies in the record.
fn first_tick(trace: &Trace) -> Timestamp {
    (trace.start() + TICK - Duration::from_millis(1)).floor_to(TICK)
}

fn measured(cluster: &Cluster, trace: &Trace, begin: Timestamp) -> Vec<f64> {
    let mut past = Vec::new();
    watched(cluster, trace, trace.start(), begin, |now, meter| {
        note(&mut past, trace, meter, now);
    });
    past
}

/// A meter that has counted the demand of the ticks from that of `from` until before `until`; `look` sees it at the beginning of each.
fn watched(
    cluster: &Cluster,
    trace: &Trace,
    from: Timestamp,
    until: Timestamp,
    mut look: impl FnMut(Timestamp, &Meter),
) -> Meter {
    let mut now = from.floor_to(TICK);
    let mut meter = Meter::new(cluster.metric, now);
    while now < until {
        look(now, &meter);
        meter.count(now, TICK, trace.mean(now, now + TICK));
        now = now + TICK;
    }
    meter
}

/// Writes down what the query returned on the grid points up to `now` that are not written yet.
pub(super) fn note(history: &mut Vec<f64>, trace: &Trace, meter: &Meter, now: Timestamp) {
    let step = history_step(trace);
    loop {
        let at = trace.start() + step * u32::try_from(history.len()).unwrap_or(u32::MAX);
        if at > now {
            return;
        }
        history.push(meter.read(at).map_or(f64::NAN, |sample| sample.value));
    }
}
