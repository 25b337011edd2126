//! The models, a file each, and the registry that finds them by name.
//! STUB.

pub mod onnx;

use std::sync::Arc;

use super::{Config, ForecastInput, Forecaster, ModelError};
use crate::domain::{Fit, Forecast, ModelChoice};

/// Finds models by name and keeps the loaded ones.
#[derive(Debug)]
pub struct Registry {}

impl Registry {
    /// A registry of the built-in models and the networks in the configured folders.
    ///
    /// # Errors
    /// When ONNX Runtime is demanded and its library can't be used.
    pub fn new(config: &Config) -> Result<Self, ModelError> {
        let _ = config;
        Ok(Self {})
    }

    /// Which ONNX engine is live, in words for the log and metrics: `onnx-runtime 1.32.0`, `rten 0.27`.
    pub fn onnx_engine(&self) -> String {
        String::new()
    }

    /// The model that `choice` means for a workload with this fit. Loads a network on first use; a network that failed
    /// to load is tried again after a while, not on every call.
    ///
    /// # Errors
    /// When there is no such model, or it fails to load; says where it was looked for.
    pub fn get(
        &self,
        choice: &ModelChoice,
        fit: Option<&Fit>,
    ) -> Result<Arc<dyn Forecaster>, ModelError> {
        let _ = (choice, fit);
        Err(ModelError("stub".into()))
    }
}

/// The forecast that always exists once there is a sample: the best of what needs nothing but history.
pub fn stand_in(input: &ForecastInput) -> Option<Forecast> {
    let _ = input;
    None
}
