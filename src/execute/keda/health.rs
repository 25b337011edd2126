//! gRPC health. The server as a whole (the empty name) is serving as long as the process answers, so a liveness probe
//! may ask for it; the scaler's own name follows [`Readiness`], which the loop sets once answers can be given.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::proto::external_scaler_server::ExternalScalerServer;
use super::service::Service;

/// The name under which the scaler's health is asked.
pub(super) const SERVICE: &str = <ExternalScalerServer<Service> as NamedService>::NAME;

/// Whether the scaler is ready to answer KEDA. Not ready until it is set.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<bool>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Readiness {
    /// Says whether answers can be given from now on.
    pub fn set(&self, ready: bool) {
        self.0.send_replace(ready);
    }

    /// Whether answers can be given.
    pub fn is_ready(&self) -> bool {
        *self.0.borrow()
    }

    /// Keeps `reporter` up to date until `shutdown`; then nothing is serving any more, and open watches end.
    pub(super) async fn report(self, mut reporter: HealthReporter, shutdown: CancellationToken) {
        let mut ready = self.0.subscribe();
        loop {
            let status = serving(*ready.borrow_and_update());
            reporter.set_service_status(SERVICE, status).await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                changed = ready.changed() => if changed.is_err() { break },
            }
        }
        for name in ["", SERVICE] {
            reporter
                .set_service_status(name, ServingStatus::NotServing)
                .await;
            reporter.clear_service_status(name).await;
        }
    }
}

fn serving(ready: bool) -> ServingStatus {
    if ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}
