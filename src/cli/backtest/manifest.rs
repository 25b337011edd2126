//! What a ScaledObject's manifest says of the workload: the trigger that is backtested, the bounds, KEDA's times and the
//! HPA's behavior.

use std::collections::BTreeSet;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::left_out;
use crate::backtest::Configured;
use crate::cli::Failure;
use crate::cli::check::yaml::{self, Node, Value};
use crate::domain::Metadata;
use crate::execute::quantity;
use crate::simulate::hpa::{Behavior, Change, Policy, Rules, Select};
use crate::simulate::keda::{Fallback, FallbackBehavior, ScaledObject};

/// Types of trigger that are Forescale's, where they have a `query`.
const OURS: [&str; 2] = ["external", "external-push"];
/// The trigger that people move from.
const KEDAS: &str = "prometheus";
/// Keys by one of which a trigger says what it goes by.
const SUBJECTS: [&str; 3] = ["query", "queryFromEnv", "triggerName"];

/// A manifest that was read.
pub(super) struct Manifest {
    /// Of the ScaledObject, with its namespace where it has one.
    pub(super) name: String,
    /// Of the trigger.
    pub(super) metadata: Metadata,
    /// Whether the trigger is Forescale's.
    pub(super) ours: bool,
    /// What it says beside that and is not followed, in words.
    pub(super) left_out: Vec<String>,
    object: ScaledObject,
    behavior: Option<Behavior>,
}

impl Manifest {
    /// `hpaTolerance` of a trigger that says nothing: what the HPA's behavior has, or 0 as in this project's manifests for a
    /// trigger that is about to become Forescale's, unless it keeps its `own_behavior`. `None` leaves the HPA at its own default.
    pub(super) fn tolerance(&self, own_behavior: bool) -> Option<String> {
        if !self.ours && !own_behavior {
            return Some("0".to_owned());
        }
        let behavior = self.behavior.as_ref()?;
        let up = behavior.scale_up.tolerance?;
        let down = behavior.scale_down.tolerance?;
        Some(up.max(down).to_string())
    }

    /// It as a backtest takes it, with the trigger's `threshold`, where that is known, and its `activationThreshold`.
    pub(super) fn configured(self, threshold: Option<f64>, activation: f64) -> Configured {
        Configured {
            object: self.object,
            behavior: self.behavior,
            ours: self.ours,
            own_behavior: false,
            target: threshold.filter(|_| !self.ours),
            activation,
        }
    }
}

/// Reads the ScaledObject of this `name`, or the first one, with a trigger of Forescale's or one of KEDA's on Prometheus.
/// Forescale's go before.
pub(super) fn read(file: &Path, name: Option<&str>) -> Result<Manifest, Failure> {
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
    let objects: Vec<&Node> = documents
        .iter()
        .filter(|document| document.text_of("kind") == Some("ScaledObject"))
        .collect();
    let of_types = |types: &[&str]| -> Vec<Found<'_>> {
        let each = objects.iter().copied();
        each.filter_map(|object| find(object, types)).collect()
    };
    let (ours, kedas) = (of_types(&OURS), of_types(&[KEDAS]));
    let all = ours.iter().chain(&kedas).map(|it| it.name.as_str());
    let names: BTreeSet<&str> = all.collect();
    let listed = |names: &BTreeSet<&str>, between: &str| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(between)
    };
    if let Some(name) = name {
        let meant = names.iter().copied().filter(|it| is_called(it, name));
        let meant: BTreeSet<&str> = meant.collect();
        if meant.len() > 1 {
            let meant = listed(&meant, " or ");
            return Err(usage(format!(
                "`{name}` may be {meant}: give its namespace too"
            )));
        }
    }
    let found = pick(&ours, name)
        .map(|found| (true, found))
        .or_else(|| pick(&kedas, name).map(|found| (false, found)));
    let (is_ours, found) = found.ok_or_else(|| match name {
        Some(name) if !names.is_empty() => usage(format!(
            "it holds no ScaledObject `{name}` that can be backtested: there {} {}",
            if names.len() == 1 { "is" } else { "are" },
            listed(&names, ", ")
        )),
        _ => usage(
            "it holds no ScaledObject with a trigger of type `external` or `external-push` that has a `query` or a `triggerName`, \
             or of type `prometheus` that has a `query`"
                .to_owned(),
        ),
    })?;
    let Found {
        name: found_name,
        spec,
        trigger,
        metadata,
    } = found;
    let pairs = metadata.entries().iter().filter_map(|entry| {
        let text = match &entry.value.value {
            Value::Map(_) => None,
            _ => entry.value.text(),
        };
        Some((entry.key.clone(), text?.to_owned()))
    });
    let mut left_out = left_out::of(spec, trigger);
    if name.is_none() && names.len() > 1 {
        left_out.push(format!(
            "of the ScaledObjects {}, `{found_name}` is backtested: `--name` picks another",
            listed(&names, ", ")
        ));
    }
    Ok(Manifest {
        name: found_name.clone(),
        metadata: pairs.collect(),
        ours: is_ours,
        left_out,
        object: object(spec, trigger).map_err(usage)?,
        behavior: behavior(spec).map_err(usage)?,
    })
}

