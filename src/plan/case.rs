//! One question to the planner, with everything resolved that all steps need, and the answer they make of it.

use std::sync::Arc;
use std::time::Duration;

use super::bounds::{self, InForce, Plain};
use super::budget::Budget;
use super::capacity;
use super::cluster::Cluster;
use super::lead_time;
use super::ledger::{amount, replicas, span};
use super::memory::Past;
use super::{Config, Inputs};
use crate::domain::{
    Authority, Basis, BoundWindow, Capacity, CapacityBound, ChosenPlan, Experience, Forecast,
    GoodPlan, Grade, Guards, HumanDuration, LeadSource, LeadTime, Mode, Peak, PlanTrials, Quantile,
    Reason, Sample, Timestamp, TriggerSpec,
};

/// A measured load this little (relatively) above a whole number of replicas is float noise.
const MEASURED_NOISE: f64 = 1e-9;
/// Forecasts are stored in single precision, so their noise is larger.
pub(super) const FORECAST_NOISE: f64 = 1e-6;

/// The least share of one replica's load that an expectation must be above `activationThreshold` to activate.
const FORESEEN_SHARE: f64 = 0.05;

/// After a longer silence the present says nothing about what was asked before it, unless the trigger is looked at so
/// seldom.
pub(super) const LONGEST_GAP: Duration = Duration::from_mins(5);

/// Slots of the longest lead time that may be learned, and the widest that a usual one has.
pub(super) const LEARNED_SLOTS: u32 = 64;
const LEARNED_SLOT: Duration = Duration::from_secs(30);

/// [`LONGEST_GAP`] of a trigger that is looked at every `interval`.
pub(super) fn longest_gap(interval: HumanDuration) -> Duration {
    LONGEST_GAP.max(interval.get() * 2)
}

/// One question to the planner.
pub(super) struct Case<'a> {
    pub(super) now: Timestamp,
    pub(super) spec: &'a TriggerSpec,
    pub(super) forecast: Option<&'a Forecast>,
    /// Why a forecast that there is does not count.
    pub(super) distrust: Option<&'a str>,
    pub(super) past: Past,
    /// How far ahead to look: from decision to Ready, and `lag` more.
    pub(super) lead: Duration,
    /// How much of it the metric is behind the load.
    lag: Duration,
    /// How that is known.
    pub(super) lead_source: LeadSource,
    /// From decision to Ready, also where that is longer than the horizon.
    whole: Duration,
    /// How much of it the HPA's `behavior` takes, and for how many replicas.
    climb: (Duration, u32),
    /// What the cluster says.
    pub(super) cluster: Cluster<'a>,
    /// What was learned of the load that one replica carries.
    pub(super) capacity: Option<Capacity>,
    /// A sample older than this is no present load.
    pub(super) stale: Duration,
    /// The bounds that hold now; `max` is at most the one of the server's settings.
    bounds: InForce,
    /// The bound of the server's settings, when it is the tighter one.
    server_max: bool,
    /// A calendar that the trigger names and the server does not have.
    pub(super) missing_calendar: Option<&'a str>,
}

/// What was decided.
pub(super) struct Decision {
    pub(super) basis: Basis,
    /// What KEDA is told.
    pub(super) replicas: u32,
    /// What is held from now on, where a part of the load has raised it; `None` elsewhere.
    pub(super) held: Option<GoodPlan>,
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
    pub(super) trials: Option<Arc<PlanTrials>>,
    pub(super) reasons: Vec<Reason>,
    /// The plan's score; `None` while nothing fresh was seen.
    pub(super) grade: Option<Arc<Grade>>,
    /// How much of the plan counts, in `auto` mode; `None` while nothing fresh was seen.
    pub(super) authority: Option<Arc<Authority>>,
    /// The fresh sample it rests on; `None` while holding.
    pub(super) fresh: Option<Sample>,
    /// What stands in the way of a scale-down; `None` while nothing fresh was seen.
    pub(super) guards: Option<Guards>,
    /// The budget that it was held against.
    pub(super) budget: Option<Budget>,
}

