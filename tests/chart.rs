//! The Helm chart, as far as that goes without Helm: values and schema agree, versions are one, the settings are the server's.
//! `scripts/test-chart.sh` tries it with Helm and a real API server.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside the functions where clippy lets tests unwrap"
)]

use std::fs;
use std::path::{Path, PathBuf};

use forescale::settings::{Overrides, Settings};
use serde_json::{Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join("keda/chart").join(name)).unwrap()
}

fn yaml(text: &str) -> Value {
    match serde_yaml::from_str(text).unwrap() {
        Value::Null => json!({}),
        value => value,
    }
}

fn values() -> Value {
    yaml(&text("values.yaml"))
}

fn schema() -> Value {
    serde_json::from_str(&text("values.schema.json")).unwrap()
}

/// The schema that a `$ref` stands for.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(pointer) => root.pointer(pointer.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Allowed keys that have no default, and so are not in values.yaml.
const WITHOUT_DEFAULT: [&str; 11] = [
    "global",
    "config.admin",
    "config.analyze",
    "config.cluster",
    "config.control",
    "config.keda",
    "config.knowledge",
    "config.log",
    "config.operator",
    "config.plan",
    "resources.claims",
];

fn compare(root: &Value, schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    let schema = resolve(root, schema);
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    if schema["additionalProperties"] != false {
        wrong.push(format!("`{path}`: the schema lets any key pass"));
    }
    let value = value.as_object().unwrap();
    for key in value.keys() {
        if !properties.contains_key(key) {
            wrong.push(format!("`{path}{key}` is in values.yaml only"));
        }
    }
    for (key, schema) in properties {
        let path = format!("{path}{key}");
        match value.get(key) {
            Some(value) => compare(root, schema, value, &format!("{path}."), wrong),
            None if WITHOUT_DEFAULT.contains(&path.as_str()) => {}
            None if path.contains("Probe.") => {}
            None => wrong.push(format!("`{path}` is in the schema only")),
        }
    }
}

#[test]
fn the_schema_knows_the_values_and_no_others() {
    let schema = schema();
    let mut wrong = Vec::new();
    compare(&schema, &schema, &values(), "", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Paths of the values that have a comment of their own in values.yaml, so that helm-docs gives each a row.
fn documented(text: &str) -> Vec<String> {
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut commented = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if trimmed.starts_with("# -- ") {
            commented = true;
        } else if let Some((key, _)) = trimmed
            .split_once(':')
            .filter(|_| !trimmed.starts_with('#') && !trimmed.starts_with('-'))
        {
            path.retain(|(depth, _)| *depth < indent);
            path.push((indent, key.to_owned()));
            if commented {
                let keys: Vec<_> = path.iter().map(|(_, key)| key.as_str()).collect();
                found.push(keys.join("."));
            }
            commented = false;
        }
    }
    found
}

#[test]
fn every_value_is_in_the_readme() {
    let readme = text("README.md");
    let documented = documented(&text("values.yaml"));
    assert!(documented.len() > 80, "{}", documented.len());
    for path in documented {
        assert!(
            readme.contains(&format!("| {path} |")),
            "`{path}`: run scripts/chart-files.sh"
        );
    }
}

#[test]
fn the_chart_is_of_this_version() {
    let chart = yaml(&text("Chart.yaml"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from.clone(),
    }
}

/// `config` of the chart, and of each set of values that it is tested with, is something that the server takes.
#[test]
fn the_server_knows_every_config() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forescale.yaml");
    let cases = fs::read_dir(root().join("keda/chart/ci")).unwrap();
    let mut tried = 0;
    for case in cases.map(|entry| entry.unwrap().path()) {
        let mut config = values()["config"].take();
        merge(
            &mut config,
            &yaml(&fs::read_to_string(&case).unwrap())["config"],
        );
        if !config["keda"]["tls"].is_null() {
            merge(
                &mut config,
                &json!({"keda": {"tls": {"certFile": "/a", "keyFile": "/b"}}}),
            );
        }
        fs::write(&file, serde_yaml::to_string(&config).unwrap()).unwrap();
        Settings::load(Some(&file), Overrides::default())
            .unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        tried += 1;
    }
    assert!(tried >= 5, "{tried}");
}

/// Rules and dashboards in the chart are copies (`scripts/chart-files.sh`), as a chart can't reach outside of its folder.
#[test]
fn copies_are_as_their_originals() {
    let same = |original: &Path, copy: PathBuf| {
        let copied = fs::read_to_string(&copy).unwrap_or_default();
        assert!(
            fs::read_to_string(original).unwrap() == copied,
            "{}: run scripts/chart-files.sh",
            copy.display()
        );
    };
    let chart = root().join("keda/chart/files");
    let rules = root().join("dashboard/rules/forescale.rules.yaml");
    same(&rules, chart.join("forescale.rules.yaml"));
    let crd = root().join("keda/crd/predictiveautoscalers.yaml");
    same(
        &crd,
        root().join("keda/chart/crds/predictiveautoscalers.yaml"),
    );
    for entry in fs::read_dir(root().join("dashboard")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|kind| kind == "json") {
            let name = file.file_name().unwrap();
            same(&file, chart.join("dashboards").join(name));
        }
    }
}
