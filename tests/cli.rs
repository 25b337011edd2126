//! The program's desk: help, versions, exit codes, and the demo's summary.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

fn forescale(args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("forescale").unwrap();
    command.args(args).env_remove("RUST_LOG");
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A ScaledObject with one trigger of ours, whose metadata holds `lines` too.
fn scaled_object(lines: &[&str]) -> String {
    let mut text = String::from(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  \
         scaleTargetRef:\n    name: web\n  triggers:\n  - type: cpu\n    metricType: Utilization\n    metadata:\n      \
         value: \"60\"\n  - type: external\n    metadata:\n      scalerAddress: forescale.forescale.svc:6000\n      \
         query: sum(rate(http_requests_total[1m]))\n",
    );
    for line in lines {
        text.push_str("      ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn check(manifest: &str) -> Output {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("scaledobject.yaml");
    fs::write(&file, manifest).unwrap();
    forescale(&["check", file.to_str().unwrap()])
}

#[test]
fn help_tells_of_every_command_and_every_command_has_help() {
    let help = forescale(&["--help"]);
    assert!(help.status.success());
    for command in [
        "serve",
        "check",
        "demo",
        "evaluate",
        "collect",
        "preprocess",
        "explain",
    ] {
        assert!(stdout(&help).contains(command), "{}", stdout(&help));
        let help = forescale(&[command, "--help"]);
        assert!(help.status.success(), "{}", stderr(&help));
        assert!(stdout(&help).contains("Usage"), "{}", stdout(&help));
    }
    let serve = stdout(&forescale(&["serve", "--help"]));
    for flag in [
        "--config",
        "--prometheus",
        "--grpc-addr",
        "--http-addr",
        "--data-dir",
        "--log",
    ] {
        assert!(
            serve.contains(flag),
            "`serve --help` is silent on {flag}:\n{serve}"
        );
    }
    let demo = stdout(&forescale(&["demo", "--help"]));
    for flag in ["--for", "--seed", "--format"] {
        assert!(
            demo.contains(flag),
            "`demo --help` is silent on {flag}:\n{demo}"
        );
    }
}

/// Commands of the help, which has one a line.
fn commands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // What is indented deeper is the rest of a text.
    let named = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    named
        .filter(|name| !name.is_empty() && *name != "help")
        .collect()
}

#[test]
fn the_readme_lists_every_command() {
    let help = stdout(&forescale(&["--help"]));
    let named = commands(&help);
    assert!(named.contains(&"backtest"), "{help}");
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for name in named {
        let row = format!("| `forescale {name}");
        assert!(readme.contains(&row), "README.md is silent on `{name}`");
    }
}

#[test]
fn the_version_is_the_package_s() {
    let version = forescale(&["--version"]);
    assert!(version.status.success());
    assert!(
        stdout(&version).contains(env!("CARGO_PKG_VERSION")),
        "{}",
        stdout(&version)
    );
}

#[test]
fn an_unknown_command_or_flag_is_wrong_usage() {
    for args in [
        &["srve"][..],
        &["serve", "--promteheus", "http://localhost"],
        &["check"],
        &["explain"],
        &["explain", "web"],
        &["explain", "shop/web", "--address", "ftp://nowhere"],
    ] {
        let output = forescale(args);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            stderr(&output)
        );
        assert!(
            stdout(&output).is_empty(),
            "errors go to stderr: {}",
            stdout(&output)
        );
    }
}

#[test]
fn explain_says_which_address_it_could_not_reach_and_what_to_try() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let output = forescale(&["explain", "shop/web", "--address", &address]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).is_empty(), "{}", stdout(&output));
    let said = stderr(&output);
    assert!(
        said.contains(&address) && said.contains("hint: is it running"),
        "{said}"
    );
}

