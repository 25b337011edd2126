//! From history to forecast. Pure: same values in, same values out; no clock, no await, no globals.
//!
//! The way through the room: [`prepare`] cleans the raw history, [`fit`] lets the models learn from it and measures
//! them (now and then), and a [`Forecaster`] from [`models::Registry`] forecasts (at every refresh).

mod bands;
mod boosted;
mod calendar;
pub mod decompose;
pub mod ensemble;
mod fitting;
pub mod models;
pub mod preprocess;
mod profile;
mod solve;
mod stats;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::fitting::{LONGEST_TRIED, fit, fit_and_rehearse, fit_and_track};
pub use self::preprocess::{Prepared, prepare, prepare_for, prepare_with};

use crate::domain::{Fit, Forecast, HumanDuration, Quantile};

/// History that a forecast between two fits is made from: no model looks back further than a week and what it compares
/// with there.
pub const LOOKBACK: Duration = Duration::from_hours(8 * 24 + 4);

/// Settings of the analyze room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Folders searched for `NAME.onnx`, in this order.
    pub model_dirs: Vec<PathBuf>,
    /// Whether the networks that come with the program stand behind those of the folders.
    pub shipped_networks: bool,
    /// Which engine runs ONNX models.
    pub onnx_engine: OnnxEngine,
    /// ONNX Runtime's shared library; searched in the usual places when unset.
    pub onnx_library: Option<PathBuf>,
    /// Networks that compete in `auto`, as far as they are there.
    pub auto_networks: Vec<String>,
    /// How often models are fitted anew once there are days of history; while it is short, after each tenth of it. What
    /// changes meanwhile is followed online.
    pub refit_every: HumanDuration,
    /// A model that takes longer than this for one batch is replaced by a stand-in.
    pub model_timeout: HumanDuration,
}

/// Which engine runs ONNX models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnnxEngine {
    /// ONNX Runtime when its library is found, otherwise the pure-Rust engine.
    #[default]
    Auto,
    /// ONNX Runtime; a missing library is fatal at start.
    OnnxRuntime,
    /// The pure-Rust engine.
    Rten,
}

impl OnnxEngine {
    /// Its name in settings and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::OnnxRuntime => "onnx-runtime",
            Self::Rten => "rten",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model_dirs: vec![PathBuf::from("models")],
            shipped_networks: true,
            onnx_engine: OnnxEngine::Auto,
            onnx_library: None,
            auto_networks: vec!["mlp".to_owned()],
            refit_every: HumanDuration::from_secs(6 * 3600),
            model_timeout: HumanDuration::from_secs(10),
        }
    }
}

/// One workload's input to a model.
#[derive(Clone, Debug)]
pub struct ForecastInput {
    /// Prepared history ([`prepare`]); its last step is the forecast's origin.
    pub history: Arc<Prepared>,
    /// What fitting has learned, if it has been fitted.
    pub fit: Option<Arc<Fit>>,
    /// Steps to forecast.
    pub horizon_steps: usize,
    /// IANA time zone in which days begin.
    pub timezone: Arc<str>,
    /// Levels wanted.
    pub levels: Arc<[Quantile]>,
}

/// A model that could not forecast for one workload.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct ModelError(pub String);

/// A family of forecasts: the seam behind which every model stands.
pub trait Forecaster: Send + Sync + std::fmt::Debug {
    /// Its name, as in `model:`.
    fn name(&self) -> &str;

    /// Forecasts each input; the answer has the same length and order.
    fn forecast(&self, batch: &[ForecastInput]) -> Vec<Result<Forecast, ModelError>>;
}
