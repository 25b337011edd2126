//! Keeps the rules of `docs/ARCHITECTURE.md`: reads what every file under `src/` refers to and compares it with what its
//! room may know.
//!
//! Read are `use` trees and paths in code, `crate::`, `super::` and `self::` resolved. Comments, strings and test code
//! (`#[cfg(test)]`, `tests.rs`) are left out: a test may well call a neighbour.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use rules::check;
use source::Source;

/// A file longer than this, test code not counted, is to be cut in two.
const LONGEST_FILE: usize = 500;

/// `main.rs` only parses, starts and dispatches.
const LONGEST_MAIN: usize = 60;

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    files.sort();
    let read = |file: PathBuf| {
        let name = file.strip_prefix(&src).unwrap().to_str().unwrap();
        Source::parse(
            &name.replace('\\', "/"),
            &fs::read_to_string(&file).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn every_room_knows_only_what_it_may_know() {
    let sources = sources();
    assert!(sources.len() > 20, "only {} files read", sources.len());
    let broken: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(
        broken.is_empty(),
        "{} references break a rule of docs/ARCHITECTURE.md:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[test]
fn every_file_has_one_job_and_is_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| !source.is_test)
        .filter_map(|source| {
            let limit = if source.name == "main.rs" {
                LONGEST_MAIN
            } else {
                LONGEST_FILE
            };
            (source.lines > limit).then(|| {
                format!(
                    "src/{}: {} lines without tests, at most {limit}",
                    source.name, source.lines
                )
            })
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn modules_are_a_file_and_a_folder_of_the_same_name() {
    let old: Vec<String> = sources()
        .iter()
        .filter(|source| source.name.ends_with("mod.rs"))
        .map(|source| source.name.clone())
        .collect();
    assert!(
        old.is_empty(),
        "write `foo.rs` beside `foo/`, not `foo/mod.rs`: {old:?}"
    );
}

/// What the checker says of `code` in file `name`.
fn verdict(name: &str, code: &str) -> Vec<String> {
    check(&Source::parse(name, code))
}

#[test]
fn the_checker_finds_every_kind_of_breach() {
    let breaches = [
        ("monitor.rs", "use crate::plan::Config;"),
        (
            "monitor/window.rs",
            "use crate::{domain::Sample, analyze::prepare};",
        ),
        ("monitor/window.rs", "use super::super::plan;"),
        (
            "plan/ramp.rs",
            "fn f() { let x = crate::monitor::Monitor::new(); }",
        ),
        ("domain/time.rs", "use crate::telemetry::VERSION;"),
        ("domain/plan.rs", "use tokio::sync::Mutex;"),
        ("knowledge/board.rs", "use crate::execute::keda::Config;"),
        ("telemetry/log.rs", "use crate::monitor::Config;"),
        ("admin/api.rs", "use crate::control::Loop;"),
        ("execute/keda/service.rs", "use crate::monitor::Monitor;"),
        (
            "execute/keda/service.rs",
            "use crate::analyze::models::Registry;",
        ),
        ("settings.rs", "use crate::cli::Args;"),
        ("control/tick.rs", "use crate::cli::output;"),
        ("simulate/cluster.rs", "use crate::cli::output;"),
        ("analyze/fit.rs", "async fn fit() {}"),
        ("analyze/fit.rs", "fn f() { std::time::Instant::now(); }"),
        ("analyze/fit.rs", "use crate::domain::{Clock, SystemClock};"),
        ("analyze/fit.rs", "static mut LAST: u32 = 0;"),
        ("analyze/fit.rs", "use std::sync::OnceLock;"),
        ("analyze/fit.rs", "thread_local! { static X: u32 = 0; }"),
        ("plan.rs", "use tokio::time::sleep;"),
        ("plan.rs", "fn f() { std::env::var(\"X\").ok(); }"),
        ("plan.rs", "fn f() { std::fs::read(\"x\").ok(); }"),
        ("plan.rs", "fn f() { let r = rand::rng(); }"),
        (
            "admin/api.rs",
            "use crate::execute::keda::proto::MetricSpec;",
        ),
        (
            "simulate/keda.rs",
            "fn f() { crate::execute::keda::proto::IsActiveResponse::default(); }",
        ),
        ("control.rs", "tonic::include_proto!(\"externalscaler\");"),
        (
            "control/fetch.rs",
            "use crate::monitor::keda::proto::RawMetric;",
        ),
        (
            "execute/keda/service.rs",
            "fn f(_: raw_metrics_service_client::RawMetricsServiceClient<Channel>) {}",
        ),
        (
            "monitor/keda/follow.rs",
            "use crate::execute::keda::proto::MetricSpec;",
        ),
        (
            "control/tick.rs",
            "const X: &str = \"/api/v1/query_range\";",
        ),
        (
            "admin/api.rs",
            "#[derive(Deserialize)] struct A { #[serde(rename = \"resultType\")] kind: String }",
        ),
        ("analyze/models/naive.rs", "use ort::session::Session;"),
        ("control/tick.rs", "use rten::Model;"),
        ("execute/keda/service.rs", "use kube::Client;"),
        ("cli/serve.rs", "use reqwest::Client;"),
        ("simulate/replay.rs", "use crate::plan::decide;"),
        ("analyze/fit.rs", "use std::time::SystemTime;"),
        ("analyze/models/onnx.rs", "fn f() { SystemTime::now(); }"),
        ("cli/backtest.rs", "fn f() { crate::plan::decide(c, i); }"),
        ("attic/box.rs", "use crate::domain::Sample;"),
    ];
    for (name, code) in breaches {
        assert!(
            !verdict(name, code).is_empty(),
            "not found in {name}: {code}"
        );
    }
}

#[test]
fn the_checker_lets_pass_what_is_right() {
    let right = [
        (
            "monitor/window.rs",
            "use crate::domain::{Sample, Timestamp}; use super::Span;",
        ),
        (
            "monitor/http.rs",
            "use reqwest::Client; const X: &str = \"/api/v1/query_range\";",
        ),
        (
            "plan/ramp.rs",
            "// as crate::monitor does\nfn f() { let x = \"crate::monitor::Monitor\"; }",
        ),
        (
            "plan/ramp.rs",
            "#[cfg(test)]\nmod tests { use crate::monitor::Monitor; }",
        ),
        ("plan/ramp/tests.rs", "use crate::monitor::Monitor;"),
        (
            "plan.rs",
            "fn f(plan: &Plan) -> u32 { plan.monitor.analyze }",
        ),
        (
            "execute/keda/service.rs",
            "use super::proto::MetricSpec; use crate::knowledge::Board;",
        ),
        (
            "monitor/keda/follow.rs",
            "use super::proto::raw_metrics_service_client::RawMetricsServiceClient;",
        ),
        (
            "analyze/models/onnx/runtime.rs",
            "use ort::session::Session; use std::time::Duration;",
        ),
        (
            "analyze/models/onnx.rs",
            "use std::time::SystemTime; fn f() { std::fs::read(\"x\").ok(); }",
        ),
        (
            "analyze/fit.rs",
            "fn f<'a>(x: &'a str) -> char { '\"' } const N: &[f32] = &[1.0];",
        ),
        ("analyze/fit.rs", "static LEVELS: [f32; 2] = [0.5, 0.9];"),
        (
            "control/tick.rs",
            "use crate::{analyze, execute, knowledge, monitor, plan, settings};",
        ),
        ("cli/serve.rs", "use crate::{control, settings, telemetry};"),
        ("main.rs", "fn main() { forescale::cli::run() }"),
        ("lib.rs", "pub mod monitor; pub mod plan;"),
    ];
    for (name, code) in right {
        assert_eq!(verdict(name, code), Vec::<String>::new(), "{name}: {code}");
    }
}

#[test]
fn the_checker_names_file_line_and_rule() {
    let said = verdict(
        "monitor/window.rs",
        "use std::fmt;\n\nuse crate::plan::Config;\n",
    );
    assert_eq!(
        said,
        [
            "src/monitor/window.rs:3: `crate::plan::Config`: `monitor` may know domain, telemetry and nothing else of ours"
        ]
    );
}

#[test]
fn lines_of_test_code_do_not_count() {
    let code = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
    assert_eq!(Source::parse("plan.rs", code).lines, 2);
    assert!(Source::parse("plan/tests.rs", code).is_test);
    assert!(!Source::parse("plan/ramp.rs", code).is_test);
}
