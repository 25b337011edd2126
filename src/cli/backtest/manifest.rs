//! What a ScaledObject's manifest says of the workload: the trigger that is backtested, the bounds, KEDA's times and the
//! HPA's behavior.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, anyhow};

use super::left_out;
use crate::backtest::Configured;
use crate::cli::Failure;
use crate::cli::check;
use crate::cli::check::spec;
use crate::cli::check::yaml::{self, Node, Value};
use crate::domain::Metadata;
use crate::simulate::hpa::Behavior;
use crate::simulate::keda::ScaledObject;

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
    file: String,
    /// Where each key of the metadata stands, and all of it.
    lines: BTreeMap<String, usize>,
    line: usize,
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

    /// Where a key of the metadata stands, or ought to.
    pub(super) fn place_of(&self, key: &str) -> String {
        let line = self.lines.get(key).unwrap_or(&self.line);
        format!("`{}`, line {line}", self.file)
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
    let file_name = check::name_of(file);
    let usage = |text: String| Failure::usage(anyhow!("`{file_name}`: {text}"));
    let text = check::read(file).with_context(|| format!("failed to read `{file_name}`"))?;
    let (documents, broken) = yaml::parse(&text);
    if let Some(broken) = broken {
        return Err(usage(format!(
            "line {}: {}",
            broken.place.line, broken.text
        )));
    }
    let all = yaml::objects(&documents);
    let kinds: BTreeSet<&str> = all.iter().filter_map(|it| it.text_of("kind")).collect();
    let of_ours = |object: &&Node| object.text_of("kind") == Some("ScaledObject");
    let objects: Vec<&Node> = all.into_iter().filter(of_ours).collect();
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
        _ => usage(format!(
            "it holds no ScaledObject with a trigger of type `external` or `external-push` that has a `query` or a `triggerName`, \
             or of type `prometheus` that has a `query`; {}",
            instead(&kinds, &listed(&kinds, ", "))
        )),
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
    let read = spec::read(spec);
    if !read.mistakes.is_empty() {
        let each = read.mistakes.iter();
        let told: Vec<String> = each
            .map(|it| format!("line {}: {}", it.place.line, it.text))
            .collect();
        return Err(usage(told.join("; ")));
    }
    let lines = metadata.entries().iter();
    let lines = lines.map(|entry| (entry.key.clone(), entry.place.line));
    Ok(Manifest {
        file: file_name.clone(),
        lines: lines.collect(),
        line: metadata.place.line,
        name: found_name.clone(),
        metadata: pairs.collect(),
        ours: is_ours,
        left_out,
        object: ScaledObject {
            use_cached_metrics: trigger.text_of("useCachedMetrics") == Some("true"),
            ..read.object
        },
        behavior: read.behavior,
    })
}

/// What a manifest has in the place of what is looked for.
fn instead(kinds: &BTreeSet<&str>, listed: &str) -> String {
    if kinds.is_empty() {
        return "it holds no object of Kubernetes at all".to_owned();
    }
    let made = if kinds.contains("PredictiveAutoscaler") {
        "; of a PredictiveAutoscaler give the ScaledObject that was made of it (`kubectl get scaledobject NAME -o yaml`)"
    } else {
        ""
    };
    format!("it holds {listed}{made}")
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
        let mut said = SUBJECTS.iter().filter_map(|key| metadata.text_of(key));
        said.find(|text| !text.trim().is_empty())?;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulate::hpa::{Change, Policy};

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
        for (query, ours) in [
            ("", true),
            (", query: ''", true),
            (", triggerName: ''", false),
        ] {
            let trigger = format!(
                "    - type: external\n      metadata: {{triggerName: requests, threshold: '9'{query}}}\n    - type: prometheus"
            );
            let read = of(&KEDAS_OWN.replace("    - type: prometheus", &trigger)).unwrap();
            assert_eq!(read.ours, ours, "{query}");
        }
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
        let error = of(&KEDAS_OWN.replace("Interval: 15", "Interval: 15s")).err();
        assert!(error.unwrap().contains("whole seconds without a unit"));
        let both = KEDAS_OWN.replace("Interval: 15", "Interval: -5");
        let error = of(&both.replace("Count: 30", "Count: \"30\"")).err();
        let error = error.unwrap();
        for part in [
            "line 5: `maxReplicaCount` is the text",
            "line 6: `pollingInterval` is `-5`",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let none = KEDAS_OWN.replace("type: prometheus", "type: cpu");
        assert!(of(&none).err().unwrap().contains("holds no ScaledObject"));
    }

    #[test]
    fn what_is_null_counts_as_absent() {
        for null in ["", "null", "~"] {
            let text = KEDAS_OWN
                .replace("Count: 4", &format!("Count: {null}"))
                .replace("Count: 30", &format!("Count: {null}"))
                .replace("tolerance: 50m", &format!("tolerance: {null}"))
                .replace("type: Percent", &format!("type: {null}"));
            let text = format!("  fallback: {null}\n  idleReplicaCount: {null}\n{text}");
            let read = of(&text).unwrap();
            assert_eq!(read.left_out.len(), 1, "{:?}", read.left_out);
            assert_eq!(
                (read.object.min_replicas, read.object.max_replicas),
                (0, 100)
            );
            assert!(read.object.fallback.is_none());
            let down = read.behavior.unwrap().scale_down;
            assert_eq!(down.tolerance, None);
            assert_eq!(down.policies[0].change, Change::Pods(10));
        }
    }

    #[test]
    fn a_misspelt_word_is_refused_and_not_read_as_the_default() {
        let fallback = "  fallback: {failureThreshold: 3, replicas: 6, behavior: whatever}\n";
        let select = "          selectPolicy: disabled\n          tolerance: 50m";
        for (text, expected) in [
            (
                KEDAS_OWN.replace("type: Percent", "type: percent"),
                "line 12: `type` is `percent`: allowed are `Pods`, `Percent`",
            ),
            (
                KEDAS_OWN.replace("          tolerance: 50m", select),
                "`selectPolicy` is `disabled`: allowed are `Max`, `Min`, `Disabled`",
            ),
            (
                format!("{fallback}{KEDAS_OWN}"),
                "`behavior` is `whatever`: allowed are `static`, `currentReplicas`",
            ),
            (
                KEDAS_OWN.replace("Seconds: 60\n", "Seconds: 99999\n"),
                "`stabilizationWindowSeconds` is `99999`: allowed are whole seconds, 0 to 3600",
            ),
        ] {
            let error = of(&text).err().unwrap();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn a_list_is_read_and_what_else_a_file_holds_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.yaml");
        let list = "kind: List\nitems:\n- kind: ScaledObject\n  metadata: {name: web}\n  spec:\n    triggers:\n    - type: external\n      \
                    metadata: {query: x, threshold: '5'}\n";
        std::fs::write(&file, list).unwrap();
        assert_eq!(read(&file, None).unwrap().name, "web");
        std::fs::write(&file, "kind: PredictiveAutoscaler\n---\nkind: Service\n").unwrap();
        let error = format!("{:?}", read(&file, None).err().unwrap());
        for part in [
            "it holds `PredictiveAutoscaler`, `Service`",
            "kubectl get scaledobject",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
