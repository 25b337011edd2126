//! The loop on recorded history: the engine of `serve`, with a recording in the place of Prometheus and a clock that is
//! moved by hand. Nothing here decides anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::publish::Known;
use super::{Engine, Metrics, Parts};
use crate::analyze::models::Registry;
use crate::domain::{
    Clock, HumanDuration, ManualClock, Metadata, Plan, PlanMemory, PlanTrials, Sample, Series,
    Timestamp, TriggerSpec, WorkloadKey,
};
use crate::knowledge::{Board, BoardFull, Workload};
use crate::monitor::Monitor;
use crate::monitor::replay::ReplaySource;
use crate::{analyze, knowledge, plan};

/// A model may take as long as it needs: the clock waits for it.
const MODEL_TIMEOUT: HumanDuration = HumanDuration::from_secs(3600);

/// What the query for Ready replicas is called.
pub const READY: &str = "ready";

/// Stands where nobody knows how many they are.
const NOT_KNOWN: i64 = -1;

/// What a query returned, moment by moment.
#[derive(Debug)]
struct Recording {
    measured: Series,
    /// Replicas that are Ready now, or [`NOT_KNOWN`].
    ready: AtomicI64,
    clock: Arc<ManualClock>,
}

/// The loop of one workload, on a clock that is moved by hand.
#[derive(Debug)]
pub struct Replay {
    engine: Arc<Engine>,
    workload: Arc<Workload>,
    clock: Arc<ManualClock>,
    recording: Arc<Recording>,
    plan: plan::Config,
    variants: Vec<Variant>,
    /// The plan that the variants have planned beside, and what they said.
    last: Option<Arc<Plan>>,
    said: Vec<Option<Arc<Plan>>>,
}

/// The same load and forecasts, planned by another trigger.
#[derive(Debug)]
struct Variant {
    spec: TriggerSpec,
    memory: PlanMemory,
}

/// Settings and models of a loop.
#[derive(Debug)]
pub struct Rooms {
    /// Models.
    pub models: Arc<Registry>,
    /// How plans are made.
    pub plan: plan::Config,
    /// How forecasts are.
    pub analyze: analyze::Config,
}

/// The engine with one workload on its board, and nothing kept on disk.
pub(super) fn alone(
    clock: Arc<dyn Clock>,
    monitor: Monitor,
    (key, spec): (WorkloadKey, TriggerSpec),
    rooms: Rooms,
) -> Result<(Arc<Engine>, Arc<Workload>), BoardFull> {
    let knowledge = knowledge::Config {
        data_dir: None,
        forget_after: HumanDuration(Duration::MAX),
        ..knowledge::Config::default()
    };
    let board = Arc::new(Board::new(knowledge.max_workloads));
    let workload = board.register(key, spec, Vec::new(), clock.now())?;
    let engine = Engine::new(Parts {
        clock,
        board,
        monitor,
        models: rooms.models,
        store: None,
        control: super::Config::default(),
        analyze: analyze::Config {
            model_timeout: MODEL_TIMEOUT,
            ..rooms.analyze
        },
        plan: rooms.plan,
        knowledge,
        metrics: Metrics::default(),
        recorder: None,
        enrolled: Vec::new(),
    });
    Ok((engine, workload))
}

impl Variant {
    /// Knows what a rehearsal has taught the loop: how often each plan was short does not depend on how often it may be.
    fn attend(&mut self, trials: &PlanTrials) {
        let anew = trials.rehearsed != self.memory.trials.rehearsed;
        if anew || trials.minutes > 1.5 * self.memory.trials.minutes + 20.0 {
            self.memory.trials = Arc::new(PlanTrials {
                chosen: None,
                ..trials.clone()
            });
        }
    }
}

impl ReplaySource for Recording {
    fn value(&self, _: &str, at: Timestamp) -> Option<f64> {
        let step = self.measured.step();
        let since = at.as_millis() - self.measured.start().as_millis();
        let step = i64::try_from(step.as_millis())
            .ok()
            .filter(|step| *step > 0)?;
        let index = usize::try_from(since.div_euclid(step)).ok()?;
        let value = self.measured.values().get(index).copied();
        value.filter(|value| !value.is_nan())
    }

