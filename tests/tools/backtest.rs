use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use tempfile::TempDir;

use crate::history::{forescale, stderr, write_history};

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;

/// A Prometheus with nothing in it, which wants the token `s3cret`; it ends with the test's process.
fn guarded() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap());
        }
    });
    url
}

fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&chunk[..count]),
        }
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let (status, body) = if head.contains("authorization: bearer s3cret") {
        ("200 OK", EMPTY)
    } else {
        ("401 Unauthorized", "")
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // A client that has gone away has heard enough.
    let _ = stream.write_all(answer.as_bytes());
}

/// Whether the head of a request and all of its body are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}

#[test]
fn a_server_that_wants_credentials_is_read_as_a_source_of_a_settings_file() {
    let url = guarded();
    let refused = forescale(&["backtest", "--prometheus", &url, "--query", "rps"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = stderr(&refused);
    assert!(
        text.contains("401") && text.contains("`--config FILE`"),
        "{text}"
    );

    let dir = TempDir::new().unwrap();
    let token = dir.path().join("token");
    fs::write(&token, "s3cret").unwrap();
    let settings = dir.path().join("forescale.yaml");
    let source = format!(
        "monitor:\n  sources:\n    guarded:\n      url: {url}\n      auth: {{bearerTokenFile: {}}}\n",
        token.display()
    );
    fs::write(&settings, source).unwrap();
    let settings = settings.to_str().unwrap();
    let asked = ["backtest", "--config", settings, "--query", "rps"];
    let read = forescale(&[&asked[..], &["--source", "guarded"]].concat());
    let text = stderr(&read);
    assert_eq!(read.status.code(), Some(1), "{text}");
    assert!(text.contains("the query `rps` returned no data"), "{text}");

    let unknown = forescale(&[&asked[..], &["--source", "thanos"]].concat());
    let text = stderr(&unknown);
    assert_eq!(unknown.status.code(), Some(2), "{text}");
    assert!(
        text.contains("thanos") && text.contains("guarded"),
        "{text}"
    );
}

#[test]
fn a_server_is_no_place_for_files_and_the_settings_of_one_count_for_them() {
    let both = forescale(&[
        "backtest",
        "--prometheus",
        "http://127.0.0.1:9",
        "--input",
        "web.csv",
    ]);
    assert_eq!(both.status.code(), Some(2));
    assert!(
        stderr(&both).contains("exclude one another"),
        "{}",
        stderr(&both)
    );
    let folder = TempDir::new().unwrap();
    let (settings, record) = (folder.path().join("s.yaml"), folder.path().join("web.csv"));
    fs::write(
        &settings,
        "analyze:\n  modelDirs: [nowhere]\n  autoNetworks: [mine]\n",
    )
    .unwrap();
    let rows = (0..1860).map(|minute| format!("{},{}\n", 60 * minute, 100 + minute % 60));
    let rows: String = rows.collect();
    fs::write(&record, format!("timestamp_unix,value\n{rows}")).unwrap();
    let run = forescale(&[
        "backtest",
        "--config",
        settings.to_str().unwrap(),
        "--input",
        record.to_str().unwrap(),
        "nothing.csv",
        "--judged",
        "0.2",
        "--policies",
        "hpa",
        "--format",
        "json",
    ]);
    assert_eq!(run.status.code(), Some(1), "one of two can't be read");
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["left_out"][0]["name"], "nothing", "{report:#}");
    assert_eq!(report["traces"][0]["gain"]["beside"], "hpa");
    let notes = report["protocol"]["notes"].to_string();
    assert!(
        notes.contains("`mine`") && notes.contains("`nowhere`"),
        "{notes}"
    );
}

#[test]
fn a_report_takes_the_place_of_nothing_that_is_read() {
    let dir = TempDir::new().unwrap();
    let record = write_history(dir.path(), "own.csv", 2, 600, |_| false);
    let manifest = dir.path().join("so.yaml");
    let trigger = "{type: prometheus, metadata: {query: rps, threshold: '5'}}";
    fs::write(
        &manifest,
        format!("kind: ScaledObject\nspec:\n  triggers: [{trigger}]\n"),
    )
    .unwrap();
    let (record, manifest) = (record.to_str().unwrap(), manifest.to_str().unwrap());
    let all = [
        "backtest",
        "--policies",
        "none",
        "--input",
        record,
        "--scaled-object",
        manifest,
    ];
    for (output, flag) in [(record, "`--input`"), (manifest, "`--scaled-object`")] {
        let before = fs::read(output).unwrap();
        let refused = forescale(&[&all[..], &["--output", output]].concat());
        let text = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(
            text.contains("`--output` and ") && text.contains(flag),
            "{text}"
        );
        assert_eq!(fs::read(output).unwrap(), before);
    }
}

#[test]
fn what_would_not_be_forescale_is_not_judged_as_it() {
    let dir = TempDir::new().unwrap();
    let record = write_history(dir.path(), "web.csv", 4, 600, |_| false);
    let base = ["backtest", "--policies", "none", "--format", "json"];
    let file = ["--input", record.to_str().unwrap()];
    let run = |extra: &[&str]| forescale(&[&base[..], &file, extra].concat());
    for (extra, said) in [
        (
            ["--set", "model=onnx:nothere"],
            "`--set`: `model`: there is no network `nothere`",
        ),
        (
            ["--model-dir", "no/such/folder"],
            "there is no folder `no/such/folder`",
        ),
        (["--jobs", "0"], "a whole number from 1 on"),
        (
            ["--prometheus", "localhost:9090"],
            "`--prometheus`: `localhost:9090` must start",
        ),
    ] {
        let refused = run(&extra);
        assert_eq!(refused.status.code(), Some(2), "{extra:?}");
        assert!(
            stderr(&refused).contains(said),
            "{extra:?}: {}",
            stderr(&refused)
        );
    }
}