impl<'a> Case<'a> {
    pub(super) fn new(config: &Config, inputs: &Inputs<'a>) -> Self {
        let spec = inputs.spec;
        let past = Past::recall(inputs.memory, inputs.now);
        let capacity = past.experience();
        let capacity =
            capacity.and_then(|it| capacity::in_force(&it.capacity, spec.threshold, inputs.now));
        let mut case = Self {
            now: inputs.now,
            spec,
            forecast: inputs.forecast.filter(|_| inputs.distrust.is_none()),
            distrust: inputs.distrust,
            past,
            lead: Duration::ZERO,
            lag: Duration::ZERO,
            lead_source: LeadSource::Given,
            whole: Duration::ZERO,
            climb: (Duration::ZERO, 0),
            // In reactive mode the HPA alone applies what is set up there.
            cluster: Cluster::of(
                inputs.facts.filter(|_| spec.mode != Mode::Reactive),
                inputs.now,
            ),
            // In reactive mode nothing that was learned has a say.
            capacity: capacity
                .filter(|_| spec.mode != Mode::Reactive && spec.latency_slo.is_some()),
            stale: config.stale_after(spec),
            bounds: InForce::default(),
            server_max: false,
            missing_calendar: bounds::missing_calendar(config, spec),
        };
        let windows = bounds::windows(config, spec, case.now);
        // What the next windows ask for has a say in how large a step is to come, and so in how long it takes.
        case.lead = match spec.lead_time {
            LeadTime::Fixed(lead) => lead.get(),
            LeadTime::Auto => config.default_lead_time.get(),
        };
        case.bind(config, &windows);
        let (whole, climb, source) = case.lead_time(config);
        (case.climb, case.lead_source) = (climb, source);
        case.whole = whole;
        case.lead = match spec.lead_time {
            LeadTime::Fixed(_) => whole,
            LeadTime::Auto => whole.min(spec.horizon.get()),
        };
        case.bind(config, &windows);
        // What is bounded by the clock is not late, what is measured is.
        let lag = spec.metric_lag.unwrap_or_default().get();
        case.lag = lag.min(spec.horizon.get().saturating_sub(case.lead));
        case.lead += case.lag;
        case
    }

    /// From decision to Ready.
    pub(super) fn to_ready(&self) -> Duration {
        self.lead.saturating_sub(self.lag)
    }

    /// How far ahead a plan has to see: it stands until the next one, and the HPA asks every 15 s.
    pub(super) fn ahead(&self) -> Duration {
        self.lead + self.spec.interval.get().saturating_sub(lead_time::HPA_SYNC)
    }

    /// Time since the last look; `None` when nothing is known of it, or when so much has passed that the present says
    /// nothing about what was asked before.
    pub(super) fn passed(&self, at: Option<Timestamp>) -> Option<Duration> {
        let longest = longest_gap(self.spec.interval);
        let passed = self.now.since(at.filter(|at| *at <= self.now)?);
        (passed <= longest).then_some(passed)
    }

    /// Width of the slots in which what was asked for over the lead time is remembered: `given` of them make a lead time that is
    /// given. It stays the same while a learned one moves, so that what was asked for before a ramp is known on it.
    pub(super) fn slot(&self, given: u32) -> Duration {
        let spec = self.spec;
        match spec.lead_time {
            LeadTime::Fixed(_) => self.lead / given,
            // A slot counts as a whole, so that a wide one would make a short lead time longer.
            LeadTime::Auto if self.lead <= LEARNED_SLOT * LEARNED_SLOTS => {
                (spec.horizon.get() / LEARNED_SLOTS).min(LEARNED_SLOT)
            }
            LeadTime::Auto => spec.horizon.get() / LEARNED_SLOTS,
        }
    }

    /// Sets the bounds, looking as far ahead as the lead time.
    fn bind(&mut self, config: &Config, windows: &[BoundWindow]) {
        let server = config.max_replicas.max(1);
        let mut force = bounds::in_force(
            windows,
            Plain {
                min: self.min_replicas(),
                max: self.max_replicas(),
                now: self.now,
                lead: self.lead,
            },
        );
        self.server_max = force.max > server;
        force.max = force.max.min(server);
        self.bounds = force;
    }

    /// `minReplicas`, or the cluster's.
    fn min_replicas(&self) -> u32 {
        let read = self.cluster.min(self.spec).map(|min| min.replicas);
        self.spec.min_replicas.or(read).unwrap_or(0)
    }

    /// `maxReplicas`, or the cluster's.
    fn max_replicas(&self) -> u32 {
        let read = self.cluster.max(self.spec).map(|max| max.replicas);
        self.spec.max_replicas.or(read).unwrap_or(u32::MAX)
    }

