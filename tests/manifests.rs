//! The manifests in `keda/`: they are YAML, `forescale check` passes on every example, the settings are ones that the
//! server knows, the parts refer to one another, and nothing runs with more rights than it needs. Whether a real API server
//! accepts them is tried by `scripts/test-chart.sh`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside the functions where clippy lets tests unwrap"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use forescale::cli::check::{self, Args, Format, Outcome};
use forescale::execute::cluster::rights::{RIGHTS, VERBS};
use forescale::execute::operator;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keda")
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The folders whose files kustomize puts together: the base and each component.
fn kustomizations() -> Vec<PathBuf> {
    let mut folders = vec![folder(), folder().join("base")];
    let components = fs::read_dir(folder().join("components")).unwrap();
    folders.extend(components.map(|entry| entry.unwrap().path()));
    folders.sort();
    folders
}

fn manifest(name: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(folder().join(name)).unwrap()).unwrap()
}

/// What `forescale check` says of files that are in order.
fn checked(files: Vec<PathBuf>) -> serde_json::Value {
    let args = Args {
        files,
        format: Format::Json,
        scaler_address: vec![],
    };
    let mut out = Vec::new();
    let outcome = check::run(&args, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(outcome, Outcome::Fine, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn base(name: &str) -> Value {
    manifest(&format!("base/{name}"))
}

fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| {
            Value::deserialize(document)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
        })
        .collect()
}

/// The value at a path such as `spec/template`; list items by their number.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('/')
        .fold(value, |value, key| match key.parse::<usize>() {
            Ok(index) => &value[index],
            Err(_) => &value[key],
        })
}

fn container() -> Value {
    at(&base("deployment.yaml"), "spec/template/spec/containers/0").clone()
}

