//! The ticks.

use super::cpu::CpuMeter;
use super::retries::Retries;
use super::scene::note;
use super::{Cluster, Manifest, MetricType, Observed, Policy, Reading, Scene, TICK};
use crate::domain::{Sample, Timestamp};
use crate::simulate::figures::{Figures, Stretch, overloaded};
use crate::simulate::hpa::{Behavior, Fleet, Hpa, Metric, Source};
use crate::simulate::keda::{Answer, Keda};
use crate::simulate::metric::Meter;
use crate::simulate::pods::Pods;
use crate::simulate::queueing::Queue;

/// A run in progress: [`Simulation::observe`] and [`Simulation::apply`] in turn, so that whoever answers may take its
/// time in between. [`run`] does it for a [`Policy`].
#[derive(Clone, Debug)]
pub struct Simulation<'a> {
    scene: &'a Scene<'a>,
    now: Timestamp,
    meter: Meter,
    history: Vec<f64>,
    load: Option<Sample>,
    keda: Keda,
    hpa: Hpa,
    /// Between which replicas the fleet stays.
    min: u32,
    max: u32,
    wanted: u32,
    pods: Pods,
    cpu: CpuMeter,
    queue: Option<Queue>,
    retries: Option<Retries>,
    figures: Figures,
}

/// What happened in one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// When it began.
    pub at: Timestamp,
    /// Whether it counts, or only lets the fleet settle.
    pub judged: bool,
    /// What arrived, in the mean, retries included; `None` where the record has a gap, which nobody is judged on.
    pub demand: Option<f64>,
    /// What the query returned at its beginning.
    pub measured: Option<f64>,
    /// Replicas wanted, there, and ready after scaling.
    pub fleet: Fleet,
    /// Whether demand was above ready capacity.
    pub overloaded: bool,
    /// Share of the requests over the latency objective.
    pub over_objective: Option<f64>,
}

/// Runs `policy` on `scene`.
pub fn run<P: Policy + ?Sized>(scene: &Scene<'_>, policy: &mut P) -> Figures {
    run_with(scene, policy, |_| {})
}

/// The same, showing each tick to `watch`.
pub fn run_with<P: Policy + ?Sized>(
    scene: &Scene<'_>,
    policy: &mut P,
    mut watch: impl FnMut(&Tick),
) -> Figures {
    let mut simulation = Simulation::new(scene, policy.manifest());
    while let Some(seen) = simulation.observe() {
        let reading = policy.answer(&seen);
        watch(&simulation.apply(reading));
    }
    simulation.figures
}

// === impl Simulation ===

impl<'a> Simulation<'a> {
    /// A run on `scene` of a policy with this manifest.
    pub fn new(scene: &'a Scene<'a>, manifest: Manifest) -> Self {
        let cluster = scene.cluster;
        let now = scene.begin();
        let mut object = cluster.object.clone();
        if !manifest.activated {
            // The HPA reads its metric without KEDA.
            object.min_replicas = object.min_replicas.max(1);
            object.fallback = None;
            object.use_cached_metrics = false;
        }
        let min = object.min_replicas;
        let max = object.max_replicas.max(min);
        let keda = Keda::new(object, manifest.target, now);
        let wanted = scene.first_fleet(min, max);
        let past = scene.past();
        let left = past.steps_in(scene.until().since(now));
        let mut history = Vec::with_capacity(past.values.len() + left + 2);
        history.extend_from_slice(past.values);
        Self {
            scene,
            now,
            meter: scene.meter(),
            history,
            load: None,
            hpa: hpa(
                &keda,
                manifest.behavior.or_else(|| cluster.behavior.clone()),
            )
            .with_tolerance(manifest.tolerance),
            keda,
            min,
            max,
            wanted,
            pods: pods(cluster).with_ready(wanted, now),
            cpu: CpuMeter::new(cluster.cpu),
            queue: cluster.service.map(Queue::new),
            retries: cluster.retry.map(Retries::new),
            figures: match cluster.service {
                Some(service) => Figures::with_allowed(service.allowed),
                None => Figures::new(),
            },
        }
    }

