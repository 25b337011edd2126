//! Every query, executed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::files::{dashboards, rules, text};
use super::promql::{interpolate, selectors};
use super::shape::documented_as;
use super::support::prometheus::TOOLS;
use super::support::{say, tools_are_there};
use super::world::{NAMES, World};

/// How long the small fleet may take until every query has an answer; long, so that a slow machine passes.
const PATIENCE: Duration = Duration::from_mins(4);

/// What has no series in this world, and why. Whatever reads nothing else may be empty; a line that is not needed any
/// more fails the test.
const ABSENT: [(&str, &str); 6] = [
    (
        "forescale_workload_capacity",
        "is learned from 24 readings that lie a minute apart",
    ),
    (
        "forescale_workload_capacity_dropped",
        "needs a capacity that was known before",
    ),
    ("forescale_keda_tls_reloads_total", "needs TLS"),
    ("forescale_keda_tls_refused", "needs TLS"),
    ("forescale_keda_tls_expires_timestamp_seconds", "needs TLS"),
    (
        "forescale_loop_authority_changes_total",
        "needs a day of grades for the first stage",
    ),
];

/// What may come within these minutes or not: both count something that happens to a history.
const BY_CHANCE: [&str; 2] = [
    "forescale_loop_anomalies_total",
    "forescale_loop_forecast_trust_changes_total",
];

/// Single selectors of alerts that match nothing while all is well: their metric is there with other labels.
const SILENT: [(&str, &str); 2] = [
    (
        r#"forescale_loop_snapshots_total{outcome="failed"}"#,
        "the disk works",
    ),
    (
        r#"forescale_workload_info{registered_by="settings"}"#,
        "KEDA has registered all of them",
    ),
];