#[test]
fn every_manifest_is_yaml_with_a_kind() {
    let folders = kustomizations();
    for file in folders
        .iter()
        .chain([&folder().join("examples")])
        .flat_map(|folder| yaml_files(folder))
    {
        for value in documents(&file) {
            assert!(
                value["kind"].is_string() && value["apiVersion"].is_string(),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn the_check_passes_on_every_example_without_a_warning() {
    let result = checked(yaml_files(&folder().join("examples")));
    for file in result["files"].as_array().unwrap() {
        // A hint is no warning: on a TriggerAuthentication it says what does not reach Forescale.
        let findings = file["findings"].as_array().unwrap();
        let warnings: Vec<_> = findings
            .iter()
            .filter(|finding| finding["severity"] != "hint")
            .collect();
        assert!(warnings.is_empty(), "{}: {warnings:?}", file["file"]);
        let triggers = file["scaledObjects"][0]["triggers"].as_array().unwrap();
        assert!(
            triggers.iter().any(|trigger| trigger["ours"] == true),
            "{}",
            file["file"]
        );
    }
}

#[test]
fn the_examples_show_what_they_are_there_to_show() {
    let example = |name: &str| manifest(&format!("examples/{name}.yaml"));
    let predictive = example("predictive");
    let behavior = at(
        &predictive,
        "spec/advanced/horizontalPodAutoscalerConfig/behavior",
    );
    assert_eq!(behavior["scaleUp"]["tolerance"], "0");
    assert_eq!(behavior["scaleDown"]["tolerance"], "0");
    assert!(at(&predictive, "spec/fallback/replicas").is_u64());
    let shadow = example("shadow");
    assert_eq!(at(&shadow, "spec/triggers/0/type"), "prometheus");
    assert_eq!(at(&shadow, "spec/triggers/1/metadata/mode"), "shadow");
    let zero = example("scale-from-zero");
    assert_eq!(at(&zero, "spec/triggers/0/type"), "external-push");
    assert_eq!(at(&zero, "spec/minReplicaCount").as_u64(), Some(0));
}

/// A fallback from the first failure on, with `external-push`, is what survives an outage of Forescale (docs/e2e.md).
#[test]
fn where_forescale_decides_its_outage_is_survived() {
    let mut files = yaml_files(&folder().join("examples"));
    files.push(folder().join("../deploy/kind/demo.yaml"));
    let objects: Vec<Value> = (files.iter().flat_map(|file| documents(file)))
        .filter(|object| object["kind"] == "ScaledObject")
        // Shadow decides nothing.
        .filter(|object| object["metadata"]["name"] != "search")
        .collect();
    assert!(objects.len() > 5);
    for object in objects {
        let name = object["metadata"]["name"].as_str().unwrap();
        let triggers = at(&object, "spec/triggers").as_sequence().unwrap();
        assert!(
            (triggers.iter()).any(|trigger| trigger["type"] == "external-push"),
            "{name}"
        );
        assert!(
            (triggers.iter()).all(|trigger| trigger["type"] != "external"),
            "{name}"
        );
        assert_eq!(at(&object, "spec/fallback/failureThreshold"), 0, "{name}");
    }
}

#[test]
fn the_migration_is_the_type_and_one_address() {
    let text = fs::read_to_string(folder().join("examples/migrated-from-prometheus.yaml")).unwrap();
    let before: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .collect();
    let before: Value = serde_yaml::from_str(&before.join(
        "
",
    ))
    .unwrap();
    let mut expected = before[0].clone();
    assert_eq!(expected["type"], "prometheus");
    expected["type"] = "external-push".into();
    expected["metadata"]["scalerAddress"] = "forescale.forescale.svc:6000".into();
    let after = manifest("examples/migrated-from-prometheus.yaml");
    assert_eq!(at(&after, "spec/triggers/0"), &expected);
}

/// What `forescale backtest` runs Forescale under (`Behavior::under_a_plan`).
#[test]
fn the_second_step_of_a_migration_is_the_hpa_of_the_predictive_example() {
    let path = "spec/advanced/horizontalPodAutoscalerConfig";
    let text = fs::read_to_string(folder().join("examples/migrated-from-prometheus.yaml")).unwrap();
    let begin = text.find("  # advanced:").unwrap();
    let commented = text[begin..].lines();
    let taken = commented.map_while(|line| line.strip_prefix("  # "));
    let step: Value = serde_yaml::from_str(&taken.collect::<Vec<_>>().join("\n")).unwrap();
    let predictive = manifest("examples/predictive.yaml");
    assert_eq!(
        &step["advanced"]["horizontalPodAutoscalerConfig"],
        at(&predictive, path)
    );
    let exact = "hpaTolerance: \"0\"";
    assert!(text.contains(&format!("        # {exact}\n")));
    for direction in ["scaleUp", "scaleDown"] {
        let rules = at(&predictive, &format!("{path}/behavior/{direction}"));
        let expected = "{tolerance: '0', stabilizationWindowSeconds: 0}";
        assert_eq!(rules, &serde_yaml::from_str::<Value>(expected).unwrap());
    }
}

#[test]
fn the_settings_are_known_to_the_server() {
    fn known<T: DeserializeOwned>(section: &Value) {
        if !section.is_null() {
            serde_yaml::from_value::<T>(section.clone()).unwrap();
        }
    }
    let config_map = base("configmap.yaml");
    let settings: Value =
        serde_yaml::from_str(config_map["data"]["forescale.yaml"].as_str().unwrap()).unwrap();
    known::<forescale::execute::keda::Config>(&settings["keda"]);
    known::<forescale::admin::Config>(&settings["admin"]);
    known::<forescale::monitor::Config>(&settings["monitor"]);
    known::<forescale::analyze::Config>(&settings["analyze"]);
    known::<forescale::plan::Config>(&settings["plan"]);
    known::<forescale::knowledge::Config>(&settings["knowledge"]);
    let sections = [
        "keda",
        "admin",
        "monitor",
        "analyze",
        "plan",
        "knowledge",
        "control",
        "workloads",
        "log",
    ];
    for key in settings.as_mapping().unwrap().keys() {
        assert!(sections.contains(&key.as_str().unwrap()), "{key:?}");
    }
}

#[test]
fn the_container_runs_with_the_least_rights() {
    let deployment = base("deployment.yaml");
    let pod = at(&deployment, "spec/template/spec");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        at(pod, "securityContext/runAsNonRoot").as_bool(),
        Some(true)
    );
    assert_eq!(
        at(pod, "securityContext/seccompProfile/type"),
        "RuntimeDefault"
    );
    for absent in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod[absent].is_null(), "{absent}");
    }
    let container = container();
    let context = &container["securityContext"];
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(at(context, "capabilities/drop/0"), "ALL");
    assert!(at(context, "capabilities/add").is_null());
    assert!(at(&container, "resources/requests/memory").is_string());
    assert!(at(&container, "resources/limits/memory").is_string());
    let account = base("serviceaccount.yaml");
    assert_eq!(account["automountServiceAccountToken"], false);
    let plain = ["", "base", "components/networkpolicy"].map(|name| folder().join(name));
    for file in plain.iter().flat_map(|folder| yaml_files(folder)) {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("kind: Role") && !text.contains("kind: ClusterRole"));
    }
}

