//! Reads metric history from Prometheus and from what speaks its API.
//! STUB: to be written by the monitor room; these signatures are what `control/` relies on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{Sample, Timestamp, TriggerSpec};

/// Settings of the monitor: the named sources and the allow-list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Named sources. `default` answers triggers that name none.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Addresses that `serverAddress` may name.
    pub allowed_server_addresses: Vec<String>,
}

/// One named source (extended by the monitor room).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceConfig {
    /// Base URL, such as `http://prometheus-server.monitoring:9090`, with a path prefix where there is one.
    pub url: String,
}

/// The monitor: every source, ready to be asked.
#[derive(Debug)]
pub struct Monitor {}

/// What to read: samples at `from`, `from + step`, … up to and including `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First evaluation time; a multiple of `step`.
    pub from: Timestamp,
    /// Last evaluation time.
    pub until: Timestamp,
    /// Grid; whole seconds.
    pub step: Duration,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Finite samples, oldest first, each evaluation time at most once.
    pub samples: Vec<Sample>,
    /// Samples that were NaN or infinite and were left out.
    pub not_finite: usize,
    /// Number of series in the result: 0 for an empty one, otherwise 1.
    pub series: usize,
    /// Warnings and infos that Prometheus sent along.
    pub warnings: Vec<String>,
}

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

impl Monitor {
    /// Builds every source.
    ///
    /// # Errors
    /// When a URL, a certificate or a credentials file is wrong; names the source and the key.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let _ = config;
        Ok(Self {})
    }

    /// Whether `spec`'s source exists and is allowed; asks nothing of any server.
    ///
    /// # Errors
    /// Kind [`FetchErrorKind::Config`], naming the key, the value and what is allowed.
    pub fn check(&self, spec: &TriggerSpec) -> Result<(), FetchError> {
        let _ = spec;
        Ok(())
    }

    /// Reads `span`, in windows under the server's point limit where it is long.
    ///
    /// # Errors
    /// The first failure that retries could not mend; what had been read before it is lost, so that a caller who wants
    /// to keep progress asks for one window at a time ([`Monitor::windows`]).
    pub async fn fetch(&self, spec: &TriggerSpec, span: Span) -> Result<Fetched, FetchError> {
        let _ = (spec, span);
        Ok(Fetched::default())
    }

    /// Cuts `span` into windows that each fit one request, newest first.
    pub fn windows(&self, spec: &TriggerSpec, span: Span) -> Vec<Span> {
        let _ = spec;
        vec![span]
    }
}

/// Settings of a source that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("source `{name}`: {text}")]
pub struct ConfigError {
    /// The source.
    pub name: String,
    /// What is wrong, naming the key.
    pub text: String,
}
