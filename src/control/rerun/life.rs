//! One workload of a recording, lived through again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::Settings;
use crate::control::fetch::record;
use crate::control::recording::{Answer, Asked};
use crate::control::replay::alone;
use crate::control::{Engine, replay};
use crate::domain::{
    Clock, ClusterFacts, ManualClock, Sample, Timestamp, TriggerSpec, WorkloadKey,
};
use crate::execute::keda::parse_metadata;
use crate::knowledge::Workload;
use crate::monitor::{FetchError, FetchErrorKind, Fetched, Monitor, Script, Span};

/// One workload's loop.
pub(super) struct Life {
    engine: Arc<Engine>,
    workload: Arc<Workload>,
    clock: Arc<ManualClock>,
    answers: Arc<Answers>,
    /// When the load of the coming refresh was asked for.
    asked: Option<Timestamp>,
    looked: bool,
    /// Whether the coming refresh has put a fit off.
    put_off: bool,
    /// History that came in after the refresh had looked at it.
    later: Vec<Vec<Sample>>,
}

/// The answers of the coming refresh.
struct Answers {
    clock: Arc<ManualClock>,
    spec: TriggerSpec,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    load: Option<Answer>,
    beside: Vec<(Asked, Answer)>,
    /// When the refresh went on with what was read.
    until: Option<Timestamp>,
}

impl Script for Answers {
    fn load(&self, _: &str, _: Span) -> Result<Fetched, FetchError> {
        let mut pending = self.pending();
        if let Some(until) = pending.until {
            // Reading has taken until then.
            self.clock.set(until);
        }
        (pending.load.take()).map_or_else(|| Err(unknown("load")), |answer| answer.to_read())
    }

    fn beside(&self, query: &str, _: Span) -> Result<Fetched, FetchError> {
        let mut pending = self.pending();
        let place =
            (pending.beside.iter()).position(|(asked, _)| self.expression(*asked) == Some(query));
        match place {
            Some(place) => pending.beside.remove(place).1.to_read(),
            None => Err(unknown(query)),
        }
    }
}

impl Answers {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expression(&self, asked: Asked) -> Option<&str> {
        match asked {
            Asked::Load | Asked::History => None,
            Asked::Replicas => self.spec.replicas_query.as_deref(),
            Asked::Latency => self.spec.latency_query.as_deref(),
            Asked::Cpu => self.spec.cpu_query.as_deref(),
            Asked::Memory => self.spec.memory_query.as_deref(),
        }
    }
}

fn unknown(query: &str) -> FetchError {
    let text = format!("the recording has no answer to `{query}` here");
    FetchError::new(FetchErrorKind::Body, text)
}

impl Life {
    pub(super) fn new(
        key: &WorkloadKey,
        at: Timestamp,
        settings: &Settings,
    ) -> Result<Self, String> {
        let parsed = parse_metadata(&key.metadata).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            format!("the trigger of `{key}` is not valid: {}", errors.join("; "))
        })?;
        let clock = Arc::new(ManualClock::at(at));
        let answers = Arc::new(Answers {
            clock: Arc::clone(&clock),
            spec: parsed.spec.clone(),
            pending: Mutex::default(),
        });
        let (engine, workload) = alone(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Monitor::scripted(Arc::clone(&answers) as Arc<dyn Script>),
            (key.clone(), parsed.spec),
            replay::Rooms {
                models: Arc::clone(&settings.models),
                plan: settings.plan.clone(),
                analyze: settings.analyze.clone(),
            },
        )
        .map_err(|full| full.to_string())?;
        Ok(Self {
            engine,
            workload,
            clock,
            answers,
            asked: None,
            looked: false,
            put_off: false,
            later: Vec::new(),
        })
    }

    /// A query was answered.
    pub(super) fn read(&mut self, at: Timestamp, query: Asked, answer: &Answer) {
        match query {
            Asked::History => {
                let samples = answer.to_read().unwrap_or_default().samples;
                if self.looked {
                    self.later.push(samples);
                } else {
                    self.store(&samples);
                }
            }
            Asked::Load => {
                self.asked = Some(at);
                self.answers.pending().load = Some(answer.clone());
            }
            Asked::Replicas | Asked::Latency | Asked::Cpu | Asked::Memory => {
                self.answers.pending().beside.push((query, answer.clone()));
            }
        }
    }

    /// What the cluster says from now on.
    pub(super) fn told_by_cluster(&self, facts: Option<ClusterFacts>) {
        self.workload.note_cluster(facts.map(Arc::new));
    }

    /// The history has been looked at: what is read back from now on, this refresh does not know.
    /// Nor does it fit where it has put that off, of which the reason lies with other workloads.
    pub(super) fn looked(&mut self, put_off: bool) {
        (self.looked, self.put_off) = (true, put_off);
    }

    /// Refreshes as it was done until `at`; the plan as JSON. `None` where the recording has no reading for it.
    pub(super) async fn decide(&mut self, at: Timestamp) -> Option<Option<Value>> {
        let asked = self.asked.take()?;
        self.answers.pending().until = Some(at);
        self.clock.set(asked);
        let all = self.put_off.then(|| self.engine.fits.take_all());
        self.engine.refresh(vec![Arc::clone(&self.workload)]).await;
        drop(all);
        *self.answers.pending() = Pending::default();
        (self.looked, self.put_off) = (false, false);
        for samples in std::mem::take(&mut self.later) {
            self.store(&samples);
        }
        let published = self.workload.published();
        let plan = published.filter(|published| published.plan.at == at);
        // Through text, as the recorded one: both floats have been read from the same digits then.
        let text = plan.and_then(|published| serde_json::to_string(&*published.plan).ok());
        Some(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn store(&self, samples: &[Sample]) {
        record(&mut self.workload.learned(), &self.workload.spec, samples);
    }
}
