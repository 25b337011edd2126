//! Reads metric history from Prometheus and from what speaks its `query_range` API (Thanos, Mimir, `VictoriaMetrics`), and
//! follows the triggers of a KEDA.
//!
//! A trigger's query goes to one source: a named one of the settings, with its credentials, or an
//! allow-listed `serverAddress` of the trigger's metadata, with none. A source is a stack of tower layers over one HTTP
//! client, from the outside in:
//!
//! concurrency limit → circuit breaker → retry → time-out of one attempt → HTTP.
//!
//! What a server can do wrong has one defined outcome each, listed in `docs/sources.md`. Two rules stand behind the
//! list: nothing but a measured number ever becomes a sample, and no text that leaves this room holds a secret.
//! Prometheus' JSON is known here and nowhere else.

mod address;
mod addresses;
mod answer;
mod breaker;
mod client;
mod config;
mod credentials;
mod directory;
mod endpoint;
mod error;
mod json;
mod keda;
mod metrics;
mod recorded;
pub mod replay;
mod request;
mod retry;
mod source;
mod span;
mod timeout;
mod too_long;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use config::{
    AuthConfig, BasicAuthConfig, BreakerConfig, Config, RetryConfig, SourceConfig, SourceKind,
    TlsConfig,
};
pub use error::{ConfigError, FetchError, FetchErrorKind};
pub use metrics::Metrics;
pub use recorded::Script;
pub use source::MAX_POINTS_PER_READ;
pub use span::{Fetched, Span, is_of_the_language};

use crate::domain::{Clock, SourceRef, SystemClock, TriggerSpec};
use address::{AllowPattern, BaseUrl};
use addresses::Addresses;
use directory::Directory;
use keda::KedaSource;
use request::Query;
use source::Source;

/// Name of the source that answers triggers which name none.
pub const DEFAULT_SOURCE: &str = "default";

/// The monitor: every source, ready to be asked.
#[derive(Debug)]
pub struct Monitor {
    directory: Directory,
    named: BTreeMap<String, Arc<Source>>,
    kedas: BTreeMap<String, Arc<KedaSource>>,
    allowed: Vec<AllowPattern>,
    addresses: Addresses,
    /// Answers every query instead of the sources.
    script: Option<recorded::Scripted>,
}

// === impl Monitor ===

