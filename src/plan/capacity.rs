//! How much load one replica carries, from the latency that was seen at each load.
//!
//! A pair is the load per ready replica and the latency beside it, once a minute, while the fleet is steady. A curve is
//! put over the pairs in three steps: bins of a dozen pairs, or of fewer that lie alone, by load; in each the latency that nine in ten of its
//! pairs stay below (newer pairs weigh more); and over the bins an isotonic regression by pooling adjacent violators
//! (Ayer, Brunk, Ewing, Reid and Silverman 1955), since more load never makes a replica faster. The capacity is the load
//! at which that curve reaches the objective. Taking a high quantile, of few pairs a higher one, is the allowance for what
//! is uncertain; between two bins the logarithm of the latency is a straight line, which lies above a queue's and errs on the
//! same side.
//!
//! What was not seen is approached in small steps. Where every load kept the objective, the capacity may be up to a tenth
//! above the highest one; where every load missed it, a tenth below the lowest, unless latency does not depend on load
//! at all: then more replicas would not help and nothing is claimed. So a fleet that is never busy does not seem weak,
//! and a slow database does not seem to call for ever more replicas.
//!
//! A deploy makes old pairs wrong. When the newest pairs are slower, or faster, than older ones at the same load, beyond
//! chance and by a quarter, the older ones are forgotten.

mod fit;

use std::time::Duration;

use self::fit::{Found, Knot};
use crate::domain::{
    Capacity, CapacityBound, CapacityDrop, CapacityRecord, LoadLatency, Timestamp,
};

/// Pairs that are remembered.
const KEPT: usize = 240;
/// Fewer pairs say nothing; so many newest ones are compared with the older ones.
const ENOUGH: usize = 24;
/// Pairs are this far apart, and a fleet is steady after as long: windows of rates have to pass.
const APART: Duration = Duration::from_mins(1);
/// A fleet that has changed by no more than this share is the same fleet.
const STEADY: f64 = 0.1;
/// Loads per replica from this to that multiple of the threshold are remembered.
const PLAUSIBLE: [f64; 2] = [0.02, 100.0];
/// No capacity is below or above these multiples of the threshold.
const TRUSTED: [f64; 2] = [0.25, 4.0];
/// A capacity below this share of what it was a day ago is told of, until it is back above the second share.
const DROP: [f64; 2] = [0.85, 0.9];
/// After this long what was a drop is usual, and what was seen of replicas is no reason to ask for fewer.
const DAY: Duration = Duration::from_hours(24);

/// A look at a workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) now: Timestamp,
    /// When the latency was true.
    pub(super) at: Timestamp,
    /// Of the workload.
    pub(super) load: f64,
    /// Ready replicas.
    pub(super) ready: f64,
    /// In seconds.
    pub(super) latency: f64,
}

/// What a trigger says of its replicas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Load that one replica is meant to carry.
    pub(super) threshold: f64,
    /// Latency in seconds that it is to keep.
    pub(super) objective: f64,
}

/// What is known that counts at `now`. Of replicas of which nothing has been seen for a day nobody knows whether they still
/// carry more than they are meant to; that they carry less is taken as it was.
pub(super) fn in_force(
    record: &CapacityRecord,
    threshold: f64,
    now: Timestamp,
) -> Option<Capacity> {
    let newest = record.pairs.back().map(|pair| pair.0);
    let recent = newest.is_none_or(|at| now.since(at) <= DAY);
    record
        .known
        .filter(|known| recent || known.per_replica < threshold)
}

