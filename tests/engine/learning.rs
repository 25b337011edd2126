//! What the loop learns from the fleet, and its plans made again from their records.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use forescale::domain::{Clock, HumanDuration, LeadSource, Limit, PlanRecord};
use forescale::plan;

use super::stage::{Stage, register_with};

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
    let as_json = [&from_file[..], &["--format=json".to_owned()]].concat();
    let of_json = |said: &str| -> serde_json::Value { serde_json::from_str(said).unwrap() };
    let (well, said) = explained(as_json.clone()).await;
    let told = of_json(&said);
    assert!(
        well && told["decisions"][0]["recomputed"]["same"] == true,
        "{said}"
    );
    let before: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        told["decisions"][0]["record"],
        before["decisions"][0]["record"]
    );
    let asked = [
        "shop/auto",
        "--recompute",
        "--format=json",
        "--address",
        &address,
    ];
    let (well, said) = explained(asked.map(str::to_owned).to_vec()).await;
    let told = of_json(&said);
    assert!(
        well && told["decisions"][0]["recomputed"]["same"] == true,
        "{said}"
    );
    let mut changed: serde_json::Value = serde_json::from_str(&body).unwrap();
    changed["decisions"][0]["record"]["plan"]["planned"] = 1234.into();
    fs::write(&file, changed.to_string()).unwrap();
    let (well, said) = explained(from_file.clone()).await;
    assert!(!well && said.contains("planned: 1234 on record"), "{said}");
    let (well, said) = explained(as_json).await;
    let differences = of_json(&said)["decisions"][0]["recomputed"]["differences"].to_string();
    assert!(
        !well && differences.contains("planned: 1234 on record"),
        "{said}"
    );
    fs::write(&file, "{}").unwrap();
    let (well, said) = explained(from_file).await;
    assert!(
        !well && said.contains("holds no record of a plan"),
        "{said}"
    );
}
