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
    /// Quantiles of the highest value, when the model knows them.
    #[serde(default)]
    peaks: Option<Peaks>,
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

/// Quantiles of the highest value between the origin and each lead time.
///
/// They say more than the paths: the 0.95 quantile of a maximum over many restless steps lies above the maximum of the
/// steps' 0.95 quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Peaks {
    /// Lead times in steps, from 1, rising.
    leads: Vec<u32>,
    /// Level-major, as the paths: one value for each lead.
    values: Vec<f32>,
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
    /// Lead times must rise strictly and lie within the forecast.
    #[error("lead times must rise from 1 to {steps} steps, found {lead}")]
    Leads {
        /// The lead time that is out of order or out of range.
        lead: u32,
        /// Steps of the forecast.
        steps: usize,
    },
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
            peaks: None,
            model: model.into(),
            stand_in: None,
        })
    }

    /// Adds quantiles of the highest value between the origin and each of `leads` (steps from 1, rising); `values` is
    /// level-major over the forecast's own levels. They are tidied: sorted by level, rising with the lead time, and never
    /// below the path of their level, as a maximum can't be.
    ///
    /// # Errors
    /// When shapes disagree, lead times do not rise or lie outside, or a value is not finite.
    pub fn with_peaks(
        mut self,
        leads: Vec<u32>,
        mut values: Vec<f32>,
    ) -> Result<Self, ForecastError> {
        let (levels, count) = (self.levels.len(), leads.len());
        if leads.is_empty() || values.len() != levels * count {
            return Err(ForecastError::Shape {
                values: values.len(),
                levels,
            });
        }
        let steps = self.steps();
        let mut before = 0;
        for &lead in &leads {
            if lead <= before || lead as usize > steps {
                return Err(ForecastError::Leads { lead, steps });
            }
            before = lead;
        }
        if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
            return Err(ForecastError::NotFinite {
                level: self.levels[bad / count],
                step: leads[bad % count] as usize - 1,
                value: values[bad],
            });
        }
        let mut column = Vec::with_capacity(levels);
        for lead in 0..count {
            column.clear();
            column.extend((0..levels).map(|level| values[level * count + lead]));
            column.sort_by(f32::total_cmp);
            for (level, value) in column.iter().enumerate() {
                values[level * count + lead] = *value;
            }
        }
        for level in 0..levels {
            let mut highest = f32::NEG_INFINITY;
            let mut from = 0;
            for (place, lead) in leads.iter().enumerate() {
                let middle = up_to_median(self.levels[level]);
                let path = (from..*lead as usize).map(|step| self.quantile(middle, step) as f32);
                highest = path.fold(highest, f32::max);
                highest = highest.max(values[level * count + place]);
                values[level * count + place] = highest;
                from = *lead as usize;
            }
        }
        self.peaks = Some(Peaks { leads, values });
        Ok(self)
    }

    /// The lead times, in steps, of which quantiles of the highest value are known; empty when there are none.
    pub fn peak_leads(&self) -> &[u32] {
        self.peaks.as_ref().map_or(&[], |peaks| &peaks.leads)
    }

    /// The `level` quantile of the highest value of the first `lead` steps (at least one, at most all): what the model
    /// says of it, linear between the lead times it knows, and otherwise the highest value of the path.
    pub fn peak(&self, level: Quantile, lead: usize) -> f64 {
        let lead = lead.clamp(1, self.steps());
        let along = |level: Quantile, lead: usize| {
            (0..lead)
                .map(|i| self.quantile(level, i))
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let Some(peaks) = &self.peaks else {
            return along(level, lead);
        };
        let count = peaks.leads.len();
        let at = |place: usize| {
            level.among(&self.levels, |l| f64::from(peaks.values[l * count + place]))
        };
        let above = peaks
            .leads
            .partition_point(|known| (*known as usize) < lead);
        let said = match (above.checked_sub(1), peaks.leads.get(above)) {
            (_, Some(exact)) if *exact as usize == lead => at(above),
            (None, _) => {
                let first = along(level, 1);
                first + (at(0) - first) * share(1, peaks.leads[0], lead)
            }
            (Some(below), None) => at(below),
            (Some(below), Some(upper)) => {
                let share = share(peaks.leads[below], *upper, lead);
                at(below) + share * (at(above) - at(below))
            }
        };
        said.max(along(up_to_median(level), lead))
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
        level.among(&self.levels, |l| f64::from(self.path(l)[index]))
    }

    /// The worst that is to be expected at `level` on steps later than `from` and not later than `until` rounded up to the
    /// grid; `None` when the forecast has no such step. Its moment is the highest one of the path. Its value is the
    /// quantile of the highest value until `until`, linear between two steps, when the model knows it and the window begins
    /// within two steps after the origin, and the highest value of the path otherwise.
    pub fn worst(&self, level: Quantile, from: Timestamp, until: Timestamp) -> Option<Peak> {
        let path = self.highest(level, from, until)?;
        if self.peaks.is_none() || from >= self.time_of(1) {
            return Some(path);
        }
        let value = self.peak_until(level, until);
        Some(Peak { value, ..path })
    }

    /// [`Forecast::peak`] between two steps: a whole one more than is asked about costs replicas on every slope.
    fn peak_until(&self, level: Quantile, until: Timestamp) -> f64 {
        let last = self.steps();
        let lead = until.since(self.origin).as_secs_f64() / self.step.as_secs_f64();
        let lead = lead.clamp(1.0, last as f64);
        let below = lead as usize;
        let [low, high] = [below, (below + 1).min(last)].map(|lead| self.peak(level, lead));
        low + (lead - below as f64) * (high - low)
    }

    fn highest(&self, level: Quantile, from: Timestamp, until: Timestamp) -> Option<Peak> {
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

/// The level of a path that the highest value is surely not below at `level`: above the middle, path and peak are estimated
/// apart from each other, and a path that is too wide would widen the peak.
fn up_to_median(level: Quantile) -> Quantile {
    if level > Quantile::MEDIAN {
        Quantile::MEDIAN
    } else {
        level
    }
}

/// How far `lead` lies between two lead times.
fn share(below: u32, above: u32, lead: usize) -> f64 {
    let (below, above) = (f64::from(below), f64::from(above));
    if above > below {
        ((lead as f64 - below) / (above - below)).clamp(0.0, 1.0)
    } else {
        1.0
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
    fn a_peak_is_what_the_model_says_of_it_and_never_below_the_path() {
        let plain = forecast(vec![1.0, 2.0, 3.0, 2.0, 4.0, 3.0]);
        let q90 = Quantile::new(0.9).unwrap();
        assert!(
            (plain.peak(q90, 3) - 4.0).abs() < 1e-9,
            "the highest of the path"
        );
        let known = plain
            .with_peaks(vec![1, 3], vec![1.0, 2.0, 2.0, 8.0])
            .unwrap();
        assert_eq!(known.peak_leads(), [1, 3]);
        assert!((known.peak(q90, 3) - 8.0).abs() < 1e-9);
        assert!((known.peak(q90, 2) - 5.0).abs() < 1e-9, "between 2 and 8");
        assert!(
            (known.peak(Quantile::MEDIAN, 3) - 3.0).abs() < 1e-9,
            "2 is below the path's 3"
        );
        let origin = known.origin();
        let worst = known.worst(q90, origin, known.until()).unwrap();
        assert!((worst.value - 8.0).abs() < 1e-9);
        assert_eq!(worst.at, known.time_of(1), "where the path is highest");
        // Half of the third minute: half-way between 5 and 8.
        let between = known.worst(q90, origin, origin + Duration::from_secs(150));
        assert!((between.unwrap().value - 6.5).abs() < 1e-9);
        let soon = known.worst(q90, origin, origin + Duration::from_secs(20));
        assert!((soon.unwrap().value - 2.0).abs() < 1e-9, "the first step");
        let late = known.worst(q90, known.time_of(1), known.until()).unwrap();
        assert!(
            (late.value - 3.0).abs() < 1e-9,
            "a late window asks the path"
        );
    }

    #[test]
    fn peaks_out_of_order_or_out_of_range_are_refused() {
        let of = |leads: Vec<u32>, values| forecast(vec![1.0; 6]).with_peaks(leads, values);
        assert!(of(vec![2, 1], vec![1.0; 4]).is_err());
        assert!(of(vec![4], vec![1.0; 2]).is_err());
        assert!(of(vec![1], vec![1.0; 3]).is_err());
        assert!(of(vec![1], vec![f32::NAN, 1.0]).is_err());
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
