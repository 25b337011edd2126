//! Logging, the metric registry and build information: usable from every room, knows none of them.

mod log;
mod metrics;
mod process;

pub use log::{Format, LogHandle, check_filter, init};
pub use metrics::{Registry, register_build_info, register_onnx_engine};
pub use process::register_process_metrics;

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit of this build, or `unknown`.
pub const COMMIT: &str = env!("FORESCALE_COMMIT");
