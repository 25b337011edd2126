//! What lies on disk, and the first answer after a restart.

use std::sync::Arc;
use std::time::Duration;

use forescale::control::Engine;
use forescale::domain;
use forescale::domain::{Basis, Clock, ClusterFacts, Scaling, ScalingRules};

use super::stage::{START, Stage, register, register_with};

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
async fn without_a_folder_for_snapshots_plans_are_made_and_each_save_looks_for_it_again() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let in_the_way = data.path().join("volume");
    std::fs::write(&in_the_way, "a file").unwrap();
    let stage = Stage::set(models.path(), &in_the_way.join("data")).await;
    let (engine, http, stop) = stage.served().await;
    let web = register(&engine, "web", "auto");
    engine.turn().await;
    let planned = web.published().unwrap().plan.replicas;
    assert!(planned > 0);
    engine.save().await;
    let metrics = reqwest::get(format!("http://{http}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    // The start counts too.
    let failed = "forescale_loop_snapshots_total{outcome=\"failed\"} 2";
    assert!(metrics.contains(failed), "{metrics}");

    std::fs::remove_file(&in_the_way).unwrap();
    engine.save().await;
    drop((engine, web, stop));
    let engine = stage.engine_again().await;
    let web = &engine.board().of_scaled_object("shop", "web")[0];
    assert_eq!(web.published().unwrap().plan.replicas, planned);
}

/// The workloads on the board.
fn names(engine: &Engine) -> Vec<String> {
    let all = engine.board().all();
    all.iter().map(|w| w.key.to_string()).collect()
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
    for _ in 0..19 {
        stage.clock.advance(Duration::from_mins(3));
        engine.turn().await;
    }
    asked.touch(stage.clock.now());
    assert_eq!(engine.board().len(), 2, "not yet an hour");
    stage.clock.advance(Duration::from_mins(4));
    engine.turn().await;
    assert_eq!(names(&engine), ["shop/asked"]);
    engine.save().await;
    drop((engine, left, asked));

    let engine = stage.engine().await;
    assert_eq!(
        names(&engine),
        ["shop/asked"],
        "the snapshot has forgotten it as well"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_was_edited_is_forgotten_once_the_new_one_has_settled_and_a_sibling_is_not()
{
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let mut engine = stage.engine().await;
    let trigger = |engine: &Engine, threshold: &str| {
        let metadata = [("threshold", threshold)];
        register_with(engine, "web", "naive", &metadata).touch(engine.now());
    };
    let thresholds = |engine: &Engine| {
        let all = engine.board().of_scaled_object("shop", "web");
        let mut all: Vec<String> = (all.iter())
            .map(|workload| workload.key.metadata["threshold"].clone())
            .collect();
        all.sort();
        all
    };
    trigger(&engine, "10");
    trigger(&engine, "20");
    register(&engine, "web-too", "naive");
    engine.turn().await;
    stage.clock.advance(Duration::from_secs(30));
    // `10` becomes `30`; KEDA asks about `20` first, and about both in each pass from then on.
    for minute in 0..=11 {
        trigger(&engine, "20");
        stage.clock.advance(Duration::from_millis(50));
        trigger(&engine, "30");
        engine.turn().await;
        let old = if minute < 10 { &["10"][..] } else { &[] };
        assert_eq!(
            thresholds(&engine),
            [old, &["20", "30"]].concat(),
            "{minute}"
        );
        if minute == 6 {
            engine.save().await;
            drop(engine);
            engine = stage.engine().await;
        }
        stage.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(
        engine.board().len(),
        3,
        "another ScaledObject is no sibling"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_forgotten_for_silence_while_nobody_could_ask() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    register(&engine, "web", "auto");
    engine.turn().await;
    // A machine that was suspended, or a clock that was set.
    stage.clock.advance(Duration::from_mins(90));
    engine.turn().await;
    assert_eq!(names(&engine), ["shop/web"]);
    engine.save().await;
    drop(engine);
    // A server that was away.
    stage.clock.advance(Duration::from_hours(5));
    let engine = stage.engine().await;
    engine.turn().await;
    assert_eq!(names(&engine), ["shop/web"]);
    // From then on silence counts; that nobody asks about anything says more of KEDA than of the workload.
    let pass = async |minutes: u64| {
        for _ in 0..minutes / 4 {
            stage.clock.advance(Duration::from_mins(4));
            engine.turn().await;
        }
    };
    pass(64).await;
    assert_eq!(names(&engine), ["shop/web"]);
    pass(5 * 60).await;
    assert_eq!(names(&engine), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_long_ago_is_not_told_before_there_is_fresh_data() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    register(&engine, "web", "auto");
    engine.turn().await;
    engine.save().await;
    drop(engine);
    stage.clock.advance(Duration::from_hours(6));
    let engine = stage.engine().await;
    let [web] = &engine.board().of_scaled_object("shop", "web")[..] else {
        panic!("one workload")
    };
    assert!(
        web.published().is_none(),
        "what was right then says nothing of now"
    );
    assert!(
        web.learned().history.len() > 100,
        "what was learned is kept"
    );
    engine.turn().await;
    assert_ne!(web.published().unwrap().plan.basis, Basis::Restored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_whose_scaled_object_is_paused_is_kept_although_keda_asks_nothing() {
    let (models, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stage = Stage::set(models.path(), data.path()).await;
    let engine = stage.engine().await;
    let paused = register(&engine, "paused", "auto");
    let asked = register(&engine, "asked", "auto");
    register(&engine, "gone", "auto");
    for _ in 0..17 {
        asked.touch(stage.clock.now());
        let scaling = Scaling {
            at: stage.clock.now(),
            min: None,
            max: None,
            up: ScalingRules::usual_up(),
            down: ScalingRules::usual_down(),
            paused: true,
        };
        paused.note_cluster(Some(Arc::new(ClusterFacts {
            scaling: Some(scaling),
            ..ClusterFacts::default()
        })));
        engine.turn().await;
        stage.clock.advance(Duration::from_mins(4));
    }
    let sorted = || {
        let mut names = names(&engine);
        names.sort();
        names
    };
    assert_eq!(sorted(), ["shop/asked", "shop/paused"]);
    // An API server that is away says nothing more of it, and nobody can end its pause meanwhile.
    for minutes in (4..=68).step_by(4) {
        asked.touch(stage.clock.now());
        engine.turn().await;
        let kept = sorted().contains(&"shop/paused".to_owned());
        assert_eq!(kept, minutes <= 60, "{minutes}");
        stage.clock.advance(Duration::from_mins(4));
    }
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
    let engine = stage.engine_again().await;
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
