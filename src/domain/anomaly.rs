//! What was unusual in a workload's history.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// A kind of anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnomalyKind {
    /// One or two steps that stand alone: a scrape that came late or saw something odd.
    ScrapeSpike,
    /// One or two steps of next to nothing, below 0 or of absurdly much: a counter that began anew.
    CounterReset,
    /// A busy workload that fell to nothing for longer.
    Outage,
    /// A burst right after an outage.
    RetryStorm,
    /// What the user has marked.
    Marked,
}

/// An anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// What it is taken for.
    pub kind: AnomalyKind,
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// The measured value in it that is furthest from 0, in the metric's unit; `None` when nothing is kept of what was
    /// measured, as in an outage.
    pub magnitude: Option<f64>,
}

impl AnomalyKind {
    /// Its name in metrics, the API and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScrapeSpike => "scrape-spike",
            Self::CounterReset => "counter-reset",
            Self::Outage => "outage",
            Self::RetryStorm => "retry-storm",
            Self::Marked => "marked",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
