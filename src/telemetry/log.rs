//! Logging to stderr, with a level that can change while running.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, reload};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Changes the log filter while running.
#[derive(Clone)]
pub struct LogHandle {
    set: Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>,
    get: Arc<dyn Fn() -> String + Send + Sync>,
}

impl std::fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogHandle")
            .field("filter", &self.filter())
            .finish()
    }
}

impl LogHandle {
    /// The present filter, such as `info` or `info,forescale::monitor=debug`.
    pub fn filter(&self) -> String {
        (self.get)()
    }

    /// Sets the filter.
    ///
    /// # Errors
    /// When `filter` can't be read; says what is allowed.
    pub fn set_filter(&self, filter: &str) -> Result<(), String> {
        (self.set)(parse(filter)?)
    }
}

/// Starts logging to stderr.
///
/// # Errors
/// When `filter` can't be read, or logging has been started already.
pub fn init(filter: &str, format: Format) -> Result<LogHandle, String> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let json = match format {
        Format::Auto => !io::stderr().is_terminal(),
        Format::Text => false,
        Format::Json => true,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer().with_writer(io::stderr);
    if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry
            .with(layer.with_ansi(io::stderr().is_terminal()))
            .try_init()
    }
    .map_err(|error| error.to_string())?;
    let reader = handle.clone();
    Ok(LogHandle {
        set: Arc::new(move |filter| handle.reload(filter).map_err(|error| error.to_string())),
        get: Arc::new(move || {
            reader
                .with_current(ToString::to_string)
                .unwrap_or_else(|_| "unknown".to_owned())
        }),
    })
}

/// Whether `filter` can be read.
///
/// # Errors
/// When it can't; says what is allowed.
pub fn check_filter(filter: &str) -> Result<(), String> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    let refuse = |why: &str| {
        format!(
            "`{filter}` is not a log filter ({why}): write a level (`error`, `warn`, `info`, `debug`, `trace`, `off`) or \
             levels by module, such as `info,forescale::monitor=debug`"
        )
    };
    // To tracing a word alone is a module that may say everything, and all others are silent: a mistyped level would end the log.
    let mut alone = (filter.split(','))
        .map(str::trim)
        .filter(|part| !part.is_empty() && !part.contains(['=', '[']));
    if let Some(word) = alone.find(|part| part.parse::<LevelFilter>().is_err()) {
        return Err(refuse(&format!("`{word}` is no level")));
    }
    EnvFilter::try_new(filter).map_err(|error| refuse(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_by_module_are_filters() {
        for filter in [
            "info",
            "INFO",
            "off",
            "warn,forescale::monitor=debug",
            "forescale=trace,hyper=off",
            "info,[planning{workload=web}]=debug",
            "",
        ] {
            assert_eq!(check_filter(filter), Ok(()), "{filter}");
        }
    }

    #[test]
    fn a_mistyped_level_is_no_module() {
        for (filter, wrong) in [
            ("inof", "`inof` is no level"),
            ("info,debgu", "`debgu` is no level"),
            ("forescale", "`forescale` is no level"),
            ("forescale=loud", "expected one of"),
        ] {
            let refused = check_filter(filter).unwrap_err();
            let start = format!("`{filter}` is not a log filter (");
            assert!(
                refused.starts_with(&start)
                    && refused.contains(wrong)
                    && refused.contains("`warn`"),
                "{refused}"
            );
        }
    }
}
