//! One workload as a network sees it, and a network's answer as the workload's values.
//!
//! The server forecasts with rows and the trainer learns from rows: there is no second way to make one.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::calendar;
use super::card::{Card, Input};
use super::curve::{moment, residual};
use super::resample::Ratio;
use super::window::{Grid, Window, lookback_steps, step_seconds};
use crate::analyze::models::prophet::Curve;
use crate::domain::{Series, Timestamp};

/// One workload, ready for a network.
#[derive(Clone, Debug)]
pub struct Row {
    /// Context and mask, with their scale.
    pub window: Window,
    /// Known-future inputs, step by step.
    pub calendar: Vec<f32>,
    /// How the workload's step relates to the network's.
    pub ratio: Ratio,
    /// Time of the last value of the context.
    pub origin: Timestamp,
    /// The curve at each of the network's coming steps; empty when the network speaks of the values themselves.
    curve: Vec<f64>,
}

impl Row {
    /// From prepared history, whose last step is the origin; `curve` counts only for a network on residuals.
    ///
    /// # Errors
    /// When the steps don't fit, there are too few observed values, or a curve is missing.
    pub fn new(
        card: &Card,
        series: &Series,
        curve: Option<&Curve>,
        zone: &TimeZone,
    ) -> Result<Self, String> {
        let step = step_seconds(card, series.step());
        let lookback = lookback_steps(card, step);
        let curve = match card.input {
            Input::Series => None,
            Input::Residual => Some(curve.ok_or("there is no curve to take away")?),
        };
        let series = match curve {
            None => Cow::Borrowed(series),
            Some(curve) => {
                let ratio = Ratio::between(series.step(), std::time::Duration::from_secs(step))?;
                let steps = ratio.source_steps(lookback);
                Cow::Owned(residual(series, steps, curve, zone))
            }
        };
        let grid = Grid::new(&series, step, lookback)?;
        let window = grid.window(card)?;
        let ahead: Vec<f64> = curve.map_or_else(Vec::new, |curve| {
            let steps = (0..card.horizon).map(|index| moment(grid.time_ahead(index), zone));
            curve.values(steps)
        });
        let mut values = Vec::new();
        if !card.calendar.is_empty() {
            values.reserve(card.horizon * card.calendar.len());
            let now = curve.map_or(0.0, |curve| {
                let (at, local) = moment(grid.origin(), zone);
                curve.value(at, local)
            });
            let changes: Vec<f64> = ahead.iter().map(|value| value - now).collect();
            let (features, scale) = (&card.calendar, &window.scale);
            calendar::append(
                features,
                card.horizon,
                &grid,
                scale,
                zone,
                &changes,
                &mut values,
            );
        }
        Ok(Self {
            ratio: grid.ratio(),
            origin: grid.origin(),
            calendar: values,
            window,
            curve: ahead,
        })
    }

    /// The value that an output speaks of, at step `index` ahead.
    pub fn restore(&self, index: usize, output: f32) -> f64 {
        self.window.scale.restore(output) + self.curve.get(index).copied().unwrap_or(0.0)
    }

    /// The highest value of the first `lead` steps that an output speaks of.
    pub fn restore_peak(&self, lead: usize, output: f32) -> f64 {
        self.window.scale.restore(output) + self.highest_curve(lead)
    }

    /// What a network should have answered for step `index`; the inverse of [`Row::restore`].
    pub fn target(&self, index: usize, value: f64) -> f32 {
        let curve = self.curve.get(index).copied().unwrap_or(0.0);
        self.window.scale.target(value - curve)
    }

    /// What a network should have answered for the highest value of the first `lead` steps.
    pub fn peak_target(&self, lead: usize, value: f64) -> f32 {
        self.window.scale.target(value - self.highest_curve(lead))
    }

    fn highest_curve(&self, lead: usize) -> f64 {
        let first = &self.curve[..lead.min(self.curve.len())];
        let highest = first.iter().copied().reduce(f64::max);
        highest.unwrap_or(0.0)
    }
}
