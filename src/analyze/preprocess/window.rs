//! Windows of time that the user has marked: a load test, a migration, a day that was like no other.

use super::super::calendar::{self, DAY};
use crate::domain::{Excluded, Series, Timestamp};

/// A window that nothing is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Window {
    /// A time that a trigger excludes, in its time zone; an unknown one counts as UTC. Where the clock shows a moment
    /// twice, both count: it is better to learn from an hour too little.
    pub fn of(excluded: &Excluded, timezone: &str) -> Self {
        let (from, later) = calendar::moments(excluded.from, timezone);
        let until = if excluded.length.as_secs().is_multiple_of(DAY.unsigned_abs()) {
            let length = excluded.length.as_secs().cast_signed();
            calendar::moments(excluded.from.saturating_add(length), timezone).1
        } else {
            later + excluded.length
        };
        Self { from, until }
    }
}

/// The steps of `series` that overlap the windows: rising ranges that don't overlap, from and until.
pub(super) fn ranges(windows: &[Window], series: &Series) -> Vec<(usize, usize)> {
    let step = series.step().as_millis().max(1);
    let place = |at: Timestamp, round: u128| {
        let steps = (at.since(series.start()).as_millis() + round) / step;
        usize::try_from(steps)
            .unwrap_or(usize::MAX)
            .min(series.len())
    };
    let mut ranges: Vec<(usize, usize)> = windows
        .iter()
        .map(|window| (place(window.from, 0), place(window.until, step - 1)))
        .collect();
    ranges.sort_unstable();
    let mut after = 0;
    for (from, until) in &mut ranges {
        *from = (*from).max(after);
        *until = (*until).max(*from);
        after = *until;
    }
    ranges.retain(|(from, until)| from < until);
    ranges
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn window(from: i64, until: i64) -> Window {
        Window {
            from: Timestamp::from_secs(from),
            until: Timestamp::from_secs(until),
        }
    }

    #[test]
    fn windows_cover_every_step_they_touch_and_no_step_twice() {
        let series = Series::new(
            Timestamp::from_secs(600),
            Duration::from_mins(1),
            vec![1.0; 10],
        );
        let touched = |windows: &[Window]| ranges(windows, &series);
        assert_eq!(touched(&[window(0, 600)]), [], "before");
        assert_eq!(touched(&[window(1200, 9000)]), [], "after");
        assert_eq!(touched(&[window(659, 661)]), [(0, 2)]);
        assert_eq!(
            touched(&[window(780, 900), window(0, 660), window(840, 1000)]),
            [(0, 1), (3, 5), (5, 7)]
        );
        assert_eq!(touched(&[window(700, 650)]), [], "the wrong way round");
    }

    /// What `exclude:TEXT` means in Berlin, as moments in UTC.
    fn berlin(text: &str) -> [String; 2] {
        let events = crate::domain::Events::parse(&format!("exclude:{text}")).unwrap();
        let window = Window::of(&events.excluded()[0], "Europe/Berlin");
        [window.from, window.until].map(Timestamp::to_rfc3339)
    }

    #[test]
    fn hours_last_as_long_as_they_say_and_days_end_when_the_clock_says_so() {
        let cases = [
            // Summer and winter: two hours and one before UTC.
            (
                "2024-07-01T12:00/1h",
                "2024-07-01T10:00",
                "2024-07-01T11:00",
            ),
            (
                "2024-01-01T12:00/1h",
                "2024-01-01T11:00",
                "2024-01-01T12:00",
            ),
            // The night on which the clock goes from 02:00 to 03:00: two hours end at 04:30 on the clock.
            (
                "2024-03-31T01:30/2h",
                "2024-03-31T00:30",
                "2024-03-31T02:30",
            ),
            ("2024-03-31/1d", "2024-03-30T23:00", "2024-03-31T22:00"),
            // 02:30 is skipped and counts as if it were not.
            (
                "2024-03-31T02:30/1h",
                "2024-03-31T01:30",
                "2024-03-31T02:30",
            ),
            // The night on which it goes from 03:00 back to 02:00.
            (
                "2024-10-27T01:30/2h",
                "2024-10-26T23:30",
                "2024-10-27T01:30",
            ),
            ("2024-10-27/1d", "2024-10-26T22:00", "2024-10-27T23:00"),
            // 02:30 is shown twice, and nobody knows which one is meant.
            (
                "2024-10-27T02:30/1h",
                "2024-10-27T00:30",
                "2024-10-27T02:30",
            ),
        ];
        for (text, from, until) in cases {
            let expected = [from, until].map(|at| format!("{at}:00Z"));
            assert_eq!(berlin(text), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_time_zone_counts_as_utc() {
        let excluded = Excluded {
            from: 0,
            length: Duration::from_mins(1),
        };
        assert_eq!(Window::of(&excluded, "Nowhere"), window(0, 60));
    }
}
