//! Streams, health, reflection and the drain.

use forescale::domain::HumanDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::helpers::{config, publish, start};
use crate::keda::Keda;

const TRIGGER: [(&str, &str); 2] = [("query", "sum(up)"), ("threshold", "10")];

#[tokio::test]
async fn the_push_stream_tells_the_state_and_then_transitions_and_ends_cleanly() {
    let server = start(config());
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    let mut stream = keda.stream_active().await.unwrap();
    let workload = server.workload();
    publish(&workload, 1, true);
    assert!(stream.message().await.unwrap().unwrap().result);
    // A plan that changes nothing about the state sends nothing: the next message is the transition.
    publish(&workload, 5, true);
    publish(&workload, 0, false);
    assert!(!stream.message().await.unwrap().unwrap().result);
    let mut second = keda.stream_active().await.unwrap();
    let known = second.message().await.unwrap().unwrap();
    assert!(!known.result, "a known state is told on open");
    server.shutdown.cancel();
    assert_eq!(stream.message().await.unwrap(), None, "no error, an end");
    assert_eq!(second.message().await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn the_spec_stream_sends_the_specs_at_once_and_stays_open() {
    let server = start(config());
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    let mut stream = keda.stream_specs().await.unwrap();
    let specs = stream.message().await.unwrap().unwrap();
    assert_eq!(keda.hpa(specs), keda.build_hpa().await.unwrap());
    publish(&server.workload(), 3, true);
    let text = server.metrics_text();
    assert!(
        text.contains("forescale_keda_open_streams{rpc=\"StreamMetricSpec\"} 1"),
        "{text}"
    );
    server.shutdown.cancel();
    assert_eq!(stream.message().await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_with_bad_metadata_is_refused_with_the_reason() {
    let server = start(config());
    let mut keda = Keda::connect(server.url(), &[("query", "sum(up)")]).await;
    let active = keda.stream_active().await.unwrap_err();
    let specs = keda.stream_specs().await.unwrap_err();
    for refused in [active, specs] {
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("`threshold` is missing"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_call_in_progress_is_answered_when_the_server_shuts_down() {
    let mut settings = config();
    settings.first_answer_wait = HumanDuration::from_secs(3600);
    let server = start(settings);
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    let metric = keda.build_hpa().await.unwrap().remove(0);
    let (workload, shutdown) = (server.workload(), server.shutdown.clone());
    let stopping = async {
        while !workload.followed() {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let (read, ()) = tokio::join!(keda.read(&metric), stopping);
    let answer = read.unwrap_err();
    assert_eq!(answer.code(), Code::Unavailable);
    assert!(
        answer.message().contains("no plan for `shop/web` yet"),
        "{answer}"
    );
    let addr = server.addr;
    server.stop().await;
    assert!(
        tokio::net::TcpStream::connect(addr).await.is_err(),
        "the port is closed"
    );
}

#[tokio::test]
async fn health_follows_readiness_and_its_watches_end_with_the_server() {
    let server = start(config());
    let mut health = HealthClient::new(server.channel().await);
    let request = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let whole = health.check(request("")).await.unwrap().into_inner();
    assert_eq!(whole.status(), ServingStatus::Serving);
    let name = "externalscaler.ExternalScaler";
    let mut watch = health.watch(request(name)).await.unwrap().into_inner();
    let mut next = async || watch.message().await.unwrap().map(|m| m.status());
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    server.readiness.set(true);
    assert_eq!(next().await, Some(ServingStatus::Serving));
    server.shutdown.cancel();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
    server.stop().await;
}

#[tokio::test]
async fn garbage_on_the_port_harms_nobody() {
    let server = start(config());
    let mut raw = tokio::net::TcpStream::connect(server.addr).await.unwrap();
    raw.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\0\0\0")
        .await
        .unwrap();
    let mut rest = Vec::new();
    // Cut off by the server, cleanly or with a reset.
    let _ = raw.read_to_end(&mut rest).await;
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    keda.build_hpa().await.unwrap();
    server.stop().await;
}

mod reflection {
    use futures::StreamExt;

    use super::*;

    macro_rules! lists_services {
        ($test:ident, $version:ident) => {
            #[tokio::test]
            async fn $test() {
                use tonic_reflection::pb::$version as pb;
                let server = start(config());
                let mut client = pb::server_reflection_client::ServerReflectionClient::new(
                    server.channel().await,
                );
                let request = pb::ServerReflectionRequest {
                    host: String::new(),
                    message_request: Some(
                        pb::server_reflection_request::MessageRequest::ListServices(String::new()),
                    ),
                };
                let answers = client
                    .server_reflection_info(futures::stream::iter([request]))
                    .await
                    .unwrap();
                let answer = answers.into_inner().next().await.unwrap().unwrap();
                let text = format!("{answer:?}");
                assert!(text.contains("externalscaler.ExternalScaler"), "{text}");
                assert!(text.contains("grpc.health.v1.Health"), "{text}");
                server.stop().await;
            }
        };
    }

    lists_services!(new_tools_list_the_services, v1);
    lists_services!(old_tools_list_the_services, v1alpha);
}
