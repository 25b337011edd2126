//! A small fleet as it is in a cluster: a Prometheus with history, two replicas of Forescale, a KEDA that asks both about six
//! ScaledObjects, kube-state-metrics' series beside them, and a second Prometheus that scrapes all that as a
//! `ServiceMonitor` with `honorLabels` lets it, with the rules loaded.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::files::{RULES, path};
use super::support::exporter::{Exporter, Gauge};
use super::support::forescale::{Forescale, Setup};
use super::support::keda::Keda;
use super::support::now;
use super::support::openmetrics::Backfill;
use super::support::prometheus::Prometheus;
use super::support::shape::Shape;

/// The ScaledObjects, all in the namespace `shop`.
pub(crate) const NAMES: [&str; 6] = ["web", "api", "queue", "plain", "gone", "net"];

/// The engine that is wanted can't be had, so that a fallback shows.
const SETTINGS: &str = "
monitor: {sources: {default: {retries: {maxAttempts: 2, initialBackoff: 50ms, maxBackoff: 100ms}}}}
plan: {staleAfter: 10s}
analyze: {onnxLibrary: /nowhere/libonnxruntime.so}
control: {snapshotEvery: 1s}
";

/// One that is gone from the next scrape on.
const GONE: &str = r#"requests{app="gone"}"#;

/// All of it; ends when dropped.
pub(crate) struct World {
    /// Scrapes Forescale and evaluates the rules.
    pub(crate) watcher: Prometheus,
    pub(crate) forescales: [Forescale; 2],
    client: reqwest::Client,
    load: Exporter,
    _cluster: Exporter,
    _source: Prometheus,
    _callers: Vec<Caller>,
}

