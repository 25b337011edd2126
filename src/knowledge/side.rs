//! What the queries beside the load have last answered.

use crate::domain::{Sample, Timestamp};

/// A query beside the load's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SideQuery {
    /// `replicasQuery`: ready replicas.
    Replicas,
    /// `latencyQuery`: seconds.
    Latency,
    /// `cpuQuery`: cores of all pods together.
    Cpu,
    /// `memoryQuery`: bytes of all pods together.
    Memory,
}

/// The newest answers, one for each query. They are not part of a snapshot: the next refresh reads them anew.
#[derive(Clone, Debug, Default)]
pub struct Side {
    readings: [SideReading; 4],
}

/// What one query has last answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SideReading {
    /// The newest sample, however old.
    pub newest: Option<Sample>,
    /// When it was last asked.
    pub asked: Option<Timestamp>,
    /// What was wrong with the last answer, if anything.
    pub fault: Option<String>,
    /// Answers in a row that brought nothing.
    pub failures: u32,
}

// === impl SideQuery ===

impl SideQuery {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Replicas, Self::Latency, Self::Cpu, Self::Memory];

    /// Its name in metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replicas => "replicas",
            Self::Latency => "latency",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }

    /// The trigger's key that holds it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Replicas => "replicasQuery",
            Self::Latency => "latencyQuery",
            Self::Cpu => "cpuQuery",
            Self::Memory => "memoryQuery",
        }
    }
}

// === impl Side ===

impl Side {
    /// What `query` has last answered.
    pub fn of(&self, query: SideQuery) -> &SideReading {
        &self.readings[query as usize]
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, query: SideQuery) -> &mut SideReading {
        &mut self.readings[query as usize]
    }

    /// Bytes that it owns on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let faults = self.readings.iter().flat_map(|reading| &reading.fault);
        faults.map(String::capacity).sum()
    }
}
