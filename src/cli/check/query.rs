//! The queries of a trigger: whether they are PromQL, and whether the load is one that adds up over replicas.

use crate::domain::{Metadata, QueryDoubt, query_doubt};
use crate::execute::keda::metadata::excerpt;

/// Keys that hold queries. The first one is the load; the others may well be means or quantiles.
const QUERIES: [&str; 5] = [
    "query",
    "replicasQuery",
    "latencyQuery",
    "cpuQuery",
    "memoryQuery",
];

/// What is to be doubted in a trigger's queries, each with its key.
pub(super) fn doubts(metadata: &Metadata) -> Vec<(&'static str, String)> {
    let of = |key: &'static str| {
        let query = metadata.get(key).map(|query| query.trim())?;
        let doubt = (!query.is_empty()).then(|| query_doubt(query)).flatten()?;
        Some((key, told(key, doubt)?))
    };
    QUERIES.into_iter().filter_map(of).collect()
}

fn told(key: &str, doubt: QueryDoubt) -> Option<String> {
    let load = key == QUERIES[0];
    Some(match doubt {
        QueryDoubt::Unparsed(why) => format!(
            "`{key}` is no PromQL ({}): a Prometheus refuses it at every reading; where the source takes another dialect, \
             such as MetricsQL, it may be right",
            excerpt(&why)
        ),
        QueryDoubt::Range => format!(
            "`{key}` gives a range of samples where one number is needed: put a function around it, such as `rate(…)` or \
             `avg_over_time(…)`"
        ),
        QueryDoubt::NotAdditive(name) if load => {
            let unless = if matches!(name.as_str(), "max" | "min") {
                ", unless one of the series is the whole load"
            } else {
                ""
            };
            format!(
                "`{key}` is `{name}(…)`, which does not add up over replicas: the plan divides the load of the whole workload \
                 by `threshold`, so give one that sums{unless}"
            )
        }
        QueryDoubt::Counter(name) if load => format!(
            "`{key}` is `{name}`, by its name a counter, which grows whatever the load: write `rate({}[1m])` in its place",
            excerpt(&name)
        ),
        QueryDoubt::NotAdditive(_) | QueryDoubt::Counter(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(key: &str, query: &str) -> Vec<String> {
        let metadata = Metadata::from([(key.to_owned(), query.to_owned())]);
        let all = doubts(&metadata).into_iter();
        all.map(|(key, text)| format!("{key}: {text}")).collect()
    }

    #[test]
    fn every_query_is_to_be_promql_and_the_load_is_to_add_up() {
        for (key, query, part) in [
            ("query", ")))  not promql((", "is no PromQL"),
            ("latencyQuery", "sum(rate(a[1m])", "is no PromQL"),
            ("query", "a[5m]", "a range of samples"),
            ("replicasQuery", "a[5m]", "a range of samples"),
            ("query", "avg(in_flight)", "`avg(…)`, which does not add up"),
            (
                "query",
                "max(in_flight)",
                "unless one of the series is the whole load",
            ),
            (
                "query",
                "sum(a_total)",
                "write `rate(a_total[1m])` in its place",
            ),
        ] {
            let told = told_of(key, query);
            assert!(
                told.len() == 1 && told[0].starts_with(key) && told[0].contains(part),
                "{query}: {told:?}"
            );
        }
        for (key, query) in [
            ("query", "sum(rate(a_total[1m]))"),
            ("query", " "),
            ("latencyQuery", "histogram_quantile(0.99, a)"),
            ("replicasQuery", "max(ready)"),
            ("thresholdQuery", "((("),
        ] {
            assert_eq!(told_of(key, query), [""; 0], "{query}");
        }
    }
}
