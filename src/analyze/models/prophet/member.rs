//! Prophet among the models that learn from one workload's own history.

use super::{Curve, Point, Settings, fit_with};
use crate::analyze::models::{Look, Member};
use crate::analyze::view::View;

/// A history shorter than this has no trend to speak of.
const FEWEST_HOURS: f64 = 24.0;

/// Fewer values are no evidence.
const FEWEST: usize = 60;

/// The curve of trend and seasons.
#[derive(Debug)]
pub(crate) struct Prophet;

impl Member for Prophet {
    fn name(&self) -> &'static str {
        "prophet"
    }

    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        learn(look, until)
    }

    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>> {
        let curve = Curve::decode(learned, &look.view.events)?;
        let moments = look.knots.iter().map(|knot| {
            let index = origin + *knot as usize;
            (
                look.view.calendar.at(index),
                look.view.calendar.local(index),
            )
        });
        Some(curve.values(moments))
    }
}

/// The curve of the steps before `until`, in the layout of [`Curve::encode`].
pub(crate) fn learn(look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
    let points = points(look.view, until);
    let (first, last) = (points.first()?, points.last()?);
    let hours = (last.at - first.at) as f64 / 3600.0;
    if points.len() < FEWEST || hours < FEWEST_HOURS {
        return None;
    }
    let events = &look.view.events;
    let seen = events
        .iter()
        .filter(|event| points.iter().any(|point| event.is_on(point.local)));
    let fitted = fit_with(&points, &Settings::default(), seen.cloned().collect())?;
    let numbers = Curve::new(&fitted).encode();
    numbers.iter().all(|n| n.is_finite()).then_some(numbers)
}

/// The cleaned values of the steps before `until`.
fn points(view: &View<'_>, until: usize) -> Vec<Point> {
    let values = view.clean.iter().enumerate().take(until);
    values
        .filter(|(_, value)| !value.is_nan())
        .map(|(index, value)| Point {
            at: view.calendar.at(index),
            local: view.calendar.local(index),
            value: *value,
        })
        .collect()
}

#[cfg(test)]
mod tests;
