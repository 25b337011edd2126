//! The dashboards as documents: what Grafana and a reader rely on.

use std::collections::BTreeSet;

use serde_json::Value;

use super::files::{PROMETHEUS_RULE, dashboards, rules, text, yaml};
use super::promql::{selectors, variables};

#[test]
fn names_and_panel_ids_are_unique_and_dashboards_link_to_one_another() {
    let dashboards = dashboards();
    for key in ["uid", "title"] {
        let names: BTreeSet<_> = dashboards
            .iter()
            .map(|it| it.json[key].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), dashboards.len(), "{key}: {names:?}");
    }
    for dashboard in &dashboards {
        let file = &dashboard.file;
        let ids: BTreeSet<_> = dashboard
            .panels()
            .iter()
            .map(|panel| panel["id"].as_u64().unwrap())
            .collect();
        assert_eq!(ids.len(), dashboard.panels().len(), "{file}: ids repeat");
        assert!(dashboard.json["description"].is_string(), "{file}");
        assert_eq!(dashboard.json["schemaVersion"], 42, "{file}");
        let tags = dashboard.json["tags"].as_array().unwrap();
        assert!(tags.contains(&"forescale".into()), "{file}");
        let links = dashboard.json["links"].as_array().unwrap();
        let to_others = links.iter().any(|link| {
            link["type"] == "dashboards"
                && link["tags"] == serde_json::json!(["forescale"])
                && link["includeVars"] == true
        });
        let runbook = links
            .iter()
            .any(|link| link["url"] == "https://forescale.example/docs/runbook.md");
        assert!(to_others && runbook, "{file}");
        // Both the sidecar and the import page take a file only without an id of another Grafana and without inputs.
        assert!(dashboard.json["id"].is_null() && dashboard.json["__inputs"].is_null());
    }
}

#[test]
fn every_panel_says_what_it_shows_in_which_unit_and_reads_the_chosen_data_source() {
    for dashboard in dashboards() {
        for panel in dashboard.panels() {
            if panel["type"] == "row" {
                continue;
            }
            let place = format!("{}: {}", dashboard.file, panel["title"]);
            let description = panel["description"].as_str().unwrap_or_default();
            assert!(description.len() > 15, "{place} has no description");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(defaults["unit"].is_string(), "{place} has no unit");
            assert!(
                defaults["thresholds"]["steps"][0]["value"].is_null(),
                "{place}"
            );
            let targets = panel["targets"].as_array().unwrap();
            let refs: BTreeSet<_> = targets.iter().map(|it| it["refId"].as_str()).collect();
            assert_eq!(refs.len(), targets.len(), "{place}: refIds repeat");
            for source in targets.iter().chain([panel]).map(|it| &it["datasource"]) {
                assert_eq!(source["uid"], "${datasource}", "{place}");
                assert_eq!(source["type"], "prometheus", "{place}");
            }
        }
    }
}

#[test]
fn panels_lie_side_by_side_and_within_the_width() {
    for dashboard in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in dashboard.panels() {
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(
                at("x") + at("w") <= 24,
                "{}: {}",
                dashboard.file,
                panel["title"]
            );
            for y in at("y")..at("y") + at("h") {
                for x in at("x")..at("x") + at("w") {
                    assert!(
                        taken.insert((x, y)),
                        "{}: {} lies on another",
                        dashboard.file,
                        panel["title"]
                    );
                }
            }
        }
    }
}

