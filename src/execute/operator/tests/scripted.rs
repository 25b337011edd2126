//! An API server that gives the answers of a test.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use kube::client::Body;
use serde_json::{Value, json};
use tower::service_fn;

/// What was asked of a scripted API server: `GET /apis`.
#[derive(Clone, Default)]
pub(in super::super) struct Scripted {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// A client of an API server that answers each request (`GET /apis`) with a status code and an object.
    pub(in super::super) fn client(
        &self,
        answer: impl Fn(&str) -> (u16, Value) + Clone + Send + 'static,
    ) -> kube::Client {
        let asked = Arc::clone(&self.asked);
        let service = service_fn(move |request: http::Request<Body>| {
            let request = format!("{} {}", request.method(), request.uri().path());
            let (code, object) = answer(&request);
            asked.lock().unwrap().push(request);
            let body = Body::from(serde_json::to_vec(&object).unwrap());
            let response = http::Response::builder().status(code).body(body).unwrap();
            std::future::ready(Ok::<_, Infallible>(response))
        });
        kube::Client::new(service, "default")
    }

    /// How often this was asked.
    pub(in super::super) fn count(&self, request: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|it| *it == request).count()
    }

    /// Whether this was asked.
    pub(in super::super) fn was_asked(&self, request: &str) -> bool {
        self.asked.lock().unwrap().iter().any(|it| it == request)
    }
}

/// What an API server says when it does not do what it is asked.
pub(in super::super) fn refusal(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Failure", "message": reason, "reason": reason, "code": code,
    });
    (code, status)
}
