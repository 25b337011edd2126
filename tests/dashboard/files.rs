//! The files of `dashboard/`, read.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(crate) fn text(name: &str) -> String {
    let path = path(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rules, the file that promtool tests them with, and the object for the Prometheus Operator.
pub(crate) const RULES: &str = "dashboard/rules/forescale.rules.yaml";
pub(crate) const RULE_TESTS: &str = "dashboard/rules/forescale.test.yaml";
pub(crate) const PROMETHEUS_RULE: &str = "dashboard/rules/prometheus-rule.yaml";

pub(crate) fn yaml(name: &str) -> serde_yaml::Value {
    serde_yaml::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One dashboard.
pub(crate) struct Dashboard {
    pub(crate) file: String,
    pub(crate) json: Value,
}

/// A query of a panel or a variable.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Where it stands, for messages.
    pub(crate) place: String,
    pub(crate) expr: String,
    /// Asked for one moment, not for a stretch of time.
    pub(crate) instant: bool,
}

/// All dashboards, by file name.
pub(crate) fn dashboards() -> Vec<Dashboard> {
    let entries = fs::read_dir(path("dashboard")).unwrap();
    let mut files: Vec<String> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|kind| kind == "json"))
        .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    let read = |file: String| {
        let text = text(&format!("dashboard/{file}"));
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        Dashboard { file, json }
    };
    files.into_iter().map(read).collect()
}

impl Dashboard {
    pub(crate) fn panels(&self) -> &[Value] {
        self.json["panels"].as_array().unwrap()
    }

    pub(crate) fn variables(&self) -> &[Value] {
        self.json["templating"]["list"].as_array().unwrap()
    }

    /// The queries of its panels.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let of_panel = |panel: &Value| {
            let title = panel["title"].as_str().unwrap().to_owned();
            let targets = panel["targets"].as_array().cloned().unwrap_or_default();
            let file = self.file.clone();
            targets.into_iter().map(move |target| Query {
                place: format!("{file}: {title}: {}", target["refId"].as_str().unwrap()),
                expr: target["expr"].as_str().unwrap().to_owned(),
                instant: target["instant"].as_bool().unwrap(),
            })
        };
        self.panels().iter().flat_map(of_panel).collect()
    }

    /// The queries that fill its variables: `label_values(SERIES, LABEL)` asks for series that have the label.
    pub(crate) fn variable_queries(&self) -> Vec<Query> {
        let queries = self.variables().iter().filter(|it| it["type"] == "query");
        let of_variable = |variable: &Value| {
            let name = variable["name"].as_str().unwrap();
            let query = variable["query"]["query"].as_str().unwrap();
            let inner = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'));
            let (series, label) = inner
                .and_then(|inner| inner.rsplit_once(", "))
                .unwrap_or_else(|| panic!("{}: ${name} is no label_values: {query}", self.file));
            Query {
                place: format!("{}: ${name}", self.file),
                expr: format!("count by ({label}) ({series})"),
                instant: true,
            }
        };
        queries.map(of_variable).collect()
    }
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) expr: String,
    pub(crate) alerts: bool,
    pub(crate) yaml: serde_yaml::Value,
}

/// The recording rules and alerts, in the order of the file.
pub(crate) fn rules() -> Vec<Rule> {
    let file = yaml(RULES);
    let groups = file["groups"].as_sequence().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_sequence().unwrap());
    let read = |rule: &serde_yaml::Value| {
        let alerts = rule["alert"].is_string();
        let name = &rule[if alerts { "alert" } else { "record" }];
        Rule {
            name: name.as_str().unwrap().to_owned(),
            expr: rule["expr"].as_str().unwrap().to_owned(),
            alerts,
            yaml: rule.clone(),
        }
    };
    rules.map(read).collect()
}
