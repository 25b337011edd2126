//! What the linear model looks at. Every feature is a difference to the newest value, or a change, in the model's
//! space, so that it is 0 when nothing is known and the model then says what the naive one says.

use std::f64::consts::TAU;

use super::super::Look;
use super::super::space::Space;
use crate::analyze::calendar::{DAY, is_weekend, second_of_day};

/// Minutes back.
const LAGS: [f64; 13] = [
    1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0,
];

/// Minutes over which means are taken.
const MEANS: [f64; 5] = [5.0, 15.0, 30.0, 60.0, 120.0];

/// Days back, and the minutes over which the past is smoothed, for the change seen over the same interval then.
const CHANGES: [(i64, f64); 6] = [
    (1, 1.0),
    (1, 15.0),
    (1, 60.0),
    (2, 30.0),
    (7, 5.0),
    (7, 30.0),
];

/// Days back for the gap between the level then and now.
const GAPS: [i64; 3] = [1, 2, 7];

/// Number of features: the above, two of the profile, four of the clock, the weekend and a constant.
pub(super) const COUNT: usize = LAGS.len() + MEANS.len() + CHANGES.len() + GAPS.len() + 2 + 4 + 2;

/// Those of them that are the same for every step ahead.
const SHARED: usize = LAGS.len() + MEANS.len() + GAPS.len();

/// The features that are the same for every step ahead.
pub(super) struct Recent {
    origin: usize,
    /// The newest value, in the space.
    pub(super) last: f64,
    /// Size of the features that are no differences.
    unit: f64,
    shared: [f64; SHARED],
    /// For each of [`CHANGES`] the smoothed level then, in the space.
    then: [Option<f64>; CHANGES.len()],
    /// The typical value, in the space.
    typical: Option<f64>,
}

impl Recent {
    /// Seen from `origin`; `None` when its value is missing.
    pub(super) fn new(look: &Look<'_>, space: Space, origin: usize) -> Option<Self> {
        let view = look.view;
        let value = *view.seen.get(origin)?;
        if value.is_nan() {
            return None;
        }
        let last = space.of(value);
        let lags = LAGS.iter().map(|minutes| {
            let there = origin
                .checked_sub(view.steps(*minutes))
                .map(|i| view.recent(origin)[i]);
            known(there.map(|v| space.of(v) - last))
        });
        let means = MEANS.iter().map(|minutes| {
            let mean = view.mean(origin, view.steps(*minutes));
            known(mean.map(|v| space.of(v) - last))
        });
        let gaps = GAPS.iter().map(|days| {
            let back = view.calendar.steps_back(origin, *days);
            let then = origin
                .checked_sub(back)
                .and_then(|i| view.past_mean(i, view.steps(15.0)));
            known(then.map(|v| space.of(v) - last))
        });
        Some(Self {
            origin,
            last,
            unit: match space {
                Space::Plain => 0.1 * view.magnitude,
                Space::Log { .. } => 0.1,
            },
            shared: collected(lags.chain(means).chain(gaps)),
            then: CHANGES.map(|change| smoothed(look, space, origin, origin, change)),
            typical: typical(look, space, origin),
        })
    }

    /// All features for `ahead` steps.
    pub(super) fn row(&self, look: &Look<'_>, space: Space, ahead: usize) -> [f64; COUNT] {
        let view = look.view;
        let (now, then) = (self.origin, self.origin + ahead);
        let changes = CHANGES.iter().zip(self.then).map(|(change, before)| {
            let after = smoothed(look, space, now, then, *change);
            known(after.zip(before).map(|(a, b)| a - b))
        });
        let typical = typical(look, space, then);
        let profile = [
            known(typical.zip(self.typical).map(|(a, b)| a - b)),
            known(self.typical.map(|value| value - self.last)),
        ];
        let local = view.calendar.local(then);
        let angle = TAU * second_of_day(local) as f64 / DAY as f64;
        let (sin, cos) = angle.sin_cos();
        let clock = [
            sin,
            cos,
            2.0 * sin * cos,
            cos * cos - sin * sin,
            f64::from(u8::from(is_weekend(local))),
            1.0,
        ]
        .map(|value| value * self.unit);
        collected(
            self.shared
                .into_iter()
                .chain(changes)
                .chain(profile)
                .chain(clock),
        )
    }
}

/// The smoothed level `days` before step `index`, in the space, if it was known at `origin`: it is not for a horizon
/// of days.
fn smoothed(
    look: &Look<'_>,
    space: Space,
    origin: usize,
    index: usize,
    (days, minutes): (i64, f64),
) -> Option<f64> {
    let view = look.view;
    let width = view.steps(minutes);
    let end = (index + width / 2).checked_sub(view.calendar.steps_back(index, days))?;
    (end <= origin).then(|| view.past_mean(end, width).map(|v| space.of(v)))?
}

/// The typical value at a step, in the space.
fn typical(look: &Look<'_>, space: Space, index: usize) -> Option<f64> {
    let local = look.view.calendar.local(index);
    look.profile?
        .at(local, look.view.step_secs)
        .map(|v| space.of(v))
}

fn collected<const N: usize>(values: impl Iterator<Item = f64>) -> [f64; N] {
    let mut all = [0.0; N];
    for (cell, value) in all.iter_mut().zip(values) {
        *cell = value;
    }
    all
}

/// The value, or 0 when there is none.
fn known(value: Option<f64>) -> f64 {
    value.filter(|v| v.is_finite()).unwrap_or(0.0)
}
