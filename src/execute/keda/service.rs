//! The five RPCs. None of them asks Prometheus or a model: they read what the loop has published.
//!
//! **A known workload** costs one lookup and one atomic load: no parsing, no lock that a refresh holds.
//!
//! **An unknown one** is checked and registered by whichever RPC names it first; from then on the loop looks after it.
//! Its first plan usually comes within a second, so the first reads wait for it, a bounded time counted from the
//! registration ([`super::Config::first_answer_wait`]), or from the start of this process where it was registered before:
//! a snapshot too old to answer from brings back a workload without a plan. After that a workload that still has no plan,
//! because its Prometheus has never answered, fails at once: KEDA's calls carry no deadline, and a slow answer would hold up
//! its operator.
//!
//! **Before the first plan there is no answer, not even an inactive one.** KEDA reads `GetMetrics`, then `IsActive`. A
//! `false` would count as a reason to scale to zero and a `true` would wake workloads that should sleep, while an
//! error leaves the replicas as they are. So both RPCs give `UNAVAILABLE`, saying what is being waited for. Once
//! there was a plan there always is one, for as long as this process lives and for half an hour after it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::complaints::Complaints;
use super::metadata::{self, limits};
use super::metrics::{Metrics, Rpc};
use super::proto::external_scaler_server::ExternalScaler;
use super::proto::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};
use super::streams::{self, Answers};
use super::{Context, METRIC_NAME};
use crate::domain::{SourceRef, Timestamp, TriggerSpec, WorkloadKey};
use crate::knowledge::{Published, Workload};

/// How many calls may wait for a first plan at the same time; more than these fail at once.
const WAITING: usize = 4096;

/// A message travels in an HTTP/2 header, which clients bound; a longer one is cut.
const MESSAGE_BYTES: usize = 4000;

/// The service.
#[derive(Debug)]
pub struct Service {
    context: Context,
    metrics: Metrics,
    first_answer_wait: Duration,
    started_at: Timestamp,
    shutdown: CancellationToken,
    waiting: Semaphore,
    complaints: Complaints,
}

