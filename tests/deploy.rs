//! What is in `deploy/`: settings that the server knows, triggers that `forescale check` passes, and versions that are the
//! ones tested. Whether it runs is told by `scripts/compose-by-hand.sh` and `scripts/check-deploy.sh`.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use forescale::cli::check::{self, Args, Format, Outcome};
use forescale::domain::Metadata;
use forescale::execute::keda::parse_metadata;
use forescale::settings::{Overrides, Settings};
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The first word of `name` that follows `mark`, quotes and braces aside.
fn after(name: &str, mark: &str) -> String {
    let text = text(name);
    let at = text
        .find(mark)
        .unwrap_or_else(|| panic!("no `{mark}` in {name}"));
    let rest = text[at + mark.len()..].trim_start_matches('v');
    let end = |letter: char| letter.is_whitespace() || "\"'}]".contains(letter);
    rest.split(end).next().unwrap().to_owned()
}

#[test]
fn the_check_passes_on_the_scaled_object_of_the_cluster_without_a_warning() {
    let args = Args {
        files: vec![file("deploy/kind/demo.yaml")],
        format: Format::Json,
        scaler_address: vec![],
    };
    let mut out = Vec::new();
    let outcome = check::run(&args, &mut out).unwrap();
    let report = String::from_utf8(out).unwrap();
    assert_eq!(outcome, Outcome::Fine, "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let file = &report["files"][0];
    assert_eq!(file["findings"], serde_json::json!([]), "{file}");
    assert_eq!(
        file["scaledObjects"][0]["triggers"][0]["ours"], true,
        "{file}"
    );
}

#[test]
fn the_trigger_and_the_settings_of_compose_are_known() {
    let trigger: Value = serde_json::from_str(&text("deploy/compose/trigger.json")).unwrap();
    let metadata: Metadata = serde_json::from_value(trigger["scalerMetadata"].clone()).unwrap();
    let parsed = parse_metadata(&metadata).unwrap();
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    let settings = file("deploy/compose/forescale.yaml");
    Settings::load(Some(&settings), Overrides::default()).unwrap();
}

#[test]
fn versions_are_the_ones_that_are_tested() {
    let k6 = after("scripts/install-k6.sh", "K6_VERSION:-");
    let keda = after("tests/e2e/tools/keda/go.mod", "kedacore/keda/v2 ");
    let locust = after("loadtest/demo/requirements.txt", "locust==");
    for (name, mark, version) in [
        ("deploy/compose/compose.yaml", "grafana/k6:", &k6),
        ("deploy/kind/demo.yaml", "grafana/k6:", &k6),
        ("deploy/kind/up.sh", "KEDA_VERSION:-", &keda),
        ("deploy/compose/compose.yaml", "locustio/locust:", &locust),
    ] {
        assert_eq!(&after(name, mark), version, "{name}, `{mark}`");
    }
}
