//! The server's settings: each room's own `Config`, put together from defaults, a YAML file, and flags or environment
//! variables, the later ones winning.

mod limits;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::Calendar;
use crate::monitor::DEFAULT_SOURCE;
use crate::{admin, analyze, control, execute, knowledge, monitor, plan, telemetry};

/// Where Prometheus is looked for when nothing is configured.
pub const DEFAULT_PROMETHEUS: &str = "http://localhost:9090";

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// The gRPC server that KEDA calls.
    pub keda: execute::keda::Config,
    /// The HTTP server: metrics, health, JSON API.
    pub admin: admin::Config,
    /// The operator of PredictiveAutoscalers.
    pub operator: execute::operator::Config,
    /// Sources of history.
    pub monitor: monitor::Config,
    /// Forecasts.
    pub analyze: analyze::Config,
    /// Plans.
    pub plan: plan::Config,
    /// The board and its snapshots.
    pub knowledge: knowledge::Config,
    /// The loop.
    pub control: control::Config,
    /// Workloads that are planned although nobody calls.
    pub workloads: Vec<control::roster::Entry>,
    /// What the cluster is asked.
    pub cluster: execute::cluster::Config,
    /// Logging.
    pub log: LogConfig,
}

/// Logging.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct LogConfig {
    /// A level, or levels by module.
    pub filter: String,
    /// How lines are written.
    pub format: telemetry::Format,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: telemetry::Format::Auto,
        }
    }
}

/// What flags and environment variables may say on top of the file; `None` says nothing.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Base URL of the default source.
    pub prometheus: Option<String>,
    /// Address of the gRPC server.
    pub grpc_addr: Option<std::net::SocketAddr>,
    /// Address of the HTTP server.
    pub http_addr: Option<std::net::SocketAddr>,
    /// Whether the operator runs.
    pub operator: Option<bool>,
    /// Certificate of the gRPC server, which turns TLS on.
    pub tls_cert_file: Option<PathBuf>,
    /// Its key.
    pub tls_key_file: Option<PathBuf>,
    /// Authorities of client certificates, which makes TLS mutual.
    pub tls_client_ca_file: Option<PathBuf>,
    /// Folder for snapshots.
    pub data_dir: Option<PathBuf>,
    /// File for a recording.
    pub record: Option<PathBuf>,
    /// Whether the cluster is asked what it knows.
    pub cluster: Option<bool>,
    /// Folder searched first for models.
    pub models_dir: Option<PathBuf>,
    /// Engine of ONNX models.
    pub onnx_engine: Option<analyze::OnnxEngine>,
    /// ONNX Runtime's library.
    pub onnx_library: Option<PathBuf>,
    /// Log filter.
    pub log_filter: Option<String>,
    /// Log format.
    pub log_format: Option<telemetry::Format>,
}

/// Settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file can't be read.
    #[error("failed to read settings from `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A setting, wherever it came from, can't be used.
    #[error("{0}")]
    Invalid(String),
    /// The file is no valid settings file; the message names the key and what is allowed.
    #[error("`{}`: {text}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Key, place and reason.
        text: String,
        /// Line and column, from 1, where they are known.
        place: Option<(usize, usize)>,
    },
}