/// A trigger, with its object's name and spec and its metadata.
struct Found<'a> {
    name: String,
    spec: &'a Node,
    trigger: &'a Node,
    metadata: &'a Node,
}

/// The one of this name, with or without its namespace; the first where none is given.
fn pick<'a, 'b>(found: &'b [Found<'a>], name: Option<&str>) -> Option<&'b Found<'a>> {
    let is = |found: &&Found<'_>| name.is_none_or(|name| is_called(&found.name, name));
    found.iter().find(is)
}

/// Whether `whole`, a name with its namespace, may be called `name`.
fn is_called(whole: &str, name: &str) -> bool {
    whole == name || whole.rsplit('/').next() == Some(name)
}

/// The object's first trigger of one of these types that says what it goes by.
fn find<'a>(object: &'a Node, types: &[&str]) -> Option<Found<'a>> {
    let spec = object.get("spec")?;
    let triggers = spec.get("triggers").map_or(&[][..], Node::items);
    let of_type =
        |trigger: &&Node| (trigger.text_of("type")).is_some_and(|there| types.contains(&there));
    triggers.iter().filter(of_type).find_map(|trigger| {
        let metadata = trigger.get("metadata")?;
        SUBJECTS.iter().find(|key| metadata.get(key).is_some())?;
        Some(Found {
            name: name_of(object),
            spec,
            trigger,
            metadata,
        })
    })
}

