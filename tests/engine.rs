//! The loop turned by hand on a virtual clock, over real HTTP against the replay endpoint: networks that work, fail and
//! talk nonsense side by side, and a restart.

#![expect(clippy::unwrap_used, reason = "the stage fails as its tests do")]

#[path = "support/onnx.rs"]
#[expect(dead_code, reason = "shared with the tests of the engines")]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forescale::control::Engine;
use forescale::control::service::Service;
use forescale::domain::{self, WorkloadKey};
use forescale::domain::{
    Basis, Clock, HumanDuration, LeadSource, Limit, ManualClock, Metadata, PlanRecord, Timestamp,
};
use forescale::execute::keda::parse_metadata;
use forescale::knowledge::{SideQuery, Workload};
use forescale::monitor::SourceConfig;
use forescale::monitor::replay::{ReplayServer, ReplaySource};
use forescale::plan;
use forescale::settings::Settings;
use forescale::train::onnx_file::Graph;
use tokio_util::sync::CancellationToken;

const START: Timestamp = Timestamp::from_secs(1_780_000_020);

/// A load that rises and falls within the hour, and at present falls; a load that jumps up and down, and the fleet that
/// serves it.
#[derive(Debug)]
struct Waves {
    clock: Arc<ManualClock>,
    /// What the fleet was told, and when.
    told: Mutex<Vec<(Timestamp, u32)>>,
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

struct Stage {
    clock: Arc<ManualClock>,
    waves: Arc<Waves>,
    settings: Settings,
    _stop: tokio_util::sync::DropGuard,
}

impl Stage {
    async fn set(models: &Path, data: &Path) -> Self {
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

    async fn engine(&self) -> Arc<Engine> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let service = Service::bind_with(&self.settings, None, clock)
            .await
            .unwrap();
        Arc::clone(service.engine())
    }

