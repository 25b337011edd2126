//! Building the HPA and reading its metrics.

use forescale::domain::HumanDuration;
use tonic::Code;

use crate::helpers::{config, publish, start};
use crate::keda::{Keda, hpa_replicas};

const TRIGGER: [(&str, &str); 3] = [
    ("scalerAddress", "forescale.forescale:6000"),
    ("query", "sum(rate(http_requests_total[2m]))"),
    ("threshold", "12.5"),
];

#[tokio::test]
async fn keda_builds_its_hpa_before_there_is_data_and_then_reads_the_plan() {
    let server = start(config());
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    let metric = keda.build_hpa().await.unwrap().remove(0);
    assert_eq!(metric.name, "s0-forescale");
    assert_eq!(metric.target_milli, 12_500);

    let early = keda.read(&metric).await.unwrap_err();
    assert_eq!(early.code(), Code::Unavailable);
    assert!(
        early.message().contains("waiting for the first sample"),
        "{early}"
    );

    for (replicas, active) in [(7, true), (1, true), (0, false), (10_000, true)] {
        publish(&server.workload(), replicas, active);
        let read = keda.read(&metric).await.unwrap();
        assert_eq!(
            (hpa_replicas(&metric, read), read.active),
            (replicas, active)
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn the_very_first_read_of_a_new_workload_gets_its_first_plan() {
    let mut settings = config();
    settings.first_answer_wait = HumanDuration::from_secs(3600);
    let server = start(settings);
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    let metric = keda.build_hpa().await.unwrap().remove(0);
    let workload = server.workload();
    let first_plan = async {
        // Once the read has arrived it is waiting on the workload's state.
        while !workload.followed() {
            tokio::task::yield_now().await;
        }
        publish(&workload, 4, true);
    };
    let (read, ()) = tokio::join!(keda.read(&metric), first_plan);
    assert_eq!(hpa_replicas(&metric, read.unwrap()), 4);
    server.stop().await;
}

#[tokio::test]
async fn two_triggers_of_one_scaled_object_are_two_workloads() {
    let server = start(config());
    let mut first = Keda::connect(server.url(), &TRIGGER).await;
    let mut second = first.trigger(1, &[("query", "sum(queue)"), ("threshold", "0.4")]);
    let first_metric = first.build_hpa().await.unwrap().remove(0);
    let second_metric = second.build_hpa().await.unwrap().remove(0);
    assert_eq!(server.board.len(), 2);
    assert_ne!(first_metric.name, second_metric.name);
    for workload in server.board.of_scaled_object("shop", "web") {
        let replicas = if workload.spec.query == "sum(queue)" {
            3
        } else {
            8
        };
        publish(&workload, replicas, true);
    }
    let read = first.read(&first_metric).await.unwrap();
    assert_eq!(hpa_replicas(&first_metric, read), 8);
    let read = second.read(&second_metric).await.unwrap();
    assert_eq!(hpa_replicas(&second_metric, read), 3);
    server.stop().await;
}

#[tokio::test]
async fn the_target_is_the_one_that_the_planner_made_its_value_for() {
    let server = start(config());
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    for threshold in [
        "0.001", "0.0015", "0.9996", "1.001", "12.4996", "33.3333", "1e9",
    ] {
        let mut trigger = keda.trigger(0, &[("query", "sum(x)"), ("threshold", threshold)]);
        let specs = trigger.stream_specs().await.unwrap().message().await;
        let spec = specs.unwrap().unwrap().metric_specs.remove(0);
        let plan = forescale::plan::serve(7, threshold.parse().unwrap());
        assert_eq!(
            spec.target_size_float.to_bits(),
            plan.target.to_bits(),
            "{threshold}"
        );
        assert_eq!(spec.target_size, plan.target_int, "{threshold}");

        let metric = trigger.build_hpa().await.unwrap().remove(0);
        let known = server.board.all();
        let workload = known
            .iter()
            .find(|workload| workload.key.metadata["threshold"] == threshold)
            .unwrap();
        for replicas in [1, 7, 21, 9_999] {
            publish(workload, replicas, true);
            let read = trigger.read(&metric).await.unwrap();
            assert_eq!(hpa_replicas(&metric, read), replicas, "{threshold}");
        }
    }
    keda.build_hpa().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn every_mistake_in_the_metadata_is_in_the_one_answer() {
    let server = start(config());
    let wrong = [
        ("qurey", "x"),
        ("threshold", "-3"),
        ("mode", "magic"),
        ("customHeaders", "Authorization=Bearer hunter2"),
        ("horizon", "5"),
    ];
    let mut keda = Keda::connect(server.url(), &wrong).await;
    let refused = keda.build_hpa().await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    for part in [
        "6 mistakes in the trigger metadata of `shop/web`",
        "`qurey` is not a known key: did you mean `query`?",
        "`threshold` is `-3`: this is below 0.001; allowed: a number from 0.001 to 1000000000",
        "`mode` is `magic`: this is no mode; allowed: `predictive`, `scale-out`, `auto`, `shadow` or `reactive`",
        "`horizon` is `5`: this is not a number with a unit, such as `90s` or `10m`; allowed: a duration from 1m to 1d",
        "which belongs in a named source of the server (`source`)",
        "`query` is missing",
    ] {
        assert!(
            refused.message().contains(part),
            "{part}\n{}",
            refused.message()
        );
    }
    assert!(!refused.message().contains("hunter2"));
    assert!(server.board.is_empty(), "nothing is registered");
    server.stop().await;
}

#[tokio::test]
async fn an_oversized_request_is_refused_and_the_server_goes_on() {
    let server = start(config());
    let huge = "x".repeat(300 * 1024);
    let mut keda = Keda::connect(server.url(), &[("query", &huge)]).await;
    let refused = keda.build_hpa().await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    let mut keda = keda.trigger(0, &TRIGGER);
    keda.build_hpa().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn what_was_served_is_counted() {
    let server = start(config());
    let mut keda = Keda::connect(server.url(), &TRIGGER).await;
    let metric = keda.build_hpa().await.unwrap().remove(0);
    keda.read(&metric).await.unwrap_err();
    publish(&server.workload(), 2, true);
    keda.read(&metric).await.unwrap();
    let text = server.metrics_text();
    for line in [
        "forescale_keda_requests_total{rpc=\"GetMetricSpec\",code=\"ok\"} 1",
        "forescale_keda_requests_total{rpc=\"GetMetrics\",code=\"unavailable\"} 1",
        "forescale_keda_requests_total{rpc=\"GetMetrics\",code=\"ok\"} 1",
        "forescale_keda_requests_total{rpc=\"IsActive\",code=\"ok\"} 1",
        "forescale_keda_connections 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    server.stop().await;
}
