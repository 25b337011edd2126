//! Decomposition before a network, as an option: a window of history split into parts that add up to it.
//!
//! Published gains of "decompose, then forecast" mostly rest on a leak: the whole series is decomposed once and cut into
//! training and test afterwards, so that each part at time t has seen what comes after t. Here a part is a function of a
//! window that ends at the origin ([`causal`]), and is worked out anew for each origin. That is honest, and it costs:
//!
//! - Both methods know least where it matters most. At the window's end a loess smoother has neighbours on one side only,
//!   and the envelopes of a mode hang on extrema that have been mirrored there, so the newest values of each part are
//!   its least certain ones and change as the window moves on.
//! - On one core of a small server an MSTL of two days in bins of five minutes took 0.3 ms and of two weeks 7 ms; CEEMDAN
//!   with 50 noises took 20 ms for 240 values and 200 ms for a day of minutes, and its noises about as much once. A
//!   refresh of thousands of workloads has no room for that: both are for preparing training data (`forescale preprocess
//!   --decompose`) and for trying out.

mod ceemdan;
mod emd;
mod spline;
#[cfg(test)]
mod tests;

use augurs::mstl::stlrs::MstlParams;

pub use self::ceemdan::Ceemdan;
use crate::domain::Series;

/// The share of a window that may be missing.
const MOST_MISSING: f64 = 0.25;

/// The parts of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// Each as long as the window; they add up to it. MSTL gives the seasons in the order of their periods, the remainder
    /// and last the trend; CEEMDAN the modes from the fastest on, and last what remains.
    pub parts: Vec<Vec<f64>>,
}

/// How a window is decomposed.
#[derive(Clone, Debug)]
pub enum Method {
    /// Seasonal-trend decomposition by loess, with seasons of these lengths in steps (Bandara, Hyndman and Bergmeir
    /// 2021).
    Mstl {
        /// Season lengths; the window must hold each twice.
        periods: Vec<usize>,
    },
    /// Complete ensemble empirical mode decomposition with adaptive noise (Torres et al. 2011).
    Ceemdan(Ceemdan),
}

/// A window that can't be decomposed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecomposeError {
    /// The origin lies outside the series or too early for the window.
    #[error(
        "a window of {window} steps that ends at step {origin} does not lie within the {len} steps of the series"
    )]
    Outside {
        /// Steps of the window.
        window: usize,
        /// Its last step.
        origin: usize,
        /// Steps of the series.
        len: usize,
    },
    /// Too much is missing.
    #[error("{missing} of the {window} values of the window are missing; at most a quarter may be")]
    Missing {
        /// Missing values.
        missing: usize,
        /// Values of the window.
        window: usize,
    },
    /// The window is too short for a season.
    #[error(
        "a season of {period} steps needs a window of at least {least} steps, this one has {window}"
    )]
    Short {
        /// The season.
        period: usize,
        /// Steps that it needs.
        least: usize,
        /// Steps there are.
        window: usize,
    },
    /// The method was prepared for windows of another length.
    #[error("the noise was prepared for windows of {prepared} steps, this one has {window}")]
    OtherLength {
        /// Steps it was prepared for.
        prepared: usize,
        /// Steps there are.
        window: usize,
    },
    /// The settings are out of their range.
    #[error("{0}")]
    Settings(String),
}

/// The parts of the `window` steps of `series` that end with step `origin`, and of nothing else. Missing values are held
/// (at the beginning: taken from the first one there is).
///
/// # Errors
/// When the window does not lie within the series, too much of it is missing, or it does not suit the method.
pub fn causal(
    series: &Series,
    origin: usize,
    window: usize,
    method: &Method,
) -> Result<Parts, DecomposeError> {
    let values = (origin + 1)
        .checked_sub(window)
        .and_then(|from| series.values().get(from..=origin))
        .filter(|values| !values.is_empty())
        .ok_or(DecomposeError::Outside {
            window,
            origin,
            len: series.len(),
        })?;
    let held = held(values)?;
    match method {
        Method::Mstl { periods } => mstl(&held, periods),
        Method::Ceemdan(ceemdan) => ceemdan.decompose(&held),
    }
}

/// Seasons, remainder and trend of a window without holes.
fn mstl(values: &[f64], periods: &[usize]) -> Result<Parts, DecomposeError> {
    let longest = periods.iter().copied().max().unwrap_or(0);
    if periods.is_empty() || periods.iter().any(|period| *period < 2) {
        let text = "an MSTL needs at least one season, each of at least 2 steps";
        return Err(DecomposeError::Settings(text.to_owned()));
    }
    if values.len() < 2 * longest {
        return Err(DecomposeError::Short {
            period: longest,
            least: 2 * longest,
            window: values.len(),
        });
    }
    let (seasons, trend, remainder) = MstlParams::new()
        .fit(values, periods)
        .map_err(|error| DecomposeError::Settings(error.to_string()))?
        .into_parts();
    let mut parts = seasons;
    parts.extend([remainder, trend]);
    Ok(Parts { parts })
}

fn held(values: &[f64]) -> Result<Vec<f64>, DecomposeError> {
    let missing = values.iter().filter(|v| !v.is_finite()).count();
    let too_many = DecomposeError::Missing {
        missing,
        window: values.len(),
    };
    if missing as f64 > MOST_MISSING * values.len() as f64 {
        return Err(too_many);
    }
    let mut last = values
        .iter()
        .copied()
        .find(|v| v.is_finite())
        .ok_or(too_many)?;
    let held = values.iter().map(|value| {
        last = if value.is_finite() { *value } else { last };
        last
    });
    Ok(held.collect())
}