#[test]
fn two_replicas_are_spread_probed_and_protected() {
    let deployment = base("deployment.yaml");
    assert_eq!(at(&deployment, "spec/replicas").as_u64(), Some(2));
    let pod = at(&deployment, "spec/template/spec");
    assert_eq!(
        at(pod, "topologySpreadConstraints/0/topologyKey"),
        "kubernetes.io/hostname"
    );
    let container = container();
    assert_eq!(at(&container, "livenessProbe/httpGet/path"), "/healthz");
    assert_eq!(
        at(&container, "readinessProbe/grpc/service"),
        "externalscaler.ExternalScaler"
    );
    let budget = base("poddisruptionbudget.yaml");
    assert_eq!(at(&budget, "spec/minAvailable").as_u64(), Some(1));
}

#[test]
fn the_parts_refer_to_one_another() {
    let deployment = base("deployment.yaml");
    let labels = at(&deployment, "spec/template/metadata/labels");
    let service = base("service.yaml");
    assert_eq!(at(&service, "spec/clusterIP"), "None", "headless");
    assert_eq!(at(&deployment, "spec/selector/matchLabels"), labels);
    assert_eq!(at(&service, "spec/selector"), labels);
    assert_eq!(
        at(
            &base("poddisruptionbudget.yaml"),
            "spec/selector/matchLabels"
        ),
        labels
    );
    assert_eq!(
        at(
            &manifest("components/networkpolicy/networkpolicy.yaml"),
            "spec/podSelector/matchLabels"
        ),
        labels
    );
    let ports: Vec<_> = container()["ports"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|port| port["name"].clone())
        .collect();
    for port in at(&service, "spec/ports").as_sequence().unwrap() {
        assert!(ports.contains(&port["targetPort"]), "{port:?}");
    }
    let settings = at(&deployment, "spec/template/spec/volumes/0/configMap/name");
    assert_eq!(at(&base("configmap.yaml"), "metadata/name"), settings);
}

/// What README.md promises: `kubectl apply -k keda/` is the base with its NetworkPolicy, in the namespace `forescale`.
#[test]
fn the_kustomizations_name_every_file() {
    for folder in kustomizations() {
        let kustomization = &documents(&folder.join("kustomization.yaml"))[0];
        let list = |key: &str| {
            let entries = kustomization[key].as_sequence().cloned();
            entries.unwrap_or_default()
        };
        let mut named: Vec<_> = list("resources")
            .iter()
            .map(|entry| entry.as_str().unwrap().to_owned())
            .chain(
                list("patches")
                    .iter()
                    .filter_map(|patch| patch["path"].as_str().map(str::to_owned)),
            )
            .collect();
        named.sort();
        for entry in named.iter().cloned().chain(
            list("components")
                .iter()
                .map(|entry| entry.as_str().unwrap().to_owned()),
        ) {
            assert!(
                folder.join(&entry).exists(),
                "{}: {entry}",
                folder.display()
            );
        }
        let files: Vec<_> = yaml_files(&folder)
            .iter()
            .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "kustomization.yaml")
            .collect();
        let named: Vec<_> = named
            .into_iter()
            .filter(|entry| folder.join(entry).is_file())
            .collect();
        assert_eq!(named, files, "{}", folder.display());
    }
    let shipped = manifest("kustomization.yaml");
    assert_eq!(shipped["namespace"], "forescale");
    assert_eq!(shipped["resources"][0], "base");
    assert_eq!(shipped["components"][0], "components/networkpolicy");
}