/// The record after a look.
pub(super) fn observe(mut record: CapacityRecord, asked: Asked, look: Look) -> CapacityRecord {
    record.pairs.retain(|pair| pair.0 <= look.now);
    let sound = look.ready.is_finite() && look.load.is_finite() && look.latency.is_finite();
    if !sound || look.ready < 1.0 || look.latency < 0.0 {
        return record;
    }
    if !steady(&mut record, look) {
        return record;
    }
    let per_replica = look.load / look.ready;
    let [least, most] = PLAUSIBLE.map(|share| share * asked.threshold);
    let newest = record.pairs.back().map(|pair| pair.0);
    let due = newest.is_none_or(|newest| look.at > newest && look.at.since(newest) >= APART);
    if !due || !(least..=most).contains(&per_replica) {
        return record;
    }
    (record.pairs).push_back(LoadLatency(
        look.at,
        per_replica as f32,
        look.latency as f32,
    ));
    forget_one(&mut record);
    let changed = fit::has_changed(&record.pairs);
    if changed {
        let old = record.pairs.len() - ENOUGH;
        record.pairs.drain(..old);
    }
    // What the replicas of before carried says nothing of those that came after them.
    let stands = record.known.filter(|_| !changed);
    conclude(&mut record, stands, asked, look.now);
    record
}

/// Whether the fleet has been about this large for long enough for rates and latencies to belong to it.
fn steady(record: &mut CapacityRecord, look: Look) -> bool {
    let same = |size: f64| (look.ready / size - 1.0).abs() <= STEADY;
    match record.steady {
        Some((size, since)) if same(size) && since <= look.now => look.now.since(since) >= APART,
        _ => {
            record.steady = Some((look.ready, look.now));
            false
        }
    }
}

/// Where there are too many, the oldest one of the load of which there are most goes, so that rare loads stay known.
fn forget_one(record: &mut CapacityRecord) {
    if record.pairs.len() <= KEPT {
        return;
    }
    // Tenths of an octave.
    let class = |pair: &LoadLatency| (f64::from(pair.1).log2() * 10.0).floor() as i32;
    let mut counts = std::collections::BTreeMap::new();
    for pair in &record.pairs {
        *counts.entry(class(pair)).or_insert(0_usize) += 1;
    }
    let fullest = counts.into_iter().max_by_key(|(_, count)| *count);
    let oldest = fullest.and_then(|(fullest, _)| {
        let mut pairs = record.pairs.iter();
        pairs.position(|pair| class(pair) == fullest)
    });
    record.pairs.remove(oldest.unwrap_or(0));
}

/// Sets what the pairs come to beside what `stands`, and whether that is a drop.
fn conclude(record: &mut CapacityRecord, stands: Option<Capacity>, asked: Asked, now: Timestamp) {
    let knots = fit::curve(&record.pairs);
    let Some((per_replica, bound)) = capacity(&knots, stands, asked) else {
        record.known = None;
        return;
    };
    let [least, most] = TRUSTED.map(|share| share * asked.threshold);
    let per_replica = per_replica.clamp(least, most);
    let dropped = dropped(record, per_replica, now);
    record.known = Some(Capacity {
        per_replica,
        bound,
        pairs: record.pairs.len() as u32,
        dropped,
    });
}

fn capacity(knots: &[Knot], known: Option<Capacity>, asked: Asked) -> Option<(f64, CapacityBound)> {
    match fit::reach(knots, asked.objective)? {
        Found::Within(load) => Some((load, CapacityBound::Within)),
        // Nothing speaks against the threshold, or against what was known.
        Found::AtLeast(load) => {
            let stands = known.map_or(asked.threshold, |known| known.per_replica);
            (load > stands || known.is_some()).then_some((load.max(stands), CapacityBound::AtLeast))
        }
        Found::AtMost(load) => Some((load.min(asked.threshold), CapacityBound::AtMost)),
        Found::Unrelated => None,
    }
}

/// Compares with what was usual: the most of about the last day.
fn dropped(record: &mut CapacityRecord, now_is: f64, now: Timestamp) -> Option<CapacityDrop> {
    let before = record.known.and_then(|known| known.dropped);
    let (was, at) = *record.usual.get_or_insert((now_is, now));
    let since = before.map_or(at, |drop| drop.since.max(at));
    let grows = before.is_none() && now_is > was;
    if now.since(since) >= DAY || at > now || grows {
        record.usual = Some((now_is, now));
        return None;
    }
    let [falls, returns] = DROP.map(|share| share * was);
    match before {
        Some(drop) if now_is < returns => Some(drop),
        None if now_is < falls => Some(CapacityDrop {
            from: was,
            since: now,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
