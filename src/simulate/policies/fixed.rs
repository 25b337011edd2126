//! A fleet that never changes, sized by the highest load measured before it was set up.
//!
//! Constants: none but the multiple of that, the safety setting.

use crate::simulate::cluster::{Observed, Policy, Reading, Scene};

/// Always the same.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    replicas: u32,
}

impl Fixed {
    /// `setting` times what the highest load of the past needs; where there is no past, of the first moment.
    pub fn new(scene: &Scene<'_>, setting: f64) -> Self {
        let first = scene.trace.rate(scene.begin()).unwrap_or(0.0);
        let highest = scene.past().values.iter().copied().fold(first, f64::max);
        Self {
            replicas: (setting * highest / scene.cluster.capacity).ceil() as u32,
        }
    }
}

impl Policy for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn answer(&mut self, _seen: &Observed<'_>) -> Reading {
        Reading::Replicas(self.replicas)
    }
}
