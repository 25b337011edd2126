//! From a workload's history to a network's inputs, and from its outputs back to the workload's unit.
//!
//! The trainer cuts its windows with the same functions, so that a network sees in production what it has learned from.

use std::borrow::Cow;
use std::time::Duration;

use super::card::{Card, Normalisation, Step};
use super::resample::Ratio;
use crate::domain::{Series, Timestamp};

/// The least scale, in the metric's unit: a history of zeros is not divided by zero.
pub const LEAST_SCALE: f64 = 1e-6;

/// What a level is the mean of.
const LEVEL: Duration = Duration::from_mins(5);

/// History on a network's step; the last value stands at the forecast's origin.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    /// Oldest first; `NaN` where missing.
    values: Cow<'a, [f64]>,
    step: Duration,
    origin: Timestamp,
    ratio: Ratio,
}

/// How one workload's values are normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    level: f64,
    unit: f64,
    clip: Option<f32>,
}

/// What a network sees of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Normalised values, oldest first; 0 where missing.
    pub context: Vec<f32>,
    /// 1 where a value was observed, else 0.
    pub mask: Vec<f32>,
    /// How they were normalised.
    pub scale: Scale,
}

// === impl Grid ===

impl<'a> Grid<'a> {
    /// The last `steps` steps (or fewer, if there are no more) of `series` on a step of `step_seconds`.
    ///
    /// # Errors
    /// When neither step is a multiple of the other.
    pub fn new(series: &'a Series, step_seconds: u64, steps: usize) -> Result<Self, String> {
        let step = Duration::from_secs(step_seconds);
        let ratio = Ratio::between(series.step(), step)?;
        let values = series.values();
        let from = values.len().saturating_sub(ratio.source_steps(steps));
        Ok(Self {
            values: ratio.to_network(&values[from..]),
            step,
            origin: series.time_of(values.len().saturating_sub(1)),
            ratio,
        })
    }

    /// How the workload's step relates to the network's.
    pub fn ratio(&self) -> Ratio {
        self.ratio
    }

    /// Time of the last value: the forecast's origin.
    pub fn origin(&self) -> Timestamp {
        self.origin
    }

    /// Time of step `index` (from 0) after the last value.
    pub fn time_ahead(&self, index: usize) -> Timestamp {
        self.origin + self.step * u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    /// The value nearest to `at`, if it is not missing and `at` is not later than the origin.
    pub fn value_near(&self, at: Timestamp) -> Option<f64> {
        if at > self.origin {
            return None;
        }
        let step = self.step.as_millis().max(1);
        let back = (self.origin.since(at).as_millis() + step / 2) / step;
        let index = self
            .values
            .len()
            .checked_sub(1 + usize::try_from(back).ok()?)?;
        let value = self.values[index];
        (!value.is_nan()).then_some(value)
    }

    /// The mean of the values within the five minutes that end with the one nearest to `at`.
    pub fn level_near(&self, at: Timestamp) -> Option<f64> {
        let step = self.step.as_millis().max(1);
        let count = (LEVEL.as_millis() / step).clamp(1, 60) as u32;
        let (mut sum, mut found) = (0.0, 0.0);
        for back in 0..count {
            let then = at.as_millis() - i64::try_from(step).ok()? * i64::from(back);
            if let Some(value) = self.value_near(Timestamp::from_millis(then)) {
                (sum, found) = (sum + value, found + 1.0);
            }
        }
        (found > 0.0).then(|| sum / found)
    }

    /// What a network with this card sees.
    ///
    /// # Errors
    /// When fewer values were observed than the card asks for.
    pub fn window(&self, card: &Card) -> Result<Window, String> {
        let from = self.values.len().saturating_sub(card.context);
        let values = &self.values[from..];
        let observed = values.iter().filter(|value| !value.is_nan()).count();
        if observed < card.min_observed {
            return Err(format!(
                "the last {} steps of {}s hold {observed} observed values, the network needs {}",
                card.context,
                self.step.as_secs(),
                card.min_observed
            ));
        }
        let scale = Scale::of(card, values);
        let mut context = vec![0.0; card.context];
        let mut mask = context.clone();
        let pad = card.context - values.len();
        for (i, value) in values.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
            context[pad + i] = scale.normalise(*value);
            mask[pad + i] = 1.0;
        }
        Ok(Window {
            context,
            mask,
            scale,
        })
    }
}

// === impl Scale ===

impl Scale {
    /// Values as they are.
    pub const UNITY: Self = Self {
        level: 0.0,
        unit: 1.0,
        clip: None,
    };

