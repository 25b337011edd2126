//! Windows: what was known at an origin, and what came after it.

use std::ops::Range;

use crate::analyze::Prepared;
use crate::analyze::preprocess::CONFIRM_STEPS;
use crate::domain::{Series, Timestamp};

/// Lengths in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Shape {
    pub(super) context: usize,
    pub(super) horizon: usize,
    pub(super) stride: usize,
}

/// The windows of one part of a series.
#[derive(Debug)]
pub(super) struct Windows<'a> {
    raw: &'a Series,
    prepared: &'a Prepared,
    /// The prepared values as they were before later steps were known.
    seen: Vec<f64>,
    part: Range<usize>,
    pub(super) shape: Shape,
}

/// One window; `NaN` where there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) origin: Timestamp,
    pub(super) context: Vec<f64>,
    pub(super) targets: Vec<f64>,
}

// === impl Windows ===

impl<'a> Windows<'a> {
    /// The windows whose targets all lie in `part` of `raw`; their context may begin before it.
    pub(super) fn new(
        raw: &'a Series,
        prepared: &'a Prepared,
        part: Range<usize>,
        shape: Shape,
    ) -> Self {
        Self {
            raw,
            prepared,
            seen: prepared.seen().into_owned(),
            part,
            shape,
        }
    }

    /// The windows, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        let Shape {
            context,
            horizon,
            stride,
        } = self.shape;
        // The first target is the step after the origin, and it lies in the part; so does the last one.
        let first = self.part.start.max(context).saturating_sub(1);
        let until = self.part.end.saturating_sub(horizon);
        (first..until.max(first))
            .step_by(stride.max(1))
            .filter_map(|origin| self.at(origin))
    }

    fn at(&self, origin: usize) -> Option<Window> {
        let values = self.raw.values();
        let targets = values.get(origin + 1..=origin + self.shape.horizon)?;
        let measured = targets.iter().filter(|v| v.is_finite()).count();
        if !values[origin].is_finite() || 2 * measured < targets.len() {
            return None;
        }
        let from = (origin + 1).checked_sub(self.shape.context)?;
        let mut context = self.prepared.series.values()[from..=origin].to_vec();
        // That one of the newest values is an outlier was found out later: the window must not know.
        let fresh = context.len().saturating_sub(CONFIRM_STEPS);
        for (value, index) in context[fresh..].iter_mut().zip(from + fresh..) {
            *value = self.seen[index];
        }
        let finite = |value: &f64| if value.is_finite() { *value } else { f64::NAN };
        Some(Window {
            origin: self.raw.time_of(origin),
            context,
            targets: targets.iter().map(finite).collect(),
        })
    }
}
