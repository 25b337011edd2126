//! Networks from `NAME.onnx` files.

use std::sync::Arc;

use crate::analyze::{Config, Forecaster, ModelError};

/// The networks found in the configured folders.
#[derive(Debug)]
pub struct Networks(Vec<String>);

impl Networks {
    /// Looks for networks.
    ///
    /// # Errors
    /// When ONNX Runtime is demanded and its library can't be used.
    pub fn new(_: &Config) -> Result<Self, ModelError> {
        Ok(Self(Vec::new()))
    }

    /// Which engine is live.
    pub fn engine(&self) -> String {
        format!("none of {}", self.0.len())
    }

    /// The network of this name.
    ///
    /// # Errors
    /// When there is no such network.
    pub fn load(&self, name: &str) -> Result<Arc<dyn Forecaster>, ModelError> {
        Err(ModelError(format!(
            "there is no network `{name}` among {:?}",
            self.0
        )))
    }

    /// Names of the networks found.
    pub fn names(&self) -> Vec<String> {
        self.0.clone()
    }
}
