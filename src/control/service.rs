//! The whole service: rooms built from settings, servers bound, the loop supervised, and all of it drained in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::recording::{Event, Recorder};
use super::{Engine, Metrics, Parts, roster};
use crate::admin::{self, Heartbeat, Latch};
use crate::domain::{Clock, SystemClock};
use crate::execute::cluster::{self, Cluster};
use crate::knowledge::{Board, Store, StoreError};
use crate::monitor::Monitor;
use crate::settings::Settings;
use crate::telemetry::{self, LogHandle, Registry};
use crate::{analyze, execute, monitor};

/// After a panic the loop starts again, this much later.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// The loop turns ten times a second; after this much silence it counts as dead and the liveness probe says so.
const HEARTBEAT_LIMIT: Duration = Duration::from_mins(1);

/// A service that holds its ports and has read its snapshot, but does not run yet.
#[derive(Debug)]
pub struct Service {
    engine: Arc<Engine>,
    grpc: execute::keda::Bound,
    http: admin::Bound,
    admin: admin::State,
    heartbeat: Heartbeat,
    operator: Option<execute::operator::Parts>,
    cluster: Option<Cluster>,
}

impl Service {
    /// Builds everything and takes both ports.
    ///
    /// # Errors
    /// When a setting can't be used, a port is taken, the snapshot is held by another process, or ONNX Runtime or a
    /// cluster is demanded and missing.
    pub async fn bind(settings: &Settings, log: Option<LogHandle>) -> anyhow::Result<Self> {
        Self::bind_with(settings, log, Arc::new(SystemClock)).await
    }

    /// The same on a clock of one's own.
    ///
    /// # Errors
    /// As [`Service::bind`].
    pub async fn bind_with(
        settings: &Settings,
        log: Option<LogHandle>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let mut registry = Registry::default();
        telemetry::register_build_info(&mut registry);
        telemetry::register_process_metrics(&mut registry);
        let engine = engine(settings, clock, &mut registry)?;
        let grpc = execute::keda::Server::bind(settings.keda.clone())?;
        grpc.metrics().register(&mut registry);
        if settings.admin.workload_metrics {
            admin::register_workload_metrics(&mut registry, Arc::clone(engine.board()));
        }
        let operator = operator(settings, &engine, &mut registry);
        let cluster = find_cluster(&settings.cluster, &mut registry).await?;
        let http = admin::Server::bind(&settings.admin).await?;
        listening("grpc", grpc.local_addr()?);
        listening("http", http.addr());
        let heartbeat = Heartbeat::new(HEARTBEAT_LIMIT);
        let admin = admin_state(settings, &engine, registry, log, heartbeat.clone());
        Ok(Self {
            engine,
            grpc,
            http,
            admin,
            heartbeat,
            operator,
            cluster,
        })
    }

    /// The engine, for a driver that turns it by hand.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Address of the gRPC server.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn grpc_addr(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Address of the HTTP server.
    pub fn http_addr(&self) -> SocketAddr {
        self.http.addr()
    }

