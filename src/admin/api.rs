//! `/api/v1/workloads`: what is known about the workloads, in JSON. All times are milliseconds since the epoch.

mod query;
mod view;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use self::query::{DetailQuery, ListQuery};
use self::view::{Decisions, Detail, Details, List, Summary};
use super::State;
use super::error::ApiError;
use crate::knowledge::{Board, Workload};

/// Nearest names in a refusal.
const SUGGESTIONS: usize = 3;

/// Every workload, by namespace, name and fingerprint.
pub(super) async fn list(
    Shared(state): Shared<State>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let page = query::accept(query)?.page()?;
    let render = move || {
        let mut all = state.board.all();
        all.retain(|workload| page.wants(workload));
        let total = all.len();
        let shown: Vec<_> = sorted(all)
            .into_iter()
            .skip(page.offset)
            .take(page.limit)
            .collect();
        let workloads = shown.iter().map(|workload| Summary::of(workload)).collect();
        Json(List { total, workloads }).into_response()
    };
    off_the_loop(render).await
}

/// The workloads of one ScaledObject, with history and forecast.
pub(super) async fn detail(
    Shared(state): Shared<State>,
    Path((namespace, name)): Path<(String, String)>,
    query: Result<Query<DetailQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let window = query::accept(query)?.window()?;
    let render = move || {
        let found = state.board.of_scaled_object(&namespace, &name);
        if found.is_empty() {
            return unknown(&state.board, &namespace, &name).into_response();
        }
        let found = sorted(found);
        let workloads = found
            .iter()
            .map(|workload| Detail::of(workload, window))
            .collect();
        Json(Details { workloads }).into_response()
    };
    off_the_loop(render).await
}

/// The newest plans of one ScaledObject with all that they were made from.
pub(super) async fn decision(
    Shared(state): Shared<State>,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let render = move || {
        let found = state.board.of_scaled_object(&namespace, &name);
        if found.is_empty() {
            return unknown(&state.board, &namespace, &name).into_response();
        }
        let version = &state.info.version;
        Json(Decisions::of(&sorted(found), version, &state.planner)).into_response()
    };
    off_the_loop(render).await
}

/// Long answers are made where they hold up nobody.
async fn off_the_loop(
    render: impl FnOnce() -> Response + Send + 'static,
) -> Result<Response, ApiError> {
    let defect = |_| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "this request met a defect in forescale",
        )
    };
    tokio::task::spawn_blocking(render).await.map_err(defect)
}

fn sorted(mut all: Vec<Arc<Workload>>) -> Vec<Arc<Workload>> {
    all.sort_by_cached_key(|w| {
        (
            Arc::clone(&w.key.namespace),
            Arc::clone(&w.key.name),
            w.key.id(),
        )
    });
    all
}

fn unknown(board: &Board, namespace: &str, name: &str) -> ApiError {
    let wanted = format!("{namespace}/{name}");
    let mut known: Vec<_> = board
        .all()
        .iter()
        .map(|workload| workload.key.to_string())
        .collect();
    known.sort_unstable();
    known.dedup();
    known.sort_by_cached_key(|known| strsim::damerau_levenshtein(known, &wanted));
    let nearest: Vec<_> = known
        .iter()
        .take(SUGGESTIONS)
        .map(|name| format!("`{name}`"))
        .collect();
    let hint = if nearest.is_empty() {
        "no workload is registered; KEDA registers one when it first asks about its ScaledObject"
            .to_owned()
    } else {
        format!("the nearest known ones are {}", nearest.join(", "))
    };
    ApiError::new(
        StatusCode::NOT_FOUND,
        format!("there is no workload `{wanted}`"),
    )
    .hint(hint)
}
