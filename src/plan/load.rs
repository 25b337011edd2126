//! Is there a present load? A sample that is old, missing or no number is a fault, never a zero.

use super::ledger::{ago, span};
use super::{Config, Inputs};
use crate::domain::Sample;

/// The measured load.
pub(super) enum Load {
    /// The present load; not negative.
    Fresh(Sample),
    /// There is none.
    Absent(Absent),
}

/// Why there is no present load.
pub(super) struct Absent {
    /// The newest usable sample, too old to be present.
    pub(super) last: Option<Sample>,
    /// In words.
    pub(super) why: String,
}

impl Load {
    /// The newest usable sample, however old.
    pub(super) fn sample(&self) -> Option<Sample> {
        match self {
            Self::Fresh(sample) => Some(*sample),
            Self::Absent(absent) => absent.last,
        }
    }
}

/// Judges the newest sample.
pub(super) fn judge(config: &Config, inputs: &Inputs<'_>) -> Load {
    let limit = config.stale_after(inputs.spec);
    let now = inputs.now;
    if let Some(fault) = inputs.fault {
        let last = inputs.observed.filter(|sample| sample.value.is_finite());
        return absent(last.map(not_negative), fault.to_owned());
    }
    match inputs.observed {
        None => absent(None, "no load has been measured".into()),
        Some(sample) if !sample.value.is_finite() => {
            let when = ago(sample.at, now);
            let text = format!("the newest sample, {when}, is `{}`", sample.value);
            absent(None, text)
        }
        Some(sample) => {
            let sample = not_negative(sample);
            // A sample from far ahead means that the clock has jumped back: it says as little about the present as an old one.
            if sample.at.apart(now) <= limit {
                Load::Fresh(sample)
            } else {
                let (when, limit) = (ago(sample.at, now), span(limit));
                let text = format!("the newest sample is from {when}, more than {limit} away");
                absent(Some(sample), text)
            }
        }
    }
}

/// Negative loads count as 0, as KEDA takes them (keda#7880).
fn not_negative(sample: Sample) -> Sample {
    Sample {
        value: sample.value.max(0.0),
        ..sample
    }
}

fn absent(last: Option<Sample>, why: String) -> Load {
    Load::Absent(Absent { last, why })
}
