//! One question to the planner, with everything resolved that all steps need, and the answer they make of it.

use std::sync::Arc;
use std::time::Duration;

use super::ledger::{amount, replicas};
use super::memory::Past;
use super::{Config, Inputs};
use crate::domain::{
    Basis, ChosenPlan, Forecast, LeadTime, Peak, PlanTrials, Quantile, Reason, Sample, Timestamp,
    TriggerSpec,
};

/// A measured load this little (relatively) above a whole number of replicas is float noise.
const MEASURED_NOISE: f64 = 1e-9;
/// Forecasts are stored in single precision, so their noise is larger.
const FORECAST_NOISE: f64 = 1e-6;

/// The least share of one replica's load that an expectation must be above `activationThreshold` to activate.
const FORESEEN_SHARE: f64 = 0.05;

/// One question to the planner.
pub(super) struct Case<'a> {
    pub(super) now: Timestamp,
    pub(super) spec: &'a TriggerSpec,
    pub(super) forecast: Option<&'a Forecast>,
    /// Why a forecast that there is does not count.
    pub(super) distrust: Option<&'a str>,
    pub(super) past: Past,
    /// From decision to Ready.
    pub(super) lead: Duration,
    min: u32,
    max: u32,
    /// The bound of the server's settings, when it is the tighter one.
    server_max: bool,
}

/// What was decided.
pub(super) struct Decision {
    pub(super) basis: Basis,
    /// What KEDA is told.
    pub(super) replicas: u32,
    /// What the forecast asks for.
    pub(super) planned: u32,
    /// The same before the scale-down window and ramps.
    pub(super) raw: u32,
    pub(super) active: bool,
    pub(super) peak: Option<Peak>,
    pub(super) model: Option<Arc<str>>,
    /// Level of the forecast that was used.
    pub(super) quantile: Quantile,
    /// The plan on trial that was followed.
    pub(super) chosen: Option<ChosenPlan>,
    /// What the plans on trial have learned; `None` while nothing fresh was seen.
    pub(super) trials: Option<PlanTrials>,
    pub(super) reasons: Vec<Reason>,
    /// The fresh sample it rests on; `None` while holding.
    pub(super) fresh: Option<Sample>,
}

impl<'a> Case<'a> {
    pub(super) fn new(config: &Config, inputs: &Inputs<'a>) -> Self {
        let spec = inputs.spec;
        let bound = config.max_replicas.max(1);
        let max = spec.max_replicas.unwrap_or(bound).min(bound);
        Self {
            now: inputs.now,
            spec,
            forecast: inputs.forecast.filter(|_| inputs.distrust.is_none()),
            distrust: inputs.distrust,
            past: Past::recall(inputs.memory, inputs.now),
            lead: match spec.lead_time {
                LeadTime::Auto => config.default_lead_time.get(),
                LeadTime::Fixed(lead) => lead.get(),
            },
            min: spec.min_replicas.unwrap_or(0),
            max,
            server_max: spec.max_replicas.is_none_or(|asked| asked > bound),
        }
    }

    /// Replicas for a measured load.
    pub(super) fn measured_need(&self, load: f64) -> u32 {
        self.need(load, MEASURED_NOISE)
    }

    /// Replicas for an expected load.
    pub(super) fn expected_need(&self, load: f64) -> u32 {
        self.need(load, FORECAST_NOISE)
    }

    fn need(&self, load: f64, noise: f64) -> u32 {
        let share = load.max(0.0) / self.spec.threshold.max(0.001);
        let whole = share.round();
        // A float too large for the type becomes its largest value, and `maxReplicas` does the rest.
        if (share - whole).abs() <= noise * share.max(1.0) {
            whole as u32
        } else {
            share.ceil() as u32
        }
    }

    /// Whether the expected load makes the workload active before the measured one does. The band around a load of zero
    /// is above zero: less than [`FORESEEN_SHARE`] of a replica on top of the threshold wakes nobody, or a workload with
    /// quiet nights would never sleep.
    pub(super) fn foresees_activity(&self, expected: f64) -> bool {
        self.activates(expected - FORESEEN_SHARE * self.spec.threshold)
    }

    /// Whether a load makes the workload active.
    pub(super) fn activates(&self, load: f64) -> bool {
        load > self.spec.activation_threshold
    }

    pub(super) fn lower_bound(&self) -> u32 {
        self.min
    }

    pub(super) fn upper_bound(&self) -> u32 {
        self.max
    }

    /// `replicas` within `minReplicas` and the upper bound; the upper one wins.
    pub(super) fn bounded(&self, replicas: u32) -> u32 {
        replicas.max(self.min).min(self.max)
    }

    /// The upper bound in words.
    pub(super) fn upper_bound_text(&self) -> String {
        let whose = if self.server_max {
            "the server's own bound `plan.maxReplicas`"
        } else {
            "`maxReplicas`"
        };
        format!("{whose} allows no more than {}", replicas(self.max))
    }

    /// `load` and what one replica carries, in words.
    pub(super) fn load_text(&self, load: f64) -> String {
        format!(
            "{} at {} per replica",
            amount(load),
            amount(self.spec.threshold)
        )
    }
}
