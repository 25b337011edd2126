//! The stage of a run: the replay endpoint, and the whole service as `serve` builds it, on a clock that is moved by
//! hand. Only the loop is not let run by itself: the driver turns it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::setup::QUERY;
use crate::control::Engine;
use crate::control::service::Service;
use crate::domain::{Clock, HumanDuration, ManualClock, Timestamp};
use crate::monitor::replay::{ReplayServer, ReplaySource};
use crate::monitor::{DEFAULT_SOURCE, SourceConfig};
use crate::settings::Settings;
use crate::simulate::demand::Demand;
use crate::telemetry::LogHandle;

/// A model may take as long as it needs: on a slow machine a time-out would make a run differ from the same run on
/// another one.
const MODEL_TIMEOUT: HumanDuration = HumanDuration::from_secs(600);
/// So may the replay endpoint: a read that is given up would be another history, and another plan.
const PATIENCE: HumanDuration = HumanDuration::from_secs(600);
/// Between a look at a usual port and taking it, another demo may have taken it; then it is looked again, so many times
/// in all.
const LOOKS: u32 = 5;
/// Open calls at the end get this long.
const DRAIN_GRACE: HumanDuration = HumanDuration::from_secs(1);

/// What runs behind a demo.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) engine: Arc<Engine>,
    pub(super) grpc: SocketAddr,
    pub(super) http: SocketAddr,
    stop: CancellationToken,
    service: JoinHandle<anyhow::Result<()>>,
    replay: JoinHandle<std::io::Result<()>>,
}

/// Where the servers shall listen: a wish of the user, or the usual port if it is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) wanted: Option<SocketAddr>,
    pub(super) usual_port: u16,
}

/// What the replay endpoint replays.
#[derive(Debug)]
struct Replay {
    demand: Arc<Demand>,
    clock: Arc<ManualClock>,
}

impl Stage {
    /// Starts the servers.
    ///
    /// # Errors
    /// When a port is taken.
    pub(super) async fn set(
        demand: Arc<Demand>,
        clock: Arc<ManualClock>,
        grpc: Address,
        http: Address,
        log: Option<LogHandle>,
    ) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("failed to listen for the replay endpoint")?;
        let prometheus = listener.local_addr()?;
        let source = Arc::new(Replay {
            demand,
            clock: Arc::clone(&clock),
        });
        let replay = tokio::spawn(ReplayServer::new(listener).run(source, stop.clone()));
        let service = bind(prometheus, (grpc, http), log, &clock).await?;
        let (grpc, http) = (service.grpc_addr()?, service.http_addr());
        Ok(Self {
            engine: Arc::clone(service.engine()),
            grpc,
            http,
            service: tokio::spawn(service.run_servers(stop.clone())),
            stop,
            replay,
        })
    }

    /// Ends the servers.
    ///
    /// # Errors
    /// When one of them had died before.
    pub(super) async fn clear(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.service.await.context("the service died")??;
        self.replay.await.context("the replay endpoint died")??;
        Ok(())
    }
}

/// The service with its ports taken.
async fn bind(
    prometheus: SocketAddr,
    (grpc, http): (Address, Address),
    log: Option<LogHandle>,
    clock: &Arc<ManualClock>,
) -> anyhow::Result<Service> {
    let mut looks = 1;
    loop {
        let settings = settings(prometheus, grpc.choose(), http.choose());
        match Service::bind_with(&settings, log.clone(), Arc::clone(clock) as _).await {
            Err(error) if looks < LOOKS && is_taken(&error) => looks += 1,
            bound => return bound,
        }
    }
}

/// Whether it is a port that another process has taken.
fn is_taken(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    causes.any(|cause: &std::io::Error| cause.kind() == std::io::ErrorKind::AddrInUse)
}

