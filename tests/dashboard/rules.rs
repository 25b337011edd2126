//! The rules: promtool reads and tests them, each has a test and each alert its section in the runbook.

use std::collections::BTreeSet;
use std::process::Command;

use super::files::{PROMETHEUS_RULE, RULE_TESTS, RULES, Rule, path, rules, text, yaml};
use super::support::{tool, tools_are_there};

/// Where a reader puts the place of the docs.
const DOCS: &str = "https://forescale.example/docs/runbook.md#";

fn promtool(args: &[&str], file: &str) {
    if !tools_are_there(&["promtool"]) {
        return;
    }
    let output = Command::new(tool("promtool").expect("checked above"))
        .args(args)
        .arg(path(file))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn promtool_reads_the_rules() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], RULES);
}

#[test]
fn promtool_tests_the_rules() {
    promtool(&["test", "rules"], RULE_TESTS);
}

#[test]
fn every_alert_is_tested_on_what_it_is_for_and_on_what_it_is_not_for_and_every_recording_for_its_number()
 {
    let file = yaml(RULE_TESTS);
    let tests = file["tests"].as_sequence().unwrap();
    let all = |key: &str| {
        let lists = tests.iter().filter_map(|test| test[key].as_sequence());
        lists.flatten().cloned().collect::<Vec<_>>()
    };
    let (alerts, exprs) = (all("alert_rule_test"), all("promql_expr_test"));
    for Rule {
        name,
        alerts: is_alert,
        ..
    } in rules()
    {
        if is_alert {
            let expected: Vec<bool> = alerts
                .iter()
                .filter(|test| test["alertname"] == name.as_str())
                .map(|test| !test["exp_alerts"].as_sequence().unwrap().is_empty())
                .collect();
            assert!(expected.contains(&true), "{name} is never tested to fire");
            assert!(
                expected.contains(&false),
                "{name} is never tested to be silent"
            );
        } else {
            let tested = exprs.iter().any(|test| {
                test["expr"].as_str().unwrap().contains(&name)
                    && !test["exp_samples"].as_sequence().unwrap().is_empty()
            });
            assert!(tested, "{name} is not tested");
        }
    }
}

#[test]
fn every_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on() {
    for rule in rules().iter().filter(|rule| rule.alerts) {
        let Rule { name, yaml, .. } = rule;
        let severity = yaml["labels"]["severity"].as_str().unwrap_or_default();
        assert!(
            ["critical", "warning", "info"].contains(&severity),
            "{name}: {severity}"
        );
        let annotation = |key: &str| yaml["annotations"][key].as_str().unwrap_or_default();
        for (key, least) in [("summary", 15), ("description", 40)] {
            assert!(annotation(key).len() >= least, "{name} has no {key}");
        }
        assert!(
            !annotation("summary").contains("{{"),
            "{name}: a summary groups alerts"
        );
        let anchor = format!("{DOCS}{}", name.to_lowercase());
        assert_eq!(annotation("runbook_url"), anchor, "{name}");
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_every_section_an_alert() {
    let runbook = text("docs/runbook.md");
    let sections: Vec<&str> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## Forescale"))
        .collect();
    let unique: BTreeSet<_> = sections
        .iter()
        .map(|name| format!("Forescale{name}"))
        .collect();
    assert_eq!(unique.len(), sections.len(), "a section stands there twice");
    let alerts: BTreeSet<_> = rules()
        .into_iter()
        .filter(|rule| rule.alerts)
        .map(|rule| rule.name)
        .collect();
    assert_eq!(unique, alerts);
    for part in runbook.split("\n## Forescale").skip(1) {
        let name = part.lines().next().unwrap();
        for word in ["**Means.**", "**Users see.**", "**Look.**", "**Do.**"] {
            assert!(part.contains(word), "Forescale{name} does not say {word}");
        }
    }
}

#[test]
fn the_object_for_the_operator_holds_the_same_rules() {
    let object = yaml(PROMETHEUS_RULE);
    assert_eq!(object["kind"], "PrometheusRule");
    assert_eq!(
        object["spec"]["groups"],
        yaml(RULES)["groups"],
        "run scripts/prometheus-rule.sh"
    );
}
