//! The client of the Kubernetes API, and watches, for all that asks it.

pub(super) mod watch;

use std::path::Path;

use anyhow::Context;
use kube::config::{KubeConfigOptions, Kubeconfig};

/// The name that KEDA gives a ScaledObject's HPA unless the ScaledObject says otherwise.
pub(super) fn keda_hpa(scaled_object: &str) -> String {
    format!("keda-hpa-{scaled_object}")
}

/// A client for the cluster of `kubeconfig`. Without one it is looked for as kubectl does (`$KUBECONFIG`, then
/// `~/.kube/config`), and then in the pod's ServiceAccount.
///
/// # Errors
/// When there is no such file, it can't be used, or nothing says where a cluster is. Nothing is asked of the cluster yet.
pub async fn client(kubeconfig: Option<&Path>) -> anyhow::Result<kube::Client> {
    let config = match kubeconfig {
        Some(path) => {
            let unusable = || format!("the kubeconfig `{}` can't be used", path.display());
            let file = Kubeconfig::read_from(path).with_context(unusable)?;
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(file, &options).await;
            config.with_context(unusable)?
        }
        None => (kube::Config::infer().await)
            .context("there is neither a kubeconfig nor a ServiceAccount's token here")?,
    };
    kube::Client::try_from(config).context("no client for the Kubernetes API can be made")
}
