//! Which series belong to one source, and until when they may be learned from.
//!
//! All series of a source end at one date, the first 70 % of its calendar span: what one of them saw of a busy day
//! would tell of another's. A series doesn't go beyond the first 70 % of its own span either, so that its last part can be
//! judged on. The last 15 % before that say when to stop.

use serde::{Deserialize, Serialize};

use crate::domain::{Series, Timestamp};

/// Share of the calendar span that may be learned from.
pub const KNOWN: f64 = 0.7;
/// Share of that which says when to stop.
pub const VALIDATION: f64 = 0.15;

/// A source of series, told by how their files' names begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// How the names of its files begin.
    pub prefix: String,
    /// What it is.
    #[serde(default)]
    pub about: String,
    /// Licence of the data.
    #[serde(default)]
    pub licence: String,
    /// Where it is from.
    #[serde(default)]
    pub origin: String,
}

/// Until when a series may be learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Windows whose targets end here at the latest are learned from.
    pub validation: Timestamp,
    /// Windows after that, until here, say when to stop.
    pub end: Timestamp,
}

/// The source of a file: the longest prefix that fits, or itself.
pub fn source_of<'a>(sources: &'a [Source], name: &'a str) -> &'a str {
    let fitting = sources.iter().filter(|s| name.starts_with(&s.prefix));
    fitting
        .max_by_key(|source| source.prefix.len())
        .map_or(name, |source| source.prefix.as_str())
}

/// The cut of each series of one source.
pub fn cuts(series: &[&Series]) -> Vec<Cut> {
    let start = series.iter().map(|s| s.start()).min();
    let end = series.iter().map(|s| s.end()).max();
    let (Some(start), Some(end)) = (start, end) else {
        return Vec::new();
    };
    let common = share(start, end, KNOWN);
    let cut = |series: &&Series| {
        let end = share(series.start(), series.end(), KNOWN).min(common);
        let validation = share(series.start(), end, 1.0 - VALIDATION);
        Cut { validation, end }
    };
    series.iter().map(cut).collect()
}

fn share(from: Timestamp, until: Timestamp, share: f64) -> Timestamp {
    let span = (until.as_millis() - from.as_millis()).max(0) as f64;
    Timestamp::from_millis(from.as_millis() + (span * share).round() as i64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn hours(from: i64, count: usize) -> Series {
        let start = Timestamp::from_secs(from * 3600);
        Series::new(start, Duration::from_hours(1), vec![1.0; count])
    }

    #[test]
    fn all_series_of_a_source_end_at_one_date_and_none_beyond_its_own_share() {
        let (long, early, late) = (hours(0, 100), hours(0, 50), hours(80, 20));
        let cuts = cuts(&[&long, &early, &late]);
        let ends: Vec<i64> = cuts.iter().map(|cut| cut.end.as_secs() / 3600).collect();
        assert_eq!(ends, [70, 35, 70]);
        assert!(cuts[2].end < late.start(), "nothing of it is learned from");
        assert_eq!(cuts[0].validation.as_secs(), (70.0 * 0.85 * 3600.0) as i64);
    }

    #[test]
    fn a_file_belongs_to_the_longest_prefix_or_to_itself() {
        let source = |prefix: &str| Source {
            prefix: prefix.to_owned(),
            about: String::new(),
            licence: String::new(),
            origin: String::new(),
        };
        let sources = [source("ms_"), source("ms_mongo")];
        assert_eq!(source_of(&sources, "ms_mongo_1"), "ms_mongo");
        assert_eq!(source_of(&sources, "ms_x"), "ms_");
        assert_eq!(source_of(&sources, "mine"), "mine");
    }
}
