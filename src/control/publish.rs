//! One refresh, from the tail read to the published answer.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::analysis::{Raw, guarded};
use super::anomalies;
use super::engine::Engine;
use super::fetch::Reading;
use super::fits::Allowance;
use super::metrics::{BasisLabel, Bit, Kind, Outcome, Rests, To};
use super::recording::Event;
use super::schedule::place;
use crate::domain::{
    Anomaly, Basis, ClusterFacts, Forecast, HumanDuration, Limit, Plan, PlanInputs, PlanMemory,
    Reason, Sample, Standing, Timestamp, TriggerSpec, Trust,
};
use crate::knowledge::{Decision, Health, Published, SideQuery, Workload};
use crate::plan;

/// What an analysis has brought for a workload, if anything.
#[derive(Default)]
struct News {
    forecast: Option<Arc<Forecast>>,
    standing: Option<Arc<Standing>>,
    anomalies: Option<Arc<[Anomaly]>>,
}

/// Readings that are answered together, and what the forecasts for them are made of.
struct Batch {
    readings: Vec<(Slot, Reading)>,
    raws: Vec<Raw>,
}

/// What is known of a workload when it is planned.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) observed: Option<Sample>,
    pub(super) ready: Option<Sample>,
    pub(super) facts: Option<&'a ClusterFacts>,
    pub(super) health: &'a Health,
    pub(super) forecast: Option<&'a Forecast>,
    pub(super) standing: Option<&'a Standing>,
}

impl<'a> Known<'a> {
    /// The question to the planner.
    pub(super) fn inputs(
        self,
        now: Timestamp,
        spec: &'a TriggerSpec,
        memory: &'a PlanMemory,
    ) -> plan::Inputs<'a> {
        let trust = self.standing.map(|standing| &standing.trust);
        plan::Inputs {
            now,
            spec,
            observed: self.observed,
            ready: self.ready,
            facts: self.facts,
            fault: self.health.fault.as_ref().map(|fault| fault.text.as_str()),
            forecast: self.forecast,
            distrust: trust.and_then(|trust| match trust {
                Trust::Lost { why, .. } => Some(why.as_str()),
                Trust::Unproven | Trust::Earned => None,
            }),
            memory,
        }
    }
}