    /// How far ahead to look, the horizon aside, and how much of that the HPA takes. A larger step up takes longer, so that where the lead
    /// time is learned, the step that the shortest one asks for decides.
    fn lead_time(&self, config: &Config) -> (Duration, (Duration, u32), LeadSource) {
        let default = config.default_lead_time.get();
        let given = |lead, source| (lead, (Duration::ZERO, 0), source);
        match (self.spec.lead_time, self.past.experience()) {
            (LeadTime::Fixed(lead), _) => given(lead.get(), LeadSource::Given),
            (LeadTime::Auto, None) => given(default, LeadSource::Default { seen: 0 }),
            (LeadTime::Auto, Some(Experience { lead, .. })) => {
                let most = self.spec.horizon.get();
                let of = |batch, most| lead_time::lead(lead, default, most, batch);
                let batch = self.step_up(of(1, most).0);
                let (started, source) = of(batch, Duration::MAX);
                let climb = self.climb_of(&source, batch);
                (started.saturating_add(climb), (climb, batch), source)
            }
        }
    }

    /// What comes on top of a lead time that was learned from the pods alone.
    fn climb_of(&self, source: &LeadSource, batch: u32) -> Duration {
        if self.cluster.starts().is_none() || !matches!(source, LeadSource::Learned { .. }) {
            return Duration::ZERO;
        }
        let from = self.cluster.current().or(self.past.previous());
        self.cluster.climb(from.unwrap_or(0), batch)
    }

    /// Replicas that the expectation for the time `ahead` is above the plan before.
    fn step_up(&self, ahead: Duration) -> u32 {
        let until = self.now + ahead;
        let peak = self
            .forecast
            .and_then(|forecast| forecast.worst(self.spec.quantile, self.now, until));
        let wanted = peak.map_or(0, |peak| self.bounded(self.expected_need(peak.value)));
        wanted.saturating_sub(self.past.previous().unwrap_or(wanted))
    }

    /// What one replica was found to carry, if that was learned.
    pub(super) fn capacity_text(&self) -> Option<String> {
        let capacity = self.capacity?;
        let objective = self.spec.latency_slo?;
        let bound = match capacity.bound {
            CapacityBound::Within => "",
            CapacityBound::AtLeast => "at least ",
            CapacityBound::AtMost => "at most ",
        };
        let dropped = capacity.dropped.map_or_else(String::new, |drop| {
            let was = amount(drop.from);
            format!(", down from {was} since {}", drop.since)
        });
        Some(format!(
            "one replica carries {bound}{} within the `latencySlo` of {objective}, as {} pairs of load and latency \
             show{dropped}; `threshold` says {}",
            amount(capacity.per_replica),
            capacity.pairs,
            amount(self.spec.threshold),
        ))
    }

    /// Where the time that the plan looks ahead comes from, unless it is what the trigger says.
    pub(super) fn lead_text(&self) -> Option<String> {
        let ready = span(self.whole);
        let lead = match self.lead_source {
            LeadSource::Learned { scale_ups, batch } => {
                let climb = if self.climb.0.is_zero() {
                    String::new()
                } else {
                    format!(
                        ", and the HPA's `behavior` takes {} to ask for {}",
                        span(self.climb.0),
                        replicas(self.climb.1)
                    )
                };
                format!(
                    "nine in ten of {scale_ups} scale-ups were ready within {}, for {} at once{climb}",
                    span(self.whole.saturating_sub(self.climb.0)),
                    replicas(batch)
                )
            }
            LeadSource::Default { seen }
                if self.spec.replicas_query.is_some() || self.cluster.teaches() =>
            {
                format!(
                    "the server's default of {ready}, for {seen} scale-ups seen so far are too few"
                )
            }
            LeadSource::Default { .. } | LeadSource::Given
                if self.lag.is_zero() && self.whole <= self.to_ready() =>
            {
                return None;
            }
            LeadSource::Default { .. } => format!("the server's default of {ready}"),
            LeadSource::Given => format!("the `leadTime` of {ready}"),
        };
        let lag = if self.lag.is_zero() {
            String::new()
        } else {
            format!(
                ", and {} that the metric is behind the load",
                span(self.lag)
            )
        };
        let cut = if self.whole > self.to_ready() {
            let horizon = self.spec.horizon;
            format!(
                "; the `horizon` of {horizon} is shorter, so that scale-ups are asked for too late"
            )
        } else {
            String::new()
        };
        Some(format!(
            "looking {} ahead: {lead}{lag}{cut}",
            span(self.lead)
        ))
    }

