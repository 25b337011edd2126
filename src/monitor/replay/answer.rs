//! What the replay endpoint answers.

use serde_json::{Value, json};

use super::parameters::Parameters;
use super::{Refusal, ReplaySource};
use crate::domain::Timestamp;
use crate::monitor::Span;

/// Prometheus' limit on steps between start and end.
const MAX_STEPS: u64 = 11_000;

/// Data of `query_range`.
pub(super) fn range(source: &dyn ReplaySource, parameters: &Parameters) -> Result<Value, Refusal> {
    let span = Span {
        from: parameters.time("start")?,
        until: parameters.time("end")?,
        step: parameters.duration("step")?,
    };
    if span.until < span.from {
        return Err(Refusal::bad_data(
            "invalid parameter \"end\": end timestamp must not be before start time",
        ));
    }
    if span.points() - 1 > MAX_STEPS {
        return Err(Refusal::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let query = known_query(source, parameters)?;
    let now = source.now();
    let times = (0..span.points()).map(|index| span.from + span.step * index as u32);
    let values: Vec<Value> = times
        .take_while(|at| *at <= now)
        .filter_map(|at| Some(point(at, source.value(query, at)?)))
        .collect();
    let result = if values.is_empty() {
        json!([])
    } else {
        json!([{"metric": {}, "values": values}])
    };
    Ok(json!({"resultType": "matrix", "result": result}))
}

/// Data of `query`.
pub(super) fn instant(
    source: &dyn ReplaySource,
    parameters: &Parameters,
) -> Result<Value, Refusal> {
    let now = source.now();
    let at = match parameters.get("time") {
        Some(_) => parameters.time("time")?,
        None => now,
    };
    let query = known_query(source, parameters)?;
    let value = (at <= now).then(|| source.value(query, at)).flatten();
    let result = match value {
        Some(value) => json!([{"metric": {}, "value": point(at, value)}]),
        None => json!([]),
    };
    Ok(json!({"resultType": "vector", "result": result}))
}

fn known_query<'a>(
    source: &dyn ReplaySource,
    parameters: &'a Parameters,
) -> Result<&'a str, Refusal> {
    let query = parameters.get("query").unwrap_or_default();
    if query.is_empty() {
        return Err(Refusal::bad_data(
            "invalid parameter \"query\": no expression found in input",
        ));
    }
    if !source.knows(query) {
        return Err(Refusal::bad_data(format!(
            "invalid parameter \"query\": {query:?} is not a query that this replay knows"
        )));
    }
    Ok(query)
}

/// A sample as Prometheus writes it: seconds as a number, the value as text.
fn point(at: Timestamp, value: f64) -> Value {
    let text = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    };
    json!([at.as_secs_f64(), text])
}