impl Engine {
    /// Refreshes workloads: all are read at the same time, and whatever has arrived is analysed together, so that a
    /// slow source holds up nobody else's answer. Nor does a fit: those that are fitted are answered apart from the rest, and no
    /// more of them than an answer may wait for.
    pub(super) async fn refresh(self: &Arc<Self>, due: Vec<Arc<Workload>>) {
        let (arrived, mut readings) = tokio::sync::mpsc::unbounded_channel();
        for workload in due {
            let (engine, arrived) = (Arc::clone(self), arrived.clone());
            tokio::spawn(async move {
                let slot = Slot {
                    engine: Arc::clone(&engine),
                    workload: Arc::clone(&workload),
                };
                let reading = engine.read(workload).await;
                // The receiver lives until every sender is gone; what it has not taken gives its slot back.
                let _ = arrived.send((slot, reading));
            });
        }
        drop(arrived);
        let (mut allowance, mut fitted) = (self.fits.allowance(), JoinSet::new());
        let mut batch = Vec::new();
        while readings
            .recv_many(&mut batch, self.parts.control.batch.max(1))
            .await
            > 0
        {
            let batch = std::mem::take(&mut batch);
            // One moment for all that is decided on these readings, however long the models take.
            let now = self.now();
            let (soon, later) = self.look(batch, &mut allowance, now);
            if !later.raws.is_empty() {
                let engine = Arc::clone(self);
                fitted.spawn(async move { engine.answer(later, now).await });
            }
            self.answer(soon, now).await;
        }
        while let Some(ended) = fitted.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a batch of fits died; please report this");
            }
        }
    }

    /// Looks at what has arrived: what can be answered soon, and what is fitted first.
    fn look(
        &self,
        batch: Vec<(Slot, Reading)>,
        allowance: &mut Allowance,
        now: Timestamp,
    ) -> (Batch, Batch) {
        let readings = batch.iter().map(|(_, reading)| reading);
        let fresh = readings.filter(|reading| reading.outcome.is_ok());
        let raws = fresh.filter_map(|reading| self.raw(&reading.workload, allowance, now));
        let (slow, quick): (Vec<Raw>, Vec<Raw>) = raws.partition(Raw::takes_long);
        let slow_ones: HashSet<usize> = slow.iter().map(|raw| place(&raw.workload)).collect();
        let of_slow =
            |(_, reading): &(Slot, Reading)| slow_ones.contains(&place(&reading.workload));
        let (later, soon) = batch.into_iter().partition(of_slow);
        let batch = |readings, raws| Batch { readings, raws };
        (batch(soon, quick), batch(later, slow))
    }

    async fn answer(&self, batch: Batch, now: Timestamp) {
        let answers = self.forecast(batch.raws).await;
        let mut news: HashMap<usize, News> = answers
            .into_iter()
            .map(|answer| {
                let news = News {
                    forecast: answer.forecast.map(Arc::new),
                    standing: answer.standing.map(Arc::new),
                    anomalies: Some(answer.anomalies),
                };
                (place(&answer.workload), news)
            })
            .collect();
        for (slot, reading) in batch.readings {
            let news = news.remove(&place(&reading.workload));
            let concluded = guarded(|| self.conclude(&reading, news.unwrap_or_default(), now));
            if let Err(why) = concluded {
                self.note_panic(&reading.workload, &why);
            }
            drop(slot);
            let seconds = reading.started.elapsed().as_secs_f64();
            self.parts.metrics.refresh_seconds.observe(seconds);
        }
    }

    /// Plans and publishes. A new forecast replaces the old one; without one the old one still counts.
    fn conclude(&self, reading: &Reading, news: News, now: Timestamp) {
        let workload = &reading.workload;
        let before = workload.published();
        let known = before.as_deref();
        let forecast = news
            .forecast
            .or_else(|| known.and_then(|b| b.forecast.clone()));
        let standing = news
            .standing
            .or_else(|| known.and_then(|b| b.standing.clone()));
        let anomalies = match news.anomalies {
            Some(found) => {
                self.count_anomalies(workload, known, &found);
                found
            }
            None => known.map(|b| Arc::clone(&b.anomalies)).unwrap_or_default(),
        };
        let mut learned = workload.learned();
        let health = health(before.as_deref(), reading, learned.backfilled, now);
        self.count(reading);
        // Before there is a plan to raise, a part of the load says nothing: KEDA keeps the replicas, or goes by its `fallback`.
        let part = reading.part.filter(|_| learned.memory.last_good.is_some());
        let facts = workload.cluster();
        self.note_facts(workload, learned.decision.as_deref(), facts.as_ref(), now);
        let known_now = Known {
            observed: part.or(learned.live),
            ready: learned.side.of(SideQuery::Replicas).newest,
            facts: facts.as_deref(),
            health: &health,
            forecast: forecast.as_deref(),
            standing: standing.as_deref(),
        };
        let inputs = known_now.inputs(now, &workload.spec, &learned.memory);
        let Some((plan, memory)) = plan::decide(&self.parts.plan, &inputs) else {
            drop(learned);
            self.record(|| decided(workload, now, None));
            if let Some(fault) = health.fault {
                if workload
                    .first_fault()
                    .is_none_or(|known| known.kind != fault.kind)
                {
                    tracing::warn!(workload = %workload.key, fault = %fault.text, "no sample yet");
                }
                workload.note_first_fault(fault);
            }
            return;
        };
        let newest = |query| learned.side.of(query).newest;
        let readings = plan::Readings {
            load: learned.live,
            ready: newest(SideQuery::Replicas),
            latency: newest(SideQuery::Latency),
            cpu: newest(SideQuery::Cpu),
            memory: newest(SideQuery::Memory),
        };
        let plan = Arc::new(plan);
        let inputs = PlanInputs {
            now,
            observed: inputs.observed,
            ready: inputs.ready,
            facts: facts.clone(),
            fault: inputs.fault.map(str::to_owned),
            forecast: forecast.clone(),
            distrust: inputs.distrust.map(str::to_owned),
            memory: std::mem::take(&mut learned.memory),
        };
        let facts = facts.as_deref();
        let taught = guarded(|| plan::learn(&workload.spec, now, &plan, &readings, facts, memory));
        learned.memory = taught.unwrap_or_else(|why| {
            self.note_panic(workload, &why);
            inputs.memory.clone()
        });
        learned.decision = Some(Arc::new(Decision {
            inputs,
            plan: Arc::clone(&plan),
        }));
        drop(learned);
        self.record(|| decided(workload, now, Some(&plan)));
        self.tell(workload, before.as_deref(), &plan, &health);
        workload.publish(Published {
            plan,
            forecast,
            standing,
            anomalies,
            health,
        });
    }

    /// The workload keeps its plan and its memory, and is planned again with the next refresh.
    fn note_panic(&self, workload: &Workload, why: &str) {
        self.parts
            .metrics
            .refreshes
            .get_or_create(&Outcome::PANIC)
            .inc();
        tracing::error!(workload = %workload.key, why, "planning panicked, the last plan stays; please report this");
    }

    /// Records what the cluster says, where that is not what the decision before was made on.
    fn note_facts(
        &self,
        workload: &Workload,
        before: Option<&Decision>,
        facts: Option<&Arc<ClusterFacts>>,
        now: Timestamp,
    ) {
        let before = before.and_then(|decision| decision.inputs.facts.as_ref());
        let same = match (before, facts) {
            (Some(before), Some(facts)) => Arc::ptr_eq(before, facts),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.record(|| Event::Cluster {
                id: workload.key.id(),
                at: now,
                facts: facts.map(|facts| (**facts).clone()),
            });
        }
    }

    fn count_anomalies(&self, of: &Workload, before: Option<&Published>, found: &[Anomaly]) {
        for kind in anomalies::new(before, found, of.spec.step()) {
            let kind = kind.as_str();
            self.parts
                .metrics
                .anomalies
                .get_or_create(&Kind { kind })
                .inc();
        }
    }

    fn count(&self, reading: &Reading) {
        let outcome = match &reading.outcome {
            Ok(_) => "ok",
            Err(fault) => fault.kind.as_str(),
        };
        self.parts
            .metrics
            .refreshes
            .get_or_create(&Outcome { outcome })
            .inc();
    }

    /// Counts the plan, and logs what a person would want to know: faults when they begin and end, a changed basis.
    fn tell(&self, workload: &Workload, before: Option<&Published>, plan: &Plan, health: &Health) {
        let metrics = &self.parts.metrics;
        metrics
            .plans
            .get_or_create(&Rests {
                basis: BasisLabel(plan.basis),
            })
            .inc();
        for reason in plan
            .reasons
            .iter()
            .filter(|reason| reason.from != reason.to)
        {
            metrics
                .limits
                .get_or_create(&Bit {
                    limit: reason.limit.as_str(),
                })
                .inc();
        }
        self.tell_capacity(workload, before, plan);
        self.tell_authority(workload, before, plan);
        let was = before
            .and_then(|b| b.health.fault.as_ref())
            .map(|fault| fault.kind);
        match &health.fault {
            Some(fault) if was != Some(fault.kind) => {
                tracing::warn!(
                    workload = %workload.key,
                    fault = %fault.text,
                    kind = fault.kind.as_str(),
                    replicas = plan.replicas,
                    "no fresh data, the answer is held"
                );
            }
            None if was.is_some() => {
                tracing::info!(workload = %workload.key, replicas = plan.replicas, "fresh data again");
            }
            _ => {}
        }
        if before.is_none_or(|b| b.plan.basis != plan.basis) {
            tracing::info!(
                workload = %workload.key,
                basis = %plan.basis,
                replicas = plan.replicas,
                model = plan.model.as_deref(),
                "plan rests on another basis"
            );
        }
    }
}

