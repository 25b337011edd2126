//! `onnx:NAME`: networks from files, checked against the contract of `docs/onnx-contract.md`.
//!
//! [`Networks`] finds `NAME.onnx` in the configured folders, or else among those that come with the program, keeps what it
//! has loaded, notices when a file changes and remembers what failed, so that a broken file is read once and not on every
//! forecast. Nothing here looks at a clock: a failure is tried again when its file changes or when
//! [`Networks::forget_failures`] says so.

pub mod calendar;
pub mod card;
pub mod contract;
mod curve;
pub mod engine;
mod forecaster;
mod levels;
mod library;
mod onnx_runtime;
pub mod proto;
mod pure_rust;
pub mod resample;
pub mod row;
pub(super) mod shipped;
pub mod window;

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use self::curve::{curve_of, decode};
use self::engine::Engine;
pub use self::forecaster::MAX_BATCH;
use self::forecaster::OnnxForecaster;
use crate::analyze::{Config, Forecaster, ModelError};

/// Files larger than this are refused.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// More networks than this are not kept loaded.
const MAX_NETWORKS: usize = 256;
const MAX_NAME: usize = 100;
/// What the name of a network's file ends with, behind a dot.
pub const EXTENSION: &str = "onnx";

/// The networks in the configured folders, and those that come with the program.
#[derive(Debug)]
pub struct Networks {
    engine: Arc<dyn Engine>,
    folders: Vec<PathBuf>,
    /// Whether those that come with the program stand behind the folders.
    shipped: bool,
    kept: Mutex<HashMap<String, Kept>>,
}

/// What is known of one network.
#[derive(Debug)]
struct Kept {
    /// Where it was last read from; `None` where that is to be done again.
    seen: Option<Source>,
    /// The newest version that could be loaded.
    network: Option<Arc<OnnxForecaster>>,
    /// What was wrong with the file last seen.
    failure: Option<ModelError>,
}

/// Where a network is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// A file; another one when it changes.
    File {
        path: PathBuf,
        modified: Option<SystemTime>,
        bytes: u64,
    },
    /// The program.
    Shipped,
}

// === impl Networks ===

impl Networks {
    /// Starts the configured engine; loads nothing yet.
    ///
    /// # Errors
    /// When ONNX Runtime is demanded and its library can't be used.
    pub fn new(config: &Config) -> Result<Self, ModelError> {
        let env = |name: &str| std::env::var_os(name);
        let engine = engine::open(config.onnx_engine, config.onnx_library.as_deref(), env)?;
        tracing::info!(engine = engine.name(), "networks are ready to run");
        Ok(Self {
            engine,
            folders: config.model_dirs.clone(),
            shipped: config.shipped_networks,
            kept: Mutex::default(),
        })
    }

    /// Whether there is a network of this name; whether it can be used is not looked at.
    pub fn has(&self, name: &str) -> bool {
        check_name(name).is_ok() && self.find(name).is_some()
    }

    /// Where networks are looked for.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// Which engine is live: `onnx-runtime 1.32.0 (/path/of/the/library)` or `rten 0.27`.
    pub fn engine(&self) -> String {
        self.engine.name()
    }

    /// The network `name`, loaded when it is not yet or its file has changed.
    ///
    /// A changed file that can't be used doesn't take away the network that was loaded before: that one is served on,
    /// and [`Networks::failures`] tells. A file that is gone does.
    ///
    /// # Errors
    /// When the name is not allowed, there is no such file, or it breaks the contract; names the file or the folders.
    pub fn load(&self, name: &str) -> Result<Arc<dyn Forecaster>, ModelError> {
        check_name(name)?;
        let mut kept = self.kept();
        let Some(source) = self.find(name) else {
            kept.remove(name);
            return Err(self.not_found(name));
        };
        let before = kept.remove(name);
        if kept.len() >= MAX_NETWORKS {
            return Err(ModelError(format!(
                "network `{name}` is not loaded: {MAX_NETWORKS} others are, the most that is allowed"
            )));
        }
        let now = match before {
            Some(known) if known.seen.as_ref() == Some(&source) => known,
            before => self.read(name, source, before.and_then(|known| known.network)),
        };
        let answer = match (&now.network, &now.failure) {
            (Some(network), _) => Ok(Arc::clone(network) as Arc<dyn Forecaster>),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(self.not_found(name)),
        };
        kept.insert(name.to_owned(), now);
        answer
    }

