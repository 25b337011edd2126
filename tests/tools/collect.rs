use std::fs;

use forescale::dataset;
use tempfile::TempDir;

use crate::history::{forescale, json, load, stderr, stdout};
use crate::source::Source;

const UNTIL: i64 = 1_780_012_800;
const FROM: i64 = UNTIL - 20 * 86_400;

/// The arguments of a collect over twenty days of minutes.
fn collect<'a>(url: &'a str, output: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![
        "collect",
        "--prometheus",
        url,
        "--query",
        "rps",
        "--output",
        output,
    ];
    args.extend([
        "--since",
        "1778284800",
        "--until",
        "1780012800",
        "--format",
        "json",
    ]);
    args.extend(extra);
    args
}

#[test]
fn every_kind_of_file_holds_what_the_source_has_and_no_data_is_not_zero() {
    let source = Source::start();
    let dir = TempDir::new().unwrap();
    for name in ["web.csv", "web.csv.gz", "web.parquet"] {
        let path = dir.path().join(name);
        let output = forescale(&collect(&source.url, path.to_str().unwrap(), &[]));
        let report = json(&output);
        let steps = 20 * 1440 + 1;
        assert_eq!(report["rows"], steps - 20 * 30, "{report:#}");
        assert_eq!(report["gaps"], 20);
        assert_eq!(report["longest_gap_seconds"], 30 * 60);
        let read = dataset::read(&path).unwrap();
        assert_eq!(
            read.series.len(),
            steps as usize,
            "more than one window's 11,000"
        );
        assert_eq!(read.series.start().as_secs(), FROM);
        for index in [0_i64, 179, 180, 209, 210, 20_000] {
            let value = read.series.values()[usize::try_from(index).unwrap()];
            let minute = index % 1440;
            if (180..210).contains(&minute) {
                assert!(value.is_nan(), "{index}");
            } else {
                let wanted = load(FROM + 60 * index);
                assert!(
                    (value - wanted).abs() < 1e-9,
                    "{index}: {value} is not {wanted}"
                );
            }
        }
        assert!(!path.with_file_name(format!("{name}.part")).exists());
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_and_the_file_appears_only_when_whole() {
    let source = Source::start();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("web.csv.gz");
    let part = dir.path().join("web.csv.gz.part");
    let args = collect(&source.url, path.to_str().unwrap(), &["--attempts", "1"]);
    source.recording.ends_at(FROM + 12 * 86_400);
    let output = forescale(&args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("run the same command again to go on"),
        "{}",
        stderr(&output)
    );
    assert!(!path.exists(), "half of it is not it");
    let kept = fs::metadata(&part).unwrap().len();
    assert!(kept > 100_000, "{kept} bytes are kept");

    // Asking for something else must not mix with it.
    let mut other = args.clone();
    other.extend(["--step", "30s"]);
    let output = forescale(&other);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("--step was 60 s"),
        "{}",
        stderr(&output)
    );

    source.recording.ends_at(0);
    let report = json(&forescale(&args));
    assert_eq!(report["resumed"], true);
    assert_eq!(report["rows"], 20 * 1440 + 1 - 20 * 30);
    assert!(path.exists() && !part.exists());

    let output = forescale(&args);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`--force`"), "{}", stderr(&output));
}

#[test]
fn what_can_not_be_collected_is_said_with_a_way_out() {
    let source = Source::start();
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("web.csv");
    let out = out.to_str().unwrap();
    let base = [
        "collect",
        "--prometheus",
        &source.url,
        "--since",
        "1h",
        "--attempts",
        "1",
    ];
    let run = |extra: &[&str]| {
        let output = forescale(&[&base, extra].concat());
        (output.status.code(), stderr(&output), stdout(&output))
    };
    let (code, text, _) = run(&["--query", "nothing", "--output", out]);
    assert_eq!(code, Some(1));
    assert!(text.contains("no data is not zero"), "{text}");
    let part = format!("{out}.part");
    assert!(!fs::exists(&part).unwrap(), "nothing is kept of nothing");
    let (code, text, _) = run(&["--query", "sum(", "--output", out]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("sum(") && !text.contains("run the same command again"),
        "{text}"
    );
    assert!(!fs::exists(&part).unwrap());
    let (code, text, _) = run(&["--query", "rps", "--output", "no/such/folder/web.csv"]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("failed to write `no/such/folder/web.csv`"),
        "{text}"
    );
    let (code, text, _) = run(&["--query", "rps", "--output", out]);
    assert_eq!(code, Some(0), "a query that was mended: {text}");
    fs::remove_file(out).unwrap();
    let (code, text, _) = run(&["--query", "rps", "--output", "web.txt"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("`.csv.gz`"), "{text}");
    let (code, text, _) = run(&["--query", "rps", "--output", out, "--step", "500ms"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("`--step`"), "{text}");
    let output = forescale(&["collect", "--query", "rps", "--output", out]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("--prometheus"),
        "{}",
        stderr(&output)
    );
}