impl Service {
    /// A service over `context`; streams end when `shutdown` is cancelled.
    pub fn new(
        context: Context,
        metrics: Metrics,
        first_answer_wait: Duration,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            started_at: context.clock.now(),
            context,
            metrics,
            first_answer_wait,
            shutdown,
            waiting: Semaphore::new(WAITING),
            complaints: Complaints::default(),
        }
    }

    /// The workload that is meant: the one on the board, or a newly registered one.
    fn workload(&self, reference: ScaledObjectRef) -> Result<Arc<Workload>, Status> {
        let now = self.context.clock.now();
        let found = self.context.board.find(
            &reference.namespace,
            &reference.name,
            &reference.scaler_metadata,
        );
        if let Some(workload) = found {
            workload.touch(now);
            return Ok(workload);
        }
        self.register(reference, now)
    }

    #[cold]
    fn register(
        &self,
        reference: ScaledObjectRef,
        now: Timestamp,
    ) -> Result<Arc<Workload>, Status> {
        for (field, value) in [
            ("namespace", &reference.namespace),
            ("name", &reference.name),
        ] {
            limits::object_name(field, value).map_err(Status::invalid_argument)?;
        }
        limits::sizes(&reference.scaler_metadata).map_err(Status::invalid_argument)?;
        let metadata = reference.scaler_metadata.into_iter().collect();
        let key = WorkloadKey::new(&reference.namespace, &reference.name, metadata);
        let parsed = metadata::parse_metadata(&key.metadata)
            .map_err(|mistakes| self.refused(&key, &mistakes))?;
        for warning in &parsed.warnings {
            tracing::warn!(workload = %key, %warning, "trigger metadata accepted with a warning");
        }
        let registered = self
            .context
            .board
            .register(key, parsed.spec, parsed.warnings, now);
        let workload = registered.map_err(|full| Status::resource_exhausted(full.to_string()))?;
        tracing::info!(workload = %workload.key, id = %workload.key.id(), "registered workload");
        Ok(workload)
    }

    fn refused(&self, key: &WorkloadKey, mistakes: &[metadata::MetadataError]) -> Status {
        let text = mistakes_text(key, mistakes);
        if self.complaints.is_new(key.id()) {
            tracing::warn!(workload = %key, mistakes = mistakes.len(), %text, "refused trigger metadata");
        }
        Status::invalid_argument(text)
    }

    /// What the loop has published, after a bounded first wait when it has not published anything yet.
    async fn published(&self, workload: &Workload) -> Result<Arc<Published>, Status> {
        if let Some(published) = workload.published() {
            return Ok(published);
        }
        self.wait_for_first(workload).await;
        workload.published().ok_or_else(|| unanswered(workload))
    }

    #[cold]
    async fn wait_for_first(&self, workload: &Workload) {
        let from = workload.registered_at.max(self.started_at);
        let since = self.context.clock.now().since(from);
        let left = self.first_answer_wait.saturating_sub(since);
        if left.is_zero() {
            return;
        }
        let Ok(_permit) = self.waiting.try_acquire() else {
            return;
        };
        let mut state = workload.follow();
        tokio::select! {
            _ = state.wait_for(|signal| signal.active.is_some()) => {}
            () = tokio::time::sleep(left) => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    async fn value(&self, request: GetMetricsRequest) -> Result<GetMetricsResponse, Status> {
        let reference = request
            .scaled_object_ref
            .ok_or_else(|| Status::invalid_argument("`scaledObjectRef` is missing"))?;
        let workload = self.workload(reference)?;
        let published = self.published(&workload).await?;
        let served = published.plan.served;
        let metric_name = if request.metric_name.is_empty() {
            METRIC_NAME.to_owned()
        } else {
            request.metric_name
        };
        Ok(GetMetricsResponse {
            metric_values: vec![MetricValue {
                metric_name,
                metric_value: served.value_int,
                metric_value_float: served.value,
            }],
        })
    }

    async fn active(&self, reference: ScaledObjectRef) -> Result<IsActiveResponse, Status> {
        let workload = self.workload(reference)?;
        let published = self.published(&workload).await?;
        Ok(IsActiveResponse {
            result: published.plan.active,
        })
    }
}

#[tonic::async_trait]
impl ExternalScaler for Service {
    type StreamIsActiveStream = Answers<IsActiveResponse>;
    type StreamMetricSpecStream = Answers<GetMetricSpecResponse>;

    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        let call = self.metrics.call(Rpc::IsActive);
        let answer = self.active(request.into_inner()).await;
        call.ended(answer.map(Response::new))
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let call = self.metrics.call(Rpc::GetMetricSpec);
        let workload = self.workload(request.into_inner());
        call.ended(workload.map(|workload| Response::new(specs(&workload.spec))))
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let call = self.metrics.call(Rpc::GetMetrics);
        let answer = self.value(request.into_inner()).await;
        call.ended(answer.map(Response::new))
    }

    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let call = self.metrics.call(Rpc::StreamIsActive);
        let workload = self.workload(request.into_inner());
        call.ended(workload.map(|workload| {
            let open = self.metrics.stream(Rpc::StreamIsActive);
            let stream = streams::activity(workload.follow(), open, self.shutdown.clone());
            Response::new(stream)
        }))
    }

    async fn stream_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        let call = self.metrics.call(Rpc::StreamMetricSpec);
        let workload = self.workload(request.into_inner());
        call.ended(workload.map(|workload| {
            let open = self.metrics.stream(Rpc::StreamMetricSpec);
            let stream = streams::specs(
                specs(&workload.spec),
                workload.follow(),
                open,
                self.shutdown.clone(),
            );
            Response::new(stream)
        }))
    }
}

/// The one metric and its target, from the metadata alone.
fn specs(spec: &TriggerSpec) -> GetMetricSpecResponse {
    GetMetricSpecResponse {
        metric_specs: vec![MetricSpec {
            metric_name: METRIC_NAME.to_owned(),
            target_size: spec.whole_target(),
            target_size_float: spec.target(),
        }],
    }
}

/// What is being waited for, and what stands in the way.
fn unanswered(workload: &Workload) -> Status {
    let source = match &workload.spec.source {
        SourceRef::Default => "the default source".to_owned(),
        SourceRef::Named(name) => format!("source `{name}`"),
        SourceRef::Address(address) => format!("`{address}`"),
    };
    let query = metadata::excerpt(&workload.spec.reads());
    let fault = workload.first_fault().map_or_else(
        || "no fault so far".to_owned(),
        |fault| format!("last fault at {}: {}", fault.at, fault.text),
    );
    Status::unavailable(cut(format!(
        "no plan for `{}` yet: waiting for the first sample of {query} from {source}; {fault}",
        workload.key
    )))
}

fn mistakes_text(key: &WorkloadKey, mistakes: &[metadata::MetadataError]) -> String {
    let count = match mistakes.len() {
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    let all: Vec<_> = mistakes
        .iter()
        .map(|mistake| mistake.text.as_str())
        .collect();
    cut(format!(
        "{count} in the trigger metadata of `{key}`: {}",
        all.join("; ")
    ))
}

fn cut(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES));
        text.push_str(" … (cut)");
    }
    text
}

#[cfg(test)]
mod tests;