    /// The names of all networks, sorted; whether they can be used is not looked at.
    pub fn names(&self) -> Vec<String> {
        let entries = self.folders.iter().flat_map(fs::read_dir);
        let in_folders = entries
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == EXTENSION) && path.is_file())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .filter(|name| check_name(name).is_ok());
        let names: BTreeSet<String> = in_folders
            .chain(self.shipped_names().map(str::to_owned))
            .collect();
        names.into_iter().collect()
    }

    fn shipped_names(&self) -> impl Iterator<Item = &'static str> {
        shipped::names().filter(|_| self.shipped)
    }

    /// The networks whose file, as last seen, can't be used, and why.
    pub fn failures(&self) -> Vec<(String, ModelError)> {
        let kept = self.kept();
        let failed = |(name, known): (&String, &Kept)| Some((name.clone(), known.failure.clone()?));
        let mut failures: Vec<_> = kept.iter().filter_map(failed).collect();
        failures.sort_by(|a, b| a.0.cmp(&b.0));
        failures
    }

    /// Lets every failed file be tried again, although it hasn't changed.
    pub fn forget_failures(&self) {
        for known in self.kept().values_mut().filter(|k| k.failure.is_some()) {
            known.seen = None;
        }
    }

    /// Reads what is new or has changed.
    fn read(&self, name: &str, source: Source, before: Option<Arc<OnnxForecaster>>) -> Kept {
        match self.read_from(name, &source) {
            Ok(network) => {
                tracing::info!(name, from = %source, "network loaded");
                Kept {
                    seen: Some(source),
                    network: Some(Arc::new(network)),
                    failure: None,
                }
            }
            Err(error) => {
                let served_on = before.is_some();
                tracing::warn!(name, %error, served_on, "failed to load network");
                Kept {
                    seen: Some(source),
                    network: before,
                    failure: Some(error),
                }
            }
        }
    }

    fn read_from(&self, name: &str, source: &Source) -> Result<OnnxForecaster, ModelError> {
        let wrong = |why: &str| ModelError(format!("network {source}: {why}"));
        let bytes = match source {
            Source::File { path, .. } => read_file(path).map_err(|why| wrong(&why))?.into(),
            Source::Shipped => shipped::bytes(name).unwrap_or_default().into(),
        };
        OnnxForecaster::load(&*self.engine, name, bytes).map_err(|why| wrong(&why))
    }

    /// The file of the first folder that has one, or else the program.
    fn find(&self, name: &str) -> Option<Source> {
        let file = self.folders.iter().find_map(|folder| {
            let path = file_in(folder, name);
            let metadata = fs::metadata(&path).ok().filter(Metadata::is_file)?;
            Some(Source::File {
                modified: metadata.modified().ok(),
                bytes: metadata.len(),
                path,
            })
        });
        let shipped = self.shipped && shipped::bytes(name).is_some();
        file.or_else(|| shipped.then_some(Source::Shipped))
    }

    fn not_found(&self, name: &str) -> ModelError {
        let paths: Vec<String> = self
            .folders
            .iter()
            .map(|folder| format!("`{}`", file_in(folder, name).display()))
            .collect();
        let looked = if paths.is_empty() {
            "`modelDirs` names no folder".to_owned()
        } else {
            format!("looked for {}", paths.join(", "))
        };
        let shipped: Vec<String> = (self.shipped_names())
            .map(|name| format!("`{name}`"))
            .collect();
        let shipped = if shipped.is_empty() {
            String::new()
        } else {
            format!("; the program comes with {}", shipped.join(", "))
        };
        ModelError(format!("there is no network `{name}`: {looked}{shipped}"))
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Source ===

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "`{}`", path.display()),
            Self::Shipped => f.write_str("of the program"),
        }
    }
}

/// That a network may have this name. It becomes a file name: nothing that could lead out of the folders, or to a hidden file, is
/// let through.
///
/// # Errors
/// When it may not; says what is allowed.
pub fn check_name(name: &str) -> Result<(), ModelError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('.') {
        return Ok(());
    }
    Err(ModelError(format!(
        "`{}` is no name of a network: write 1 to {MAX_NAME} letters, digits, `.`, `_` and `-`, the first one not `.`",
        name.escape_debug()
    )))
}

/// What is in a file, or what is wrong with it.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("it can't be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "it is larger than {} MiB, the most that is allowed",
            MAX_FILE_BYTES >> 20
        ));
    }
    Ok(bytes)
}

fn file_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}
