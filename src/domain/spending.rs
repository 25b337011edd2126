//! What plans have asked for: replica hours of the day so far, and of the hours of days like it.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Replica hours that plans have asked for. About 300 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    /// The local day, counted from the epoch of local time.
    pub day: i64,
    /// The local hour, from 0 to 23.
    pub hour: u8,
    /// Until when everything is counted in.
    pub at: Timestamp,
    /// What the newest plan asked for.
    pub replicas: u32,
    /// Replica hours of the day so far.
    pub hours: f64,
    /// The hour so far.
    pub this_hour: HourSum,
    /// For each local hour of the day, from what days before have shown; empty before the first full hour.
    pub typical: Vec<TypicalHour>,
}

/// An hour as far as it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HourSum {
    /// Hours that were seen of it, up to 1.
    pub seen: f32,
    /// Replica hours that the measured load asked for.
    pub floor: f32,
    /// Replica hours that plans asked for before a budget lowered them.
    pub wanted: f32,
    /// Replicas that the measured load asks for at the newest plan.
    pub floor_now: u32,
    /// Replicas that the newest plan asked for before a budget lowered it.
    pub wanted_now: u32,
}

/// Replicas that are usual in one hour of the day; negative before it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypicalHour {
    /// What the measured load asks for.
    pub floor: f32,
    /// What plans ask for before a budget lowers them.
    pub wanted: f32,
}

// === impl Spending ===

impl Spending {
    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.typical.capacity() * size_of::<TypicalHour>()
    }
}
