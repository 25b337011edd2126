//! The lead time as it was seen: from the moment that KEDA was told more replicas until they were ready.
//!
//! Each scale-up is watched through `replicasQuery`. The newest ones make a line over the batch, the replicas that were
//! missing, below which nine in ten of them lie: a linear quantile regression (Koenker and Bassett, Econometrica 1978)
//! with a slope that is not negative, since more replicas never start sooner than fewer. For two parameters and a few
//! dozen points its exact solution is the best of the lines through two of the points.
//!
//! What is counted is all that lies between a decision and its effect, KEDA's polling, the HPA's sync and its
//! scale-up policies included. A reading comes every `interval`, so that a scale-up seems up to that much longer than it
//! was: too long is the side to err on. A scale-up counts only if it was seen to end: not one that was taken back, that was
//! asked for in vain (beyond the ScaledObject's `maxReplicaCount`, without room in the cluster) or that ended while nobody
//! looked. Where another trigger has started replicas a moment earlier, its head start makes the time too short; that
//! is why the line is drawn high and not through the middle.
//!
//! Where the cluster lets its pods be read, nothing need be guessed from what KEDA was told: pods that were created together
//! are a scale-up, from their creation to the last one's Ready, with [`HPA_SYNC`] before it. What the HPA's policies take
//! is not in that; it is known from its `behavior` and added for each step (`cluster.rs`).

use std::time::Duration;

use crate::domain::{
    LeadLine, LeadRecord, LeadSource, PendingScaleUp, PodStarts, Sample, ScaleUp, ServedSince,
    Timestamp,
};

/// Scale-ups that are remembered.
const KEPT: usize = 50;
/// Scale-ups that are watched at the same time.
const WATCHED: usize = 8;
/// Fewer scale-ups than this say too little.
const ENOUGH: usize = 5;
/// Until there are enough, the default is exceeded by no more than this.
const MOST_OF_DEFAULT: u32 = 2;
/// The share of scale-ups that end within the lead time.
const LEVEL: f64 = 0.9;
/// No lead time is shorter than this.
const SHORTEST: Duration = Duration::from_secs(10);
/// A scale-up that takes longer has failed.
const GIVE_UP: Duration = Duration::from_hours(1);
/// Clocks of nodes that are well are no further apart.
const CLOCKS_APART: Duration = Duration::from_mins(1);
/// Ready replicas that were read longer ago than this say nothing about now, and an end that lies in a longer gap between
/// two readings can't be placed in time (unless the scale-up took much longer than the gap).
const GAP: Duration = Duration::from_mins(1);
/// The HPA looks this often, so that pods are created up to this much after the number asks for them.
pub(super) const HPA_SYNC: Duration = Duration::from_secs(15);
/// Batches beyond this multiple of the largest one seen are counted as that.
const BEYOND: u32 = 2;

/// The record after a look at `now`: what KEDA has been told, and the newest reading of ready replicas, if there is any.
pub(super) fn observe(
    mut record: LeadRecord,
    now: Timestamp,
    served: u32,
    ready: Option<Sample>,
) -> LeadRecord {
    record
        .pending
        .retain(|pending| pending.at <= now && now.since(pending.at) <= GIVE_UP);
    let ready = ready.filter(|sample| sample.value.is_finite() && sample.value >= 0.0);
    if let Some(ready) = ready {
        settle(&mut record, ready);
    }
    let before = record.served.map(|before| before.replicas);
    if before != Some(served) {
        record.served = Some(ServedSince {
            replicas: served,
            since: now,
        });
        record.pending.retain(|pending| pending.target <= served);
    }
    let fresh = ready.filter(|sample| sample.at.apart(now) <= GAP);
    if let (Some(before), Some(ready)) = (before, fresh) {
        // A float too large for the type becomes its largest value.
        let missing = served.saturating_sub(ready.value.round() as u32);
        if served > before && missing > 0 && record.pending.len() < WATCHED {
            record.pending.push_back(PendingScaleUp {
                at: now,
                target: served,
                batch: missing,
            });
        }
    }
    record
}

/// Ends the scale-ups whose replicas are ready.
fn settle(record: &mut LeadRecord, ready: Sample) {
    let last = record.read_at.replace(ready.at);
    let gap = last.map_or(Duration::MAX, |last| ready.at.since(last));
    let mut ended = false;
    for pending in std::mem::take(&mut record.pending) {
        if ready.at <= pending.at || ready.value.round() < f64::from(pending.target) {
            record.pending.push_back(pending);
            continue;
        }
        let took = ready.at.since(pending.at);
        if gap <= GAP.max(took / 2) {
            record.scale_ups.push_back(ScaleUp {
                batch: pending.batch,
                seconds: took.as_secs_f32(),
            });
            ended = true;
        }
    }
    if ended {
        sum_up(record);
    }
}

