//! How far the load has moved at this time of day on the days before: where a shop opens, a batch begins or clients call on
//! the hour, a forecast errs more than at other times, and by how much is seen days in advance. As a unit of bands it widens
//! them there and leaves them narrow elsewhere.

use crate::analyze::calendar::is_weekend;
use crate::analyze::view::View;

/// Days that are looked back at: as many as a forecast between two fits has at hand.
const DAYS: i64 = 8;

/// People are punctual to a few minutes: so long before and after the lead time the same move counts.
const JITTER_MINUTES: f64 = 5.0;

/// The restlessness of the last hour counts too, so many times: today may be another day than those before.
const RESTLESS: f64 = 2.0;

/// What is usual from one origin to one lead time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moves {
    /// The farthest way up or down, whichever is longer.
    pub(super) either: f32,
    /// The farthest way up.
    pub(super) up: f32,
}

/// Looks from one origin at the days before it.
pub(super) struct Days<'a> {
    view: &'a View<'a>,
    /// The same time of day on days of the same kind, working day or weekend, or on all where there is only one such.
    then: Vec<usize>,
    restless: f64,
}

impl<'a> Days<'a> {
    /// From `origin`; with nothing before it there is only the restlessness of the hour.
    pub(super) fn before(view: &'a View<'a>, origin: usize, restless: f64) -> Self {
        let weekend = |index: usize| is_weekend(view.calendar.local(index));
        let days = (1..=DAYS).filter_map(|day| {
            let back = view.calendar.steps_back(origin, day);
            origin.checked_sub(back.max(1))
        });
        let all: Vec<usize> = days.collect();
        let alike = all.iter().copied();
        let alike: Vec<usize> = alike
            .filter(|then| weekend(*then) == weekend(origin))
            .collect();
        Self {
            view,
            then: if alike.len() < 2 { all } else { alike },
            restless: RESTLESS * restless,
        }
    }

    /// The mean over the days of the farthest ways within `ahead` steps; `None` where no day is known well.
    pub(super) fn moves(&self, ahead: usize) -> Option<Moves> {
        let (mut up, mut down, mut count) = (0.0, 0.0, 0.0);
        for then in &self.then {
            let Some(ways) = self.ways(*then, ahead) else {
                continue;
            };
            up += ways[0];
            down += ways[1];
            count += 1.0;
        }
        (count > 0.0).then(|| {
            let [up, down] = [up, down].map(|sum: f64| sum / count + self.restless);
            Moves {
                either: up.max(down) as f32,
                up: up as f32,
            }
        })
    }

    /// The farthest ways up and down on the day of `then`, the lower before the higher and the other way round.
    fn ways(&self, then: usize, ahead: usize) -> Option<[f64; 2]> {
        let jitter = self.view.steps(JITTER_MINUTES);
        // Never so far that the window of yesterday reaches into today.
        let ahead = ahead.min(self.view.day() / 2);
        let past = self.view.past();
        let window = past.get(then.saturating_sub(jitter)..=then + ahead + jitter)?;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut up, mut down, mut known) = (0.0_f64, 0.0_f64, 0_usize);
        for value in window.iter().filter(|value| !value.is_nan()) {
            low = low.min(*value);
            high = high.max(*value);
            up = up.max(value - low);
            down = down.max(high - value);
            known += 1;
        }
        (2 * known > window.len()).then_some([up, down])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::analyze::prepare;
    use crate::domain::{Series, Timestamp};

    const DAY: usize = 1440;

    /// From a Monday's midnight on; on working days the load rises from 100 to 400 at 9:00, give or take two minutes.
    fn openings(days: usize) -> Vec<f64> {
        let at = |index: usize| {
            let (day, minute) = (index / DAY, index % DAY);
            let opening = 540 + day % 5 - 2;
            let open = day % 7 < 5 && (opening..1200).contains(&minute);
            if open { 400.0 } else { 100.0 }
        };
        (0..days * DAY).map(at).collect()
    }

    fn seen(values: Vec<f64>, origin: usize, ahead: usize) -> Option<[f32; 2]> {
        let start = Timestamp::from_secs(1_780_876_800);
        let history = prepare(&Series::new(start, Duration::from_mins(1), values));
        let view = View::new(&history, 30, "UTC");
        let moves = Days::before(&view, origin, 0.0).moves(ahead)?;
        Some([moves.either, moves.up])
    }

    #[test]
    fn an_opening_is_seen_before_it_and_only_there() {
        let values = openings(12);
        let friday = 11 * DAY;
        let at = |minute: usize, ahead| seen(values.clone(), friday + minute, ahead).unwrap();
        let whole =
            |moves: [f32; 2]| (moves[0] - 300.0).abs() < 1.0 && (moves[1] - 300.0).abs() < 1.0;
        assert!(whole(at(536, 3)) && whole(at(540, 1)), "{:?}", at(536, 3));
        assert!(at(500, 5)[0] < 1.0 && at(600, 5)[0] < 1.0);
        // Closing is a way down: it widens the path and not the peak.
        let closing = at(1198, 5);
        assert!(closing[0] > 299.0 && closing[1] < 1.0, "{closing:?}");
    }

    #[test]
    fn weekends_are_compared_with_weekends() {
        let values = openings(14);
        let sunday = 13 * DAY + 538;
        assert!(seen(values, sunday, 5).unwrap()[0] < 1.0);
    }

    #[test]
    fn without_days_before_nothing_is_known_and_gaps_are_no_moves() {
        assert_eq!(seen(openings(1), 600, 5), None);
        let mut values = openings(3);
        for value in &mut values[DAY + 500..DAY + 600] {
            *value = f64::NAN;
        }
        let only_monday = seen(values, 2 * DAY + 538, 5).unwrap();
        assert!(only_monday[0] > 299.0, "{only_monday:?}");
    }
}
