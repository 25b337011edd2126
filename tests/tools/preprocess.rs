use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row, RowAccessor};
use tempfile::TempDir;

use crate::history::{forescale, json, load, stderr, stdout, write_history};

fn rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(Result::unwrap).collect()
}

fn floats(row: &Row, column: usize) -> Vec<f32> {
    let number = |field: &Field| match field {
        Field::Float(value) => *value,
        other => panic!("{other:?} is no float"),
    };
    row.get_list(column)
        .unwrap()
        .elements()
        .iter()
        .map(number)
        .collect()
}

fn flags(row: &Row, column: usize) -> Vec<bool> {
    let flag = |field: &Field| matches!(field, Field::Bool(true));
    row.get_list(column)
        .unwrap()
        .elements()
        .iter()
        .map(flag)
        .collect()
}

/// The command without its settings.
fn command<'a>(file: &'a Path, folder: &'a Path) -> [&'a str; 5] {
    let [file, folder] = [file, folder].map(|path| path.to_str().unwrap());
    ["preprocess", "--input", file, "--output", folder]
}

#[test]
fn windows_and_report_are_written_and_parts_do_not_overlap() {
    let dir = TempDir::new().unwrap();
    // Every fifth hour misses its first twenty minutes.
    let file = write_history(dir.path(), "web.csv", 4, 60, |secs| {
        secs / 3600 % 5 == 0 && secs % 3600 < 1200
    });
    let folder = dir.path().join("windows");
    let args = [
        "--context",
        "90",
        "--horizon",
        "20",
        "--stride",
        "10",
        "--format",
        "json",
    ];
    let base = command(&file, &folder);
    let report = json(&forescale(&[&base[..], &args].concat()));
    let trace = &report["traces"][0];
    assert_eq!(trace["gaps"]["count"], 19, "{trace:#}");
    assert_eq!(trace["gaps"]["longest_seconds"], 1200);
    assert!(trace["seasonality"]["daily"].as_f64().unwrap() > 0.9);
    assert!(
        trace["seasonality"]["weekly"].is_null(),
        "four days say nothing about weeks"
    );

    let mut last = 0;
    for part in ["train", "validation", "test"] {
        let rows = rows(&folder.join(format!("web.{part}.parquet")));
        assert_eq!(trace["windows"][part], rows.len());
        assert!(rows.len() > 20, "{part}: {}", rows.len());
        for row in &rows {
            let origin = row.get_timestamp_millis(0).unwrap() / 1000;
            let (context, mask) = (floats(row, 1), flags(row, 2));
            let (targets, target_mask) = (floats(row, 3), flags(row, 4));
            assert_eq!(
                (context.len(), mask.len(), targets.len(), target_mask.len()),
                (90, 90, 20, 20)
            );
            assert!(
                (f64::from(context[89]) - load(origin)).abs() < 0.01,
                "the newest value is the origin's"
            );
            for ((target, there), ahead) in targets.iter().zip(&target_mask).zip(1_i64..) {
                let wanted = if *there {
                    load(origin + 60 * ahead)
                } else {
                    0.0
                };
                assert!((f64::from(*target) - wanted).abs() < 0.01);
            }
            assert!(origin + 60 > last, "targets of an earlier part come again");
        }
        let newest = rows.last().unwrap().get_timestamp_millis(0).unwrap() / 1000;
        last = newest + 20 * 60;
    }
    let saved = fs::read_to_string(folder.join("report.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&saved).unwrap(),
        report
    );
    let page = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("http") && !page.contains("NaN"));
    let text = stdout(&forescale(&base));
    assert!(
        text.contains("web: 5740 steps of 60 s") && text.contains("19 gaps"),
        "{text}"
    );
}

#[test]
fn contexts_are_split_into_parts_that_add_up_to_them() {
    let dir = TempDir::new().unwrap();
    let file = write_history(dir.path(), "web.csv", 6, 600, |_| false);
    let folder = dir.path().join("windows");
    let base = command(&file, &folder);
    let args = ["--context", "36", "--format", "json", "--decompose"];
    let run = |extra: &[&str]| forescale(&[&base[..], &args, extra].concat());
    for (method, least) in [("mstl", 3), ("ceemdan", 2)] {
        let report = json(&run(&[method]));
        assert_eq!(report["decompose"], method);
        let rows = rows(&folder.join("web.test.parquet"));
        assert!(!rows.is_empty());
        for row in &rows {
            let (context, parts) = (floats(row, 1), floats(row, 5));
            assert!(parts.len() >= 36 * least && parts.len() % 36 == 0);
            for (index, value) in context.iter().enumerate() {
                let sum: f32 = parts.iter().skip(index).step_by(36).sum();
                assert!((sum - value).abs() < 0.01, "{method}: {sum} for {value}");
            }
        }
    }
    let refused = run(&["mstl", "--decompose-window", "100"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("`--decompose-window` is 100"));
    let unknown = run(&["vmd"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("ceemdan"), "what there is");
}

#[test]
fn windows_that_fit_nowhere_are_a_failure_and_wrong_flags_are_usage() {
    let dir = TempDir::new().unwrap();
    let file = write_history(dir.path(), "web.csv", 1, 600, |_| false);
    let folder = dir.path().join("windows");
    let run = |extra: &[&str]| {
        let base = [
            "preprocess",
            "--input",
            file.to_str().unwrap(),
            "--output",
            folder.to_str().unwrap(),
        ];
        let output = forescale(&[&base[..], extra].concat());
        (output.status.code().unwrap(), stderr(&output))
    };
    let (code, text) = run(&["--context", "500"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("no window was written") && text.contains("the longest has 144 steps"),
        "{text}"
    );
    for extra in [&[][..], &["--decompose", "none"]] {
        let (code, text) = run(&[&["--decompose-window", "200"], extra].concat());
        assert_eq!(code, 2);
        assert!(text.contains("--decompose"), "{text}");
    }
    let (code, text) = run(&["--split", "70/20"]);
    assert_eq!(code, 2);
    assert!(text.contains("`70/15/15`"), "{text}");
    let (code, text) = run(&["--horizon", "0"]);
    assert_eq!(code, 2);
    assert!(text.contains("--horizon"), "{text}");
}