    /// The scale that the card asks for, from the values of the context; `NaN` is left out.
    pub fn of(card: &Card, context: &[f64]) -> Self {
        let observed = || context.iter().filter(|value| !value.is_nan());
        let Normalisation::Level { window } = card.normalisation else {
            return Self {
                clip: card.clip,
                ..Self::UNITY
            };
        };
        let magnitude = mean(observed().map(|value| value.abs()));
        Self {
            level: mean(observed().rev().take(window).copied()),
            unit: magnitude.max(LEAST_SCALE),
            clip: card.clip,
        }
    }

    /// Into the network's scale.
    pub fn normalise(&self, value: f64) -> f32 {
        let value = ((value - self.level) / self.unit) as f32;
        self.clip.map_or(value, |clip| value.clamp(-clip, clip))
    }

    /// A change, which has no level, into the network's scale.
    pub fn normalise_change(&self, change: f64) -> f32 {
        let change = (change / self.unit) as f32;
        self.clip.map_or(change, |clip| change.clamp(-clip, clip))
    }

    /// Into the network's scale, without holding it within bounds: what a network is trained to answer.
    pub fn target(&self, value: f64) -> f32 {
        ((value - self.level) / self.unit) as f32
    }

    /// One of the network's units in the metric's own.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// Back into the metric's unit.
    pub fn restore(&self, value: f32) -> f64 {
        f64::from(value) * self.unit + self.level
    }
}

/// The network's step for a workload whose own is `workload`.
pub fn step_seconds(card: &Card, workload: Duration) -> u64 {
    match card.step {
        Step::Any => workload.as_secs().max(1),
        Step::Seconds(seconds) => u64::from(seconds),
    }
}

/// How many of its own steps a network looks back: its context, or further for yesterday and last week.
pub fn lookback_steps(card: &Card, step_seconds: u64) -> usize {
    let seconds = card.calendar.iter().map(|f| f.lookback_seconds()).max();
    let steps = seconds.unwrap_or(0).div_ceil(step_seconds.max(1));
    card.context
        .max(usize::try_from(steps).unwrap_or(usize::MAX))
}

/// 0 for nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::card::Input;
    use super::*;
    use crate::domain::Quantile;

    fn card(context: usize, normalisation: Normalisation) -> Card {
        Card {
            context,
            horizon: 1,
            step: Step::Seconds(60),
            levels: vec![Quantile::MEDIAN],
            normalisation,
            input: Input::Series,
            clip: Some(3.0),
            min_observed: 2,
            calendar: vec![],
            peak_leads: vec![],
            description: None,
            licence: None,
            trained_until: None,
        }
    }

    fn series(values: &[f64]) -> Series {
        Series::new(
            Timestamp::from_secs(600),
            Duration::from_mins(1),
            values.to_vec(),
        )
    }

    #[test]
    fn the_level_is_taken_from_the_last_observed_values_and_gaps_are_masked() {
        let card = card(5, Normalisation::Level { window: 2 });
        let series = series(&[-2.0, f64::NAN, 4.0, 6.0]);
        let window = Grid::new(&series, 60, 5).unwrap().window(&card).unwrap();
        // Level 5, unit (2 + 4 + 6) / 3 = 4; the step before the history is missing as well.
        assert_eq!(window.context, [0.0, -1.75, 0.0, -0.25, 0.25]);
        assert_eq!(window.mask, [0.0, 1.0, 0.0, 1.0, 1.0]);
        assert!((window.scale.restore(-1.75) + 2.0).abs() < 1e-9, "and back");
    }

    #[test]
    fn zeros_are_not_divided_by_zero_and_inputs_are_clipped() {
        let level = card(3, Normalisation::Level { window: 1 });
        let zeros = series(&[0.0, 0.0, 0.0]);
        let window = Grid::new(&zeros, 60, 3).unwrap().window(&level).unwrap();
        assert_eq!(window.context, [0.0; 3]);
        let none = card(3, Normalisation::None);
        let large = series(&[-9.0, 1.0, 9.0]);
        let window = Grid::new(&large, 60, 3).unwrap().window(&none).unwrap();
        assert_eq!(window.context, [-3.0, 1.0, 3.0]);
    }

    #[test]
    fn too_few_values_are_an_error_that_counts_them() {
        let card = card(3, Normalisation::None);
        let series = series(&[1.0, 2.0, f64::NAN, f64::NAN, 3.0]);
        let error = Grid::new(&series, 60, 3)
            .unwrap()
            .window(&card)
            .unwrap_err();
        assert_eq!(
            error,
            "the last 3 steps of 60s hold 1 observed values, the network needs 2"
        );
    }
}
