//! Windows of time that the user has marked: a load test, a migration, a day that was like no other.

use super::super::calendar;
use crate::domain::{Series, Timestamp};

/// A window that nothing is learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Window {
    /// From moments in seconds of local time since the epoch of local time, as events are noted down; an unknown time
    /// zone counts as UTC.
    pub fn of_local(from: i64, until: i64, timezone: &str) -> Self {
        Self {
            from: calendar::moment(from, timezone),
            until: calendar::moment(until, timezone),
        }
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

    #[test]
    fn local_moments_are_those_of_the_time_zone() {
        // 2024-07-01 and 2024-01-01, 12:00 in Berlin: two hours and one before UTC.
        let noon = Window::of_local(1_719_835_200, 1_719_838_800, "Europe/Berlin");
        assert_eq!(noon, window(1_719_828_000, 1_719_831_600));
        let winter = Window::of_local(1_704_110_400, 1_704_110_460, "Europe/Berlin");
        assert_eq!(winter, window(1_704_106_800, 1_704_106_860));
        assert_eq!(Window::of_local(0, 60, "Nowhere"), window(0, 60));
    }
}