impl Settings {
    /// Defaults, then the file if there is one, then the overrides.
    ///
    /// # Errors
    /// When the file can't be read or holds something that is not allowed.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, SettingsError> {
        let mut settings = match file {
            None => Self::default(),
            Some(path) => Self::parse(
                &fs::read_to_string(path).map_err(|source| SettingsError::Read {
                    path: path.to_owned(),
                    source,
                })?,
                path,
            )?,
        };
        settings.apply_tls(&overrides)?;
        let by_flag = overrides.prometheus.is_some();
        settings.apply(overrides);
        settings.validate(by_flag)?;
        settings.read_calendars()?;
        Ok(settings)
    }

    /// What the types don't check, workloads apart. Reads no file.
    pub fn mistakes(&self) -> Vec<String> {
        let monitor = self.monitor.validate();
        let mut mistakes: Vec<String> = monitor.iter().map(ToString::to_string).collect();
        mistakes.extend(self.plan.validate().err().map(|error| error.to_string()));
        mistakes.extend(limits::mistakes(self));
        let filter = telemetry::check_filter(&self.log.filter);
        mistakes.extend(filter.err().map(|why| format!("`log.filter`: {why}")));
        let (standing, room) = (self.workloads.len(), self.knowledge.max_workloads);
        if standing > room {
            mistakes.push(format!(
                "`workloads`: {standing} of them, more than `knowledge.maxWorkloads`, which is {room}"
            ));
        }
        mistakes
    }

    /// Checks what the types don't; every mistake is named in one message, and by the flag where one gave the default source.
    fn validate(&self, by_flag: bool) -> Result<(), SettingsError> {
        let mut mistakes = self.mistakes();
        let workloads = control::roster::read(&self.workloads, &self.monitor);
        mistakes.extend(workloads.err().into_iter().flatten());
        if mistakes.is_empty() {
            return Ok(());
        }
        let mut text = mistakes.join("\n       ");
        if by_flag {
            let key = format!("`monitor.sources.{DEFAULT_SOURCE}.url`");
            text = text.replace(&key, "`--prometheus`");
        }
        Err(SettingsError::Invalid(text))
    }

    /// Reads the files of `plan.calendars`.
    fn read_calendars(&mut self) -> Result<(), SettingsError> {
        for (name, file) in &mut self.plan.calendars {
            let wrong = |why: &dyn std::fmt::Display| {
                let path = file.path.display();
                SettingsError::Invalid(format!("`plan.calendars.{name}`, `{path}`: {why}"))
            };
            let text = fs::read_to_string(&file.path).map_err(|error| wrong(&error))?;
            file.calendar = Some(Calendar::parse(&text).map_err(|why| wrong(&why))?);
        }
        Ok(())
    }

    /// Settings from YAML text; `path` is for messages.
    ///
    /// # Errors
    /// When a key is unknown or a value is not allowed.
    pub fn parse(yaml: &str, path: &Path) -> Result<Self, SettingsError> {
        if yaml
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self::default());
        }
        let document = serde_yaml::Deserializer::from_str(yaml);
        serde_path_to_error::deserialize(document).map_err(|error| {
            let (key, error) = (error.path().to_string(), error.inner());
            let text = match key.as_str() {
                "." => error.to_string(),
                key => format!("`{key}`: {error}"),
            };
            SettingsError::Parse {
                path: path.to_owned(),
                text,
                place: error.location().map(|at| (at.line(), at.column())),
            }
        })
    }

    /// A fingerprint of the effective settings: equal on replicas that were set up alike.
    pub fn fingerprint(&self) -> String {
        let state = foldhash::quality::FixedState::default();
        // Settings are plain data: what can't be written as YAML does not exist in them.
        let written = serde_yaml::to_string(self).unwrap_or_default();
        format!("{:016x}", std::hash::BuildHasher::hash_one(&state, written))
    }

    /// The certificate and its key go together, wherever each comes from.
    fn apply_tls(&mut self, overrides: &Overrides) -> Result<(), SettingsError> {
        let invalid = |text: &str| SettingsError::Invalid(text.to_owned());
        let (cert, key) = (
            overrides.tls_cert_file.clone(),
            overrides.tls_key_file.clone(),
        );
        if let Some(tls) = &mut self.keda.tls {
            set(&mut tls.cert_file, cert);
            set(&mut tls.key_file, key);
        } else {
            self.keda.tls = match (cert, key) {
                (Some(cert), Some(key)) => Some(execute::keda::TlsConfig::new(cert, key)),
                (None, None) => None,
                _ => {
                    return Err(invalid(
                        "`--tls-cert-file` and `--tls-key-file` go together: give both",
                    ));
                }
            };
        }
        if let Some(file) = overrides.tls_client_ca_file.clone() {
            let Some(tls) = &mut self.keda.tls else {
                return Err(invalid(
                    "`--tls-client-ca-file` needs `--tls-cert-file` and `--tls-key-file`",
                ));
            };
            tls.client_ca_file = Some(file);
        }
        Ok(())
    }

    fn apply(&mut self, overrides: Overrides) {
        let sources = &mut self.monitor.sources;
        if let Some(url) = overrides.prometheus {
            sources.entry(DEFAULT_SOURCE.to_owned()).or_default().url = url;
        } else if sources.is_empty() {
            let default = monitor::SourceConfig::at(DEFAULT_PROMETHEUS);
            sources.insert(DEFAULT_SOURCE.to_owned(), default);
        }
        set(&mut self.keda.addr, overrides.grpc_addr);
        set(&mut self.admin.addr, overrides.http_addr);
        set(&mut self.operator.enabled, overrides.operator);
        set(&mut self.cluster.enabled, overrides.cluster);
        set(&mut self.analyze.onnx_engine, overrides.onnx_engine);
        set(&mut self.log.filter, overrides.log_filter);
        set(&mut self.log.format, overrides.log_format);
        if overrides.data_dir.is_some() {
            self.knowledge.data_dir = overrides.data_dir;
        }
        if overrides.record.is_some() {
            self.control.record = overrides.record;
        }
        if overrides.onnx_library.is_some() {
            self.analyze.onnx_library = overrides.onnx_library;
        }
        if let Some(dir) = overrides.models_dir {
            self.analyze.model_dirs.insert(0, dir);
        }
    }
}

