//! The JSON of Prometheus' HTTP API, as `query_range` and `query` answer.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// A whole answer. Fields that only some servers send are optional; unknown ones are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    /// `success` or `error`.
    pub(super) status: String,
    #[serde(default)]
    pub(super) data: Option<Data>,
    #[serde(default, deserialize_with = "text")]
    pub(super) error_type: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) error: String,
    #[serde(default)]
    pub(super) warnings: Option<Vec<String>>,
    #[serde(default)]
    pub(super) infos: Option<Vec<String>>,
    /// `VictoriaMetrics`: some storage nodes did not answer.
    #[serde(default)]
    pub(super) is_partial: Option<bool>,
}

/// What the query evaluated to.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    Matrix(Option<Vec<Series>>),
    Vector(Option<Vec<Instant>>),
    Scalar(Point),
    /// A PromQL string literal; it is no number.
    String(de::IgnoredAny),
}

/// One series of a matrix.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    #[serde(default)]
    pub(super) metric: Labels,
    #[serde(default)]
    pub(super) values: Vec<Point>,
    /// Native histograms; they are no numbers.
    #[serde(default)]
    pub(super) histograms: Vec<de::IgnoredAny>,
}

/// One series of a vector.
#[derive(Debug, Deserialize)]
pub(super) struct Instant {
    #[serde(default)]
    pub(super) metric: Labels,
    #[serde(default)]
    pub(super) value: Option<Point>,
    #[serde(default)]
    pub(super) histogram: Option<de::IgnoredAny>,
}

pub(super) type Labels = BTreeMap<String, String>;

/// Seconds since the epoch, and a value.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Point(pub(super) f64, pub(super) Value);

/// A value: Prometheus writes it as a string, so that `NaN` and `+Inf` have a place in JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value(pub(super) f64);

// === impl Value ===

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sample value such as \"12.5\", \"NaN\" or \"+Inf\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        text.parse()
            .map(Value)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value(value as f64))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value(value as f64))
    }
}

/// A text that some servers leave out, write as `null`, or write as a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_value_is_read() {
        let cases = [
            (r#""12.5""#, 12.5),
            (r#""1e3""#, 1000.0),
            (r#""-0""#, 0.0),
            (r#""+Inf""#, f64::INFINITY),
            (r#""-Inf""#, f64::NEG_INFINITY),
            ("3", 3.0),
            ("-3", -3.0),
            ("2.5", 2.5),
        ];
        for (text, expected) in cases {
            let Value(value) = serde_json::from_str(text).unwrap();
            assert!(
                value.total_cmp(&expected).is_eq() || (value - expected).abs() < f64::EPSILON,
                "{text} was read as {value}"
            );
        }
        let Value(nan) = serde_json::from_str(r#""NaN""#).unwrap();
        assert!(nan.is_nan());
        assert!(serde_json::from_str::<Value>(r#""twelve""#).is_err());
    }

    #[test]
    fn the_result_may_stand_before_its_type() {
        let text = r#"{"status":"success","data":{"result":[{"metric":{},"values":[[1,"2"]]}],"resultType":"matrix"}}"#;
        let envelope: Envelope = serde_json::from_str(text).unwrap();
        assert!(matches!(envelope.data, Some(Data::Matrix(Some(series))) if series.len() == 1));
    }
}
