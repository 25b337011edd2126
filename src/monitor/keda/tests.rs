//! A real gRPC server plays KEDA's operator: the same contract, subscriptions and streams as `pkg/scaling/
//! scale_handler_raw_metrics.go` keeps them.

mod operator;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use self::operator::{Operator, moment, trigger};
use super::*;
use crate::domain::{ManualClock, SourceRef, TriggerSpec, WorkloadKey};
use crate::monitor::config::SourceKind;
use crate::monitor::{Config, Monitor};

fn settings(url: &str) -> SourceConfig {
    let mut settings = SourceConfig {
        kind: SourceKind::Keda,
        ..SourceConfig::at(url)
    };
    settings.retries.initial_backoff = HumanDuration(Duration::from_millis(1));
    settings.retries.max_backoff = HumanDuration(Duration::from_millis(20));
    settings
}

fn source(url: &str, metrics: &Metrics) -> KedaSource {
    source_of(&settings(url), metrics).unwrap()
}

fn source_of(settings: &SourceConfig, metrics: &Metrics) -> Result<KedaSource, ConfigError> {
    let clock = Arc::new(ManualClock::at(moment(600)));
    KedaSource::named("keda", settings, metrics, clock)
}

/// The last five minutes, a minute apart.
fn span() -> Span {
    Span {
        from: moment(300),
        until: moment(600),
        step: Duration::from_mins(1),
    }
}

/// Polls until `probe` gives something.
async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let found = timeout(Duration::from_secs(30), looking).await;
    found.unwrap_or_else(|_| panic!("{what} did not come"))
}

