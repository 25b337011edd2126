//! Forescale as an operator runs it: the built program, its settings in a file, its log read line by line.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::{eventually, say, signal};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_forescale");

/// How Forescale is to be started.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// URL of the default source.
    pub prometheus: String,
    /// The settings file's text.
    pub settings: String,
    /// Where snapshots live; a folder of its own, gone with the process, when unset.
    pub data_dir: Option<PathBuf>,
    /// More arguments.
    pub args: Vec<String>,
}

/// A running Forescale; killed when dropped.
pub struct Forescale {
    /// Where it answers KEDA.
    pub grpc: SocketAddr,
    /// Where it serves HTTP.
    pub http: SocketAddr,
    process: Process,
    client: reqwest::Client,
    _own_dir: TempDir,
}

/// A started program and what it has said so far.
pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Forescale {
    /// Starts it and waits until it listens.
    pub async fn start(setup: &Setup) -> Self {
        let own_dir = TempDir::with_prefix("forescale-test-").unwrap();
        let process = Process::spawn(&arguments(setup, own_dir.path()));
        let address = async |server: &str| {
            eventually(
                &format!("the {server} server to listen"),
                Duration::from_mins(1),
                async || process.listening(server),
            )
            .await
        };
        let (grpc, http) = (address("grpc").await, address("http").await);
        Self {
            grpc,
            http,
            process,
            client: reqwest::Client::new(),
            _own_dir: own_dir,
        }
    }

    /// Asks for a clean end (SIGTERM), as Kubernetes does.
    pub fn terminate(&self) {
        signal(self.process.child.id(), "TERM");
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(mut self) {
        self.process.child.kill().unwrap();
        self.process.child.wait().unwrap();
    }

    /// Waits for the end; its exit code.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.ended().await
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.process.log.lock().unwrap().clone()
    }

    /// Body and status of a GET on the HTTP side.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.http);
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// What the JSON API says of a workload, with its latest history; `None` while it knows none of that name.
    pub async fn workload(&self, namespace: &str, name: &str) -> Option<Value> {
        self.workload_since(namespace, name, "10m").await
    }

    /// The same with the history of the last `since`, such as `14d`.
    pub async fn workload_since(&self, namespace: &str, name: &str, since: &str) -> Option<Value> {
        let path = format!("/api/v1/workloads/{namespace}/{name}?since={since}");
        let (status, body) = self.get(&path).await;
        if status == 404 {
            return None;
        }
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        // A list, because a ScaledObject may have several triggers of ours; the tests have one each.
        Some(answer["workloads"][0].clone())
    }

    /// Waits until the JSON API's word on a workload satisfies `probe`.
    pub async fn workload_until(
        &self,
        namespace: &str,
        name: &str,
        what: &str,
        mut probe: impl FnMut(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(workload) = self.workload(namespace, name).await {
                if probe(&workload) {
                    return workload;
                }
                last = workload;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for bulky in ["history", "forecast"] {
            if let Some(object) = last.as_object_mut() {
                object.remove(bulky);
            }
        }
        panic!("waited {PATIENCE:?} in vain for {what}; last seen: {last:#}");
    }
}

/// How long a test waits for something that should happen soon; long, so that a slow machine passes.
pub const PATIENCE: Duration = Duration::from_secs(90);

fn arguments(setup: &Setup, own_dir: &Path) -> Vec<String> {
    let settings = own_dir.join("settings.yaml");
    fs::write(&settings, &setup.settings).unwrap();
    let data_dir = setup.data_dir.clone();
    let data_dir = data_dir.unwrap_or_else(|| own_dir.join("data"));
    let fixed = [
        ("--config", settings.display().to_string()),
        ("--prometheus", setup.prometheus.clone()),
        ("--grpc-addr", "127.0.0.1:0".to_owned()),
        ("--http-addr", "127.0.0.1:0".to_owned()),
        ("--data-dir", data_dir.display().to_string()),
        ("--log", "info".to_owned()),
        ("--log-format", "json".to_owned()),
    ];
    let fixed = fixed
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value]);
    std::iter::once("serve".to_owned())
        .chain(fixed)
        .chain(setup.args.iter().cloned())
        .collect()
}

impl Process {
    /// Starts the program with `args`.
    pub fn spawn(args: &[String]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(args)
            // Settings from the developer's own environment must not leak into a test.
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let stderr = child.stderr.take().expect("piped above");
        let reader = Some(read_lines(stderr, Arc::clone(&log)));
        Self { child, log, reader }
    }

    fn listening(&self, server: &str) -> Option<SocketAddr> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|line| line["message"] == "listening" && line["server"] == server)
            .and_then(|line| line["addr"].as_str()?.parse().ok())
    }

    /// Waits for the end, and for the last line of the log.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = eventually("the process to end", Duration::from_mins(1), async || {
            child.try_wait().unwrap()
        })
        .await;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status
    }

    /// Everything said so far.
    pub fn said(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}

fn read_lines(stderr: ChildStderr, log: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            log.lock().unwrap().push(line);
        }
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock().unwrap();
            let tail = &log[log.len().saturating_sub(60)..];
            say(format!("--- end of Forescale's log\n{}", tail.join("\n")));
        }
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
