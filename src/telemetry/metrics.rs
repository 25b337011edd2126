//! The metric registry. Each room has a struct of its own metrics with a `register` function; the names carry the
//! prefix `forescale_` and are listed in `docs/metrics.md`.

use prometheus_client::metrics::info::Info;
pub use prometheus_client::registry::Registry;

/// A gauge that names this build.
pub fn register_build_info(registry: &mut Registry) {
    let labels = vec![("version", super::VERSION), ("commit", super::COMMIT)];
    registry.register(
        "forescale_build",
        "Version and commit of this build",
        Info::new(labels),
    );
}

/// A gauge that names the live engine of ONNX models, and what the settings asked for, so that a fallback never hides in
/// production.
pub fn register_onnx_engine(registry: &mut Registry, engine: String, wanted: &'static str) {
    let help = "The live engine of ONNX models, and what the settings asked for";
    registry.register(
        "forescale_onnx_engine",
        help,
        Info::new(vec![("engine", engine), ("wanted", wanted.to_owned())]),
    );
}
