//! Settings of the monitor, as they stand under `monitor:` in the settings file. Plain data; `validate.rs` checks it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::HumanDuration;

/// Settings of the monitor: the named sources and the allow-list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Named sources. `default` answers triggers that name none.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Addresses that `serverAddress` may name: `scheme://host[:port][/prefix]`, where the host may be `*.suffix`.
    pub allowed_server_addresses: Vec<String>,
}

/// What a source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A Prometheus, or what speaks its API.
    #[default]
    Prometheus,
    /// The RawMetricsService of a KEDA operator.
    Keda,
}

/// One named source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceConfig {
    /// What it is. A KEDA has an address, TLS, a time-out, backoffs and a `lookback`; the rest is Prometheus' alone.
    pub kind: SourceKind,
    /// Base URL, such as `http://prometheus-server.monitoring:9090`, with a path prefix where there is one;
    /// `/api/v1/query_range` is put behind it. Of a KEDA `https://keda-operator.keda.svc:9666`.
    pub url: String,
    /// TLS of an `https` URL.
    pub tls: TlsConfig,
    /// Credentials; sent to this source's server and to no other.
    pub auth: AuthConfig,
    /// HTTP headers of every request, such as `X-Scope-OrgID`. No trigger can change them.
    pub headers: BTreeMap<String, String>,
    /// Parameters of every request, such as Thanos' `dedup`. No trigger can change them.
    pub query_parameters: BTreeMap<String, String>,
    /// Headers that a trigger's `customHeaders` may set although the source has credentials. A source without
    /// credentials takes any header but those that carry identity or steer HTTP.
    pub trigger_headers: Vec<String>,
    /// Requests at the same time; more wait. Those with a longer time-out than the source's get at most half of them.
    pub concurrency: usize,
    /// Time for one attempt, the body included; a trigger's `timeout` replaces it.
    pub timeout: HumanDuration,
    /// Time for one read: waiting for a free slot, all attempts, and the waits between them.
    pub total_timeout: HumanDuration,
    /// How failures that may mend are retried.
    pub retries: RetryConfig,
    /// When the source is left alone for a while.
    pub circuit_breaker: BreakerConfig,
    /// Evaluation times in one request; Prometheus refuses more than 11,000 steps.
    pub max_points: u64,
    /// Largest answer that is read, after decompression.
    pub max_body_bytes: usize,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the environment count; connections are direct otherwise.
    pub proxy_from_environment: bool,
    /// How long a value that KEDA has sent counts while no other comes: three of its polling intervals.
    pub lookback: HumanDuration,
}

/// TLS of a source. The files are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TlsConfig {
    /// PEM file of the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate, with its chain.
    pub cert_file: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    pub key_file: Option<PathBuf>,
    /// Trust any certificate. Whoever sits in between then reads the credentials.
    pub insecure_skip_verify: bool,
}

/// Credentials of a source: none, a bearer token, or a user name with a password. Files are read for every request, so
/// that they may rotate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct AuthConfig {
    /// File with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// User name and password.
    pub basic: Option<BasicAuthConfig>,
}

/// User name and password of a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BasicAuthConfig {
    /// User name.
    pub username: String,
    /// File with the password.
    pub password_file: PathBuf,
}

/// Retries of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RetryConfig {
    /// Attempts of one read, the first one included.
    pub max_attempts: u32,
    /// Wait before the second attempt; doubled before each further one.
    pub initial_backoff: HumanDuration,
    /// Longest wait.
    pub max_backoff: HumanDuration,
    /// Share of each wait that is left to chance, from 0 to 1, so that workloads do not knock in step.
    pub jitter: f64,
}

/// Circuit breaker of a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct BreakerConfig {
    /// Failed reads in a row that open the circuit.
    pub failures: u32,
    /// How long the source is left alone before one read may probe it.
    pub open_for: HumanDuration,
}

// === impl SourceConfig ===

impl SourceConfig {
    /// A source at `url` with every default.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ..Self::default()
        }
    }

    /// Whether requests carry something that only the operator may hand out.
    pub(super) fn has_credentials(&self) -> bool {
        self.auth.bearer_token_file.is_some()
            || self.auth.basic.is_some()
            || self.tls.cert_file.is_some()
    }
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            kind: SourceKind::default(),
            url: String::new(),
            tls: TlsConfig::default(),
            auth: AuthConfig::default(),
            headers: BTreeMap::new(),
            query_parameters: BTreeMap::new(),
            trigger_headers: Vec::new(),
            concurrency: 16,
            timeout: HumanDuration::from_secs(5),
            total_timeout: HumanDuration::from_secs(10),
            retries: RetryConfig::default(),
            circuit_breaker: BreakerConfig::default(),
            max_points: 11_000,
            max_body_bytes: 16 * 1024 * 1024,
            proxy_from_environment: false,
            lookback: HumanDuration::from_secs(90),
        }
    }
}

// === impl RetryConfig ===

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_backoff: HumanDuration(std::time::Duration::from_millis(200)),
            max_backoff: HumanDuration::from_secs(2),
            jitter: 0.5,
        }
    }
}

// === impl BreakerConfig ===

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failures: 5,
            open_for: HumanDuration::from_secs(15),
        }
    }
}