impl Engine {
    /// Says once when a plan in `auto` mode has won or lost a stage.
    fn tell_authority(&self, workload: &Workload, before: Option<&Published>, plan: &Plan) {
        let Some(now) = &plan.authority else { return };
        let before = before.and_then(|before| before.plan.authority.as_ref());
        let was = before.map(|before| before.stage).unwrap_or_default();
        if now.stage == was {
            return;
        }
        let (to, why) = (now.stage.as_str(), &now.why);
        self.parts
            .metrics
            .authority_changes
            .get_or_create(&To { to })
            .inc();
        if now.stage > was {
            tracing::info!(workload = %workload.key, to, why, "the plan has earned more of a say");
        } else {
            tracing::warn!(workload = %workload.key, to, why, "the plan has lost some of its say");
        }
    }

    /// Says once when a replica carries much less than before, and when it does so again.
    fn tell_capacity(&self, workload: &Workload, before: Option<&Published>, plan: &Plan) {
        let drop = |plan: &Plan| plan.capacity.and_then(|capacity| capacity.dropped);
        let was = before.and_then(|before| drop(&before.plan));
        let carries = plan.capacity.map(|capacity| capacity.per_replica);
        match (was, drop(plan)) {
            (None, Some(drop)) => {
                self.parts.metrics.capacity_drops.inc();
                tracing::warn!(
                    workload = %workload.key,
                    carries,
                    before = drop.from,
                    "a replica carries much less within `latencySlo` than before; has a deploy made it slower?"
                );
            }
            (Some(_), None) => {
                tracing::info!(workload = %workload.key, carries, "the capacity per replica counts as usual again");
            }
            _ => {}
        }
    }
}

