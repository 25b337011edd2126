//! Where the load comes from: files, or Prometheus; and which trigger is meant.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::Args;
use crate::cli::Failure;
use crate::cli::check::yaml::{self, Node, Value};
use crate::dataset::Dataset;
use crate::domain::{Clock, Metadata, Series, SystemClock, TriggerSpec};
use crate::execute::keda::metadata::{self, Env};
use crate::monitor::{Metrics, Monitor, Span};
use crate::settings::{Overrides, Settings};

/// The trigger that the flags mean, and the load that one of its replicas carries, if that is known.
pub(super) fn trigger(args: &Args) -> Result<(TriggerSpec, Option<f64>), Failure> {
    let usage = |text: String| Failure::usage(anyhow!(text));
    let mut strings = match &args.scaled_object {
        Some(file) => from_manifest(file)?,
        // As in this project's manifests.
        None => Metadata::from([("hpaTolerance".to_owned(), "0".to_owned())]),
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
    let mut known_capacity = strings.contains_key("threshold");
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| usage(format!("`--set` {pair}: this is not KEY=VALUE")))?;
        known_capacity |= key == "threshold";
        strings.insert(key.to_owned(), value.to_owned());
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
    Ok((reading.spec, args.capacity.or(threshold)))
}

/// The metadata of the first trigger of a manifest that has a query.
fn from_manifest(file: &Path) -> Result<Metadata, Failure> {
    let usage = |text: String| Failure::usage(anyhow!("`{}`: {text}", file.display()));
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read `{}`", file.display()))?;
    let (documents, broken) = yaml::parse(&text);
    if let Some(broken) = broken {
        return Err(usage(format!(
            "line {}: {}",
            broken.place.line, broken.text
        )));
    }
    let objects = documents
        .iter()
        .filter(|document| document.text_of("kind") == Some("ScaledObject"));
    let triggers = objects.flat_map(|object| {
        let triggers = object.get("spec").and_then(|spec| spec.get("triggers"));
        triggers.map_or(&[][..], Node::items)
    });
    let with_query = triggers
        .filter_map(|trigger| trigger.get("metadata"))
        .find(|metadata| metadata.get("query").is_some());
    let metadata = with_query.ok_or_else(|| {
        usage("it holds no ScaledObject with a trigger that has a `query`".to_owned())
    })?;
    let pairs = metadata.entries().iter().filter_map(|entry| {
        let text = match &entry.value.value {
            Value::Map(_) => None,
            _ => entry.value.text(),
        };
        Some((entry.key.clone(), text?.to_owned()))
    });
    Ok(pairs.collect())
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
