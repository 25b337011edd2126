//! Cannot hurt: ten thousand random faults in the whole loop, from the reading to the number for KEDA: Prometheus down, slow, empty, not a
//! number, stale, with holes, in part, with two series; a clock that jumps; networks that are broken, absent, late, or forecast
//! nonsense; crashes, restarts and other settings. It is the engine of `serve` on a clock moved by hand, with its history,
//! models, planner and snapshots; only the wire to Prometheus is a script (`tests/faults.rs` breaks that one).
//!
//! After every turn, for every workload: KEDA is told a finite number that lands on the plan, never less than
//! min(what the load needs now, the last good plan), never 0 and never that it sleeps, since there always is load. What a
//! life does follows from its seed, and a failure names seed and turn.

#![expect(clippy::unwrap_used, reason = "the stage fails as its tests do")]

#[path = "../support/onnx.rs"]
#[expect(dead_code, reason = "shared with the tests of the engines")]
mod support;

mod networks;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::analyze;
use forescale::control::{self, Engine, Metrics, Parts};
use forescale::domain::{
    Basis, Clock, HumanDuration, ManualClock, Metadata, Mode, Plan, Timestamp, WorkloadKey,
    milli_truncated,
};
use forescale::execute::keda::parse_metadata;
use forescale::knowledge::{self, Board, Store, Workload};
use forescale::monitor::{FetchErrorKind, Monitor, Script};
use forescale::plan;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

use networks::Networks;
use world::{Fault, State, World};

/// Faults that must have been lived through.
const FAULTS: usize = 10_000;
const LIVES: u64 = 80;
const TURNS: u64 = 60;
const START: Timestamp = Timestamp::from_secs(1_780_000_020);
const THRESHOLD: f64 = 10.0;
/// An hour, less what passes between a reading and a look at what came of it.
const IN_PART: Duration = Duration::from_mins(57);
/// A plan that is older than this is not told after a restart.
const TOO_OLD: Duration = Duration::from_mins(30);

const PLACES: usize = 6;

/// The workloads of each life and what their triggers say beside the usual.
const WORKLOADS: [(&str, &[(&str, &str)]); PLACES] = [
    (
        "naive",
        &[
            ("model", "naive"),
            ("replicasQuery", "ready"),
            ("scaleDownWindow", "1m"),
        ],
    ),
    (
        "network",
        &[
            ("model", "onnx:m"),
            ("quantile", "0.9"),
            ("maxReplicas", "70"),
            ("rampDown", "50%/1m"),
        ],
    ),
    ("shadow", &[("model", "recent-mean"), ("mode", "shadow")]),
    ("reactive", &[("mode", "reactive"), ("maxReplicas", "60")]),
    (
        "auto",
        &[
            ("mode", "auto"),
            ("model", "recent-mean"),
            ("maxChangesPerHour", "40"),
        ],
    ),
    (
        "scale-out",
        &[
            ("mode", "scale-out"),
            ("model", "naive"),
            ("leadTime", "auto"),
        ],
    ),
];

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn fault(&mut self) -> Fault {
        match self.below(14) {
            0 | 1 => Fault::None,
            2..=4 => Fault::Error(FetchErrorKind::ALL[self.below(9) as usize]),
            5 => Fault::Slow(self.below(90)),
            6 => Fault::TimesOut(self.below(60)),
            7 => Fault::Empty,
            8 => Fault::NotFinite,
            9 | 10 => Fault::Stale(self.below(900)),
            11 | 12 => Fault::Partial(self.below(101)),
            _ => Fault::Holes(2 + self.below(6)),
        }
    }

    fn jump(&mut self) -> i64 {
        let furthest = [90, 7200, 300_000][self.below(3) as usize];
        let by = self.below(furthest).cast_signed();
        [by, -by, 0][self.below(3) as usize]
    }
}

/// What a workload may be held to.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The last good plan.
    good: Option<u32>,
    /// The bound under which the newest plan was made.
    max: u32,
    /// When that was.
    made: Option<Timestamp>,
    /// Since when there was nothing but parts of the load, by the loop's clock: after an hour one may be taken for all.
    in_part_since: Option<Timestamp>,
    /// The number of the held plan before, where that was held too.
    held: Option<u32>,
}

impl Known {
    fn look(&mut self, fault: Fault, clock: Timestamp) {
        let since = self.in_part_since.filter(|at| *at <= clock);
        let is_partial = matches!(fault, Fault::Partial(_));
        self.in_part_since = is_partial.then(|| since.unwrap_or(clock));
    }
}

/// One life: a loop with its world, its snapshots, and what it may be held to.
struct Life<'a> {
    seed: u64,
    turn: u64,
    dice: Dice,
    world: Arc<World>,
    networks: &'a Networks,
    data: TempDir,
    engine: Option<Arc<Engine>>,
    /// The server's bound.
    max: u32,
    /// What each workload may be held to, and what the snapshot knows of it.
    known: [Known; PLACES],
    saved: [Known; PLACES],
    faults: usize,
    /// Decisions that were held, and those that rest on a forecast.
    held: usize,
    forecast: usize,
}

