//! What was unusual, as the API shows it.

use serde::Serialize;

use crate::domain::{Anomaly, AnomalyKind, HumanDuration, Timestamp};

/// An anomaly with what it means.
#[derive(Debug, Serialize)]
pub(super) struct AnomalyView {
    kind: AnomalyKind,
    from: Timestamp,
    until: Timestamp,
    magnitude: Option<f64>,
    text: String,
}

impl From<&Anomaly> for AnomalyView {
    fn from(anomaly: &Anomaly) -> Self {
        Self {
            kind: anomaly.kind,
            from: anomaly.from,
            until: anomaly.until,
            magnitude: anomaly.magnitude,
            text: text(anomaly),
        }
    }
}

/// In words. They are made here and nowhere else; the page and `explain` show them as they are.
fn text(anomaly: &Anomaly) -> String {
    let meaning = match anomaly.kind {
        AnomalyKind::ScrapeSpike => "stands alone, replaced",
        AnomalyKind::CounterReset => "a counter that began anew, replaced",
        AnomalyKind::Outage => "the workload was down, left out",
        AnomalyKind::RetryStorm => "clients that try again, not learned from",
        AnomalyKind::Marked => "excluded in `events`, not learned from",
    };
    let length = HumanDuration::from_secs(anomaly.until.since(anomaly.from).as_secs());
    let size = anomaly.magnitude.map_or_else(String::new, |magnitude| {
        let places = if magnitude.abs() < 100.0 { 2 } else { 0 };
        let rounded = format!("{magnitude:.places$}");
        format!(", up to {rounded}")
    });
    format!("{} of {length}{size}: {meaning}", anomaly.kind)
}
