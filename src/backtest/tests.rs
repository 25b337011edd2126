use std::f64::consts::TAU;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::analyze::{Config, OnnxEngine};
use crate::control::replay::Rooms;
use crate::domain::{LeadSource, Series, Timestamp};
use crate::execute::keda::metadata::keys;
use crate::simulate::keda::ScaledObject;

/// Hours of minutes between 20 and 180, with a little noise that is the same in every run.
fn days(hours: usize) -> Dataset {
    let value = |minute: usize| {
        let noise = (minute * 7919 % 101) as f64 / 101.0;
        100.0 - 80.0 * (TAU * minute as f64 / 1440.0).cos() + 4.0 * noise
    };
    Dataset {
        name: "wave".to_owned(),
        series: Series::new(
            Timestamp::from_secs(1_699_833_600),
            Duration::from_mins(1),
            (0..hours * 60).map(value).collect(),
        ),
        notes: Vec::new(),
    }
}

fn settings(frontier: bool) -> Settings {
    Settings {
        start_up: HumanDuration::from_secs(90),
        start_up_spread: false,
        nodes: None,
        capacity: None,
        replicas_at_median: 10.0,
        judged: 0.2,
        history: HumanDuration::from_secs(30 * 3600),
        price: 0.1,
        currency: None,
        trigger: TriggerSpec {
            interval: HumanDuration::from_secs(60),
            ..keys::defaults()
        },
        configured: None,
        notes: Vec::new(),
        rivals: vec![Kind::Hpa, Kind::Perfect],
        frontier,
        service: Service::default(),
        plan: plan::Config::default(),
        analyze: Config::default(),
        seed: 1,
    }
}

fn models() -> Arc<Registry> {
    let config = Config {
        model_dirs: Vec::new(),
        shipped_networks: false,
        onnx_engine: OnnxEngine::Rten,
        ..Config::default()
    };
    Arc::new(Registry::new(&config).unwrap())
}

