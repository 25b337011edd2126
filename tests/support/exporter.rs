//! A program under load, as Prometheus sees one: `/metrics` with gauges that a test sets while Prometheus scrapes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::now;
use super::shape::Shape;

/// A running exporter; stops when dropped.
pub struct Exporter {
    /// Where it listens.
    pub addr: SocketAddr,
    gauges: Gauges,
    task: tokio::task::JoinHandle<()>,
}

/// What a gauge shows.
#[derive(Clone, Copy, Debug)]
pub enum Gauge {
    /// The same until it is set again; may be NaN or infinite.
    Fixed(f64),
    /// The shape's value at the present second.
    Follow(Shape),
}

/// By series, such as `requests{app="web"}`; `None` while the program is down.
type Gauges = Arc<Mutex<Option<BTreeMap<String, Gauge>>>>;

impl Exporter {
    /// Starts one that shows `gauges`.
    pub async fn start(gauges: &[(&str, Gauge)]) -> Self {
        let shown = gauges.iter().map(|(s, g)| ((*s).to_owned(), *g)).collect();
        let gauges: Gauges = Arc::new(Mutex::new(Some(shown)));
        let app = Router::new()
            .route("/metrics", get(metrics))
            .with_state(Arc::clone(&gauges));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, gauges, task }
    }

    /// From the next scrape on, `series` shows `gauge`.
    pub fn set(&self, series: &str, gauge: Gauge) {
        let mut gauges = self.gauges.lock().unwrap();
        let gauges = gauges.get_or_insert_default();
        gauges.insert(series.to_owned(), gauge);
    }

    /// From the next scrape on, `series` is gone.
    pub fn remove(&self, series: &str) {
        if let Some(gauges) = self.gauges.lock().unwrap().as_mut() {
            gauges.remove(series);
        }
    }

    /// Every scrape fails from now on, as if the program had crashed.
    pub fn crash(&self) {
        *self.gauges.lock().unwrap() = None;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn metrics(State(gauges): State<Gauges>) -> (StatusCode, String) {
    let now = now().as_secs();
    let mut text = String::new();
    match gauges.lock().unwrap().as_ref() {
        None => return (StatusCode::SERVICE_UNAVAILABLE, "down".to_owned()),
        Some(gauges) => {
            for (series, gauge) in gauges {
                let value = match gauge {
                    Gauge::Fixed(value) => *value,
                    Gauge::Follow(shape) => shape.at(now),
                };
                writeln!(text, "{series} {}", super::openmetrics::number(value)).unwrap();
            }
        }
    }
    (StatusCode::OK, text)
}
