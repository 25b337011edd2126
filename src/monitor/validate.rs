//! Checks settings before anything is built of them. Every mistake is found in one pass, and each names its whole key.

use std::time::Duration;

use ::http::{HeaderName, HeaderValue};

use super::address::{AllowPattern, BaseUrl};
use super::config::{Config, SourceConfig, SourceKind};
use super::error::{ConfigError, shorten};
use super::request::{RESERVED_PARAMETERS, is_reserved_header};

const MIN_LOOKBACK: Duration = Duration::from_secs(1);
const MAX_LOOKBACK: Duration = Duration::from_hours(1);
const MAX_CONCURRENCY: usize = 1024;
const MAX_TIMEOUT: Duration = Duration::from_mins(10);
const MAX_ATTEMPTS: u32 = 10;
const MAX_POINTS: u64 = 1_000_000;
const MIN_BODY_BYTES: usize = 4096;
const MAX_BODY_BYTES: usize = 1024 * 1024 * 1024;

// === impl Config ===

impl Config {
    /// Every mistake in these settings, in the order of the keys. Reads no file.
    pub fn validate(&self) -> Vec<ConfigError> {
        let mut mistakes = Vec::new();
        for (name, source) in &self.sources {
            let mut check = Check {
                prefix: format!("monitor.sources.{name}"),
                mistakes: &mut mistakes,
            };
            check.name(name);
            check.source(source);
        }
        if let Err(mistake) = allow_list(&self.allowed_server_addresses) {
            mistakes.push(mistake);
        }
        mistakes
    }
}

/// The allow-list, parsed.
pub(super) fn allow_list(patterns: &[String]) -> Result<Vec<AllowPattern>, ConfigError> {
    (patterns.iter().enumerate())
        .map(|(index, pattern)| {
            AllowPattern::parse(pattern).map_err(|problem| {
                ConfigError::new(format!("monitor.allowedServerAddresses[{index}]"), problem)
            })
        })
        .collect()
}

/// The mistakes of one source.
struct Check<'a> {
    prefix: String,
    mistakes: &'a mut Vec<ConfigError>,
}

// === impl Check ===

