//! Moments as people write them on a command line.

use std::str::FromStr;

use crate::domain::{HumanDuration, Timestamp};

/// A moment: so long before the present, or a fixed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Before(HumanDuration),
    At(Timestamp),
}

// === impl Moment ===

impl Moment {
    /// The moment, seen from `now`.
    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Before(length) => now - length.get(),
            Self::At(at) => at,
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<i64>() {
            return Ok(Self::At(Timestamp::from_secs(seconds)));
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(Timestamp::from_millis(at.as_millisecond())));
        }
        text.parse().map(Self::Before).map_err(|_| {
            format!(
                "`{text}` is no time: write a duration before the present such as `30d`, Unix seconds, or \
                 `2026-03-01T00:00:00Z`"
            )
        })
    }
}
