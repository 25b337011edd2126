//! What is known about one workload.

mod weight;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{History, Restored, Side};
use crate::domain::{
    Anomaly, ClusterFacts, Fit, Forecast, Plan, PlanInputs, PlanMemory, Sample, Standing,
    Timestamp, Track, TriggerSpec, WorkloadKey,
};

/// Stands for the moment of the last question where there will be no other.
const LET_GO: i64 = i64::MIN;

/// One workload on the board.
#[derive(Debug)]
pub struct Workload {
    /// KEDA's three words.
    pub key: WorkloadKey,
    /// Its metadata, typed.
    pub spec: TriggerSpec,
    /// Things in the metadata that a person should know of, though they are no mistakes.
    pub warnings: Vec<String>,
    /// When KEDA first asked about it.
    pub registered_at: Timestamp,
    last_asked: AtomicI64,
    enrolled: AtomicBool,
    published: ArcSwapOption<Published>,
    first_fault: ArcSwapOption<Fault>,
    cluster: ArcSwapOption<ClusterFacts>,
    signal: watch::Sender<Signal>,
    learned: Mutex<Learned>,
}

/// What readers see: replaced whole, so that a reader never sees half a refresh.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The plan, with the numbers KEDA is told.
    pub plan: Arc<Plan>,
    /// The forecast behind it.
    pub forecast: Option<Arc<Forecast>>,
    /// How well forecasts have done lately.
    pub standing: Option<Arc<Standing>>,
    /// What was unusual in the history lately, oldest first; a few of the newest.
    pub anomalies: Arc<[Anomaly]>,
    /// How the workload's data is doing.
    pub health: Health,
}

/// How the workload's data is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// When Prometheus last answered the query with at least one usable sample.
    pub last_success: Option<Timestamp>,
    /// What was wrong with the last refresh, if anything.
    pub fault: Option<Fault>,
    /// Refreshes in a row that ended with a fault.
    pub faults_in_a_row: u32,
    /// Warnings that Prometheus sent with its last answer.
    pub warnings: Vec<String>,
    /// Whether the history has been read back as far as it goes.
    pub backfilled: bool,
}

/// A refresh that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// When it was seen.
    pub at: Timestamp,
    /// What kind, for metrics.
    pub kind: FaultKind,
    /// In words, for a person on call.
    pub text: String,
}

/// Kinds of faults, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// No connection.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An HTTP status that is no success.
    Status,
    /// 429.
    RateLimited,
    /// A body that was cut off, too large or not what Prometheus writes.
    Body,
    /// Prometheus refused the query itself.
    Query,
    /// More than one series.
    ManySeries,
    /// No series, or none any more.
    Empty,
    /// The newest samples are `NaN` or infinite.
    NotFinite,
    /// Part of the storage did not answer: the load is what was read, or more.
    Partial,
    /// The source's circuit is open after many failures.
    CircuitOpen,
    /// The source is not configured, or the address is not allowed.
    Config,
}

/// What streams to KEDA carry, and on whose change they send.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Signal {
    /// Whether the workload should run; `None` before anything is known.
    pub active: Option<bool>,
}

/// What the refresh loop has learned and keeps between refreshes. Only the loop writes it.
#[derive(Debug)]
pub struct Learned {
    /// The metric's history on the grid.
    pub history: History,
    /// The newest sample, which may lie between two grid points.
    pub live: Option<Sample>,
    /// Since when every answer has come in part only. It is not part of a snapshot.
    pub in_part_since: Option<Timestamp>,
    /// What the queries beside the load have last answered.
    pub side: Side,
    /// What fitting has learned.
    pub fit: Option<Arc<Fit>>,
    /// What is remembered of the forecasts that were made.
    pub track: Option<Arc<Track>>,
    /// Time of the oldest sample that `fit` has seen: history read back later calls for a new fit.
    pub fit_since: Option<Timestamp>,
    /// Whether the history has been read back as far as it goes.
    pub backfilled: bool,
    /// What the planner remembers.
    pub memory: PlanMemory,
    /// The newest plan with what it was made from. It is not part of a snapshot.
    pub decision: Option<Arc<Decision>>,
}

/// A plan with what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What it was made from, besides the trigger and the planner's settings.
    pub inputs: PlanInputs,
    /// The plan.
    pub plan: Arc<Plan>,
}

// === impl Workload ===

impl Workload {
    /// A workload of which nothing is known yet.
    pub fn new(key: WorkloadKey, spec: TriggerSpec, warnings: Vec<String>, now: Timestamp) -> Self {
        let learned = Learned {
            history: History::new(spec.step(), spec.history_steps()),
            live: None,
            in_part_since: None,
            side: Side::default(),
            fit: None,
            track: None,
            fit_since: None,
            backfilled: false,
            memory: PlanMemory::default(),
            decision: None,
        };
        Self {
            spec: spec.settled(&key),
            key,
            warnings,
            registered_at: now,
            last_asked: AtomicI64::new(now.as_millis()),
            enrolled: AtomicBool::new(false),
            published: ArcSwapOption::empty(),
            first_fault: ArcSwapOption::empty(),
            cluster: ArcSwapOption::empty(),
            signal: watch::Sender::new(Signal::default()),
            learned: Mutex::new(learned),
        }
    }

