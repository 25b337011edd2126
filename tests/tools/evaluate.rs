use std::fs;

use tempfile::TempDir;

use crate::history::{forescale, forescale_fed, json, stderr, stdout, write_history};

#[test]
fn the_json_has_the_fields_and_defaults_that_are_promised() {
    let dir = TempDir::new().unwrap();
    let file = write_history(dir.path(), "web.csv", 3, 300, |_| false);
    let report = json(&forescale(&[
        "evaluate",
        "--input",
        file.to_str().unwrap(),
        "--format",
        "json",
    ]));
    let protocol = &report["protocol"];
    assert_eq!(
        protocol["horizons"],
        serde_json::json!(["5m", "15m", "30m"])
    );
    assert_eq!(protocol["test_fraction"], 0.3);
    assert_eq!(
        (&protocol["stride"], &protocol["history"]),
        (&"5m".into(), &"14d".into())
    );
    let names: Vec<&str> = protocol["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m.as_str().unwrap())
        .collect();
    assert_eq!(names[0], "auto");
    assert!(names.contains(&"naive") && names.contains(&"holt-winters"));
    let trace = &report["traces"][0];
    assert_eq!(
        (&trace["name"], &trace["step_seconds"]),
        (&"web".into(), &300.into())
    );
    let models = trace["models"].as_array().unwrap();
    assert_eq!(models.len(), 3 * names.len());
    for entry in models {
        for field in [
            "mae",
            "rmse",
            "mase",
            "rel_mae_vs_naive",
            "smape",
            "wql",
            "peak_wql",
            "fit_ms",
            "predict_ms",
        ] {
            assert!(entry[field].is_number(), "{field}: {entry:#}");
        }
        let levels: Vec<&String> = entry["coverage"].as_object().unwrap().keys().collect();
        assert_eq!(levels, ["0.5", "0.8", "0.9", "0.95", "0.99"]);
        assert_eq!(
            entry["n"],
            models
                .iter()
                .find(|m| m["horizon_seconds"] == entry["horizon_seconds"])
                .unwrap()["n"]
        );
    }
}

#[test]
fn several_inputs_become_one_page_that_loads_nothing() {
    let dir = TempDir::new().unwrap();
    let one = write_history(dir.path(), "one.csv", 2, 600, |_| false);
    let two = write_history(dir.path(), "two.csv", 2, 600, |secs| {
        secs < 40_000 && secs % 7 == 0
    });
    let page = dir.path().join("report.html");
    let args = [
        "--models",
        "auto,naive",
        "--horizons",
        "10m,1h",
        "--stride",
        "1h",
        "--jobs",
        "2",
    ];
    let files = [
        "evaluate",
        "--input",
        one.to_str().unwrap(),
        two.to_str().unwrap(),
    ];
    let last = ["--format", "html", "--output", page.to_str().unwrap()];
    let output = forescale(&[&files[..], &args, &last].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "it is in the file");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("one") && html.contains("two") && html.contains("1h ahead"));
    for outside in ["http", "src=", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let output = forescale(&[&files[..], &args].concat());
    let text = stdout(&output);
    assert!(
        text.contains("Over 2 traces (all)") && text.contains("RelMAE"),
        "{text}"
    );
}

#[test]
fn what_can_not_be_evaluated_is_named_with_what_is_allowed() {
    let dir = TempDir::new().unwrap();
    let good = write_history(dir.path(), "good.csv", 1, 600, |_| false);
    let bad = dir.path().join("bad.csv");
    fs::write(&bad, "0,1\n60,many\n").unwrap();
    let short = dir.path().join("short.csv");
    fs::write(&short, "0,1\n60,2\n").unwrap();
    let run = |file: &std::path::Path, extra: &[&str]| {
        let output = forescale(&[&["evaluate", "--input", file.to_str().unwrap()], extra].concat());
        (output.status.code().unwrap(), stderr(&output))
    };
    for (file, extra, code, said) in [
        (&bad, &[][..], 1, "line 2: `many` is not a value"),
        (
            &short,
            &["--models", "naive"],
            1,
            "error: `short`: no forecast",
        ),
        (
            &good,
            &["--models", "naive,oracle"],
            2,
            "there is no model `oracle`; there is `auto`",
        ),
        (&good, &["--horizons", "5"], 2, "`5` is not a duration"),
        (&good, &["--jobs", "0"], 2, "a whole number from 1 on"),
        (
            &good,
            &["--models", "naive", "--model-dir", "no/such/folder"],
            2,
            "`--model-dir`: there is no folder `no/such/folder`",
        ),
        (
            &good,
            &["--output", good.to_str().unwrap()],
            2,
            "`--output` and `--input` are the same file",
        ),
        (&good, &["--test-fraction", "2"], 2, "`--test-fraction` 2"),
        (&good, &["--timezone", "Mars/Base"], 2, "`--timezone`"),
        (
            &good,
            &["--output", "no/such/folder/x.json"],
            1,
            "failed to write",
        ),
    ] {
        let (found, text) = run(file, extra);
        assert!(text.contains(said), "{extra:?}: {text}");
        assert_eq!(found, code, "{extra:?}: {text}");
    }
}

#[test]
fn what_can_be_evaluated_is_beside_what_can_not() {
    let dir = TempDir::new().unwrap();
    let good = write_history(dir.path(), "good.csv", 2, 600, |_| false);
    let short = dir.path().join("short.csv");
    fs::write(&short, "0,1\n60,2\n").unwrap();
    let bad = dir.path().join("bad.csv");
    fs::write(&bad, "0,1\n60,many\n").unwrap();
    let files = [&short, &good, &bad].map(|file| file.to_str().unwrap());
    let all = ["evaluate", "--models", "naive", "--stride", "2h", "--input"];
    let run = |format: &str| forescale(&[&all[..], &files, &["--format", format]].concat());
    let output = run("json");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["traces"][0]["name"], "good");
    assert_eq!(report["left_out"][0]["name"], "bad", "{report:#}");
    assert_eq!(report["left_out"][1]["name"], "short");
    let told = stderr(&output);
    assert!(
        told.contains("left out: `short`: no forecast") && told.contains("left out: `bad`: "),
        "{told}"
    );
    let table = stdout(&run("table"));
    assert!(
        table.contains("left out: `short`") && table.contains("the row `naive`"),
        "{table}"
    );
    assert!(stdout(&run("html")).contains("Left out: `short`"));
}

