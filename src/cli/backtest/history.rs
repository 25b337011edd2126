//! Where the load comes from: files, or Prometheus.

use std::time::Duration;

use anyhow::{Context, anyhow};

use super::Args;
use super::trigger::Given;
use crate::cli::Failure;
use crate::dataset::{Dataset, LeftOut, looks_like_a_counter};
use crate::domain::{Clock, HumanDuration, Series, SourceRef, SystemClock, TriggerSpec};
use crate::monitor::{
    DEFAULT_SOURCE, FetchError, FetchErrorKind, Fetched, MAX_POINTS_PER_READ, Metrics, Monitor,
    Span,
};
use crate::settings::Settings;

/// The records, files as they are or what Prometheus says; and the files that can't be read, where others can.
pub(super) async fn read(
    args: &Args,
    server: &Settings,
    given: &Given,
) -> Result<(Vec<Dataset>, Vec<LeftOut>), Failure> {
    let usage = |text: &str| Failure::usage(anyhow!(text.to_owned()));
    let from_a_source =
        args.prometheus.is_some() || (args.config.is_some() && args.input.is_empty());
    match (from_a_source, args.input.is_empty()) {
        (true, false) => Err(usage("`--input` and `--prometheus` exclude one another")),
        (false, true) => Err(usage(
            "no history is given: `--input FILE…`, or `--prometheus URL` or `--config FILE` with `--query` or `--scaled-object`",
        )),
        (false, false) => Ok(crate::cli::evaluate::read_what_can_be(&args.input)),
        (true, true) if args.query.is_none() && args.scaled_object.is_none() => Err(usage(
            "`--prometheus` and `--config` need `--query` or `--scaled-object`, which say what to read",
        )),
        (true, true) if !given.known_query => Err(usage(
            "the trigger takes its query from elsewhere (`queryFromEnv`, `triggerName`), which is not known here: give `--set query=PROMQL`, \
             or the history with `--input`",
        )),
        (true, true) => Ok((
            vec![from_prometheus(args, server, given).await?],
            Vec::new(),
        )),
    }
}

async fn from_prometheus(
    args: &Args,
    server: &Settings,
    given: &Given,
) -> Result<Dataset, Failure> {
    let trigger = &given.trigger;
    let monitor = Monitor::new(&server.monitor, Metrics::default()).map_err(Failure::usage)?;
    let name = args.source.as_deref().unwrap_or(DEFAULT_SOURCE);
    let trigger = TriggerSpec {
        source: SourceRef::Named(name.to_owned()),
        ..trigger.clone()
    };
    let known = monitor.check(&trigger);
    known.map_err(|error| Failure::usage(anyhow!(error.text)))?;
    let step = trigger.step().max(Duration::from_secs(1));
    let until = SystemClock.now().floor_to(step);
    let span = Span {
        from: (until - args.since.get()).floor_to(step),
        until,
        step,
    };
    if span.points() > MAX_POINTS_PER_READ {
        return Err(Failure::usage(anyhow!(
            "`--since` {} in steps of {} is {} evaluations, at most {MAX_POINTS_PER_READ} are read: shorten it, or give a longer \
             `step` with `--set step=DURATION`",
            args.since,
            HumanDuration(step),
            span.points()
        )));
    }
    let fetched = monitor
        .fetch(&trigger, span)
        .await
        .map_err(|error| anyhow!(in_full(error, args)))
        .with_context(|| match &args.prometheus {
            Some(url) if name == DEFAULT_SOURCE => format!("failed to read from `{url}`"),
            _ => format!("failed to read from the source `{name}`"),
        })?;
    if fetched.samples.is_empty() {
        return Err(anyhow!(
            "the query `{}` returned no data within the last {}; no data is not zero",
            trigger.query,
            args.since
        )
        .into());
    }
    Ok(dataset(given.name.as_deref(), step, fetched))
}

/// What went wrong, and where credentials would stand: the text tells of a source's settings, which nobody has given who has
/// given an address.
fn in_full(error: FetchError, args: &Args) -> String {
    if error.kind != FetchErrorKind::Status || args.config.is_some() {
        return error.text;
    }
    format!(
        "{}; where it wants credentials, make it a source of a settings file and give `--config FILE`, with `--source NAME` if \
         it is not the default one",
        error.text
    )
}

/// The record, with what is to be known of it, under the ScaledObject's name where it has one.
fn dataset(name: Option<&str>, step: Duration, fetched: Fetched) -> Dataset {
    let mut notes = fetched.warnings;
    if fetched.not_finite > 0 {
        notes.push(format!(
            "{} values were NaN or infinite: missing",
            fetched.not_finite
        ));
    }
    let series = Series::from_samples(step, &fetched.samples);
    notes.extend(looks_like_a_counter(&series));
    Dataset {
        name: name.unwrap_or("prometheus").to_owned(),
        series,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Sample, Timestamp};

    #[test]
    fn what_prometheus_said_beside_its_values_is_kept() {
        let sample = |minute: i64| Sample {
            at: Timestamp::from_secs(1_700_006_400 + 60 * minute),
            value: 1.0,
        };
        let fetched = Fetched {
            samples: vec![sample(0), sample(1)],
            not_finite: 3,
            series: 1,
            warnings: vec!["the answer is partial".to_owned()],
            partial: true,
        };
        let dataset = dataset(Some("shop/web"), Duration::from_mins(1), fetched);
        assert_eq!(dataset.name, "shop/web");
        assert_eq!(
            dataset.notes,
            [
                "the answer is partial",
                "3 values were NaN or infinite: missing"
            ]
        );
    }
}
