//! What is asked of a server: the trigger's query with the parameters and headers that come along.

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::config::SourceConfig;
use super::error::{FetchError, shorten};
use super::span::Span;
use crate::domain::{Timestamp, TriggerSpec};

/// Parameters that only Forescale sets.
pub(super) const RESERVED_PARAMETERS: &[&str] =
    &["query", "start", "end", "step", "time", "timeout"];

/// Longest query that is sent.
const MAX_QUERY_BYTES: usize = 64 * 1024;

/// Headers and parameters that one trigger may add.
const MAX_EXTRAS: usize = 64;

/// What a source lets triggers add to its requests.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// `source `NAME`` or `serverAddress `URL``, for error texts.
    place: String,
    fixed_headers: Vec<HeaderName>,
    fixed_parameters: Vec<String>,
    /// `None`: any header but the reserved ones.
    trigger_headers: Option<Vec<HeaderName>>,
}

/// A trigger's query, the same for every window.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) expression: String,
    parameters: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    /// Of one attempt; the source's own when unset.
    pub(super) timeout: Option<Duration>,
}

/// One window of a query. Cheap to clone, as retries do.
#[derive(Clone, Debug)]
pub(super) struct RangeRequest {
    pub(super) query: Arc<Query>,
    pub(super) span: Span,
    /// For one attempt.
    pub(super) timeout: Duration,
    /// That is the trigger's own, and shorter than the source's.
    pub(super) hasty: bool,
    /// For all attempts together.
    pub(super) deadline: Instant,
}

// === impl Rules ===

impl Rules {
    pub(super) fn new(place: String, source: &SourceConfig) -> Self {
        let names = |names: &mut dyn Iterator<Item = &String>| -> Vec<HeaderName> {
            names
                .filter_map(|name| HeaderName::try_from(name.as_str()).ok())
                .collect()
        };
        let restricted = source.has_credentials() || !source.trigger_headers.is_empty();
        Self {
            place,
            fixed_headers: names(&mut source.headers.keys()),
            fixed_parameters: source.query_parameters.keys().cloned().collect(),
            trigger_headers: restricted.then(|| names(&mut source.trigger_headers.iter())),
        }
    }

    fn check_parameter(&self, name: &str) -> Result<(), FetchError> {
        let shown = shorten(name, 64);
        if RESERVED_PARAMETERS.contains(&name) {
            return Err(FetchError::config(format!(
                "`queryParameters` can't set `{shown}`: {} are Forescale's own",
                RESERVED_PARAMETERS.join(", ")
            )));
        }
        if self.fixed_parameters.iter().any(|fixed| fixed == name) {
            return Err(FetchError::config(format!(
                "`{shown}` is a query parameter that {} sets itself",
                self.place
            )));
        }
        Ok(())
    }

    fn header(&self, name: &str, value: &str) -> Result<(HeaderName, HeaderValue), FetchError> {
        let shown = shorten(name, 64);
        let refuse =
            |why: &str| FetchError::config(format!("`customHeaders` can't set `{shown}`: {why}"));
        let parsed = HeaderName::try_from(name).map_err(|_| refuse("it is no HTTP header name"))?;
        if is_reserved_header(&parsed) {
            return Err(refuse(
                "it carries identity or steers HTTP; credentials belong in a named source",
            ));
        }
        if self.fixed_headers.contains(&parsed) {
            return Err(refuse(&format!("{} sets it itself", self.place)));
        }
        if self
            .trigger_headers
            .as_ref()
            .is_some_and(|listed| !listed.contains(&parsed))
        {
            return Err(refuse(&format!(
                "{} has credentials of its own or a list, and does not name it under `triggerHeaders`",
                self.place
            )));
        }
        let value = HeaderValue::try_from(value)
            .map_err(|_| refuse("its value holds characters that HTTP headers can't carry"))?;
        Ok((parsed, value))
    }
}

// === impl Query ===

impl Query {
    /// The query of `spec`, if a source with these `rules` takes it.
    pub(super) fn of(spec: &TriggerSpec, rules: &Rules) -> Result<Self, FetchError> {
        Self::beside(spec, &spec.query, rules)
    }

    /// Another `expression`, asked as the query of `spec` is.
    pub(super) fn beside(
        spec: &TriggerSpec,
        expression: &str,
        rules: &Rules,
    ) -> Result<Self, FetchError> {
        if expression.len() > MAX_QUERY_BYTES {
            return Err(FetchError::config(format!(
                "`query` is {} bytes long: allowed are {MAX_QUERY_BYTES}",
                expression.len()
            )));
        }
        if spec.query_parameters.len() > MAX_EXTRAS || spec.custom_headers.len() > MAX_EXTRAS {
            return Err(FetchError::config(format!(
                "`queryParameters` and `customHeaders` may hold {MAX_EXTRAS} entries each"
            )));
        }
        let mut parameters = spec.query_parameters.clone();
        parameters.extend(
            (spec.namespace.iter()).map(|namespace| ("namespace".to_owned(), namespace.clone())),
        );
        for (name, _) in &parameters {
            rules.check_parameter(name)?;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &spec.custom_headers {
            let (name, value) = rules.header(name, value)?;
            headers.insert(name, value);
        }
        Ok(Self {
            expression: expression.to_owned(),
            parameters,
            headers,
            timeout: spec.timeout.map(crate::domain::HumanDuration::get),
        })
    }
}

// === impl RangeRequest ===

impl RangeRequest {
    /// The parameters of the call, behind those of the source.
    pub(super) fn form<'a>(
        &'a self,
        of_source: &'a [(String, String)],
    ) -> Vec<(&'a str, std::borrow::Cow<'a, str>)> {
        let own = [
            ("query", self.query.expression.as_str().into()),
            ("start", seconds(self.span.from).into()),
            ("end", seconds(self.span.until).into()),
            ("step", duration_seconds(self.span.step).into()),
            // The server stops where we stop listening.
            ("timeout", duration_seconds(self.timeout).into()),
        ];
        own.into_iter()
            .chain(
                (of_source.iter().chain(&self.query.parameters))
                    .map(|(name, value)| (name.as_str(), value.as_str().into())),
            )
            .collect()
    }
}

/// Headers that a trigger may never set: they carry identity (of the caller, or of a proxy that vouches for one) or
/// steer the HTTP connection.
pub(super) fn is_reserved_header(name: &HeaderName) -> bool {
    const RESERVED: &[&str] = &[
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-real-ip",
    ];
    RESERVED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-")
}

/// As Prometheus reads it: seconds, with milliseconds only where there are any.
fn seconds(at: Timestamp) -> String {
    let millis = at.as_millis();
    if millis % 1000 == 0 {
        return (millis / 1000).to_string();
    }
    format!("{:.3}", at.as_secs_f64())
}

fn duration_seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        return duration.as_secs().max(1).to_string();
    }
    format!("{:.3}", duration.as_secs_f64())
}