impl Monitor {
    /// Builds every source. Opens no connection; certificates and credentials files are read once, so that a wrong
    /// path is a failed start and not a failed night.
    ///
    /// # Errors
    /// When a URL, a certificate or a credentials file is wrong; names the key.
    pub fn new(config: &Config, metrics: Metrics) -> Result<Self, ConfigError> {
        if let Some(first) = config.validate().into_iter().next() {
            return Err(first);
        }
        let (mut named, mut kedas) = (BTreeMap::new(), BTreeMap::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        for (name, settings) in &config.sources {
            match settings.kind {
                SourceKind::Prometheus => {
                    let source = Source::named(name, settings, &metrics)?;
                    named.insert(name.clone(), Arc::new(source));
                }
                SourceKind::Keda => {
                    let keda = KedaSource::named(name, settings, &metrics, Arc::clone(&clock))?;
                    kedas.insert(name.clone(), Arc::new(keda));
                }
            }
        }
        let allowed = validate::allow_list(&config.allowed_server_addresses)?;
        Ok(Self {
            directory: Directory::of(config),
            named,
            kedas,
            allowed,
            addresses: Addresses::new(metrics),
            script: None,
        })
    }

    /// A monitor that asks no server: `recording` answers every query, up to its own present.
    pub fn recorded(recording: Arc<dyn replay::ReplaySource>) -> Self {
        Self::scripted(Arc::new(recorded::Recorded(recording)))
    }

    /// A monitor that asks no server: `script` answers every query.
    pub fn scripted(script: Arc<dyn Script>) -> Self {
        Self {
            directory: Directory::default(),
            named: BTreeMap::new(),
            kedas: BTreeMap::new(),
            allowed: Vec::new(),
            addresses: Addresses::new(Metrics::default()),
            script: Some(recorded::Scripted(script)),
        }
    }

    /// Whether `spec`'s source exists and is allowed; asks nothing of any server.
    ///
    /// # Errors
    /// Kind [`FetchErrorKind::Config`], naming the key, the value and what is allowed.
    pub fn check(&self, spec: &TriggerSpec) -> Result<(), FetchError> {
        if self.script.is_some() {
            return Ok(());
        }
        if spec.follows.is_some() {
            return self.keda_of(spec).map(drop);
        }
        let source = self.source_of(spec)?;
        Query::of(spec, source.rules()).map(drop)
    }

    /// Reads `span`, in windows under the server's point limit where it is long.
    ///
    /// Each window has the source's own time-outs and retries; windows that the server finds too long are halved.
    ///
    /// # Errors
    /// The first failure that retries could not mend; what had been read before it is lost, so that a caller who wants
    /// to keep progress asks for one window at a time ([`Monitor::windows`]).
    pub async fn fetch(&self, spec: &TriggerSpec, span: Span) -> Result<Fetched, FetchError> {
        if let Some(script) = &self.script {
            return script.0.load(&spec.query, span);
        }
        if let Some(followed) = &spec.follows {
            return self.keda_of(spec)?.read(followed, span).await;
        }
        let source = self.source_of(spec)?;
        let query = Arc::new(Query::of(spec, source.rules())?);
        source.read(&query, span).await
    }

    /// Reads another `expression` where the query of `spec` is read, with its parameters, headers and time-out; of the
    /// default source where `spec` follows a trigger, for KEDA answers no queries.
    ///
    /// # Errors
    /// As [`Monitor::fetch`].
    pub async fn fetch_beside(
        &self,
        spec: &TriggerSpec,
        expression: &str,
        span: Span,
    ) -> Result<Fetched, FetchError> {
        if let Some(script) = &self.script {
            return script.0.beside(expression, span);
        }
        let source = match &spec.follows {
            Some(_) => self.source_called(DEFAULT_SOURCE)?,
            None => self.source_of(spec)?,
        };
        let query = Arc::new(Query::beside(spec, expression, source.rules())?);
        source.read(&query, span).await
    }

    /// Cuts `span` into windows that each fit one request, newest first, by the source's `maxPoints` and by what its
    /// server has refused so far. One window when the source is unknown: [`Monitor::fetch`] then says why.
    pub fn windows(&self, spec: &TriggerSpec, span: Span) -> Vec<Span> {
        self.source_of(spec)
            .map_or_else(|_| vec![span], |source| source.windows(span))
    }

    /// Takes leave of every KEDA. Reads after this find what was known before.
    pub async fn close(&self) {
        futures::future::join_all(self.kedas.values().map(|keda| keda.close())).await;
    }

    fn source_of(&self, spec: &TriggerSpec) -> Result<Arc<Source>, FetchError> {
        match &spec.source {
            SourceRef::Default => self.source_called(DEFAULT_SOURCE),
            SourceRef::Named(name) => self.source_called(name),
            SourceRef::Address(address) => self.source_at(address, spec.unsafe_ssl),
        }
    }

    fn source_called(&self, name: &str) -> Result<Arc<Source>, FetchError> {
        self.directory.prometheus(name)?;
        Ok(Arc::clone(&self.named[name]))
    }

    fn keda_of(&self, spec: &TriggerSpec) -> Result<&KedaSource, FetchError> {
        let name = self.directory.keda(&spec.source)?;
        Ok(&self.kedas[name])
    }

    /// A `serverAddress` that is exactly a named source's URL means that source. That is safe: its credentials go to
    /// the server and path that they were configured for, and the trigger could have named the source anyway.
    fn source_at(&self, address: &str, unsafe_ssl: bool) -> Result<Arc<Source>, FetchError> {
        let base = BaseUrl::parse(address)
            .map_err(|problem| FetchError::config(format!("`serverAddress`: {problem}")))?;
        let same: Vec<&String> = (self.named.iter())
            .filter(|(_, source)| *source.base() == base)
            .map(|(name, _)| name)
            .collect();
        match same.as_slice() {
            [] => {}
            [name] => return Ok(Arc::clone(&self.named[*name])),
            several => return self.default_among(several, &base),
        }
        if self.allowed.iter().any(|pattern| pattern.matches(&base)) {
            return self.addresses.get(&base, unsafe_ssl);
        }
        Err(FetchError::config(format!(
            "`serverAddress` `{base}` is not allowed: it is neither the url of a named source (there {}) nor covered by \
             `monitor.allowedServerAddresses` ({})",
            self.directory.known(),
            self.allowed_words()
        )))
    }

    /// Two sources may share a URL and differ in tenant; which one a bare address means would be a guess.
    fn default_among(&self, same: &[&String], base: &BaseUrl) -> Result<Arc<Source>, FetchError> {
        if same.iter().any(|name| *name == DEFAULT_SOURCE) {
            return Ok(Arc::clone(&self.named[DEFAULT_SOURCE]));
        }
        let names: Vec<String> = same.iter().map(|name| format!("`{name}`")).collect();
        Err(FetchError::config(format!(
            "`serverAddress` `{base}` is the url of several sources: name one of {} with `source`",
            names.join(", ")
        )))
    }

    fn allowed_words(&self) -> String {
        if self.allowed.is_empty() {
            return "which is empty".to_owned();
        }
        let words: Vec<String> = (self.allowed.iter())
            .map(|pattern| format!("`{pattern}`"))
            .collect();
        words.join(", ")
    }
}

#[cfg(test)]
mod tests;
