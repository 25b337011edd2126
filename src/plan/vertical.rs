//! What a pod should request: from what pods have used, and what they are expected to use at the coming peak.
//!
//! The use of a pod is a reading of all pods together divided by the ready replicas. Readings go into a histogram of
//! exponential buckets, each 5 % wider than the one before, in which a reading loses half of its weight in 24 hours; so does the
//! recommender of Kubernetes' Vertical Pod Autoscaler (`pkg/recommender/util/histogram.go`, `decaying_histogram.go`,
//! `model/aggregations_config.go`), as does the margin of 15 % (`logic/recommender.go`). As there, a percentile is the upper end
//! of its bucket. Requests are the 90th percentile of CPU and the 95th of memory, limits the 99th of CPU (beyond it a pod is
//! only slowed down) and the most of memory (beyond it a pod is killed).
//!
//! Beside the histogram runs a straight line of the use over the load per replica, fading as fast. Where it explains at least half
//! of the variation, the use follows the load, and what is expected at the forecast's peak, spread over the planned
//! replicas, counts beside the percentiles: more replicas take the growth of the load off a pod, so that it is the load
//! of one pod that matters. What all pods use together says nothing of pods that are busier than others.

use std::time::Duration;

use crate::domain::{PodUsage, ResourceAdvice, Timestamp, UsageRecord, Vertical};

/// Growth of a bucket over the one before.
const GROWTH: f64 = 1.05;
/// A reading of this age weighs half as much.
const HALF_LIFE: Duration = Duration::from_hours(24);
/// A reading is never so much older than one that came before it, unless the clock was set back.
const LATE: Duration = Duration::from_mins(10);
/// After so long without a reading, those before it say nothing of the pods that come then.
const SILENCE: Duration = Duration::from_hours(7 * 24);
/// Fewer readings say too little: an hour of minutes.
const ENOUGH: u32 = 60;
/// Buckets with a smaller share of the weight are forgotten.
const FORGOTTEN: f32 = 1e-5;
/// What is asked for beyond what is used.
const MARGIN: f64 = 0.15;
/// The use follows the load where that explains this share of the variation.
const EXPLAINED: f64 = 0.5;
/// Loads that vary less than this share of their mean show nothing.
const VARIED: f64 = 0.05;
/// What is expected is no more than this multiple of the most that was seen.
const BEYOND: f64 = 2.0;
/// Nine in ten lie below so many standard deviations above the mean.
const NINE_IN_TEN: f64 = 1.2816;
/// More pods than this weigh no more.
const MOST_PODS: f64 = 1e5;

/// A resource: how it is counted, and which shares of its use are asked for.
#[derive(Clone, Copy, Debug)]
struct Resource {
    /// Width of the first bucket.
    finest: f64,
    /// Uses from here on are one bucket.
    most: f64,
    request: f64,
    limit: f64,
    /// Advice is in whole ones of this.
    unit: f64,
}

const CPU: Resource = Resource {
    finest: 0.001,
    most: 1000.0,
    request: 0.9,
    limit: 0.99,
    unit: 0.001,
};

const MEMORY: Resource = Resource {
    finest: 1e7,
    most: 1e12,
    request: 0.95,
    limit: 1.0,
    unit: 1_048_576.0,
};

/// A moment of a fleet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    /// Of all pods together: cores, or bytes.
    pub(super) used: f64,
    /// Ready replicas.
    pub(super) ready: f64,
    /// Load of the workload, if it is known of the same moment.
    pub(super) load: Option<f64>,
}

/// The record after a reading of CPU, of memory, or of both.
pub(super) fn observe(
    mut record: UsageRecord,
    cpu: Option<Moment>,
    memory: Option<Moment>,
) -> UsageRecord {
    if let Some(moment) = cpu {
        CPU.add(&mut record.cpu, moment);
    }
    if let Some(moment) = memory {
        MEMORY.add(&mut record.memory, moment);
    }
    record
}

/// What pods should ask for, with `peak` load per replica to come; `None` while nothing is known of either resource.
pub(super) fn advise(record: &UsageRecord, peak: Option<f64>) -> Option<Vertical> {
    let cpu = CPU.advise(&record.cpu, peak);
    let memory = MEMORY.advise(&record.memory, peak);
    (cpu.is_some() || memory.is_some()).then_some(Vertical { cpu, memory })
}

// === impl Resource ===

impl Resource {
    fn add(self, usage: &mut PodUsage, moment: Moment) {
        let per_pod = moment.used / moment.ready;
        let counts = moment.ready >= 1.0 && per_pod.is_finite() && per_pod >= 0.0;
        if !counts
            || usage
                .at
                .is_some_and(|at| moment.at <= at && !set_back(at, moment.at))
        {
            return;
        }
        let passed = usage.at.map_or(Duration::ZERO, |at| moment.at.since(at));
        let fading = 0.5_f64.powf(passed.as_secs_f64() / HALF_LIFE.as_secs_f64());
        let weight = moment.ready.min(MOST_PODS);
        if passed > SILENCE {
            *usage = PodUsage::default();
        }
        usage.at = Some(moment.at);
        usage.readings = usage.readings.saturating_add(1);
        fade(&mut usage.weights, fading);
        self.count(usage, per_pod, weight);
        trim(usage);
        let load = moment.load.map(|load| load / moment.ready);
        usage.moments[0] *= fading;
        (usage.moments[3..])
            .iter_mut()
            .for_each(|sum| *sum *= fading);
        if let Some(load) = load.filter(|load| load.is_finite() && *load >= 0.0) {
            correlate(
                &mut usage.moments,
                load.min(1e15),
                per_pod.min(self.most),
                weight,
            );
        }
    }

