//! What the queries beside the load have answered.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::Timestamp;
use crate::knowledge::{Side, SideQuery};

/// By the trigger's key; only queries that have been asked.
pub(super) type ReadingsView = BTreeMap<&'static str, ReadingView>;

/// The newest answer of one query.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct ReadingView {
    at: Option<Timestamp>,
    value: Option<f64>,
    /// What was wrong with the last answer, if anything.
    fault: Option<String>,
}

pub(super) fn readings(side: &Side) -> ReadingsView {
    let each = SideQuery::ALL
        .into_iter()
        .map(|query| (query, side.of(query)));
    each.filter(|(_, reading)| reading.asked.is_some())
        .map(|(query, reading)| {
            let view = ReadingView {
                at: reading.newest.map(|sample| sample.at),
                value: reading.newest.map(|sample| sample.value),
                fault: reading.fault.clone(),
            };
            (query.key(), view)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Sample;
    use crate::knowledge::samples::NOW;

    #[test]
    fn only_queries_that_were_asked_are_shown_with_their_fault() {
        let mut side = Side::default();
        assert!(readings(&side).is_empty());
        side.of_mut(SideQuery::Replicas).asked = Some(NOW);
        side.of_mut(SideQuery::Replicas).newest = Some(Sample {
            at: NOW,
            value: 7.0,
        });
        side.of_mut(SideQuery::Latency).asked = Some(NOW);
        side.of_mut(SideQuery::Latency).fault = Some("it returned no data".into());
        let shown = serde_json::to_value(readings(&side)).unwrap();
        let expected = serde_json::json!({
            "latencyQuery": {"at": null, "value": null, "fault": "it returned no data"},
            "replicasQuery": {"at": NOW, "value": 7.0, "fault": null},
        });
        assert_eq!(shown, expected);
    }
}