/// `namespace/name`, as far as the manifest says it.
fn name_of(object: &Node) -> String {
    let metadata = object.get("metadata");
    let text = |key| metadata.and_then(|metadata| metadata.text_of(key));
    let name = text("name").unwrap_or("without a name");
    match text("namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// Bounds and times, and whether the HPA reads what KEDA read last; what is left out is KEDA's default.
fn object(spec: &Node, trigger: &Node) -> Result<ScaledObject, String> {
    let usual = ScaledObject::default();
    let count = |key, usual| number(spec, key).map(|found| found.unwrap_or(usual));
    let span = |key, usual| -> Result<Duration, String> {
        let secs = number(spec, key)?;
        Ok(secs.map_or(usual, Duration::from_secs))
    };
    let object = ScaledObject {
        min_replicas: count("minReplicaCount", usual.min_replicas)?,
        max_replicas: count("maxReplicaCount", usual.max_replicas)?,
        polling_interval: span("pollingInterval", usual.polling_interval)?,
        cooldown_period: span("cooldownPeriod", usual.cooldown_period)?,
        initial_cooldown_period: span("initialCooldownPeriod", usual.initial_cooldown_period)?,
        use_cached_metrics: trigger.text_of("useCachedMetrics") == Some("true"),
        fallback: fallback(spec)?,
    };
    if object.min_replicas > object.max_replicas {
        return Err(format!(
            "line {}: `minReplicaCount` {} is above `maxReplicaCount` {}",
            spec.deepest("minReplicaCount").line,
            object.min_replicas,
            object.max_replicas
        ));
    }
    Ok(object)
}

fn fallback(spec: &Node) -> Result<Option<Fallback>, String> {
    let Some(fallback) = spec.get("fallback") else {
        return Ok(None);
    };
    Ok(Some(Fallback {
        failure_threshold: number(fallback, "failureThreshold")?.unwrap_or(0),
        replicas: number(fallback, "replicas")?.unwrap_or(0),
        behavior: match fallback.text_of("behavior") {
            Some("currentReplicas") => FallbackBehavior::CurrentReplicas,
            Some("currentReplicasIfHigher") => FallbackBehavior::CurrentReplicasIfHigher,
            Some("currentReplicasIfLower") => FallbackBehavior::CurrentReplicasIfLower,
            _ => FallbackBehavior::Static,
        },
    }))
}

/// The HPA's behavior, if the manifest has one.
fn behavior(spec: &Node) -> Result<Option<Behavior>, String> {
    let advanced = spec.get("advanced");
    let hpa = advanced.and_then(|advanced| advanced.get("horizontalPodAutoscalerConfig"));
    let Some(behavior) = hpa.and_then(|hpa| hpa.get("behavior")) else {
        return Ok(None);
    };
    let usual = Behavior::default();
    Ok(Some(Behavior {
        scale_up: rules(behavior.get("scaleUp"), usual.scale_up)?,
        scale_down: rules(behavior.get("scaleDown"), usual.scale_down)?,
    }))
}

/// Rules of one direction; what they leave out is `usual`.
fn rules(given: Option<&Node>, usual: Rules) -> Result<Rules, String> {
    let Some(given) = given else {
        return Ok(usual);
    };
    let window: Option<u64> = number(given, "stabilizationWindowSeconds")?;
    let policies = given.get("policies").map_or(&[][..], Node::items);
    let policies = policies.iter().map(policy).collect::<Result<Vec<_>, _>>()?;
    Ok(Rules {
        tolerance: share(given, "tolerance")?.or(usual.tolerance),
        stabilization: window.map_or(usual.stabilization, Duration::from_secs),
        policies: if policies.is_empty() {
            usual.policies
        } else {
            policies
        },
        select: match given.text_of("selectPolicy") {
            Some("Min") => Select::Min,
            Some("Disabled") => Select::Disabled,
            _ => Select::Max,
        },
    })
}

fn policy(node: &Node) -> Result<Policy, String> {
    let value = number(node, "value")?.unwrap_or(0);
    Ok(Policy {
        change: match node.text_of("type") {
            Some("Percent") => Change::Percent(value),
            _ => Change::Pods(value),
        },
        period: Duration::from_secs(number(node, "periodSeconds")?.unwrap_or(15)),
    })
}

/// A number that may be left out.
fn number<T: FromStr>(node: &Node, key: &str) -> Result<Option<T>, String> {
    let refusal = ", which is no number of the kind that is allowed there";
    read_as(node, key, refusal, |text| text.parse().ok())
}

/// A share as Kubernetes writes quantities: `0.05` or `50m`.
fn share(node: &Node, key: &str) -> Result<Option<f64>, String> {
    let refusal = ": allowed are 0 and above, such as 0.05 or 50m";
    read_as(node, key, refusal, |text| {
        quantity::parse(text).filter(|share| *share >= 0.0)
    })
}

fn read_as<T>(
    node: &Node,
    key: &str,
    refusal: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(text) = node.text_of(key) else {
        return Ok(None);
    };
    let line = node.deepest(key).line;
    let wrong = || format!("line {line}: `{key}` is `{text}`{refusal}");
    read(text).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: &str) -> Result<Manifest, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("web.yaml");
        let text = format!("apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nspec:\n{spec}");
        std::fs::write(&file, text).unwrap();
        read(&file, None).map_err(|failure| format!("{failure:?}"))
    }

    const KEDAS_OWN: &str = "  minReplicaCount: 4
  maxReplicaCount: 30
  pollingInterval: 15
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: 60
          policies: [{type: Percent, value: 10, periodSeconds: 60}]
          tolerance: 50m
  triggers:
    - type: loki
      metadata: {query: 'sum(rate({app=\"web\"}[1m]))', threshold: '7'}
    - type: prometheus
      metadata: {query: sum(up), threshold: '50'}
";

    #[test]
    fn a_manifest_says_the_bounds_the_times_and_the_behavior_of_today() {
        let read = of(KEDAS_OWN).unwrap();
        assert_eq!(read.metadata["query"], "sum(up)", "LogQL is no PromQL");
        assert_eq!(read.tolerance(false).as_deref(), Some("0"));
        assert_eq!(read.tolerance(true), None);
        assert_eq!(read.left_out.len(), 1, "{:?}", read.left_out);
        assert!(read.left_out[0].contains("the trigger `loki` beside it"));
        let Configured {
            object,
            behavior,
            ours,
            target,
            activation,
            ..
        } = read.configured(Some(50.0), 3.0);
        assert!(!ours && !object.use_cached_metrics);
        assert!((activation - 3.0).abs() < 1e-9);
        assert_eq!((object.min_replicas, object.max_replicas), (4, 30));
        assert_eq!(object.polling_interval, Duration::from_secs(15));
        assert_eq!(object.cooldown_period, Duration::from_mins(5), "KEDA's own");
        assert_eq!(target, Some(50.0));
        let down = behavior.unwrap().scale_down;
        assert_eq!(down.stabilization, Duration::from_mins(1));
        assert_eq!(down.policies, [Policy::percent(10, 60)]);
        assert_eq!(down.tolerance, Some(0.05));
    }

    #[test]
    fn a_trigger_of_ours_goes_before_and_takes_the_tolerance_that_its_hpa_has() {
        let ours = "    - type: external-push
      metadata: {query: ours, threshold: '50'}
";
        let read = of(&format!("{KEDAS_OWN}{ours}")).unwrap();
        assert_eq!(read.metadata["query"], "ours");
        assert_eq!(
            read.tolerance(false),
            None,
            "upwards it is the HPA's default"
        );
        assert_eq!(read.configured(Some(50.0), 0.0).target, None);
    }

    #[test]
    fn a_trigger_with_cached_metrics_is_run_with_them() {
        let cached = KEDAS_OWN.replace(
            "type: prometheus",
            "type: prometheus\n      useCachedMetrics: true",
        );
        let read = of(&cached).unwrap().configured(Some(50.0), 0.0);
        assert!(read.object.use_cached_metrics);
    }

    #[test]
    fn each_key_that_is_not_followed_is_told_with_its_line() {
        let more = "    - type: cpu
      metricType: Utilization
      metadata: {value: '60'}
    - type: cron
      metadata: {start: 0 8 * * *}
";
        let text = KEDAS_OWN
            .replace(
                "type: prometheus",
                "type: prometheus\n      metricType: Value",
            )
            .replace("maxReplicaCount: 30", "maxReplicaCount: 2000000000")
            .replace(
                "  advanced:\n",
                "  idleReplicaCount: 0\n  advanced:\n    scalingModifiers: {formula: a + b}\n",
            );
        let told = of(&format!("{text}{more}")).unwrap().left_out;
        assert_eq!(told.len(), 5, "{told:#?}");
        for (note, words) in told.iter().zip([
            "line 20: `metricType: Value`",
            "line 5: `maxReplicaCount` 2000000000 was taken for 100000",
            "line 7: `idleReplicaCount`",
            "line 9: `scalingModifiers`",
            "`loki`, `cpu` and `cron`",
        ]) {
            assert!(note.contains(words), "{words}: {note}");
        }
    }

    #[test]
    fn of_several_objects_one_is_named_and_the_others_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.yaml");
        let one = |namespace: &str, name: &str, kind: &str| {
            format!(
                "kind: ScaledObject\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n  triggers:\n    - type: {kind}\n      \
                 metadata: {{query: {name}, threshold: '5'}}\n---\n"
            )
        };
        let text = one("a", "web", "prometheus")
            + &one("a", "api", "external")
            + &one("b", "web", "prometheus");
        std::fs::write(&file, text).unwrap();
        let first = read(&file, None).unwrap();
        assert_eq!((first.name.as_str(), first.ours), ("a/api", true));
        let told = first.left_out.join("; ");
        assert!(
            told.contains("`a/api`, `a/web`, `b/web`, `a/api` is backtested: `--name`"),
            "{told}"
        );
        let named = |name| read(&file, Some(name)).map_err(|failure| format!("{failure:?}"));
        assert_eq!(named("b/web").unwrap().name, "b/web");
        let plain = named("api").unwrap();
        assert_eq!((plain.name.as_str(), plain.left_out.len()), ("a/api", 0));
        let error = named("web").err().unwrap();
        assert!(error.contains("`web` may be `a/web` or `b/web`"), "{error}");
        let error = named("db").err().unwrap();
        assert!(
            error.contains("no ScaledObject `db`") && error.contains("`a/api`"),
            "{error}"
        );
    }

    #[test]
    fn a_trigger_that_reads_its_query_elsewhere_is_taken() {
        let text = KEDAS_OWN.replace(
            "    - type: prometheus",
            "    - type: external\n      metadata: {triggerName: requests, threshold: '9'}\n    - type: prometheus",
        );
        let read = of(&text).unwrap();
        assert!(read.ours && !read.metadata.contains_key("query"));
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_line() {
        let wrong = KEDAS_OWN.replace("Count: 30", "Count: many");
        let error = of(&wrong).err().unwrap();
        assert!(
            error.contains("line 5: `maxReplicaCount` is `many`"),
            "{error}"
        );
        let error = of(&KEDAS_OWN.replace("50m", "lots")).err().unwrap();
        assert!(error.contains("`tolerance` is `lots`"), "{error}");
        let error = of(&KEDAS_OWN.replace("Count: 4", "Count: 40"))
            .err()
            .unwrap();
        assert!(error.contains("`minReplicaCount` 40 is above"), "{error}");
        let none = KEDAS_OWN.replace("type: prometheus", "type: cpu");
        assert!(of(&none).err().unwrap().contains("holds no ScaledObject"));
    }
}
