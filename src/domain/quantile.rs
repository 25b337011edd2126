//! Probability levels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A probability level strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Quantile(f64);

/// A level outside the open interval from 0 to 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{text}` is not a quantile: write a number above 0 and below 1, such as `0.9` or `0.95`")]
pub struct QuantileError {
    text: String,
}

/// The levels that every built-in model forecasts, in rising order.
pub const DEFAULT_LEVELS: [Quantile; 9] = [
    Quantile(0.05),
    Quantile(0.1),
    Quantile(0.25),
    Quantile(0.5),
    Quantile(0.75),
    Quantile(0.9),
    Quantile(0.95),
    Quantile(0.98),
    Quantile(0.99),
];

impl Quantile {
    /// The median.
    pub const MEDIAN: Self = Self(0.5);

    /// A level.
    ///
    /// # Errors
    /// When `level` is not strictly between 0 and 1.
    pub fn new(level: f64) -> Result<Self, QuantileError> {
        if level > 0.0 && level < 1.0 {
            Ok(Self(level))
        } else {
            Err(QuantileError {
                text: level.to_string(),
            })
        }
    }

    /// The value of this level where `at` gives that of each of `levels` (rising, at least one): linear between two of them,
    /// the outermost one beyond.
    pub fn among(self, levels: &[Self], at: impl Fn(usize) -> f64) -> f64 {
        let above = levels.partition_point(|known| *known < self);
        match (above.checked_sub(1), levels.get(above)) {
            (_, Some(exact)) if *exact == self => at(above),
            (None, _) => at(0),
            (Some(below), None) => at(below),
            (Some(below), Some(upper)) => {
                let low = levels[below].0;
                let share = (self.0 - low) / (upper.0 - low);
                at(below) + share * (at(above) - at(below))
            }
        }
    }

    /// The level as a number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Quantile {
    type Error = QuantileError;

    fn try_from(level: f64) -> Result<Self, QuantileError> {
        Self::new(level)
    }
}

impl From<Quantile> for f64 {
    fn from(quantile: Quantile) -> Self {
        quantile.0
    }
}

impl FromStr for Quantile {
    type Err = QuantileError;

    fn from_str(text: &str) -> Result<Self, QuantileError> {
        text.trim()
            .parse()
            .ok()
            .and_then(|level| Self::new(level).ok())
            .ok_or_else(|| QuantileError {
                text: text.to_owned(),
            })
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
