//! Workloads of the settings: planned with nobody calling, kept while they stand there, and shown as series.

#![expect(clippy::unwrap_used, reason = "a test may unwrap in its helpers too")]

use std::sync::Arc;
use std::time::Duration;

use forescale::control::Engine;
use forescale::control::roster::Entry;
use forescale::control::service::Service;
use forescale::domain::{Clock, HumanDuration, ManualClock, Metadata, Timestamp, WorkloadKey};
use forescale::execute::keda::parse_metadata;
use forescale::monitor::SourceConfig;
use forescale::monitor::replay::{ReplayServer, ReplaySource};
use forescale::settings::Settings;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

const START: Timestamp = Timestamp::from_secs(1_790_000_040);

/// A load that never changes.
struct Flat(Arc<ManualClock>);

impl ReplaySource for Flat {
    fn value(&self, _: &str, _: Timestamp) -> Option<f64> {
        Some(245.0)
    }

    fn knows(&self, _: &str) -> bool {
        true
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct Stage {
    clock: Arc<ManualClock>,
    settings: Settings,
    _stop: DropGuard,
}

impl Stage {
    async fn set(workloads: Vec<Entry>, data: &std::path::Path) -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let source = Arc::new(Flat(Arc::clone(&clock))) as Arc<dyn ReplaySource>;
        tokio::spawn(ReplayServer::new(listener).run(source, stop.clone()));
        let mut settings = Settings {
            workloads,
            ..Settings::default()
        };
        let sources = &mut settings.monitor.sources;
        sources.insert("default".to_owned(), SourceConfig::at(&url));
        settings.keda.addr = "127.0.0.1:0".parse().unwrap();
        settings.admin.addr = "127.0.0.1:0".parse().unwrap();
        settings.analyze.model_timeout = HumanDuration::from_secs(600);
        settings.knowledge.data_dir = Some(data.to_owned());
        Self {
            clock,
            settings,
            _stop: stop.drop_guard(),
        }
    }

    async fn service(&self) -> anyhow::Result<Service> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Service::bind_with(&self.settings, None, clock).await
    }

    /// A service whose snapshot is free; it may take a moment until the one before has let go of it.
    async fn service_again(&self) -> Service {
        for _ in 0..500 {
            if let Ok(service) = self.service().await {
                return service;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.service().await.unwrap()
    }
}

fn metadata(threshold: &str) -> Metadata {
    [
        ("query", "load"),
        ("threshold", threshold),
        ("mode", "reactive"),
        ("history", "1h"),
        ("horizon", "5m"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn standing() -> Vec<Entry> {
    vec![Entry {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        metadata: metadata("50"),
    }]
}

fn called(engine: &Engine) {
    let parsed = parse_metadata(&metadata("50")).unwrap();
    let key = WorkloadKey::new("shop", "called", metadata("50"));
    engine
        .board()
        .register(key, parsed.spec, parsed.warnings, engine.now())
        .unwrap();
}

fn names(engine: &Engine) -> Vec<String> {
    let all = engine.board().all().into_iter();
    let mut names: Vec<String> = all.map(|workload| workload.key.to_string()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_of_the_settings_is_planned_with_nobody_calling_and_its_numbers_are_series() {
    let data = tempfile::tempdir().unwrap();
    let stage = Stage::set(standing(), data.path()).await;
    let service = stage.service().await.unwrap();
    let (engine, http) = (Arc::clone(service.engine()), service.http_addr());
    let stop = CancellationToken::new();
    tokio::spawn(service.run_servers(stop.clone()));
    let _stop = stop.drop_guard();
    engine.turn().await;

    let get = async |path: &str| {
        let answer = reqwest::get(format!("http://{http}{path}")).await.unwrap();
        answer.text().await.unwrap()
    };
    let list: serde_json::Value = serde_json::from_str(&get("/api/v1/workloads").await).unwrap();
    let workload = &list["workloads"][0];
    assert_eq!(workload["registeredBy"], "settings", "{list}");
    assert_eq!(workload["plan"]["replicas"], 5, "245 over 50: {list}");
    let metrics = get("/metrics").await;
    let series = |name: &str| {
        let begins = format!("{name}{{namespace=\"shop\",name=\"web\",");
        let line = metrics.lines().find(|line| line.starts_with(&begins));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.and_then(|value| value.parse::<f64>().ok())
    };
    let value = series("forescale_workload_served_value").unwrap();
    let target = series("forescale_workload_served_target").unwrap();
    assert!((target - 50.0).abs() < 1e-9, "{metrics}");
    assert!(
        (value / target).ceil() as u32 == 5,
        "the HPA lands on it: {value} over {target}"
    );
}

/// More than the six hours in which nobody asks about anything, as if KEDA were away.
async fn rest(stage: &Stage, engine: &Arc<Engine>) {
    for _ in 0..95 {
        stage.clock.advance(Duration::from_mins(4));
        engine.turn().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_while_it_stands_there_across_a_long_rest_and_goes_when_it_is_taken_out() {
    let data = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(standing(), data.path()).await;
    let service = stage.service().await.unwrap();
    let engine = Arc::clone(service.engine());
    called(&engine);
    engine.turn().await;
    assert_eq!(names(&engine), ["shop/called", "shop/web"]);
    rest(&stage, &engine).await;
    assert_eq!(names(&engine), ["shop/web"], "nobody asks about the other");

    let samples = |engine: &Engine| {
        let workload = &engine.board().of_scaled_object("shop", "web")[0];
        workload.learned().history.len()
    };
    let before = samples(&engine);
    assert!(before > 0);
    engine.save().await;
    drop((engine, service));
    stage.clock.advance(Duration::from_hours(2));
    let service = stage.service_again().await;
    let engine = Arc::clone(service.engine());
    assert_eq!(samples(&engine), before, "the snapshot is its own");

    engine.save().await;
    drop((engine, service));
    stage.settings.workloads.clear();
    let service = stage.service_again().await;
    let engine = service.engine();
    rest(&stage, engine).await;
    assert_eq!(names(engine), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_can_t_be_used_are_no_start_and_name_the_whole_key() {
    let data = tempfile::tempdir().unwrap();
    let wrong = Entry {
        metadata: metadata("none"),
        ..standing().remove(0)
    };
    let stage = Stage::set(vec![wrong], data.path()).await;
    let error = stage.service().await.unwrap_err().to_string();
    assert!(
        error.starts_with("`workloads[0].metadata.threshold`: `threshold` is `none`"),
        "{error}"
    );
}