/// What is to be asked until it has an answer.
struct Question {
    place: String,
    /// The same query for each choice that Grafana would offer; one that answers is enough.
    exprs: Vec<String>,
    instant: bool,
    said: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_and_every_rule_has_an_answer_from_a_real_forescale() {
    if !tools_are_there(&TOOLS) {
        return;
    }
    let world = World::start().await;
    world.lose_a_series().await;

    let mut open: Vec<Question> = questions();
    let all = open.len();
    assert!(all > 150, "only {all} queries were found");
    let begun = Instant::now();
    loop {
        let mut still = Vec::new();
        for mut question in open {
            if !answered(&world, &mut question).await {
                still.push(question);
            }
        }
        open = still;
        let absent = unanswered_only_for_want_of(&open);
        if absent.is_ok() || begun.elapsed() > PATIENCE {
            let missing = absent.err().unwrap_or_default();
            assert!(
                missing.is_empty(),
                "without an answer:\n{}",
                missing.join("\n")
            );
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    say(format!(
        "{} of {all} queries have answers",
        all - open.len()
    ));

    for (name, why) in ABSENT {
        let values = world.values(name, true).await.unwrap();
        assert!(
            values.is_empty(),
            "{name} has series here ({values:?}), although it {why}"
        );
    }
    rules_are_healthy(&world).await;
    documents_are_complete(&world).await;
}

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for dashboard in dashboards() {
        for query in dashboard
            .queries()
            .into_iter()
            .chain(dashboard.variable_queries())
        {
            // A zero that is put in for nothing is no answer.
            let expr = query.expr.replace(" or vector(0)", "");
            let mut exprs: Vec<String> = NAMES.iter().map(|name| chosen(&expr, name)).collect();
            exprs.dedup();
            questions.push(Question {
                place: query.place,
                exprs,
                instant: query.instant,
                said: None,
            });
        }
    }
    for rule in rules() {
        if !rule.alerts {
            questions.push(Question {
                place: format!("rule {}", rule.name),
                exprs: vec![rule.expr.clone()],
                instant: true,
                said: None,
            });
            questions.push(Question {
                place: format!("recorded {}", rule.name),
                exprs: vec![rule.name],
                instant: true,
                said: None,
            });
            continue;
        }
        // An alert on a fleet that is well has no answer, but each thing that it looks at is there.
        for selector in selectors(&rule.expr) {
            if SILENT.iter().any(|(text, _)| *text == selector.text) {
                continue;
            }
            questions.push(Question {
                place: format!("alert {}", rule.name),
                exprs: vec![selector.text],
                instant: true,
                said: None,
            });
        }
    }
    questions
}

/// As Grafana fills it in at a scrape interval of one second, over the last minute, with this ScaledObject chosen.
fn chosen(expr: &str, name: &str) -> String {
    let values = [
        ("job", ".+"),
        ("instance", ".+"),
        ("namespace", "shop"),
        ("name", name),
        ("trigger", ".+"),
        ("lead", "2s"),
        ("__rate_interval", "5s"),
        ("__range", "1m"),
    ];
    interpolate(expr, &values)
}

async fn answered(world: &World, question: &mut Question) -> bool {
    for expr in &question.exprs {
        let values = world
            .values(expr, question.instant)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}\n{expr}", question.place));
        if values.iter().any(|value| value.is_finite()) {
            return true;
        }
        question.said = Some(format!("{values:?}"));
    }
    false
}

fn excused_metric(name: &str) -> bool {
    ABSENT.iter().any(|(absent, _)| *absent == name)
        || BY_CHANCE.contains(&name)
        || ELSEWHERE.iter().any(|begin| name.starts_with(begin))
}

/// They need a Kubernetes or a KEDA; the end-to-end tests see them.
const ELSEWHERE: [&str; 4] = [
    "forescale_cluster_",
    "forescale_operator_",
    "forescale_monitor_followed_",
    "forescale_monitor_stream",
];

/// Fails with the queries that read something else than what is known to be absent.
fn unanswered_only_for_want_of(open: &[Question]) -> Result<(), Vec<String>> {
    let excused = |question: &&Question| {
        let selectors = selectors(&question.exprs[0]);
        selectors.iter().any(|it| excused_metric(&it.name))
    };
    let missing = open.iter().filter(|question| !excused(question));
    let missing: Vec<_> = missing
        .map(|it| {
            format!(
                "{}: {}\n    {}",
                it.place,
                it.said.as_deref().unwrap_or(""),
                it.exprs[0]
            )
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

/// Prometheus evaluates all of them; alerts on what is wrong in this world are on their way, and others are silent.
async fn rules_are_healthy(world: &World) {
    let wrong_here = [
        ("WorkloadFaults", "the series of `gone` has ended"),
        ("WorkloadHeld", "the plan of `gone` is held"),
        ("WorkloadAtMax", "`api` needs 10 replicas and may have 5"),
        ("ModelStandIns", "`net` wants a network that is not there"),
        ("OnnxFallback", "ONNX Runtime is not where it should be"),
        ("LatencySloMissed", "`web` takes 300 ms and should take 200"),
    ];
    let right_here = [
        "Down",
        "OneReplica",
        "Restarting",
        "KedaSilent",
        "SourceFailing",
        "SnapshotsFailing",
        "CertificateRefused",
        "CertificateExpires",
        "OperatorLeaderless",
        "OperatorFailing",
        "RightMissing",
        "ClusterUnreachable",
        "WorkloadStale",
        "WorkloadUnplanned",
        "WorkloadNotAsked",
        "HpaNotFollowing",
        "CapacityDropped",
        "AuthorityTakenBack",
    ];
    let begun = Instant::now();
    // All at one moment; a scrape that was late is forgotten with the next one.
    loop {
        let states = states(world).await;
        let silent = |name: &str| states[&format!("Forescale{name}")] == "inactive";
        let missing = wrong_here.iter().find(|(name, _)| silent(name));
        let missing = missing.map(|(name, why)| format!("{name} is silent, although {why}"));
        let false_alarm = right_here.iter().find(|name| !silent(name));
        let false_alarm = false_alarm.map(|name| format!("{name} has no reason"));
        let Some(wrong) = missing.or(false_alarm) else {
            return;
        };
        assert!(begun.elapsed() < PATIENCE, "Forescale{wrong}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The state of each alert.
async fn states(world: &World) -> BTreeMap<String, String> {
    let loaded = world.rules().await;
    assert_eq!(loaded.len(), rules().len());
    let mut states = BTreeMap::new();
    for rule in &loaded {
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "alerting" {
            let text = |key: &str| rule[key].as_str().unwrap().to_owned();
            states.insert(text("name"), text("state"));
        }
    }
    states
}

/// What a replica shows is in docs/metrics.md, and what stands there is shown or known to be absent here.
async fn documents_are_complete(world: &World) {
    let (_, shown) = world.forescales[0].get("/metrics").await;
    let families: BTreeSet<String> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    let document = text("docs/metrics.md");
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<String> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|name| documented_as(name).to_owned())
        .collect();
    let undocumented: Vec<_> = families.difference(&documented).collect();
    assert!(
        undocumented.is_empty(),
        "not in docs/metrics.md: {undocumented:?}"
    );
    let vanished: Vec<_> = documented
        .difference(&families)
        .filter(|name| !excused_metric(name))
        .collect();
    assert!(
        vanished.is_empty(),
        "documented and not shown: {vanished:?}"
    );
}
