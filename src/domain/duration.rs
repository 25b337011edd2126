//! Durations as people write them in manifests: `90s`, `10m`, `14d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that reads and prints as `90s`, `10m`, `1h 30m`, `14d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

/// A duration that could not be read; its message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a duration: write a number with a unit, such as `90s`, `10m`, `1h30m` or `14d`"
)]
pub struct HumanDurationError {
    text: String,
}

impl HumanDuration {
    /// Of whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The plain duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for HumanDuration {
    type Err = HumanDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "0" {
            return Ok(Self::default());
        }
        humantime::parse_duration(text.trim())
            .map(Self)
            .map_err(|_| HumanDurationError {
                text: text.to_owned(),
            })
    }
}

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        if self.0.subsec_nanos() != 0 {
            return write!(f, "{}", humantime::format_duration(self.0));
        }
        // Written in days, hours, minutes and seconds only: `14d`, never `2weeks` or `1month`.
        let parts = [
            (secs / 86_400, "d"),
            (secs / 3600 % 24, "h"),
            (secs / 60 % 60, "m"),
            (secs % 60, "s"),
        ];
        if secs == 0 {
            return f.write_str("0s");
        }
        for (amount, unit) in parts.into_iter().filter(|(amount, _)| *amount > 0) {
            write!(f, "{amount}{unit}")?;
        }
        Ok(())
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        for text in ["90s", "10m", "1h30m", "14d", "0s", "15s"] {
            let read: HumanDuration = text.parse().unwrap();
            let again: HumanDuration = read.to_string().parse().unwrap();
            assert_eq!(read, again, "{text}");
        }
        assert_eq!("90s".parse::<HumanDuration>().unwrap().to_string(), "1m30s");
        assert_eq!("2w".parse::<HumanDuration>().unwrap().to_string(), "14d");
    }

    #[test]
    fn a_number_without_unit_is_refused_with_examples() {
        let error = "90".parse::<HumanDuration>().unwrap_err().to_string();
        assert!(error.contains("`90`") && error.contains("`90s`"), "{error}");
    }
}
