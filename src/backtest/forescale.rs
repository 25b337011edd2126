//! Our own policy: what the production loop says, tick by tick.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::{FORESCALE, Settings, configured};
use crate::analyze::models::Registry;
use crate::control::replay::{READY, Replay, Rooms};
use crate::domain::{HumanDuration, LeadTime, Plan, Timestamp, TriggerSpec};
use crate::knowledge::BoardFull;
use crate::simulate::cluster::{
    Cluster, Manifest, Observed, Policy, Reading, Scene, Simulation, TICK, Tick, run, run_with,
};
use crate::simulate::figures::Figures;
use crate::simulate::hpa::Behavior;
use crate::simulate::keda::Answer;

/// `maxOverload` in percent, over which our frontier is swept: from the least that a trigger may ask for.
const SETTINGS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.07, 0.11, 0.17, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0,
];

/// From the decision to the HPA's having read it, on top of the start-up.
const CONTROL_DELAY: Duration = Duration::from_secs(30);

/// What the loop told KEDA at one safety setting.
#[derive(Debug)]
pub(super) struct Life {
    /// `maxOverload` in percent; `None` for the trigger as it is.
    pub(super) setting: Option<f64>,
    /// From the beginning of the scene on, tick by tick.
    answers: Vec<Answer>,
    begin: Timestamp,
    target: f64,
    /// `None` for the cluster's, which is none where the ScaledObject has none.
    behavior: Option<Behavior>,
    tolerance: f64,
    /// Plans that differ from the one before.
    pub(super) plans: Vec<Arc<Plan>>,
    /// What came of it, where the fleet was read.
    seen: Option<Seen>,
}

/// What came of a life beside its fleet.
#[derive(Debug)]
struct Seen {
    figures: Figures,
    /// The judged ticks, at the trigger's own setting.
    ticks: Vec<Tick>,
}

/// When the loop meets the workload.
pub(super) fn begin(scene: &Scene<'_>, settings: &Settings) -> Timestamp {
    let earliest = (scene.trace.start() + TICK).floor_to(TICK);
    let begin = scene.begin() - settings.history.get();
    begin.floor_to(TICK).max(earliest)
}

/// Lets the loop live through the record: at the trigger's own setting, and at each of the frontier's.
pub(super) async fn live(
    scene: &Scene<'_>,
    settings: &Settings,
    models: &Arc<Registry>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Life>, BoardFull> {
    let spec = spec(scene, settings);
    let begin = begin(scene, settings);
    let rooms = Rooms {
        models: Arc::clone(models),
        plan: settings.plan.clone(),
        analyze: settings.analyze.clone(),
    };
    let mut replay = Replay::new(scene.measured(), spec.clone(), rooms, begin)?;
    let behavior = match &settings.configured {
        Some(configured) => configured.under_a_plan(&spec),
        None => Some(configured::under_a_plan(&spec)),
    };
    let life = |setting| Life::new(setting, scene, &spec, behavior.clone());
    let mut lives = vec![life(None)];
    if settings.frontier {
        for percent in SETTINGS {
            replay.vary(TriggerSpec {
                max_overload: Some(percent / 100.0),
                shortage_cost: None,
                ..spec.clone()
            });
            lives.push(life(Some(percent)));
        }
    }
    let whole = scene.begun(begin);
    let mut fleets: Vec<Simulation<'_>> = if spec.replicas_query.is_some() {
        let manifests = lives.iter().map(|life| life.policy().manifest());
        manifests.map(|it| Simulation::new(&whole, it)).collect()
    } else {
        Vec::new()
    };
    let mut ticks = Vec::new();
    let mut now = begin;
    while now < scene.until() {
        let seen = fleets.iter_mut().filter_map(Simulation::observe);
        let ready: Vec<u32> = seen.map(|seen| seen.fleet.ready).collect();
        let (own, others) = match ready.split_first() {
            Some((own, others)) => (Some(*own), others),
            None => (None, &[][..]),
        };
        let own = replay.turn_beside(now, own).await;
        let mut plans = vec![own];
        plans.extend(replay.plans(others));
        for ((fleet, plan), life) in fleets.iter_mut().zip(&plans).zip(&mut lives) {
            let tick = fleet.apply(Reading::Scaler(answer(plan.as_deref())));
            if tick.judged && life.setting.is_none() {
                ticks.push(tick);
            }
        }
        for (life, plan) in lives.iter_mut().zip(plans) {
            if now >= scene.begin() {
                life.note(plan);
            }
        }
        progress(1);
        now = now + TICK;
    }
    for (fleet, life) in fleets.iter().zip(&mut lives) {
        life.seen = Some(Seen {
            figures: fleet.figures().clone(),
            // The first life is the one at the trigger's own setting.
            ticks: mem::take(&mut ticks),
        });
    }
    Ok(lives)
}

