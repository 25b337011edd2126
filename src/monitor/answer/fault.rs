//! From a refusal or a bad HTTP status to a failure.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header};

use super::super::error::{Failure, FetchErrorKind};
use super::super::json::Envelope;
use super::super::too_long::too_long;
use super::{Asked, Reply};

/// Longest `Retry-After` that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

// === impl Asked ===

impl Asked<'_> {
    /// Prometheus' own `status: error`.
    pub(super) fn refused(&self, reply: &Reply<'_>, envelope: &Envelope) -> Failure {
        let (error_type, error) = (envelope.error_type.as_str(), envelope.error.as_str());
        // VictoriaMetrics writes the HTTP status as the error type.
        let status = (error_type.parse::<u16>().ok())
            .and_then(|code| StatusCode::from_u16(code).ok())
            .unwrap_or(reply.status);
        let words = format!(
            "{} (status {}, `{}`)",
            self.quote(error, 400),
            reply.status.as_u16(),
            self.quote(error_type, 40)
        );
        let refused = || {
            Failure::lasting(
                FetchErrorKind::Query,
                format!(
                    "{} refused query `{}`: {words}",
                    self.place,
                    self.quote(self.query, 200)
                ),
            )
        };
        if let Some(which) = too_long(error) {
            return Failure {
                too_long: Some(which),
                ..refused()
            };
        }
        let failure = match error_type {
            "bad_data" => return refused(),
            "timeout" | "canceled" => Failure::passing(
                FetchErrorKind::Timeout,
                format!("{} gave the query up: {words}", self.place),
            ),
            // Answered with 422 by Prometheus, and by Thanos also when a store is away.
            "execution" => {
                Failure::while_running(format!("{} failed to run the query: {words}", self.place))
            }
            "internal" | "unavailable" => Failure::passing(
                FetchErrorKind::Status,
                format!("{} failed: {words}", self.place),
            ),
            _ if status == StatusCode::TOO_MANY_REQUESTS || error_type == "too_many_requests" => {
                self.limited(&words)
            }
            _ if matches!(status.as_u16(), 400 | 422) => return refused(),
            _ => {
                let hint = if status.is_client_error() {
                    self.hint(status, reply.headers)
                } else {
                    String::new()
                };
                status_failure(status, format!("{} answered {words}{hint}", self.place))
            }
        };
        failure.with_retry_after(retry_after(reply.headers))
    }

    /// A status that is no success, with a body that is not Prometheus'.
    pub(super) fn bad_status(&self, reply: &Reply<'_>) -> Failure {
        let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(4096)]);
        let excerpt = self.excerpt(reply.body);
        let said = if excerpt.is_empty() {
            String::new()
        } else {
            format!(" (`{excerpt}`)")
        };
        let status = reply.status;
        let words = format!("status {}{said}", status.as_u16());
        if status == StatusCode::TOO_MANY_REQUESTS {
            return (self.limited(&words)).with_retry_after(retry_after(reply.headers));
        }
        let hint = self.hint(status, reply.headers);
        let text_failure = status_failure(
            status,
            format!("{} answered with {words}{hint}", self.place),
        );
        Failure {
            // Some servers and their proxies write limits as plain text.
            too_long: status.is_client_error().then(|| too_long(&text)).flatten(),
            ..text_failure
        }
        .with_retry_after(retry_after(reply.headers))
    }

    fn limited(&self, words: &str) -> Failure {
        Failure::passing(
            FetchErrorKind::RateLimited,
            format!(
                "{} limits our requests: {words}; raise its limit, lower `concurrency`, or refresh less often with \
                 `interval`",
                self.place
            ),
        )
    }

    fn hint(&self, status: StatusCode, headers: &HeaderMap) -> String {
        match status.as_u16() {
            300..=399 => {
                let target = (headers.get(header::LOCATION))
                    .map_or_else(String::new, |to| {
                        let to = String::from_utf8_lossy(to.as_bytes());
                        let bare = to.split(['?', '#']).next().unwrap_or_default();
                        format!(" to `{}`", self.quote(bare, 200))
                    });
                format!(
                    "; redirects{target} are not followed, so that credentials stay with their server: correct the url"
                )
            }
            401 | 403 => {
                "; check `auth` of the source, and `headers` where the server wants a tenant such as `X-Scope-OrgID`"
                    .to_owned()
            }
            404 => "; check the path prefix of the url".to_owned(),
            405 | 501 => "; the server takes neither POST nor GET".to_owned(),
            502..=504 => "; the server behind a proxy is down or overloaded".to_owned(),
            _ => String::new(),
        }
    }
}

fn status_failure(status: StatusCode, text: String) -> Failure {
    if status.is_server_error() || matches!(status.as_u16(), 408 | 425) {
        Failure::passing(FetchErrorKind::Status, text)
    } else {
        Failure::lasting(FetchErrorKind::Status, text)
    }
}

/// `Retry-After` in seconds or as a date, which is taken against the server's own `Date`, so that clocks that differ do
/// no harm.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let until = http_date(text)?;
        let now = http_date(headers.get(header::DATE)?.to_str().ok()?)?;
        Duration::try_from(until.duration_since(now)).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

fn http_date(text: &str) -> Option<jiff::Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    fn wait(retry_after_text: &'static str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from_static(retry_after_text),
        );
        if let Some(date) = date {
            headers.insert(header::DATE, HeaderValue::from_static(date));
        }
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_and_is_bounded() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let cases = [
            ("7", None, Some(7)),
            (" 0 ", None, Some(0)),
            ("999999999", None, Some(3600)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", now, Some(30)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", now, Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
            ("soon", now, None),
            ("-3", now, None),
        ];
        for (text, date, seconds) in cases {
            assert_eq!(wait(text, date), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
