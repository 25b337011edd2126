//! The bottom of a source's stack: one HTTP exchange with `query_range`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use ::http::{HeaderName, HeaderValue, StatusCode, header};
use futures::future::BoxFuture;
use tower::Service;
use url::Url;

use super::answer::{Asked, Reply};
use super::client::Client;
use super::credentials::{Credentials, Redactor};
use super::error::{Failure, FetchErrorKind, shorten};
use super::request::RangeRequest;
use super::span::Fetched;

/// How much of an error page is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A server's `query_range`.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The source, as texts name it.
    pub(super) place: String,
    pub(super) url: Url,
    pub(super) client: Arc<Client>,
    pub(super) credentials: Credentials,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) max_body_bytes: usize,
    /// The server has refused POST.
    pub(super) use_get: AtomicBool,
}

/// An [`Endpoint`] as a tower service.
#[derive(Clone, Debug)]
pub(super) struct EndpointService(pub(super) Arc<Endpoint>);

impl Service<RangeRequest> for EndpointService {
    type Response = Fetched;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Fetched, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RangeRequest) -> Self::Future {
        let endpoint = Arc::clone(&self.0);
        Box::pin(async move { endpoint.ask(&request).await })
    }
}

// === impl Endpoint ===

impl Endpoint {
    async fn ask(&self, request: &RangeRequest) -> Result<Fetched, Failure> {
        let get = self.use_get.load(Ordering::Relaxed) || self.names_a_namespace(request);
        let (response, redactor) = self.send(request, get).await?;
        let refused = !get && refuses_method(response.status());
        let (response, redactor) = if refused {
            self.send(request, true).await?
        } else {
            (response, redactor)
        };
        let status = response.status();
        let headers = response.headers().clone();
        let body = if status.is_success() {
            self.body(response).await?
        } else {
            error_body(response).await
        };
        let asked = Asked {
            place: &self.place,
            query: &request.query.expression,
            span: request.span,
            redactor: &redactor,
        };
        let judged = asked.judge(&Reply {
            status,
            headers: &headers,
            body: &body,
        });
        // By its own words alone, and not by what a proxy answers while the server is away.
        let its_own = |failure: &Failure| {
            let kind = failure.error.kind;
            matches!(kind, FetchErrorKind::Query | FetchErrorKind::ManySeries)
        };
        if refused && judged.as_ref().map_or_else(its_own, |_| true) {
            self.use_get.store(true, Ordering::Relaxed);
        }
        judged
    }

    /// Proxies that keep tenants apart look for the namespace in the URL alone, and take a POST for the wish to create
    /// something, which nobody who may only read has the right to.
    fn names_a_namespace(&self, request: &RangeRequest) -> bool {
        let form = request.form(&self.parameters);
        form.iter().any(|(name, _)| *name == "namespace")
    }

    /// POST keeps long queries out of URLs and access logs.
    async fn send(
        &self,
        request: &RangeRequest,
        get: bool,
    ) -> Result<(reqwest::Response, Redactor), Failure> {
        let sealed = (self.credentials.load().await).map_err(|problem| {
            Failure::lasting(
                FetchErrorKind::Config,
                format!("{}: credentials can't be used: {problem}", self.place),
            )
        })?;
        let client = self.client.get().await;
        let form = request.form(&self.parameters);
        let builder = if get {
            client.get(self.url.clone()).query(&form)
        } else {
            client.post(self.url.clone()).form(&form)
        };
        let mut headers = request.query.headers.clone();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        // The source's own headers come last, so that they win.
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        let built = (sealed.apply(builder.headers(headers)).build())
            .map_err(|error| self.unreachable(error))?;
        let redactor = sealed
            .redactor(built.headers().get(header::AUTHORIZATION))
            .also(self.headers.iter().filter(|(name, _)| is_key(name)));
        let response = (client.execute(built).await).map_err(|error| self.unreachable(error))?;
        Ok((response, redactor))
    }

    /// No answer came.
    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let connecting = error.is_connect();
        let cause = root_cause(&error.without_url());
        let what = if connecting {
            "no connection"
        } else {
            "no answer"
        };
        let hint = if cause.contains("certificate") {
            "; check `tls` of the source"
        } else if connecting {
            "; check the url, DNS and network policies"
        } else {
            ""
        };
        Failure::passing(
            FetchErrorKind::Unreachable,
            format!("{}: {what} ({cause}){hint}", self.place),
        )
    }

    /// The whole body, or a failure when it is too large or ends early.
    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) if body.len() + chunk.len() > self.max_body_bytes => {
                    return Err(Failure::lasting(
                        FetchErrorKind::Body,
                        format!(
                            "{}: the answer is larger than {} bytes; aggregate the query, or raise `maxBodyBytes`",
                            self.place, self.max_body_bytes
                        ),
                    ));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) => {
                    return Err(Failure::passing(
                        FetchErrorKind::Body,
                        format!(
                            "{}: the answer was cut off after {} bytes ({})",
                            self.place,
                            body.len(),
                            root_cause(&error.without_url())
                        ),
                    ));
                }
            }
        }
    }
}

fn refuses_method(status: StatusCode) -> bool {
    matches!(status.as_u16(), 405 | 501)
}

/// Whether a header's name says that its value is a secret.
fn is_key(name: &HeaderName) -> bool {
    ["key", "token", "secret", "password", "auth"]
        .iter()
        .any(|word| name.as_str().contains(word))
}

/// What there is of an error page; that it is long or cut off matters less than its status.
async fn error_body(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_ERROR_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() >= MAX_ERROR_BYTES {
            break;
        }
    }
    body
}

/// The innermost cause, which says most: `Connection refused` rather than `error sending request`.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    shorten(&cause.to_string(), 200)
}
