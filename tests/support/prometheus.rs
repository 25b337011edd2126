//! A real Prometheus: its history written beforehand with `promtool`, its present scraped from an [`Exporter`] every
//! second, killed and started again on the same data and port.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::openmetrics::{Backfill, TARGET_LABELS};
use super::{eventually, free_port, now, say, tool};

/// The programs that these tests need.
pub const TOOLS: [&str; 2] = ["prometheus", "promtool"];

/// A Prometheus; killed when dropped.
pub struct Prometheus {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
    http: reqwest::Client,
}

impl Prometheus {
    /// Starts one that holds `history` and scrapes `targets`; ready when it answers.
    pub async fn start(history: &[Backfill], targets: &[SocketAddr]) -> Self {
        Self::start_with(history, &config(targets)).await
    }

    /// The same with the text of its configuration.
    pub async fn start_with(history: &[Backfill], config: &str) -> Self {
        let dir = TempDir::with_prefix("forescale-prometheus-").unwrap();
        fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        write_history(&dir, history);
        let mut prometheus = Self {
            dir,
            port: free_port(),
            child: None,
            http: reqwest::Client::new(),
        };
        for _ in 0..2 {
            if prometheus.started().await {
                return prometheus;
            }
            // Somebody else may have taken the port between the look at it and now.
            prometheus.port = free_port();
        }
        prometheus.start_again().await;
        prometheus
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Ends it at once, as the kernel does when memory is short (SIGKILL).
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it on the data and port it had before.
    pub async fn start_again(&mut self) {
        assert!(self.started().await, "it ended before it was ready");
    }

    /// Starts it; whether it has become ready, and not ended.
    async fn started(&mut self) -> bool {
        assert!(self.child.is_none(), "it is running");
        let ready = format!("{}/-/ready", self.url());
        let http = self.http.clone();
        let file = |name: &str| self.dir.path().join(name).display().to_string();
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file("log"))
            .unwrap();
        let child = Command::new(tool("prometheus").expect("checked by the test"))
            .arg(format!("--config.file={}", file("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", file("data")))
            .arg("--storage.tsdb.retention.time=120d")
            .arg(format!("--web.listen-address={}", self.addr()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let child = self.child.insert(child);
        let started = eventually(
            "Prometheus to be ready",
            Duration::from_mins(1),
            async || {
                let answer = http.get(&ready).send().await;
                if child.try_wait().unwrap().is_some() {
                    return Some(false);
                }
                answer.ok()?.status().is_success().then_some(true)
            },
        )
        .await;
        if !started {
            self.child = None;
        }
        started
    }

    /// The samples of an expression that returns one series, in seconds since the epoch; empty when there is none.
    pub async fn query_range(
        &self,
        promql: &str,
        from: i64,
        until: i64,
        step: i64,
    ) -> Vec<(i64, f64)> {
        let answer: Value = self
            .http
            .get(format!("{}/api/v1/query_range", self.url()))
            .query(&[
                ("query", promql.to_owned()),
                ("start", from.to_string()),
                ("end", until.to_string()),
                ("step", step.to_string()),
            ])
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        let samples = answer["data"]["result"][0]["values"].as_array();
        samples.into_iter().flatten().map(sample).collect()
    }

    /// The present value of an expression that returns one series.
    pub async fn query(&self, promql: &str) -> Option<f64> {
        let now = now().as_secs();
        let answer: Value = self
            .http
            .get(format!("{}/api/v1/query", self.url()))
            .query(&[("query", promql), ("time", &now.to_string())])
            .send()
            .await
            .ok()?
            .json()
            .await
            .ok()?;
        let value = answer["data"]["result"].get(0)?.get("value")?;
        Some(sample(value).1)
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(30).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(format!("--- end of Prometheus' log\n{}", self.log_tail()));
        }
        self.kill();
    }
}

/// `[secs, "value"]` as Prometheus writes a sample.
fn sample(pair: &Value) -> (i64, f64) {
    let secs = pair[0].as_f64().expect("a time");
    let value = pair[1].as_str().expect("a value").parse().unwrap();
    (secs.round() as i64, value)
}

fn config(targets: &[SocketAddr]) -> String {
    let labels = TARGET_LABELS.replace("=\"", ": \"");
    let mut text =
        String::from("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n");
    for (index, target) in targets.iter().enumerate() {
        // The first target is the program under load: it carries the labels of the written history.
        let labels = if index == 0 {
            labels.clone()
        } else {
            format!("job: \"target-{index}\"")
        };
        writeln!(
            text,
            "- job_name: target-{index}\n  static_configs: [{{targets: [\"{target}\"], labels: {{{labels}}}}}]"
        )
        .unwrap();
    }
    text
}

fn write_history(dir: &TempDir, history: &[Backfill]) {
    if history.is_empty() {
        return;
    }
    let file: PathBuf = dir.path().join("history.txt");
    let mut text = String::new();
    for series in history {
        series.write(&mut text);
    }
    text.push_str("# EOF\n");
    fs::write(&file, text).unwrap();
    let output = Command::new(tool("promtool").expect("checked by the test"))
        // Blocks of a week: `promtool` reads the file once for each block.
        .args([
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--quiet",
            "--max-block-duration=168h",
        ])
        .arg(&file)
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "promtool could not write the history: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::remove_file(file).unwrap();
}