impl Check<'_> {
    fn mistake(&mut self, key: &str, text: String) {
        self.mistakes
            .push(ConfigError::new(format!("{}.{key}", self.prefix), text));
    }

    fn require(&mut self, fine: bool, key: &str, text: impl FnOnce() -> String) {
        if !fine {
            self.mistake(key, text());
        }
    }

    /// The name becomes a metric label and is written in triggers.
    fn name(&mut self, name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
            self.mistakes.push(ConfigError::new(
                "monitor.sources",
                format!(
                    "`{}` is no source name: use 1 to 63 letters, digits, `-`, `_` and `.`",
                    shorten(name, 64)
                ),
            ));
        }
    }

    fn source(&mut self, source: &SourceConfig) {
        if let Err(problem) = BaseUrl::parse(&source.url) {
            self.mistake("url", problem);
        }
        self.tls(source);
        self.kind(source);
        self.auth(source);
        self.headers(source);
        self.parameters(source);
        self.sizes(source);
        self.times(source);
        self.retries(source);
    }

    fn tls(&mut self, source: &SourceConfig) {
        let tls = &source.tls;
        let plain = source.url.trim().to_ascii_lowercase().starts_with("http:");
        let any = tls.ca_file.is_some() || tls.cert_file.is_some() || tls.insecure_skip_verify;
        self.require(!(plain && any), "tls", || {
            "is set although the url is `http`: write the url with `https`, or remove `tls`"
                .to_owned()
        });
        self.require(
            tls.cert_file.is_some() == tls.key_file.is_some(),
            "tls",
            || "needs `certFile` and `keyFile` together".to_owned(),
        );
        self.require(
            !(tls.ca_file.is_some() && tls.insecure_skip_verify),
            "tls.insecureSkipVerify",
            || "makes `caFile` meaningless: set one of the two".to_owned(),
        );
    }

    /// What belongs to the other kind has no effect, so that its being there is a mistake.
    fn kind(&mut self, source: &SourceConfig) {
        let usual = SourceConfig::default();
        if source.kind == SourceKind::Prometheus {
            self.require(source.lookback == usual.lookback, "lookback", || {
                "is for the kind `keda`: Prometheus has its own, `--query.lookback-delta`"
                    .to_owned()
            });
            return;
        }
        let tls = &source.tls;
        let files = [&tls.ca_file, &tls.cert_file, &tls.key_file];
        let secure = source.url.trim().to_ascii_lowercase().starts_with("https:");
        self.require(
            !secure || files.iter().all(|file| file.is_some()),
            "tls",
            || "needs `caFile`, `certFile` and `keyFile`: KEDA asks its callers for a certificate of its own authority, \
                which lies with its own in the secret `kedaorg-certs`".to_owned(),
        );
        self.require(!tls.insecure_skip_verify, "tls.insecureSkipVerify", || {
            "is for the kind `prometheus`: KEDA's authority is known, see `caFile`".to_owned()
        });
        if let Ok(base) = BaseUrl::parse(&source.url) {
            self.require(base.path().is_empty(), "url", || {
                format!("`{base}` has a path, which gRPC does not: write `https://keda-operator.keda.svc:9666`")
            });
        }
        let fine = (MIN_LOOKBACK..=MAX_LOOKBACK).contains(&source.lookback.get());
        self.require(fine, "lookback", || {
            format!("is `{}`: allowed are `1s` to `1h`", source.lookback)
        });
        let unused = [
            ("auth", source.auth != usual.auth),
            ("headers", source.headers != usual.headers),
            (
                "queryParameters",
                source.query_parameters != usual.query_parameters,
            ),
            (
                "triggerHeaders",
                source.trigger_headers != usual.trigger_headers,
            ),
            ("concurrency", source.concurrency != usual.concurrency),
            ("totalTimeout", source.total_timeout != usual.total_timeout),
            (
                "circuitBreaker",
                source.circuit_breaker != usual.circuit_breaker,
            ),
            ("maxPoints", source.max_points != usual.max_points),
            (
                "maxBodyBytes",
                source.max_body_bytes != usual.max_body_bytes,
            ),
            (
                "proxyFromEnvironment",
                source.proxy_from_environment != usual.proxy_from_environment,
            ),
            (
                "retries.maxAttempts",
                source.retries.max_attempts != usual.retries.max_attempts,
            ),
        ];
        for (key, given) in unused {
            self.require(!given, key, || {
                "has no effect on a source of the kind `keda`".to_owned()
            });
        }
    }

    fn auth(&mut self, source: &SourceConfig) {
        let auth = &source.auth;
        self.require(
            auth.bearer_token_file.is_none() || auth.basic.is_none(),
            "auth",
            || "takes `bearerTokenFile` or `basic`, not both".to_owned(),
        );
        if let Some(basic) = &auth.basic {
            let fine = !basic.username.is_empty()
                && !basic
                    .username
                    .contains(|c: char| c == ':' || c.is_control());
            self.require(fine, "auth.basic.username", || {
                "must be set and hold no `:` and no control character".to_owned()
            });
        }
    }

    fn headers(&mut self, source: &SourceConfig) {
        for (name, value) in &source.headers {
            let key = format!("headers.{}", shorten(name, 64));
            match HeaderName::try_from(name.as_str()) {
                Err(_) => self.mistake(&key, "is no HTTP header name".to_owned()),
                Ok(parsed) if is_reserved_header(&parsed) => self.mistake(
                    &key,
                    "can't be set here; credentials belong under `auth`".to_owned(),
                ),
                Ok(_) => {}
            }
            // The value stays out of the message: it may be a key.
            self.require(HeaderValue::try_from(value.as_str()).is_ok(), &key, || {
                "has a value with characters that HTTP headers can't carry".to_owned()
            });
        }
        for name in &source.trigger_headers {
            let parsed = HeaderName::try_from(name.as_str());
            let fine = parsed.is_ok_and(|name| !is_reserved_header(&name));
            self.require(fine, "triggerHeaders", || {
                format!(
                    "`{}` is no header that a trigger may set",
                    shorten(name, 64)
                )
            });
        }
    }

    fn parameters(&mut self, source: &SourceConfig) {
        for name in source.query_parameters.keys() {
            let reserved = RESERVED_PARAMETERS.contains(&name.as_str());
            self.require(!name.is_empty() && !reserved, "queryParameters", || {
                format!(
                    "can't set `{name}`: {} are Forescale's own",
                    RESERVED_PARAMETERS.join(", ")
                )
            });
        }
    }

    fn sizes(&mut self, source: &SourceConfig) {
        let fine = (1..=MAX_CONCURRENCY).contains(&source.concurrency);
        self.require(fine, "concurrency", || {
            let value = source.concurrency;
            format!("is {value}: allowed are 1 to {MAX_CONCURRENCY}")
        });
        let fine = (1..=MAX_POINTS).contains(&source.max_points);
        self.require(fine, "maxPoints", || {
            format!("is {}: allowed are 1 to {MAX_POINTS}", source.max_points)
        });
        let fine = (MIN_BODY_BYTES..=MAX_BODY_BYTES).contains(&source.max_body_bytes);
        self.require(fine, "maxBodyBytes", || {
            let value = source.max_body_bytes;
            format!("is {value}: allowed are {MIN_BODY_BYTES} to {MAX_BODY_BYTES}")
        });
    }

    fn times(&mut self, source: &SourceConfig) {
        for (key, value) in [
            ("timeout", source.timeout),
            ("totalTimeout", source.total_timeout),
            ("circuitBreaker.openFor", source.circuit_breaker.open_for),
        ] {
            let fine = !value.get().is_zero() && value.get() <= MAX_TIMEOUT;
            self.require(fine, key, || {
                format!("is `{value}`: allowed is more than `0s`, up to `10m`")
            });
        }
        let (timeout, total) = (source.timeout, source.total_timeout);
        self.require(timeout <= total, "totalTimeout", || {
            format!("is `{total}`, shorter than the `timeout` of one attempt, `{timeout}`")
        });
    }

    fn retries(&mut self, source: &SourceConfig) {
        let retries = &source.retries;
        let fine = (1..=MAX_ATTEMPTS).contains(&retries.max_attempts);
        self.require(fine, "retries.maxAttempts", || {
            format!(
                "is {}: allowed are 1 (no retry) to {MAX_ATTEMPTS}",
                retries.max_attempts
            )
        });
        let fine = !retries.initial_backoff.get().is_zero()
            && retries.initial_backoff <= retries.max_backoff
            && retries.max_backoff.get() <= MAX_TIMEOUT;
        self.require(fine, "retries.maxBackoff", || {
            format!(
                "is `{}` and `initialBackoff` is `{}`: allowed is more than `0s` for the initial one, and from there up \
                 to `10m` for the longest",
                retries.max_backoff, retries.initial_backoff
            )
        });
        self.require(
            (0.0..=1.0).contains(&retries.jitter),
            "retries.jitter",
            || format!("is {}: allowed are 0 to 1", retries.jitter),
        );
        self.require(
            source.circuit_breaker.failures > 0,
            "circuitBreaker.failures",
            || "is 0: allowed is 1 or more".to_owned(),
        );
    }
}
