//! Where ONNX Runtime's shared library is looked for.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The library's file name on this platform; a version may follow it (`libonnxruntime.so.1.32.0`).
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(super) const FILE_NAME: &str = "libonnxruntime.so";
/// The library's file name on this platform.
#[cfg(windows)]
pub(super) const FILE_NAME: &str = "onnxruntime.dll";
/// The library's file name on this platform.
#[cfg(target_vendor = "apple")]
pub(super) const FILE_NAME: &str = "libonnxruntime.dylib";

/// Folders of the system, in the order of search.
const SYSTEM: [&str; 8] = [
    "/usr/local/lib",
    "/usr/local/lib/onnxruntime",
    "/usr/lib",
    "/usr/lib/onnxruntime",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/onnxruntime/lib",
    "/opt/homebrew/lib",
];

/// A file, or a folder that may hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its path.
    pub(super) path: PathBuf,
}

impl Place {
    /// The libraries here, newest version first.
    pub(super) fn libraries(&self) -> Vec<PathBuf> {
        if self.path.is_file() {
            return vec![self.path.clone()];
        }
        let Ok(entries) = std::fs::read_dir(&self.path) else {
            return Vec::new();
        };
        let mut found: Vec<(Vec<u64>, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let version = version_in(entry.file_name().to_str()?)?;
                Some((version, entry.path()))
            })
            .filter(|(_, path)| path.is_file())
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, path)| path).collect()
    }
}

/// The places to search. A path that somebody has set, in the settings or else in `ORT_DYLIB_PATH`, is the only one:
/// a typo in it must not end with another version of the library. Otherwise next to the program, then the system's folders.
pub(super) fn places(
    configured: Option<&Path>,
    env: impl Fn(&str) -> Option<OsString>,
    program_folder: Option<&Path>,
) -> Vec<Place> {
    let from_env = || env("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    if let Some(path) = configured
        .map(Path::to_path_buf)
        .or_else(|| from_env().map(PathBuf::from))
    {
        return vec![Place { path }];
    }
    program_folder
        .into_iter()
        .flat_map(|folder| [folder.to_path_buf(), folder.join("lib")])
        .chain(SYSTEM.map(PathBuf::from))
        .map(|path| Place { path })
        .collect()
}

/// The version that the name of a library ends with, empty without one; `None` for any other file.
pub(super) fn version_in(file_name: &str) -> Option<Vec<u64>> {
    if file_name == FILE_NAME {
        return Some(Vec::new());
    }
    let version = match file_name.strip_prefix(FILE_NAME) {
        Some(rest) => rest.strip_prefix('.')?,
        // macOS puts the version before the suffix.
        None => file_name
            .strip_prefix(DLL_PREFIX)?
            .strip_prefix("onnxruntime.")?
            .strip_suffix(DLL_SUFFIX)?,
    };
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_set_is_the_only_place() {
        let env = |name: &str| (name == "ORT_DYLIB_PATH").then(|| OsString::from("/env/lib.so"));
        let of = |configured, env: &dyn Fn(&str) -> Option<OsString>| {
            places(configured, env, Some(Path::new("/app/bin")))
        };
        assert_eq!(
            of(Some(Path::new("/set.so")), &env)[..],
            [Place {
                path: "/set.so".into()
            }]
        );
        assert_eq!(
            of(None, &env)[..],
            [Place {
                path: "/env/lib.so".into()
            }]
        );
        let searched = of(None, &|_| Some(OsString::new()));
        assert_eq!(searched[0].path, Path::new("/app/bin"));
        assert!(searched.iter().any(|p| p.path == Path::new("/usr/lib")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_newest_library_of_a_folder_comes_first_and_its_helpers_never() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "libonnxruntime.so",
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.32.0",
            "libonnxruntime_providers_shared.so",
            "libonnxruntime.so.old",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let place = Place {
            path: folder.path().to_path_buf(),
        };
        let names: Vec<_> = place
            .libraries()
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "libonnxruntime.so.1.32.0",
                "libonnxruntime.so.1.9.0",
                "libonnxruntime.so"
            ]
        );
    }
}
