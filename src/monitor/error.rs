//! Failed reads, outside and inside this room.

use std::time::Duration;

use super::too_long::TooLong;

/// A read that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct FetchError {
    /// Kind.
    pub kind: FetchErrorKind,
    /// In words: which source, what happened, what may help. Never holds a secret.
    pub text: String,
    /// The server asked not to be asked again before this has passed.
    pub retry_after: Option<Duration>,
    /// The query failed while it ran: at one of the moments that were asked for, perhaps, and not at the others.
    pub while_running: bool,
}

/// Kinds of failed reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FetchErrorKind {
    /// No connection.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An HTTP status that is no success.
    Status,
    /// 429.
    RateLimited,
    /// A body that was cut off, too large or not what Prometheus writes.
    Body,
    /// Prometheus refused the query itself.
    Query,
    /// More than one series.
    ManySeries,
    /// The source's circuit is open after many failures.
    CircuitOpen,
    /// The source is not configured, or the address is not allowed.
    Config,
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {text}")]
pub struct ConfigError {
    /// The key, such as `monitor.sources.default.url`.
    pub key: String,
    /// What is wrong and what is allowed. Never holds a secret.
    pub text: String,
}

/// A failed attempt as the layers of a source see it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// What the caller is told.
    pub(super) error: FetchError,
    /// Whether asking again may help, because the server or the way to it was ill and not the question. Such failures
    /// are retried, and they are what the circuit breaker counts.
    pub(super) mends: bool,
    /// The server would answer a shorter window.
    pub(super) too_long: Option<TooLong>,
}

// === impl FetchError ===

impl FetchError {
    /// One whose server says nothing about when to ask again.
    pub fn new(kind: FetchErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            retry_after: None,
            while_running: false,
        }
    }

    pub(super) fn config(text: String) -> Self {
        Self::new(FetchErrorKind::Config, text)
    }
}

// === impl FetchErrorKind ===

impl FetchErrorKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Status,
        Self::RateLimited,
        Self::Body,
        Self::Query,
        Self::ManySeries,
        Self::CircuitOpen,
        Self::Config,
    ];

    /// As it is written in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::RateLimited => "rate-limited",
            Self::Body => "body",
            Self::Query => "query",
            Self::ManySeries => "many-series",
            Self::CircuitOpen => "circuit-open",
            Self::Config => "config",
        }
    }
}

// === impl ConfigError ===

impl ConfigError {
    pub(super) fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            text: text.into(),
        }
    }
}

// === impl Failure ===

impl Failure {
    /// A failure that asking again will not mend.
    pub(super) fn lasting(kind: FetchErrorKind, text: String) -> Self {
        Self {
            error: FetchError::new(kind, text),
            mends: false,
            too_long: None,
        }
    }

    /// A failure that asking again may mend.
    pub(super) fn passing(kind: FetchErrorKind, text: String) -> Self {
        Self {
            mends: true,
            ..Self::lasting(kind, text)
        }
    }

    /// One of a query that the server had begun to run.
    pub(super) fn while_running(text: String) -> Self {
        let mut failure = Self::lasting(FetchErrorKind::Status, text);
        failure.error.while_running = true;
        failure
    }

    pub(super) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.error.retry_after = retry_after;
        self
    }
}

/// `text` on one line, without control characters, cut after `max` characters. For what others wrote.
pub(super) fn shorten(text: &str, max: usize) -> String {
    let mut short = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if length > 0 {
            short.push(' ');
            length += 1;
        }
        for c in word.chars() {
            if length >= max {
                short.push('…');
                return short;
            }
            short.push(c);
            length += 1;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_becomes_one_short_line() {
        assert_eq!(shorten("  a\n\tb\u{7}c ", 10), "a b c");
        assert_eq!(shorten("ééééé", 3), "ééé…");
        assert_eq!(shorten("abc", 3), "abc");
    }
}
