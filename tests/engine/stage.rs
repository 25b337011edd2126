//! An engine on a virtual clock, and the loads that its source tells of.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::control::service::Service;
use forescale::control::{self, Engine, Metrics, Parts};
use forescale::domain::{Clock, HumanDuration, ManualClock, Metadata, Timestamp, WorkloadKey};
use forescale::execute::keda::parse_metadata;
use forescale::knowledge::{self, Board, Workload};
use forescale::monitor::replay::{ReplayServer, ReplaySource};
use forescale::monitor::{Monitor, SourceConfig};
use forescale::settings::Settings;
use forescale::{analyze, plan};
use tokio_util::sync::CancellationToken;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_780_000_020);

/// A load that rises and falls within the hour, and at present falls; a load that jumps up and down, and the fleet that
/// serves it.
#[derive(Debug)]
pub(crate) struct Waves {
    pub(crate) clock: Arc<ManualClock>,
    /// What the fleet was told, and when.
    pub(crate) told: Mutex<Vec<(Timestamp, u32)>>,
}

impl Waves {
    /// Replicas are ready 40 s after they are asked for, and gone at once.
    fn ready(&self, at: Timestamp) -> f64 {
        let told = self.told.lock().unwrap();
        let known = |until: Timestamp| told.iter().rev().find(|(when, _)| *when <= until);
        let then = known(at - Duration::from_secs(40)).or(told.first());
        let replicas = [then, known(at)]
            .into_iter()
            .flatten()
            .map(|(_, told)| *told);
        f64::from(replicas.min().unwrap_or(4))
    }
}

/// Four minutes of each of several loads, the same again every half hour.
fn jumps(at: Timestamp) -> f64 {
    let place = at.as_secs() / 240 % 8;
    [40.0, 75.0, 40.0, 95.0, 50.0, 90.0, 40.0, 60.0][place as usize]
}

impl ReplaySource for Waves {
    fn value(&self, query: &str, at: Timestamp) -> Option<f64> {
        let load = 200.0 + 100.0 * (at.as_secs_f64() / 600.0).sin();
        match query {
            "absent" => None,
            "ready" => Some(20.0),
            "jumps" => Some(jumps(at)),
            "fleet" => Some(self.ready(at)),
            "seconds" => Some(0.05 / (1.0 - (jumps(at) / self.ready(at) / 20.0).min(0.99))),
            "cores" => Some(load / 50.0),
            _ => Some(load),
        }
    }

    fn knows(&self, query: &str) -> bool {
        query != "mistake("
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

pub(crate) struct Stage {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) waves: Arc<Waves>,
    pub(crate) settings: Settings,
    _stop: tokio_util::sync::DropGuard,
}

impl Stage {
    pub(crate) async fn set(models: &Path, data: &Path) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let waves = Arc::new(Waves {
            clock: Arc::clone(&clock),
            told: Mutex::default(),
        });
        let source = Arc::clone(&waves) as Arc<dyn ReplaySource>;
        tokio::spawn(ReplayServer::new(listener).run(source, stop.clone()));
        let mut settings = Settings::default();
        settings
            .monitor
            .sources
            .insert("default".to_owned(), SourceConfig::at(&url));
        settings.keda.addr = "127.0.0.1:0".parse().unwrap();
        settings.admin.addr = "127.0.0.1:0".parse().unwrap();
        settings.analyze.model_dirs = vec![models.to_owned()];
        settings.analyze.shipped_networks = false;
        // Debug builds are slow, and no decision here may depend on it.
        settings.analyze.model_timeout = HumanDuration::from_secs(600);
        settings.knowledge.data_dir = Some(data.to_owned());
        Self {
            clock,
            waves,
            settings,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) async fn engine(&self) -> Arc<Engine> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let service = Service::bind_with(&self.settings, None, clock)
            .await
            .unwrap();
        Arc::clone(service.engine())
    }

    /// The same after another one with servers: the store is free once they are gone.
    pub(crate) async fn engine_again(&self) -> Arc<Engine> {
        let mut tries = 0..500;
        loop {
            let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
            match Service::bind_with(&self.settings, None, clock).await {
                Ok(service) => return Arc::clone(service.engine()),
                Err(error) => assert!(tries.next().is_some(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// An engine that is turned by hand, with its servers running.
    pub(crate) async fn served(
        &self,
    ) -> (
        Arc<Engine>,
        std::net::SocketAddr,
        tokio_util::sync::DropGuard,
    ) {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let service = Service::bind_with(&self.settings, None, clock)
            .await
            .unwrap();
        let (engine, http) = (Arc::clone(service.engine()), service.http_addr());
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        tokio::spawn(service.run_servers(stop));
        (engine, http, guard)
    }
}

/// An engine over a source in memory, without servers and without a place for snapshots.
pub(crate) fn alone(monitor: Monitor) -> (Arc<Engine>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    let analyze = analyze::Config {
        model_dirs: Vec::new(),
        shipped_networks: false,
        model_timeout: HumanDuration::from_secs(600),
        ..analyze::Config::default()
    };
    let models = analyze::models::Registry::new(&analyze).unwrap();
    let engine = Engine::new(Parts {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        board: Arc::new(Board::new(100)),
        monitor,
        models: Arc::new(models),
        store: None,
        control: control::Config::default(),
        analyze,
        plan: plan::Config::default(),
        knowledge: knowledge::Config {
            forget_after: HumanDuration(Duration::MAX),
            ..knowledge::Config::default()
        },
        metrics: Metrics::default(),
        recorder: None,
        enrolled: Vec::new(),
    });
    (engine, clock)
}

pub(crate) fn register(engine: &Engine, name: &str, model: &str) -> Arc<Workload> {
    register_with(engine, name, model, &[])
}

pub(crate) fn register_with(
    engine: &Engine,
    name: &str,
    model: &str,
    more: &[(&str, &str)],
) -> Arc<Workload> {
    let mut metadata: Metadata = BTreeMap::from(
        [
            ("query", "load"),
            ("threshold", "10"),
            ("history", "2h"),
            ("horizon", "5m"),
            ("model", model),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    // The later of two wins, so that a test may ask for another load.
    metadata.extend((more.iter()).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let parsed = parse_metadata(&metadata).unwrap();
    let key = WorkloadKey::new("shop", name, metadata);
    engine
        .board()
        .register(key, parsed.spec, parsed.warnings, engine.now())
        .unwrap()
}
