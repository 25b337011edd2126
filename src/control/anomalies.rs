//! Which anomalies are shown with a workload, and which of them are new.

use std::sync::Arc;
use std::time::Duration;

use crate::analyze::Prepared;
use crate::analyze::preprocess::CONFIRM_STEPS;
use crate::domain::{Anomaly, AnomalyKind, Timestamp};
use crate::knowledge::Published;

/// So many of the newest anomalies are shown.
const SHOWN: usize = 20;

/// The newest anomalies of a history, oldest first. A silence that has only just begun is left out: whether it is an outage
/// or a counter that began anew shows a step or two later.
pub(super) fn newest(history: &Prepared) -> Arc<[Anomaly]> {
    let mut all = history.anomalies();
    let undecided = history.series.step() * CONFIRM_STEPS as u32;
    all.retain(|it| {
        let goes_on = it.until >= history.series.end();
        !(it.kind == AnomalyKind::Outage && goes_on && it.until.since(it.from) <= undecided)
    });
    all.drain(..all.len().saturating_sub(SHOWN));
    all.into()
}

/// Those of `found` that have come since what was published before. What an outlier was shows some steps after it, so they
/// may have begun a little earlier. Of a workload that nothing was published of, none is new: its history lies behind it.
pub(super) fn new<'a>(
    before: Option<&'a Published>,
    found: &'a [Anomaly],
    step: Duration,
) -> impl Iterator<Item = AnomalyKind> + 'a {
    let known = before.map_or(&[][..], |before| &before.anomalies);
    let seen_until: Option<Timestamp> =
        before.and_then(|before| Some(before.forecast.as_ref()?.origin()));
    let since = seen_until.map(|origin| origin - step * CONFIRM_STEPS as u32);
    let same = |it: &Anomaly| known.iter().any(|k| k.kind == it.kind && k.from == it.from);
    found
        .iter()
        .filter(move |it| since.is_some_and(|since| it.from > since) && !same(it))
        .map(|it| it.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::prepare;
    use crate::domain::Series;
    use crate::knowledge::samples;

    const MINUTE: Duration = Duration::from_mins(1);

    fn busy(values: &[f64]) -> Prepared {
        let start = Timestamp::from_secs(1_700_000_040);
        let calm = (0..200).map(|i| 100.0 + f64::from(i % 7));
        let values = calm.chain(values.iter().copied()).collect();
        prepare(&Series::new(start, MINUTE, values))
    }

    fn kinds(anomalies: &[Anomaly]) -> Vec<AnomalyKind> {
        anomalies.iter().map(|it| it.kind).collect()
    }

    #[test]
    fn a_silence_is_shown_once_it_is_clear_what_it_is() {
        let down = |steps| kinds(&newest(&busy(&vec![0.0; steps])));
        assert_eq!(down(1), []);
        assert_eq!(down(2), []);
        assert_eq!(down(3), [AnomalyKind::Outage]);
        let back = busy(&[0.0, 104.0, 102.0, 103.0]);
        assert_eq!(kinds(&newest(&back)), [AnomalyKind::CounterReset]);
    }

    #[test]
    fn the_newest_twenty_are_shown_with_how_much_was_measured() {
        let mut values = vec![101.0; 400];
        for index in (20..400).step_by(12) {
            values[index] = 300.0 + index as f64;
        }
        let history = busy(&values);
        let shown = newest(&history);
        assert_eq!(shown.len(), 20);
        let last = shown.last().unwrap();
        assert_eq!(last.kind, AnomalyKind::ScrapeSpike);
        assert_eq!(last.from, history.series.time_of(200 + 392));
        assert_eq!(last.magnitude, Some(692.0));
        assert!(shown.is_sorted_by_key(|it| it.from));
    }

    #[test]
    fn each_anomaly_is_new_once_and_none_is_when_a_workload_is_first_seen() {
        let mut published = samples::published(Timestamp::from_secs(1_700_000_040));
        let mut counted = Vec::new();
        let mut values = vec![101.0; 20];
        values.extend([900.0, 101.0, 102.0, 101.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        for until in 1..=values.len() {
            let history = busy(&values[..until]);
            let found = newest(&history);
            counted.extend(new(Some(&published), &found, MINUTE));
            assert_eq!(new(None, &found, MINUTE).count(), 0);
            let origin = history.series.end() - MINUTE;
            published.forecast = Some(Arc::new(samples::forecast(origin)));
            published.anomalies = found;
        }
        assert_eq!(counted, [AnomalyKind::ScrapeSpike, AnomalyKind::Outage]);
    }
}