/// A KEDA that asks about one ScaledObject every second.
struct Caller(JoinHandle<()>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let load = Exporter::start(&[
            (r#"requests{app="web"}"#, Gauge::Follow(Shape::SHOP)),
            (r#"requests{app="api"}"#, Gauge::Fixed(100.0)),
            (r#"requests{app="queue"}"#, Gauge::Fixed(40.0)),
            (GONE, Gauge::Fixed(50.0)),
            (r#"ready{app="web"}"#, Gauge::Fixed(18.0)),
            (r#"latency_seconds{app="web"}"#, Gauge::Fixed(0.3)),
            (r#"cores{app="web"}"#, Gauge::Fixed(4.5)),
            (r#"bytes{app="web"}"#, Gauge::Fixed(3e9)),
        ])
        .await;
        let until = now().as_secs() - 2;
        let history = Backfill {
            metric: "requests",
            labels: r#"app="web""#,
            shape: Shape::SHOP,
            from: until - 3 * 86_400,
            until,
            every: 60,
        };
        let source = Prometheus::start(&[history], &[load.addr]).await;
        let setup = Setup {
            prometheus: source.url(),
            settings: SETTINGS.to_owned(),
            ..Setup::default()
        };
        let forescales = [
            Forescale::start(&setup).await,
            Forescale::start(&setup).await,
        ];
        let series = kube_state_metrics();
        let series: Vec<_> = series
            .iter()
            .map(|(series, value)| (series.as_str(), Gauge::Fixed(*value)))
            .collect();
        let cluster = Exporter::start(&series).await;
        let addrs = [forescales[0].http, forescales[1].http];
        let watcher = Prometheus::start_with(&[], &config(addrs, cluster.addr)).await;
        let mut callers = Vec::new();
        for forescale in &forescales {
            for name in NAMES {
                callers.push(Caller(tokio::spawn(ask(forescale.grpc, name))));
            }
        }
        Self {
            watcher,
            forescales,
            client: reqwest::Client::new(),
            load,
            _cluster: cluster,
            _source: source,
            _callers: callers,
        }
    }

    /// The series behind the ScaledObject `gone` ends, once it has been planned for.
    pub(crate) async fn lose_a_series(&self) {
        for forescale in &self.forescales {
            let planned = |workload: &Value| workload["plan"].is_object();
            forescale
                .workload_until("shop", "gone", "a first plan", planned)
                .await;
        }
        self.load.remove(GONE);
    }

    /// The values of all samples that an expression has, at this moment or over the last half minute.
    ///
    /// # Errors
    /// What Prometheus says against the expression.
    pub(crate) async fn values(&self, expr: &str, instant: bool) -> Result<Vec<f64>, String> {
        let now = now().as_secs();
        let (route, times) = if instant {
            ("query", vec![("time", now.to_string())])
        } else {
            let from = (now - 30).to_string();
            let step = "1".to_owned();
            let times = vec![("start", from), ("end", now.to_string()), ("step", step)];
            ("query_range", times)
        };
        let answer = self
            .get(route, &[vec![("query", expr.to_owned())], times].concat())
            .await;
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        let result = answer["data"]["result"].as_array().unwrap();
        let of_series = |series: &Value| -> Vec<f64> {
            let one = series.get("value").into_iter().cloned();
            let many = series["values"].as_array().cloned().unwrap_or_default();
            let samples = one.chain(many);
            samples
                .map(|pair| pair[1].as_str().unwrap().parse().unwrap())
                .collect()
        };
        Ok(result.iter().flat_map(of_series).collect())
    }

    /// What Prometheus says of the rules it has loaded.
    pub(crate) async fn rules(&self) -> Vec<Value> {
        let answer = self.get("rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap());
        rules.cloned().collect()
    }

    async fn get(&self, route: &str, parameters: &[(&str, String)]) -> Value {
        let url = format!("{}/api/v1/{route}", self.watcher.url());
        let answer = self.client.get(url).query(parameters).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

/// A namespace stands at each target, as the Prometheus Operator puts it there: only `honor_labels` keeps the one that
/// Forescale gives.
fn config([a, b]: [SocketAddr; 2], cluster: SocketAddr) -> String {
    let rules = path(RULES).display().to_string();
    format!(
        r#"
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
- job_name: forescale
  honor_labels: true
  static_configs: [{{targets: ["{a}", "{b}"], labels: {{namespace: forescale}}}}]
- job_name: kube-state-metrics
  honor_labels: true
  static_configs: [{{targets: ["{cluster}"], labels: {{namespace: monitoring}}}}]
"#
    )
}

/// Series as kube-state-metrics gives them for three ScaledObjects: a Deployment, one whose HPA has a name of its own, and a
/// StatefulSet.
fn kube_state_metrics() -> Vec<(String, f64)> {
    let mut series = Vec::new();
    for (hpa, kind, target, desired) in [
        ("keda-hpa-web", "Deployment", "web-server", 45.0),
        ("api", "Deployment", "api", 5.0),
        ("keda-hpa-queue", "StatefulSet", "worker", 9.0),
    ] {
        let hpa = format!(r#"namespace="shop",horizontalpodautoscaler="{hpa}""#);
        let what = kind.to_lowercase();
        series.extend([
            (
                format!("kube_horizontalpodautoscaler_status_desired_replicas{{{hpa}}}"),
                desired,
            ),
            (
                format!("kube_horizontalpodautoscaler_spec_max_replicas{{{hpa}}}"),
                50.0,
            ),
            (
                format!(
                    r#"kube_horizontalpodautoscaler_info{{{hpa},scaletargetref_api_version="apps/v1",scaletargetref_kind="{kind}",scaletargetref_name="{target}"}}"#
                ),
                1.0,
            ),
            (
                format!(r#"kube_{what}_status_replicas_ready{{namespace="shop",{what}="{target}"}}"#),
                desired - 1.0,
            ),
        ]);
    }
    series
}

/// The trigger of a ScaledObject.
fn trigger(name: &str) -> Vec<(&'static str, &'static str)> {
    let own: &[(&str, &str)] = match name {
        "web" => &[
            ("query", r#"requests{app="web"}"#),
            ("history", "3d"),
            ("replicasQuery", r#"ready{app="web"}"#),
            ("latencyQuery", r#"latency_seconds{app="web"}"#),
            ("latencySlo", "200ms"),
            ("cpuQuery", r#"cores{app="web"}"#),
            ("memoryQuery", r#"bytes{app="web"}"#),
        ],
        "api" => &[
            ("query", r#"requests{app="api"}"#),
            ("mode", "auto"),
            ("maxReplicas", "5"),
        ],
        "queue" => &[("query", r#"requests{app="queue"}"#), ("mode", "shadow")],
        "plain" => &[("query", r#"requests{app="queue"}"#), ("mode", "reactive")],
        "gone" => &[("query", GONE)],
        "net" => &[
            ("query", r#"requests{app="web"}"#),
            ("model", "onnx:nowhere"),
            ("step", "10s"),
        ],
        _ => panic!("nobody knows {name}"),
    };
    let shared = [
        ("threshold", "10"),
        ("interval", "1s"),
        ("step", "60s"),
        ("history", "2h"),
        ("horizon", "30m"),
        ("leadTime", "5s"),
    ];
    let kept = shared
        .into_iter()
        .filter(|(key, _)| own.iter().all(|(other, _)| other != key));
    kept.chain(own.iter().copied()).collect()
}

async fn ask(addr: SocketAddr, name: &'static str) {
    let mut keda = Keda::of(addr, "shop", name, &trigger(name)).await;
    let _stream = keda.stream_is_active().await;
    loop {
        // An error is what KEDA gets before the first sample.
        let _ = keda.read().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
