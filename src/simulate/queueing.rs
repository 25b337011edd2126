//! From requests to latency: which share of them takes longer than the objective.
//!
//! Each replica is a queue with `c` servers. While it is less than full, the share of requests over the objective is that
//! of M/M/c (Erlang C for whether a request waits, an exponential for how long), with the wait scaled for a variation of
//! service times other than exponential (Allen and Cunneen: mean wait times `(ca² + cs²) / 2`, arrivals Poisson) and
//! service times lognormal with that variation. What arrives beyond the fleet's throughput is a fluid that waits in
//! line, so that an overload is felt until the line has gone, not only while it lasts.
//!
//! Nothing depends on the unit of the load: capacity is the load at which the objective just holds, and the utilisation
//! that this is follows from the model.

mod erlang;
#[cfg(test)]
mod tests;

use std::time::Duration;

use erlang::share_over;

/// Utilisations between 0 and 1 at which the share is computed; between them it is interpolated.
const POINTS: usize = 2048;
/// Nothing is steady at full utilisation.
const NEARLY_FULL: f64 = 0.9995;

/// How one replica serves, and what is promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Requests that one replica works on at once.
    pub concurrency: u32,
    /// Mean time to serve one.
    pub mean: Duration,
    /// Squared coefficient of variation of that time: 1 is exponential, 0 constant.
    pub variation: f64,
    /// A request that takes longer than this is over the objective.
    pub objective: Duration,
    /// Share of requests that may be over it: 0.05 for "95 % under".
    pub allowed: f64,
    /// A request that has waited this long gives up.
    pub patience: Duration,
}

impl Default for Service {
    /// "95 % under 250 ms" of requests of 50 ms, 16 at a time, that give up after 10 s.
    fn default() -> Self {
        Self {
            concurrency: 16,
            mean: Duration::from_millis(50),
            variation: 1.0,
            objective: Duration::from_millis(250),
            allowed: 0.05,
            patience: Duration::from_secs(10),
        }
    }
}

impl Service {
    /// Share of requests, 0 to 1, over the objective on a replica with nothing else to do.
    pub fn share_over_when_idle(&self) -> f64 {
        share_over(self, 0.0)
    }
}

/// The queue in front of a fleet.
#[derive(Clone, Debug)]
pub struct Queue {
    service: Service,
    /// Share over the objective by utilisation, `POINTS + 1` of them.
    share: Vec<f64>,
    /// Utilisation at which exactly the allowed share is over the objective.
    knee: f64,
    /// Work in line, in load times seconds.
    backlog: f64,
}

/// What a stretch of time did to the requests that arrived in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passage {
    /// Share of them, 0 to 1, over the objective.
    pub over: f64,
    /// Load times seconds of those that gave up.
    pub dropped: f64,
}

impl Queue {
    /// An empty queue.
    pub fn new(service: Service) -> Self {
        let at = |point: usize| {
            let utilisation = (point as f64 / POINTS as f64).min(NEARLY_FULL);
            share_over(&service, utilisation)
        };
        let share: Vec<f64> = (0..=POINTS).map(at).collect();
        let knee = knee(&share, service.allowed);
        Self {
            service,
            share,
            knee,
            backlog: 0.0,
        }
    }

    /// Utilisation of a replica that carries exactly its capacity.
    pub fn utilisation_at_capacity(&self) -> f64 {
        self.knee
    }

    /// Seconds that a request arriving now would wait for those before it, at this capacity of the fleet.
    pub fn wait(&self, capacity: f64) -> f64 {
        let throughput = capacity / self.knee;
        if self.backlog <= 0.0 {
            0.0
        } else if throughput > 0.0 {
            self.backlog / throughput
        } else {
            f64::INFINITY
        }
    }

    /// `load` meets a fleet of this `capacity` (at which the objective just holds) for `secs`.
    pub fn pass(&mut self, load: f64, capacity: f64, secs: f64) -> Passage {
        let throughput = capacity / self.knee;
        let before = self.backlog;
        let surplus = (load - throughput) * secs;
        let line = (before + surplus).max(0.0);
        let longest = throughput * self.service.patience.as_secs_f64();
        self.backlog = line.min(longest);
        let dropped = line - self.backlog;
        if load <= 0.0 {
            return Passage { over: 0.0, dropped };
        }
        let bearable = self.service.objective.saturating_sub(self.service.mean);
        let late = above(
            before,
            before + surplus,
            throughput * bearable.as_secs_f64(),
        );
        let steady = self.share_at(if throughput > 0.0 {
            load / throughput
        } else {
            1.0
        });
        Passage {
            over: late + (1.0 - late) * steady,
            dropped,
        }
    }

    fn share_at(&self, utilisation: f64) -> f64 {
        let place = utilisation.clamp(0.0, 1.0) * POINTS as f64;
        let point = (place as usize).min(POINTS - 1);
        let (from, to) = (self.share[point], self.share[point + 1]);
        from + (place - point as f64) * (to - from)
    }
}

/// Share of the way from `from` to `to` that lies above `level`.
fn above(from: f64, to: f64, level: f64) -> f64 {
    match (from > level, to > level) {
        (true, true) => 1.0,
        (false, false) => 0.0,
        (true, false) => (from - level) / (from - to),
        (false, true) => (to - level) / (to - from),
    }
}

/// The utilisation at which the share reaches `allowed`; what serves too slowly even when idle is given half.
fn knee(share: &[f64], allowed: f64) -> f64 {
    let Some(point) = share.iter().position(|share| *share > allowed) else {
        return NEARLY_FULL;
    };
    if point == 0 {
        return 0.5;
    }
    let (below, above) = (share[point - 1], share[point]);
    let part = if above > below {
        (allowed - below) / (above - below)
    } else {
        0.0
    };
    ((point - 1) as f64 + part) / POINTS as f64
}
