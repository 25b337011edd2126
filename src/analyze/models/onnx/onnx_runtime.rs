//! ONNX Runtime, loaded from its shared library while running.
//!
//! The library is opened by its path before anything else of it is touched: the binding's lazy way panics when there is
//! none. A process can open one library and make one environment, so both are kept here for good. One thread per run
//! and no graph of parallel branches: a batch is small, and the workloads of other models want the other cores.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::TensorRef;

use super::engine::{Engine, Network, Tensor, guarded};
use super::library;

/// The library that this process has opened.
static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

#[derive(Clone, Debug)]
struct Opened {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// The engine.
#[derive(Clone, Debug)]
pub(super) struct OnnxRuntime(Opened);

/// A network with the sessions that are idle at the moment.
///
/// A session runs one batch at a time. A run takes an idle one or makes another, so that a run that never comes back
/// doesn't block the next; how many may be out at once is bounded by the caller.
#[derive(Debug)]
struct Sessions {
    environment: Environment,
    file: Arc<[u8]>,
    idle: Mutex<Vec<Session>>,
}

// === impl OnnxRuntime ===

impl OnnxRuntime {
    /// Opens the library at `path`.
    ///
    /// # Errors
    /// When there is no such library, it is too old, or this process has opened another one.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        match &*opened {
            Some(before) if before.path == path => Ok(Self(before.clone())),
            Some(before) => Err(format!(
                "`{}` is not opened because this process has opened `{}`, and there can be only one",
                path.display(),
                before.path.display()
            )),
            None => {
                let engine = guarded(|| start(&path))?;
                *opened = Some(engine.clone());
                Ok(Self(engine))
            }
        }
    }
}

impl Engine for OnnxRuntime {
    fn name(&self) -> String {
        format!(
            "onnx-runtime {} ({})",
            self.0.version,
            self.0.path.display()
        )
    }

    fn load(&self, file: Arc<[u8]>) -> Result<Box<dyn Network>, String> {
        let first = session(&self.0.environment, &file)?;
        Ok(Box::new(Sessions {
            environment: self.0.environment.clone(),
            file,
            idle: Mutex::new(vec![first]),
        }))
    }
}

// === impl Sessions ===

impl Network for Sessions {
    fn run(&self, inputs: &[(&str, Tensor)], outputs: &[&str]) -> Result<Vec<Tensor>, String> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut session = match taken {
            Some(session) => session,
            None => session(&self.environment, &self.file)?,
        };
        let answer = guarded(|| run(&mut session, inputs, outputs))?;
        // A session whose run failed is not used again.
        idle().push(session);
        Ok(answer)
    }
}

fn start(path: &Path) -> Result<Opened, String> {
    let environment = ort::init_from(path)
        .map_err(|error| error.to_string())?
        .with_name("forescale")
        .with_telemetry(false)
        .with_logger(Arc::new(|level, category, _, _, text| {
            log(level, category, text);
        }))
        .build()
        .map_err(|error| error.to_string())?;
    environment.set_log_level(LogLevel::Warning);
    Ok(Opened {
        version: version(path),
        path: path.to_path_buf(),
        environment,
    })
}

/// Its version: from the branch it was built from, else from its file name.
fn version(path: &Path) -> String {
    let built_from = ort::info()
        .split_once("git-branch=rel-")
        .and_then(|(_, rest)| rest.split([',', ' ']).next())
        .filter(|version| !version.is_empty());
    let from_name = || {
        let parts = library::version_in(path.file_name()?.to_str()?)?;
        let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        (!parts.is_empty()).then(|| parts.join("."))
    };
    built_from
        .map(str::to_owned)
        .or_else(from_name)
        .unwrap_or_else(|| "of unknown version".to_owned())
}

fn log(level: LogLevel, category: &str, text: &str) {
    match level {
        // What it calls an error reaches the caller as one, who knows how bad it is.
        LogLevel::Error | LogLevel::Fatal | LogLevel::Warning => {
            tracing::warn!(category, text, "onnx runtime");
        }
        LogLevel::Info | LogLevel::Verbose => tracing::debug!(category, text, "onnx runtime"),
    }
}

fn session(environment: &Environment, file: &[u8]) -> Result<Session, String> {
    let build = || -> Result<Session, ort::Error> {
        Session::builder(environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_memory(file)
    };
    guarded(|| build().map_err(|error| error.to_string()))
}

fn run(
    session: &mut Session,
    inputs: &[(&str, Tensor)],
    outputs: &[&str],
) -> Result<Vec<Tensor>, String> {
    let text = |error: ort::Error| error.to_string();
    let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
    for (name, tensor) in inputs {
        let value = TensorRef::from_array_view((tensor.shape.clone(), tensor.data.as_slice()))
            .map_err(text)?;
        values.push((*name, value.into()));
    }
    let answers = session.run(values).map_err(text)?;
    outputs
        .iter()
        .map(|name| {
            let value = answers
                .get(name)
                .ok_or_else(|| format!("there is no output `{name}`"))?;
            let (shape, data) = value.try_extract_tensor::<f32>().map_err(text)?;
            let shape = shape.iter().map(|&d| usize::try_from(d).unwrap_or(0));
            Ok(Tensor {
                shape: shape.collect(),
                data: data.to_vec(),
            })
        })
        .collect()
}
