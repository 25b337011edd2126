//! Kubernetes' quantities: `250m`, `1.5`, `256Mi`, `2e3` (apimachinery's `resource.Quantity`).

use serde_json::Value;

/// Suffixes and how many times more they stand for.
const MULTIPLES: [(&str, f64); 12] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// Suffixes and the part that they stand for: divided by, so that `100m` is exactly 0.1.
const PARTS: [(&str, f64); 3] = [("n", 1e9), ("u", 1e6), ("m", 1e3)];

/// The value of a field, which may be a number or a text; `None` for what is no quantity.
pub(super) fn of(field: &Value) -> Option<f64> {
    match field {
        Value::String(text) => parse(text),
        other => other.as_f64(),
    }
}

/// Its value; `None` for what is no quantity.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let number = |text: &str| text.parse::<f64>().ok();
    let multiple =
        |(suffix, times): &(&str, f64)| Some(number(text.strip_suffix(suffix)?)? * times);
    let part = |(suffix, over): &(&str, f64)| Some(number(text.strip_suffix(suffix)?)? / over);
    // `2e3` and `2E3` are exponents, `2E` is a suffix: a number first.
    number(text)
        .or_else(|| MULTIPLES.iter().find_map(multiple))
        .or_else(|| PARTS.iter().find_map(part))
        .filter(|value| value.is_finite())
}

/// Cores, in thousandths.
pub(super) fn cores(value: f64) -> String {
    let milli = (value.max(0.0) * 1000.0).ceil().max(1.0) as u64;
    if milli.is_multiple_of(1000) {
        (milli / 1000).to_string()
    } else {
        format!("{milli}m")
    }
}

/// Bytes, in whole mebibytes.
pub(super) fn bytes(value: f64) -> String {
    format!(
        "{}Mi",
        (value.max(0.0) / 1_048_576.0).ceil().max(1.0) as u64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_the_api_server_reads_them() {
        for (text, value) in [
            ("250m", 0.25),
            ("1.5", 1.5),
            ("0", 0.0),
            ("2e3", 2000.0),
            ("2E3", 2000.0),
            ("2E", 2e18),
            ("256Mi", 268_435_456.0),
            ("1Gi", 1_073_741_824.0),
            ("100k", 100_000.0),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        for text in ["", "Mi", "ten", "1 Gi x", "inf", "NaN"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_written_so_that_they_read_back() {
        assert_eq!(cores(0.2501), "251m");
        assert_eq!(cores(2.0), "2");
        assert_eq!(cores(0.0), "1m");
        assert_eq!(bytes(268_435_456.0), "256Mi");
        assert_eq!(bytes(268_435_457.0), "257Mi");
    }
}
