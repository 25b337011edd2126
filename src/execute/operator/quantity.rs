//! Kubernetes' quantities: `250m`, `1.5`, `256Mi`, `2e3` (apimachinery's `resource.Quantity`).

/// Suffixes and what they stand for.
const SUFFIXES: [(&str, f64); 15] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
];

/// Its value; `None` for what is no quantity.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let of = |number: &str, times: f64| {
        let value = number.parse::<f64>().ok()? * times;
        value.is_finite().then_some(value)
    };
    // `2e3` and `2E3` are exponents, `2E` is a suffix: a number first.
    if let Some(value) = of(text, 1.0) {
        return Some(value);
    }
    SUFFIXES
        .iter()
        .find_map(|(suffix, times)| of(text.strip_suffix(suffix)?, *times))
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