impl<'a> Life<'a> {
    fn begin(seed: u64, networks: &'a Networks) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let world = Arc::new(World {
            seed,
            clock,
            state: Mutex::new(State {
                now: START,
                offset: 0,
                faults: [Fault::None; PLACES],
            }),
        });
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let data = TempDir::new().unwrap();
        let max = 10_000;
        let engine = engine(&world, networks, data.path(), &mut dice, max);
        Self {
            seed,
            turn: 0,
            dice,
            world,
            networks,
            data,
            engine: Some(engine),
            max,
            known: [Known::default(); PLACES],
            saved: [Known::default(); PLACES],
            faults: 0,
            held: 0,
            forecast: 0,
        }
    }

    async fn live(&mut self) {
        for turn in 0..TURNS {
            self.turn = turn;
            if self.dice.one_in(12) {
                self.engine().save().await;
                self.saved = self.known;
            }
            if self.dice.one_in(15) {
                self.restart().await;
            }
            self.weather();
            let secs = 15 + self.dice.below(60);
            self.world.pass(secs);
            self.engine().turn().await;
            for place in 0..WORKLOADS.len() {
                self.check(place);
            }
        }
    }

    /// Faults come and go.
    fn weather(&mut self) {
        let mut state = self.world.state.lock().unwrap();
        for fault in &mut state.faults {
            if self.dice.one_in(3) {
                *fault = self.dice.fault();
            }
            self.faults += usize::from(*fault != Fault::None);
        }
        if self.dice.one_in(12) {
            state.offset = 1000 * self.dice.jump();
            self.faults += 1;
        }
    }

    /// Ends, in order or not, and begins again with other settings and other networks.
    async fn restart(&mut self) {
        self.faults += 1;
        if self.dice.one_in(2) {
            self.engine().save().await;
            self.saved = self.known;
        }
        self.max = [10_000, 10_000, 45, 12][self.dice.below(4) as usize];
        // The store is locked by the engine that holds it.
        self.engine = None;
        let (data, dice) = (self.data.path(), &mut self.dice);
        self.engine = Some(engine(&self.world, self.networks, data, dice, self.max));
        self.known = self.saved;
        for known in &mut self.known {
            (known.held, known.in_part_since) = (None, None);
        }
        for place in 0..WORKLOADS.len() {
            self.check(place);
        }
    }

    fn engine(&self) -> Arc<Engine> {
        Arc::clone(self.engine.as_ref().unwrap())
    }

    fn workload(&self, place: usize) -> Arc<Workload> {
        let name = WORKLOADS[place].0;
        let found = self.engine().board().of_scaled_object("shop", name);
        found.into_iter().next().unwrap()
    }

    /// What KEDA is told now.
    fn check(&mut self, place: usize) {
        let workload = self.workload(place);
        let state = self.world.state.lock().unwrap().clone();
        let clock = self.engine().now();
        self.known[place].look(state.faults[place], clock);
        let context = |what: &str, plan: Option<&Plan>| {
            format!(
                "{what}: life {} at turn {}, `{}` with {:?}, last good {:?}: {plan:#?}",
                self.seed, self.turn, WORKLOADS[place].0, state.faults[place], self.known[place]
            )
        };
        let known = &self.known[place];
        let Some(published) = workload.published() else {
            let old = known.made.is_none_or(|at| at.apart(clock) > TOO_OLD);
            assert!(
                old || known.good.is_none(),
                "{}",
                context("an answer was lost", None)
            );
            (self.known[place].good, self.known[place].held) = (None, None);
            return;
        };
        let plan = &*published.plan;
        let that = |holds: bool, what: &str| assert!(holds, "{}", context(what, Some(plan)));
        let served = plan.served;
        that(
            served.value.is_finite() && served.target.is_finite() && served.target > 0.0,
            "no number",
        );
        let told = |value: f64, target: f64| {
            (milli_truncated(value) as f64 / milli_truncated(target) as f64).ceil()
        };
        let lands = told(served.value, served.target);
        that(
            (lands - f64::from(plan.replicas)).abs() < 0.5,
            "lands elsewhere",
        );
        let whole = told(served.value_int as f64, served.target_int as f64);
        that((whole - lands).abs() < 0.5, "the integers say otherwise");
        that(plan.active && plan.replicas >= 1, "asleep by accident");

        let own = workload.spec.max_replicas.unwrap_or(u32::MAX);
        let max = own.min(self.max);
        let needs = |load: f64| (load / THRESHOLD * (1.0 - 1e-9)).ceil() as u32;
        if plan.basis == Basis::Restored {
            // From before the restart, under the settings of that time.
            let Known { good, max, .. } = self.known[place];
            let now = needs(self.world.load(place, state.now));
            let least = good.map_or(1, |good| now.min(good).min(max));
            that(plan.replicas >= least, "too few after a restart");
            return;
        }
        that(
            plan.replicas <= max && plan.planned <= max,
            "above the maximum",
        );
        if plan.basis == Basis::Held {
            let now = needs(self.world.load(place, state.now));
            if let Some(good) = known.good {
                that(
                    plan.replicas >= now.min(good).min(max),
                    "too few while holding",
                );
            }
            // More may be told where the HPA would not hear of a plan within its tolerance.
            let told_alone = matches!(workload.spec.mode, Mode::Shadow | Mode::Reactive);
            let holds = [plan.planned, plan.replicas][usize::from(told_alone)];
            if let Some(held) = known.held {
                that(holds >= held.min(max), "lowered while holding");
            }
            self.known[place].held = Some(holds);
        } else {
            let seen = plan.observed.unwrap();
            let is = self.world.load(place, seen.at);
            let long = known
                .in_part_since
                .is_some_and(|at| clock.since(at) > IN_PART);
            let part = long && seen.value < is;
            that(
                part || seen.value.to_bits() == is.to_bits(),
                "planned on a load that never was",
            );
            that(
                plan.replicas >= needs(seen.value).min(max),
                "below the measured load",
            );
            if matches!(workload.spec.mode, Mode::Shadow | Mode::Reactive) {
                that(
                    plan.replicas == needs(seen.value).min(max),
                    "the plan was served",
                );
            }
            self.known[place].good = Some(plan.replicas);
            self.known[place].held = None;
        }
        self.known[place].max = max;
        self.known[place].made = Some(plan.at);
        self.held += usize::from(plan.basis == Basis::Held);
        self.forecast += usize::from(plan.basis == Basis::Forecast);
    }
}