/// The place of a workload in the schedule, which it gets back when its refresh has ended, and also when that has died (a
/// panic).
struct Slot {
    engine: Arc<Engine>,
    workload: Arc<Workload>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.engine.done(&self.workload);
    }
}

fn health(
    before: Option<&Published>,
    reading: &Reading,
    backfilled: bool,
    now: Timestamp,
) -> Health {
    let before = before.map(|b| b.health.clone()).unwrap_or_default();
    match &reading.outcome {
        Ok(fetched) => Health {
            last_success: Some(now),
            fault: None,
            faults_in_a_row: 0,
            warnings: fetched.warnings.clone(),
            backfilled,
        },
        Err(fault) => Health {
            fault: Some(fault.clone()),
            faults_in_a_row: before.faults_in_a_row.saturating_add(1),
            warnings: Vec::new(),
            backfilled,
            ..before
        },
    }
}

fn decided(workload: &Workload, at: Timestamp, plan: Option<&Plan>) -> Event {
    Event::Decided {
        id: workload.key.id(),
        at,
        // A plan is plain data, which is always JSON.
        plan: plan.and_then(|plan| serde_json::to_value(plan).ok()),
    }
}

/// Marks a restored plan: until the first fresh sample the answer rests on the snapshot and says how old it is.
pub(super) fn restored(plan: &Plan, now: Timestamp) -> Plan {
    let mut plan = plan.clone();
    if plan.basis == Basis::Restored {
        // Restored before, and nothing fresh has come since: the last reason is that of the earlier restart.
        plan.reasons.pop();
    }
    plan.basis = Basis::Restored;
    let age = HumanDuration::from_secs(now.since(plan.at).as_secs());
    plan.reasons.push(Reason {
        limit: Limit::Hold,
        from: plan.replicas,
        to: plan.replicas,
        text: format!("restored from the snapshot: planned {age} ago, no fresh sample yet"),
    });
    plan
}
