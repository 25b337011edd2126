//! Which trigger is meant, by the manifest and the flags, and what a reader should know of how it was read.

use anyhow::anyhow;

use super::Args;
use super::manifest::{self, Manifest};
use crate::backtest::Configured;
use crate::cli::{Failure, flags::tells_no_plan};
use crate::domain::{Metadata, TriggerSpec, is_promql};
use crate::execute::keda::metadata::{self, Env, FROM_ENV, Group, KEYS};

/// The reading goes where the flags say, whatever source the trigger has in its cluster.
const ELSEWHERE: [&str; 5] = [
    "source",
    "serverAddress",
    "unsafeSsl",
    "triggerName",
    "scaledObject",
];

/// What is backtested, by the flags.
#[derive(Debug)]
pub(super) struct Given {
    /// Of the ScaledObject, with its namespace where it has one.
    pub(super) name: Option<String>,
    /// Whether the trigger says what to ask a Prometheus for.
    pub(super) known_query: bool,
    pub(super) trigger: TriggerSpec,
    /// The load that one replica carries, if that is known.
    pub(super) capacity: Option<f64>,
    pub(super) configured: Option<Configured>,
    /// Where its `model` stands, for messages.
    pub(super) place_of_the_model: String,
    /// How the trigger was read, where that may surprise.
    pub(super) notes: Vec<String>,
}

/// The trigger that the flags mean.
pub(super) fn given(args: &Args) -> Result<Given, Failure> {
    let manifest = args.scaled_object.as_deref();
    let manifest = manifest.map(|file| manifest::read(file, args.name.as_deref()));
    let manifest = manifest.transpose()?;
    let name = manifest.as_ref().map(|manifest| manifest.name.clone());
    let mut notes = Vec::new();
    let mut strings = strings(args, manifest.as_ref(), &mut notes)?;
    let known_query = strings.contains_key("query");
    let lag_follows_from_it = strings
        .get("metricLag")
        .is_none_or(|lag| lag.trim() == "auto");
    let known_threshold = strings.contains_key("threshold");
    for (key, stand_in) in [("query", "recorded"), ("threshold", "1")] {
        strings
            .entry(key.to_owned())
            .or_insert_with(|| stand_in.to_owned());
    }
    let reading = metadata::read(&strings, Env::Names);
    if !reading.mistakes.is_empty() {
        let told = |mistake: &metadata::MetadataError| {
            let mut set = args.set.iter().filter_map(|pair| pair.split_once('='));
            match &manifest {
                _ if set.any(|(key, _)| key == mistake.key) => format!("`--set`: {mistake}"),
                Some(manifest) => format!("{}: {mistake}", manifest.place_of(&mistake.key)),
                None => mistake.to_string(),
            }
        };
        let texts: Vec<String> = reading.mistakes.iter().map(told).collect();
        return Err(Failure::usage(anyhow!(texts.join("; "))));
    }
    notes.extend(reading.warnings.into_iter().map(|warning| warning.text));
    let threshold = known_threshold.then_some(reading.spec.threshold);
    let ours = manifest.as_ref().map(|manifest| manifest.ours);
    notes.extend(of_the_capacity(args, ours, threshold));
    notes.extend(ours_alone(&reading.spec));
    if known_query && lag_follows_from_it {
        notes.extend(of_the_query(&reading.spec.query));
    }
    let set_model = args.set.iter().any(|pair| pair.starts_with("model="));
    let place_of_the_model = match &manifest {
        Some(manifest) if !set_model => format!("{}: `model`", manifest.place_of("model")),
        _ => "`--set`: `model`".to_owned(),
    };
    let configured = manifest.map(|manifest| Configured {
        own_behavior: args.own_behavior,
        ..manifest.configured(threshold, reading.spec.activation_threshold)
    });
    let to_be_added = configured.as_ref();
    notes.extend(to_be_added.and_then(|it| it.to_be_added(&reading.spec)));
    Ok(Given {
        name,
        known_query,
        configured,
        place_of_the_model,
        trigger: reading.spec,
        capacity: args.capacity.or(threshold),
        notes,
    })
}

/// A query is asked as it is, but how late its answer is can be told of PromQL alone.
fn of_the_query(query: &str) -> Option<String> {
    (!is_promql(query)).then(|| {
        format!(
            "the query `{query}` can't be read as PromQL, from which it would be known how late its answer is: it is taken for one over \
             `[1m]`; give `--set metricLag=DURATION` where it has another range"
        )
    })
}

/// Limits on our plan that the other policies don't have: beside them it looks dearer, or shorter, than it is.
fn ours_alone(trigger: &TriggerSpec) -> Option<String> {
    let limits = [
        ("bounds", trigger.bounds.is_some()),
        ("calendar", trigger.calendar.is_some()),
        (
            "maxReplicaHoursPerDay",
            trigger.max_replica_hours_per_day.is_some(),
        ),
    ];
    let given = limits.iter().filter(|(_, given)| *given);
    let given: Vec<String> = given.map(|(key, _)| format!("`{key}`")).collect();
    (!given.is_empty()).then(|| {
        format!(
            "{} of the trigger bind{} Forescale's plan and no other policy, perfect foresight included: what they cost, or leave \
             short, counts as Forescale's own",
            given.join(" and "),
            if given.len() == 1 { "s" } else { "" }
        )
    })
}

