//! The HPA on CPU utilisation, as most workloads run it.
//!
//! Rules: [`crate::simulate::hpa`]. It cannot see load above the limit of its pods: from fully busy it grows by limit
//! over target at a time. Constants: none but `averageUtilization`, the safety setting.
//!
//! CPU alone leads nobody from 0: the HPA leaves a target without replicas as it is, and takes a minimum of 0 only beside
//! an object or external metric (Kubernetes, `pkg/apis/autoscaling/validation/validation.go`); KEDA refuses a minimum of 0
//! where there are only `cpu` and `memory` triggers (kedacore/keda, `apis/keda/v1alpha1/scaledobject_webhook.go`). So
//! there is always one replica at least.

use crate::simulate::cluster::{Manifest, Observed, Policy, Reading};

/// An HPA with a Resource metric.
#[derive(Clone, Copy, Debug)]
pub struct HpaOnCpu {
    target_percent: u32,
}

impl HpaOnCpu {
    /// `target` is a share of the request.
    pub fn new(target: f64) -> Self {
        Self {
            target_percent: (target * 100.0).round().clamp(1.0, 1000.0) as u32,
        }
    }
}

impl Policy for HpaOnCpu {
    fn name(&self) -> &'static str {
        "hpa-cpu"
    }

    fn manifest(&self) -> Manifest {
        Manifest {
            activated: false,
            ..Manifest::default()
        }
    }

    fn answer(&mut self, _seen: &Observed<'_>) -> Reading {
        Reading::Cpu(self.target_percent)
    }
}
