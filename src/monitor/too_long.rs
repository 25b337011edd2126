//! Refusals that a shorter window mends. Each server words them in its own way and most use the same error type as for a
//! mistake in the query, so that only the message tells them apart.

/// Which limit a window was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooLong {
    /// Evaluation times per series: a limit of the server, the same for every query.
    Points,
    /// Time from start to end: a limit of the server or the tenant, the same for every query.
    Range,
    /// What the query has to load: a limit that other queries may never meet.
    Weight,
}

/// Lower-case parts of messages, with the server that writes them.
const SIGNS: &[(&str, TooLong)] = &[
    // Prometheus, Thanos, Mimir, Cortex: `exceeded maximum resolution of 11,000 points per timeseries`.
    ("exceeded maximum resolution", TooLong::Points),
    // VictoriaMetrics' limit for subqueries depends on the query; this must come before the next one.
    ("maxpointssubquerypertimeseries", TooLong::Weight),
    // VictoriaMetrics: `too many points for the given step=…; the maximum number of points is 30000`, in older
    // versions `cannot exceed -search.maxPointsPerTimeseries=30000`.
    ("too many points for the given", TooLong::Points),
    ("search.maxpointspertimeseries", TooLong::Points),
    // Mimir (`max_total_query_length`, `max_partial_query_length`), Cortex and Thanos' query-frontend
    // (`max-query-length`): `the (total) query time range exceeds the limit (query length: …, limit: …)`.
    ("query time range exceeds the limit", TooLong::Range),
    ("err-mimir-max-total-query-length", TooLong::Range),
    ("err-mimir-max-query-length", TooLong::Range),
    // Prometheus, Thanos (`--query.max-samples`).
    ("would load too many samples into memory", TooLong::Weight),
    // Mimir's limits on what one query may fetch.
    ("err-mimir-max-chunks-per-query", TooLong::Weight),
    ("err-mimir-max-estimated-chunks-per-query", TooLong::Weight),
    ("err-mimir-max-chunks-bytes-per-query", TooLong::Weight),
    (
        "err-mimir-max-estimated-memory-consumption-per-query",
        TooLong::Weight,
    ),
    // VictoriaMetrics (`-search.maxSamplesPerQuery`, `-search.maxMemoryPerQuery`).
    ("search.maxsamplesperquery", TooLong::Weight),
    ("search.maxmemoryperquery", TooLong::Weight),
];

/// Whether `message` says that a shorter window would do.
pub(super) fn too_long(message: &str) -> Option<TooLong> {
    let message = message.to_lowercase();
    SIGNS
        .iter()
        .find(|(sign, _)| message.contains(sign))
        .map(|(_, which)| *which)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_s_words_for_a_window_that_is_too_long_are_understood() {
        let cases = [
            (
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
                TooLong::Points,
            ),
            (
                "error when executing query=\"up\" on the time range (start=0, end=1, step=300000): too many points for the \
                 given start=0, end=1 and step=300000: 840961; the maximum number of points is 30000; (see \
                 -search.maxPointsPerTimeseries command-line flag)",
                TooLong::Points,
            ),
            (
                "too many points for the given step=10, start=1 and end=2: 30204; cannot exceed -search.maxPointsPerTimeseries=30000",
                TooLong::Points,
            ),
            (
                "too many points for the given step; see -search.maxPointsSubqueryPerTimeseries command-line flag",
                TooLong::Weight,
            ),
            (
                "the total query time range exceeds the limit (query length: 769h0m0s, limit: 768h0m0s) (err-mimir-max-total-query-length)",
                TooLong::Range,
            ),
            (
                "the query time range exceeds the limit (query length: 769h0m0s, limit: 768h0m0s)",
                TooLong::Range,
            ),
            (
                "query processing would load too many samples into memory in query execution",
                TooLong::Weight,
            ),
        ];
        for (message, which) in cases {
            assert_eq!(too_long(message), Some(which), "{message}");
        }
    }

    #[test]
    fn a_mistake_in_the_query_is_not_taken_for_a_limit() {
        for message in [
            "invalid parameter \"query\": 1:5: parse error: unexpected end of input",
            "found duplicate series for the match group",
            "the query exceeded the maximum number of series (limit: 5 series) (err-mimir-max-series-per-query)",
        ] {
            assert_eq!(too_long(message), None, "{message}");
        }
    }
}
