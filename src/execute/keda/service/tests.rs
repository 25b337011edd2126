use std::collections::HashMap;

use futures::FutureExt;

use super::*;
use crate::domain::{
    Basis, HumanDuration, LeadSource, ManualClock, Mode, Plan, Quantile, Served, Timestamp,
};
use crate::knowledge::{Board, Fault, FaultKind, Health};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

struct Desk {
    service: Service,
    board: Arc<Board>,
    clock: Arc<ManualClock>,
}

impl Desk {
    /// First reads wait for as long as the test runs.
    fn new() -> Self {
        Self::with(10, Duration::from_hours(1))
    }

    fn with(workloads: usize, first_answer_wait: Duration) -> Self {
        let board = Arc::new(Board::new(workloads));
        let clock = Arc::new(ManualClock::at(START));
        let context = Context {
            board: Arc::clone(&board),
            clock: clock.clone(),
        };
        let service = Service::new(
            context,
            Metrics::default(),
            first_answer_wait,
            CancellationToken::new(),
        );
        Self {
            service,
            board,
            clock,
        }
    }

    async fn read(&self, reference: ScaledObjectRef) -> Result<MetricValue, Status> {
        let request = GetMetricsRequest {
            scaled_object_ref: Some(reference),
            metric_name: "forescale".to_owned(),
        };
        let answer = self.service.get_metrics(Request::new(request)).await?;
        Ok(answer.into_inner().metric_values.remove(0))
    }
}

fn web(pairs: &[(&str, &str)]) -> ScaledObjectRef {
    let pairs = [("query", "sum(up)"), ("threshold", "10")]
        .iter()
        .chain(pairs)
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    ScaledObjectRef {
        name: "web".to_owned(),
        namespace: "shop".to_owned(),
        scaler_metadata: pairs.collect::<HashMap<_, _>>(),
    }
}

fn published(replicas: u32, active: bool) -> Published {
    Published {
        plan: Arc::new(Plan {
            at: START,
            mode: Mode::Predictive,
            basis: Basis::Forecast,
            replicas,
            planned: replicas,
            reactive: Some(replicas),
            active,
            served: Served {
                value: f64::from(replicas) * 10.0,
                target: 10.0,
                value_int: i64::from(replicas) * 10,
                target_int: 10,
            },
            observed: None,
            peak: None,
            quantile: Quantile::MEDIAN,
            lead_time: HumanDuration::from_secs(60),
            lead_source: LeadSource::Given,
            capacity: None,
            vertical: None,
            model: None,
            chosen: None,
            authority: None,
            reasons: vec![],
        }),
        forecast: None,
        standing: None,
        anomalies: Arc::default(),
        health: Health::default(),
    }
}

