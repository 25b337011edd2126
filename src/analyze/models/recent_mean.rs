//! The mean of the last five minutes: better than the last value where a minute is mostly noise.

use super::{Look, Member};

/// The mean of five minutes (at least two steps), for every step ahead.
#[derive(Debug)]
pub(super) struct RecentMean;

impl Member for RecentMean {
    fn name(&self) -> &'static str {
        "recent-mean"
    }

    fn learn(&self, _: &Look<'_>, _: usize) -> Option<Vec<f32>> {
        Some(Vec::new())
    }

    fn points(&self, look: &Look<'_>, _: &[f32], origin: usize) -> Option<Vec<f64>> {
        let mean = look.view.mean(origin, look.view.five.max(2))?;
        Some(vec![mean; look.knots.len()])
    }
}
