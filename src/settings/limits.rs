//! The least and the most of the server's numbers and times. Outside of them a server starts, and then nothing works.

use std::time::Duration;

use super::Settings;
use crate::domain::HumanDuration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A number or a time, of either the one that is set and what is allowed.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Count {
        is: u64,
        least: u64,
        most: u64,
    },
    Time {
        is: HumanDuration,
        least: Duration,
        most: Duration,
    },
}

/// Every setting that lies outside of its bounds: its key, its value and what is allowed.
pub(super) fn mistakes(settings: &Settings) -> Vec<String> {
    (table(settings).iter())
        .filter_map(|(key, limit)| Some(format!("`{key}`: {}", limit.mistake()?)))
        .collect()
}

fn table(settings: &Settings) -> [(&'static str, Limit); 17] {
    let (keda, control) = (&settings.keda, &settings.control);
    let count = |is: usize, least, most| Limit::Count {
        is: is as u64,
        least,
        most,
    };
    let time = |is, least, most| Limit::Time { is, least, most };
    let reload = keda
        .tls
        .as_ref()
        .map_or(HumanDuration(SECOND), |tls| tls.reload_interval);
    [
        // KEDA itself gives up after some seconds.
        (
            "keda.firstAnswerWait",
            time(keda.first_answer_wait, Duration::ZERO, MINUTE),
        ),
        (
            "keda.tls.reloadInterval",
            time(reload, Duration::from_millis(10), DAY),
        ),
        (
            "keda.maxConnections",
            count(keda.max_connections, 1, 1 << 20),
        ),
        (
            "keda.maxConcurrentStreams",
            count(keda.max_concurrent_streams as usize, 10, 1 << 30),
        ),
        // Metadata alone takes a few kilobytes.
        (
            "keda.maxMessageBytes",
            count(keda.max_message_bytes, 16 << 10, 64 << 20),
        ),
        (
            "keda.keepAliveInterval",
            time(keda.keep_alive_interval, SECOND, DAY),
        ),
        (
            "keda.keepAliveTimeout",
            time(keda.keep_alive_timeout, SECOND, HOUR),
        ),
        (
            "keda.drainGrace",
            time(keda.drain_grace, Duration::ZERO, HOUR),
        ),
        (
            "analyze.refitEvery",
            time(settings.analyze.refit_every, MINUTE, 31 * DAY),
        ),
        (
            "analyze.modelTimeout",
            time(
                settings.analyze.model_timeout,
                Duration::from_millis(10),
                HOUR,
            ),
        ),
        (
            "plan.defaultLeadTime",
            time(settings.plan.default_lead_time, Duration::ZERO, DAY),
        ),
        (
            "plan.staleAfter",
            time(settings.plan.stale_after, SECOND, DAY),
        ),
        (
            "knowledge.forgetAfter",
            time(settings.knowledge.forget_after, MINUTE, 365 * DAY),
        ),
        (
            "knowledge.maxWorkloads",
            count(settings.knowledge.max_workloads, 1, 10_000_000),
        ),
        (
            "control.backfillConcurrency",
            count(control.backfill_concurrency, 1, 10_000),
        ),
        ("control.batch", count(control.batch, 1, 1 << 20)),
        (
            "control.snapshotEvery",
            time(control.snapshot_every, SECOND, DAY),
        ),
    ]
}

impl Limit {
    fn mistake(self) -> Option<String> {
        match self {
            Self::Count { is, least, most } => (!(least..=most).contains(&is))
                .then(|| format!("is {is}: allowed are {least} to {most}")),
            Self::Time { is, least, most } => (!(least..=most).contains(&is.get())).then(|| {
                let (least, most) = (HumanDuration(least), HumanDuration(most));
                format!("is `{is}`: allowed are `{least}` to `{most}`")
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(yaml: &str) -> Vec<String> {
        Settings::parse(yaml, Path::new("forescale.yaml"))
            .unwrap()
            .mistakes()
    }

    #[test]
    fn defaults_are_within_their_bounds() {
        assert_eq!(Settings::default().mistakes(), Vec::<String>::new());
    }

    #[test]
    fn what_would_make_everything_fail_is_refused_with_what_is_allowed() {
        for (yaml, begins) in [
            (
                "keda: {firstAnswerWait: 1h}",
                "`keda.firstAnswerWait`: is `1h`: allowed are `0s` to `1m`",
            ),
            (
                "keda: {tls: {certFile: a, keyFile: b, reloadInterval: 0s}}",
                "`keda.tls.reloadInterval`: is `0s`",
            ),
            (
                "keda: {maxConnections: 0}",
                "`keda.maxConnections`: is 0: allowed are 1 to",
            ),
            (
                "keda: {maxConcurrentStreams: 0}",
                "`keda.maxConcurrentStreams`: is 0",
            ),
            (
                "keda: {maxMessageBytes: 1}",
                "`keda.maxMessageBytes`: is 1: allowed are 16384 to",
            ),
            (
                "keda: {keepAliveInterval: 0s}",
                "`keda.keepAliveInterval`: is `0s`: allowed are `1s`",
            ),
            (
                "keda: {keepAliveTimeout: 0s}",
                "`keda.keepAliveTimeout`: is `0s`",
            ),
            ("keda: {drainGrace: 2h}", "`keda.drainGrace`: is `2h`"),
            ("analyze: {refitEvery: 0s}", "`analyze.refitEvery`: is `0s`"),
            (
                "analyze: {modelTimeout: 0s}",
                "`analyze.modelTimeout`: is `0s`",
            ),
            (
                "plan: {defaultLeadTime: 100d}",
                "`plan.defaultLeadTime`: is `100d`: allowed are `0s` to `1d`",
            ),
            ("plan: {staleAfter: 0s}", "`plan.staleAfter`: is `0s`"),
            (
                "knowledge: {forgetAfter: 0s}",
                "`knowledge.forgetAfter`: is `0s`",
            ),
            (
                "knowledge: {maxWorkloads: 0}",
                "`knowledge.maxWorkloads`: is 0: allowed are 1 to",
            ),
            (
                "control: {backfillConcurrency: 0}",
                "`control.backfillConcurrency`: is 0",
            ),
            ("control: {batch: 0}", "`control.batch`: is 0"),
            (
                "control: {snapshotEvery: 0s}",
                "`control.snapshotEvery`: is `0s`",
            ),
            (
                "log: {filter: inof}",
                "`log.filter`: `inof` is not a log filter (`inof` is no level)",
            ),
        ] {
            let said = said(yaml);
            assert_eq!(said.len(), 1, "{yaml}: {said:?}");
            assert!(said[0].starts_with(begins), "{yaml}: {said:?}");
        }
    }
}
