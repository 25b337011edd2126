//! The two text formats of Prometheus, as far as the tests write and read them.

use std::fmt::Write as _;

use super::shape::Shape;

/// History of one series, to be written into Prometheus' blocks.
#[derive(Clone, Debug)]
pub struct Backfill {
    /// Name of the gauge.
    pub metric: &'static str,
    /// Its labels, as `app="web"`; `job` and `instance` are added as a scrape adds them.
    pub labels: &'static str,
    /// How it moves.
    pub shape: Shape,
    /// First second.
    pub from: i64,
    /// No sample at or after this second.
    pub until: i64,
    /// Seconds between two samples.
    pub every: i64,
}

/// The job and instance of everything the tests write or scrape.
pub const TARGET_LABELS: &str = r#"instance="shop-1",job="shop""#;

impl Backfill {
    /// As OpenMetrics text, without the closing `# EOF`.
    pub fn write(&self, text: &mut String) {
        writeln!(text, "# TYPE {} gauge", self.metric).unwrap();
        let comma = if self.labels.is_empty() { "" } else { "," };
        for secs in (self.from..self.until).step_by(usize::try_from(self.every).unwrap()) {
            writeln!(
                text,
                "{}{{{}{comma}{TARGET_LABELS}}} {} {secs}",
                self.metric,
                self.labels,
                self.shape.at(secs)
            )
            .unwrap();
        }
    }
}

/// A number as Prometheus writes it.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

/// Rewrites OpenMetrics text as the older text format, the only one that `promtool check metrics` reads: a counter's
/// family carries its `_total`, an info is a gauge, units and the end mark are dropped. Text that is in the older
/// format already comes back as it is.
pub fn to_classic(text: &str) -> String {
    let types: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let open = text.trim_end().ends_with("# EOF");
    let mut classic = String::new();
    for line in text.lines() {
        if !open {
            writeln!(classic, "{line}").unwrap();
            continue;
        }
        if line.starts_with("# UNIT ") || line.starts_with("# EOF") {
            continue;
        }
        let Some(rest) = line.strip_prefix("# ") else {
            // Exemplars follow a second `#`.
            writeln!(classic, "{}", line.split(" # ").next().unwrap_or(line)).unwrap();
            continue;
        };
        let mut words = rest.splitn(3, ' ');
        let (Some(keyword), Some(family), Some(rest)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let kind = types
            .iter()
            .find(|(name, _)| *name == family)
            .map_or("unknown", |(_, kind)| kind);
        let family = match kind {
            "counter" => format!("{family}_total"),
            "info" => format!("{family}_info"),
            _ => family.to_owned(),
        };
        let rest = match (keyword, kind) {
            ("TYPE", "info" | "stateset") => "gauge",
            ("TYPE", "unknown") => "untyped",
            _ => rest,
        };
        writeln!(classic, "# {keyword} {family} {rest}").unwrap();
    }
    classic
}