async fn read_until(keda: &KedaSource, expected: &[(i64, f64)]) {
    until("what was said", async || {
        let fetched = keda.read(&trigger("orders"), span()).await.ok()?;
        let read: Vec<(i64, f64)> = (fetched.samples.iter())
            .map(|sample| (sample.at.as_secs() - moment(0).as_secs(), sample.value))
            .collect();
        (read == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_keda_measures_is_read_on_the_grid_and_a_silent_trigger_has_no_samples() {
    let operator = Operator::start().await;
    let keda = source(&operator.url, &Metrics::default());
    let first = keda.read(&trigger("orders"), span()).await.unwrap();
    assert_eq!(
        first,
        Fetched::default(),
        "subscribed, and nothing said yet"
    );

    operator.say("orders", &[(410, 7.0)]).await;
    operator.say("orders", &[(590, 9.5)]).await;
    operator.say("others", &[(590, 1.0)]).await;
    read_until(&keda, &[(420, 7.0), (480, 7.0), (600, 9.5)]).await;
    assert_eq!(operator.subscriptions(), ["shop/web orders"]);

    let silent = keda.read(&trigger("silent"), span()).await.unwrap();
    assert_eq!(silent, Fetched::default());
}

#[tokio::test]
async fn several_values_of_one_trigger_count_together_as_the_hpa_adds_them_up() {
    let operator = Operator::start().await;
    let keda = source(&operator.url, &Metrics::default());
    keda.read(&trigger("orders"), span()).await.unwrap();
    operator.say("orders", &[(590, 2.0), (590, 3.0)]).await;
    read_until(&keda, &[(600, 5.0)]).await;
}

#[tokio::test]
async fn a_value_from_the_future_counts_from_now_on() {
    let operator = Operator::start().await;
    let keda = source(&operator.url, &Metrics::default());
    keda.read(&trigger("orders"), span()).await.unwrap();
    operator.say("orders", &[(100_000, 4.0)]).await;
    read_until(&keda, &[(600, 4.0)]).await;
}

#[tokio::test]
async fn without_a_connection_the_read_fails_at_once_and_says_why() {
    let gone = Operator::start().await.stop().await;
    let keda = source(&gone, &Metrics::default());
    let error = keda.read(&trigger("orders"), span()).await.unwrap_err();
    assert_eq!(error.kind, FetchErrorKind::Unreachable);
    assert!(
        error.text.starts_with("source `keda` (http://127.0.0.1:")
            && error.text.contains("nothing it said is younger than 1m30s")
            && error.text.contains("refused"),
        "{}",
        error.text
    );
}

#[tokio::test]
async fn what_was_said_last_counts_while_it_is_fresh_and_a_new_operator_is_followed_at_once() {
    let operator = Operator::start().await;
    let keda = source(&operator.url, &Metrics::default());
    keda.read(&trigger("orders"), span()).await.unwrap();
    operator.say("orders", &[(590, 9.5)]).await;
    read_until(&keda, &[(600, 9.5)]).await;

    let address = operator.stop().await;
    let later = Span {
        until: moment(720),
        ..span()
    };
    let error = until("the end of the connection", async || {
        let fresh = keda.read(&trigger("orders"), span()).await;
        assert!(fresh.is_ok(), "its value is younger than the lookback");
        keda.read(&trigger("orders"), later).await.err()
    })
    .await;
    assert_eq!(error.kind, FetchErrorKind::Unreachable);

    let operator = Operator::start_at(&address).await;
    until("a new subscription", async || {
        (operator.subscriptions() == ["shop/web orders"]).then_some(())
    })
    .await;
    operator.say("orders", &[(599, 1.0)]).await;
    read_until(&keda, &[(600, 1.0)]).await;
}

#[tokio::test]
async fn a_stream_that_keda_ends_is_opened_again_under_a_new_name() {
    let operator = Operator::start().await;
    let keda = source(&operator.url, &Metrics::default());
    keda.read(&trigger("orders"), span()).await.unwrap();
    let before = until("a stream", async || operator.subscriber()).await;
    operator.drop_subscribers();
    let after = until("another stream", async || {
        operator.subscriber().filter(|after| *after != before)
    })
    .await;
    assert!(after.starts_with("forescale-"), "{after}");
    operator.say("orders", &[(590, 3.0)]).await;
    read_until(&keda, &[(600, 3.0)]).await;
}

#[tokio::test]
async fn on_closing_forescale_takes_leave_and_what_is_known_stays_readable() {
    let operator = Operator::start().await;
    let keda = source(&operator.url, &Metrics::default());
    keda.read(&trigger("orders"), span()).await.unwrap();
    keda.read(&trigger("others"), span()).await.unwrap();
    until("both", async || {
        (operator.subscriptions().len() == 2).then_some(())
    })
    .await;
    operator.say("orders", &[(590, 3.0)]).await;
    read_until(&keda, &[(600, 3.0)]).await;
    keda.close().await;
    assert!(operator.subscriptions().is_empty());
    read_until(&keda, &[(600, 3.0)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_trigger_that_nobody_reads_is_let_go_and_a_quiet_one_is_subscribed_to_again() {
    let clock = Arc::new(ManualClock::at(moment(0)));
    let stream = Metrics::default().stream_of("keda");
    let shelf = Shelf::new(Duration::from_secs(90), clock, stream);
    let (read, unread) = (metric("read"), metric("unread"));
    shelf.want(&read);
    shelf.want(&unread);
    for metric in shelf.unsubscribed() {
        shelf.subscribed(&metric);
    }
    shelf.doubt_the_quiet();
    assert!(shelf.unsubscribed().is_empty());
    for _ in 0..4 {
        tokio::time::advance(Duration::from_mins(10)).await;
        shelf.want(&read);
    }
    shelf.doubt_the_quiet();
    assert_eq!(shelf.unsubscribed().len(), 2);
    assert_eq!(shelf.take_unread(), [unread]);
    assert!(shelf.take_unread().is_empty());
}

fn metric(name: &str) -> Metric {
    Metric::of(&trigger(name)).unwrap()
}

#[test]
fn a_trigger_is_known_by_namespace_scaled_object_and_name() {
    let followed = Followed {
        trigger: "orders".to_owned(),
        scaled_object: None,
        namespace: None,
    };
    assert_eq!(Metric::of(&followed), None, "not settled");
    let spec = TriggerSpec {
        follows: Some(followed),
        ..crate::monitor::tests::spec()
    };
    let key = WorkloadKey::new("shop", "web", crate::domain::Metadata::new());
    let settled = spec.settled(&key).follows.unwrap();
    assert_eq!(Metric::of(&settled), Some(metric("orders")));
    assert_eq!(settled.to_string(), "trigger `orders` of `shop/web`");
}

#[tokio::test]
async fn a_query_needs_a_prometheus_and_a_trigger_needs_a_keda() {
    let config = Config {
        sources: [
            ("default".to_owned(), SourceConfig::at("http://prometheus")),
            ("queues".to_owned(), settings("http://keda-operator:9666")),
        ]
        .into(),
        allowed_server_addresses: Vec::new(),
    };
    let monitor = Monitor::new(&config, Metrics::default()).unwrap();
    let asked = |source: SourceRef, follows: Option<Followed>| {
        let spec = TriggerSpec {
            follows,
            source,
            ..crate::monitor::tests::spec()
        };
        monitor.check(&spec).map_err(|error| error.text)
    };
    let queues = || SourceRef::Named("queues".to_owned());
    let orders = || Some(trigger("orders"));
    assert_eq!(asked(queues(), orders()), Ok(()));
    assert_eq!(asked(SourceRef::Default, None), Ok(()));
    let cases = [
        (
            asked(queues(), None),
            "answers no queries: name one of its triggers in `triggerName`",
        ),
        (
            asked(SourceRef::Default, orders()),
            "source `default` is a Prometheus: `triggerName` needs a source of the kind `keda`, such as `queues`",
        ),
        (
            asked(SourceRef::Named("qeues".to_owned()), orders()),
            "`source`: no source is named `qeues` (there are `default`, `queues`): did you mean `queues`?",
        ),
        (
            asked(SourceRef::Address("http://x".to_owned()), orders()),
            "`triggerName` needs a named source of the kind `keda`",
        ),
    ];
    for (said, expected) in cases {
        let said = said.unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}