    /// An engine that is turned by hand, with its servers running.
    async fn served(
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

fn register(engine: &Engine, name: &str, model: &str) -> Arc<Workload> {
    register_with(engine, name, model, &[])
}

fn register_with(engine: &Engine, name: &str, model: &str, more: &[(&str, &str)]) -> Arc<Workload> {
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

/// A network that answers NaN whenever the load is below its recent level.
fn nonsense() -> Vec<u8> {
    let mut card = support::card();
    card.calendar.clear();
    let mut graph = Graph::new();
    let context = graph.context(&card);
    let newest = graph.slice(&context, 1, 23, 24);
    let root = graph.node("Sqrt", &[&newest], &[]);
    let below = graph.node("Neg", &[&newest], &[]);
    let other = graph.node("Sqrt", &[&below], &[]);
    // One of the two roots is never a number, except in a flat.
    let both = graph.node("Add", &[&root, &other], &[]);
    let flat = graph.concat(&[&both; 18], 1);
    graph.quantiles(&card, &flat);
    graph.to_bytes(&card).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_fails_is_replaced_for_its_workload_and_the_loop_goes_on() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let card = support::card();
    let good = support::mlp(&card, 8).to_onnx(&card).unwrap();
    fs::write(models.path().join("good.onnx"), good).unwrap();
    fs::write(models.path().join("broken.onnx"), b"not a network").unwrap();
    fs::write(models.path().join("nonsense.onnx"), nonsense()).unwrap();
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let of = |name: &str, model: &str| register(&engine, name, model);
    let fine = [of("good-1", "onnx:good"), of("good-2", "onnx:good")];
    let failing = [
        (of("missing", "onnx:absent"), "there is no network `absent`"),
        (of("broken", "onnx:broken"), "broken.onnx"),
        (of("nonsense", "onnx:nonsense"), "nonsense"),
    ];

    // The first turn reads the live tail and the history back, the later ones forecast from both.
    for _ in 0..3 {
        engine.turn().await;
        stage.clock.advance(Duration::from_mins(1));
    }

    for workload in &fine {
        let published = workload.published().unwrap();
        let forecast = published.forecast.as_ref().unwrap();
        assert_eq!(&*forecast.model, "onnx:good", "{}", workload.key);
        assert_eq!(forecast.stand_in, None);
    }
    for (workload, why) in &failing {
        let published = workload.published().unwrap();
        assert_eq!(published.plan.basis, Basis::Forecast, "{}", workload.key);
        let forecast = published.forecast.as_ref().unwrap();
        let stand_in = forecast.stand_in.as_ref().expect("another model forecasts");
        assert_eq!(*stand_in.wanted, *workload.spec.model.to_string());
        assert!(
            stand_in.why.contains(why),
            "{}: {}",
            workload.key,
            stand_in.why
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_first_answer_is_the_snapshot_s_and_needs_no_backfill() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let before = register(&engine, "web", "auto");
    for _ in 0..3 {
        engine.turn().await;
        stage.clock.advance(Duration::from_mins(1));
    }
    engine.save().await;
    let planned = before.published().unwrap().plan.replicas;
    let samples = before.learned().history.len();
    assert!(samples >= 115, "two hours of minutes, {samples}");
    drop((engine, before));

    stage.clock.advance(Duration::from_mins(7));
    let engine = stage.engine().await;
    let [web] = &engine.board().of_scaled_object("shop", "web")[..] else {
        panic!("one workload")
    };
    let restored = web.published().expect("an answer before any read");
    assert_eq!(
        (restored.plan.basis, restored.plan.replicas),
        (Basis::Restored, planned)
    );
    let reason = &restored.plan.reasons.last().unwrap().text;
    assert!(reason.contains("planned 8m ago"), "{reason}");

    engine.turn().await;
    engine.turn().await;
    let fresh = web.published().unwrap();
    assert_ne!(fresh.plan.basis, Basis::Restored);
    let gaps = web
        .learned()
        .history
        .tail(60)
        .values()
        .iter()
        .filter(|v| v.is_nan())
        .count();
    assert_eq!(gaps, 0, "what was missed in between has been read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_nobody_asks_about_is_forgotten_on_disk_too() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let (left, asked) = (
        register(&engine, "left", "auto"),
        register(&engine, "asked", "auto"),
    );
    engine.turn().await;
    engine.save().await;
    stage.clock.advance(Duration::from_mins(59));
    asked.touch(stage.clock.now());
    engine.turn().await;
    assert_eq!(engine.board().len(), 2, "not yet an hour");
    stage.clock.advance(Duration::from_mins(2));
    engine.turn().await;
    let names: Vec<String> = engine
        .board()
        .all()
        .iter()
        .map(|w| w.key.to_string())
        .collect();
    assert_eq!(names, ["shop/asked"]);
    engine.save().await;
    drop((engine, left, asked));

    let engine = stage.engine().await;
    let names: Vec<String> = engine
        .board()
        .all()
        .iter()
        .map(|w| w.key.to_string())
        .collect();
    assert_eq!(
        names,
        ["shop/asked"],
        "the snapshot has forgotten it as well"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_beside_the_load_are_read_along_and_their_faults_stay_their_own() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let beside = [
        ("replicasQuery", "ready"),
        ("latencyQuery", "mistake("),
        ("latencySlo", "250ms"),
        ("cpuQuery", "cores"),
        ("memoryQuery", "absent"),
    ];
    let web = register_with(&engine, "web", "naive", &beside);
    for _ in 0..5 {
        engine.turn().await;
        stage.clock.advance(Duration::from_secs(15));
    }

    let published = web.published().unwrap();
    assert_eq!(published.health.fault, None, "the load is well");
    let learned = web.learned();
    let of = |query| learned.side.of(query).clone();
    let ready = of(SideQuery::Replicas);
    assert_eq!(ready.newest.map(|sample| sample.value), Some(20.0));
    assert_eq!(ready.newest.unwrap().at, learned.live.unwrap().at);
    let refused = of(SideQuery::Latency);
    assert!(
        refused.fault.is_some() && refused.newest.is_none(),
        "{refused:?}"
    );
    assert_eq!(refused.failures, 3, "then once a minute is enough");
    let (cores, absent) = (of(SideQuery::Cpu), of(SideQuery::Memory));
    assert!(cores.newest.is_some() && cores.fault.is_none(), "{cores:?}");
    assert_eq!(absent.fault.as_deref(), Some("it returned no data"));
    assert_eq!(absent.failures, 2, "at once and after a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_learns_how_long_replicas_take_and_what_one_carries_and_keeps_it_over_a_restart() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let beside = [
        ("query", "jumps"),
        ("scaleDownWindow", "0s"),
        ("replicasQuery", "fleet"),
        ("latencyQuery", "seconds"),
        ("latencySlo", "83ms"),
        ("cpuQuery", "jumps"),
    ];
    let web = register_with(&engine, "web", "naive", &beside);
    let mut lines = vec![];
    for _ in 0..90 * 4 {
        engine.turn().await;
        let plan = Arc::clone(&web.published().unwrap().plan);
        web.touch(stage.clock.now());
        let told = (stage.clock.now(), plan.replicas);
        stage.waves.told.lock().unwrap().push(told);
        lines.push(plan);
        stage.clock.advance(Duration::from_secs(15));
    }

    assert_eq!(lines[0].lead_time, HumanDuration::from_secs(180));
    assert_eq!(lines[0].lead_source, LeadSource::Default { seen: 0 });
    let plan = lines.last().unwrap();
    assert!(
        matches!(plan.lead_source, LeadSource::Learned { .. }),
        "{plan:#?}"
    );
    let lead = plan.lead_time.get().as_secs();
    assert!(
        (40..=75).contains(&lead),
        "{lead} s for 40 s on a grid of 15 s"
    );
    // Truly 8 of load within 83 ms; the threshold says 10.
    let capacity = plan.capacity.expect("a capacity").per_replica;
    assert!((6.5..=8.2).contains(&capacity), "{capacity}");
    assert!(
        plan.reasons
            .iter()
            .any(|reason| reason.limit == Limit::Capacity)
    );
    assert!((plan.served.value - f64::from(plan.replicas) * 10.0).abs() < 1e-9);
    let cpu = plan
        .vertical
        .and_then(|vertical| vertical.cpu)
        .expect("advice");
    assert!(cpu.request > 5.0 && cpu.limit >= cpu.request, "{cpu:?}");

    engine.save().await;
    let learned = web.learned().memory.experience.clone();
    assert!(learned.is_some());
    drop((engine, web));
    let engine = stage.engine().await;
    let [web] = &engine.board().of_scaled_object("shop", "web")[..] else {
        panic!("one workload")
    };
    assert_eq!(web.learned().memory.experience, learned);
}

/// The answer about a workload's newest plan.
async fn decision_of(http: std::net::SocketAddr, name: &str) -> String {
    let url = format!("http://{http}/api/v1/workloads/shop/{name}/decision");
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

/// `forescale explain` as a process: whether it ended well, and what it said.
async fn explained(args: Vec<String>) -> (bool, String) {
    let run = move || {
        let mut command = assert_cmd::Command::cargo_bin("forescale").unwrap();
        command.arg("explain").args(args).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_plan_is_made_again_from_its_record_to_the_last_bit() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let (engine, http, _stop) = stage.served().await;
    let beside = [
        ("query", "jumps"),
        ("replicasQuery", "ready"),
        ("latencyQuery", "seconds"),
        ("latencySlo", "83ms"),
        ("cpuQuery", "cores"),
        ("customHeaders", "X-Scope-OrgID=hush"),
        ("rampDown", "10%/1m"),
        ("events", "2026-11-27/1d black-friday"),
        ("shortageCost", "7"),
    ];
    let mut workloads = vec![register_with(&engine, "beside", "naive", &beside)];
    for mode in ["predictive", "scale-out", "auto", "shadow", "reactive"] {
        workloads.push(register_with(&engine, mode, "naive", &[("mode", mode)]));
    }
    let blind = register_with(&engine, "blind", "naive", &[("query", "absent")]);

    for turn in 0..120 {
        engine.turn().await;
        for workload in workloads.iter().filter(|_| turn % 17 == 0 || turn > 116) {
            let body = decision_of(http, &workload.key.name).await;
            assert!(!body.contains("hush"), "a secret is on record");
            let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
            let record = answer["decisions"][0]["record"].to_string();
            let record: PlanRecord<plan::Config> = serde_json::from_str(&record).unwrap();
            assert_eq!(record.differences(), [""; 0], "{} at {turn}", workload.key);
            assert_eq!(record.plan, workload.published().unwrap().plan);
        }
        stage.clock.advance(Duration::from_secs(15));
    }

    let none = decision_of(http, &blind.key.name).await;
    assert!(none.contains("\"record\":null"), "{none}");
    let address = format!("http://{http}");
    let asked = ["shop/auto", "--recompute", "--address", &address];
    let (well, said) = explained(asked.map(str::to_owned).to_vec()).await;
    assert!(
        well && said.contains("was made again from its record: the same number"),
        "{said}"
    );

    // A record that was tampered with is found out.
    let file = data.path().join("record.json");
    let body = decision_of(http, "beside").await;
    let from_file = vec!["--record".to_owned(), file.display().to_string()];
    fs::write(&file, &body).unwrap();
    let (well, said) = explained(from_file.clone()).await;
    assert!(well, "{said}");
    let mut changed: serde_json::Value = serde_json::from_str(&body).unwrap();
    changed["decisions"][0]["record"]["plan"]["planned"] = 1234.into();
    fs::write(&file, changed.to_string()).unwrap();
    let (well, said) = explained(from_file.clone()).await;
    assert!(!well && said.contains("planned: 1234 on record"), "{said}");
    fs::write(&file, "{}").unwrap();
    let (well, said) = explained(from_file).await;
    assert!(
        !well && said.contains("holds no record of a plan"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_was_earned_is_counted_when_it_is_reached_and_survives_a_restart() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let (engine, http, stop) = stage.served().await;
    let auto = register_with(&engine, "auto", "naive", &[("mode", "auto")]);
    let turn = async || {
        engine.turn().await;
        stage.clock.advance(Duration::from_secs(15));
        let plan = Arc::clone(&auto.published().unwrap().plan);
        plan.authority.clone().unwrap()
    };
    assert_eq!(turn().await.stage, domain::Stage::Shadow);
    // As if a day of good grades lay behind it.
    let mut earned = turn().await;
    earned.stage = domain::Stage::ScaleOut;
    auto.learned().memory.authority = Some(Arc::new(earned));
    assert_eq!(turn().await.stage, domain::Stage::ScaleOut);
    turn().await;
    let metrics = reqwest::get(format!("http://{http}/metrics"))
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    let counted = "forescale_loop_authority_changes_total{to=\"scale-out\"} 1";
    assert!(metrics.contains(counted), "{metrics}");

    engine.save().await;
    drop((engine, auto, stop));
    // The store is free once the servers are gone.
    let mut tries = 0..500;
    let engine = loop {
        let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
        match Service::bind_with(&stage.settings, None, clock).await {
            Ok(service) => break Arc::clone(service.engine()),
            Err(error) => assert!(tries.next().is_some(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let auto = &engine.board().of_scaled_object("shop", "auto")[0];
    engine.turn().await;
    let plan = Arc::clone(&auto.published().unwrap().plan);
    assert_eq!(
        plan.authority.as_ref().unwrap().stage,
        domain::Stage::ScaleOut
    );
    let grade = auto.learned().memory.grade.clone().unwrap();
    assert_eq!(grade.since, Some(START), "the score goes on");
}
