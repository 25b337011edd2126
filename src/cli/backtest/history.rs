//! Where the load comes from: files, or Prometheus; and which trigger is meant.

use std::time::Duration;

use anyhow::{Context, anyhow};

use super::{Args, manifest};
use crate::backtest::Configured;
use crate::cli::Failure;
use crate::dataset::Dataset;
use crate::domain::{Clock, Metadata, Series, SystemClock, TriggerSpec};
use crate::execute::keda::metadata::{self, Env};
use crate::monitor::{Metrics, Monitor, Span};
use crate::settings::{Overrides, Settings};

/// What is backtested, by the flags.
pub(super) struct Given {
    pub(super) trigger: TriggerSpec,
    /// The load that one replica carries, if that is known.
    pub(super) capacity: Option<f64>,
    pub(super) configured: Option<Configured>,
    /// How the trigger was read, where that may surprise.
    pub(super) notes: Vec<String>,
}

/// The trigger that the flags mean.
pub(super) fn trigger(args: &Args) -> Result<Given, Failure> {
    let usage = |text: String| Failure::usage(anyhow!(text));
    let manifest = args.scaled_object.as_deref().map(manifest::read);
    let manifest = manifest.transpose()?;
    let mut notes = Vec::new();
    let mut strings = match &manifest {
        Some(manifest) => manifest.metadata.clone(),
        None => Metadata::from([]),
    };
    // The reading goes to `--prometheus`, whatever source the trigger has in its cluster.
    for key in [
        "source",
        "serverAddress",
        "unsafeSsl",
        "triggerName",
        "scaledObject",
    ] {
        strings.remove(key);
    }
    let mode = strings.get("mode").map(String::as_str);
    if let Some(mode @ ("shadow" | "reactive")) = mode {
        notes.push(format!(
            "the trigger has `mode: {mode}`, which tells KEDA no plan; it was backtested as `mode: predictive`"
        ));
        strings.remove("mode");
    }
    let tolerance = match &manifest {
        // As in this project's manifests.
        None => Some("0".to_owned()),
        Some(manifest) => manifest.tolerance(),
    };
    if let Some(tolerance) = tolerance {
        strings
            .entry("hpaTolerance".to_owned())
            .or_insert(tolerance);
    }
    let mut known_capacity = strings.contains_key("threshold");
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| usage(format!("`--set` {pair}: this is not KEY=VALUE")))?;
        known_capacity |= key == "threshold";
        strings.insert(key.to_owned(), value.to_owned());
    }
    if args.reads_replicas {
        strings
            .entry("replicasQuery".to_owned())
            .or_insert_with(|| "recorded".to_owned());
    }
    for key in ["latencyQuery", "cpuQuery", "memoryQuery"] {
        if strings.remove(key).is_some() {
            if key == "latencyQuery" {
                strings.remove("latencySlo");
            }
            notes.push(format!(
                "`{key}` was left out: what it returns depends on the fleet, which is a simulated one"
            ));
        }
    }
    if let Some(query) = &args.query {
        strings.insert("query".to_owned(), query.clone());
    }
    strings
        .entry("query".to_owned())
        .or_insert_with(|| "recorded".to_owned());
    strings
        .entry("threshold".to_owned())
        .or_insert_with(|| "1".to_owned());
    let reading = metadata::read(&strings, Env::Names);
    if !reading.mistakes.is_empty() {
        let texts: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
        return Err(usage(texts.join("; ")));
    }
    let threshold = known_capacity.then_some(reading.spec.threshold);
    Ok(Given {
        configured: manifest.map(|manifest| manifest.configured(reading.spec.threshold)),
        trigger: reading.spec,
        capacity: args.capacity.or(threshold),
        notes,
    })
}

/// The records: files as they are, or what Prometheus says.
pub(super) async fn read(args: &Args, trigger: &TriggerSpec) -> Result<Vec<Dataset>, Failure> {
    let usage = |text: &str| Failure::usage(anyhow!(text.to_owned()));
    match (&args.prometheus, args.input.is_empty()) {
        (Some(_), false) => Err(usage("`--input` and `--prometheus` exclude one another")),
        (None, true) => Err(usage(
            "no history is given: `--input FILE…`, or `--prometheus URL` with `--query` or `--scaled-object`",
        )),
        (None, false) => crate::cli::evaluate::read_all(&args.input),
        (Some(_), true) if args.query.is_none() && args.scaled_object.is_none() => Err(usage(
            "`--prometheus` needs `--query` or `--scaled-object`, which say what to read",
        )),
        (Some(url), true) => Ok(vec![from_prometheus(args, url, trigger).await?]),
    }
}

async fn from_prometheus(
    args: &Args,
    url: &str,
    trigger: &TriggerSpec,
) -> Result<Dataset, Failure> {
    let overrides = Overrides {
        prometheus: Some(url.to_owned()),
        ..Overrides::default()
    };
    let settings = Settings::load(None, overrides).map_err(Failure::usage)?;
    let monitor = Monitor::new(&settings.monitor, Metrics::default()).map_err(Failure::usage)?;
    let step = trigger.step().max(Duration::from_secs(1));
    let until = SystemClock.now().floor_to(step);
    let span = Span {
        from: (until - args.since.get()).floor_to(step),
        until,
        step,
    };
    let fetched = monitor
        .fetch(trigger, span)
        .await
        .map_err(|error| anyhow!(error.text))
        .with_context(|| format!("failed to read from `{url}`"))?;
    if fetched.samples.is_empty() {
        return Err(anyhow!(
            "the query `{}` returned no data within the last {}; no data is not zero",
            trigger.query,
            args.since
        )
        .into());
    }
    Ok(Dataset {
        name: "prometheus".to_owned(),
        series: Series::from_samples(step, &fetched.samples),
        notes: Vec::new(),
    })
}
