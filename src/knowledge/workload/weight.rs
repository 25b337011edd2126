//! What a workload's parts weigh, in bytes on the heap.

use std::sync::Arc;

use super::{Decision, Published};
use crate::domain::{
    Authority, CalendarRef, ClusterFacts, Experience, ExpertStanding, Fit, Forecast, Grade,
    Metadata, PastPlan, Plan, PlanMemory, PlanTrials, Spending, Standing, Timestamp, Track,
    TriggerSpec, Trust, WorkloadKey,
};

/// An `Arc` carries two counters before its value.
const ARC: usize = 2 * size_of::<usize>();

pub(super) fn key(key: &WorkloadKey) -> usize {
    2 * ARC + key.namespace.len() + key.name.len() + ARC + metadata(&key.metadata)
}

fn metadata(metadata: &Metadata) -> usize {
    // A B-tree node holds eleven pairs and is rarely full.
    let nodes = metadata.len().div_ceil(6).max(1);
    let node = 11 * 2 * size_of::<String>() + 2 * size_of::<usize>();
    let texts: usize = metadata
        .iter()
        .map(|(k, v)| k.capacity() + v.capacity())
        .sum();
    size_of::<Metadata>() + nodes * node + texts
}

pub(super) fn spec(spec: &TriggerSpec) -> usize {
    let pairs = [&spec.query_parameters, &spec.custom_headers];
    let pairs = pairs
        .into_iter()
        .flatten()
        .map(|(k, v)| 2 * size_of::<String>() + k.capacity() + v.capacity());
    let options = [
        &spec.namespace,
        &spec.latency_query,
        &spec.replicas_query,
        &spec.cpu_query,
        &spec.memory_query,
    ];
    let options = options.into_iter().flatten().map(String::capacity);
    let events = spec
        .events
        .as_ref()
        .map_or(0, |events| 3 * ARC + events.bytes());
    let bounds = (spec.bounds.as_ref()).map_or(0, |bounds| 2 * ARC + bounds.bytes());
    let calendar = match &spec.calendar {
        Some(CalendarRef::Inline(calendar)) => 4 * ARC + calendar.bytes(),
        Some(CalendarRef::Named(name)) => name.capacity(),
        None => 0,
    };
    let by_time = events + bounds + calendar;
    let follows = spec.follows.as_ref().map_or(0, |followed| {
        let around = [&followed.scaled_object, &followed.namespace];
        let around = around.into_iter().flatten().map(String::capacity);
        followed.trigger.capacity() + around.sum::<usize>()
    });
    spec.query.capacity()
        + follows
        + spec.timezone.capacity()
        + by_time
        + pairs.chain(options).sum::<usize>()
}

pub(super) fn published(published: &Published) -> usize {
    let health = &published.health;
    let fault = health
        .fault
        .as_ref()
        .map_or(0, |fault| fault.text.capacity());
    let warnings: usize = health
        .warnings
        .iter()
        .map(|text| size_of::<String>() + text.capacity())
        .sum();
    ARC + size_of::<Published>()
        + plan(&published.plan)
        + published.forecast.as_deref().map_or(0, forecast)
        + published.standing.as_deref().map_or(0, standing)
        + ARC
        + size_of_val::<[_]>(&published.anomalies)
        + fault
        + warnings
}

fn plan(plan: &Plan) -> usize {
    let reason = size_of_val::<[_]>(&plan.reasons);
    let texts: usize = plan
        .reasons
        .iter()
        .map(|reason| reason.text.capacity())
        .sum();
    let model = plan.model.as_ref().map_or(0, |model| ARC + model.len());
    ARC + size_of::<Plan>() + reason + texts + model
}

fn standing(standing: &Standing) -> usize {
    let expert = |expert: &ExpertStanding| {
        let numbers = expert.weights.capacity() + expert.relative_errors.capacity();
        numbers * size_of::<f32>() + name(&expert.model)
    };
    let coverage = standing
        .score
        .as_ref()
        .map_or(0, |score| size_of_val::<[_]>(&score.coverage));
    let why = match &standing.trust {
        Trust::Lost { why, .. } => why.capacity(),
        Trust::Unproven | Trust::Earned => 0,
    };
    ARC + size_of::<Standing>()
        + size_of_val::<[_]>(&standing.leads)
        + size_of_val::<[_]>(&standing.experts)
        + standing.experts.iter().map(expert).sum::<usize>()
        + coverage
        + why
}

