//! From an HTTP reply to samples or to a failure. Pure, so that every outcome is a line in a table of tests.

mod fault;
mod samples;

use ::http::{HeaderMap, StatusCode};

use super::credentials::Redactor;
use super::error::{Failure, FetchErrorKind, shorten};
use super::json::Envelope;
use super::span::{Fetched, MAX_WARNINGS, Span, is_of_the_language};

/// Longest warning that is kept.
const MAX_WARNING_CHARS: usize = 300;

/// A reply, fully read.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// What is needed to judge a reply and to name it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// The source, as texts name it.
    pub(super) place: &'a str,
    pub(super) query: &'a str,
    pub(super) span: Span,
    pub(super) redactor: &'a Redactor,
}

// === impl Asked ===

impl Asked<'_> {
    /// Judges a reply.
    pub(super) fn judge(&self, reply: &Reply<'_>) -> Result<Fetched, Failure> {
        let parsed = serde_json::from_slice::<Envelope>(reply.body);
        match parsed {
            Ok(envelope) if reply.status.is_success() && envelope.status == "success" => {
                self.success(envelope)
            }
            Ok(envelope) if envelope.status == "error" => Err(self.refused(reply, &envelope)),
            _ if !reply.status.is_success() => Err(self.bad_status(reply)),
            Ok(envelope) => Err(self.bad_body(&format!(
                "answered with the status word `{}`, which is not Prometheus'",
                self.quote(&envelope.status, 40)
            ))),
            Err(error) => Err(self.not_prometheus(reply.body, &error)),
        }
    }

    fn success(&self, envelope: Envelope) -> Result<Fetched, Failure> {
        let warnings = self.warnings(&envelope);
        let partial = is_partial(&envelope);
        let data = envelope
            .data
            .ok_or_else(|| self.bad_body("answered `success` without data"))?;
        let mut fetched = self.samples(data)?;
        fetched.partial = partial;
        fetched.warnings.extend(warnings);
        fetched.warnings.truncate(MAX_WARNINGS);
        Ok(fetched)
    }

    fn warnings(&self, envelope: &Envelope) -> Vec<String> {
        let partial = envelope.is_partial.unwrap_or(false).then(|| {
            "the answer is partial: some storage nodes did not answer, so the value may be too low"
                .to_owned()
        });
        let sent = [&envelope.warnings, &envelope.infos];
        let sent = sent.into_iter().flatten().flatten();
        partial
            .into_iter()
            .chain(sent.map(|text| self.quote(text, MAX_WARNING_CHARS)))
            .take(MAX_WARNINGS)
            .collect()
    }

    /// A success that is not what Prometheus writes: cut off, or someone else's page.
    fn not_prometheus(&self, body: &[u8], error: &serde_json::Error) -> Failure {
        if error.is_eof() && !body.is_empty() {
            return Failure::passing(
                FetchErrorKind::Body,
                format!(
                    "{}: the answer was cut off after {} bytes",
                    self.place,
                    body.len()
                ),
            );
        }
        let excerpt = self.excerpt(body);
        if excerpt.is_empty() {
            return self.bad_body("answered with an empty body");
        }
        self.bad_body(&format!(
            "answered with something that is not Prometheus' JSON ({}), which begins `{excerpt}`; check that the url \
             leads to the API and not to a login page",
            self.quote(&error.to_string(), 120)
        ))
    }

    fn bad_body(&self, what: &str) -> Failure {
        Failure::lasting(FetchErrorKind::Body, format!("{} {what}", self.place))
    }

    /// What a server wrote, fit to be shown: without secrets, one line, short.
    fn quote(&self, text: &str, max: usize) -> String {
        // Secrets go first: half a secret would not be found any more.
        shorten(&self.redactor.clean(text), max)
    }

    /// The beginning of a body; of an HTML page its title.
    fn excerpt(&self, body: &[u8]) -> String {
        let head = &body[..body.len().min(4096)];
        let text = String::from_utf8_lossy(head);
        let title = text
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title);
        self.quote(title.unwrap_or(&text), 120)
    }
}

/// Whether part of the storage did not answer. VictoriaMetrics says so in a field of its own; Thanos, and Prometheus over
/// remote reads, in a warning.
fn is_partial(envelope: &Envelope) -> bool {
    let mut warnings = envelope.warnings.iter().flatten();
    envelope.is_partial.unwrap_or(false) || warnings.any(|text| !is_of_the_language(text))
}

#[cfg(test)]
mod tests;
