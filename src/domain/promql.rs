//! PromQL as far as its parser reads it, and what a query plainly shows of whether a plan can be made of its answer.

use std::panic::catch_unwind;

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, BinaryExpr, Expr};

/// Longer queries are not looked into: the tree is walked, and dropped, by recursion.
const LONGEST: usize = 2048;

/// Aggregations whose answer does not add up over series.
const NOT_ADDITIVE: [&str; 6] = ["avg", "max", "min", "quantile", "stddev", "stdvar"];
/// Functions of the same sort.
const NOT_ADDITIVE_CALLS: [&str; 2] = ["histogram_quantile", "histogram_avg"];
/// Functions that leave a value what it is, or nearly so.
const PLAIN_CALLS: [&str; 10] = [
    "abs",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "floor",
    "round",
    "scalar",
    "sort",
    "vector",
];

/// Why a plan may not be made of a query's answer, which is to be a load that adds up over replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryDoubt {
    /// The parser does not take it for PromQL, and says this.
    Unparsed(String),
    /// It gives a range of samples, not one number.
    Range,
    /// This function is the outermost one, and what it gives does not add up.
    NotAdditive(String),
    /// By its name this is a counter, which grows whatever the load.
    Counter(String),
}

/// The expression, or why it is none; `None` for one that is not looked into.
pub(super) fn parse(query: &str) -> Option<Result<Expr, String>> {
    if query.len() > LONGEST {
        return None;
    }
    // The parser panics on durations that are none, as in `a offset inf`.
    let parsed = catch_unwind(|| parser::parse(query));
    Some(parsed.unwrap_or_else(|_| Err("a duration in it is none".to_owned())))
}

/// Whether an expression can be read as PromQL, so that [`metric_lag`](super::metric_lag) knows what it says of it; one too long
/// to be looked into counts as if it could.
pub fn is_promql(query: &str) -> bool {
    parse(query).is_none_or(|parsed| parsed.is_ok())
}

/// What is to be doubted in a PromQL expression; `None` where nothing is, or where it can't be told.
pub fn query_doubt(query: &str) -> Option<QueryDoubt> {
    let expr = match parse(query)? {
        Ok(expr) => expr,
        Err(why) => return Some(QueryDoubt::Unparsed(why)),
    };
    if expr.value_type() == ValueType::Matrix {
        return Some(QueryDoubt::Range);
    }
    outermost(&expr)
}

fn outermost(mut expr: &Expr) -> Option<QueryDoubt> {
    // Below an aggregation there may be others: `sum(max by (pod) (x))` adds up.
    let mut inside = false;
    loop {
        expr = match expr {
            Expr::Paren(paren) => &paren.expr,
            Expr::Unary(unary) => &unary.expr,
            Expr::Binary(binary) => scaled(binary)?,
            Expr::Aggregate(aggregate) => {
                let name = aggregate.op.to_string();
                let additive = !NOT_ADDITIVE.contains(&name.as_str());
                if !inside && !additive {
                    return Some(QueryDoubt::NotAdditive(name));
                }
                if additive && name != "sum" {
                    return None;
                }
                inside = true;
                &aggregate.expr
            }
            Expr::Call(call) if !inside && NOT_ADDITIVE_CALLS.contains(&call.func.name) => {
                return Some(QueryDoubt::NotAdditive(call.func.name.to_owned()));
            }
            Expr::Call(call) if PLAIN_CALLS.contains(&call.func.name) => call.args.args.first()?,
            Expr::VectorSelector(selector) => {
                let name = selector.name.as_ref()?;
                return (name.ends_with("_total")).then(|| QueryDoubt::Counter(name.clone()));
            }
            _ => return None,
        };
    }
}

/// What a number scales, as in `avg(x) * 60`, or what comes first, as in `sum(x) or vector(0)`.
fn scaled(binary: &BinaryExpr) -> Option<&Expr> {
    let number = |expr: &Expr| matches!(expr, Expr::NumberLiteral(_));
    if number(&binary.rhs) || binary.op.to_string() == "or" {
        Some(&binary.lhs)
    } else if number(&binary.lhs) {
        Some(&binary.rhs)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_adds_up_and_what_is_not_plain_is_not_doubted() {
        for query in [
            "sum(rate(http_requests_total{deployment=\"web\"}[2m]))",
            "sum(rate(http_requests_total[2m])) or vector(0)",
            "queue_length",
            "avg_over_time(queue_length[5m])",
            "sum(max by (pod) (in_flight))",
            "avg(in_flight) * count(in_flight)",
            "count(up)",
            "sum(increase(jobs_total[1m])) / 60",
            "rate(a[1m]) # per second",
            "job:requests:rate2m",
            "42",
        ] {
            assert_eq!(query_doubt(query), None, "{query}");
        }
        let long = format!("avg({})", "a + ".repeat(LONGEST));
        assert_eq!(query_doubt(&long), None, "not looked into");
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        for (query, name) in [
            ("avg(in_flight)", "avg"),
            ("(max(in_flight))", "max"),
            ("min by (zone) (in_flight)", "min"),
            ("quantile(0.9, in_flight)", "quantile"),
            ("60 * avg(rate(http_requests_total[2m]))", "avg"),
            ("avg(in_flight) or vector(0)", "avg"),
            ("clamp_min(avg(in_flight), 1)", "avg"),
            (
                "histogram_quantile(0.9, sum by (le) (rate(a_bucket[3m])))",
                "histogram_quantile",
            ),
        ] {
            let expected = QueryDoubt::NotAdditive(name.to_owned());
            assert_eq!(query_doubt(query), Some(expected), "{query}");
        }
    }

    #[test]
    fn a_range_and_a_bare_counter_are_told() {
        for query in ["queue_length[5m]", "sum(rate(a[1m]))[5m:1m]"] {
            assert_eq!(query_doubt(query), Some(QueryDoubt::Range), "{query}");
        }
        for query in [
            "http_requests_total",
            "sum(http_requests_total{deployment=\"web\"}) / 60",
            "sum(max by (pod) (http_requests_total))",
        ] {
            let expected = QueryDoubt::Counter("http_requests_total".to_owned());
            assert_eq!(query_doubt(query), Some(expected), "{query}");
        }
    }

    #[test]
    fn what_is_no_promql_is_told_with_the_parser_s_reason() {
        for query in [
            ")))  not promql((",
            "sum(rate(a[1m])",
            "rate(a)",
            "",
            "a offset inf",
            "keep_last_value(a)",
        ] {
            assert!(
                matches!(query_doubt(query), Some(QueryDoubt::Unparsed(_))),
                "{query}: {:?}",
                query_doubt(query)
            );
        }
    }
}
