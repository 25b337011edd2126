//! What fails or talks nonsense beside what works.

use std::fs;
use std::time::Duration;

use forescale::domain::{Basis, Clock, HumanDuration, LeadTime, TriggerSpec, WorkloadKey};
use forescale::knowledge::SideQuery;
use forescale::train::onnx_file::Graph;

use super::stage::{Stage, register, register_with};
use super::support;

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
async fn a_clock_that_is_set_back_does_not_leave_a_workload_without_a_forecast() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let workload = register(&engine, "set-back", "seasonal-naive");
    for _ in 0..3 {
        engine.turn().await;
        stage.clock.advance(Duration::from_mins(20));
    }
    // By less than what has passed since the fit, which therefore stays.
    let now = stage.clock.now() - Duration::from_mins(30);
    stage.clock.set(now);
    for _ in 0..2 {
        stage.clock.advance(Duration::from_mins(1));
        engine.turn().await;
    }
    let published = workload.published().unwrap();
    let origin = published.forecast.as_ref().unwrap().origin();
    assert!(origin <= stage.clock.now(), "{origin}");
    assert_eq!(published.plan.basis, Basis::Forecast);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_panics_holds_up_nobody_else_and_is_tried_again() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let (engine, http, _stop) = stage.served().await;
    let fine = register(&engine, "fine", "naive");
    // No metadata can say this: a lead time that nothing can be added to.
    let spec = TriggerSpec {
        lead_time: LeadTime::Fixed(HumanDuration(Duration::MAX)),
        interval: HumanDuration::from_secs(30),
        ..fine.spec.clone()
    };
    let key = WorkloadKey::new("shop", "endless", (*fine.key.metadata).clone());
    let now = stage.clock.now();
    let endless = engine.board().register(key, spec, Vec::new(), now).unwrap();
    let mut planned = Vec::new();
    for _ in 0..3 {
        engine.turn().await;
        planned.push(fine.published().unwrap().plan.at);
        stage.clock.advance(Duration::from_mins(1));
    }
    assert!(planned.is_sorted_by(|a, b| a < b), "{planned:?}");
    assert!(endless.published().is_none());
    let metrics = reqwest::get(format!("http://{http}/metrics")).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let counted = "forescale_loop_refreshes_total{outcome=\"panic\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_by_less_than_a_step_leaves_no_old_load_standing() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let workload = register_with(
        &engine,
        "set-back",
        "naive",
        &[("step", "10m"), ("horizon", "30m"), ("history", "1d")],
    );
    engine.turn().await;
    let ahead = workload.learned().live.unwrap().at;
    stage.clock.set(stage.clock.now() - Duration::from_mins(9));
    engine.turn().await;
    let live = workload.learned().live.unwrap().at;
    assert!(live <= stage.clock.now() && live < ahead, "{live}");
}
