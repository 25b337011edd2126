//! ETS: exponential smoothing in state space, with or without a trend, damped or not, with additive or multiplicative
//! errors (Hyndman, Koehler, Snyder and Grose 2002). The `augurs` crate fits all of them on the last day in bins of
//! five minutes and picks one by the corrected Akaike criterion.
//!
//! There is no season, so it follows the level and no typical day. Picking it takes hundreds of times as long as the
//! naive model takes for everything, which is why it is fitted only where it is asked for by name.

mod smoothing;

use super::bins::Bins;
use super::{Look, Member};
pub(super) use smoothing::Smoothing;

/// Days that are fitted on, and hours below which there is no fitting.
const DAYS: usize = 1;
const FEWEST_HOURS: usize = 3;

/// No forecast lies further from the values that were fitted on than this multiple of their range.
const REACH: f64 = 1.0;

/// Automatic ETS.
#[derive(Debug)]
pub(super) struct Ets;

impl Member for Ets {
    fn name(&self) -> &'static str {
        "ets"
    }

    /// Layout: lowest and highest point that is believed, the number of the next bin since the epoch (small enough to be
    /// exact for another century), the smoothing.
    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        let bins = Bins::new(look.view)?;
        let count = bins.before(look.view, until);
        let values = bins.values(look.view, count.saturating_sub(DAYS * bins.season), until);
        if values.len() < FEWEST_HOURS * bins.season / 24 {
            return None;
        }
        let smoothing = Smoothing::fitted(&values)?;
        let (low, high) = believed(&values);
        let head = [low as f32, high as f32, bins.number_of(count) as f32];
        Some([&head[..], &smoothing.numbers()].concat())
    }

    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>> {
        let bins = Bins::new(look.view)?;
        let ([low, high, next], numbers) = learned.split_first_chunk()?;
        let mut smoothing = Smoothing::of_numbers(numbers)?;
        let from = bins.place_of(*next as i64);
        let newer = bins.newer(look.view, from, origin);
        for value in &newer {
            smoothing.update(*value);
        }
        let done = from + newer.len();
        let points = look.knots.iter().map(|knot| {
            let at = origin + *knot as usize;
            let point = bins.between(done, at, |ahead| smoothing.ahead(ahead));
            point.clamp(f64::from(*low), f64::from(*high))
        });
        Some(points.collect())
    }
}

/// The range of the values, widened: no trend leads out of it.
pub(super) fn believed(values: &[f64]) -> (f64, f64) {
    let known = values.iter().copied().filter(|v| !v.is_nan());
    let (low, high) = known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let reach = REACH * (high - low);
    (low - reach, high + reach)
}
