//! Perfect foresight, the limit: at each moment the fewest replicas with which, pods taking the time they take, demand
//! stays within ready capacity, but for an allowed share of the time.
//!
//! Without an allowance that is the highest need from now until a pod asked for now would be ready; letting a pod go in
//! a lull pays only if the lull is longer than a start-up, and then this does it. With an allowance it has to be decided
//! which peaks to leave uncovered: [`peaks`] weighs what each saves against the time it would be short. The allowance is
//! the safety setting, in percent of the judged time.
//!
//! It scales by itself, without KEDA and the HPA in between. Where nodes may have to come first it takes each pod for one that
//! waits for its node, which those that find room do not: it has more replicas than it must, and is no limit then. Where start-up times are drawn, it counts on what 19 pods in
//! 20 keep to.

mod peaks;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use peaks::Peaks;

use crate::domain::Timestamp;
use crate::simulate::cluster::{Observed, Policy, Reading, Scene, TICK};
use crate::simulate::figures::required;

/// What is needed in each tick of a run, and what it takes to have it.
#[derive(Clone, Debug)]
pub struct Foresight {
    begin: Timestamp,
    /// Ticks that are judged: those of them in which demand is known.
    judged: usize,
    /// Ticks from a decision to Ready.
    lead: usize,
    needed: Vec<u32>,
    peaks: Peaks,
}

/// Wanted replicas, known from the beginning.
#[derive(Clone, Debug)]
pub struct Perfect {
    begin: Timestamp,
    wanted: Vec<u32>,
}

impl Foresight {
    /// Looks at all of the run.
    pub fn new(scene: &Scene<'_>) -> Self {
        let cluster = scene.cluster;
        let mut start = cluster.start_up.usual_longest();
        start += cluster
            .nodes
            .map(|pool| pool.provisioning)
            .unwrap_or_default();
        let lead = (start.as_secs_f64() / TICK.as_secs_f64()).ceil() as usize;
        let ticks = ticks_between(scene.begin(), scene.until());
        let (min, max) = (cluster.object.min_replicas, cluster.object.max_replicas);
        let demand: Vec<Option<f64>> = (0..ticks)
            .map(|tick| {
                let at = scene.begin() + TICK * tick as u32;
                scene.trace.mean(at, at + TICK)
            })
            .collect();
        let needed: Vec<u32> = demand
            .iter()
            .map(|demand| {
                let demand = demand.unwrap_or(0.0);
                required(demand, cluster.capacity).min(max).max(min)
            })
            .collect();
        let unjudged = ticks_between(scene.begin(), scene.from());
        let judged = demand[unjudged..].iter().flatten().count();
        let peaks = Peaks::of(&needed, &ahead(&needed, lead), lead, unjudged);
        Self {
            begin: scene.begin(),
            judged,
            lead,
            needed,
            peaks,
        }
    }

    /// Within `overload_percent` of the judged time.
    pub fn within(&self, overload_percent: f64) -> Perfect {
        let allowed = self.judged as f64 * overload_percent / 100.0;
        let allowed = allowed.floor().max(0.0) as usize;
        let covered = self.peaks.without_dearest(&self.needed, allowed);
        Perfect {
            begin: self.begin,
            wanted: ahead(&covered, self.lead),
        }
    }
}

impl Policy for Perfect {
    fn name(&self) -> &'static str {
        "perfect"
    }

    fn answer(&mut self, seen: &Observed<'_>) -> Reading {
        let tick = ticks_between(self.begin, seen.now);
        let last = self.wanted.last().copied().unwrap_or(0);
        Reading::Replicas(self.wanted.get(tick).copied().unwrap_or(last))
    }
}

fn ticks_between(from: Timestamp, until: Timestamp) -> usize {
    (until.since(from).as_millis() / TICK.as_millis()) as usize
}

/// For each place the highest value from there to `lead` places further.
fn ahead(values: &[u32], lead: usize) -> Vec<u32> {
    let mut out = vec![0; values.len()];
    // Places of values that no later one within reach outdoes, nearest first; walked from the end.
    let mut kept: VecDeque<usize> = VecDeque::new();
    for place in (0..values.len()).rev() {
        while kept
            .pop_front_if(|later| values[*later] <= values[place])
            .is_some()
        {}
        kept.push_front(place);
        while kept.pop_back_if(|later| *later > place + lead).is_some() {}
        out[place] = kept.back().map_or(0, |highest| values[*highest]);
    }
    out
}