    /// What can be known at the beginning of the next tick; `None` when the run is over.
    pub fn observe(&mut self) -> Option<Observed<'_>> {
        if self.now >= self.scene.until() {
            return None;
        }
        self.pods.advance(self.now);
        self.load = self.meter.read(self.now);
        note(&mut self.history, self.scene.trace, &self.meter, self.now);
        Some(Observed {
            now: self.now,
            load: self.load,
            fleet: self.fleet(),
            history: self.scene.history(&self.history),
        })
    }

    /// Scales by `reading` and lets the tick pass.
    pub fn apply(&mut self, reading: Reading) -> Tick {
        self.wanted = self.scaled_by(reading);
        self.pods.scale_to(self.wanted, self.now);
        let end = self.now + TICK;
        let demand = self.scene.trace.mean(self.now, end);
        let offered =
            demand.map(|demand| demand + self.retries.as_ref().map_or(0.0, Retries::returning));
        self.meter.count(self.now, TICK, offered);
        let over_objective = self.serve(offered.unwrap_or(0.0), end);
        let tick = Tick {
            at: self.now,
            judged: self.now >= self.scene.from(),
            demand: offered,
            measured: self.load.map(|sample| sample.value),
            fleet: self.fleet(),
            overloaded: offered.is_some_and(|offered| {
                overloaded(offered, self.scene.cluster.capacity, self.fleet().ready)
            }),
            over_objective,
        };
        self.score(&tick);
        self.now = end;
        tick
    }

    /// The score so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    fn fleet(&self) -> Fleet {
        Fleet {
            spec: self.wanted,
            status: self.pods.total(),
            ready: self.pods.ready(self.now),
        }
    }

    fn scaled_by(&mut self, reading: Reading) -> u32 {
        let min = match reading {
            Reading::ScalerAbove(_, min) => min.clamp(self.min, self.max),
            _ => self.min,
        };
        self.hpa.set_min(min);
        match reading {
            Reading::Replicas(replicas) => replicas.clamp(self.min, self.max),
            Reading::Scaler(answer) => {
                let current = self.activated(answer);
                let source = self.read_through_keda(current, answer);
                self.synced(current, &[source])
            }
            Reading::ScalerAbove(answer, _) => {
                // Not left to the HPA, which would look at no metric in the sync that brings the fleet up to its minimum.
                let current = self.activated(answer).max(min);
                let source = self.read_through_keda(current, answer);
                self.synced(current, &[source])
            }
            Reading::Cpu(target) => {
                let source = self.read_cpu(target);
                self.synced(self.wanted, &[source])
            }
            Reading::ScalerAndCpu(answer, target) => {
                let current = self.activated(answer);
                let sources = [
                    self.read_through_keda(current, answer),
                    self.read_cpu(target),
                ];
                self.synced(current, &sources)
            }
        }
    }

    /// KEDA's own loop, when it is due.
    fn activated(&mut self, answer: Answer) -> u32 {
        if self.keda.due(self.now) {
            self.keda.poll(self.now, self.wanted, answer)
        } else {
            self.wanted
        }
    }

    fn read_through_keda(&mut self, current: u32, answer: Answer) -> Option<Source> {
        let metric: Option<Metric> = self.keda.read(current, || answer);
        metric.map(|metric| match self.scene.cluster.metric_type {
            MetricType::AverageValue => Source::AverageValue(metric),
            MetricType::Value => Source::Value(metric),
        })
    }

    fn read_cpu(&self, target: u32) -> Option<Source> {
        let resource = self.cpu.read(self.now, &self.pods, target);
        resource.map(Source::Resource)
    }

    fn synced(&mut self, current: u32, sources: &[Option<Source>]) -> u32 {
        let fleet = Fleet {
            spec: current,
            ..self.fleet()
        };
        self.hpa.sync_on(self.now, fleet, sources)
    }

    /// Lets the load of the tick meet the fleet; the share of requests over the objective, if that is modelled.
    fn serve(&mut self, load: f64, end: Timestamp) -> Option<f64> {
        let ready = f64::from(self.pods.ready(self.now));
        let capacity = ready * self.scene.cluster.capacity;
        let secs = TICK.as_secs_f64();
        let (over, unserved, full) = if let Some(queue) = &mut self.queue {
            let passage = queue.pass(load, capacity, secs);
            let waiting = queue.wait(capacity) > 0.0;
            let full = capacity / queue.utilisation_at_capacity();
            let busy = if waiting { f64::INFINITY } else { full };
            (Some(passage.over), passage.dropped / secs, busy)
        } else {
            (None, (load - capacity).max(0.0), capacity)
        };
        if let Some(retries) = &mut self.retries {
            retries.unserved(unserved);
        }
        let busy = if full.is_infinite() {
            1.0
        } else if full > 0.0 {
            load / full
        } else {
            0.0
        };
        self.cpu.record(end, busy);
        over
    }

    fn score(&mut self, tick: &Tick) {
        let Some(demand) = tick.demand.filter(|_| tick.judged) else {
            return;
        };
        self.figures.add(&Stretch {
            at: tick.at,
            length: TICK,
            demand,
            capacity_per_replica: self.scene.cluster.capacity,
            ready: tick.fleet.ready,
            wanted: tick.fleet.spec,
            paid: tick.fleet.status + self.pods.terminating(tick.at),
            over_objective: tick.over_objective,
        });
    }
}

fn hpa(keda: &Keda, behavior: Option<Behavior>) -> Hpa {
    let (min, max) = (keda.hpa_min(), keda.hpa_max());
    match behavior {
        Some(behavior) => Hpa::new(min, max, behavior),
        None => Hpa::without_behavior(min, max),
    }
}

fn pods(cluster: &Cluster) -> Pods {
    let pods = Pods::new(cluster.start_up, cluster.seed).with_grace(cluster.grace);
    match cluster.nodes {
        Some(pool) => pods.with_nodes(pool),
        None => pods,
    }
}
