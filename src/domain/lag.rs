//! How old what a query tells is.
//!
//! `rate(requests_total[2m])` is the mean of the last two minutes, so that on a straight ramp it tells the load of a minute ago. Who
//! plans for a metric that is late has to look ahead by as much more. Functions that give a mean, a sum or a slope over a range are
//! late by half of it; those that look at its end or its extremes (`irate`, `last_over_time`, `max_over_time`) are not. Where parts
//! of a query differ, the latest counts: a join with labels (`* on(pod) group_left kube_pod_labels`) makes nothing newer.
//! `offset` is left out of account, for whoever writes it wants another time.

use std::time::Duration;

use promql_parser::parser::Expr;

use super::{HumanDuration, promql};

/// A longer range is no longer how the load is measured but what it is compared with.
const LONGEST: Duration = Duration::from_mins(5);
/// Deeper expressions are not looked into.
const DEEPEST: usize = 64;

/// Functions over a range whose result is late by half of it.
const SPREAD: [&str; 8] = [
    "rate",
    "increase",
    "delta",
    "deriv",
    "avg_over_time",
    "sum_over_time",
    "count_over_time",
    "quantile_over_time",
];

/// By how much the answer of a PromQL expression is behind the load, from its ranges; at most five minutes, and zero where it
/// can't be told (another dialect, a recording rule without the range in its name).
pub fn metric_lag(query: &str) -> Duration {
    let expr = promql::parse(query).and_then(Result::ok);
    expr.map_or(Duration::ZERO, |expr| of(&expr, DEEPEST))
        .min(LONGEST)
}

fn of(expr: &Expr, deep: usize) -> Duration {
    let Some(deep) = deep.checked_sub(1) else {
        return Duration::ZERO;
    };
    match expr {
        Expr::Aggregate(aggregate) => of(&aggregate.expr, deep),
        Expr::Unary(unary) => of(&unary.expr, deep),
        Expr::Paren(paren) => of(&paren.expr, deep),
        Expr::Binary(binary) => of(&binary.lhs, deep).max(of(&binary.rhs, deep)),
        Expr::Subquery(subquery) => of(&subquery.expr, deep),
        Expr::VectorSelector(selector) => {
            (selector.name.as_deref()).map_or(Duration::ZERO, recorded)
        }
        Expr::Call(call) => {
            let spread = SPREAD.contains(&call.func.name);
            let each = call.args.args.iter().map(|argument| {
                let own = range(argument).filter(|_| spread).unwrap_or_default();
                own / 2 + of(argument, deep)
            });
            each.max().unwrap_or_default()
        }
        Expr::MatrixSelector(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::Extension(_) => Duration::ZERO,
    }
}

fn range(argument: &Expr) -> Option<Duration> {
    match argument {
        Expr::MatrixSelector(matrix) => Some(matrix.range),
        Expr::Subquery(subquery) => Some(subquery.range),
        Expr::Paren(paren) => range(&paren.expr),
        _ => None,
    }
}

/// A recording rule says its range in its name, `job:requests:rate5m`
/// (<https://prometheus.io/docs/practices/rules/>).
fn recorded(name: &str) -> Duration {
    let range = name.rsplit(':').next().filter(|_| name.contains(':'));
    let range = range.and_then(|operations| {
        operations.split('_').find_map(|operation| {
            let range = (operation.strip_prefix("rate")).or(operation.strip_prefix("increase"))?;
            range.parse::<HumanDuration>().ok()
        })
    });
    range.map_or(Duration::ZERO, |range| range.get() / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(query: &str) -> f64 {
        metric_lag(query).as_secs_f64()
    }

    #[test]
    fn a_mean_over_a_range_is_late_by_half_of_it() {
        let late = [
            (
                "sum(rate(http_requests_total{deployment=\"web\"}[2m]))",
                60.0,
            ),
            ("sum by (pod) (increase(jobs_total[1m])) / 60", 30.0),
            ("avg_over_time(queue_length[5m])", 150.0),
            ("quantile_over_time(0.9, queue_length[1m])", 30.0),
            ("-(sum(rate(a[1m])) + sum(rate(b[4m])))", 120.0),
            ("avg_over_time(sum(rate(a[1m]))[2m:15s])", 90.0),
            (
                "sum(rate(a[1m]) * on(pod) group_left(team) kube_pod_labels) or vector(0)",
                30.0,
            ),
            (
                "histogram_quantile(0.9, sum by (le) (rate(a_bucket[3m])))",
                90.0,
            ),
            ("job:requests:rate2m", 60.0),
            ("sum(job:requests:sum_rate5m{job=\"web\"})", 150.0),
        ];
        for (query, lag) in late {
            assert!(
                (seconds(query) - lag).abs() < 1e-9,
                "{query}: {}",
                seconds(query)
            );
        }
    }

    #[test]
    fn what_looks_at_the_end_or_at_the_extremes_of_a_range_is_not_late() {
        for query in [
            "sum(queue_length)",
            "sum(irate(http_requests_total[5m]))",
            "max_over_time(queue_length[10m])",
            "last_over_time(queue_length[10m])",
            "a offset 1d",
            "job:requests:sum",
            "rate5m",
            "42",
        ] {
            assert!(seconds(query) < 1e-9, "{query}: {}", seconds(query));
        }
        assert!((seconds("max_over_time(rate(a[1m])[10m:])") - 30.0).abs() < 1e-9);
    }

    #[test]
    fn a_range_of_hours_is_a_comparison_and_nonsense_tells_nothing() {
        assert_eq!(metric_lag("sum(increase(a[1d])) / 24"), LONGEST);
        let deep = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
        for query in [
            "",
            "sum(",
            "rate(a)",
            "keep_last_value(rate(a[$__interval]))",
            &deep,
        ] {
            assert_eq!(metric_lag(query), Duration::ZERO, "{query}");
        }
    }

    #[test]
    fn what_the_parser_panics_on_is_late_by_nothing() {
        for query in ["a offset inf", "1e9 offset inf -", "rate(a[5m] offset inf)"] {
            assert_eq!(metric_lag(query), Duration::ZERO, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "rate", "sum", "(", ")", "[", "]", "{", "}", "5m", ":", "a", "=", "\"", "by", "-", "+", "*", "@", "offset",
                    ",", "1e9", "inf", "9999999y", "bool", "on", "group_left", "!~", "\\", "'", "é", " ", "\n", "#",
                ]),
                0..24,
            ),
        ) {
            prop_assert!(metric_lag(&words.concat()) <= LONGEST);
            prop_assert!(metric_lag(&words.join(" ")) <= LONGEST);
        }
    }
}
