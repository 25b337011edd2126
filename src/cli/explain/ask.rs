//! Asking a running Forescale.

use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer: a month of history in 10 s steps is a tenth of it.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Where Forescale serves HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address(Url);

/// No answer that could be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody there.
    #[error(
        "can't reach Forescale at `{address}`: {why}\n\
         hint: is it running there? For one in a cluster, forward its port first, with \
         `kubectl -n forescale port-forward deploy/forescale 8080`, or give its HTTP port (not the gRPC one) \
         by `--address URL`"
    )]
    Unreachable { address: Address, why: String },
    /// It refused.
    #[error("{text}{}", hinted(.hint.as_deref()))]
    Refused { text: String, hint: Option<String> },
    /// Somebody else is there, or another version.
    #[error(
        "what answers at `{address}` does not speak this Forescale's API: {why}\n\
         hint: is that the HTTP port (`--http-addr`, 8080), not the gRPC one, and the same version as this program?"
    )]
    Foreign { address: Address, why: String },
    /// A file holds something else.
    #[error(
        "`{file}` holds no record of a plan that this version reads: {why}\n\
         hint: keep the answer of `/api/v1/workloads/NAMESPACE/NAME/decision`, as it is"
    )]
    Record { file: String, why: String },
}

/// The refusals of the API.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    hint: Option<String>,
}

/// A running Forescale.
#[derive(Debug)]
pub(super) struct Forescale {
    client: reqwest::Client,
    address: Address,
}

// === impl Address ===

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&full).map_err(|error| format!("it is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("write a URL such as `http://localhost:8080`".to_owned());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

// === impl Forescale ===

impl Forescale {
    /// # Errors
    /// When this machine can't speak HTTP at all.
    pub(super) fn at(address: &Address) -> Result<Self, AskError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("forescale/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            // It is on this machine, at the end of a port-forward, or inside the cluster: never behind a proxy.
            .no_proxy();
        let client = builder.build().map_err(|error| AskError::Unreachable {
            address: address.clone(),
            why: innermost(&error),
        })?;
        Ok(Self {
            client,
            address: address.clone(),
        })
    }

    /// The answer at `path`, as it came.
    ///
    /// # Errors
    /// When nobody answers, or the answer is a refusal or not JSON.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<String, AskError> {
        let mut url = self.address.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self.client.get(url).query(query);
        let response = request.send().await.map_err(|e| self.unreachable(e))?;
        let status = response.status();
        let body = self.body(response).await?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_str::<Refusal>(&body) {
            Ok(Refusal { error, hint }) => Err(AskError::Refused { text: error, hint }),
            Err(_) => Err(self.foreign(format!("HTTP status {status}"))),
        }
    }

    /// The answer at `path`, read.
    ///
    /// # Errors
    /// As [`get`](Self::get), and when the answer holds something else than expected.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, AskError> {
        let body = self.get(path, query).await?;
        let mut json = serde_json::Deserializer::from_str(&body);
        serde_path_to_error::deserialize(&mut json).map_err(|error| self.foreign(error.to_string()))
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<String, AskError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(e))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(self.foreign("an answer of more than 32 MiB".to_owned()));
            }
        }
        String::from_utf8(body).map_err(|_| self.foreign("an answer that is no text".to_owned()))
    }

    fn unreachable(&self, error: reqwest::Error) -> AskError {
        let address = self.address.clone();
        if error.is_timeout() {
            let why = format!("no answer within {}s", PATIENCE.as_secs());
            AskError::Unreachable { address, why }
        } else {
            AskError::Unreachable {
                address,
                why: innermost(&error.without_url()),
            }
        }
    }

    fn foreign(&self, why: String) -> AskError {
        AskError::Foreign {
            address: self.address.clone(),
            why,
        }
    }
}

fn hinted(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"))
}

/// The cause at the bottom, which says the most: `Connection refused (os error 111)`.
fn innermost(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}
