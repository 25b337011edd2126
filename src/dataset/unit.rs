//! The unit of timestamps.

/// What a timestamp counts since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

/// From here on, a number of seconds lies after the year 5000 and a number of milliseconds after early 1973; the next
/// units follow in steps of a thousand.
const FIRST_MILLIS: f64 = 1e11;

// === impl Unit ===

impl Unit {
    /// All of them, from the coarsest to the finest.
    pub(super) const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// The unit in which a number of this size is a plausible time.
    pub(super) fn of(time: f64) -> Self {
        match time / FIRST_MILLIS {
            share if share < 1.0 => Self::Seconds,
            share if share < 1e3 => Self::Millis,
            share if share < 1e6 => Self::Micros,
            _ => Self::Nanos,
        }
    }

    /// `time` of this unit in whole milliseconds.
    pub(super) fn millis(self, time: f64) -> i64 {
        let millis = match self {
            Self::Seconds => time * 1e3,
            Self::Millis => time,
            Self::Micros => time / 1e3,
            Self::Nanos => time / 1e6,
        };
        millis.round() as i64
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Millis => "milliseconds",
            Self::Micros => "microseconds",
            Self::Nanos => "nanoseconds",
        }
    }
}
