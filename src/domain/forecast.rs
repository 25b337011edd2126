//! A forecast with bands, on the grid of its series.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Quantile, Timestamp};

/// Quantile paths of a metric over the coming steps, in the metric's own unit.
///
/// Step `i` (from 0) speaks of the time `origin + (i + 1) * step`. Paths do not cross: for every step the value rises
/// with the level. Values are finite and, for the rates that Forescale scales on, not negative.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    origin: Timestamp,
    step: Duration,
    levels: Vec<Quantile>,
    /// Level-major: the path of `levels[l]` is `values[l * steps..(l + 1) * steps]`.
    values: Vec<f32>,
    /// Which model made it.
    pub model: Arc<str>,
    /// Set when another model was asked for and could not answer.
    pub stand_in: Option<StandIn>,
}

/// Why a forecast comes from another model than the one asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// The model asked for.
    pub wanted: Arc<str>,
    /// What was wrong with it.
    pub why: String,
}

/// The worst moment of a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// The highest value of the quantile path.
    pub value: f64,
    /// When it is reached.
    pub at: Timestamp,
}

/// A forecast that breaks its own rules; a model that returns one is not to be trusted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ForecastError {
    /// Shape and levels disagree.
    #[error("{values} values for {levels} levels do not make whole paths")]
    Shape {
        /// Number of values given.
        values: usize,
        /// Number of levels given.
        levels: usize,
    },
    /// Not a number, or infinite.
    #[error("the {level} path holds {value} at step {step}")]
    NotFinite {
        /// Level of the path.
        level: Quantile,
        /// Step from 0.
        step: usize,
        /// The value.
        value: f32,
    },
    /// Levels must rise strictly.
    #[error("quantile levels must rise, {0} follows {1}")]
    Levels(Quantile, Quantile),
}

impl Forecast {
    /// Checks and tidies a model's output: paths are sorted per step so that they do not cross, values below `floor`
    /// are raised to it.
    ///
    /// # Errors
    /// When shapes disagree, levels do not rise or a value is not finite.
    pub fn new(
        model: impl Into<Arc<str>>,
        origin: Timestamp,
        step: Duration,
        levels: Vec<Quantile>,
        mut values: Vec<f32>,
        floor: Option<f32>,
    ) -> Result<Self, ForecastError> {
        if levels.is_empty() || values.is_empty() || !values.len().is_multiple_of(levels.len()) {
            return Err(ForecastError::Shape {
                values: values.len(),
                levels: levels.len(),
            });
        }
        if let Some(pair) = levels.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(ForecastError::Levels(pair[1], pair[0]));
        }
        let steps = values.len() / levels.len();
        if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
            return Err(ForecastError::NotFinite {
                level: levels[bad / steps],
                step: bad % steps,
                value: values[bad],
            });
        }
        let mut column = Vec::with_capacity(levels.len());
        for step in 0..steps {
            column.clear();
            column.extend((0..levels.len()).map(|level| values[level * steps + step]));
            column.sort_by(f32::total_cmp);
            for (level, value) in column.iter().enumerate() {
                values[level * steps + step] = floor.map_or(*value, |floor| value.max(floor));
            }
        }
        Ok(Self {
            origin,
            step,
            levels,
            values,
            model: model.into(),
            stand_in: None,
        })
    }

    /// Grid time of the last sample that the forecast has seen.
    pub fn origin(&self) -> Timestamp {
        self.origin
    }

    /// Distance between two steps.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.values.len() / self.levels.len()
    }

    /// The levels, rising.
    pub fn levels(&self) -> &[Quantile] {
        &self.levels
    }

    /// The path of `levels()[index]`.
    pub fn path(&self, index: usize) -> &[f32] {
        let steps = self.steps();
        &self.values[index * steps..(index + 1) * steps]
    }

    /// Time of step `index`.
    pub fn time_of(&self, index: usize) -> Timestamp {
        self.origin + self.step * u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    /// The last moment that the forecast speaks of.
    pub fn until(&self) -> Timestamp {
        self.time_of(self.steps() - 1)
    }

    /// The value of `level` at step `index`: linear between the neighbouring levels, the outermost path beyond them.
    pub fn quantile(&self, level: Quantile, index: usize) -> f64 {
        let at = |l: usize| f64::from(self.path(l)[index]);
        let above = self.levels.iter().position(|l| *l >= level);
        match above {
            None => at(self.levels.len() - 1),
            Some(0) => at(0),
            Some(upper) => {
                let (lo, hi) = (self.levels[upper - 1].get(), self.levels[upper].get());
                let share = (level.get() - lo) / (hi - lo);
                at(upper - 1) + share * (at(upper) - at(upper - 1))
            }
        }
    }

    /// The highest value of the `level` path on steps later than `from` and not later than `until` rounded up to the
    /// grid; `None` when the forecast has no such step.
    pub fn worst(&self, level: Quantile, from: Timestamp, until: Timestamp) -> Option<Peak> {
        (0..self.steps())
            .map(|i| (i, self.time_of(i)))
            .filter(|(_, at)| *at > from && *at < until + self.step)
            .map(|(i, at)| Peak {
                value: self.quantile(level, i),
                at,
            })
            .max_by(|a, b| a.value.total_cmp(&b.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn levels(levels: &[f64]) -> Vec<Quantile> {
        levels.iter().map(|l| Quantile::new(*l).unwrap()).collect()
    }

    fn forecast(values: Vec<f32>) -> Forecast {
        let origin = Timestamp::from_secs(600);
        Forecast::new(
            "test",
            origin,
            MINUTE,
            levels(&[0.5, 0.9]),
            values,
            Some(0.0),
        )
        .unwrap()
    }

    #[test]
    fn crossing_paths_are_sorted_and_negatives_raised() {
        let forecast = forecast(vec![5.0, -3.0, 4.0, -1.0]);
        assert_eq!(forecast.path(0), [4.0, 0.0]);
        assert_eq!(forecast.path(1), [5.0, 0.0]);
    }

    #[test]
    fn levels_between_are_linear_and_beyond_are_the_outermost() {
        let forecast = forecast(vec![10.0, 10.0, 20.0, 20.0]);
        assert!((forecast.quantile(Quantile::new(0.7).unwrap(), 0) - 15.0).abs() < 1e-9);
        assert!((forecast.quantile(Quantile::new(0.99).unwrap(), 0) - 20.0).abs() < 1e-9);
        assert!((forecast.quantile(Quantile::new(0.1).unwrap(), 1) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn the_worst_moment_lies_in_the_window_whose_end_is_rounded_up() {
        let forecast = forecast(vec![1.0, 2.0, 9.0, 1.0, 2.0, 9.0]);
        let from = Timestamp::from_secs(600);
        let worst = |secs| forecast.worst(Quantile::MEDIAN, from, Timestamp::from_secs(secs));
        assert!(
            (worst(720).unwrap().value - 2.0).abs() < 1e-9,
            "the step at 780 is not in it"
        );
        assert_eq!(
            worst(721).unwrap().at,
            Timestamp::from_secs(780),
            "rounded up to 780"
        );
        assert!(
            forecast
                .worst(Quantile::MEDIAN, forecast.until(), forecast.until())
                .is_none()
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        let error = Forecast::new(
            "test",
            Timestamp::default(),
            MINUTE,
            levels(&[0.5, 0.9]),
            vec![1.0, 2.0, f32::NAN, 4.0],
            None,
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "the 0.9 path holds NaN at step 0");
    }
}
