//! Forescale is a KEDA external scaler that sees load coming.
//!
//! The folders are the MAPE-K loop: [`monitor`] reads Prometheus, [`analyze`] forecasts, [`plan`] decides, [`execute`]
//! answers KEDA, [`knowledge`] is what they share and [`control`] turns the wheel. `docs/ARCHITECTURE.md` has the picture
//! and the rules, which `tests/architecture.rs` enforces.

pub mod admin;
pub mod analyze;
pub mod backtest;
pub mod cli;
pub mod control;
pub mod dataset;
pub mod domain;
pub mod evaluate;
pub mod execute;
pub mod knowledge;
pub mod monitor;
pub mod plan;
pub mod plot;
pub mod settings;
pub mod simulate;
pub mod telemetry;
pub mod train;
