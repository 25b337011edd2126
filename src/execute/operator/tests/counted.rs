//! A client that notes which objects it reads.

use std::path::Path;
use std::sync::{Arc, Mutex};

use http::HeaderValue;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tower::util::MapRequestLayer;

/// What a client has read, watches and what the cluster offers left out.
#[derive(Clone, Default)]
pub(super) struct Counted {
    read: Arc<Mutex<Vec<String>>>,
}

impl Counted {
    /// A client of the cluster of `kubeconfig` that is the user `name` and notes what it reads.
    pub(super) async fn client(&self, kubeconfig: &Path, name: &str) -> kube::Client {
        let file = Kubeconfig::read_from(kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .unwrap();
        let user = HeaderValue::from_str(name).unwrap();
        let read = Arc::clone(&self.read);
        let note = move |mut request: http::Request<kube::client::Body>| {
            let headers = request.headers_mut();
            headers.insert("Impersonate-User", user.clone());
            let group = HeaderValue::from_static("system:authenticated");
            headers.insert("Impersonate-Group", group);
            let query = request.uri().query().unwrap_or_default();
            let path = request.uri().path();
            let is_about_the_cluster = path == "/apis" || path == "/api" || path == "/version";
            if request.method() == http::Method::GET
                && !query.contains("watch=true")
                && !is_about_the_cluster
            {
                read.lock().unwrap().push(request.uri().to_string());
            }
            request
        };
        let builder = ClientBuilder::try_from(config).unwrap();
        builder.with_layer(&MapRequestLayer::new(note)).build()
    }

    /// Forgets what was read before.
    pub(super) fn begin(&self) {
        self.read.lock().unwrap().clear();
    }

    /// What was read since then.
    pub(super) fn read(&self) -> Vec<String> {
        self.read.lock().unwrap().clone()
    }

    pub(super) fn reads(&self) -> usize {
        self.read.lock().unwrap().len()
    }
}