/// The record after pods that became Ready. Each batch teaches once.
pub(super) fn learn_starts(mut record: LeadRecord, starts: &PodStarts) -> LeadRecord {
    // What was watched through the number of Ready replicas would count twice.
    record.pending.clear();
    // A pod is created by the API server's clock and Ready by its node's, which may be another one: what became Ready before
    // it was there, or will in a while, was timed by a clock that is wrong.
    let latest = starts.at + CLOCKS_APART;
    let until = record.pods_until.filter(|until| *until <= latest);
    let mut news: Vec<_> = (starts.batches.iter())
        .filter(|batch| until.is_none_or(|until| batch.ready > until))
        .filter(|batch| (batch.created..=latest).contains(&batch.ready))
        .filter(|batch| batch.ready.since(batch.created) <= GIVE_UP && batch.pods > 0)
        .collect();
    news.sort_by_key(|batch| (batch.ready, batch.created));
    for batch in &news {
        let took = batch.ready.since(batch.created) + HPA_SYNC;
        record.scale_ups.push_back(ScaleUp {
            batch: batch.pods,
            seconds: took.as_secs_f32(),
        });
        record.pods_until = Some(batch.ready);
    }
    if !news.is_empty() {
        sum_up(&mut record);
    }
    record
}

fn sum_up(record: &mut LeadRecord) {
    let surplus = record.scale_ups.len().saturating_sub(KEPT);
    record.scale_ups.drain(..surplus);
    record.line = line(record);
}

/// The lead time for `batch` replicas at once, between 10 s and `most` (which wins), and how it is known.
pub(super) fn lead(
    record: &LeadRecord,
    default: Duration,
    most: Duration,
    batch: u32,
) -> (Duration, LeadSource) {
    let seen = record.scale_ups.len();
    let Some(line) = record.line.filter(|_| seen >= ENOUGH) else {
        let longest = record.scale_ups.iter().map(|it| f64::from(it.seconds));
        let longest = seconds(longest.fold(0.0, f64::max)).min(default * MOST_OF_DEFAULT);
        let source = LeadSource::Default { seen: seen as u32 };
        return (default.max(longest).min(most), source);
    };
    let batch = batch.clamp(1, line.largest.saturating_mul(BEYOND).max(1));
    let high = line.intercept + line.slope * f64::from(batch);
    let source = LeadSource::Learned {
        scale_ups: seen as u32,
        batch,
    };
    (seconds(high).max(SHORTEST).min(most), source)
}

/// No number is no time; one beyond all times is as long as can be.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

/// The line below which [`LEVEL`] of the scale-ups lie, a little more of few of them.
fn line(record: &LeadRecord) -> Option<LeadLine> {
    let points: Vec<(f64, f64)> = (record.scale_ups.iter())
        .filter(|it| it.seconds.is_finite())
        .map(|it| (f64::from(it.batch), f64::from(it.seconds)))
        .collect();
    if points.len() < ENOUGH {
        return None;
    }
    let count = points.len() as f64;
    // The next one is to lie below, not only those that were seen.
    let level = (LEVEL * (count + 1.0) / count).min(1.0 - 0.5 / count);
    let flat = points.iter().map(|(_, took)| (*took, 0.0));
    let through = (points.iter().enumerate()).flat_map(|(index, (x, y))| {
        points[index + 1..].iter().filter_map(move |(u, v)| {
            let slope = (v - y) / (u - x);
            (slope.is_finite() && slope > 0.0).then_some((y - slope * x, slope))
        })
    });
    let loss = |(intercept, slope): (f64, f64)| -> f64 {
        let each = points.iter().map(|(x, y)| y - intercept - slope * x);
        each.map(|rest| rest * if rest > 0.0 { level } else { level - 1.0 })
            .sum()
    };
    // The first of equals wins, and the flat ones come first.
    let best = (flat.chain(through)).min_by(|a, b| loss(*a).total_cmp(&loss(*b)))?;
    Some(LeadLine {
        intercept: best.0,
        slope: best.1,
        largest: record.scale_ups.iter().map(|it| it.batch).max()?,
    })
}

#[cfg(test)]
mod tests;
