//! History on disk, and the program.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

/// The program with these arguments, after it has ended.
pub(crate) fn forescale(args: &[&str]) -> Output {
    let mut command = Command::cargo_bin("forescale").unwrap();
    command.args(args);
    for variable in ["RUST_LOG", "FORESCALE_PROMETHEUS", "FORESCALE_CONFIG"] {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

/// The same with this on standard input.
pub(crate) fn forescale_fed(args: &[&str], fed: Vec<u8>) -> Output {
    let mut command = Command::cargo_bin("forescale").unwrap();
    command.args(args).write_stdin(fed).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Standard output as JSON, of a run that went well.
pub(crate) fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The load at a moment: a day's wave with some restlessness.
pub(crate) fn load(secs: i64) -> f64 {
    let angle = secs as f64 / 86_400.0 * std::f64::consts::TAU;
    let restless = ((secs / 60) as f64 * 12.9898).sin() * 43_758.547;
    let value = 100.0 + 40.0 * angle.sin() + 8.0 * (restless - restless.floor());
    (value * 1000.0).round() / 1000.0
}

/// Writes `days` of load every `step` seconds, without what `gone` says.
pub(crate) fn write_history(
    dir: &Path,
    name: &str,
    days: i64,
    step: i64,
    gone: impl Fn(i64) -> bool,
) -> PathBuf {
    let mut text = String::from("timestamp_unix,value\n");
    let from = 1_700_006_400;
    for at in (from..from + days * 86_400).step_by(step as usize) {
        if !gone(at - from) {
            writeln!(text, "{at},{}", load(at)).unwrap();
        }
    }
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}
