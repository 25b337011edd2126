//! Windows: what was known at an origin, and what came after it.

use std::ops::Range;

use super::decompose::Decomposition;
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
    decomposition: Option<&'a Decomposition>,
    part: Range<usize>,
    pub(super) shape: Shape,
}

/// One window; `NaN` where there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) origin: Timestamp,
    pub(super) context: Vec<f64>,
    pub(super) targets: Vec<f64>,
    /// The parts of the context, one after another, each as long as it; none unless they were asked for.
    pub(super) parts: Vec<f64>,
}

// === impl Windows ===

impl<'a> Windows<'a> {
    /// The windows whose targets all lie in `part` of `raw`; their context may begin before it.
    pub(super) fn new(
        raw: &'a Series,
        prepared: &'a Prepared,
        part: Range<usize>,
        shape: Shape,
        decomposition: Option<&'a Decomposition>,
    ) -> Self {
        Self {
            raw,
            prepared,
            seen: prepared.seen().into_owned(),
            decomposition,
            part,
            shape,
        }
    }

    /// Whether windows carry the parts of their context.
    pub(super) fn decomposed(&self) -> bool {
        self.decomposition.is_some()
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
        let context = self.known(origin, self.shape.context)?;
        let parts = match self.decomposition {
            None => Vec::new(),
            Some(by) => {
                let known = self.known(origin, by.window)?;
                let from = self.raw.time_of(origin + 1 - by.window);
                let known = Series::new(from, self.raw.step(), known);
                by.parts(&known, self.shape.context)?
            }
        };
        let finite = |value: &f64| if value.is_finite() { *value } else { f64::NAN };
        Some(Window {
            origin: self.raw.time_of(origin),
            context,
            targets: targets.iter().map(finite).collect(),
            parts,
        })
    }

    /// The `steps` prepared values that end with `origin`, as they were known there.
    fn known(&self, origin: usize, steps: usize) -> Option<Vec<f64>> {
        let from = (origin + 1).checked_sub(steps)?;
        let mut values = self.prepared.series.values()[from..=origin].to_vec();
        // That one of the newest values is an outlier was found out later: the window must not know.
        let fresh = values.len().saturating_sub(CONFIRM_STEPS);
        for (value, index) in values[fresh..].iter_mut().zip(from + fresh..) {
            *value = self.seen[index];
        }
        Some(values)
    }
}