    /// Replicas for a measured load.
    pub(super) fn measured_need(&self, load: f64) -> u32 {
        self.need(load, MEASURED_NOISE)
    }

    /// Replicas for an expected load.
    pub(super) fn expected_need(&self, load: f64) -> u32 {
        self.need(load, FORECAST_NOISE)
    }

    /// Replicas for a measured load by the threshold alone: what KEDA is told where the plan has no say.
    pub(super) fn plain_need(&self, load: f64) -> u32 {
        need(load, self.spec.threshold, MEASURED_NOISE)
    }

    /// The same for a load that was kept in single precision.
    pub(super) fn plain_need_of_kept(&self, load: f64) -> u32 {
        need(load, self.spec.threshold, FORECAST_NOISE)
    }

    /// A load in replicas, not rounded.
    pub(super) fn load_in_replicas(&self, load: f64) -> f64 {
        load.max(0.0) / self.per_replica().max(0.001)
    }

    /// Load that one replica carries.
    pub(super) fn per_replica(&self) -> f64 {
        let known = self.capacity.map(|capacity| capacity.per_replica);
        known
            .filter(|known| known.is_finite())
            .unwrap_or(self.spec.threshold)
    }

    fn need(&self, load: f64, noise: f64) -> u32 {
        need(load, self.per_replica(), noise)
    }
}

fn need(load: f64, per_replica: f64, noise: f64) -> u32 {
    let share = load.max(0.0) / per_replica.max(0.001);
    let whole = share.round();
    // A float too large for the type becomes its largest value, and `maxReplicas` does the rest.
    if (share - whole).abs() <= noise * share.max(1.0) {
        whole as u32
    } else {
        share.ceil() as u32
    }
}

impl Case<'_> {
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
        self.bounds.min
    }

    pub(super) fn upper_bound(&self) -> u32 {
        self.bounds.max
    }

    /// Whether KEDA scales a workload to zero that is not `active`. Where the ScaledObject keeps a replica or more (the trigger's
    /// minimum speaks where that is not known) the HPA goes on following the number.
    pub(super) fn rests(&self, active: bool) -> bool {
        let least = self.cluster.rests_at().or(self.spec.min_replicas);
        !active && least.unwrap_or(0) == 0
    }

    /// Whether a window asks for replicas: it would be in vain for a workload that is scaled to zero.
    pub(super) fn window_runs(&self) -> bool {
        self.bounds.runs && self.bounds.max > 0
    }

    /// `replicas` within `minReplicas` and the upper bound; the upper one wins.
    pub(super) fn bounded(&self, replicas: u32) -> u32 {
        replicas.max(self.bounds.min).min(self.bounds.max)
    }

    /// The upper bound in words.
    pub(super) fn upper_bound_text(&self) -> String {
        let whose = match &self.bounds.max_by {
            _ if self.server_max => "the server's own bound `plan.maxReplicas`",
            Some(text) => return text.clone(),
            None => (self.cluster.max(self.spec)).map_or("`maxReplicas`", |max| max.by.most()),
        };
        format!("{whose} allows no more than {}", replicas(self.bounds.max))
    }

    /// The lower bound in words.
    pub(super) fn lower_bound_text(&self) -> String {
        let plain = || {
            let least = replicas(self.bounds.min);
            let min = self.cluster.min(self.spec);
            let whose = min.map_or("`minReplicas`", |min| min.by.least());
            format!("{whose} asks for at least {least}")
        };
        self.bounds.min_by.clone().unwrap_or_else(plain)
    }

    /// `load` and what one replica carries, in words.
    pub(super) fn load_text(&self, load: f64) -> String {
        load_text(load, self.per_replica())
    }

    /// The same by the threshold alone.
    pub(super) fn plain_load_text(&self, load: f64) -> String {
        load_text(load, self.spec.threshold)
    }
}

fn load_text(load: f64, per_replica: f64) -> String {
    format!("{} at {} per replica", amount(load), amount(per_replica))
}