    /// A workload as it was when it was last saved. When the same metadata now means another grid (a default has
    /// changed between two versions), the history and what was fitted on it are left behind; the plan is kept.
    pub(super) fn restored(restored: Restored, spec: TriggerSpec, warnings: Vec<String>) -> Self {
        let mut learned = restored.learned;
        if learned.history.step() == spec.step() {
            learned.history.resize(spec.history_steps());
        } else {
            learned.history = History::new(spec.step(), spec.history_steps());
            learned.fit = None;
            learned.track = None;
            learned.fit_since = None;
            learned.backfilled = false;
        }
        let active = restored
            .published
            .as_ref()
            .map(|published| published.plan.active);
        Self {
            spec: spec.settled(&restored.key),
            key: restored.key,
            warnings,
            registered_at: restored.registered_at,
            last_asked: AtomicI64::new(restored.last_asked.as_millis()),
            enrolled: AtomicBool::new(false),
            published: ArcSwapOption::new(restored.published.map(Arc::new)),
            first_fault: ArcSwapOption::empty(),
            cluster: ArcSwapOption::empty(),
            signal: watch::Sender::new(Signal { active }),
            learned: Mutex::new(learned),
        }
    }

    /// What readers see; `None` before the first plan.
    pub fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// What has kept a first plan from being made, while there is none.
    pub fn first_fault(&self) -> Option<Arc<Fault>> {
        self.first_fault.load_full()
    }

    /// Notes what keeps a first plan from being made.
    pub fn note_first_fault(&self, fault: Fault) {
        self.first_fault.store(Some(Arc::new(fault)));
    }

    /// What the cluster says of it, with the moments when that was last known to be so; `None` where it is not asked, or
    /// has not answered yet. It is not part of a snapshot: the cluster says it anew.
    pub fn cluster(&self) -> Option<Arc<ClusterFacts>> {
        self.cluster.load_full()
    }

    /// Notes what the cluster says.
    pub fn note_cluster(&self, facts: Option<Arc<ClusterFacts>>) {
        self.cluster.store(facts);
    }

    /// Replaces what readers see, and wakes the streams when the state has changed.
    pub fn publish(&self, published: Published) {
        let signal = Signal {
            active: Some(published.plan.active),
        };
        self.published.store(Some(Arc::new(published)));
        self.signal.send_if_modified(|old| {
            let changed = *old != signal;
            *old = signal;
            changed
        });
    }

    /// Follows the state; the present one is marked as seen.
    pub fn follow(&self) -> watch::Receiver<Signal> {
        self.signal.subscribe()
    }

    /// Notes that KEDA has asked. A moment before the last one counts: then the clock was set back.
    pub fn touch(&self, now: Timestamp) {
        self.last_asked.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Notes that nobody will ask any more: it is forgotten with the next sweep, unless somebody does.
    pub fn let_go(&self) {
        self.last_asked.store(LET_GO, Ordering::Relaxed);
    }

    /// Whether nobody will ask any more, as far as is known.
    pub fn is_let_go(&self) -> bool {
        self.last_asked.load(Ordering::Relaxed) == LET_GO
    }

    /// When KEDA last asked; the epoch where nobody will any more.
    pub fn last_asked(&self) -> Timestamp {
        let asked = self.last_asked.load(Ordering::Relaxed);
        Timestamp::from_millis(if asked == LET_GO { 0 } else { asked })
    }

    /// Notes that it stands in the server's settings, and is kept although nobody asks.
    pub fn enroll(&self) {
        self.enrolled.store(true, Ordering::Relaxed);
    }

    /// Whether it stands in the server's settings.
    pub fn enrolled(&self) -> bool {
        self.enrolled.load(Ordering::Relaxed)
    }

    /// Who has registered it, as metrics and the API say it: `settings`, which nobody need ask about, or `keda`.
    pub fn registered_by(&self) -> &'static str {
        if self.enrolled() { "settings" } else { "keda" }
    }

    /// Whether a stream to KEDA is open.
    pub fn followed(&self) -> bool {
        self.signal.receiver_count() > 0
    }

    /// What the loop has learned; held only for the moment of a read or a write, never across a query or a model.
    pub fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of memory that this workload takes, itself and what it owns on the heap; an estimate that counts what was
    /// asked of the allocator, not what the allocator adds.
    pub fn heap_bytes(&self) -> usize {
        let published = self
            .published()
            .map_or(0, |published| weight::published(&published));
        let learned = self.learned();
        let fit = learned.fit.as_deref().map_or(0, weight::fit);
        let track = learned.track.as_deref().map_or(0, weight::track);
        size_of::<Self>()
            + weight::key(&self.key)
            + weight::spec(&self.spec)
            + self.warnings.iter().map(String::capacity).sum::<usize>()
            + published
            + learned.history.heap_bytes()
            + learned.side.heap_bytes()
            + weight::memory(&learned.memory)
            + learned.decision.as_deref().map_or(0, weight::decision)
            + self.cluster().as_deref().map_or(0, weight::cluster)
            + fit
            + track
    }
}

impl FaultKind {
    /// Its name in metrics, the API and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::RateLimited => "rate-limited",
            Self::Body => "body",
            Self::Query => "query",
            Self::ManySeries => "many-series",
            Self::Empty => "empty",
            Self::NotFinite => "not-finite",
            Self::Partial => "partial",
            Self::CircuitOpen => "circuit-open",
            Self::Config => "config",
        }
    }
}
