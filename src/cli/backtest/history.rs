//! Where the load comes from: files, or Prometheus.

use std::time::Duration;

use anyhow::{Context, anyhow};

use super::Args;
use crate::cli::Failure;
use crate::dataset::Dataset;
use crate::domain::{Clock, Series, SourceRef, SystemClock, TriggerSpec};
use crate::monitor::{DEFAULT_SOURCE, FetchError, FetchErrorKind, Fetched, Metrics, Monitor, Span};
use crate::settings::{Overrides, Settings};

/// The records: files as they are, or what Prometheus says.
pub(super) async fn read(args: &Args, trigger: &TriggerSpec) -> Result<Vec<Dataset>, Failure> {
    let usage = |text: &str| Failure::usage(anyhow!(text.to_owned()));
    let served = args.prometheus.is_some() || args.config.is_some();
    match (served, args.input.is_empty()) {
        (true, false) => Err(usage(
            "`--input` and `--prometheus` or `--config` exclude one another",
        )),
        (false, true) => Err(usage(
            "no history is given: `--input FILE…`, or `--prometheus URL` or `--config FILE` with `--query` or `--scaled-object`",
        )),
        (false, false) => crate::cli::evaluate::read_all(&args.input),
        (true, true) if args.query.is_none() && args.scaled_object.is_none() => Err(usage(
            "`--prometheus` and `--config` need `--query` or `--scaled-object`, which say what to read",
        )),
        (true, true) => Ok(vec![from_prometheus(args, trigger).await?]),
    }
}

async fn from_prometheus(args: &Args, trigger: &TriggerSpec) -> Result<Dataset, Failure> {
    let overrides = Overrides {
        prometheus: args.prometheus.clone(),
        ..Overrides::default()
    };
    let settings = Settings::load(args.config.as_deref(), overrides).map_err(Failure::usage)?;
    let monitor = Monitor::new(&settings.monitor, Metrics::default()).map_err(Failure::usage)?;
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
    Ok(dataset(step, fetched))
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

/// The record, with what is to be known of it.
fn dataset(step: Duration, fetched: Fetched) -> Dataset {
    let mut notes = fetched.warnings;
    if fetched.not_finite > 0 {
        notes.push(format!(
            "{} values were NaN or infinite: missing",
            fetched.not_finite
        ));
    }
    Dataset {
        name: "prometheus".to_owned(),
        series: Series::from_samples(step, &fetched.samples),
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
        let dataset = dataset(Duration::from_mins(1), fetched);
        assert_eq!(
            dataset.notes,
            [
                "the answer is partial",
                "3 values were NaN or infinite: missing"
            ]
        );
    }
}