    fn beside(&self, query: &str) -> Option<f64> {
        let ready = u32::try_from(self.ready.load(Ordering::Relaxed)).ok();
        ready.filter(|_| query == READY).map(f64::from)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Replay {
    /// A loop that meets the workload at `now`, with what `measured` (what the query returned) holds up to then to read
    /// back.
    ///
    /// # Errors
    /// Never in practice: the board has room for its only workload.
    pub fn new(
        measured: Series,
        spec: TriggerSpec,
        rooms: Rooms,
        now: Timestamp,
    ) -> Result<Self, BoardFull> {
        let clock = Arc::new(ManualClock::at(now));
        let recording = Arc::new(Recording {
            measured,
            ready: AtomicI64::new(NOT_KNOWN),
            clock: Arc::clone(&clock),
        });
        let key = WorkloadKey::new("backtest", "workload", Metadata::default());
        let plan = rooms.plan.clone();
        let (engine, workload) = alone(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Monitor::recorded(Arc::clone(&recording) as Arc<dyn ReplaySource>),
            (key, spec),
            rooms,
        )?;
        Ok(Self {
            engine,
            workload,
            clock,
            recording,
            plan,
            variants: Vec::new(),
            last: None,
            said: Vec::new(),
        })
    }

    /// Plans by another trigger too, which must differ from the first one only in how it plans.
    pub fn vary(&mut self, spec: TriggerSpec) {
        let memory = PlanMemory::default();
        self.variants.push(Variant { spec, memory });
        self.last = None;
    }

    /// Lets the loop do all that is due at `now`; the plan that it published.
    pub async fn turn(&mut self, now: Timestamp) -> Option<Arc<Plan>> {
        self.turn_beside(now, None).await
    }

    /// The same beside a fleet of which so many are Ready, which is what the query [`READY`] returns.
    pub async fn turn_beside(&mut self, now: Timestamp, ready: Option<u32>) -> Option<Arc<Plan>> {
        let ready = ready.map_or(NOT_KNOWN, i64::from);
        self.recording.ready.store(ready, Ordering::Relaxed);
        self.clock.set(now);
        self.engine.turn().await;
        let published = self.workload.published()?;
        Some(Arc::clone(&published.plan))
    }

    /// The plans of the variants on what the loop has planned on last; like its own they stand until it plans again. `fleets` are
    /// the Ready replicas of each, where they are known.
    pub fn plans(&mut self, fleets: &[u32]) -> Vec<Option<Arc<Plan>>> {
        let Some(published) = self.workload.published() else {
            return self.variants.iter().map(|_| None).collect();
        };
        let last = self.last.replace(Arc::clone(&published.plan));
        if last.is_some_and(|last| Arc::ptr_eq(&last, &published.plan)) {
            return self.said.clone();
        }
        let (live, trials) = {
            let learned = self.workload.learned();
            (learned.live, Arc::clone(&learned.memory.trials))
        };
        let by_share = self.workload.spec.max_overload.is_some();
        let now = self.clock.now();
        let seen = |fleet: &u32| Sample {
            at: now,
            value: f64::from(*fleet),
        };
        let plan = |(place, variant): (usize, &mut Variant)| {
            let ready = fleets.get(place).map(seen);
            if by_share && variant.spec.max_overload.is_some() {
                variant.attend(&trials);
            }
            let known = Known {
                observed: live,
                ready,
                facts: None,
                health: &published.health,
                forecast: published.forecast.as_deref(),
                standing: published.standing.as_deref(),
            };
            let inputs = known.inputs(now, &variant.spec, &variant.memory);
            let (plan, memory) = plan::decide(&self.plan, &inputs)?;
            let readings = plan::Readings {
                load: live,
                ready,
                ..plan::Readings::default()
            };
            variant.memory = plan::learn(&variant.spec, now, &plan, &readings, None, memory);
            Some(Arc::new(plan))
        };
        self.said = self.variants.iter_mut().enumerate().map(plan).collect();
        self.said.clone()
    }
}
