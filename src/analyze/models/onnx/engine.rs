//! The seam behind which the engines stand: a network takes named tensors of floats and gives named tensors of floats.
//!
//! Two engines fill it. ONNX Runtime is the one of production images; it comes as a shared library that has to be
//! found. The pure-Rust engine is part of the binary, so that a plain `cargo run` can forecast with a network as well.
//! `tests/onnx_parity.rs` holds both to the same numbers.

use std::any::Any;
use std::ffi::OsString;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::library;
use super::onnx_runtime::OnnxRuntime;
use super::pure_rust::PureRust;
use crate::analyze::{ModelError, OnnxEngine};

/// Numbers with a shape, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Length of each dimension; their product is the length of `data`.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
}

/// Turns files into networks.
pub trait Engine: Debug + Send + Sync {
    /// Name, version and, for a library, its path: `onnx-runtime 1.32.0 (/usr/lib/libonnxruntime.so)`, `rten 0.27`.
    fn name(&self) -> String;

    /// Makes a network from the bytes of an ONNX file.
    ///
    /// # Errors
    /// The engine's own words on what it can't read or run.
    fn load(&self, file: Arc<[u8]>) -> Result<Box<dyn Network>, String>;
}

/// A network that is ready to run, from any thread.
pub trait Network: Debug + Send + Sync {
    /// Runs it on `inputs` and returns the outputs asked for, in their order.
    ///
    /// # Errors
    /// The engine's own words on what went wrong.
    fn run(&self, inputs: &[(&str, Tensor)], outputs: &[&str]) -> Result<Vec<Tensor>, String>;
}

/// Starts the engine that `choice` means. `library` is the configured path of ONNX Runtime, `env` looks up an
/// environment variable.
///
/// # Errors
/// When ONNX Runtime is demanded and can't be loaded; names every place that was tried.
pub fn open(
    choice: OnnxEngine,
    library: Option<&Path>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Arc<dyn Engine>, ModelError> {
    if choice == OnnxEngine::Rten {
        return Ok(Arc::new(PureRust));
    }
    let exe = std::env::current_exe().ok();
    let places = library::places(library, env, exe.as_deref().and_then(Path::parent));
    match load_first(&places) {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(why) if choice == OnnxEngine::Auto => {
            let fallback = PureRust;
            tracing::warn!(
                engine = fallback.name(),
                %why,
                "onnx runtime is not available, networks run in the pure-rust engine"
            );
            Ok(Arc::new(fallback))
        }
        Err(why) => Err(ModelError(format!(
            "`onnxEngine: onnx-runtime` is set, but its library can't be used: {why}; set `onnxLibrary` or \
             `ORT_DYLIB_PATH` to the path of `{}`",
            library::FILE_NAME
        ))),
    }
}

/// Calls into an engine; a panic inside it, which a file from outside may provoke, becomes an error.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(format!("the engine panicked: {}", panic_text(&*panic))))
}

fn load_first(places: &[library::Place]) -> Result<OnnxRuntime, String> {
    let mut failures = Vec::new();
    for place in places {
        let found = place.libraries();
        if found.is_empty() {
            failures.push(format!("nothing at `{}`", place.path.display()));
        }
        for path in found {
            match OnnxRuntime::open(&path) {
                Ok(engine) => return Ok(engine),
                Err(why) => failures.push(why),
            }
        }
    }
    Err(failures.join("; "))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