#[test]
fn the_image_has_the_real_runtime_and_runs_as_nobody() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dockerfile = fs::read_to_string(root.join("Dockerfile")).unwrap();
    let last_stage = dockerfile.rsplit("\nFROM ").next().unwrap();
    for line in [
        "FORESCALE_ONNX_ENGINE=onnx-runtime",
        "MALLOC_ARENA_MAX=2",
        "ORT_DYLIB_PATH=/opt/onnxruntime/libonnxruntime.so",
        "USER 65532:65532",
    ] {
        assert!(last_stage.contains(line), "{line}");
    }
    let build = fs::read_to_string(root.join("scripts/image-target.sh")).unwrap();
    assert!(build.contains("cargo build --release --locked"));
    // One version everywhere: the image's, and the one that the tests compare engines with.
    let fetch = fs::read_to_string(root.join("scripts/fetch-onnxruntime.sh")).unwrap();
    let version = fetch
        .lines()
        .find_map(|line| line.strip_prefix("version="))
        .unwrap();
    assert!(dockerfile.contains(&format!("ARG ONNXRUNTIME_VERSION={version}\n")));
    let own = format!("ARG FORESCALE_VERSION={}\n", env!("CARGO_PKG_VERSION"));
    assert!(dockerfile.contains(&own), "{own}");
    assert_eq!(
        at(&manifest("kustomization.yaml"), "images/0/newTag"),
        env!("CARGO_PKG_VERSION")
    );
}

#[test]
fn the_other_doors_ask_for_what_the_settings_plan() {
    let settings = folder().join("doors/prometheus-adapter/forescale.yaml");
    let checked = checked(vec![settings]);
    assert_eq!(
        checked["files"][0]["scaledObjects"][0]["name"], "checkout",
        "the workload was judged: {checked}"
    );

    let settings = manifest("doors/prometheus-adapter/forescale.yaml");
    let workload = at(&settings, "workloads/0");
    let threshold = at(workload, "metadata/threshold");
    let hpa = manifest("doors/prometheus-adapter/hpa.yaml");
    let external = at(&hpa, "spec/metrics/0/external");
    assert_eq!(at(external, "target/averageValue"), threshold);
    assert_eq!(at(external, "target/type"), "AverageValue");
    assert_eq!(
        at(external, "metric/selector/matchLabels/name"),
        &workload["name"]
    );
    assert_eq!(at(&hpa, "metadata/namespace"), &workload["namespace"]);
    let rules = manifest("doors/prometheus-adapter/rules.yaml");
    assert_eq!(
        at(&rules, "externalRules/0/name/as"),
        at(external, "metric/name")
    );
    // The HPA that a PredictiveAutoscaler owns without KEDA asks for another one.
    let asked = operator::Config::default().external_metric;
    let series = at(&rules, "externalRules/1/seriesQuery").as_str().unwrap();
    assert!(series.starts_with(&asked), "{series}");

    let object = manifest("doors/openshift/scaledobject.yaml");
    let trigger = at(&object, "spec/triggers/0/metadata");
    assert_eq!(&trigger["threshold"], threshold);
    assert_eq!(
        trigger["ignoreNullValues"], "false",
        "no plan is not a plan of zero"
    );
    assert_eq!(
        trigger["query"],
        "max(forescale_workload_served_value{exported_namespace=\"shop\",name=\"checkout\"})"
    );
}

#[test]
fn the_roles_for_the_cluster_hold_what_the_code_asks_for_and_nothing_else() {
    let text = fs::read_to_string(folder().join("components/cluster-knowledge/rbac.yaml")).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap());
    let (roles, bindings): (Vec<_>, Vec<_>) =
        documents.partition(|document| document["kind"] == "ClusterRole");
    let strings = |value: &Value| -> BTreeSet<String> {
        let all = value.as_sequence().unwrap().iter();
        all.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let mut shipped: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for role in &roles {
        let name = role["metadata"]["name"].as_str().unwrap();
        for rule in role["rules"].as_sequence().unwrap() {
            assert_eq!(
                strings(&rule["verbs"]),
                BTreeSet::from(VERBS.map(str::to_owned))
            );
            for group in strings(&rule["apiGroups"]) {
                for resource in strings(&rule["resources"]) {
                    let rights = shipped.entry(name.to_owned()).or_default();
                    rights.insert((group.clone(), resource));
                }
            }
        }
    }
    let mut asked: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    for right in RIGHTS {
        let rights = asked.entry(right.feature.role()).or_default();
        rights.insert((right.group.to_owned(), right.resource.to_owned()));
    }
    assert_eq!(shipped, asked);
    let bound: BTreeSet<_> = (bindings.iter())
        .map(|binding| binding["roleRef"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(bound, asked.into_keys().collect::<BTreeSet<_>>());
    let account = base("serviceaccount.yaml");
    for binding in &bindings {
        assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
    }
}
