//! The last value. No model is worth having that does not beat it.

use super::{Look, Member};

/// The last value, for every step ahead.
#[derive(Debug)]
pub(super) struct Naive;

impl Member for Naive {
    fn name(&self) -> &'static str {
        super::NAIVE
    }

    fn learn(&self, _: &Look<'_>, _: usize) -> Option<Vec<f32>> {
        Some(Vec::new())
    }

    fn points(&self, look: &Look<'_>, _: &[f32], origin: usize) -> Option<Vec<f64>> {
        let last = look.view.last(origin)?;
        Some(vec![last; look.knots.len()])
    }
}