#[test]
fn check_prints_the_effective_settings_of_a_good_manifest() {
    let output = check(&scaled_object(&["threshold: \"100\"", "leadTime: 90s"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for word in ["shop", "web", "100"] {
        assert!(said.contains(word), "no `{word}` in:\n{said}");
    }
    assert!(
        said.contains("90s") || said.contains("1m30s"),
        "no lead time in:\n{said}"
    );
}

#[test]
fn check_exits_1_on_a_mistake_and_points_at_file_line_and_key() {
    let manifest = scaled_object(&["treshold: \"100\""]);
    let output = check(&manifest);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!(said.contains("scaledobject.yaml"), "{said}");
    assert!(
        said.contains("treshold") && said.contains("threshold"),
        "the nearest known key: {said}"
    );
    let line = manifest
        .lines()
        .position(|line| line.contains("treshold"))
        .unwrap()
        + 1;
    assert!(
        said.contains(&format!(":{line}")) || said.contains(&format!("line {line}")),
        "no line {line} in: {said}"
    );

    let output = check(&scaled_object(&["threshold: \"100\"", "quantile: \"1.5\""]));
    assert_eq!(output.status.code(), Some(1));
    let said = format!("{}{}", stdout(&output), stderr(&output));
    assert!(said.contains("quantile") && said.contains("1.5"), "{said}");
}

#[test]
fn check_reads_every_document_and_leaves_other_triggers_alone() {
    let good = scaled_object(&["threshold: \"100\""]);
    let other =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\ndata:\n  threshold: much\n";
    let output = check(&format!(
        "{good}---\n{other}---\n{}",
        good.replace("name: web", "name: api")
    ));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    assert!(stdout(&output).contains("api"), "{}", stdout(&output));

    let bad = scaled_object(&["threshold: \"none\""]);
    let output = check(&format!("{good}---\n{bad}"));
    assert_eq!(
        output.status.code(),
        Some(1),
        "the second document counts too"
    );
}

#[test]
fn check_says_which_file_it_could_not_read() {
    let output = forescale(&["check", "/nowhere/scaledobject.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stdout(&output);
    assert!(said.contains("/nowhere/scaledobject.yaml"), "{said}");
}

#[test]
fn the_shipped_manifests_pass_the_check() {
    let keda = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("keda");
    let mut files = Vec::new();
    yaml_files(&keda, &mut files);
    assert!(!files.is_empty(), "no manifests under {}", keda.display());
    let args: Vec<&str> = std::iter::once("check")
        .chain(files.iter().map(String::as_str))
        .collect();
    let output = forescale(&args);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
}

fn yaml_files(dir: &std::path::Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Templates of the chart become YAML only when Helm has filled them in.
            if !path.ends_with("chart/templates") {
                yaml_files(&path, files);
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn the_demo_ends_by_itself_and_sums_up_both_scalers() {
    let output = forescale(&["demo", "--for", "30m", "--seed", "1", "--format", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let summary: Value = serde_json::from_str(&stdout(&output))
        .unwrap_or_else(|error| panic!("{error}: {}", stdout(&output)));
    for scaler in ["forescale", "plainHpa"] {
        for number in ["overloadMinutes", "replicaHours"] {
            let value = summary[scaler][number].as_f64();
            let value = value.unwrap_or_else(|| panic!("no {scaler}.{number} in {summary:#}"));
            assert!(
                value.is_finite() && value >= 0.0,
                "{scaler}.{number} is {value}"
            );
        }
        let hours = summary[scaler]["replicaHours"].as_f64().unwrap();
        assert!(hours > 0.0, "{scaler} ran nothing at all: {summary:#}");
    }
}

#[test]
fn the_demo_shows_no_stand_in_and_judges_no_moment() {
    let refused = forescale(&["demo", "--for", "1m", "--set", "model=onnx:nothere"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = stderr(&refused);
    assert!(text.contains("there is no network `nothere`"), "{text}");
    let short = forescale(&["demo", "--for", "30s"]);
    assert!(
        stdout(&short).contains("No verdict: 30s"),
        "{}",
        stdout(&short)
    );
}

/// The shop opens at nine, as on every working day of the history that is there from the start: who sees load coming has the
/// replicas before the customers. Nothing but the virtual clock is measured.
#[test]
fn the_demo_is_ready_when_the_shop_opens() {
    let output = forescale(&["demo", "--for", "2h", "--seed", "1", "--format", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let overload = |who: &str| summary[who]["overloadMinutes"].as_f64().unwrap();
    let (ours, same_cost) = (overload("forescale"), overload("plainHpaAtEqualCost"));
    assert!(
        same_cost > 2.0 && ours < 0.5 * same_cost,
        "{ours} {same_cost}"
    );
    assert_eq!(summary["verdict"]["gain"], true, "{summary:#}");
}
