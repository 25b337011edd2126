//! All routes over a real socket.

mod connections;
mod documents;
mod grade;
mod metrics;
mod page;
mod probes;
mod refusals;
mod standing;
mod workloads;

use std::time::Duration;

use prometheus_client::registry::Registry as MetricRegistry;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::listener::Patience;
use super::*;
use crate::domain::ManualClock;
use crate::knowledge::samples::{self, NOW};
use crate::telemetry::register_build_info;

struct Running {
    url: String,
    addr: SocketAddr,
    board: Arc<Board>,
    readiness: Readiness,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        Self::with(
            Config::default(),
            Heartbeat::new(Duration::from_hours(1)),
            Patience::default(),
        )
        .await
    }

    async fn with(config: Config, heartbeat: Heartbeat, patience: Patience) -> Self {
        let board = Arc::new(Board::new(100));
        let mut registry = MetricRegistry::default();
        register_build_info(&mut registry);
        if config.workload_metrics {
            register_workload_metrics(&mut registry, Arc::clone(&board));
        }
        let readiness = Readiness::default();
        let state = State {
            board: Arc::clone(&board),
            clock: Arc::new(ManualClock::at(NOW)),
            registry: Arc::new(registry),
            log: None,
            readiness: readiness.clone(),
            heartbeat,
            planner: Arc::default(),
            info: info(),
        };
        let config = Config {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..config
        };
        let bound = Server::bind(&config).await.unwrap().with_patience(patience);
        let addr = bound.addr();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(bound.serve(state, shutdown.clone()));
        Self {
            url: format!("http://{addr}"),
            addr,
            board,
            readiness,
            shutdown,
            task,
        }
    }

    async fn ask(&self, method: Method, path: &str) -> reqwest::Response {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.ask(Method::GET, path).await;
        assert_eq!(
            response.headers()["content-type"],
            "application/json",
            "{path}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        (response.status(), response.json().await.unwrap())
    }

    fn add(&self, name: &str) -> Arc<crate::knowledge::Workload> {
        let metadata = [("query", "up"), ("threshold", "50")];
        let key = samples::key(name, &metadata);
        let warnings = vec!["`horizon` is longer than `history`".to_owned()];
        self.board
            .register(key, samples::spec(), warnings, NOW)
            .unwrap()
    }
}

fn info() -> Info {
    Info {
        version: "1.2.3".into(),
        commit: "abc".into(),
        started_at: Timestamp::from_secs(NOW.as_secs() - 90),
        onnx_engine: "rten".into(),
        sources: vec![SourceInfo {
            name: "default".into(),
            url: "http://prometheus:9090".into(),
        }],
        settings_fingerprint: "f00d".into(),
    }
}

/// An active workload whose forecast and standing are fully known.
fn publish(workload: &crate::knowledge::Workload, standing: crate::domain::Standing) {
    samples::fill(workload, 60);
    let mut published = samples::published(NOW);
    let forecast = samples::forecast(NOW);
    let values = (0..forecast.levels().len() * 2).map(|i| 900.0 + i as f32);
    let forecast = forecast.with_peaks(vec![5, 15], values.collect()).unwrap();
    published.forecast = Some(Arc::new(forecast));
    published.standing = Some(Arc::new(standing));
    workload.publish(published);
}
