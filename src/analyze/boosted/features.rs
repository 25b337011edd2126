//! What the trees look at: the way that the load came, the time, and what happened then on the days before. Loads are
//! differences to the newest one in the logarithmic space of the models, so that what was learned at one level holds at others.

use crate::analyze::calendar::{second_of_day, weekday};
use crate::analyze::models::Space;
use crate::analyze::view::View;

/// How far back single values are looked at, in units.
const LAGS: [usize; 15] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 120];
/// Units over which mean, highest and deviation are taken, rising.
const WINDOWS: [usize; 4] = [5, 15, 30, 60];
/// Days back; before them one hour.
const DAYS: [i64; 4] = [1, 2, 3, 7];
/// What was usual then may come so many minutes earlier or later.
const JITTER_MINUTES: f64 = 3.0;

/// Features of an origin, the same for every lead time: lags, windows, the level, three of the clock.
const SHARED: usize = LAGS.len() + 3 * WINDOWS.len() + 1 + 3;
/// All of them: three more for the hour and for each of the days.
pub(super) const COUNT: usize = SHARED + 3 * (1 + DAYS.len());

/// What is seen from one origin.
pub(super) struct Seen<'a> {
    view: &'a View<'a>,
    space: Space,
    origin: usize,
    /// The newest value, in the space.
    pub(super) last: f64,
    shared: [f32; SHARED],
    /// Steps back to an hour ago, and to the same time on each of [`DAYS`].
    before: [usize; 1 + DAYS.len()],
}

impl<'a> Seen<'a> {
    /// From `origin`; `None` where its value is missing.
    pub(super) fn new(view: &'a View<'a>, space: Space, origin: usize) -> Option<Self> {
        let values = view.recent(origin);
        let value = values.get(origin).filter(|value| !value.is_nan())?;
        let last = space.of(*value);
        // A minute where the steps are shorter.
        let unit = view.steps(1.0);
        let mut shared = [f32::NAN; SHARED];
        let mut next = shared.iter_mut();
        let mut put = |value: f64| {
            if let Some(cell) = next.next() {
                *cell = value as f32;
            }
        };
        for lag in LAGS {
            let then = origin.checked_sub(lag * unit).map(|then| values[then]);
            put(then.map_or(f64::NAN, |value| space.of(value) - last));
        }
        let (mut sum, mut squares, mut highest, mut count) = (0.0, 0.0, f64::NEG_INFINITY, 0.0);
        let mut back = 0;
        for window in WINDOWS {
            while back < window * unit && back <= origin {
                let away = space.of(values[origin - back]) - last;
                if !away.is_nan() {
                    sum += away;
                    squares += away * away;
                    highest = f64::max(highest, away);
                    count += 1.0;
                }
                back += 1;
            }
            let mean: f64 = sum / count;
            let variance = squares / count - mean * mean;
            put(mean);
            put(highest);
            put(variance.max(0.0).sqrt());
        }
        put(last);
        let local = view.calendar.local(origin);
        put(second_of_day(local) as f64);
        put(weekday(local) as f64);
        put(local.rem_euclid(3600) as f64);
        let days = DAYS.map(|days| view.calendar.steps_back(origin, days));
        let mut before = [view.steps(60.0); 1 + DAYS.len()];
        before[1..].copy_from_slice(&days);
        Some(Self {
            view,
            space,
            origin,
            last,
            shared,
            before,
        })
    }

    /// Features for the highest value of the next `ahead` steps.
    pub(super) fn row(&self, ahead: usize) -> [f32; COUNT] {
        let mut row = [f32::NAN; COUNT];
        let (shared, own) = row.split_at_mut(SHARED);
        shared.copy_from_slice(&self.shared);
        for (cells, back) in own.chunks_exact_mut(3).zip(self.before) {
            cells.copy_from_slice(&self.then(back, ahead).map(|value| value as f32));
        }
        row
    }

    /// So many steps ago: how far the load then rose, how far that is above the newest value, and how far it rose give or
    /// take some minutes.
    fn then(&self, back: usize, ahead: usize) -> [f64; 3] {
        let nothing = [f64::NAN; 3];
        let Some(then) = self.origin.checked_sub(back) else {
            return nothing;
        };
        let past = self.view.past();
        let before = self.space.of(past[then]);
        let jitter = self.view.steps(JITTER_MINUTES);
        // Never so far that the window then reaches beyond the origin.
        let until = |ahead: usize| (then + ahead).min(self.origin);
        let highest = |from: usize, until: usize| {
            let values = past[from..=until].iter().filter(|value| !value.is_nan());
            let highest = values.fold(f64::NAN, |highest, value| highest.max(*value));
            self.space.of(highest)
        };
        let exact = highest((then + 1).min(self.origin), until(ahead));
        let about = highest((then + 1).saturating_sub(jitter), until(ahead + jitter));
        [exact - before, exact - self.last, about - before]
    }
}
