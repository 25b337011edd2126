//! Networks.

use std::sync::Arc;

use crate::analyze::{Config, Forecaster, ModelError};

/// The networks found in the configured folders.
#[derive(Debug)]
pub struct Networks {}

impl Networks {
    pub fn new(_: &Config) -> Result<Self, ModelError> {
        Ok(Self {})
    }

    #[expect(clippy::unused_self, reason = "placeholder")]
    pub fn engine(&self) -> String {
        "none".to_owned()
    }

    #[expect(clippy::unused_self, reason = "placeholder")]
    pub fn load(&self, name: &str) -> Result<Arc<dyn Forecaster>, ModelError> {
        Err(ModelError(format!("there is no network `{name}`")))
    }

    #[expect(clippy::unused_self, reason = "placeholder")]
    pub fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