/// What KEDA gets of a plan.
fn answer(plan: Option<&Plan>) -> Answer {
    plan.map(|plan| (plan.served, plan.active))
}

/// The longest that it usually takes from load that is measured to a replica that is Ready for it.
pub(super) fn lead(cluster: &Cluster) -> Duration {
    let nodes = cluster.nodes;
    let nodes = nodes.map_or(Duration::ZERO, |pool| pool.provisioning);
    cluster.start_up.usual_longest() + nodes + CONTROL_DELAY
}

/// The trigger on this record. Where it reads its Ready replicas, the simulated cluster says them, so that it learns its lead time
/// and keeps to its objective as it would; otherwise it is told its lead time. Nothing else is there to be read. Its step stays
/// as it is, for the metric is there at any step, however coarse the record is that it is made of.
fn spec(scene: &Scene<'_>, settings: &Settings) -> TriggerSpec {
    let reads = settings.trigger.replicas_query.is_some();
    let lead = lead(scene.cluster);
    let path = scene.cluster.metric;
    TriggerSpec {
        query: FORESCALE.to_owned(),
        threshold: scene.cluster.capacity,
        lead_time: match settings.trigger.lead_time {
            LeadTime::Auto if !reads => LeadTime::Fixed(HumanDuration(lead)),
            given => given,
        },
        replicas_query: reads.then(|| READY.to_owned()),
        latency_query: None,
        cpu_query: None,
        memory_query: None,
        // What the cluster would say where it may be read.
        min_replicas: Some(scene.cluster.object.min_replicas),
        max_replicas: Some(scene.cluster.object.max_replicas),
        // A trigger that says nothing is tried on a metric that is late by its own window.
        metric_lag: Some(HumanDuration(path.rate_window / 2 + path.delay)),
        ..settings.trigger.clone()
    }
}

// === impl Life ===

impl Life {
    fn new(
        setting: Option<f64>,
        scene: &Scene<'_>,
        spec: &TriggerSpec,
        behavior: Option<Behavior>,
    ) -> Self {
        Self {
            setting,
            answers: Vec::new(),
            begin: scene.begin(),
            target: spec.target(),
            behavior,
            tolerance: configured::tolerance(spec),
            plans: Vec::new(),
            seen: None,
        }
    }

    fn note(&mut self, plan: Option<Arc<Plan>>) {
        self.answers.push(answer(plan.as_deref()));
        // Only the trigger's own plans are told about.
        let Some(plan) = plan.filter(|_| self.setting.is_none()) else {
            return;
        };
        if (self.plans.last()).is_none_or(|last| last.replicas != plan.replicas) {
            self.plans.push(plan);
        }
    }

    /// What came of it on `scene`.
    pub(super) fn figures(&self, scene: &Scene<'_>) -> Figures {
        let seen = self.seen.as_ref();
        seen.map_or_else(|| run(scene, &mut self.policy()), |it| it.figures.clone())
    }

    /// The judged ticks of that at the trigger's own setting.
    pub(super) fn ticks(&self, scene: &Scene<'_>) -> Vec<Tick> {
        let seen = self.seen.as_ref();
        seen.map_or_else(|| judged(scene, &mut self.policy()), |it| it.ticks.clone())
    }

    /// It as a policy.
    fn policy(&self) -> Played<'_> {
        Played { life: self }
    }
}

/// The judged ticks of a run.
pub(super) fn judged(scene: &Scene<'_>, policy: &mut dyn Policy) -> Vec<Tick> {
    let mut ticks = Vec::new();
    run_with(scene, policy, |tick| {
        if tick.judged {
            ticks.push(*tick);
        }
    });
    ticks
}

/// A life that is played back.
#[derive(Debug)]
struct Played<'a> {
    life: &'a Life,
}

impl Policy for Played<'_> {
    fn name(&self) -> &str {
        FORESCALE
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            target: self.life.target,
            behavior: self.life.behavior.clone(),
            tolerance: self.life.tolerance,
            ..Manifest::default()
        }
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        let tick = seen.now.since(self.life.begin).as_millis() / TICK.as_millis();
        let answer = usize::try_from(tick)
            .ok()
            .and_then(|tick| self.life.answers.get(tick).copied());
        Reading::Scaler(answer.flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::keda::metadata::parse_metadata;

    #[test]
    fn the_frontier_is_swept_over_what_a_trigger_may_ask_for() {
        for percent in SETTINGS {
            let metadata = [
                ("query", "sum(rate(x[1m]))".to_owned()),
                ("threshold", "100".to_owned()),
                ("maxOverload", format!("{percent}%")),
            ];
            let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
            let parsed = parse_metadata(&metadata.into_iter().collect());
            let asked = parsed.map(|parsed| parsed.spec.max_overload.unwrap());
            let asked = asked.unwrap_or_else(|mistakes| panic!("{percent} %: {mistakes:?}"));
            assert!((asked - percent / 100.0).abs() < 1e-12);
        }
    }
}
