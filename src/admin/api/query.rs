//! Query parameters of the API, checked.

use std::time::Duration;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;

use crate::admin::error::ApiError;
use crate::admin::trust::STATES;
use crate::domain::HumanDuration;
use crate::knowledge::Workload;

const DEFAULT_SINCE: Duration = Duration::from_hours(6);
const DEFAULT_LIMIT: usize = 1000;
const MAX_LIMIT: usize = 20_000;
const MAX_POINTS: usize = 50_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ListQuery {
    namespace: Option<String>,
    contains: Option<String>,
    trust: Option<String>,
    limit: Option<String>,
    offset: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct DetailQuery {
    since: Option<String>,
    points: Option<String>,
}

/// Which workloads to list.
#[derive(Clone, Debug)]
pub(super) struct Page {
    namespace: Option<String>,
    /// In small letters.
    contains: Option<String>,
    trust: Option<&'static str>,
    pub(super) limit: usize,
    pub(super) offset: usize,
}

/// Which part of the history to show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// How far back from its newest sample.
    pub(super) since: Duration,
    /// At most this many values.
    pub(super) points: usize,
}

/// The parameters, if each one is known.
pub(super) fn accept<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, ApiError> {
    query
        .map(|Query(query)| query)
        .map_err(|rejection| ApiError::bad_request(rejection.body_text()))
}

impl ListQuery {
    pub(super) fn page(self) -> Result<Page, ApiError> {
        Ok(Page {
            namespace: self.namespace,
            contains: self.contains.map(|text| text.trim().to_lowercase()),
            trust: self.trust.as_deref().map(trust).transpose()?,
            limit: number("limit", self.limit.as_deref(), DEFAULT_LIMIT, 1, MAX_LIMIT)?,
            offset: number("offset", self.offset.as_deref(), 0, 0, usize::MAX)?,
        })
    }
}

impl Page {
    /// Whether the workload belongs on the list.
    pub(super) fn wants(&self, workload: &Workload) -> bool {
        let key = &workload.key;
        let named = self
            .namespace
            .as_deref()
            .is_none_or(|namespace| namespace == &*key.namespace);
        let contains = || {
            self.contains
                .as_deref()
                .is_none_or(|part| key.to_string().to_lowercase().contains(part))
        };
        let trusted = || {
            self.trust.is_none_or(|state| {
                let published = workload.published();
                let standing = published.as_ref().and_then(|p| p.standing.as_ref());
                standing.is_some_and(|standing| standing.trust.as_str() == state)
            })
        };
        named && contains() && trusted()
    }
}

impl DetailQuery {
    pub(super) fn window(&self) -> Result<Window, ApiError> {
        let since = match self.since.as_deref().map(str::parse::<HumanDuration>) {
            None => DEFAULT_SINCE,
            Some(Ok(since)) => since.get(),
            Some(Err(error)) => return Err(ApiError::bad_request(format!("`since`: {error}"))),
        };
        Ok(Window {
            since,
            points: number("points", self.points.as_deref(), MAX_POINTS, 1, MAX_POINTS)?,
        })
    }
}

fn trust(text: &str) -> Result<&'static str, ApiError> {
    STATES
        .into_iter()
        .find(|state| *state == text)
        .ok_or_else(|| {
            let known = STATES.map(|state| format!("`{state}`")).join(", ");
            ApiError::bad_request(format!("`trust`: `{text}` is none of {known}"))
        })
}

fn number(
    key: &str,
    text: Option<&str>,
    default: usize,
    min: usize,
    max: usize,
) -> Result<usize, ApiError> {
    let Some(text) = text else {
        return Ok(default);
    };
    let read = text
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number));
    read.ok_or_else(|| {
        let range = if max == usize::MAX {
            format!("from {min}")
        } else {
            format!("from {min} to {max}")
        };
        ApiError::bad_request(format!("`{key}`: `{text}` is not a whole number {range}"))
    })
}
