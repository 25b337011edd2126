//! Servers under the tests' control, and short ways to ask them.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use forescale::domain::{
    HumanDuration, LeadTime, Mode, ModelChoice, Quantile, SourceRef, Timestamp, TriggerSpec,
};
use forescale::monitor::{
    BreakerConfig, Config, FetchError, Fetched, Metrics, Monitor, RetryConfig, SourceConfig, Span,
};
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// From the URL or the form; the last of a name.
    pub(crate) parameters: HashMap<String, String>,
    /// In the URL.
    pub(crate) url_query: Option<String>,
}

type Handler = Arc<dyn Fn(usize, Seen) -> BoxFuture<'static, Response> + Send + Sync>;

/// An HTTP server that answers with a function of the request's number and the request.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Shared {
    handler: Handler,
    seen: Arc<Mutex<Vec<Seen>>>,
}

// === impl Seen ===

impl Seen {
    pub(crate) fn get(&self, parameter: &str) -> &str {
        self.parameters.get(parameter).map_or("", String::as_str)
    }

    pub(crate) fn number(&self, parameter: &str) -> f64 {
        self.get(parameter).parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        (self.headers.get(name)).map_or("", |value| value.to_str().unwrap())
    }

    /// Evaluation times asked for.
    pub(crate) fn points(&self) -> u64 {
        ((self.number("end") - self.number("start")) / self.number("step")) as u64 + 1
    }
}

// === impl Server ===

impl Server {
    pub(crate) async fn start(
        handler: impl Fn(usize, Seen) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::default();
        let shared = Shared {
            handler: Arc::new(handler),
            seen: Arc::clone(&seen),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// Answers that need no waiting.
    pub(crate) async fn of<R: IntoResponse>(
        handler: impl Fn(usize, Seen) -> R + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |turn, seen| {
            let response = handler(turn, seen).into_response();
            Box::pin(async move { response })
        })
        .await
    }

    /// The same answer to everyone.
    pub(crate) async fn always(status: u16, body: impl Into<String>) -> Self {
        let (status, body) = (StatusCode::from_u16(status).unwrap(), body.into());
        Self::of(move |_, _| (status, body.clone())).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(url_query): RawQuery,
    body: Bytes,
) -> Response {
    let form = [
        url_query.clone().unwrap_or_default(),
        String::from_utf8(body.to_vec()).unwrap(),
    ]
    .join("&");
    let parameters = url::form_urlencoded::parse(form.as_bytes());
    let seen = Seen {
        method,
        path: uri.path().to_owned(),
        headers,
        parameters: parameters.into_owned().collect(),
        url_query,
    };
    let turn = {
        let mut all = shared.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    (shared.handler)(turn, seen).await
}

/// A server below HTTP: reads a request on each connection, writes `bytes`, then closes or, with `hang`, keeps quiet.
pub(crate) async fn raw_server(bytes: Vec<u8>, hang: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve_raw(stream, bytes.clone(), hang));
        }
    });
    url
}

async fn serve_raw(mut stream: TcpStream, bytes: Vec<u8>, hang: bool) {
    // The whole request fits one read on loopback more often than not; the rest is drained below.
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await;
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    if hang {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
    // Read to the end, so that unread bytes do not turn the close into a reset.
    let _ = tokio::time::timeout(Duration::from_millis(200), async {
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    })
    .await;
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A matrix of one series with the value 1 at every evaluation time asked for.
pub(crate) fn ones(seen: &Seen) -> String {
    let values: Vec<String> = (0..seen.points())
        .map(|index| {
            format!(
                r#"[{},"1"]"#,
                seen.number("start") + index as f64 * seen.number("step")
            )
        })
        .collect();
    matrix(&format!(
        r#"{{"metric":{{}},"values":[{}]}}"#,
        values.join(",")
    ))
}

pub(crate) fn matrix(series: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#)
}

pub(crate) fn prometheus_error(status: u16, error_type: &str, error: &str) -> Response {
    let body =
        serde_json::json!({"status": "error", "errorType": error_type, "error": error}).to_string();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

/// A source with short waits: one that fails does so soon.
pub(crate) fn quick(url: &str) -> SourceConfig {
    let millis = |millis| HumanDuration(Duration::from_millis(millis));
    SourceConfig {
        retries: RetryConfig {
            max_attempts: 3,
            initial_backoff: millis(1),
            max_backoff: millis(2),
            jitter: 0.5,
        },
        circuit_breaker: BreakerConfig {
            failures: 1000,
            ..BreakerConfig::default()
        },
        ..SourceConfig::at(url)
    }
}

pub(crate) fn monitor(default: SourceConfig) -> Monitor {
    monitor_of(&[("default", default)], &[])
}

pub(crate) fn monitor_of(sources: &[(&str, SourceConfig)], allowed: &[&str]) -> Monitor {
    let sources: BTreeMap<String, SourceConfig> = (sources.iter())
        .map(|(name, source)| ((*name).to_owned(), source.clone()))
        .collect();
    let config = Config {
        sources,
        allowed_server_addresses: allowed.iter().map(|text| (*text).to_owned()).collect(),
    };
    Monitor::new(&config, Metrics::default()).unwrap()
}

/// Asks the default source at `url` for five minutes.
pub(crate) async fn ask(url: &str) -> Result<Fetched, FetchError> {
    monitor(quick(url)).fetch(&spec(), minutes(5)).await
}

/// Evaluation times at each of the first `points` minutes.
pub(crate) fn minutes(points: u32) -> Span {
    let step = Duration::from_mins(1);
    let from = Timestamp::from_secs(1_700_000_040);
    Span {
        from,
        until: from + step * (points - 1),
        step,
    }
}

pub(crate) fn at(address: &str) -> TriggerSpec {
    TriggerSpec {
        source: SourceRef::Address(address.to_owned()),
        ..spec()
    }
}

/// A trigger that asks the default source.
pub(crate) fn spec() -> TriggerSpec {
    TriggerSpec {
        query: "sum(rate(load[1m]))".to_owned(),
        follows: None,
        source: SourceRef::Default,
        threshold: 1.0,
        activation_threshold: 0.0,
        query_parameters: vec![],
        custom_headers: vec![],
        namespace: None,
        ignore_null_values: true,
        unsafe_ssl: false,
        timeout: None,
        mode: Mode::Predictive,
        model: ModelChoice::Auto,
        horizon: HumanDuration::from_secs(1800),
        step: HumanDuration::from_secs(60),
        history: HumanDuration::from_secs(14 * 86_400),
        interval: HumanDuration::from_secs(15),
        lead_time: LeadTime::Auto,
        metric_lag: None,
        headroom: 0.0,
        quantile: Quantile::new(0.9).unwrap(),
        max_overload: None,
        shortage_cost: None,
        min_replicas: None,
        max_replicas: None,
        bounds: None,
        calendar: None,
        max_changes_per_hour: None,
        ramp_up: None,
        ramp_down: None,
        scale_down_window: Some(HumanDuration::from_secs(300)),
        hpa_tolerance: Some(0.1),
        timezone: "UTC".to_owned(),
        max_replica_hours_per_day: None,
        latency_query: None,
        latency_slo: None,
        replicas_query: None,
        cpu_query: None,
        memory_query: None,
        events: None,
    }
}
