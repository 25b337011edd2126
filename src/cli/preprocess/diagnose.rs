//! Gaps in what was measured.

use serde::Serialize;

use crate::domain::Series;

/// The longest gaps that a report names.
const NAMED: usize = 10;

/// Steps without a measured value.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Gaps {
    pub(super) count: usize,
    pub(super) missing_steps: usize,
    pub(super) missing_share: f64,
    pub(super) longest_seconds: u64,
    /// The longest ones, longest first.
    pub(super) longest: Vec<Stretch>,
}

/// A stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Stretch {
    /// Its first moment, RFC 3339.
    pub(super) from: String,
    /// The first moment after it, RFC 3339.
    pub(super) until: String,
    pub(super) seconds: u64,
}

/// The gaps of a series.
pub(super) fn gaps(series: &Series) -> Gaps {
    let values = series.values();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut start = None;
    for (index, value) in values.iter().enumerate() {
        match (value.is_finite(), start) {
            (false, None) => start = Some(index),
            (true, Some(from)) => {
                runs.push((from, index));
                start = None;
            }
            _ => {}
        }
    }
    runs.extend(start.map(|from| (from, values.len())));
    let missing: usize = runs.iter().map(|(from, until)| until - from).sum();
    let step = series.step().as_secs();
    let mut longest = runs.clone();
    longest.sort_by_key(|(from, until)| (std::cmp::Reverse(until - from), *from));
    Gaps {
        count: runs.len(),
        missing_steps: missing,
        missing_share: missing as f64 / values.len().max(1) as f64,
        longest_seconds: longest
            .first()
            .map_or(0, |(from, until)| (until - from) as u64 * step),
        longest: (longest.iter().take(NAMED))
            .map(|(from, until)| Stretch {
                from: series.time_of(*from).to_rfc3339(),
                until: series.time_of(*until).to_rfc3339(),
                seconds: (until - from) as u64 * step,
            })
            .collect(),
    }
}