#[test]
fn a_dash_is_standard_input() {
    let dir = TempDir::new().unwrap();
    let file = write_history(dir.path(), "web.csv", 2, 600, |_| false);
    let args = [
        "evaluate", "--input", "-", "--models", "naive", "--stride", "2h", "--format", "json",
    ];
    let report = json(&forescale_fed(&args, fs::read(&file).unwrap()));
    assert_eq!(report["traces"][0]["name"], "stdin");
    let refused = forescale_fed(&args, b"PAR1 and more".to_vec());
    assert!(
        stderr(&refused).contains("can't come from a pipe"),
        "{}",
        stderr(&refused)
    );
    let broken = forescale_fed(&args, b"0,1\n60,many\n".to_vec());
    assert!(
        stderr(&broken).contains("`<stdin>`, line 2"),
        "{}",
        stderr(&broken)
    );
    let twice = forescale_fed(&[&args[..], &["--input", "-"]].concat(), Vec::new());
    assert_eq!(twice.status.code(), Some(2));
    assert!(
        stderr(&twice).contains("can be read once"),
        "{}",
        stderr(&twice)
    );
}

#[test]
fn a_counter_is_told_from_a_load() {
    let dir = TempDir::new().unwrap();
    let record = dir.path().join("total.csv");
    let rows = (0..300).map(|step| format!("{},{}\n", 600 * step, 1000 + 50 * step));
    fs::write(&record, rows.collect::<String>()).unwrap();
    let file = record.to_str().unwrap();
    let args = [
        "evaluate", "--models", "naive", "--stride", "2h", "--format", "json",
    ];
    let report = json(&forescale(&[&args[..], &["--input", file]].concat()));
    let notes = report["traces"][0]["notes"].to_string();
    assert!(
        notes.contains("counter that was read without `rate()`"),
        "{notes}"
    );
}