impl Address {
    fn choose(self) -> SocketAddr {
        self.wanted.unwrap_or_else(|| {
            let usual = SocketAddr::from(([127, 0, 0, 1], self.usual_port));
            match std::net::TcpListener::bind(usual) {
                Ok(_) => usual,
                Err(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
            }
        })
    }
}

impl ReplaySource for Replay {
    fn value(&self, query: &str, at: Timestamp) -> Option<f64> {
        self.knows(query)
            .then(|| self.demand.observed(at))
            .flatten()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn knows(&self, query: &str) -> bool {
        query == QUERY
    }
}

fn settings(prometheus: SocketAddr, grpc: SocketAddr, http: SocketAddr) -> Settings {
    let mut settings = Settings::default();
    let mut source = SourceConfig {
        url: format!("http://{prometheus}"),
        timeout: PATIENCE,
        total_timeout: PATIENCE,
        ..SourceConfig::default()
    };
    source.circuit_breaker.failures = u32::MAX;
    settings.monitor.sources = BTreeMap::from([(DEFAULT_SOURCE.to_owned(), source)]);
    settings.keda.addr = grpc;
    settings.keda.drain_grace = DRAIN_GRACE;
    settings.admin.addr = http;
    settings.analyze.model_timeout = MODEL_TIMEOUT;
    settings.knowledge.data_dir = None;
    settings.knowledge.forget_after = HumanDuration(Duration::MAX);
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::driver::Driver;
    use crate::cli::demo::scaler::{Live, Scaler};
    use crate::cli::demo::setup::{START, Setup, WithoutData};
    use crate::simulate::demand::Pattern;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_service_is_turned_and_asked_over_the_wire_and_answers_from_forecasts() {
        let length = HumanDuration::from_secs(300);
        let setup = Setup::new(Pattern::Shop, 1, length, &[], WithoutData::Hold).unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let demand = Arc::new(Demand::new(setup.pattern, setup.seed, START));
        let any = || Address {
            wanted: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            usual_port: 0,
        };
        let (played, moved) = (Arc::clone(&demand), Arc::clone(&clock));
        let stage = Stage::set(played, moved, any(), any(), None).await.unwrap();
        let engine = Arc::clone(&stage.engine);
        let scaler = Live::connect(engine, stage.grpc, setup.name(), &setup.metadata)
            .await
            .unwrap();
        assert!((scaler.target() - setup.threshold).abs() < 1e-9);
        let mut driver = Driver::new(setup, clock, demand, scaler);
        while !driver.finished() {
            driver.tick().await;
        }
        let summary = driver.summary().json().unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        let answers = &summary["answers"];
        assert_eq!(answers["polls"], 20);
        assert_eq!(answers["failed"], 0);
        assert_eq!(answers["inactive"], 0);
        assert!(
            answers["byBasis"]["forecast"].as_u64() > Some(15),
            "{answers}"
        );
        drop(driver);
        stage.clear().await.unwrap();
    }

    #[tokio::test]
    async fn a_port_that_was_taken_since_it_was_looked_at_is_known_as_such() {
        let holder = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = holder.local_addr().unwrap();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        for (grpc, http) in [(taken, free), (free, taken)] {
            let settings = settings(free, grpc, http);
            let error = Service::bind(&settings, None).await.unwrap_err();
            assert!(is_taken(&error), "{error:#}");
        }
        assert!(!is_taken(&anyhow::anyhow!("something else")));
    }

    #[test]
    fn the_replay_knows_one_query_and_shows_its_gaps() {
        let demand = Arc::new(Demand::new(Pattern::Flat, 1, START));
        let clock = Arc::new(ManualClock::at(START));
        let replay = Replay { demand, clock };
        assert!(replay.knows(QUERY) && !replay.knows("up"));
        assert_eq!(replay.value("up", START), None);
        let minutes = (0..1440).map(|minute| START + Duration::from_mins(minute));
        let missing = minutes.filter(|at| replay.value(QUERY, *at).is_none());
        assert!((14..=26).contains(&missing.count()));
    }
}