fn rooms() -> Rooms {
    Rooms {
        models: models(),
        plan: plan::Config::default(),
        analyze: Config::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_says_for_each_policy_what_it_cost_and_missed() {
    let settings = settings(true);
    let case = Case::new(&days(36), &settings).unwrap();
    let report = case.run(&settings, &models(), &|_| {}).await.unwrap();
    let names: Vec<&str> = report.policies.iter().map(|p| p.policy.as_str()).collect();
    assert_eq!(names, ["forescale", "hpa", "perfect"]);
    let perfect = &report.policies[2].usual;
    assert!((perfect.cost_vs_perfect - 1.0).abs() < 1e-9);
    assert!(perfect.figures.overload_percent < 1e-9);
    for policy in &report.policies {
        assert!(policy.usual.figures.replica_hours >= 0.95 * perfect.figures.replica_hours);
        assert!(policy.usual.figures.slo_violation_minutes.is_some());
        let price = 0.1 * policy.usual.figures.replica_hours;
        assert!((policy.usual.price - price).abs() < 1e-9);
        assert!(policy.frontier.as_ref().is_some_and(|all| all.len() > 10));
    }
    assert_eq!(report.against_hpa.len(), OVERLOADS.len());
    assert!(!report.moments.path.is_empty() && !report.moments.plans.is_empty());
    let whole = Report {
        forescale: "test".to_owned(),
        protocol: settings.protocol(),
        traces: vec![report],
        left_out: Vec::new(),
    };
    let json = serde_json::to_value(&whole).unwrap();
    let policy = &json["traces"][0]["policies"][0];
    for field in [
        "overload_percent",
        "slo_violation_minutes",
        "unmet_percent",
        "replica_hours",
        "cost_vs_perfect",
        "changes_per_hour",
        "theta_u",
        "theta_o",
        "tau_u",
        "tau_o",
        "instability",
    ] {
        assert!(policy[field].is_number(), "{field}: {policy}");
        assert!(policy["frontier"][0][field].is_number(), "{field}");
    }
    let gain = &json["traces"][0]["gain"];
    assert_eq!(gain["beside"], "hpa");
    for field in [
        "replica_hours_saved_a_month",
        "saved_percent",
        "price_saved_a_month",
        "slo_minutes_a_day",
    ] {
        assert!(gain[field].is_number(), "{field}: {gain}");
    }
    let there = &json["traces"][0]["policies"][1]["forescale_there"];
    assert!(there["overload_percent_at_its_cost"].is_number(), "{there}");
    let slo = &json["protocol"]["slo"];
    assert_eq!(
        (&slo["percent"], &slo["seconds"]),
        (&95.0.into(), &0.25.into())
    );
    let (page, text) = (html::html(&whole), table(&whole));
    for words in [
        "<svg",
        "In short: beside `hpa`",
        "more than 5 % of requests",
        "What forescale told KEDA, and why",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for words in [
        "% of its gap captured",
        "out of the box:",
        "beside `hpa`, Forescale takes",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_reads_its_replicas_learns_what_others_are_told() {
    let mut settings = settings(false);
    settings.start_up = HumanDuration::from_secs(240);
    settings.trigger.replicas_query = Some("sum(kube_deployment_status_replicas_ready)".to_owned());
    assert!(settings.protocol().reads_replicas);
    let case = Case::new(&days(60), &settings).unwrap();
    let report = case.run(&settings, &models(), &|_| {}).await.unwrap();
    let plan = report.moments.plans.last().unwrap();
    assert!(
        matches!(plan.lead_source, LeadSource::Learned { scale_ups, .. } if scale_ups >= 5),
        "{plan:?}"
    );
    let lead = plan.lead_time.get().as_secs();
    assert!((240..400).contains(&lead), "{lead} s");
    // Days without overload let the plans on trial be short more often.
    let aim = plan.chosen.unwrap().aim.unwrap();
    assert!(aim > keys::defaults().max_overload.unwrap(), "{aim}");
    settings.trigger.replicas_query = None;
    let told = case.run(&settings, &models(), &|_| {}).await.unwrap();
    let plan = told.moments.plans.last().unwrap();
    assert_eq!(plan.lead_source, LeadSource::Given);
    assert_eq!(plan.chosen.unwrap().aim, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_meets_a_history_follows_a_plan_on_trial_at_once() {
    let history = days(35).series;
    let aims_at = |share: f64| TriggerSpec {
        max_overload: Some(share),
        threshold: 10.0,
        ..settings(false).trigger
    };
    let now = history.end() - Duration::from_mins(30);
    let mut replay =
        crate::control::replay::Replay::new(history, aims_at(0.005), rooms(), now).unwrap();
    replay.vary(aims_at(0.05));
    let mut at = now;
    let own = loop {
        let own = replay.turn(at).await;
        if let Some(own) = own.filter(|plan| plan.chosen.is_some()) {
            break own;
        }
        at = at + crate::simulate::cluster::TICK;
        assert!(
            at < now + Duration::from_mins(3),
            "no plan on trial is followed"
        );
    };
    let evidence = own.chosen.unwrap().evidence.get();
    assert!(evidence > Duration::from_hours(28), "{evidence:?}");
    let varied = replay.plans(&[]).remove(0).unwrap().chosen.unwrap();
    assert_eq!(varied.evidence, own.chosen.unwrap().evidence);
    assert!(varied.short >= own.chosen.unwrap().short);
}

#[test]
fn the_simulated_metric_is_as_late_as_the_trigger_takes_it_to_be() {
    let window = |lag: Option<u64>| {
        let mut settings = settings(false);
        settings.trigger.metric_lag = lag.map(HumanDuration::from_secs);
        let case = Case::new(&days(33), &settings).unwrap();
        case.scene(&settings).cluster.metric.rate_window.as_secs()
    };
    assert_eq!((window(None), window(Some(0))), (60, 60));
    assert_eq!((window(Some(150)), window(Some(1))), (300, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_with_the_same_trigger_plans_what_the_loop_published() {
    let settings = settings(false);
    let case = Case::new(&days(33), &settings).unwrap();
    let scene = case.scene(&settings);
    let spec = TriggerSpec {
        threshold: scene.cluster.capacity,
        replicas_query: Some(crate::control::replay::READY.to_owned()),
        ..settings.trigger.clone()
    };
    let measured = days(33).series;
    let now = scene.until() - Duration::from_hours(3);
    let mut replay =
        crate::control::replay::Replay::new(measured, spec.clone(), rooms(), now).unwrap();
    replay.vary(spec);
    let mut compared = 0;
    let mut at = now;
    // What was asked for, and is Ready three looks later.
    let mut ready = std::collections::VecDeque::from([10; 3]);
    while at < scene.until() {
        let seen = ready.pop_front().unwrap();
        let own = replay.turn_beside(at, Some(seen)).await;
        let varied = replay.plans(&[seen]).remove(0);
        ready.push_back(own.as_ref().map_or(seen, |plan| plan.replicas));
        let own = own.as_deref().filter(|plan| plan.at == at).cloned();
        if let Some(own) = own {
            assert_eq!(Some(own), varied.map(Arc::unwrap_or_clone), "at {at}");
            compared += 1;
        }
        at = at + crate::simulate::cluster::TICK * 4;
    }
    assert!(compared > 100, "{compared}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_record_gives_the_same_report() {
    let settings = settings(false);
    let (models, data) = (models(), days(32));
    let run = async || {
        let case = Case::new(&data, &settings).unwrap();
        let report = case.run(&settings, &models, &|_| {}).await.unwrap();
        serde_json::to_string(&report).unwrap()
    };
    assert_eq!(run().await, run().await);
}

#[test]
fn a_history_that_says_nothing_is_refused_with_what_is_needed() {
    let settings = settings(false);
    let error = Case::new(&days(10), &settings).unwrap_err().to_string();
    assert!(error.contains("too short to say anything"), "{error}");
    assert!(error.contains("at least 1d6h are needed"), "{error}");
    let mut gap = days(160);
    let mut values = gap.series.values().to_vec();
    values[48 * 60..].fill(f64::NAN);
    *values.last_mut().unwrap() = 100.0;
    gap.series = Series::new(gap.series.start(), gap.series.step(), values);
    let error = Case::new(&gap, &settings).unwrap_err().to_string();
    assert!(error.contains("are 0s (of 1d7h59m"), "{error}");
    let mut nothing = days(40);
    let zeros = vec![0.0; nothing.series.len()];
    nothing.series = Series::new(nothing.series.start(), nothing.series.step(), zeros);
    let error = Case::new(&nothing, &settings).unwrap_err().to_string();
    assert!(error.contains("`--capacity`"), "{error}");
}

/// `days` with other values.
fn with(hours: usize, change: impl Fn(&mut [f64])) -> Dataset {
    let mut record = days(hours);
    let mut values = record.series.values().to_vec();
    change(&mut values);
    record.series = Series::new(record.series.start(), record.series.step(), values);
    record
}

#[test]
fn what_is_refused_says_why_and_nothing_else() {
    let refused = |record: &Dataset| {
        let error = Case::new(record, &settings(false)).unwrap_err();
        error.to_string()
    };
    for nothing in [f64::NAN, -5.0] {
        let error = refused(&with(40, |values| values.fill(nothing)));
        assert!(error.contains("it holds no load"), "{error}");
    }
    let small = refused(&with(40, |values| values.fill(0.005)));
    for part in [
        "0.0005",
        "`--replicas` (10)",
        "`--capacity`",
        "scale the query",
    ] {
        assert!(small.contains(part), "{part}: {small}");
    }
    let whole = refused(&days(24));
    assert!(!whole.contains("the rest is missing"), "{whole}");
}

#[test]
fn what_is_missing_or_no_load_is_told() {
    let notes = |record: &Dataset| Case::new(record, &settings(false)).unwrap().notes;
    let gap = with(180, |values| values[170 * 60..].fill(f64::NAN));
    let told = notes(&with(180, |values| {
        values[170 * 60..175 * 60].fill(f64::NAN);
        values[0] = -1.0;
    }));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("1 value below 0"), "{told:?}");
    assert!(
        told[1].starts_with("only 1d6h58m of the 1d11h59m48s judged are known"),
        "{told:?}"
    );
    assert!(notes(&gap)[0].contains("are known"), "at the end too");
    assert!(notes(&days(180)).is_empty());
}

#[test]
fn what_forescale_can_not_see_or_be_told_exactly_is_told() {
    let mut settings = settings(false);
    settings.start_up = HumanDuration::from_secs(45 * 60);
    settings.capacity = Some(0.5);
    let told = Case::new(&days(180), &settings).unwrap().notes;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Ready 45m30s") && told[0].contains("`horizon` is 30m"));
    settings.start_up = HumanDuration::from_secs(90);
    settings.capacity = Some(0.1005);
    let told = Case::new(&days(180), &settings).unwrap().notes;
    assert!(told.is_empty(), "{told:?}");
    settings.capacity = Some(0.0405);
    let told = Case::new(&days(180), &settings).unwrap().notes;
    assert!(told[0].contains("a `threshold` of 0.04"), "{told:?}");
}

#[test]
fn a_load_beyond_the_maximum_is_told_with_whose_maximum_it_is() {
    let notes = |settings: &Settings| Case::new(&days(36), settings).unwrap().notes;
    let mut settings = settings(false);
    assert!(notes(&settings)[0].contains("0.1 % are 26 seconds"));
    let notes = |settings: &Settings| Case::new(&days(180), settings).unwrap().notes;
    assert!(notes(&settings).is_empty());
    settings.capacity = Some(0.02);
    let told = notes(&settings);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("the maximum is 5000"), "{told:?}");
    assert!(told[0].contains("larger `--capacity`"), "{told:?}");
    settings.trigger.max_replicas = Some(40);
    let told = notes(&settings);
    assert!(told[0].contains("the maximum is 40"), "{told:?}");
    assert!(told[0].contains("`maxReplicas` of the trigger"), "{told:?}");
}

#[test]
fn with_nodes_a_note_says_that_perfect_foresight_is_no_limit() {
    let mut settings = settings(false);
    assert!(settings.protocol().notes.is_empty());
    settings.nodes = Some(NodePool {
        pods_per_node: 10,
        provisioning: Duration::from_mins(3),
        spare: 0,
    });
    let notes = settings.protocol().notes;
    assert!(notes[0].contains("perfect foresight is no limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_binds_every_policy_and_shows_what_is_configured_today() {
    let mut settings = settings(false);
    settings.configured = Some(Configured {
        object: ScaledObject {
            min_replicas: 12,
            max_replicas: 14,
            ..ScaledObject::default()
        },
        behavior: None,
        ours: false,
        own_behavior: false,
        target: Some(10.0),
        activation: 0.0,
    });
    settings.capacity = Some(10.0);
    settings.start_up_spread = true;
    let mut record = days(36);
    record.notes = vec!["2 rows without a finite value: missing".to_owned()];
    let case = Case::new(&record, &settings).unwrap();
    let passed = AtomicU64::new(0);
    let progress = |ticks| {
        passed.fetch_add(ticks, Ordering::Relaxed);
    };
    let report = case.run(&settings, &models(), &progress).await.unwrap();
    assert_eq!(
        passed.into_inner(),
        case.ticks(&settings),
        "the bar ends full"
    );
    assert_eq!(report.notes[0], record.notes[0]);
    assert!(
        report.notes[2].contains("needs 19 replicas at its peak, the maximum is 14"),
        "{:?}",
        report.notes
    );
    let names: Vec<&str> = report.policies.iter().map(|p| p.policy.as_str()).collect();
    assert_eq!(names, ["forescale", CONFIGURED, "hpa", "perfect"]);
    assert_eq!(report.moments.beside, CONFIGURED, "today's own is drawn");
    assert_eq!(report.gain.as_ref().unwrap().beside, CONFIGURED);
    let hours = report.judged_until.since(report.judged_from).as_secs_f64() / 3600.0;
    for policy in &report.policies {
        let figures = &policy.usual.figures;
        assert!(figures.peak_replicas <= 14, "{}", policy.policy);
        assert!(figures.replica_hours >= 11.9 * hours, "{}", policy.policy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_minute_on_it_is_short_no_more_than_the_measured_load_alone_would_be() {
    let mut settings = settings(false);
    settings.trigger.interval = HumanDuration::from_secs(15);
    settings.history = HumanDuration::from_secs(0);
    // An hour is known before.
    settings.judged = 29.0 / 30.0;
    settings.capacity = Some(10.0);
    // KEDA's own trigger at the same threshold, and an HPA that follows it as it follows a plan.
    settings.configured = Some(Configured {
        object: ScaledObject {
            min_replicas: 1,
            max_replicas: 1000,
            ..ScaledObject::default()
        },
        behavior: Some(configured::under_a_plan(&settings.trigger)),
        ours: false,
        own_behavior: false,
        target: Some(10.0),
        activation: 0.0,
    });
    let mut jumps = days(30);
    jumps.name = "jumps".to_owned();
    let values = jumps.series.values().iter().enumerate();
    let jumped = values.map(|(minute, value)| value * if minute % 190 < 20 { 2.5 } else { 1.0 });
    jumps.series = Series::new(jumps.series.start(), jumps.series.step(), jumped.collect());
    for record in [days(30), jumps] {
        let case = Case::of_any_length(&record, &settings).unwrap();
        let report = case.run(&settings, &models(), &|_| {}).await.unwrap();
        let of = |name: &str| {
            let policy = report.policies.iter().find(|it| it.policy == name);
            policy.unwrap().usual.figures
        };
        let (ours, reactive) = (of(FORESCALE), of(CONFIGURED));
        assert!(
            reactive.overload_minutes > 5.0,
            "{}",
            reactive.overload_minutes
        );
        assert!(
            ours.overload_minutes <= reactive.overload_minutes,
            "{}: {} against {} min",
            record.name,
            ours.overload_minutes,
            reactive.overload_minutes
        );
        assert!(ours.unmet_percent <= reactive.unmet_percent);
    }
}
