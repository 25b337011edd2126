//! The program as it is deployed: a process, its address read from what it says, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use tempfile::NamedTempFile;

const TOKEN: &str = "a-token-for-tests";

struct Service {
    child: Child,
    url: String,
    http: reqwest::Client,
    _token: NamedTempFile,
}

fn token(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-service"));
    command.args(["--addr", "127.0.0.1:0"]);
    command
}

impl Service {
    fn start(args: &[&str]) -> Self {
        let token = token(&format!("{TOKEN}\n"));
        let mut child = program()
            .arg("--token-file")
            .arg(token.path())
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let addr = line.trim().strip_prefix("listening on ").unwrap();
        Self {
            child,
            url: format!("http://{addr}"),
            http: reqwest::Client::new(),
            _token: token,
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (StatusCode, String) {
        let mut request = self.http.get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics", None).await;
        let line = text.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no `{name}` in\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ANSWERED: &str = r#"http_requests_total{path="/workload",code="200"}"#;
const REFUSED: &str = r#"http_requests_total{path="/workload",code="401"}"#;
const TURNED_AWAY: &str = r#"http_requests_total{path="/workload",code="503"}"#;

#[tokio::test]
async fn it_works_for_who_shows_the_token_and_counts() {
    let service = Service::start(&["--work", "2ms"]);
    assert_eq!(service.get("/healthz", None).await.0, StatusCode::OK);
    assert_eq!(service.metric(ANSWERED).await, 0.0, "there from the start");
    let (status, number) = service.get("/workload", Some(TOKEN)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(number.trim().len(), 16, "{number}");
    for wrong in [
        None,
        Some("a-token-for-test"),
        Some("a-token-for-tests2"),
        Some(""),
    ] {
        let (status, hint) = service.get("/workload", wrong).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong:?}");
        assert!(hint.contains("Bearer"), "{hint}");
    }
    assert_eq!(service.metric(ANSWERED).await, 1.0);
    assert_eq!(service.metric(REFUSED).await, 4.0);
    assert_eq!(
        service.metric("http_request_duration_seconds_count").await,
        1.0
    );
    assert!(service.metric("http_request_duration_seconds_sum").await >= 0.002);
    assert_eq!(service.metric("http_requests_working").await, 0.0);
}

#[tokio::test]
async fn more_at_once_than_there_are_turns_wait_or_are_turned_away() {
    let service = Service::start(&["--work", "300ms", "--concurrency", "1", "--patience", "1ms"]);
    let ask = async || service.get("/workload", Some(TOKEN)).await.0;
    let answers = tokio::join!(ask(), ask(), ask());
    let answers = [answers.0, answers.1, answers.2];
    let worked = answers
        .iter()
        .filter(|status| **status == StatusCode::OK)
        .count();
    assert!(worked >= 1, "{answers:?}");
    let away = answers
        .iter()
        .filter(|status| **status == StatusCode::SERVICE_UNAVAILABLE)
        .count();
    assert_eq!(worked + away, 3, "{answers:?}");
    assert_eq!(service.metric(TURNED_AWAY).await, away as f64);

    let patient = Service::start(&["--work", "50ms", "--concurrency", "1", "--patience", "1m"]);
    let ask = async || patient.get("/workload", Some(TOKEN)).await.0;
    let answers = tokio::join!(ask(), ask(), ask());
    assert_eq!(answers, (StatusCode::OK, StatusCode::OK, StatusCode::OK));
}

#[tokio::test]
async fn sigterm_lets_a_request_end() {
    let mut service = Service::start(&["--work", "500ms"]);
    let http = service.http.clone();
    let request = http
        .get(format!("{}/workload", service.url))
        .bearer_auth(TOKEN)
        .send();
    let request = tokio::spawn(request);
    while service.metric("http_requests_working").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.terminate();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    let ended = tokio::task::spawn_blocking(move || service.child.wait().unwrap());
    assert!(ended.await.unwrap().success());
}

fn refusal(args: &[&str]) -> String {
    let output: Output = program().args(args).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_mistake_in_the_settings_is_named() {
    let (short, good) = (token("short"), token(TOKEN));
    let path = |file: &NamedTempFile| file.path().display().to_string();
    assert!(refusal(&["--token-file", "/nowhere"]).contains("`/nowhere` (`--token-file`)"));
    assert!(refusal(&["--token-file", &path(&short)]).contains("at least 16 visible"));
    let file = path(&good);
    assert!(refusal(&["--token-file", &file, "--work", "1h"]).contains("from 0s to 10s"));
    assert!(refusal(&["--token-file", &file, "--concurrency", "0"]).contains("from 1 to 1000"));
    assert!(refusal(&[]).contains("--token-file"));
}
