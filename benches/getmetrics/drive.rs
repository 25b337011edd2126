//! Clients that ask as fast as they are answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forescale::execute::keda::proto::GetMetricsRequest;
use forescale::execute::keda::proto::external_scaler_client::ExternalScalerClient;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};

/// How hard they ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// HTTP/2 connections.
    pub(crate) connections: usize,
    /// Calls under way on each of them.
    pub(crate) in_flight: usize,
}

/// What one round has seen.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) calls_per_second: f64,
    /// Latency of every call, rising.
    pub(crate) latencies: Vec<Duration>,
}

/// The clients, on a runtime of their own.
pub(crate) struct Clients {
    load: Load,
    requests: Arc<[GetMetricsRequest]>,
    runtime: Runtime,
}

impl Clients {
    pub(crate) fn new(load: Load, requests: &Arc<[GetMetricsRequest]>) -> Self {
        Self {
            load,
            requests: Arc::clone(requests),
            runtime: Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    /// Asks `addr` for `length`.
    pub(crate) fn round(&self, addr: SocketAddr, length: Duration) -> Round {
        self.runtime.block_on(async {
            let mut clients = Vec::new();
            for _ in 0..self.load.connections {
                let endpoint = Endpoint::from_shared(format!("http://{addr}"))
                    .expect("an address makes a URL")
                    .tcp_nodelay(true);
                let channel = endpoint.connect().await.expect("the server listens");
                clients.extend(vec![
                    ExternalScalerClient::new(channel);
                    self.load.in_flight
                ]);
            }
            let begun = Instant::now();
            let tasks: Vec<_> = clients
                .into_iter()
                .enumerate()
                .map(|(index, client)| {
                    let requests = Arc::clone(&self.requests);
                    tokio::spawn(ask(client, requests, index, begun + length))
                })
                .collect();
            let mut latencies = Vec::new();
            for task in tasks {
                latencies.extend(task.await.expect("a client does not panic"));
            }
            let took = begun.elapsed();
            latencies.sort_unstable();
            Round {
                calls_per_second: latencies.len() as f64 / took.as_secs_f64(),
                latencies,
            }
        })
    }
}

/// Asks about one workload after another until `end`.
async fn ask(
    mut client: ExternalScalerClient<Channel>,
    requests: Arc<[GetMetricsRequest]>,
    index: usize,
    end: Instant,
) -> Vec<Duration> {
    // A stride that is coprime to any number of workloads used here, so that all get their turn and neighbours in time
    // are not neighbours in memory.
    let mut at = index * 7919;
    let mut latencies = Vec::with_capacity(100_000);
    while Instant::now() < end {
        at = (at + 7919) % requests.len();
        let request = requests[at].clone();
        let begun = Instant::now();
        let answer = client
            .get_metrics(request)
            .await
            .expect("every call is answered");
        latencies.push(begun.elapsed());
        let value = &answer.get_ref().metric_values[0];
        assert!(
            value.metric_value_float > 0.0,
            "no answer is empty: {value:?}"
        );
    }
    latencies
}
