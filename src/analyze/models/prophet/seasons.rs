//! Seasons as Fourier series of local time, and which of them a history can tell.

use std::f64::consts::TAU;

use super::Settings;

const DAY: i64 = 86_400;

/// A season: sines and cosines of a period, up to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Season {
    /// Length in seconds.
    pub period: i64,
    /// Sines and cosines have the period, a half of it, a third of it … down to one part in `order`.
    pub order: usize,
}

/// How many sines and cosines a season has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// So many when the history is long and fine enough to tell the season, otherwise none.
    Auto(usize),
    /// So many in any case; 0 leaves the season out.
    Fixed(usize),
}

impl Season {
    /// The year, the week and the day.
    pub const YEAR: i64 = 31_557_600;
    /// The week.
    pub const WEEK: i64 = 7 * DAY;
    /// The day.
    pub const DAY: i64 = DAY;

    /// How many columns it has.
    pub fn columns(self) -> usize {
        2 * self.order
    }

    /// Sine and cosine of each order at `local` seconds, in this order: as upstream's Fourier series.
    pub(super) fn fill(self, local: i64, row: &mut [f64]) {
        let phase = local.rem_euclid(self.period) as f64 / self.period as f64;
        let (sin, cos) = (TAU * phase).sin_cos();
        // The higher orders are powers of the first one on the unit circle.
        let (mut s, mut c) = (sin, cos);
        for pair in row.chunks_exact_mut(2).take(self.order) {
            pair[0] = s;
            pair[1] = c;
            (s, c) = (s * cos + c * sin, c * cos - s * sin);
        }
    }
}

impl Order {
    fn resolve(self, telling: bool) -> usize {
        match self {
            Self::Auto(order) if telling => order,
            Self::Auto(_) => 0,
            Self::Fixed(order) => order,
        }
    }
}

/// The seasons of a history of `span` seconds whose closest samples are `step` seconds apart: the year from two years
/// on, the week from two weeks, the day from two days, each if the step is shorter than the season's own unit.
pub fn choose(settings: &Settings, span: i64, step: i64) -> Vec<Season> {
    let year = settings.yearly.resolve(span >= 730 * DAY);
    let week = settings
        .weekly
        .resolve(span >= 2 * Season::WEEK && step < Season::WEEK);
    let day = settings.daily.resolve(span >= 2 * DAY && step < DAY);
    [
        (Season::YEAR, year),
        (Season::WEEK, week),
        (Season::DAY, day),
    ]
    .into_iter()
    .filter(|(_, order)| *order > 0)
    .map(|(period, order)| Season { period, order })
    .collect()
}
