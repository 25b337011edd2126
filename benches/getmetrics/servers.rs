//! The two servers that are compared, each on a runtime of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use forescale::domain::SystemClock;
use forescale::execute::keda::proto::external_scaler_server::{
    ExternalScaler, ExternalScalerServer,
};
use forescale::execute::keda::proto::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricValue,
    ScaledObjectRef,
};
use forescale::execute::keda::{Config, Context, METRIC_NAME, Server};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::board::Filled;

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    _runtime: Runtime,
}

/// The service as `forescale serve` runs it, on a board that nobody refreshes.
pub(crate) fn forescale(filled: &Filled) -> Running {
    let config = Config {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Config::default()
    };
    let bound = Server::bind(config).expect("a free port on loopback");
    let addr = bound.local_addr().expect("a bound address");
    let context = Context {
        board: Arc::clone(&filled.board),
        clock: Arc::new(SystemClock),
    };
    let runtime = runtime();
    runtime.spawn(async move {
        bound
            .serve(context, CancellationToken::new())
            .await
            .expect("the server runs as long as the benchmark");
    });
    Running {
        addr,
        _runtime: runtime,
    }
}

/// The least that a server of this contract can do.
pub(crate) fn noop(addr: SocketAddr) -> Running {
    let runtime = runtime();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(addr))
        .expect("an address on this machine that is free");
    let addr = listener.local_addr().expect("a bound address");
    listener_without_delay(&runtime, listener);
    Running {
        addr,
        _runtime: runtime,
    }
}

fn listener_without_delay(runtime: &Runtime, listener: tokio::net::TcpListener) {
    runtime.spawn(async move {
        // Small answers must not wait for more to send (Nagle), as they don't in Forescale.
        let incoming = tokio_stream::StreamExt::map(TcpListenerStream::new(listener), |stream| {
            stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream))
        });
        tonic::transport::Server::builder()
            .add_service(ExternalScalerServer::new(Noop))
            .serve_with_incoming(incoming)
            .await
            .expect("the server runs as long as the benchmark");
    });
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

#[derive(Debug)]
struct Noop;

type Stream<T> = tokio_stream::Empty<Result<T, Status>>;

#[tonic::async_trait]
impl ExternalScaler for Noop {
    type StreamIsActiveStream = Stream<IsActiveResponse>;
    type StreamMetricSpecStream = Stream<GetMetricSpecResponse>;

    async fn get_metrics(
        &self,
        _: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        Ok(Response::new(GetMetricsResponse {
            metric_values: vec![MetricValue {
                metric_name: METRIC_NAME.to_owned(),
                metric_value: 200,
                metric_value_float: 200.0,
            }],
        }))
    }

    async fn is_active(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        Ok(Response::new(IsActiveResponse { result: true }))
    }

    async fn get_metric_spec(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        Ok(Response::new(GetMetricSpecResponse::default()))
    }

    async fn stream_is_active(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn stream_metric_spec(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }
}