#[tokio::test]
async fn the_very_first_read_waits_for_the_first_plan() {
    let desk = Desk::new();
    let mut read = Box::pin(desk.read(web(&[])));
    assert!(
        futures::poll!(&mut read).is_pending(),
        "registered and waiting"
    );
    desk.board.all()[0].publish(published(3, true));
    let value = read.await.unwrap();
    assert_eq!(
        (value.metric_value, value.metric_name.as_str()),
        (30, "forescale")
    );
    assert!((value.metric_value_float - 30.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn the_first_wait_ends_and_says_what_it_waited_for() {
    let desk = Desk::with(10, Duration::from_millis(20));
    let first = desk.read(web(&[])).await.unwrap_err();
    assert_eq!(first.code(), tonic::Code::Unavailable);
    assert!(first.message().contains("no fault so far"), "{first}");
}

#[tokio::test]
async fn once_the_wait_since_the_registration_is_over_reads_fail_at_once_with_the_reason() {
    let desk = Desk::new();
    assert!(desk.read(web(&[])).now_or_never().is_none(), "waiting");
    desk.clock.advance(Duration::from_hours(1));
    desk.board.all()[0].note_first_fault(Fault {
        at: START,
        kind: FaultKind::Unreachable,
        text: "failed to connect to source `default`".to_owned(),
    });
    let later = desk.read(web(&[])).now_or_never().expect("no second wait");
    let later = later.unwrap_err();
    assert_eq!(later.code(), tonic::Code::Unavailable);
    for part in [
        "`shop/web`",
        "`sum(up)`",
        "the default source",
        "failed to connect",
    ] {
        assert!(later.message().contains(part), "{part}: {later}");
    }
}

#[tokio::test]
async fn before_the_first_plan_activity_is_an_error_and_never_false() {
    let desk = Desk::with(10, Duration::ZERO);
    let answer = desk.service.is_active(Request::new(web(&[]))).await;
    assert_eq!(answer.unwrap_err().code(), tonic::Code::Unavailable);
    desk.board.all()[0].publish(published(1, true));
    let answer = desk
        .service
        .is_active(Request::new(web(&[])))
        .await
        .unwrap();
    assert!(answer.into_inner().result);
}

#[tokio::test]
async fn one_that_was_put_back_without_a_plan_is_waited_for_from_the_start_on() {
    let desk = Desk::new();
    let registered = START - Duration::from_hours(24);
    let reference = web(&[]);
    let metadata = reference.scaler_metadata.clone().into_iter().collect();
    let key = WorkloadKey::new("shop", "web", metadata);
    let spec = metadata::parse_metadata(&key.metadata).unwrap().spec;
    let put_back = desk.board.register(key, spec, vec![], registered).unwrap();
    let mut read = Box::pin(desk.read(reference));
    assert!(futures::poll!(&mut read).is_pending(), "waiting");
    put_back.publish(published(3, true));
    assert_eq!(read.await.unwrap().metric_value, 30);
}

#[tokio::test]
async fn a_shutdown_ends_the_first_wait() {
    let desk = Desk::new();
    let mut read = Box::pin(desk.read(web(&[])));
    assert!(futures::poll!(&mut read).is_pending());
    desk.service.shutdown.cancel();
    assert_eq!(read.await.unwrap_err().code(), tonic::Code::Unavailable);
}

#[tokio::test]
async fn the_spec_needs_no_data_and_registers_the_workload() {
    let desk = Desk::new();
    let reference = web(&[("threshold", "0.25")]);
    let specs = desk
        .service
        .get_metric_spec(Request::new(reference))
        .now_or_never()
        .expect("no wait for data")
        .unwrap()
        .into_inner();
    assert_eq!(desk.board.len(), 1);
    let spec = &specs.metric_specs[0];
    assert_eq!(
        (spec.metric_name.as_str(), spec.target_size),
        (METRIC_NAME, 1)
    );
    assert!((spec.target_size_float - 0.25).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_full_board_and_bad_names_have_their_own_codes() {
    let desk = Desk::with(1, Duration::ZERO);
    let ask = |reference| desk.service.get_metric_spec(Request::new(reference));
    ask(web(&[])).await.unwrap();
    let full = ask(web(&[("threshold", "11")])).await.unwrap_err();
    assert_eq!(full.code(), tonic::Code::ResourceExhausted);
    let mut nameless = web(&[]);
    nameless.name.clear();
    let mut strange = web(&[]);
    strange.namespace = "Shop/../x".to_owned();
    for reference in [nameless, strange, ScaledObjectRef::default()] {
        let refused = ask(reference).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
    }
    let request = GetMetricsRequest::default();
    let refused = desk.service.get_metrics(Request::new(request)).await;
    assert!(refused.unwrap_err().message().contains("`scaledObjectRef`"));
}

#[tokio::test]
async fn every_call_is_a_sign_of_life() {
    let desk = Desk::new();
    desk.service
        .get_metric_spec(Request::new(web(&[])))
        .await
        .unwrap();
    desk.clock.advance(Duration::from_mins(1));
    desk.service
        .get_metric_spec(Request::new(web(&[])))
        .await
        .unwrap();
    assert_eq!(
        desk.board.all()[0].last_asked(),
        START + Duration::from_mins(1)
    );
}

#[test]
fn a_message_with_many_mistakes_fits_a_header() {
    let key = WorkloadKey::new("shop", "web", crate::domain::Metadata::new());
    let mistakes: Vec<_> = (0..64)
        .map(|n| metadata::MetadataError {
            key: n.to_string(),
            text: "é".repeat(100),
        })
        .collect();
    let text = mistakes_text(&key, &mistakes);
    assert!(text.len() < 4100 && text.ends_with("(cut)") && text.starts_with("64 mistakes"));
}
