//! Bins of about five minutes on the epoch's grid: what models of smoothing look at instead of single steps.

use crate::analyze::view::View;

/// The whole bins of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bins {
    /// Steps per bin.
    pub(super) width: usize,
    /// Bins per day.
    pub(super) season: usize,
    /// Step at which the first whole bin begins.
    first: usize,
    /// Number of the first whole bin since the epoch.
    number: i64,
}

impl Bins {
    /// `None` when a day has too few or too many of them.
    pub(super) fn new(view: &View<'_>) -> Option<Self> {
        let width = view.five;
        let season = view.day() / width;
        if !(4..=1440).contains(&season) {
            return None;
        }
        let steps = (view.calendar.start_secs() as f64 / view.step_secs).round() as i64;
        let number = -(-steps).div_euclid(signed(width));
        Some(Self {
            width,
            season,
            first: usize::try_from(number * signed(width) - steps).ok()?,
            number,
        })
    }

    /// The place of the first whole bin of the fine part.
    pub(super) fn first_fine(&self, view: &View<'_>) -> usize {
        let before = view.fine_from.saturating_sub(self.first);
        before.div_ceil(self.width)
    }

    /// How many whole bins end before step `until`.
    pub(super) fn before(&self, view: &View<'_>, until: usize) -> usize {
        until.min(view.len()).saturating_sub(self.first) / self.width
    }

    /// Means of the whole bins from the place `from` on that end before step `until`; `NaN` where nothing is known.
    pub(super) fn values(&self, view: &View<'_>, from: usize, until: usize) -> Vec<f64> {
        (from..self.before(view, until))
            .map(|bin| self.first + (bin + 1) * self.width)
            .map(|end| view.past_mean(end - 1, self.width).unwrap_or(f64::NAN))
            .collect()
    }

    /// Those after what was learned, up to the one that ends at `origin`: what the user has marked counts only while it
    /// goes on.
    pub(super) fn newer(&self, view: &View<'_>, from: usize, origin: usize) -> Vec<f64> {
        let mut values = self.values(view, from, origin + 1);
        let since = view.marked_since(origin);
        let ends = (from..).map(|bin| self.first + (bin + 1) * self.width - 1);
        for (value, end) in values.iter_mut().zip(ends).filter(|(_, end)| *end >= since) {
            *value = view.mean(end, self.width).unwrap_or(f64::NAN);
        }
        values
    }

    /// The number since the epoch of the bin at `place`.
    pub(super) fn number_of(&self, place: usize) -> i64 {
        self.number + signed(place)
    }

    /// The place of the bin with this number since the epoch; 0 when it lies before the history.
    pub(super) fn place_of(&self, number: i64) -> usize {
        usize::try_from(number - self.number).unwrap_or(0)
    }

    /// Which bin of the day the one at `place` is, in elapsed time since the epoch.
    pub(super) fn phase(&self, place: usize) -> usize {
        self.phase_in(place, self.season)
    }

    /// Which bin of a season of `season` bins the one at `place` is.
    pub(super) fn phase_in(&self, place: usize, season: usize) -> usize {
        self.number_of(place).rem_euclid(signed(season.max(1))) as usize
    }

    /// The value at step `at`, linear between the middles of bins, where `ahead` gives the value so many bins after the
    /// `done` ones that are known.
    pub(super) fn between(&self, done: usize, at: usize, ahead: impl Fn(usize) -> f64) -> f64 {
        // Bins after the last whole one, counted from middle to middle.
        let middle = self.first as f64 + self.width as f64 * (done as f64 - 0.5) - 0.5;
        let bins = (at as f64 - middle) / self.width as f64;
        let below = bins.max(0.0).floor() as usize;
        let share = (bins - below as f64).clamp(0.0, 1.0);
        ahead(below) + share * (ahead(below + 1) - ahead(below))
    }
}

/// A count of steps or bins as a signed number; none comes near the type's bound.
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
