//! How closely supply follows need: the elasticity metrics of the SPEC research group (Herbst and others, "Ready for
//! Rain?", SPEC-RG-2016-01).

use serde::Serialize;

/// Accuracy and timeshare of being under- and over-provisioned, and instability, all in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Elasticity {
    /// Replicas short, in percent of the required ones, in the mean over time.
    pub theta_u: f64,
    /// Replicas too many, in percent of the required ones, in the mean over time.
    pub theta_o: f64,
    /// Share of the time with too few replicas.
    pub tau_u: f64,
    /// Share of the time with too many.
    pub tau_o: f64,
    /// Share of the time in which supply and need do not move the same way.
    pub instability: f64,
}

/// Running sums, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Following {
    seconds: f64,
    under: f64,
    over: f64,
    under_seconds: f64,
    over_seconds: f64,
    apart_seconds: f64,
    /// Seconds that have one before them to compare with.
    compared: f64,
    last: Option<(u32, u32)>,
}

impl Following {
    pub(super) fn add(&mut self, secs: f64, required: u32, ready: u32) {
        // Nothing required: a spare replica is as much too many as where one is required.
        let relative = |replicas: u32| f64::from(replicas) / f64::from(required.max(1));
        self.seconds += secs;
        if ready < required {
            self.under += relative(required - ready) * secs;
            self.under_seconds += secs;
        } else if ready > required {
            self.over += relative(ready - required) * secs;
            self.over_seconds += secs;
        }
        if let Some((last_required, last_ready)) = self.last {
            self.compared += secs;
            if ready.cmp(&last_ready) != required.cmp(&last_required) {
                self.apart_seconds += secs;
            }
        }
        self.last = Some((required, ready));
    }

    pub(super) fn result(&self) -> Elasticity {
        let percent = |part: f64, whole: f64| {
            if whole > 0.0 {
                100.0 * part / whole
            } else {
                0.0
            }
        };
        Elasticity {
            theta_u: percent(self.under, self.seconds),
            theta_o: percent(self.over, self.seconds),
            tau_u: percent(self.under_seconds, self.seconds),
            tau_o: percent(self.over_seconds, self.seconds),
            instability: percent(self.apart_seconds, self.compared),
        }
    }
}
