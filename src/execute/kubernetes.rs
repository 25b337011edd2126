//! The connection to Kubernetes' API.

use std::path::Path;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// A client for the API server: of `kubeconfig` where one is named, else of the pod's ServiceAccount, else of `KUBECONFIG` or
/// the home folder.
///
/// # Errors
/// When none of them can be used; says which was tried.
pub(super) async fn client(kubeconfig: Option<&Path>) -> anyhow::Result<Client> {
    let config = match kubeconfig {
        None => Config::infer().await.context(
            "found no way to Kubernetes' API: neither a ServiceAccount in a pod nor a kubeconfig",
        )?,
        Some(path) => {
            let shown = || format!("kubeconfig `{}` can't be used", path.display());
            let file = Kubeconfig::read_from(path).with_context(shown)?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .with_context(shown)?
        }
    };
    Client::try_from(config).context("failed to set up a client for Kubernetes' API")
}