    fn count(self, usage: &mut PodUsage, used: f64, weight: f64) {
        let bucket = self.bucket(used);
        if usage.weights.is_empty() {
            usage.first = bucket;
        }
        if bucket < usage.first {
            let missing = usize::from(usage.first - bucket);
            usage
                .weights
                .splice(0..0, std::iter::repeat_n(0.0, missing));
            usage.first = bucket;
        }
        let place = usize::from(bucket - usage.first);
        if place >= usage.weights.len() {
            usage.weights.resize(place + 1, 0.0);
        }
        usage.weights[place] += weight as f32;
    }

    fn advise(self, usage: &PodUsage, peak: Option<f64>) -> Option<ResourceAdvice> {
        if usage.readings < ENOUGH || usage.weights.is_empty() {
            return None;
        }
        let most = self.percentile(usage, 1.0);
        let expected = peak
            .and_then(|peak| expected(&usage.moments, peak))
            .map(|expected| expected.min(BEYOND * most));
        let ask = |share: f64| {
            let used = self.percentile(usage, share).max(expected.unwrap_or(0.0));
            // Whole units, but a hair of float noise is no unit.
            (used * (1.0 + MARGIN) / self.unit - 1e-6).ceil().max(1.0) * self.unit
        };
        let request = ask(self.request);
        Some(ResourceAdvice {
            request,
            limit: ask(self.limit).max(request),
            expected,
            readings: usage.readings,
        })
    }

    /// The upper end of the bucket in which `share` of the weight is reached.
    fn percentile(self, usage: &PodUsage, share: f64) -> f64 {
        let total: f64 = usage.weights.iter().copied().map(f64::from).sum();
        // Of a rising sum of floats the last one may miss the whole by a hair.
        let wanted = share * total * (1.0 - 1e-9);
        let mut below = 0.0;
        let place = usage.weights.iter().position(|weight| {
            below += f64::from(*weight);
            below >= wanted
        });
        let place = place.unwrap_or(usage.weights.len().saturating_sub(1));
        self.start(usage.first.saturating_add(place as u16).saturating_add(1))
    }

    /// The bucket that a use falls into.
    fn bucket(self, used: f64) -> u16 {
        let used = used.clamp(0.0, self.most);
        ((used * (GROWTH - 1.0) / self.finest + 1.0).ln() / GROWTH.ln()) as u16
    }

    /// Where a bucket starts.
    fn start(self, bucket: u16) -> f64 {
        self.finest * (GROWTH.powi(i32::from(bucket)) - 1.0) / (GROWTH - 1.0)
    }
}

/// A reading from long before the newest one: the clock has been set back, and what it says counts.
fn set_back(newest: Timestamp, at: Timestamp) -> bool {
    newest.since(at) > LATE
}

fn fade(weights: &mut [f32], fading: f64) {
    for weight in weights {
        *weight *= fading as f32;
    }
}

/// Forgets outer buckets that no longer weigh anything.
fn trim(usage: &mut PodUsage) {
    let least = FORGOTTEN * usage.weights.iter().sum::<f32>();
    let weighs = |weight: &f32| *weight > least;
    let until = usage
        .weights
        .iter()
        .rposition(weighs)
        .map_or(0, |last| last + 1);
    usage.weights.truncate(until);
    let from = usage.weights.iter().position(weighs).unwrap_or(0);
    usage.weights.drain(..from);
    usage.first = usage.first.saturating_add(from as u16);
}

/// Takes a pair of load and use into weighted means and second moments (West 1979).
fn correlate(moments: &mut [f64; 6], load: f64, used: f64, weight: f64) {
    let [total, mean_load, mean_used, load_load, load_used, used_used] = moments;
    *total += weight;
    let (off_load, off_used) = (load - *mean_load, used - *mean_used);
    *mean_load += off_load * weight / *total;
    *mean_used += off_used * weight / *total;
    *load_load += weight * off_load * (load - *mean_load);
    *load_used += weight * off_load * (used - *mean_used);
    *used_used += weight * off_used * (used - *mean_used);
}

/// The use of nine in ten pods at this load per replica, where use follows load.
fn expected(moments: &[f64; 6], load: f64) -> Option<f64> {
    let [total, mean_load, mean_used, load_load, load_used, used_used] = *moments;
    let varied = (load_load / total).sqrt() >= VARIED * mean_load;
    let explained = load_used * load_used / (load_load * used_used);
    // A comparison with what is no number is false.
    let follows = varied && load_used > 0.0 && explained >= EXPLAINED;
    if !follows || !load.is_finite() {
        return None;
    }
    let rest = (used_used * (1.0 - explained).max(0.0) / total).sqrt();
    let middle = mean_used + load_used / load_load * (load - mean_load);
    let high = middle + NINE_IN_TEN * rest;
    high.is_finite().then_some(high.max(0.0))
}

#[cfg(test)]
mod tests;