fn engine(
    world: &Arc<World>,
    networks: &Networks,
    data: &Path,
    dice: &mut Dice,
    max: u32,
) -> Arc<Engine> {
    let models = &networks.registries[dice.below(networks.registries.len() as u64) as usize];
    // Nothing is in time at zero.
    let patience = [600, 600, 600, 0][dice.below(4) as usize];
    let stale_after = [30, 120, 600][dice.below(3) as usize];
    let knowledge = knowledge::Config {
        forget_after: HumanDuration(Duration::MAX),
        ..knowledge::Config::default()
    };
    let engine = Engine::new(Parts {
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        board: Arc::new(Board::new(knowledge.max_workloads)),
        monitor: Monitor::scripted(Arc::clone(world) as Arc<dyn Script>),
        models: Arc::clone(models),
        store: Some(Arc::new(Store::open(data).unwrap())),
        control: control::Config::default(),
        analyze: analyze::Config {
            model_timeout: HumanDuration::from_secs(patience),
            ..analyze::Config::default()
        },
        plan: plan::Config {
            max_replicas: max,
            stale_after: HumanDuration::from_secs(stale_after),
            ..plan::Config::default()
        },
        knowledge,
        metrics: Metrics::default(),
        recorder: None,
        enrolled: Vec::new(),
    });
    engine.restore().unwrap();
    for (name, more) in WORKLOADS {
        let mut metadata: Metadata = BTreeMap::from(
            [
                ("query", name),
                ("threshold", "10"),
                ("history", "40m"),
                ("horizon", "5m"),
                ("leadTime", "2m"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        metadata.extend((more.iter()).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let parsed = parse_metadata(&metadata).unwrap();
        let key = WorkloadKey::new("shop", name, metadata);
        let now = engine.now();
        (engine.board())
            .register(key, parsed.spec, parsed.warnings, now)
            .unwrap();
    }
    engine
}

#[test]
fn ten_thousand_faults_never_scale_below_what_is_known_nor_stop_a_workload() {
    let networks = Networks::write();
    let (next, faults) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (held, forecast) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism()
            .map_or(2, usize::from)
            .min(4)
        {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed) as u64;
                    if seed >= LIVES {
                        return;
                    }
                    let mut life = Life::begin(seed, &networks);
                    runtime.block_on(life.live());
                    faults.fetch_add(life.faults, Ordering::Relaxed);
                    held.fetch_add(life.held, Ordering::Relaxed);
                    forecast.fetch_add(life.forecast, Ordering::Relaxed);
                }
            });
        }
    });
    let [faults, held, forecast] = [faults, held, forecast].map(AtomicUsize::into_inner);
    assert!(faults >= FAULTS, "only {faults} faults");
    assert!(held > FAULTS / 4, "only {held} decisions were held");
    assert!(
        forecast > FAULTS / 10,
        "only {forecast} decisions rest on a forecast"
    );
}
