//! Decides what is watched, and writes on the board what is known.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::config::Config;
use super::facts::gather;
use super::metrics::Metrics;
use super::scope::Scope;
use super::shelf::{Kept, Shelf};
use super::watch::Watcher;
use crate::domain::{Clock, ClusterFacts, Timestamp};
use crate::knowledge::{Board, Workload};

/// How often the board is looked at, and written on.
const ROUND: Duration = Duration::from_secs(1);
/// How often the API server is asked whether it is there. Facts that don't change are written anew about as often.
const BEAT: Duration = Duration::from_secs(15);
/// First lists at the same time.
const OPENING: usize = 8;

/// Decides what is watched, and writes on the board what is known.
pub(super) struct Keeper {
    watcher: Watcher,
    board: Arc<Board>,
    max_watches: usize,
    tasks: JoinSet<()>,
    running: HashMap<Scope, AbortHandle>,
    full: bool,
}

/// The triggers of one ScaledObject.
type Workloads = Vec<Arc<Workload>>;

impl Keeper {
    pub(super) fn new(
        client: Client,
        config: &Config,
        metrics: Metrics,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let watcher = Watcher {
            client,
            shelf: Arc::new(Shelf::default()),
            clock,
            metrics,
            opening: Arc::new(Semaphore::new(OPENING)),
        };
        Self {
            watcher,
            board,
            max_watches: config.max_watches,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            full: false,
        }
    }

    /// Runs until it is dropped; then all watches end too.
    pub(super) async fn run(mut self) {
        self.tasks.spawn(beat(self.watcher.clone()));
        let mut tick = interval(ROUND);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.round();
            // Watches end only when they are stopped; what has ended needs no place any more.
            while self.tasks.try_join_next().is_some() {}
        }
    }

    fn round(&mut self) {
        let now = self.watcher.clock.now();
        let mut subjects: HashMap<(Arc<str>, Arc<str>), Workloads> = HashMap::new();
        for workload in self.board.all() {
            let key = &workload.key;
            let subject = (Arc::clone(&key.namespace), Arc::clone(&key.name));
            subjects.entry(subject).or_default().push(workload);
        }
        let mut wanted = HashSet::new();
        {
            let mut scopes = self.watcher.shelf.scopes();
            for ((namespace, name), workloads) in &subjects {
                let gathered = gather(&scopes, namespace, name, now);
                wanted.extend(gathered.scopes);
                if let Some((pods, rollout)) = gathered.pods
                    && let Some(kept) = scopes.get_mut(&pods)
                {
                    kept.starts.rollout = rollout;
                }
                write(workloads, gathered.facts);
            }
            let states = scopes
                .iter()
                .map(|(scope, kept)| (scope.resource(), kept.state));
            self.watcher.metrics.count(states);
        }
        self.stop_unwanted(&wanted);
        self.start_wanted(wanted);
    }

    fn stop_unwanted(&mut self, wanted: &HashSet<Scope>) {
        let facts = &self.watcher.shelf;
        self.running.retain(|scope, task| {
            // A watch never ends by itself, so that one that has ended has died, and is started anew.
            let stays = wanted.contains(scope) && !task.is_finished();
            if !stays {
                task.abort();
                facts.scopes().remove(scope);
            }
            stays
        });
    }

    fn start_wanted(&mut self, wanted: HashSet<Scope>) {
        let mut full = false;
        for scope in wanted {
            if self.running.contains_key(&scope) {
                continue;
            }
            if self.running.len() >= self.max_watches {
                full = true;
                continue;
            }
            let facts = &self.watcher.shelf;
            facts.scopes().insert(scope.clone(), Kept::default());
            let task = self.tasks.spawn(self.watcher.clone().keep(scope.clone()));
            self.running.insert(scope, task);
        }
        if full && !self.full {
            let max = self.max_watches;
            tracing::warn!(
                max,
                "`cluster.maxWatches` is reached; what lies beyond is left out"
            );
        }
        self.full = full;
    }
}

/// Asks the API server whether it is there. A watch on which nothing happens can't tell silence from a dead connection.
async fn beat(watcher: Watcher) {
    let mut tick = interval(BEAT);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let answer = tokio::time::timeout(BEAT, watcher.client.apiserver_version()).await;
        // Whoever refuses to say its version is there all the same.
        let answered = matches!(answer, Ok(Ok(_) | Err(kube::Error::Api(_))));
        watcher.metrics.reached(answered);
        if answered {
            watcher.shelf.beat(watcher.clock.now());
        }
    }
}

/// Writes facts on the board where they say something new, or are much younger than those that are there.
fn write(workloads: &[Arc<Workload>], facts: ClusterFacts) {
    let is_empty = facts == ClusterFacts::default();
    let facts = (!is_empty).then(|| Arc::new(facts));
    for workload in workloads {
        let there = workload.cluster();
        let same = match (&there, &facts) {
            (None, None) => true,
            (Some(there), Some(facts)) => {
                let young = newest(facts).is_none_or(|new| {
                    newest(there).is_some_and(|old| new.since(old) < BEAT && old <= new)
                });
                young && (**facts).clone().with_moments_of(there) == **there
            }
            _ => false,
        };
        if !same {
            workload.note_cluster(facts.clone());
        }
    }
}

fn newest(facts: &ClusterFacts) -> Option<Timestamp> {
    let moments = [
        facts.scaling.as_ref().map(|it| it.at),
        facts.fleet.as_ref().map(|it| it.at),
        facts.starts.as_ref().map(|it| it.at),
    ];
    moments.into_iter().flatten().max()
}
