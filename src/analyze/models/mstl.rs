//! MSTL: seasonal-trend decomposition by loess with a season of a day and, from two weeks on, one of a week (Cleveland
//! et al. 1990; Bandara, Hyndman and Bergmeir 2021), by the `stlrs` crate that `augurs` brings, on bins of five minutes.
//! What is left without the seasons goes on by ETS, as in [`super::ets`].
//!
//! The seasons are those at the end of the history. They are of elapsed time, so a change to or from daylight saving
//! costs them a day or two. A decomposition of two weeks takes tens of milliseconds, which is why this is fitted only
//! where it is asked for by name.

use augurs::mstl::stlrs::MstlParams;

use super::bins::Bins;
use super::ets::{Smoothing, believed};
use super::{Look, Member};

/// Weeks that are decomposed at most.
const WEEKS: usize = 4;

/// Days of the adjusted series that ETS is fitted on.
const SMOOTHED_DAYS: usize = 1;

/// The share of bins that may be missing.
const MOST_MISSING: f64 = 0.25;

/// A week's season is kept in bins of twice the length: half the memory, and a decomposed week is smooth.
const PAIR: usize = 2;

/// MSTL with ETS.
#[derive(Debug)]
pub(super) struct Mstl;

impl Member for Mstl {
    fn name(&self) -> &'static str {
        "mstl"
    }

    /// Layout: lowest and highest point that is believed, the number of the next bin since the epoch, how many bins one
    /// number of the season stands for, five numbers of the smoothing, then one season by phase.
    fn learn(&self, look: &Look<'_>, until: usize) -> Option<Vec<f32>> {
        let view = look.view;
        let bins = Bins::new(view)?;
        let count = bins.before(view, until);
        let first = count.saturating_sub(WEEKS * 7 * bins.season);
        let values = bins.values(view, first, until);
        let started = values.iter().position(|v| !v.is_nan())?;
        let (first, values) = (first + started, &values[started..]);
        let filled = filled(values, bins.season)?;
        let days = filled.len() / bins.season;
        let mut periods = vec![bins.season];
        if days >= 14 {
            periods.push(7 * bins.season);
        }
        if days < 2 {
            return None;
        }
        let parts = MstlParams::new().fit(&filled, &periods).ok()?;
        let season = Season::at_end(&bins, first, &parts, &periods);
        let adjusted: Vec<f64> = (first..)
            .zip(values)
            .map(|(place, value)| value - season.at(&bins, place))
            .collect();
        let newest = adjusted.len().saturating_sub(SMOOTHED_DAYS * bins.season);
        let smoothing = Smoothing::fitted(&adjusted[newest..])?;
        let (low, high) = believed(values);
        let head = [
            low as f32,
            high as f32,
            bins.number_of(count) as f32,
            season.width as f32,
        ];
        Some([&head[..], &smoothing.numbers(), &season.values].concat())
    }

    fn points(&self, look: &Look<'_>, learned: &[f32], origin: usize) -> Option<Vec<f64>> {
        let bins = Bins::new(look.view)?;
        let ([low, high, next, width], rest) = learned.split_first_chunk()?;
        let (numbers, values) = rest.split_at_checked(5)?;
        let mut smoothing = Smoothing::of_numbers(numbers)?;
        let season = Season {
            width: *width as usize,
            values: values.to_vec(),
        };
        let cycle = season.width * values.len();
        if cycle != bins.season && cycle != 7 * bins.season {
            return None;
        }
        let from = bins.place_of(*next as i64);
        let newer = bins.newer(look.view, from, origin);
        for (place, value) in (from..).zip(&newer) {
            smoothing.update(value - season.at(&bins, place));
        }
        let done = from + newer.len();
        let points = look.knots.iter().map(|knot| {
            let at = origin + *knot as usize;
            let point = bins.between(done, at, |ahead| {
                let place = (done + ahead).saturating_sub(1);
                smoothing.ahead(ahead) + season.at(&bins, place)
            });
            point.clamp(f64::from(*low), f64::from(*high))
        });
        Some(points.collect())
    }
}

/// A season of a day or a week.
struct Season {
    /// Bins that one value stands for.
    width: usize,
    /// By phase.
    values: Vec<f32>,
}

impl Season {
    /// The last cycle of the longest season, with the shorter ones in it.
    fn at_end(
        bins: &Bins,
        first: usize,
        parts: &augurs::mstl::stlrs::MstlResult<f64>,
        periods: &[usize],
    ) -> Self {
        let cycle = periods.iter().copied().max().unwrap_or(bins.season);
        let width = if cycle > bins.season && cycle.is_multiple_of(PAIR) {
            PAIR
        } else {
            1
        };
        let mut sums = vec![0.0; cycle / width];
        let len = parts.trend().len();
        for index in len.saturating_sub(cycle)..len {
            let sum: f64 = parts.seasonal().iter().map(|part| part[index]).sum();
            sums[bins.phase_in(first + index, cycle) / width] += sum / width as f64;
        }
        Self {
            width,
            values: sums.into_iter().map(|v| v as f32).collect(),
        }
    }

    /// At the bin at `place`: linear between the middles of the values.
    fn at(&self, bins: &Bins, place: usize) -> f64 {
        let len = self.values.len();
        let phase = bins.phase_in(place, self.width * len);
        let own = phase / self.width;
        if self.width == 1 {
            return f64::from(self.values[own]);
        }
        let middle = (phase as f64 + 0.5) / self.width as f64 - 0.5;
        let below = middle.floor();
        let share = middle - below;
        let (below, above) = if below < 0.0 {
            (len - 1, 0)
        } else {
            (below as usize, (below as usize + 1) % len)
        };
        let (low, high) = (f64::from(self.values[below]), f64::from(self.values[above]));
        low + share * (high - low)
    }
}

/// Bins without a hole: what is missing is taken from the day before or after, or held. `None` when too much is
/// missing.
fn filled(values: &[f64], season: usize) -> Option<Vec<f64>> {
    let missing = values.iter().filter(|v| v.is_nan()).count();
    if missing as f64 > MOST_MISSING * values.len() as f64 {
        return None;
    }
    let mut filled = values.to_vec();
    let mut last = filled.iter().copied().find(|v| !v.is_nan())?;
    for index in 0..filled.len() {
        if filled[index].is_nan() {
            let before = index.checked_sub(season).map(|i| filled[i]);
            let after = values.get(index + season).copied();
            filled[index] = before
                .into_iter()
                .chain(after)
                .find(|v| !v.is_nan())
                .unwrap_or(last);
        }
        last = filled[index];
    }
    Some(filled)
}