fn set<T>(value: &mut T, over: Option<T>) {
    if let Some(over) = over {
        *value = over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(yaml: &str) -> Result<Settings, String> {
        Settings::parse(yaml, Path::new("forescale.yaml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_is_all_defaults_and_defaults_survive_a_round_trip() {
        assert_eq!(parse("# nothing\n").unwrap(), Settings::default());
        let written = serde_yaml::to_string(&Settings::default()).unwrap();
        assert_eq!(parse(&written).unwrap(), Settings::default());
    }

    #[test]
    fn the_sample_file_shows_every_key_with_its_default() {
        let sample = include_str!("../docs/forescale.yaml");
        let mut defaults = Settings::default();
        defaults.apply(Overrides::default());
        assert_eq!(parse(sample).unwrap(), defaults);
        let keys = |value: &serde_yaml::Value| {
            let mut keys = Vec::new();
            collect_keys(value, "", &mut keys);
            keys
        };
        let shown = keys(&serde_yaml::from_str(sample).unwrap());
        let known = serde_yaml::to_value(&defaults).unwrap();
        for key in keys(&known) {
            assert!(
                shown.contains(&key),
                "`{key}` is missing from docs/forescale.yaml"
            );
        }
    }

    #[test]
    fn an_address_of_a_flag_is_called_by_it() {
        let overrides = Overrides {
            prometheus: Some("localhost:9090".to_owned()),
            ..Overrides::default()
        };
        let error = Settings::load(None, overrides).unwrap_err().to_string();
        assert!(
            error.starts_with("`--prometheus`: `localhost:9090` must start"),
            "{error}"
        );
    }

    fn collect_keys(value: &serde_yaml::Value, prefix: &str, keys: &mut Vec<String>) {
        let Some(mapping) = value.as_mapping() else {
            return;
        };
        for (key, value) in mapping {
            let key = format!("{prefix}{}", key.as_str().unwrap());
            collect_keys(value, &format!("{key}."), keys);
            keys.push(key);
        }
    }

    #[test]
    fn a_mistake_names_the_key_and_what_is_allowed() {
        let unknown = parse("keda:\n  adress: 0.0.0.0:6000\n").unwrap_err();
        assert!(
            unknown.contains("adress") && unknown.contains("addr"),
            "{unknown}"
        );
        let duration = parse("control:\n  grace: soon\n").unwrap_err();
        assert!(
            duration.contains("grace") && duration.contains("`soon`"),
            "{duration}"
        );
        assert!(duration.starts_with("`forescale.yaml`: "), "{duration}");
    }

    #[test]
    fn calendars_are_read_from_their_files_when_settings_are_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, calendar) = (
            folder.path().join("forescale.yaml"),
            folder.path().join("sales.ics"),
        );
        let yaml = format!("plan:\n  calendars:\n    sales: {}\n", calendar.display());
        fs::write(&settings, yaml).unwrap();
        let load = || Settings::load(Some(&settings), Overrides::default());
        let missing = load().unwrap_err().to_string();
        assert!(
            missing.starts_with("`plan.calendars.sales`, `"),
            "{missing}"
        );
        fs::write(&calendar, "BEGIN:VCALENDAR\nnonsense\n").unwrap();
        let broken = load().unwrap_err().to_string();
        assert!(broken.contains("line 2: `nonsense`"), "{broken}");
        let event = "BEGIN:VEVENT\nSUMMARY:min=4\nDTSTART;VALUE=DATE:20261127\nEND:VEVENT";
        fs::write(
            &calendar,
            format!("BEGIN:VCALENDAR\n{event}\nEND:VCALENDAR\n"),
        )
        .unwrap();
        let settings = load().unwrap();
        assert_eq!(settings.plan.calendar("sales").unwrap().events(), 1);
        assert!(settings.plan.calendar("other").is_none());
    }

    #[test]
    fn the_shipped_config_map_holds_valid_settings() {
        let map: serde_yaml::Value =
            serde_yaml::from_str(include_str!("../keda/base/configmap.yaml")).unwrap();
        let settings = parse(map["data"]["forescale.yaml"].as_str().unwrap()).unwrap();
        settings.validate(false).unwrap();
        assert!(settings.knowledge.data_dir.is_some(), "snapshots are on");
        assert!(settings.monitor.sources.contains_key(DEFAULT_SOURCE));
    }

    #[test]
    fn flags_win_over_the_file() {
        let mut settings =
            parse("monitor:\n  sources:\n    default:\n      url: http://file:9090\n").unwrap();
        let prometheus = Some("http://flag:9090".to_owned());
        settings.apply(Overrides {
            prometheus,
            ..Overrides::default()
        });
        assert_eq!(settings.monitor.sources["default"].url, "http://flag:9090");
    }

    #[test]
    fn tls_comes_from_flags_from_the_file_or_from_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forescale.yaml");
        let load = |yaml: &str, cert: Option<&str>, key: Option<&str>, client: Option<&str>| {
            fs::write(&file, yaml).unwrap();
            let overrides = Overrides {
                tls_cert_file: cert.map(PathBuf::from),
                tls_key_file: key.map(PathBuf::from),
                tls_client_ca_file: client.map(PathBuf::from),
                ..Overrides::default()
            };
            let settings = Settings::load(Some(&file), overrides);
            settings
                .map(|settings| settings.keda.tls)
                .map_err(|error| error.to_string())
        };
        let tls = load("", Some("/a.crt"), Some("/a.key"), Some("/ca.crt"))
            .unwrap()
            .unwrap();
        assert_eq!(tls.cert_file, Path::new("/a.crt"));
        assert_eq!(tls.client_ca_file.unwrap(), Path::new("/ca.crt"));
        let written =
            "keda:\n  tls:\n    certFile: /b.crt\n    keyFile: /b.key\n    reloadInterval: 1m\n";
        let tls = load(written, Some("/a.crt"), None, None).unwrap().unwrap();
        assert_eq!(tls.cert_file, Path::new("/a.crt"));
        assert_eq!(tls.key_file, Path::new("/b.key"));
        assert_eq!(tls.reload_interval.get().as_secs(), 60);
        assert_eq!(load("", None, None, None), Ok(None));
        let half = load("", Some("/a.crt"), None, None).unwrap_err();
        assert!(half.contains("--tls-key-file"), "{half}");
        let alone = load("", None, None, Some("/ca.crt")).unwrap_err();
        assert!(alone.contains("--tls-cert-file"), "{alone}");
    }
}