    /// Runs until `shutdown`: the loop, and both servers. The drain goes in order: gRPC calls and streams end, the loop
    /// ends its work and writes a last snapshot, HTTP goes last, so that probes are answered until the end.
    ///
    /// # Errors
    /// When a server can't go on.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let operating =
            (self.operator.take()).map(|parts| tokio::spawn(operate(parts, shutdown.clone())));
        let engine = Arc::clone(&self.engine);
        if let Some(cluster) = self.cluster.take() {
            let board = Arc::clone(engine.board());
            tokio::spawn(cluster.run(board, engine.clock(), shutdown.clone()));
        }
        let started = self
            .admin
            .readiness
            .latch("the first turn of the refresh loop");
        let supervised = supervise(engine, shutdown.clone(), self.heartbeat.clone(), started);
        let looped = tokio::spawn(supervised);
        let served = self.serve(looped, shutdown).await;
        if let Some(operating) = operating {
            operating.await.context("the operator died")?;
        }
        served
    }

    /// Runs only the servers until `shutdown`; whoever holds the engine turns it.
    ///
    /// # Errors
    /// When a server can't go on.
    pub async fn run_servers(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (heartbeat, stop) = (self.heartbeat.clone(), shutdown.clone());
        let beating = tokio::spawn(async move {
            while !stop.is_cancelled() {
                heartbeat.beat();
                tokio::time::sleep(RESTART_AFTER).await;
            }
        });
        self.serve(beating, shutdown).await
    }

    async fn serve(
        self,
        looped: JoinHandle<()>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let context = execute::keda::Context {
            board: Arc::clone(self.engine.board()),
            clock: self.engine.clock(),
        };
        let http_stop = CancellationToken::new();
        let readiness = self.grpc.readiness();
        let http = tokio::spawn(self.http.serve(self.admin, http_stop.clone()));
        let grpc = tokio::spawn(self.grpc.serve(context, shutdown.clone()));
        readiness.set(true);
        let served = grpc.await;
        // A server that ended by itself takes the rest down with it: better restarted than half alive.
        shutdown.cancel();
        looped.await.context("the loop died while shutting down")?;
        http_stop.cancel();
        let answered = http.await;
        served.context("the gRPC server died")??;
        answered.context("the HTTP server died")??;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The cluster, where it is to be asked.
async fn find_cluster(
    config: &cluster::Config,
    registry: &mut Registry,
) -> anyhow::Result<Option<Cluster>> {
    if !config.enabled {
        return Ok(None);
    }
    let metrics = cluster::Metrics::default();
    metrics.register(registry);
    Cluster::find(config, metrics).await.map(Some)
}

fn engine(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    registry: &mut Registry,
) -> anyhow::Result<Arc<Engine>> {
    let metrics = Metrics::default();
    metrics.register(registry);
    let monitor_metrics = monitor::Metrics::default();
    monitor_metrics.register(registry);
    let models = analyze::models::Registry::new(&settings.analyze)?;
    let live = models.onnx_engine();
    tracing::info!(engine = live, "engine of ONNX models");
    telemetry::register_onnx_engine(registry, live, settings.analyze.onnx_engine.as_str());
    let store = match &settings.knowledge.data_dir {
        Some(dir) => match Store::open(dir) {
            // Another process learns there, and answers.
            Err(held @ StoreError::Locked { .. }) => return Err(held.into()),
            // Scaling goes on without: that it can't be read is told by `restore`, and each save tries anew.
            opened => Some(Arc::new(opened.unwrap_or_else(|_| Store::at(dir)))),
        },
        None => None,
    };
    let recorder = match &settings.control.record {
        Some(path) => {
            let began = Event::Began {
                at: clock.now(),
                forescale: telemetry::VERSION.to_owned(),
                plan: settings.plan.clone(),
                analyze: settings.analyze.clone(),
            };
            let recorder = Recorder::append(path, &began);
            let failed = || format!("`control.record`: failed to open `{}`", path.display());
            Some(recorder.with_context(failed)?)
        }
        None => None,
    };
    let engine = Engine::new(Parts {
        clock,
        board: Arc::new(Board::new(settings.knowledge.max_workloads)),
        monitor: Monitor::new(&settings.monitor, monitor_metrics)?,
        models: Arc::new(models),
        store,
        control: settings.control.clone(),
        analyze: settings.analyze.clone(),
        plan: settings.plan.clone(),
        knowledge: settings.knowledge.clone(),
        metrics,
        recorder,
        enrolled: roster::read(&settings.workloads, &settings.monitor)
            .map_err(|mistakes| anyhow::anyhow!(mistakes.join("\n       ")))?,
    });
    let report = engine.restore().context("failed to read the snapshot")?;
    if report != super::RestoreReport::default() {
        let (restored, left_out) = (report.restored, report.left_out);
        tracing::info!(restored, left_out, "snapshot read");
    }
    engine.enroll().context("`workloads`")?;
    Ok(engine)
}

/// The operator's parts, where it is asked for.
fn operator(
    settings: &Settings,
    engine: &Engine,
    registry: &mut Registry,
) -> Option<execute::operator::Parts> {
    settings.operator.enabled.then(|| {
        let metrics = execute::operator::Metrics::default();
        metrics.register(registry);
        execute::operator::Parts {
            config: settings.operator.clone(),
            board: Arc::clone(engine.board()),
            clock: engine.clock(),
            forget_after: settings.knowledge.forget_after,
            metrics,
        }
    })
}

/// Runs the operator. Without Kubernetes' API there is none, and KEDA is answered all the same.
async fn operate(parts: execute::operator::Parts, shutdown: CancellationToken) {
    if let Err(error) = execute::operator::run(parts, shutdown).await {
        tracing::error!(
            error = format!("{error:#}"),
            "there is no operator, KEDA is answered without it"
        );
    }
}

fn admin_state(
    settings: &Settings,
    engine: &Engine,
    registry: Registry,
    log: Option<LogHandle>,
    heartbeat: Heartbeat,
) -> admin::State {
    let sources = settings
        .monitor
        .sources
        .iter()
        .map(|(name, source)| admin::SourceInfo {
            name: name.clone(),
            url: source.url.clone(),
        });
    admin::State {
        board: Arc::clone(engine.board()),
        clock: engine.clock(),
        registry: Arc::new(registry),
        log,
        readiness: admin::Readiness::default(),
        heartbeat,
        // Numbers, texts and durations: nothing that JSON could not hold.
        planner: Arc::new(serde_json::to_value(&settings.plan).unwrap_or_default()),
        info: admin::Info {
            version: telemetry::VERSION.to_owned(),
            commit: telemetry::COMMIT.to_owned(),
            started_at: engine.now(),
            onnx_engine: engine.models().onnx_engine(),
            sources: sources.collect(),
            settings_fingerprint: settings.fingerprint(),
        },
    }
}

fn listening(server: &str, addr: SocketAddr) {
    tracing::info!(server, %addr, "listening");
}

/// Runs the loop and starts it again should it ever panic: scaling must not stop with it.
async fn supervise(
    engine: Arc<Engine>,
    shutdown: CancellationToken,
    heartbeat: Heartbeat,
    started: Latch,
) {
    let mut started = Some(started);
    loop {
        let (engine, shutdown_too) = (Arc::clone(&engine), shutdown.clone());
        let run = engine.run(shutdown_too, heartbeat.clone(), started.take());
        let Err(error) = tokio::spawn(run).await else {
            return;
        };
        tracing::error!(%error, "the loop died, starting it again");
        if shutdown.is_cancelled() {
            return;
        }
        tokio::time::sleep(RESTART_AFTER).await;
    }
}
