//! Every command of `docs/debugging.md` whose output is shown there, run against a real Forescale on a real Prometheus, so that
//! the guide does not rot. How blocks are marked is told in `debugging_guide/page.rs`.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

#[path = "debugging_guide/page.rs"]
mod page;
mod support;

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use page::{Step, matches, steps};
use support::exporter::{Exporter, Gauge};
use support::forescale::{Forescale, PATIENCE, PROGRAM, Setup};
use support::openmetrics::Backfill;
use support::prometheus::Prometheus;
use support::shape::Shape;
use support::{now, say, tools_are_there};
use tempfile::TempDir;

const TOOLS: [&str; 5] = ["prometheus", "promtool", "grpcurl", "jq", "curl"];

/// The load of `requests{app="web"}`: 6.4 replicas' worth at the guide's threshold of 50.
const LOAD: f64 = 320.0;

fn history(labels: &'static str, load: f64) -> Backfill {
    let until = now().as_secs() / 60 * 60;
    Backfill {
        metric: "requests",
        labels,
        shape: Shape::flat(load),
        from: until - 86_400,
        until,
        every: 60,
    }
}

/// The folder in which a reader of the guide works: `forescale` on the path, the shipped models, a recording that grows.
fn desk() -> TempDir {
    let desk = TempDir::with_prefix("forescale-guide-").unwrap();
    std::fs::create_dir(desk.path().join("bin")).unwrap();
    symlink(PROGRAM, desk.path().join("bin/forescale")).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    symlink(models, desk.path().join("models")).unwrap();
    desk
}

fn path(desk: &Path) -> OsString {
    let own = [
        desk.join("bin"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/bin"),
    ];
    let usual = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&usual))).unwrap()
}

/// Runs the commands as a reader would; whether they succeeded, and all that they said.
fn run(code: &str, desk: &Path, forescale: &Forescale) -> (bool, String) {
    let code = code
        .replace("localhost:6000", &forescale.grpc.to_string())
        .replace("localhost:8080", &forescale.http.to_string());
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1; set -eo pipefail\n{code}")])
        .current_dir(desk)
        .env("PATH", path(desk))
        .env("FORESCALE_ADDRESS", format!("http://{}", forescale.http))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said)
}

/// What is wrong with what came out; `None` when the guide tells the truth.
fn complaint(step: &Step, success: bool, said: &str) -> Option<String> {
    if success == step.fails {
        return Some(format!(
            "it {} ",
            if success { "succeeded" } else { "failed" }
        ));
    }
    let expected = step.output.as_deref()?;
    (!matches(expected, said)).then(|| format!("the guide shows\n{expected}\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_shows_is_what_comes_out() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/debugging.md");
    let steps = steps(&std::fs::read_to_string(page).unwrap());
    assert!(
        steps.len() >= 20,
        "only {} commands are marked",
        steps.len()
    );

    let series = [r#"requests{app="web"}"#, r#"requests{app="cart"}"#];
    let exporter = Exporter::start(&series.map(|series| (series, Gauge::Fixed(LOAD)))).await;
    let past = [
        history(r#"app="web""#, LOAD),
        history(r#"app="cart""#, LOAD),
    ];
    let mut prometheus = Prometheus::start(&past, &[exporter.addr]).await;
    let desk = desk();
    let models = desk.path().join("models").display().to_string();
    let recording = desk.path().join("recording.jsonl").display().to_string();
    let forescale = Forescale::start(&Setup {
        prometheus: prometheus.url(),
        settings: "analyze: {modelTimeout: 10m}".to_owned(),
        args: ["--record", &recording, "--models-dir", &models]
            .map(ToOwned::to_owned)
            .to_vec(),
        ..Setup::default()
    })
    .await;

    for step in &steps {
        if step.prometheus_ends {
            prometheus.kill();
        }
        let begun = Instant::now();
        loop {
            let (success, said) = run(&step.code, desk.path(), &forescale);
            let Some(complaint) = complaint(step, success, &said) else {
                say(format!("--- line {}\n{}{said}", step.line, step.code));
                break;
            };
            // Every command may be given again, and on a slow machine the first answer may not come in time.
            assert!(
                begun.elapsed() < PATIENCE,
                "docs/debugging.md:{}:\n{}\n{complaint}it said\n{said}",
                step.line,
                step.code
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