/// The metadata that is tried: the manifest's, then that of `--set`, without what nothing here can answer.
fn strings(
    args: &Args,
    manifest: Option<&Manifest>,
    notes: &mut Vec<String>,
) -> Result<Metadata, Failure> {
    let mut strings = Metadata::new();
    if let Some(manifest) = manifest {
        strings.clone_from(&manifest.metadata);
        notes.extend(manifest.left_out.iter().cloned());
    }
    for key in ELSEWHERE {
        take(&mut strings, key);
    }
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(anyhow!("`--set` {pair}: this is not KEY=VALUE")))?;
        strings.insert(key.to_owned(), value.to_owned());
    }
    let mode = strings.get("mode").map(|mode| mode.trim().to_owned());
    if let Some(mode) = mode.filter(|mode| tells_no_plan(mode)) {
        notes.push(format!(
            "the trigger has `mode: {mode}`, which tells KEDA no plan; it was backtested as `mode: predictive`"
        ));
        strings.remove("mode");
    }
    // As the reading has it: an empty value counts as not given, unless the key is a mistake whatever it says.
    strings.retain(|name, value| !value.trim().is_empty() || !may_be_empty(name));
    for key in ["latencyQuery", "cpuQuery", "memoryQuery"] {
        if take(&mut strings, key) {
            if key == "latencyQuery" {
                take(&mut strings, "latencySlo");
            }
            notes.push(format!(
                "`{key}` was left out: what it returns depends on the fleet, which is a simulated one"
            ));
        }
    }
    from_variables(args, &mut strings, notes);
    let tolerance = match manifest {
        // As in this project's manifests.
        None => Some("0".to_owned()),
        Some(manifest) => manifest.tolerance(args.own_behavior),
    };
    if let Some(tolerance) = tolerance {
        strings
            .entry("hpaTolerance".to_owned())
            .or_insert(tolerance);
    }
    if args.reads_replicas {
        strings
            .entry("replicasQuery".to_owned())
            .or_insert_with(|| "recorded".to_owned());
    }
    if let Some(query) = &args.query {
        strings.insert("query".to_owned(), query.clone());
    }
    Ok(strings)
}

/// Whether `name` is a key, plain or from the environment, that may stand there without a value.
fn may_be_empty(name: &str) -> bool {
    let plain = name.strip_suffix(FROM_ENV).unwrap_or(name);
    let mut keys = KEYS.iter().filter(|key| !key.is_refused());
    keys.any(|key| key.name == name || key.name == plain)
}

/// Takes a key out, wherever its value comes from; whether it was there.
fn take(strings: &mut Metadata, key: &str) -> bool {
    let here = strings.remove(key).is_some();
    strings.remove(&format!("{key}{FROM_ENV}")).is_some() || here
}

/// Takes out the keys whose values stand in the workload's environment, which is not here, and says so.
fn from_variables(args: &Args, strings: &mut Metadata, notes: &mut Vec<String>) {
    let acted_on = |group| matches!(group, Group::Prometheus | Group::Forescale);
    for key in KEYS.iter().filter(|key| acted_on(key.group)) {
        let name = format!("{}{FROM_ENV}", key.name);
        // Beside the plain key it has no effect, and the reading says that.
        if strings.contains_key(key.name) || strings.remove(&name).is_none() {
            continue;
        }
        let instead = if key.name == "threshold" && args.capacity.is_none() {
            format!(
                ", and a replica is taken to carry the median load over `--replicas` ({})",
                args.replicas
            )
        } else {
            String::new()
        };
        notes.push(format!(
            "`{name}` was left out: what the variable holds is not known here{instead}; give `--set {}=VALUE`",
            key.name
        ));
    }
}

/// What is taken for the capacity of a replica, where that is not what the trigger's `threshold` means to its owner.
fn of_the_capacity(args: &Args, ours: Option<bool>, threshold: Option<f64>) -> Option<String> {
    let kedas = ours == Some(false);
    let Some(threshold) = threshold else {
        return kedas.then(|| {
            "`hpa-configured` is not shown, for the trigger's `threshold` is not known: give `--set threshold=VALUE`"
                .to_owned()
        });
    };
    let Some(capacity) = args.capacity else {
        return kedas.then(|| {
            format!(
                "a replica is taken to carry the trigger's `threshold`, {threshold}, so that `hpa-configured` is run without any \
                 room; if a replica carries more, give `--capacity`"
            )
        });
    };
    let ratio = (100.0 * capacity / threshold).round() / 100.0;
    ((capacity - threshold).abs() > 1e-9 * threshold).then(|| {
        format!(
            "Forescale is run with `threshold: {capacity}`, what a replica carries by `--capacity`; the trigger says {threshold}, \
             with which it would ask for {ratio} times the replicas: set `threshold: \"{capacity}\"` {}",
            if kedas { "when you migrate" } else { "in it" }
        )
    })
}
