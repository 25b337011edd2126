//! What a refresh teaches beside its plan, from the readings beside the load.

use std::sync::Arc;
use std::time::Duration;

use super::aim::{self, Fleet};
use super::capacity::{self, Asked, Look};
use super::cluster::Cluster;
use super::grade;
use super::lead_time;
use super::vertical::{self, Moment};
use crate::domain::{
    ClusterFacts, Experience, LeadRecord, Plan, PlanMemory, Sample, Timestamp, TriggerSpec,
};

/// The newest readings, however old.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// The load.
    pub load: Option<Sample>,
    /// Ready replicas.
    pub ready: Option<Sample>,
    /// Latency in seconds.
    pub latency: Option<Sample>,
    /// CPU use in cores, all pods together.
    pub cpu: Option<Sample>,
    /// Memory use in bytes, all pods together.
    pub memory: Option<Sample>,
}

/// Readings further apart than this, or older, don't belong together.
const TOGETHER: Duration = Duration::from_mins(1);

/// Learns from a refresh: from `plan`, which was just made, from the readings and from what the cluster says. The memory that
/// comes back replaces the one that went in; where nothing is read beside the load it stays as it is.
///
/// While a rollout replaces pods, nothing is learned of the fleet: pods that start because others end are no scale-up, and
/// those that are warming up carry less than the rest.
pub fn learn(
    spec: &TriggerSpec,
    now: Timestamp,
    plan: &Plan,
    readings: &Readings,
    facts: Option<&ClusterFacts>,
    mut memory: PlanMemory,
) -> PlanMemory {
    let cluster = Cluster::of(facts, now);
    let beside = [
        &spec.replicas_query,
        &spec.latency_query,
        &spec.cpu_query,
        &spec.memory_query,
    ];
    if beside.into_iter().all(Option::is_none) && !cluster.teaches() {
        return memory;
    }
    let known = memory.experience.take().unwrap_or_default();
    let Experience {
        mut lead,
        capacity,
        usage,
        aim,
    } = Arc::unwrap_or_clone(known);
    let ready = readings.ready.or(cluster.ready(spec));
    let rolls_out = cluster.rolls_out();
    let counted = ready.filter(|_| cluster.starts().is_none() && !rolls_out);
    // An HPA makes no replicas for a number within its tolerance.
    let follows = memory
        .landed
        .map_or(plan.replicas, |landed| landed.replicas);
    // Nor does KEDA for one that it is told while nothing is active: a scale-up from zero begins when it is woken.
    let asleep = !plan.active && ready.is_some_and(|ready| ready.value <= 0.0);
    let follows = if asleep { 0 } else { follows };
    let lets_follow = cluster.lets_follow(plan.replicas);
    if !lets_follow {
        // What was asked for in vain did not take as long as it took to be allowed.
        lead.pending.clear();
    }
    lead = lead_time::observe(lead, now, follows, counted.filter(|_| lets_follow));
    if let Some(starts) = cluster.starts() {
        lead = lead_time::learn_starts(lead, starts);
    }
    let readings = &Readings { ready, ..*readings };
    if rolls_out {
        memory.experience = Some(Arc::new(Experience {
            lead,
            capacity,
            usage,
            aim,
        }));
        return memory;
    }
    let reads_fleet = spec.replicas_query.is_some() || ready.is_some();
    let fleet = if reads_fleet {
        ready
    } else {
        settled(&lead, plan, now).filter(|_| lets_follow)
    };
    let capacity = match (asked(spec), look(now, fleet, readings)) {
        (Some(asked), Some(look)) => capacity::observe(capacity, asked, look),
        _ => capacity,
    };
    let pods = |used| moment(now, used, fleet, readings);
    let usage = vertical::observe(usage, pods(readings.cpu), pods(readings.memory));
    let near = |sample: Option<Sample>| sample.filter(|it| is_near(*it, now));
    let per_replica = plan.capacity.map_or(spec.threshold, |it| it.per_replica);
    let need = near(readings.load).map(|load| load.value.max(0.0) / per_replica.max(0.001));
    let seen = near(readings.ready).map(|it| it.value).zip(need);
    // Who is let sleep is not short, whatever little is waiting.
    let seen = seen.filter(|_| !asleep);
    if let Some(grade) = memory.grade.as_mut().filter(|_| reads_fleet) {
        grade::learn_actual(Arc::make_mut(grade), now, spec.interval, seen);
    }
    let planned = |leads: u32| {
        let since = now - plan.lead_time.get() * leads;
        (memory.grade.as_deref()).and_then(|grade| grade::least_planned(grade, since))
    };
    let fleet = seen.map(|(ready, need)| Fleet {
        ready,
        need,
        wanted: follows,
        promised: planned(1),
        owed: planned(aim::OWED),
    });
    let fleet = fleet.filter(|_| lets_follow);
    let aim = aim::observe(aim, spec, now, plan, fleet);
    memory.experience = Some(Arc::new(Experience {
        lead,
        capacity,
        usage,
        aim,
    }));
    memory
}

/// The objective, if there is one.
fn asked(spec: &TriggerSpec) -> Option<Asked> {
    Some(Asked {
        threshold: spec.threshold,
        objective: spec.latency_slo?.get().as_secs_f64(),
    })
}

/// Load, latency and fleet of one moment, as far as they are known of one.
fn look(now: Timestamp, fleet: Option<Sample>, readings: &Readings) -> Option<Look> {
    let latency = readings.latency.filter(|it| is_near(*it, now))?;
    let beside = |sample: &Sample| is_near(*sample, latency.at);
    Some(Look {
        now,
        at: latency.at,
        load: readings.load.filter(beside)?.value,
        ready: fleet.filter(beside)?.value,
        latency: latency.value,
    })
}

/// What all pods use together, beside the fleet of the same moment.
fn moment(
    now: Timestamp,
    used: Option<Sample>,
    fleet: Option<Sample>,
    readings: &Readings,
) -> Option<Moment> {
    let used = used.filter(|it| is_near(*it, now))?;
    let beside = |sample: &Sample| is_near(*sample, used.at);
    Some(Moment {
        at: used.at,
        used: used.value,
        ready: fleet.filter(beside)?.value,
        load: readings.load.filter(beside).map(|load| load.value),
    })
}

/// What KEDA was told, once it has been told so for as long as replicas take to become ready.
fn settled(lead: &LeadRecord, plan: &Plan, now: Timestamp) -> Option<Sample> {
    let served = lead.served?;
    let long = now.since(served.since) >= plan.lead_time.get();
    long.then(|| Sample {
        at: now,
        value: f64::from(served.replicas),
    })
}

fn is_near(sample: Sample, at: Timestamp) -> bool {
    sample.at.apart(at) <= TOGETHER
}