fn forecast(forecast: &Forecast) -> usize {
    let per_level = forecast.steps() + forecast.peak_leads().len();
    let values =
        (forecast.levels().len() * per_level + forecast.peak_leads().len()) * size_of::<f32>();
    let stand_in = forecast
        .stand_in
        .as_ref()
        .map_or(0, |it| ARC + it.wanted.len() + it.why.capacity());
    ARC + size_of::<Forecast>()
        + size_of_val(forecast.levels())
        + values
        + forecast.model.len()
        + ARC
        + stand_in
}

pub(super) fn memory(memory: &PlanMemory) -> usize {
    let experience = (memory.experience.as_deref())
        .map_or(0, |it| ARC + size_of::<Experience>() + it.heap_bytes());
    let trials = &memory.trials;
    let slots = [&trials.loads, &trials.wishes, &trials.asked];
    let slots = slots.map(|slots| slots.values.capacity() * size_of::<f32>());
    let singles = [&trials.short, &trials.expected, &trials.held].map(Vec::capacity);
    let trials = ARC
        + size_of::<PlanTrials>()
        + slots.into_iter().sum::<usize>()
        + trials.cost.capacity() * size_of::<f64>()
        + singles.into_iter().sum::<usize>() * size_of::<f32>();
    let grade =
        (memory.grade.as_deref()).map_or(0, |grade| ARC + size_of::<Grade>() + grade.heap_bytes());
    let authority = (memory.authority.as_deref()).map_or(0, |it| {
        let next = it.next.as_ref().map_or(0, String::capacity);
        ARC + size_of::<Authority>() + it.why.capacity() + next
    });
    let spending =
        (memory.spending.as_deref()).map_or(0, |it| size_of::<Spending>() + it.heap_bytes());
    let guards = memory.guards.changes.capacity() * size_of::<Timestamp>();
    let recent = memory.recent.capacity() * size_of::<PastPlan>();
    recent + experience + trials + grade + authority + spending + guards
}

/// A decision beside the published plan and forecast, which it shares.
pub(super) fn decision(decision: &Decision) -> usize {
    let inputs = &decision.inputs;
    let texts = [&inputs.fault, &inputs.distrust];
    let texts: usize = texts.into_iter().flatten().map(String::capacity).sum();
    ARC + size_of::<Decision>() + memory(&inputs.memory) + texts
}

/// What the cluster says; a decision shares it, or holds one that is about to go.
pub(super) fn cluster(facts: &ClusterFacts) -> usize {
    ARC + size_of::<ClusterFacts>() + facts.heap_bytes()
}

pub(super) fn fit(fit: &Fit) -> usize {
    let profile = fit
        .profile
        .as_ref()
        .map_or(0, |profile| profile.values.capacity() * size_of::<f32>());
    let band = |band: &crate::domain::BandSet| {
        let numbers = (band.offsets.capacity() + band.steps.capacity()) * size_of::<f32>();
        numbers + name(&band.model)
    };
    let bands: usize = size_of_val::<[_]>(&fit.bands) + fit.bands.iter().map(band).sum::<usize>();
    let scores: usize = size_of_val::<[_]>(&fit.scores)
        + fit
            .scores
            .iter()
            .map(|score| name(&score.model))
            .sum::<usize>();
    ARC + size_of::<Fit>() + profile + bands + scores
}

pub(super) fn track(track: &Track) -> usize {
    ARC + track.bytes()
}

fn name(name: &Arc<str>) -> usize {
    ARC + name.len()
}

#[cfg(test)]
mod tests {
    use crate::knowledge::samples;

    #[test]
    fn two_weeks_of_minutes_with_everything_learned_fit_in_64_kib() {
        let workload = samples::full_workload("web");
        let history = workload.learned().history.heap_bytes();
        let bytes = workload.heap_bytes();
        assert_eq!(workload.learned().history.len(), 20_160);
        assert!(
            bytes <= 64 * 1024,
            "{bytes} bytes, of which history {history}"
        );
        assert!(
            bytes > 55_000,
            "{bytes} bytes: something has not been counted"
        );
    }

    #[test]
    fn a_workload_of_which_nothing_is_known_weighs_little() {
        let bytes = samples::workload("web").heap_bytes();
        assert!(bytes < 4096, "{bytes} bytes");
    }
}
