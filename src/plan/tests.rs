//! The planner's behaviour, told as stories: a scenario holds the trigger, the clock and the memory between plans.

mod bounds;
mod budget;
mod faults;
mod freshness;
mod guards;
mod learned;
mod limits;
mod modes;
mod peak;
mod recall;
mod record;

use std::sync::Arc;
use std::time::Duration;

use super::{Config, Inputs, decide};
use crate::domain::{
    ClusterFacts, Experience, Forecast, HumanDuration, LeadLine, LeadRecord, LeadTime, Limit, Mode,
    ModelChoice, Plan, PlanInputs, PlanMemory, PlanRecord, Quantile, Ramp, RampStep, Reason,
    Sample, ScaleUp, SourceRef, Timestamp, TriggerSpec,
};

const STEP: Duration = Duration::from_mins(1);

/// One workload at 100 per replica with a lead time of 3 minutes, no headroom, no limits.
pub(super) struct Scenario {
    pub(super) config: Config,
    pub(super) spec: TriggerSpec,
    pub(super) now: Timestamp,
    pub(super) forecast: Option<Forecast>,
    distrust: Option<&'static str>,
    pub(super) ready: Option<Sample>,
    pub(super) facts: Option<ClusterFacts>,
    pub(super) memory: PlanMemory,
}

impl Scenario {
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            spec: spec(),
            now: Timestamp::from_secs(1_700_000_040),
            forecast: None,
            distrust: None,
            ready: None,
            facts: None,
            memory: PlanMemory::default(),
        }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut TriggerSpec)) -> Self {
        change(&mut self.spec);
        self
    }

    pub(super) fn distrusting(mut self, why: &'static str) -> Self {
        self.distrust = Some(why);
        self
    }

    pub(super) fn trusting(mut self) -> Self {
        self.distrust = None;
        self
    }

    /// A forecast from now on: its 0.9 path step by step, its median at half of that.
    fn expecting(mut self, path: &[f32]) -> Self {
        self.expect(path);
        self
    }

    pub(super) fn expect(&mut self, path: &[f32]) {
        self.expect_around(path, 0.5);
    }

    /// The same with a median of `share` of the path, which is the 0.9 quantile.
    pub(super) fn expect_around(&mut self, path: &[f32], share: f32) {
        let medians = path.iter().map(|value| value * share);
        let values = medians.chain(path.iter().copied()).collect();
        let levels = [0.5, 0.9]
            .map(|level| Quantile::new(level).unwrap())
            .to_vec();
        let origin = self.now.floor_to(STEP);
        self.forecast =
            Some(Forecast::new("test", origin, STEP, levels, values, Some(0.0)).unwrap());
    }

    pub(super) fn later(&mut self, secs: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(secs);
        self
    }

    /// Has seen six scale-ups, each of which took so long.
    pub(super) fn learned_lead(&mut self, seconds: f64) {
        let scale_up = ScaleUp {
            batch: 2,
            seconds: seconds as f32,
        };
        let lead = LeadRecord {
            scale_ups: [scale_up; 6].into(),
            line: Some(LeadLine {
                intercept: seconds,
                slope: 0.0,
                largest: 4,
            }),
            ..LeadRecord::default()
        };
        self.memory.experience = Some(Arc::new(Experience {
            lead,
            ..Experience::default()
        }));
    }

    /// Decides on a sample of `age` seconds.
    fn sees_aged(&mut self, value: f64, age: u64) -> Option<Plan> {
        let at = self.now - Duration::from_secs(age);
        self.decide(Some(Sample { at, value }))
    }

    /// Decides on a fresh sample.
    pub(super) fn sees(&mut self, value: f64) -> Plan {
        self.sees_aged(value, 10).unwrap()
    }

    /// Decides without a sample.
    fn sees_nothing(&mut self) -> Option<Plan> {
        self.decide(None)
    }

    pub(super) fn decide(&mut self, observed: Option<Sample>) -> Option<Plan> {
        let (plan, memory) = decide(
            &self.config,
            &Inputs {
                now: self.now,
                spec: &self.spec,
                observed,
                fault: None,
                forecast: self.forecast.as_ref(),
                distrust: self.distrust,
                ready: self.ready,
                facts: self.facts.as_ref(),
                memory: &self.memory,
            },
        )?;
        self.memory = memory;
        Some(plan)
    }

    /// Decides; the plan with all that it was made from.
    pub(super) fn on_record(&mut self, observed: Option<Sample>) -> Option<PlanRecord<Config>> {
        let inputs = PlanInputs {
            now: self.now,
            observed,
            ready: None,
            facts: self.facts.clone().map(Into::into),
            fault: None,
            forecast: self.forecast.clone().map(Into::into),
            distrust: self.distrust.map(str::to_owned),
            memory: self.memory.clone(),
        };
        let plan = self.decide(observed)?;
        Some(PlanRecord {
            settings: self.config.clone(),
            spec: self.spec.clone(),
            inputs,
            plan: plan.into(),
        })
    }
}

fn spec() -> TriggerSpec {
    TriggerSpec {
        query: "sum(rate(http_requests_total[1m]))".into(),
        follows: None,
        source: SourceRef::Default,
        threshold: 100.0,
        activation_threshold: 0.0,
        query_parameters: vec![],
        custom_headers: vec![],
        namespace: None,
        ignore_null_values: true,
        unsafe_ssl: false,
        timeout: None,
        mode: Mode::Predictive,
        model: ModelChoice::Auto,
        horizon: HumanDuration::from_secs(1800),
        step: STEP.into(),
        history: HumanDuration::from_secs(14 * 86_400),
        interval: HumanDuration::from_secs(15),
        lead_time: LeadTime::Fixed(HumanDuration::from_secs(180)),
        metric_lag: None,
        headroom: 0.0,
        quantile: Quantile::new(0.9).unwrap(),
        max_overload: None,
        shortage_cost: None,
        min_replicas: None,
        max_replicas: None,
        bounds: None,
        calendar: None,
        max_changes_per_hour: None,
        ramp_up: None,
        ramp_down: None,
        scale_down_window: Some(HumanDuration::default()),
        hpa_tolerance: Some(0.0),
        timezone: "UTC".into(),
        max_replica_hours_per_day: None,
        latency_query: None,
        latency_slo: None,
        replicas_query: None,
        cpu_query: None,
        memory_query: None,
        events: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a ramp as a trigger holds it")]
fn percent(percent: f64, secs: u64) -> Option<Ramp> {
    Some(Ramp {
        by: RampStep::Percent(percent),
        per: HumanDuration::from_secs(secs),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "a ramp as a trigger holds it")]
fn by(replicas: u32, secs: u64) -> Option<Ramp> {
    Some(Ramp {
        by: RampStep::Replicas(replicas),
        per: HumanDuration::from_secs(secs),
    })
}

/// The reason of this limit; the plan must have it.
fn reason(plan: &Plan, limit: Limit) -> &Reason {
    let found = plan.reasons.iter().find(|reason| reason.limit == limit);
    found.unwrap_or_else(|| panic!("no {limit:?} in {:#?}", plan.reasons))
}

fn has(plan: &Plan, limit: Limit) -> bool {
    plan.reasons.iter().any(|reason| reason.limit == limit)
}