#[test]
fn every_variable_is_declared_and_every_query_of_ours_is_bound_to_the_job() {
    for dashboard in dashboards() {
        let declared: BTreeSet<&str> = dashboard
            .variables()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert!(declared.contains("datasource") && declared.contains("job"));
        for query in dashboard
            .queries()
            .iter()
            .chain(&dashboard.variable_queries())
        {
            for name in variables(&query.expr) {
                assert!(declared.contains(name.as_str()), "{}: ${name}", query.place);
            }
            for selector in selectors(&query.expr) {
                // The job is that of Forescale; alerts, kube-state-metrics and what rests on it have another one or none.
                let others = ["kube_", "workload:kube_", "ALERTS", "process_max_fds"];
                let bound = selector.text.contains(r#"job=~"$job""#)
                    || others.iter().any(|it| selector.name.starts_with(it))
                    || query
                        .expr
                        .contains("and on (job, instance) forescale_build_info")
                    || query.place.ends_with("$job");
                assert!(bound, "{}: {}", query.place, selector.text);
            }
        }
        let used: BTreeSet<String> = dashboard
            .queries()
            .iter()
            .chain(&dashboard.variable_queries())
            .flat_map(|query| variables(&query.expr))
            .collect();
        for name in declared {
            assert!(
                name == "datasource" || used.contains(name),
                "{}: ${name} is not used",
                dashboard.file
            );
        }
    }
}

/// The family that a series belongs to, as docs/metrics.md names it.
pub(crate) fn documented_as(series: &str) -> &str {
    ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|end| series.strip_suffix(end))
        .unwrap_or(series)
}

#[test]
fn every_metric_that_is_read_is_documented_and_every_recorded_one_is_recorded() {
    let documented = text("docs/metrics.md");
    let rules = rules();
    let dashboards = dashboards();
    let queries = dashboards.iter().flat_map(|dashboard| {
        let queries = dashboard.queries().into_iter();
        queries
            .chain(dashboard.variable_queries())
            .map(|query| query.expr)
    });
    let exprs = queries.chain(rules.iter().map(|rule| rule.expr.clone()));
    for selector in exprs.flat_map(|expr| selectors(&expr)) {
        let name = selector.name.as_str();
        if name.contains(':') {
            let recorded = rules.iter().any(|rule| !rule.alerts && rule.name == name);
            assert!(recorded, "no rule records {name}");
        } else if name.starts_with("forescale_") || name.starts_with("process_") {
            let name = documented_as(name);
            assert!(
                documented.contains(&format!("`{name}`")),
                "{name} is not in docs/metrics.md"
            );
        }
    }
}

#[test]
fn every_recorded_series_is_read_somewhere() {
    let all: String = dashboards()
        .iter()
        .flat_map(super::files::Dashboard::queries)
        .map(|query| query.expr + "\n")
        .chain(rules().into_iter().map(|rule| rule.expr + "\n"))
        .collect();
    for rule in rules().iter().filter(|rule| !rule.alerts) {
        assert!(
            all.contains(rule.name.as_str()),
            "nobody reads {}",
            rule.name
        );
    }
}

#[test]
fn links_from_a_table_name_fields_that_it_has() {
    for dashboard in dashboards() {
        for panel in dashboard.panels().iter().filter(|it| it["type"] == "table") {
            let organize = panel["transformations"]
                .as_array()
                .unwrap()
                .iter()
                .find(|it| it["id"] == "organize")
                .expect("a table has its columns in order");
            let names: BTreeSet<&str> = organize["options"]["renameByName"]
                .as_object()
                .unwrap()
                .values()
                .filter_map(Value::as_str)
                .collect();
            for part in panel.to_string().split("${__data.fields.").skip(1) {
                let field = part.split('}').next().unwrap();
                assert!(
                    names.contains(field),
                    "{}: no column {field}",
                    dashboard.file
                );
            }
        }
    }
}

#[test]
fn the_kustomization_brings_every_dashboard_and_the_rules() {
    let kustomization = yaml("dashboard/kustomization.yaml");
    let generators = kustomization["configMapGenerator"].as_sequence().unwrap();
    let mut files: Vec<String> = generators
        .iter()
        .flat_map(|it| it["files"].as_sequence().unwrap())
        .map(|file| file.as_str().unwrap().to_owned())
        .collect();
    files.sort();
    let all: Vec<String> = dashboards().into_iter().map(|it| it.file).collect();
    assert_eq!(files, all);
    let resource = kustomization["resources"][0].as_str().unwrap();
    assert_eq!(format!("dashboard/{resource}"), PROMETHEUS_RULE);
}
