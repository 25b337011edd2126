//! The server under test, with a board that the test publishes on in the loop's place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use forescale::domain::{
    Basis, HumanDuration, LeadSource, ManualClock, Mode, Plan, Quantile, Timestamp,
};
use forescale::execute::keda::{Config, Context, Metrics, Readiness, Server};
use forescale::knowledge::{Board, Health, Published, Workload};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Long enough for anything that should happen at all on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) board: Arc<Board>,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
}

/// Settings for a test: any free port, and no patience for a first plan.
pub(crate) fn config() -> Config {
    Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        first_answer_wait: HumanDuration::from_secs(0),
        ..Config::default()
    }
}

pub(crate) fn start(config: Config) -> Running {
    let board = Arc::new(Board::new(100));
    let context = Context {
        board: Arc::clone(&board),
        clock: Arc::new(ManualClock::at(START)),
    };
    let bound = Server::bind(config).unwrap();
    let shutdown = CancellationToken::new();
    Running {
        addr: bound.local_addr().unwrap(),
        board,
        metrics: bound.metrics(),
        readiness: bound.readiness(),
        shutdown: shutdown.clone(),
        serving: tokio::spawn(bound.serve(context, shutdown)),
    }
}

impl Running {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) async fn channel(&self) -> tonic::transport::Channel {
        let endpoint = tonic::transport::Endpoint::from_shared(self.url()).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// The only workload on the board.
    pub(crate) fn workload(&self) -> Arc<Workload> {
        let all = self.board.all();
        assert_eq!(all.len(), 1);
        Arc::clone(&all[0])
    }

    /// Shuts down and waits for the drain.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        let served = tokio::time::timeout(PATIENCE, self.serving).await;
        served.expect("drained").unwrap().unwrap();
    }

    pub(crate) fn metrics_text(&self) -> String {
        let mut registry = forescale::telemetry::Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }
}

/// Publishes a plan of `replicas`, as the loop would.
pub(crate) fn publish(workload: &Workload, replicas: u32, active: bool) {
    let plan = Plan {
        at: START,
        mode: Mode::Predictive,
        basis: Basis::Forecast,
        replicas,
        planned: replicas,
        reactive: Some(replicas),
        active,
        served: forescale::plan::serve(replicas, workload.spec.threshold),
        observed: None,
        peak: None,
        quantile: Quantile::MEDIAN,
        lead_time: HumanDuration::from_secs(60),
        lead_source: LeadSource::Given,
        capacity: None,
        vertical: None,
        model: None,
        chosen: None,
        authority: None,
        reasons: vec![],
    };
    workload.publish(Published {
        plan: Arc::new(plan),
        forecast: None,
        standing: None,
        anomalies: Arc::default(),
        health: Health::default(),
    });
}
