//! KEDA's operator, as far as raw metrics go.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::Stream;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::domain::{Followed, Timestamp};
use crate::monitor::keda::proto::raw_metrics_service_server::{
    RawMetricsService, RawMetricsServiceServer,
};
use crate::monitor::keda::proto::{
    RawMetric, RawMetricsRequest, RawMetricsResponse, ScaledObjectRef, SubscriptionAck,
    SubscriptionRequest,
};

/// So many seconds after the beginning of the story.
pub(super) fn moment(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_790_000_040 + secs)
}

/// A trigger of `shop/web`.
pub(super) fn trigger(name: &str) -> Followed {
    Followed {
        trigger: name.to_owned(),
        scaled_object: Some("web".to_owned()),
        namespace: Some("shop".to_owned()),
    }
}

fn reference(name: &str) -> ScaledObjectRef {
    ScaledObjectRef {
        name: "web".to_owned(),
        namespace: "shop".to_owned(),
        metric_name: name.to_owned(),
    }
}

/// A running server.
pub(super) struct Operator {
    pub(super) url: String,
    service: Service,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

/// Subscribers by name.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<HashMap<String, Subscriber>>>);

struct Subscriber {
    triggers: Vec<ScaledObjectRef>,
    values: mpsc::Sender<Result<RawMetricsResponse, Status>>,
    /// For the stream, which takes it.
    receiver: Option<mpsc::Receiver<Result<RawMetricsResponse, Status>>>,
}

// === impl Operator ===

impl Operator {
    pub(super) async fn start() -> Self {
        Self::start_at("http://127.0.0.1:0").await
    }

    pub(super) async fn start_at(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (service, stop) = (Service::default(), CancellationToken::new());
        let serving = tonic::transport::Server::builder()
            .add_service(RawMetricsServiceServer::new(service.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let stopped = stop.clone();
        let server = tokio::spawn(async move {
            tokio::select! {
                served = serving => served.unwrap(),
                () = stopped.cancelled() => {}
            }
        });
        Self {
            url,
            service,
            stop,
            server,
        }
    }

    /// Ends with every connection; gives its address back.
    pub(super) async fn stop(self) -> String {
        self.stop.cancel();
        self.service.0.lock().unwrap().clear();
        self.server.await.unwrap();
        self.url
    }

    /// One message with values of a trigger of `shop/web`, to whoever has subscribed to it.
    pub(super) async fn say(&self, name: &str, values: &[(i64, f64)]) {
        let metrics = values.iter().map(|(secs, value)| RawMetric {
            value: *value,
            timestamp: Some(prost_types::Timestamp {
                seconds: moment(*secs).as_secs(),
                nanos: 0,
            }),
            metadata: Some(reference(name)),
            is_active: true,
        });
        let message = RawMetricsResponse {
            metrics: metrics.collect(),
        };
        let listeners: Vec<_> = {
            let subscribers = self.service.0.lock().unwrap();
            let all = subscribers.values();
            all.filter(|it| it.triggers.contains(&reference(name)))
                .map(|it| it.values.clone())
                .collect()
        };
        for listener in listeners {
            listener.send(Ok(message.clone())).await.unwrap();
        }
    }

    /// What is subscribed to, by anybody.
    pub(super) fn subscriptions(&self) -> Vec<String> {
        let subscribers = self.service.0.lock().unwrap();
        let all = subscribers.values().flat_map(|it| &it.triggers);
        all.map(|it| format!("{}/{} {}", it.namespace, it.name, it.metric_name))
            .collect()
    }

    /// The one whose stream is open.
    pub(super) fn subscriber(&self) -> Option<String> {
        let subscribers = self.service.0.lock().unwrap();
        let open = subscribers.iter().find(|(_, it)| it.receiver.is_none());
        open.map(|(name, _)| name.clone())
    }

    /// As KEDA does with subscribers that do not listen.
    pub(super) fn drop_subscribers(&self) {
        self.service.0.lock().unwrap().clear();
    }
}

// === impl Service ===

impl Service {
    fn with<T>(&self, subscriber: &str, act: impl FnOnce(&mut Subscriber) -> T) -> T {
        let mut subscribers = self.0.lock().unwrap();
        let subscriber = subscribers.entry(subscriber.to_owned()).or_insert_with(|| {
            let (values, receiver) = mpsc::channel(4);
            Subscriber {
                triggers: Vec::new(),
                values,
                receiver: Some(receiver),
            }
        });
        act(subscriber)
    }
}

#[tonic::async_trait]
impl RawMetricsService for Service {
    type GetRawMetricsStreamStream =
        Pin<Box<dyn Stream<Item = Result<RawMetricsResponse, Status>> + Send>>;

    async fn get_raw_metrics_stream(
        &self,
        request: Request<RawMetricsRequest>,
    ) -> Result<Response<Self::GetRawMetricsStreamStream>, Status> {
        let subscriber = request.into_inner().subscriber;
        if subscriber.is_empty() {
            return Err(Status::unknown("subscriber must be specified"));
        }
        let mut receiver = self
            .with(&subscriber, |it| it.receiver.take())
            .ok_or_else(|| Status::internal("this server keeps one stream for a subscriber"))?;
        // grpc-go sends no headers before the first message.
        let first = receiver.recv().await;
        let first = futures::stream::iter(first);
        let all = futures::StreamExt::chain(first, ReceiverStream::new(receiver));
        Ok(Response::new(Box::pin(all)))
    }

    async fn subscribe_metric(
        &self,
        request: Request<SubscriptionRequest>,
    ) -> Result<Response<SubscriptionAck>, Status> {
        let request = request.into_inner();
        let Some(asked) = request.metric_metadata else {
            return Err(Status::invalid_argument("no metric"));
        };
        let was_subscribed = self.with(&request.subscriber, |it| {
            let there = it.triggers.contains(&asked);
            if !there {
                it.triggers.push(asked);
            }
            there
        });
        Ok(Response::new(SubscriptionAck {
            was_subscribed,
            message: None,
        }))
    }

    async fn unsubscribe_metric(
        &self,
        request: Request<SubscriptionRequest>,
    ) -> Result<Response<SubscriptionAck>, Status> {
        let request = request.into_inner();
        let mut subscribers = self.0.lock().unwrap();
        let mut was_subscribed = false;
        if let Some(it) = subscribers.get_mut(&request.subscriber) {
            let before = it.triggers.len();
            it.triggers
                .retain(|one| Some(one) != request.metric_metadata.as_ref());
            was_subscribed = it.triggers.len() < before;
            if it.triggers.is_empty() {
                subscribers.remove(&request.subscriber);
            }
        }
        Ok(Response::new(SubscriptionAck {
            was_subscribed,
            message: None,
        }))
    }
}
